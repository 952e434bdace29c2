"""Reading what others wrote: any field may be missing, null or of another type."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

_UNSTORABLE = re.compile(r"[\x00\ud800-\udfff]")
_DEEPEST = 12
MAX_RAW = 20_000
"""Characters of a record that are kept for the curious."""


def dig(value: Any, *path: str) -> Any:
    """What lies at `path` in nested objects, None where the path breaks off."""
    for key in path:
        if not isinstance(value, Mapping):
            return None
        value = value.get(key)
    return value


def text(value: Any, *path: str) -> str:
    found = dig(value, *path)
    return found if isinstance(found, str) else ""


def objects(value: Any, *path: str) -> Iterator[dict[str, Any]]:
    """The objects in the list at `path`; whatever else is in it is passed over."""
    found = dig(value, *path)
    for entry in found if isinstance(found, list) else ():
        if isinstance(entry, dict):
            yield entry


def number(value: Any, *path: str) -> int | None:
    found = dig(value, *path)
    return found if isinstance(found, int) and not isinstance(found, bool) and 0 <= found < 2**31 else None


def storable(value: Any, depth: int = 0) -> Any:
    """A copy that every database takes: no null characters, lone surrogates, NaN or bottomless nesting."""
    if isinstance(value, str):
        return _UNSTORABLE.sub("", value)
    if depth >= _DEEPEST or (isinstance(value, float) and not math.isfinite(value)):
        return None
    if isinstance(value, Mapping):
        return {storable(str(key)): storable(entry, depth + 1) for key, entry in value.items()}
    if isinstance(value, list):
        return [storable(entry, depth + 1) for entry in value]
    return value


def raw(view: Mapping[str, Any]) -> dict[str, Any]:
    """The record and its version, for the curious; without the record where it is too large to keep."""
    kept = {"cid": text(view, "cid"), "record": dig(view, "record")}
    clean: dict[str, Any] = storable(kept)
    return clean if len(json.dumps(clean)) <= MAX_RAW else {"cid": clean["cid"]}


def mentioned(record: Any) -> set[str]:
    """The DIDs that a post's text refers to."""
    return {
        did
        for facet in objects(record, "facets")
        for feature in objects(facet, "features")
        if (did := text(feature, "did"))
    }


def quoted(record: Any) -> str:
    """The address of the record that a post quotes; empty if it quotes none."""
    return text(record, "embed", "record", "uri") or text(record, "embed", "record", "record", "uri")


def alternative(record: Any) -> str:
    """What a post without words shows: its pictures' descriptions, or the title of its link."""
    embed = dig(record, "embed")
    media = dig(embed, "media") if dig(embed, "media") is not None else embed
    lines = [text(image, "alt") for image in objects(media, "images")]
    lines += [text(media, "alt"), text(media, "external", "title"), text(media, "external", "uri")]
    return "\n".join(line for line in lines if line)
