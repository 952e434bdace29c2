"""Words whose mood, offence or urgency is known, found in thousands of texts at once.

Entries are single words, `stem*`, `*ending`, or up to four words; they are folded as texts are, so "ae" finds
"ä". The lists lie beside the code, one entry a line with its value.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kuemmerer.language.normal import folded, visible
from kuemmerer.language.tokens import DOWN, UP, Tokens, char_hash, tokens

FOLDER = Path(__file__).with_name("lexicon")
MOODS = (-3, -2, -1, 1, 2, 3)
KINDS = (*map(str, MOODS), "insult", "hate", "safety", "law", "press", "deadline", "again")
"""What an entry can say; a hit is the place in this list."""
FILES = ("de.tsv", "en.tsv", "offence_de.tsv", "urgent.tsv")

_SHORTEST, _LONGEST = 3, 14
_MOST_WORDS = 4

Found = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]
"""First and last token of each hit, and its kind."""


class _Table:
    """Hashes with a kind each."""

    def __init__(self, entries: Iterable[tuple[np.uint64, int]]) -> None:
        known = dict(entries)
        self._hashes = np.array(sorted(known), np.uint64)
        self._kinds = np.array([known[key] for key in sorted(known)], np.int64)

    def look(self, hashes: NDArray[np.uint64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Where the known ones are, and their kinds."""
        if not len(self._hashes):
            return np.zeros(0, np.int64), np.zeros(0, np.int64)
        place = np.searchsorted(self._hashes, hashes)
        place[place == len(self._hashes)] = 0
        at = np.flatnonzero(self._hashes[place] == hashes)
        return at, self._kinds[place[at]]


class Lexicon:
    def __init__(self, entries: Iterable[tuple[str, str]]) -> None:
        whole: list[tuple[str, int]] = []
        stems: dict[int, list[tuple[np.uint64, int]]] = defaultdict(list)
        tails: dict[int, list[tuple[np.uint64, int]]] = defaultdict(list)
        for form, value in entries:
            kind = KINDS.index(value)
            plain = folded(visible(form.strip("*"))).strip()
            if " " in plain or len(plain) < _SHORTEST or not (form.endswith("*") or form.startswith("*")):
                whole.append((plain, kind))
            elif form.endswith("*"):
                stems[min(len(plain), _LONGEST)].append((char_hash(plain[:_LONGEST]), kind))
            else:
                tails[min(len(plain), _LONGEST)].append((char_hash(plain[-_LONGEST:]), kind))
        self._whole = _whole(whole)
        self._stems = {length: _Table(found) for length, found in stems.items()}
        self._tails = {length: _Table(found) for length, found in tails.items()}

    def find(self, texts: Tokens) -> Found:
        """All hits in these texts; of several that begin with the same word the longest: most
        words, then the whole word, then the longest part of it.
        """
        first, last, kinds, letters = [], [], [], []
        for length, table in sorted(self._whole.items()):
            at, kind = table.look(_joined(texts.hashes, length))
            same = texts.doc[at] == texts.doc[at + length - 1]
            first.append(at[same])
            last.append(at[same] + length - 1)
            kinds.append(kind[same])
            letters.append(np.full(len(kinds[-1]), _LONGEST + 1))
        for tables, from_end in ((self._stems, False), (self._tails, True)):
            for length, table in tables.items():
                at, kind = table.look(_parts(texts, length, from_end=from_end))
                first.append(at)
                last.append(at)
                kinds.append(kind)
                letters.append(np.full(len(at), length))
        return _longest(*map(np.concatenate, (first, last, kinds, letters)))


def _whole(entries: Sequence[tuple[str, int]]) -> dict[int, _Table]:
    """Entries of one to four words, by their number of words."""
    texts = tokens([text for text, _ in entries])
    kinds = np.array([kind for _, kind in entries], np.int64)
    first = np.searchsorted(texts.doc, np.arange(len(entries)))
    counts = np.searchsorted(texts.doc, np.arange(len(entries)), side="right") - first
    tables = {}
    for length in range(1, _MOST_WORDS + 1):
        at = np.flatnonzero(counts == length)
        joined = _joined(texts.hashes, length)
        tables[length] = _Table((joined[first[place]], int(kinds[place])) for place in at)
    return tables


def _joined(hashes: NDArray[np.uint64], length: int) -> NDArray[np.uint64]:
    """The hashes of so many words in a row."""
    if len(hashes) < length:
        return np.zeros(0, np.uint64)
    joined = hashes[: len(hashes) - length + 1].copy()
    for step in range(1, length):
        joined = joined * UP[1] + hashes[step : len(hashes) - length + 1 + step]
    return joined


def _parts(texts: Tokens, length: int, *, from_end: bool) -> NDArray[np.uint64]:
    """The hashes of the first or last characters of each word; of shorter words a hash that nothing has."""
    long_enough = texts.end - texts.start >= length
    start = np.where(long_enough, texts.end - length if from_end else texts.start, 0)
    end = np.where(long_enough, start + length, 0)
    hashes = (texts.sums[end] - texts.sums[start]) * DOWN[start]
    return np.where(long_enough, hashes, np.uint64(0))


def _longest(
    first: NDArray[np.int64], last: NDArray[np.int64], kinds: NDArray[np.int64], letters: NDArray[np.int64]
) -> Found:
    order = np.lexsort((-kinds, -letters, -last, first))
    first, last, kinds = first[order], last[order], kinds[order]
    fresh = np.concatenate([[True], first[1:] != first[:-1]]) if len(first) else np.zeros(0, bool)
    return first[fresh], last[fresh], kinds[fresh]


@cache
def shipped() -> Lexicon:
    """The lists of the project."""
    entries: list[tuple[str, str]] = []
    for name in FILES:
        for line in (FOLDER / name).read_text(encoding="utf-8").splitlines():
            form, _, value = line.partition("\t")
            if value and not line.startswith("#"):
                entries.append((form, value))
    return Lexicon(entries)
