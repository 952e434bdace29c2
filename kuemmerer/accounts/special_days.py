"""Closed days and half days of a calendar, and how people write them: one a line."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date

from django.utils.translation import gettext_lazy as _

from kuemmerer.accounts.hours import ClosedDays, HalfDays
from kuemmerer.core.errors import Invalid
from kuemmerer.core.text import storable

MOST = 200
MOST_NAME = 80
LEAP_YEAR = "2024"

_DAY = re.compile(r"(\d{4}-)?(\d{2}-\d{2})", re.ASCII)
_WRITTEN_DAY = r"(?:\d{4}-)?\d{1,2}-\d{1,2}|\d{1,2}\.\s?\d{1,2}\.(?:\s?\d{4})?"
_CLOSED_LINE = re.compile(
    rf"(?P<first>{_WRITTEN_DAY})(?:\s*(?:[‐‑‒–—−-]|to|until|bis)\s*(?P<last>{_WRITTEN_DAY}))?[\s,:]*(?P<name>.*)",
    re.ASCII | re.IGNORECASE,
)
_HALF_LINE = re.compile(
    rf"(?P<day>{_WRITTEN_DAY})[\s,:]*(?:from|ab|until|bis)?\s*(?P<hour>\d{{1,2}})(?:[:.](?P<minute>\d{{2}}))?\s*(?:uhr|h)?",
    re.ASCII | re.IGNORECASE,
)
_TIME = re.compile(r"(?:[01]\d|2[0-3]):[0-5]\d", re.ASCII)


def checked_closed_days(days: ClosedDays) -> list[dict[str, str]]:
    """Closed days in a form that can be stored. Raises Invalid (field closed_days)."""
    if len(days) > MOST:
        raise Invalid(_("A calendar has 200 special days at most."), field="closed_days")
    checked = []
    for entry in days:
        first = _checked_day(entry.get("first", ""), field="closed_days")
        last = _checked_day(entry.get("last") or first, field="closed_days")
        if len(first) != len(last):
            raise Invalid(_("Give both days with their year, or both without."), field="closed_days")
        if len(first) > len("12-24") and last < first:
            raise Invalid(_("A closed time ends before it begins."), field="closed_days")
        name = storable(entry.get("name", "")).strip()[:MOST_NAME]
        checked.append({"first": first, "last": last, "name": name})
    return checked


def checked_half_days(days: HalfDays) -> dict[str, str]:
    """Half days in a form that can be stored. Raises Invalid (field half_days)."""
    if len(days) > MOST:
        raise Invalid(_("A calendar has 200 special days at most."), field="half_days")
    for closes in days.values():
        if not _TIME.fullmatch(closes):
            raise Invalid(_("Write half days like 24.12. 12:00, one a line."), field="half_days")
    return {_checked_day(day, field="half_days"): closes for day, closes in sorted(days.items())}


def parse_closed_days(text: str) -> list[dict[str, str]]:
    """Closed days as people write them: “24.12.2026–06.01.2027 Betriebsferien”, “11.11.”. Raises Invalid."""
    found = []
    for line in _lines(text):
        match = _CLOSED_LINE.fullmatch(line)
        if not match:
            raise Invalid(
                _("Write closed days like 27.12.2026–30.12.2026 Company holidays, one a line."),
                field="closed_days",
            )
        first, last, name = match.group("first", "last", "name")
        found.append({"first": _day(first), "last": _day(last or first), "name": name})
    return checked_closed_days(found)


def parse_half_days(text: str) -> dict[str, str]:
    """Half days as people write them: “24.12. 12:00”, “2026-05-15 14 Uhr”. Raises Invalid."""
    found = {}
    for line in _lines(text):
        match = _HALF_LINE.fullmatch(line)
        if not match:
            raise Invalid(_("Write half days like 24.12. 12:00, one a line."), field="half_days")
        found[_day(match["day"])] = f"{int(match['hour']):02}:{match['minute'] or '00'}"
    return checked_half_days(found)


def format_closed_days(days: Sequence[Mapping[str, str]]) -> str:
    """The opposite of `parse_closed_days`."""
    return "\n".join(f"{_span(day['first'], day['last'])} {day.get('name', '')}".strip() for day in days)


def format_half_days(days: HalfDays) -> str:
    """The opposite of `parse_half_days`."""
    return "\n".join(f"{_shown(day)} {closes}" for day, closes in sorted(days.items()))


def _lines(text: str) -> Iterator[str]:
    return (line.strip() for line in text.splitlines() if line.strip())


def _span(first: str, last: str) -> str:
    return _shown(first) if first == last else f"{_shown(first)}–{_shown(last)}"


def _shown(day: str) -> str:
    *year, month, number = day.split("-")
    return f"{number}.{month}.{''.join(year)}"


def _day(text: str) -> str:
    """A written day as “2026-12-24” or “12-24”; nonsense stays nonsense and is refused later."""
    if "." in text:
        number, month, year = (part.strip() for part in text.split("."))
    else:
        *years, month, number = text.split("-")
        year = "".join(years)
    day = f"{int(month):02}-{int(number):02}"
    return f"{year}-{day}" if year else day


def _checked_day(text: str, *, field: str) -> str:
    match = _DAY.fullmatch(text)
    try:
        if match is None:
            raise ValueError(text)
        date.fromisoformat((match[1] or f"{LEAP_YEAR}-") + match[2])
    except ValueError as error:
        raise Invalid(_("“%(day)s” is no day of the calendar.") % {"day": text[:20]}, field=field) from error
    return text
