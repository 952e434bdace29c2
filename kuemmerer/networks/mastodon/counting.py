"""How long a text is by Mastodon's rule, and whether two texts are the same one."""

from __future__ import annotations

import string
import unicodedata

import regex

URL_LENGTH = 23
"""What Mastodon counts for any link. Other servers name their own figure."""

_URL = regex.compile(
    r"(?<![\w@/])https?://"
    r"(?:[\p{L}\p{N}_-]+\.)+(?:xn--[a-z0-9-]+|\p{L}{2,})(?::\d+)?"
    r"(?:[/?#][^\s<>\"“”„«»]*)?",
    regex.IGNORECASE,
)
_MENTION = regex.compile(
    r"(?<![=/\w])(@[a-z0-9_]+(?:[a-z0-9_.-]+[a-z0-9_]+)?)@\w+(?:[.-]+\w+)*(?::\d+)?", regex.IGNORECASE
)
_GRAPHEME = regex.compile(r"\X")
_INVISIBLE = regex.compile(r"[\u200b-\u200f\u2060\ufe0e\ufe0f\ufeff]")
_MARKUP = str.maketrans("", "", string.punctuation + string.whitespace + "\u00a0")


def mastodon_length(text: str, *, url_length: int = URL_LENGTH) -> int:
    """Graphemes, a link as `url_length`, and of `@somebody@far.away` only `@somebody`."""
    text = _URL.sub(lambda match: "x" * url_length + match.group()[len(_link(match.group())) :], text)
    text = _MENTION.sub(r"\1", text)
    return sum(1 for _ in _GRAPHEME.finditer(text))


def _link(found: str) -> str:
    """A link without what belongs to the sentence: the full stop behind it, the bracket around it."""
    while found:
        last = found[-1]
        lonely = last in ")]}" and found.count(last) > found.count("([{"[")]}".index(last)])
        if not lonely and last not in ".,;:!?'…*~":
            break
        found = found[:-1]
    return found


def unified(text: str) -> str:
    """A text without what servers change in passing: spaces, invisible characters, domains of mentions."""
    text = _INVISIBLE.sub("", unicodedata.normalize("NFC", text))
    return " ".join(_MENTION.sub(r"\1", text).split())


def letters(text: str) -> str:
    """`unified` without ASCII punctuation, which servers may take for markup and render."""
    return unified(text).translate(_MARKUP)
