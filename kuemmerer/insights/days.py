"""The counts of days, kept in step with the waits: what is added to a wait is added to its days."""

from __future__ import annotations

import secrets
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date

from kuemmerer.channels.models import Channel
from kuemmerer.insights import sketch
from kuemmerer.insights.models import DayCount, Mark, Wait

_Key = tuple[date, int | None, int | None]


@dataclass
class _Change:
    began: int = 0
    ended: int = 0
    answered: int = 0
    open_times: dict[str, int] = field(default_factory=dict)
    clock_times: dict[str, int] = field(default_factory=dict)


class Tally:
    """What changes in the days of one channel. Whoever saves it holds the channel's lock."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._changes: dict[_Key, _Change] = defaultdict(_Change)

    def add(self, wait: Wait, sign: int = 1) -> None:
        """Count a wait, or with -1 take it out again as it was counted."""
        for team_id in {None, wait.team_id}:
            self._changes[wait.since_day, team_id, None].began += sign
            self._end(wait, team_id, None, sign)
        if wait.person_id is not None:
            self._end(wait, None, wait.person_id, sign)

    def _end(self, wait: Wait, team_id: int | None, person_id: int | None, sign: int) -> None:
        if wait.ended_day is None:
            return
        change = self._changes[wait.ended_day, team_id, person_id]
        change.ended += sign
        if wait.open_minutes is not None and wait.clock_minutes is not None:
            change.answered += sign
            _put(change.open_times, wait.open_minutes, sign)
            _put(change.clock_times, wait.clock_minutes, sign)

    def save(self) -> None:
        if not self._changes:
            return
        # Not a count: a database that comes back from a backup must not show what was kept of a later one.
        Mark.objects.filter(channel=self._channel).update(stamp=secrets.randbits(62))
        rows = self._rows(day for day, _team, _person in self._changes)
        new: list[DayCount] = []
        known: list[DayCount] = []
        for (day, team_id, person_id), change in self._changes.items():
            row = rows.get((day, team_id, person_id))
            (known if row else new).append(_changed(row or self._row(day, team_id, person_id), change))
        DayCount.objects.bulk_create(new, batch_size=500)
        DayCount.objects.bulk_update(
            known, ["began", "ended", "answered", "open_times", "clock_times"], batch_size=200
        )

    def _row(self, day: date, team_id: int | None, person_id: int | None) -> DayCount:
        return DayCount(
            workspace_id=self._channel.workspace_id,
            channel=self._channel,
            day=day,
            team_id=team_id,
            person_id=person_id,
        )

    def _rows(self, days: Iterable[date]) -> dict[_Key, DayCount]:
        wanted = set(days)
        if not wanted:
            return {}
        found = DayCount.objects.filter(channel=self._channel, day__gte=min(wanted), day__lte=max(wanted))
        return {(row.day, row.team_id, row.person_id): row for row in found}


def _put(times: dict[str, int], minutes: int, sign: int) -> None:
    place = sketch.bucket(minutes)
    times[place] = times.get(place, 0) + sign


def _changed(row: DayCount, change: _Change) -> DayCount:
    row.began += change.began
    row.ended += change.ended
    row.answered += change.answered
    row.open_times = sketch.merged([row.open_times, change.open_times])
    row.clock_times = sketch.merged([row.clock_times, change.clock_times])
    return row
