"""Business calendars: when a house is open, and how much of its open time passes between two moments."""

from __future__ import annotations

import json
import zoneinfo
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Protocol

import holidays
from django.utils.translation import gettext_lazy as _

from kuemmerer.accounts.hours import ClosedDays, HalfDays, Hours
from kuemmerer.core.errors import Invalid

_LONGEST_SEARCH = 400
"""Days: a calendar without an open hour in more than a year has none."""
_MINUTE = timedelta(minutes=1)

Span = tuple[datetime, datetime]


class Calendared(Protocol):
    """What has business hours of its own: a workspace or a team."""

    country: str
    region: str
    time_zone: str
    hours: Hours
    closed_days: ClosedDays
    half_days: HalfDays


@lru_cache(maxsize=1024)
def public_holidays(country: str, region: str, year: int) -> frozenset[date]:
    """The public holidays that hold everywhere in a region; none without a country.

    Days that are free only in some places of a region (Fronleichnam in parts of Sachsen) are not among
    them, nor customs such as carnival: who closes then enters a closed day.
    """
    if not country:
        return frozenset()
    # Not the package's own calendar: it fills in a year when first asked, and others see it half full.
    found = holidays.country_holidays(country, subdiv=region or None, years=year)
    return frozenset(day for day in found if day.year == year)


@dataclass(frozen=True)
class _Closed:
    """A closed time, both days included; each year where the days carry none."""

    first: str
    last: str

    def holds(self, day: date) -> bool:
        text = day.isoformat()[-len(self.first) :]
        if self.first <= self.last:
            return self.first <= text <= self.last
        return text >= self.first or text <= self.last  # over New Year


