"""Links, mentions and hashtags in a text, marked the way the network wants them: by UTF-8 bytes."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator
from typing import Any

import regex

from kuemmerer.networks.bluesky.identifiers import is_handle

MAX_TAG = 64
_WELL_KNOWN = "com|org|net|info|biz|de|at|ch|eu|fr|nl|it|es|pl|uk|io|app|dev|blog|shop|social|news|online"
_LINK = regex.compile(
    r"(?<![^\s(\[{<„“\"'»«])(?:(?P<full>https?://[^\s<>\"“”„»«]+)"
    rf"|(?P<bare>(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+(?:{_WELL_KNOWN})(?![\w.-]*\w)(?:[/?#][^\s<>\"“”„»«]*)?))",
    regex.IGNORECASE,
)
_MENTION = regex.compile(r"(?<![^\s(\[{„“\"'»«])@(?P<handle>[a-zA-Z0-9.-]+)")
_JOINERS = r"\s\u00ad\u2060\u200a-\u200d\u20e2"
_TAG = regex.compile(rf"(?<!\S)[#＃](?P<tag>(?!\ufe0f)[^{_JOINERS}#＃][^{_JOINERS}]*)")
_KIND = "app.bsky.richtext.facet#"
_PAIRS = {")": "(", "]": "[", "}": "{"}


def length(text: str) -> int:
    """The length as the network counts it: what a person sees as one character is one."""
    return len(regex.findall(r"\X", text))


def facets(text: str, resolve: Callable[[str], str]) -> list[dict[str, Any]]:
    """The marks for a text. `resolve` gives the DID of a handle, or nothing; the mention then stays text."""
    found: list[dict[str, Any]] = []
    end = 0
    for start, stop, feature in sorted(_spans(text), key=lambda span: span[:2]):
        if start < end:
            continue
        if "handle" in feature:
            did = resolve(feature.pop("handle"))
            if not did:
                continue
            feature["did"] = did
        end = stop
        index = {"byteStart": len(text[:start].encode()), "byteEnd": len(text[:stop].encode())}
        found.append({"index": index, "features": [feature]})
    return found


def _spans(text: str) -> Iterator[tuple[int, int, dict[str, Any]]]:
    yield from _links(text)
    yield from _mentions(text)
    yield from _tags(text)


def _links(text: str) -> Iterator[tuple[int, int, dict[str, Any]]]:
    for match in _LINK.finditer(text):
        shown = _without_ending(match.group())
        full = shown if match["full"] else f"https://{shown}"
        if len(full) > len("https://"):
            yield match.start(), match.start() + len(shown), {"$type": f"{_KIND}link", "uri": full}


def _mentions(text: str) -> Iterator[tuple[int, int, dict[str, Any]]]:
    for match in _MENTION.finditer(text):
        handle = match["handle"].rstrip(".-")
        if is_handle(handle):
            stop = match.start() + 1 + len(handle)
            yield match.start(), stop, {"$type": f"{_KIND}mention", "handle": handle.lower()}


def _tags(text: str) -> Iterator[tuple[int, int, dict[str, Any]]]:
    for match in _TAG.finditer(text):
        tag = match["tag"]
        while tag and unicodedata.category(tag[-1]).startswith("P"):
            tag = tag[:-1]
        # A number alone is a number ("#1"), not a tag.
        if tag and not tag.isdigit() and length(tag) <= MAX_TAG and len(tag.encode()) <= 640:
            yield match.start(), match.start() + 1 + len(tag), {"$type": f"{_KIND}tag", "tag": tag}


def _without_ending(link: str) -> str:
    """A link without the sentence's punctuation; a closing bracket stays only if it was opened in it."""
    while link:
        last = link[-1]
        opened = _PAIRS.get(last)
        unbalanced = opened is not None and link.count(last) > link.count(opened)
        if last not in ".,;:!?'…" and not unbalanced:
            break
        link = link[:-1]
    return link
