"""When an answer is due, held against a slow walker who looks at each minute."""

from __future__ import annotations

import threading
import zoneinfo
from datetime import UTC, date, datetime, time, timedelta
from functools import cache

import holidays
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kuemmerer.core.errors import Invalid
from kuemmerer.inbox import deadlines
from kuemmerer.inbox.deadlines import BusinessHours

NINE_TO_FIVE = {str(day): [["09:00", "17:00"]] for day in range(5)}
MINUTE = timedelta(minutes=1)


def house(
    hours: dict[str, list[list[str]]] | None = None,
    zone: str = "Europe/Berlin",
    place: tuple[str, str] = ("DE", "NW"),
) -> BusinessHours:
    return BusinessHours(
        hours=NINE_TO_FIVE if hours is None else hours,
        zone=zoneinfo.ZoneInfo(zone),
        country=place[0],
        region=place[1],
    )


def local(text: str, zone: str = "Europe/Berlin") -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zoneinfo.ZoneInfo(zone))


@pytest.mark.parametrize(
    ("start", "due"),
    [
        ("2026-03-04 10:30", "2026-03-05 10:30"),
        ("2026-03-06 16:45", "2026-03-09 16:45"),
        ("2026-03-06 17:00", "2026-03-10 09:00"),
        ("2026-03-06 17:01", "2026-03-10 09:00"),
        ("2026-03-07 12:00", "2026-03-10 09:00"),
        ("2026-03-09 06:00", "2026-03-10 09:00"),
        ("2026-03-09 09:00", "2026-03-10 09:00"),
        ("2026-12-23 11:00", "2026-12-24 11:00"),
        ("2026-12-24 11:00", "2026-12-28 11:00"),
        ("2026-04-02 15:00", "2026-04-07 15:00"),
    ],
)
def test_one_business_day_is_the_same_time_on_the_next_open_day(start: str, due: str) -> None:
    assert house().next_business_day(local(start)) == local(due)


@pytest.mark.parametrize(
    ("place", "due"), [(("DE", "NW"), "2026-06-05 10:00"), (("DE", "BE"), "2026-06-04 10:00")]
)
def test_corpus_christi_is_a_holiday_in_koeln_and_none_in_berlin(place: tuple[str, str], due: str) -> None:
    assert house(place=place).next_business_day(local("2026-06-03 10:00")) == local(due)


def test_each_canton_has_its_own_holidays() -> None:
    start = local("2026-04-13 10:00", "Europe/Zurich")
    hours = {str(day): [["09:00", "17:00"]] for day in range(5)}
    zurich = house(hours, "Europe/Zurich", ("CH", "ZH"))
    assert zurich.next_business_day(start) == start + timedelta(days=1)


def test_a_day_with_a_break_is_open_twice_and_the_time_within_the_break_moves_behind_it() -> None:
    hours = {"0": [["09:00", "12:00"], ["13:00", "17:00"]], "1": [["10:00", "11:00"], ["14:00", "16:00"]]}
    due = house(hours).next_business_day
    assert due(local("2026-03-02 12:30")) == local("2026-03-03 14:00")
    assert due(local("2026-03-02 09:30")) == local("2026-03-03 10:00")
    assert due(local("2026-03-02 11:30")) == local("2026-03-03 14:00")
    assert due(local("2026-03-02 16:30")) == local("2026-03-03 16:00"), "not after closing time"
    assert due(local("2026-03-03 17:00")) == local("2026-03-10 10:00")


def test_a_house_that_is_open_until_midnight_closes_at_midnight() -> None:
    hours = {str(day): [["18:00", "24:00"]] for day in range(7)}
    due = house(hours).next_business_day
    assert due(local("2026-03-02 23:59")) == local("2026-03-03 23:59")
    assert due(local("2026-03-03 00:00")) == local("2026-03-04 18:00")
    assert house(hours).open_spans(date(2026, 3, 2)) == [
        (local("2026-03-02 18:00"), local("2026-03-03 00:00"))
    ]


def test_a_house_that_never_closes_counts_a_day_by_the_clock_on_the_wall() -> None:
    hours = {str(day): [["00:00", "24:00"]] for day in range(7)}
    due = house(hours, place=("DE", "NW")).next_business_day
    assert due(local("2026-03-28 10:00")) == local("2026-03-29 10:00")
    assert due(local("2026-03-28 10:00")) - local("2026-03-28 10:00").astimezone(UTC) == timedelta(hours=23)
    assert due(local("2026-10-24 10:00")) - local("2026-10-24 10:00").astimezone(UTC) == timedelta(hours=25)


