"""From a text to what the index knows of it: plain words, and the forms under which each is found.

The same in Python for both databases, when indexing and when asking, so both find the same.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock

import regex
import Stemmer

SHORTEST_PREFIX = 4
"""From so many letters on a form also finds what begins with it: “liefer” the “Lieferzeit”, but “an” no
“Angst”.

The index of SQLite holds such beginnings as words of their own; see migration 0003.
"""
SHORTEST_TYPED = 3
"""The same for what is typed with a star."""
LONGEST = 64
"""Letters of one word that count. What is longer is an address or a blob."""
MOST = 5_000
"""Words of one text that are indexed, about ten pages."""

# Chinese, Japanese and Korean are written without spaces: each sign is a word, as is each emoji.
_SIGN = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}\p{Extended_Pictographic}--[0-9#*]"
_WORD = regex.compile(rf"(?V1)[{_SIGN}]|[\p{{L}}\p{{M}}\p{{N}}--[{_SIGN}]]+")
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue"})
_MARKS = re.compile(r"[\u0300-\u036f]")
_stemmers = (Stemmer.Stemmer("german"), Stemmer.Stemmer("english"))
_one_at_a_time = Lock()
"""A stemmer keeps the word it works on in itself."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a text: where it stands, and its plain form."""

    start: int
    end: int
    plain: str


def words(text: str) -> Iterator[Word]:
    """The words of `text` in their order."""
    for found in _WORD.finditer(text):
        plain = fold(found.group())
        if plain:
            yield Word(found.start(), found.end(), plain)


@lru_cache(maxsize=100_000)
def fold(word: str) -> str:
    """The plain form: small letters, ä as ae, ß as ss, no accents. “Straße”, “STRASSE” → “strasse”."""
    return _without_marks(_small(word).translate(_UMLAUTS))[:LONGEST]


@lru_cache(maxsize=100_000)
def forms(word: str) -> tuple[str, ...]:
    """All under which the index finds `word`: its plain form, its German and its English stem."""
    small = _small(word)[:LONGEST]
    return tuple(dict.fromkeys([fold(word), *stems(small)]))


@lru_cache(maxsize=20_000)
def stems(word: str) -> tuple[str, ...]:
    """The German and the English stem of a word in small letters, without accents."""
    with _one_at_a_time:
        found = [stemmer.stemWord(word) for stemmer in _stemmers]
    return tuple(dict.fromkeys(_without_marks(stem.translate(_UMLAUTS)) for stem in found))


def _small(word: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", word).casefold())


def _without_marks(word: str) -> str:
    if word.isascii():
        return word
    return unicodedata.normalize("NFC", _MARKS.sub("", unicodedata.normalize("NFD", word)))


@dataclass(frozen=True, slots=True)
class Indexed:
    """What the index keeps of a text. `words`: the plain ones with spaces around each, for exact phrases.
    `forms`: each form once.
    """

    words: str
    forms: tuple[str, ...]


SEAM = "|"
"""Stands between two texts, so that no phrase goes from one into the other."""


def indexed(*texts: str) -> Indexed:
    """The index entry of some texts that belong together, the most important first."""
    plain: list[str] = []
    found: dict[str, None] = {}
    for text in texts:
        for place, match in enumerate(_WORD.finditer(text)):
            if place == MOST:
                break
            word = match.group()
            if form := fold(word):
                plain.append(form)
                found.update(dict.fromkeys(forms(word)))
        plain.append(SEAM)
    return Indexed(words=f" {' '.join(plain)} ", forms=tuple(filter(None, found)))
