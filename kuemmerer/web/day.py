"""The day page, with which the day at the desk begins: apps above this one say what waits for a person.

    day.add_part(day.Part(key="mine", order=30, permission="inbox.view", show=mine))

An app adds its parts in `AppConfig.ready`; the page knows none of them. `show` is asked in the reader's
language with each look at the page, so it costs a query or two and no more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from kuemmerer.accounts.access import Actor
from kuemmerer.web.page import WorkspaceRequest
from kuemmerer.web.shell import Text


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What a part has to say now.

    `template` gets `context` and, as `part`, this. `summary` goes into the sentence above all parts: short,
    “3 answers due today”. `start` is the address of what should be done first here.
    """

    template: str
    context: Mapping[str, Any] = field(default_factory=dict)
    title: Text = ""
    count: str = ""
    more_url: str = ""
    summary: Text = ""
    start: str = ""


Show = Callable[[WorkspaceRequest, datetime], Shown | None]


@dataclass(frozen=True, kw_only=True)
class Part:
    """A part of the page; `show` gives None when there is nothing to say.

    What hurts most comes first: order 10 complaints, 20 deadlines, 30 what an answer or text waits for,
    40 one's own, 50 channels. `waits`: whether it is something to do, so that the day is not quiet; what is
    only to be looked at comes below all that waits, and is not asked again while the page is open.
    """

    key: str
    order: int
    permission: str
    show: Show
    waits: bool = True


@dataclass(frozen=True, kw_only=True)
class Suggestion:
    """What would be sensible to do on a quiet day."""

    text: Text
    url: str
    icon: str
    detail: str = ""


Suggest = Callable[[Actor, datetime], Sequence[Suggestion]]

_parts: list[Part] = []
_suggestions: list[Suggest] = []


def add_part(part: Part) -> None:
    _parts.append(part)
    _parts.sort(key=lambda added: added.order)


def add_suggestions(function: Suggest) -> None:
    """Let `function` say what could be done when nothing waits."""
    _suggestions.append(function)


def shown(request: WorkspaceRequest, now: datetime, *, waits: bool) -> list[tuple[Part, Shown]]:
    """The parts of one kind that have something to say to this person, in their order."""
    mine = [part for part in _parts if part.waits == waits and request.actor.can(part.permission)]
    said = [(part, part.show(request, now)) for part in mine]
    return [(part, what) for part, what in said if what is not None]


def suggestions(actor: Actor, now: datetime) -> list[Suggestion]:
    return [found for function in _suggestions for found in function(actor, now)]
