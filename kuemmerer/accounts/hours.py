"""Business hours: spans of local time per weekday, and how people write them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from django.utils.translation import gettext_lazy as _

from kuemmerer.core.errors import Invalid

Spans = list[list[str]]
Hours = dict[str, Spans]
"""Weekday ("0" is Monday) → spans of local time."""
ClosedDays = Sequence[Mapping[str, str]]
"""Closed times: `first` and `last` day ("2026-12-27", or "12-27" for each year) and a `name`."""
HalfDays = Mapping[str, str]
"""Days ("12-24" for each year, or "2026-05-15") → the local time at which the house closes."""

MOST_SPANS = 3
"""A day: morning, afternoon, evening."""

_TIME = re.compile(r"(?:[01]\d|2[0-3]):[0-5]\d|24:00", re.ASCII)
_CLOCK = r"(\d{1,2})(?:[:.](\d{2}))?\s*(?:uhr|h)?"
_WRITTEN = re.compile(rf"{_CLOCK}\s*(?:[-‐‑‒–—−]|to|till|until|bis)\s*{_CLOCK}", re.ASCII | re.IGNORECASE)
_BETWEEN = re.compile(r"[,;/+&\n]|\band\b|\bund\b", re.IGNORECASE)
_WEEKDAYS = {
    name: day
    for names in ("mon tue wed thu fri sat sun", "mo di mi do fr sa so")
    for day, name in enumerate(names.split())
}
_CLOSED = {"", "-", "–", "—", "closed", "geschlossen", "zu"}


def parse_day(text: str) -> Spans:
    """The spans of a day as people write them, such as “9–12, 13:00 to 17:30”. Raises Invalid."""
    if text.strip().lower() in _CLOSED:
        return []
    return checked_spans([_parse_span(part) for part in _BETWEEN.split(text) if part.strip()])


def _parse_span(text: str) -> list[str]:
    found = _WRITTEN.fullmatch(text.strip())
    if not found:
        raise _unclear()
    start_hour, start_minute, end_hour, end_minute = found.groups(default="00")
    return [f"{int(start_hour):02}:{start_minute}", f"{int(end_hour):02}:{end_minute}"]


def parse_week(text: str) -> Hours:
    """The hours of a week such as “mon-fri 09:00-12:00,13:00-17:00; sat 10-14”. Raises Invalid."""
    hours: Hours = {}
    for part in filter(None, (part.strip() for part in text.split(";"))):
        days, _space, spans = part.partition(" ")
        first, _dash, last = days.lower().partition("-")
        if first not in _WEEKDAYS or (last and last not in _WEEKDAYS):
            raise Invalid(
                _("Write hours of a week like mon-fri 09:00-17:00; sat 10:00-14:00."), field="hours"
            )
        begin, end = _WEEKDAYS[first], _WEEKDAYS[last or first]
        for day in range(begin, end + 1 if end >= begin else end + 8):
            hours[str(day % 7)] = parse_day(spans)
    return checked_hours(hours)


def format_day(spans: Spans) -> str:
    """The opposite of `parse_day`; empty for a closed day."""
    return ", ".join(f"{start}–{end}" for start, end in spans)


def checked_spans(spans: Spans) -> Spans:
    """The spans of one day in order. Raises Invalid for overlaps, wrong times and too many."""
    if len(spans) > MOST_SPANS:
        raise Invalid(_("A day has three spans at most."), field="hours")
    for span in spans:
        if len(span) != 2 or not all(isinstance(t, str) and _TIME.fullmatch(t) for t in span):
            raise _unclear()
    ordered = sorted(list(span) for span in spans)
    last = ""
    for start, end in ordered:
        if start >= end or start < last:
            raise Invalid(_("These hours overlap, or end before they begin."), field="hours")
        last = end
    return ordered


def checked_hours(hours: Hours) -> Hours:
    """`hours` in order, empty days left out. Raises Invalid, also for a week that never opens."""
    checked = {day: checked_spans(hours[day]) for day in "0123456" if hours.get(day)}
    if not checked:
        raise Invalid(_("There must be at least one open hour in the week."), field="hours")
    return checked


def _unclear() -> Invalid:
    return Invalid(_("Write hours like 09:00–12:00, 13:00–17:00."), field="hours")