def test_a_time_that_the_clock_leaps_over_is_the_moment_of_the_leap() -> None:
    hours = {str(day): [["00:00", "24:00"]] for day in range(7)}
    assert house(hours).next_business_day(local("2026-03-28 02:30")) == datetime(
        2026, 3, 29, 1, 30, tzinfo=UTC
    )


def test_a_house_that_never_opens_is_an_error_with_a_sentence() -> None:
    for hours in ({}, {"0": []}):
        with pytest.raises(Invalid, match="never open"):
            house(hours).next_business_day(local("2026-03-02 10:00"))


def test_many_threads_that_ask_for_a_new_year_at_once_all_know_its_holidays() -> None:
    deadlines._holidays.cache_clear()
    christmas = [date(year, 12, 25) for year in range(2040, 2060)]
    wrong: list[date] = []

    def asks() -> None:
        hours = house({str(day): [["00:00", "24:00"]] for day in range(7)})
        wrong.extend(day for day in christmas if hours.open_spans(day))

    threads = [threading.Thread(target=asks) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


# --- the walker


@cache
def free(country: str, region: str, year: int) -> frozenset[date]:
    return frozenset(holidays.country_holidays(country, subdiv=region or None, years=year))


def minute_of(moment: datetime) -> int:
    return moment.hour * 60 + moment.minute


def parsed(text: str) -> int:
    return int(text[:2]) * 60 + int(text[3:])


class Walker:
    """Goes from minute to minute and looks at the clock on the wall. Knows nothing of spans in UTC."""

    def __init__(self, hours: dict[str, list[list[str]]], zone: str, place: tuple[str, str]) -> None:
        self.hours, self.zone, self.place = hours, zoneinfo.ZoneInfo(zone), place

    def spans(self, day: date) -> list[tuple[int, int]]:
        if day in free(*self.place, day.year):
            return []
        return [(parsed(start), parsed(end)) for start, end in self.hours.get(str(day.weekday()), [])]

    def is_open(self, moment: datetime) -> bool:
        here = moment.astimezone(self.zone)
        return any(start <= minute_of(here) < end for start, end in self.spans(here.date()))

    def due(self, start: datetime) -> tuple[date, int]:
        """The local day and minute."""
        moment = start
        while not self.is_open(moment):
            moment += MINUTE
        here = moment.astimezone(self.zone)
        day = here.date() + timedelta(days=1)
        while not self.spans(day):
            day += timedelta(days=1)
        minute = minute_of(here)
        while minute < 24 * 60:
            if any(begin <= minute <= end for begin, end in self.spans(day)):
                return day, minute
            minute += 1
        return day, self.spans(day)[-1][1]


@st.composite
def days(draw: st.DrawFn) -> list[list[str]]:
    quarters = draw(st.lists(st.integers(0, 96), min_size=0, max_size=4, unique=True).map(sorted))
    spans = []
    for begin, end in zip(quarters[::2], quarters[1::2], strict=False):
        spans.append([f"{begin // 4:02}:{begin % 4 * 15:02}", f"{end // 4:02}:{end % 4 * 15:02}"])
    return spans


PLACES = [("DE", "NW"), ("DE", "BE"), ("DE", "BY"), ("AT", ""), ("CH", "ZH"), ("US", ""), ("GB", "")]
ZONES = ["Europe/Berlin", "Europe/London", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "UTC"]


@given(
    hours=st.dictionaries(st.sampled_from("0123456"), days(), min_size=1, max_size=7).filter(
        lambda hours: any(hours.values())
    ),
    zone=st.sampled_from(ZONES),
    place=st.sampled_from(PLACES),
    start=st.datetimes(datetime(2025, 1, 1), datetime(2027, 12, 31)),  # noqa: DTZ001 - gets its zone below
)
@settings(max_examples=150, deadline=None, derandomize=True, database=None)
def test_the_deadline_is_the_one_that_a_walker_finds(
    hours: dict[str, list[list[str]]], zone: str, place: tuple[str, str], start: datetime
) -> None:
    begin = start.replace(second=0, microsecond=0, tzinfo=UTC)
    day, minute = Walker(hours, zone, place).due(begin)
    found = house(hours, zone, place).next_business_day(begin)
    wall = datetime.combine(day, time(0), zoneinfo.ZoneInfo(zone)) + timedelta(minutes=minute)
    assert found == wall.astimezone(UTC)
    assert found > begin
    assert found.tzinfo is UTC