class Calendar:
    """The open time of a house: local spans per weekday, less public holidays and closed days.

    `half_days` close the house early: a day ("12-24" each year, "2026-05-15" once) → the local time.
    All moments are aware; what comes back is in UTC. Every method raises Invalid for a calendar that is
    never open.
    """

    def __init__(
        self,
        *,
        hours: Hours,
        zone: zoneinfo.ZoneInfo,
        country: str = "",
        region: str = "",
        closed_days: ClosedDays = (),
        half_days: HalfDays | None = None,
    ) -> None:
        self._zone = zone
        self._place = country, region
        self._week = {
            int(day): [(_minute(start), _minute(end)) for start, end in spans] for day, spans in hours.items()
        }
        self._closed = [_Closed(found["first"], found["last"]) for found in closed_days]
        self._half_days = {day: _minute(closes) for day, closes in (half_days or {}).items()}
        # Filled as days are asked for; a day's spans never change, so threads may race here.
        self._days: dict[date, Sequence[Span]] = {}

    @staticmethod
    def of(owner: Calendared) -> Calendar:
        """The calendar of a workspace or team; the same object as long as its settings are the same."""
        return _shared(
            json.dumps(owner.hours),
            owner.time_zone,
            owner.country,
            owner.region,
            json.dumps(owner.closed_days),
            json.dumps(owner.half_days),
        )

    def open_spans(self, day: date) -> Sequence[Span]:
        """The open spans of a local day; empty when closed."""
        found = self._days.get(day)
        if found is None:
            found = self._days[day] = self._spans(day)
        return found

    def is_holiday(self, day: date) -> bool:
        return day in public_holidays(*self._place, day.year)

    def opening(self, moment: datetime) -> datetime:
        """`moment` itself when the house is open then, else the next opening."""
        return next(self._spans_from(moment))[0]

    def after(self, start: datetime, open_time: timedelta) -> datetime:
        """The moment at which so much open time has passed since `start`; closing time counts as the same
        day, so half an hour from 16:30 is 17:00 and not the next morning.
        """
        left = open_time
        for begins, ends in self._spans_from(start):
            if left <= ends - begins:
                return begins + left
            left -= ends - begins
        raise AssertionError("the spans never end")  # pragma: no cover

    def open_time(self, start: datetime, end: datetime) -> timedelta:
        """How much open time passes between two moments; none if `end` is not later."""
        total = timedelta()
        if end <= start:
            return total
        for begins, ends in self._spans_from(start):
            if begins >= end:
                break
            total += min(ends, end) - begins
        return total

    def next_business_day(self, start: datetime) -> datetime:
        """The same local time on the next open day, moved into its open hours.

        What comes in while the house is closed counts from the next opening.
        """
        local = self.opening(start).astimezone(self._zone)
        spans = self._spans_after(local.date())
        day = spans[0][0].astimezone(self._zone).date()
        wanted = self._moment(day, local.hour * 60 + local.minute) + timedelta(seconds=local.second)
        return _within(spans, wanted)

    def end_of_next_business_day(self, start: datetime) -> datetime:
        """Closing time of the first open day after the local day of `start`."""
        return self._spans_after(start.astimezone(self._zone).date())[-1][1]

    def _spans_from(self, moment: datetime) -> Iterator[Span]:
        """The open spans from a moment on, the first one cut; without an end."""
        moment = moment.astimezone(UTC)
        day = moment.astimezone(self._zone).date()
        empty = 0
        while empty <= _LONGEST_SEARCH:
            empty += 1
            for begins, ends in self.open_spans(day):
                if moment < ends:
                    empty = 0
                    yield max(moment, begins), ends
            day += timedelta(days=1)
        raise _never_open()

    def _spans_after(self, day: date) -> Sequence[Span]:
        for step in range(1, _LONGEST_SEARCH):
            if spans := self.open_spans(day + timedelta(days=step)):
                return spans
        raise _never_open()

    def _spans(self, day: date) -> Sequence[Span]:
        minutes = self._minutes(day)
        midnight, next_midnight = self._moment(day, 0), self._moment(day + timedelta(days=1), 0)
        if next_midnight - midnight == timedelta(days=1):
            return [(midnight + start * _MINUTE, midnight + end * _MINUTE) for start, end in minutes]
        # The clocks change: what the clock on the wall shows decides, minute by minute.
        return _joined(
            moment
            for moment in _minutes_between(midnight - timedelta(hours=3), next_midnight + timedelta(hours=3))
            if self._shows(moment, day, minutes)
        )

    def _shows(self, moment: datetime, day: date, minutes: Sequence[tuple[int, int]]) -> bool:
        local = moment.astimezone(self._zone)
        minute = local.hour * 60 + local.minute
        return local.date() == day and any(start <= minute < end for start, end in minutes)

    def _minutes(self, day: date) -> Sequence[tuple[int, int]]:
        if self.is_holiday(day) or any(closed.holds(day) for closed in self._closed):
            return []
        text = day.isoformat()
        closes = min(self._half_days.get(text, 24 * 60), self._half_days.get(text[5:], 24 * 60))
        spans = self._week.get(day.weekday(), [])
        return [(start, min(end, closes)) for start, end in spans if start < closes]

    def _moment(self, day: date, minute: int) -> datetime:
        """A local time of a day, by the clock on the wall."""
        local = datetime.combine(day, time(0), self._zone).replace(hour=minute // 60, minute=minute % 60)
        return local.astimezone(UTC)


@lru_cache(maxsize=256)
def _shared(hours: str, zone: str, country: str, region: str, closed: str, half: str) -> Calendar:
    return Calendar(
        hours=json.loads(hours),
        zone=zoneinfo.ZoneInfo(zone),
        country=country,
        region=region,
        closed_days=json.loads(closed),
        half_days=json.loads(half),
    )


def _minutes_between(start: datetime, end: datetime) -> Iterator[datetime]:
    while start < end:
        yield start
        start += _MINUTE


def _joined(minutes: Iterator[datetime]) -> Sequence[Span]:
    spans: list[Span] = []
    for minute in minutes:
        if spans and spans[-1][1] == minute:
            spans[-1] = spans[-1][0], minute + _MINUTE
        else:
            spans.append((minute, minute + _MINUTE))
    return spans


def _within(spans: Sequence[Span], wanted: datetime) -> datetime:
    """`wanted` moved to the nearest open moment that is not later than closing time."""
    for opens, closes in spans:
        if wanted <= closes:
            return max(wanted, opens)
    return spans[-1][1]


def _never_open() -> Invalid:
    return Invalid(_("The business hours never open. Set at least one open hour in the week."), field="hours")


def _minute(text: str) -> int:
    hour, minute = text.split(":")
    return int(hour) * 60 + int(minute)
