"""When people waited for an answer, told from what happened in a case. Pure: no database, no clock.

This is the clock of the deadlines, seen from behind: it starts with the oldest words without an answer and
stops with the answer, or when the case is closed. It does not stand still while a case is snoozed: the person
waits all the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from kuemmerer.insights.models import Ending


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An answer of ours: what was there when it was written is answered when it arrives."""

    written_at: datetime
    arrived_at: datetime
    person_id: int | None = None


@dataclass(frozen=True, kw_only=True)
class Run:
    """A wait; one that goes on has no end."""

    since: datetime
    ended: datetime | None = None
    ending: str = ""
    person_id: int | None = None

    def covers(self, moment: datetime) -> bool:
        """Whether it was going on at that moment."""
        return self.since <= moment and (self.ended is None or moment <= self.ended)

    def meets(self, other: Run) -> bool:
        """Whether both were going on at some moment."""
        begins_in_time = other.ended is None or self.since <= other.ended
        return begins_in_time and (self.ended is None or other.since <= self.ended)


def runs(
    *,
    words: Iterable[datetime],
    answers: Sequence[Answer],
    closings: Iterable[datetime],
    running_since: datetime | None,
    connected_at: datetime,
) -> list[Run]:
    """The waits of one case in their order.

    `running_since` is when the deadline's clock started, if it runs: what it says of now is what counts.
    Words from before `connected_at` waited since then, as far as the desk could know, unless they were
    answered earlier; a closing before it closed nothing here.
    """
    closed = sorted(at for at in closings if at > connected_at)
    ordered = sorted(answers, key=lambda answer: (answer.written_at, answer.arrived_at))
    found: list[Run] = []
    covered: datetime | None = None
    for word in sorted(at for at in words if running_since is None or at < running_since):
        if covered is not None and word <= covered:
            continue
        answer = next((one for one in ordered if one.written_at >= word), None)
        closing = next((at for at in closed if at >= word), None)
        if answer is not None and (closing is None or answer.arrived_at <= closing):
            covered, ended = answer.written_at, answer.arrived_at
            ending, person_id = str(Ending.ANSWERED), answer.person_id
        elif closing is not None:
            covered, ended, ending, person_id = closing, closing, str(Ending.CLOSED), None
        else:
            # How it ended nobody knows: old history, or words that need no answer.
            break
        since = max(word, connected_at) if ended > connected_at else word
        found.append(Run(since=since, ended=max(ended, since), ending=ending, person_id=person_id))
    if running_since is not None:
        found.append(Run(since=running_since))
    return found
