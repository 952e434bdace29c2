"""Taking people's names out of texts and records."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from kuemmerer.channels.models import Author

SHORTEST = 4
"""What is shorter is also a word or part of one; such a handle goes only where an @ stands before it."""
_TOGETHER = 1000
GONE = "[…]"


class Redactor:
    """Replaces whatever names certain people by `word`: full names, handles, remote ids, addresses."""

    def __init__(self, people: Iterable[Author], *, word: str = GONE, more: Iterable[str] = ()) -> None:
        self.word = word
        people = list(people)
        found = {mark for person in people for mark in marks(person)} | {
            re.escape(one) for one in more if one
        }
        ordered = sorted(found, key=len, reverse=True)
        self._patterns = [
            re.compile(rf"(?<!\w)(?:{'|'.join(ordered[start : start + _TOGETHER])})(?!\w)", re.IGNORECASE)
            for start in range(0, len(ordered), _TOGETHER)
        ]

        self._exact = {
            one for person in people for one in (person.remote_id, person.handle, person.name) if one
        }

    def text(self, text: str) -> str:
        for pattern in self._patterns:
            text = pattern.sub(self.word, text)
        return text

    def value(self, value: Any) -> Any:
        """The same for all texts in a JSON value, keys included."""
        if isinstance(value, str):
            return self.word if value in self._exact else self.text(value)
        if isinstance(value, Mapping):
            return {self.text(str(key)): self.value(part) for key, part in value.items()}
        return [self.value(part) for part in value] if isinstance(value, list | tuple) else value

    def changes(self, value: Any) -> bool:
        return bool(self.value(value) != value)


def marks(person: Author) -> set[str]:
    """Patterns of what names a person. A first name alone is too common to be one."""
    name, handle = person.name.strip(), person.handle.strip().lstrip("@")
    found = {re.escape(one) for one in (person.url, person.avatar_url) if one}
    if len(name.split()) > 1 or (len(name) >= SHORTEST and not name.isalpha()):
        found.add(re.escape(name))
    for one in {handle, handle.partition("@")[0]} - {""}:
        distinct = len(one) >= SHORTEST and not one.isalpha()
        found.add(("@?" if distinct else "@") + re.escape(one))
    if _is_distinct_id(person.remote_id):
        found.add(re.escape(person.remote_id))
    return found


def _is_distinct_id(remote_id: str) -> bool:
    """Whether an id can stand in a text for nothing else; a short number may be a price or a postcode."""
    if remote_id.isdigit():
        return len(remote_id) >= 2 * SHORTEST
    return len(remote_id) >= SHORTEST and not remote_id.isalpha()
