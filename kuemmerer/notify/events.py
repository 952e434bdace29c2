"""The events that outgoing webhooks can carry. Apps above register theirs in `AppConfig.ready`.

events.register(events.Event(key="case.closed", label=_("…"), example={…}, sentence=_("…")))
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that other programs may want to know of."""

    key: str
    """Dotted, such as case.opened; the `type` of the payload."""
    label: str | Promise
    example: Mapping[str, Any]
    """The data of an imaginary one. Every real one has the same keys: whoever reads it can rely on that."""
    sentence: str | Promise
    """One line for a chat, with the data's keys as variables: “%(author)s wrote: %(text)s”."""


_events: dict[str, Event] = {}


def register(*new: Event) -> None:
    """Add events. Raises LookupError for a key that is taken or a sentence that its data cannot fill."""
    for event in new:
        if event.key in _events:
            raise LookupError(f"the event {event.key!r} is registered twice")
        try:
            str(event.sentence) % event.example
        except KeyError as error:
            raise LookupError(f"the sentence of {event.key!r} asks for {error}") from error
        _events[event.key] = event


def get(key: str) -> Event:
    """Raises LookupError for an event that nobody registered."""
    if key not in _events:
        raise LookupError(f"unknown event {key!r}")
    return _events[key]


def find(key: str) -> Event | None:
    """The event of a stored delivery; None when the app that knew it is gone."""
    return _events.get(key)


def every() -> list[Event]:
    return [event for event in _events.values() if event.key != TEST.key]


_CASE: dict[str, Any] = {
    "id": 17,
    "channel": "Bäckerei am Markt",
    "author": "Ada Krüger",
    "text": "Bis wann habt ihr heute offen?",
    "status": "open",
    "assignee": "Murat Aydın",
    "due_at": "2026-03-03T09:12:00Z",
}
_REPLY: dict[str, Any] = {
    "id": 23,
    "case_id": 17,
    "channel": "Bäckerei am Markt",
    "author": "Ada Krüger",
    "text": "Bis 18 Uhr. Bis gleich!",
    "written_by": "Murat Aydın",
    "reason": "",
}

TEST = Event(
    key="test",
    label=_("A test"),
    example={"message": "Kümmerer"},
    sentence=_("A test from Kümmerer. If you can read this, it works."),
)
FIRST = (
    Event(
        key="case.opened",
        label=_("A case was opened"),
        example=_CASE,
        sentence=_("New from %(author)s (%(channel)s): %(text)s"),
    ),
    Event(
        key="case.assigned",
        label=_("A case was given to somebody"),
        example=_CASE,
        sentence=_("%(assignee)s looks after %(author)s: %(text)s"),
    ),
    Event(
        key="case.answered",
        label=_("A case was answered"),
        example=_CASE,
        sentence=_("Answered: %(author)s (%(channel)s)"),
    ),
    Event(
        key="case.closed",
        label=_("A case was closed"),
        example=_CASE,
        sentence=_("Closed: %(author)s (%(channel)s)"),
    ),
    Event(
        key="case.near_breach",
        label=_("A case will soon be overdue"),
        example=_CASE,
        sentence=_("Soon overdue: %(author)s (%(channel)s): %(text)s"),
    ),
    Event(
        key="case.breached",
        label=_("A case is overdue"),
        example=_CASE,
        sentence=_("Overdue: %(author)s (%(channel)s): %(text)s"),
    ),
    Event(
        key="reply.delivered",
        label=_("An answer has arrived"),
        example=_REPLY,
        sentence=_("%(written_by)s answered %(author)s: %(text)s"),
    ),
    Event(
        key="reply.rejected",
        label=_("An answer was refused by the network"),
        example=_REPLY | {"reason": "too_long"},
        sentence=_("The answer to %(author)s was refused (%(channel)s): %(text)s"),
    ),
)
