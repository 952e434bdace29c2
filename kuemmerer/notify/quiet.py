"""Quiet hours and days off: until when does a notice wait?

All in local time, also in the nights when the clocks change.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

_DAY = timedelta(days=1)
_MINUTE = timedelta(minutes=1)


def moments(day: date, at: time, zone: ZoneInfo) -> list[datetime]:
    """When the clocks of `zone` show `at` on `day`, in UTC: once, or twice in the night of the extra hour.

    A time that the clocks jump over comes when they have jumped.
    """
    wanted = datetime.combine(day, at)
    both = sorted({wanted.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)})
    shown = [moment for moment in both if _clock(moment, zone) == wanted]
    if shown:
        return shown
    moment = both[0]
    while _clock(moment, zone) < wanted:
        moment += _MINUTE
    return [moment]


def _clock(moment: datetime, zone: ZoneInfo) -> datetime:
    return moment.astimezone(zone).replace(tzinfo=None)


def _changes(day: date, zone: ZoneInfo) -> list[datetime]:
    """When the clocks are put forward or back on `day`, to the minute; mostly never."""
    moment, end = moments(day, time.min, zone)[0], moments(day + _DAY, time.min, zone)[0]
    before, after = moment.astimezone(zone).utcoffset(), end.astimezone(zone).utcoffset()
    if before == after:
        return []
    while moment.astimezone(zone).utcoffset() == before:
        moment += _MINUTE
    return [moment]


@dataclass(frozen=True, kw_only=True)
class Quiet:
    """When somebody wants no mails: each day from `start` until before `end`, and on whole days off."""

    zone: ZoneInfo
    start: time | None = None
    end: time | None = None
    """Before `start` it is the next day's."""
    days_off: frozenset[int] = frozenset()
    """Weekdays, 0 is Monday; never all seven."""

    def covers(self, moment: datetime) -> bool:
        """Whether it is quiet at `moment`."""
        local = moment.astimezone(self.zone)
        if local.weekday() in self.days_off:
            return True
        if self.start is None or self.end is None:
            return False
        clock = local.time()
        if self.start < self.end:
            return self.start <= clock < self.end
        return clock >= self.start or clock < self.end

    def over(self, moment: datetime) -> datetime:
        """`moment` itself, or when the quiet time that it lies in is over."""
        if not self.covers(moment):
            return moment
        day = moment.astimezone(self.zone).date()
        for _ in range(16):
            ends = [*moments(day, time.min, self.zone), *_changes(day, self.zone)]
            ends += moments(day, self.end, self.zone) if self.end is not None else []
            for end in sorted(ends):
                if end > moment and not self.covers(end):
                    return end
            day += _DAY
        # Only a week without any time to tell something in comes here; nothing must wait for ever.
        return moment
