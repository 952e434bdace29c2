"""Texts cut into words, all texts of a batch at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_P = np.uint64(0x9E3779B97F4A7C15)
_LENGTH = 1 << 20


def _powers() -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    inverse = np.uint64(pow(int(_P), -1, 1 << 64))
    up, down = np.full(_LENGTH, _P, np.uint64), np.full(_LENGTH, inverse, np.uint64)
    up[0] = down[0] = 1
    return np.multiply.accumulate(up), np.multiply.accumulate(down)


UP, DOWN = _powers()
"""P^i and P^-i modulo 2^64: the hash of a stretch of characters is a difference of two sums."""


def _table() -> NDArray[np.int8]:
    table = np.full(0x3000, 2, np.int8)
    for code in range(0x3000):
        letter = chr(code)
        if letter.isspace() or code < 32:
            table[code] = 0
        elif letter.isalnum():
            table[code] = 1
    return table


_KINDS = _table()


@dataclass(frozen=True, kw_only=True)
class Tokens:
    """The characters of all texts, each text between two spaces, and its words.

    `codes`, `docs` and `kinds` have an element for each character: its code point, the text it stands in, and
    0 for spaces, 1 for letters and digits, 2 for signs. `start`, `end`, `hashes` and `doc` have one for each
    word; every sign is a word. `begins` is where each text begins, `sums` the running sum of hashes.
    """

    codes: NDArray[np.uint32]
    docs: NDArray[np.int64]
    kinds: NDArray[np.int8]
    begins: NDArray[np.int64]
    sums: NDArray[np.uint64]
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    hashes: NDArray[np.uint64]
    doc: NDArray[np.int64]


def tokens(texts: Sequence[str]) -> Tokens:
    """The words of these texts. Raises ValueError for more than a million characters."""
    padded = [f" {text} " for text in texts]
    codes = np.frombuffer("".join(padded).encode("utf-32-le", "surrogatepass"), np.uint32)
    if len(codes) > _LENGTH:
        raise ValueError("too much text at once")
    lengths = np.array([len(text) for text in padded], np.int64)
    docs = np.repeat(np.arange(len(padded)), lengths)
    kinds = _KINDS[np.minimum(codes, _KINDS.size - 1)]
    kinds[codes >= _KINDS.size] = 2
    before = np.concatenate([np.zeros(1, np.int8), kinds[:-1]])
    after = np.concatenate([kinds[1:], np.zeros(1, np.int8)])
    start = np.flatnonzero((kinds != 0) & ((kinds != before) | (kinds == 2)))
    end = np.flatnonzero((kinds != 0) & ((kinds != after) | (kinds == 2))) + 1
    sums = np.zeros(len(codes) + 1, np.uint64)
    np.cumsum((codes.astype(np.uint64) + np.uint64(1)) * UP[: len(codes)], out=sums[1:])
    hashes = (sums[end] - sums[start]) * DOWN[start]
    return Tokens(
        codes=codes,
        docs=docs,
        kinds=kinds,
        begins=np.concatenate([[0], np.cumsum(lengths)[:-1]]).astype(np.int64),
        sums=sums,
        start=start,
        end=end,
        hashes=hashes,
        doc=docs[start],
    )


def char_hash(word: str) -> np.uint64:
    """The hash of these characters, as `Tokens.hashes` has it."""
    codes = np.frombuffer(word.encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64)
    return np.uint64(np.sum((codes + np.uint64(1)) * UP[: len(codes)], dtype=np.uint64))
