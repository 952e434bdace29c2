"""What the models look at: hashed n-grams of words and characters, words of the lexicon, a text's shape.

All texts of a batch are one array of characters; the hashes of all n-grams are computed at once. That is
what makes thousands of comments a second possible in Python.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kuemmerer.language import lexicon
from kuemmerer.language.normal import LONGEST, MENTION, URL, folded, visible
from kuemmerer.language.tokens import UP, Tokens, char_hash, tokens

BITS = 18
BUCKETS = 1 << BITS
BATCH = 256
"""Texts that are looked at together."""
_LONGEST_FOLDED = 2 * LONGEST
"""Letters may become two when they are folded, and an ellipsis four signs."""

CHARS, WORDS, SHAPE, LEXICON, PARENT = range(5)
"""Groups of features. Each is brought to its own length, so that a long text does not shout."""
WEIGHTS = np.array([1.0, 1.0, 0.5, 0.8, 0.4])

LONGEST_GRAM = 6
NEGATED = 3
"""So many words after a negation are negated, unless a sign ends its scope."""

_MIX = np.uint64(0xD6E8FEB86659FD93)
_NEGATIONS = """
    nicht nich net nit ned nix nichts kein keine keinen keinem keiner keines nie niemals nimmer ohne kaum
    weder no not never nothing nobody none without hardly cannot cant dont doesnt didnt wont isnt wasnt
    arent werent couldnt wouldnt shouldnt havent hasnt hadnt aint
