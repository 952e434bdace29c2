"""When an answer is due: one business day by the workspace's hours and the public holidays of its region."""

from __future__ import annotations

import zoneinfo
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache

import holidays
from django.utils.translation import gettext_lazy as _

from kuemmerer.accounts.models import Workspace
from kuemmerer.core.errors import Invalid

_LONGEST_SEARCH = 400
"""Days: a calendar without an open hour in more than a year has none."""


@lru_cache(maxsize=1024)
def _holidays(country: str, region: str, year: int) -> frozenset[date]:
    # Not the package's own calendar: it fills in a year when first asked, and others see it half full.
    found = holidays.country_holidays(country, subdiv=region or None, years=year)
    return frozenset(day for day in found if day.year == year)


class BusinessHours:
    """The opening hours of a workspace: local spans per weekday, less public holidays."""

    def __init__(
        self, *, hours: dict[str, list[list[str]]], zone: zoneinfo.ZoneInfo, country: str, region: str
    ) -> None:
        self._zone = zone
        self._place = country, region
        self._spans = {
            int(day): [(_time(start), _time(end)) for start, end in spans] for day, spans in hours.items()
        }

    @classmethod
    def of(cls, workspace: Workspace) -> BusinessHours:
        return cls(
            hours=workspace.hours, zone=workspace.zone, country=workspace.country, region=workspace.region
        )

    def open_spans(self, day: date) -> list[tuple[datetime, datetime]]:
        """The open hours of a local day, in UTC; empty when closed."""
        if day in _holidays(*self._place, day.year):
            return []
        return [
            (self._moment(day, start), self._moment(day, end))
            for start, end in self._spans.get(day.weekday(), [])
        ]

    def _moment(self, day: date, minute: int) -> datetime:
        # Wall-clock time on that very day, so that a day of 23 or 25 hours still opens at nine.
        local = datetime.combine(day, time(0), self._zone).replace(hour=minute // 60 % 24, minute=minute % 60)
        if minute >= 24 * 60:
            local += timedelta(days=1)
        return local.astimezone(UTC)

    def next_business_day(self, start: datetime) -> datetime:
        """One business day after `start` (UTC): the same local time on the next open day, within its hours.

        What comes in while the house is closed counts from the next opening. Raises Invalid for a calendar
        that is never open.
        """
        begin = self._opening(start)
        local = begin.astimezone(self._zone)
        day = local.date()
        for _step in range(_LONGEST_SEARCH):
            day += timedelta(days=1)
            spans = self.open_spans(day)
            if spans:
                wanted = self._moment(day, local.hour * 60 + local.minute) + timedelta(seconds=local.second)
                return _within(spans, wanted)
        raise _never_open()

    def _opening(self, start: datetime) -> datetime:
        """`start` itself when the house is open then, else the next opening."""
        day = start.astimezone(self._zone).date()
        for step in range(_LONGEST_SEARCH):
            for opens, closes in self.open_spans(day + timedelta(days=step)):
                if start < closes:
                    return max(start, opens)
        raise _never_open()


def _within(spans: list[tuple[datetime, datetime]], wanted: datetime) -> datetime:
    """`wanted` moved to the nearest open moment that is not later than closing time."""
    for opens, closes in spans:
        if wanted <= closes:
            return max(wanted, opens)
    return spans[-1][1]


def _never_open() -> Invalid:
    return Invalid(_("The business hours never open. Set at least one open hour in the week."), field="hours")


def _time(text: str) -> int:
    hour, minute = text.split(":")
    return int(hour) * 60 + int(minute)


def due_at(workspace: Workspace, since: datetime) -> datetime:
    """When an answer to words that came at `since` is due in this workspace."""
    return BusinessHours.of(workspace).next_business_day(since)