""".split()
_NEGATION_HASHES = np.sort(np.array([char_hash(word) for word in _NEGATIONS], np.uint64))
_ENDS_SCOPE = np.array([ord(sign) for sign in '.,;:!?()"-'], np.uint32)

_CAPS = re.compile(r"\b[A-ZÄÖÜ]{3,}\b")
_EMOJI = re.compile("[\u2600-\u27bf\U0001f300-\U0001faff]")
_LONG_LETTERS = re.compile(r"([a-zäöü])\1{2,}", re.IGNORECASE)

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Features:
    """The features of some texts, one after the other: for each its text, bucket and group, and where in the
    folded text it begins and ends (0, 0 for what has no place).
    """

    count: int
    doc: Ints
    bucket: Ints
    group: Ints
    start: Ints
    end: Ints

    def of(self, docs: Ints) -> Features:
        """Those of some of the texts, which get new numbers."""
        number = np.full(self.count, -1)
        number[docs] = np.arange(len(docs))
        kept = np.flatnonzero(number[self.doc] >= 0)
        return Features(
            count=len(docs),
            doc=number[self.doc[kept]],
            bucket=self.bucket[kept],
            group=self.group[kept],
            start=self.start[kept],
            end=self.end[kept],
        )

    def matrix(self, idf: Floats) -> tuple[Ints, Ints, Floats]:
        """Text, bucket and value of each feature, sorted by text; what stands twice in a text is there twice.

        Within a group of a text the squares of the values add up to the square of the group's weight. `idf`
        has a weight for each bucket.
        """
        value = idf[self.bucket]
        unit = self.doc * len(WEIGHTS) + self.group
        squares = np.bincount(unit, value * value, minlength=self.count * len(WEIGHTS))
        scale = np.tile(WEIGHTS, self.count) / np.sqrt(np.maximum(squares, 1e-6))
        return self.doc, self.bucket, (value * scale[unit]).astype(np.float32)


class _Parts:
    """Collects features of one kind after the other."""

    def __init__(self, texts: Tokens) -> None:
        self._texts = texts
        self._columns: list[tuple[Ints, Ints, Ints, Ints, Ints]] = []

    def add(
        self, salt: int, group: int, doc: Ints, hashes: NDArray[np.uint64], span: tuple[Ints, Ints]
    ) -> None:
        """`span` is where each stands among all characters."""
        begin = self._texts.begins[doc] + 1
        self._append(salt, group, doc, hashes, (span[0] - begin, span[1] - begin))

    def add_nowhere(self, salt: int, group: int, doc: Ints, hashes: NDArray[np.uint64]) -> None:
        nowhere = np.zeros(len(doc), np.int64)
        self._append(salt, group, doc, hashes, (nowhere, nowhere))

    def _append(
        self, salt: int, group: int, doc: Ints, hashes: NDArray[np.uint64], span: tuple[Ints, Ints]
    ) -> None:
        self._columns.append((doc, _buckets(hashes, salt), np.full(len(doc), group), *span))

    def joined(self, count: int) -> Features:
        doc, bucket, group, start, end = (np.concatenate(each) for each in zip(*self._columns, strict=True))
        order = np.argsort(doc.astype(np.int16), kind="stable")
        return Features(
            count=count,
            doc=doc[order],
            bucket=bucket[order],
            group=group[order],
            start=start[order],
            end=end[order],
        )


def _buckets(hashes: NDArray[np.uint64], salt: int) -> Ints:
    salted = hashes ^ np.uint64((salt * 0x51ED2701A5B3C9D7 + 0x1234567) & (2**64 - 1))
    salted = salted * _MIX
    salted ^= salted >> np.uint64(32)
    salted = salted * UP[1]
    found: Ints = (salted >> np.uint64(64 - BITS)).astype(np.int64)
    return found


def extract(texts: Sequence[str], parents: Sequence[str | None] | None = None) -> Features:
    """The features of up to `BATCH` texts. `parents` are what each one answers."""
    seen = [visible(text) for text in texts]
    plain = [folded(text)[:_LONGEST_FOLDED] for text in seen]
    found = tokens(plain)
    parts = _Parts(found)
    _char_grams(found, parts)
    negated = _negated(found)
    _word_grams(found, negated, parts)
    _moods(found, negated, parts, len(texts))
    _shapes(seen, plain, parts)
    if parents is not None and any(parents):
        answered = tokens([folded(visible(text or ""))[:_LONGEST_FOLDED] for text in parents])
        parts.add_nowhere(31, PARENT, answered.doc, answered.hashes)
    return parts.joined(len(texts))


def _char_grams(found: Tokens, parts: _Parts) -> None:
    """Of two to six characters, with a space only at their ends."""
    codes, docs, kinds = found.codes, found.docs, found.kinds
    spaces = np.concatenate([[0], np.cumsum(kinds == 0)])
    values = codes.astype(np.uint64) + np.uint64(1)
    hashes = values
    for length in range(2, LONGEST_GRAM + 1):
        count = len(codes) - length + 1
        if count <= 0:
            return
        hashes = hashes[:count] * UP[1] + values[length - 1 :]
        inside = spaces[length - 1 : count + length - 1] == spaces[1 : count + 1]
        blank = (kinds[:count] == 0) & (kinds[length - 1 :] == 0) if length == 2 else np.False_
        at = np.flatnonzero(inside & (docs[:count] == docs[length - 1 :]) & ~blank)
        parts.add(length, CHARS, docs[at], hashes[at], (at, at + length))


def _negated(found: Tokens) -> Ints:
    """Which words stand in the scope of a negation."""
    place = np.searchsorted(_NEGATION_HASHES, found.hashes)
    place[place == len(_NEGATION_HASHES)] = 0
    at = np.flatnonzero(_NEGATION_HASHES[place] == found.hashes)
    ends = np.isin(found.codes[found.start], _ENDS_SCOPE)
    scopes = []
    for step in range(1, NEGATED + 1):
        at = at[at + step < len(found.doc)]
        at = at[(found.doc[at + step] == found.doc[at]) & ~ends[at + step]]
        scopes.append(at + step)
    return np.unique(np.concatenate(scopes))


def _word_grams(found: Tokens, negated: Ints, parts: _Parts) -> None:
    """One to three words, the first and last of a text, and negated words."""
    doc, start, end, hashes = found.doc, found.start, found.end, found.hashes
    if not len(doc):
        return
    parts.add(11, WORDS, doc, hashes, (start, end))
    joined = hashes
    for length in (2, 3):
        count = len(doc) - length + 1
        if count <= 0:
            break
        joined = joined[:count] * UP[1] + hashes[length - 1 :]
        at = np.flatnonzero(doc[:count] == doc[length - 1 :])
        parts.add(10 + length, WORDS, doc[at], joined[at], (start[at], end[at + length - 1]))
    first = np.flatnonzero(np.concatenate([[True], doc[1:] != doc[:-1]]))
    last = np.concatenate([first[1:] - 1, [len(doc) - 1]])
    for salt, at in ((14, first), (15, last), (16, negated)):
        parts.add(salt, WORDS, doc[at], hashes[at], (start[at], end[at]))


def _moods(found: Tokens, negated: Ints, parts: _Parts, count: int) -> None:
    """What the lexicon knows: each word by its kind, and how much of each kind a text has."""
    first, last, kind = lexicon.shipped().find(found)
    turned = np.isin(first, negated)
    doc = found.doc[first]
    place = found.start[first], found.end[last]
    parts.add(41, LEXICON, doc, (kind * 2 + turned).astype(np.uint64), place)
    strength = np.array([*lexicon.MOODS, *([0] * (len(lexicon.KINDS) - len(lexicon.MOODS)))])[kind]
    strength = np.where(turned, -strength, strength)
    good = np.bincount(doc, np.maximum(strength, 0), minlength=count)
    bad = np.bincount(doc, np.maximum(-strength, 0), minlength=count)
    steps = np.array([0.5, 1.5, 2.5, 4.5, 7.5])
    everyone = np.arange(count)
    sums = np.digitize(good, steps), np.digitize(bad, steps), np.clip(good - bad, -6, 6) + 6
    for salt, step in enumerate((*sums, sums[0] * 8 + sums[1]), start=42):
        parts.add_nowhere(salt, LEXICON, everyone, step.astype(np.uint64))
    final = np.flatnonzero(np.concatenate([doc[1:] != doc[:-1], [True]])) if len(doc) else doc
    parts.add_nowhere(46, LEXICON, doc[final], np.sign(strength[final]).astype(np.int64).view(np.uint64))


def _shapes(seen: Sequence[str], plain: Sequence[str], parts: _Parts) -> None:
    """Length, capitals, signs, emoji, addresses and handles, in a few steps each."""
    values = [_shape(text, low) for text, low in zip(seen, plain, strict=True)]
    kinds = len(values[0]) if values else 0
    doc = np.repeat(np.arange(len(values)), kinds)
    steps = np.array(values, np.int64).reshape(-1) + np.tile(np.arange(kinds) * 100, len(values))
    parts.add_nowhere(21, SHAPE, doc, steps.astype(np.uint64))


def _shape(text: str, low: str) -> tuple[int, ...]:
    capitals = 0 if text.islower() else len(_CAPS.findall(text))
    return (
        _step(low.count(" ") + 1),
        min(capitals, 4),
        int(text.isupper() and len(text) > 4),
        min(text.count("!"), 3),
        min(text.count("?"), 3),
        0 if text.isascii() else min(len(_EMOJI.findall(text)), 3),
        int(_LONG_LETTERS.search(text) is not None),
        min(low.count(URL), 3),
        min(low.count(MENTION), 3),
        _step(low.count("0")),
        int(low.endswith("?")),
        min(low.count("#"), 3),
        min(text.count("\n"), 3),
        int(not low.strip()),
    )


def _step(count: int) -> int:
    return count if count < 5 else 4 + min(6, count.bit_length())
