"""Business calendars, held against a slow walker who looks at each minute."""

from __future__ import annotations

import threading
import zoneinfo
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import cache

import holidays
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kuemmerer.accounts import calendars
from kuemmerer.accounts.calendars import Calendar
from kuemmerer.core.errors import Invalid

NINE_TO_FIVE = {str(day): [["09:00", "17:00"]] for day in range(5)}
MINUTE = timedelta(minutes=1)


def house(
    hours: dict[str, list[list[str]]] | None = None,
    zone: str = "Europe/Berlin",
    place: tuple[str, str] = ("DE", "NW"),
    closed_days: Sequence[dict[str, str]] = (),
    half_days: dict[str, str] | None = None,
) -> Calendar:
    return Calendar(
        hours=NINE_TO_FIVE if hours is None else hours,
        zone=zoneinfo.ZoneInfo(zone),
        country=place[0],
        region=place[1],
        closed_days=closed_days,
        half_days=half_days,
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
    calendars.public_holidays.cache_clear()
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


# --- how much open time passes


def minutes(count: int) -> timedelta:
    return timedelta(minutes=count)


@pytest.mark.parametrize(
    ("start", "count", "due"),
    [
        ("2026-03-06 16:45", 30, "2026-03-09 09:15"),
        ("2026-03-06 16:30", 30, "2026-03-06 17:00"),
        ("2026-03-06 17:00", 0, "2026-03-09 09:00"),
        ("2026-03-06 10:00", 0, "2026-03-06 10:00"),
        ("2026-03-07 12:00", 0, "2026-03-09 09:00"),
        ("2026-03-06 08:59", 1, "2026-03-06 09:01"),
        ("2026-03-06 16:00", 16 * 60, "2026-03-10 16:00"),
        ("2026-12-24 16:30", 60, "2026-12-28 09:30"),
    ],
)
def test_minutes_count_only_while_the_house_is_open(start: str, count: int, due: str) -> None:
    assert house().after(local(start), minutes(count)) == local(due)


def test_a_lunch_break_does_not_count() -> None:
    hours = {str(day): [["09:00", "12:00"], ["13:00", "17:00"]] for day in range(5)}
    calendar = house(hours)
    assert calendar.after(local("2026-06-03 11:30"), minutes(60)) == local("2026-06-03 13:30")
    # Fronleichnam counts in Köln: from Wednesday's last half hour to Friday's first.
    assert calendar.after(local("2026-06-03 16:30"), minutes(60)) == local("2026-06-05 09:30")
    assert house(hours, place=("DE", "BE")).after(local("2026-06-03 16:30"), minutes(60)) == local(
        "2026-06-04 09:30"
    )


@pytest.mark.parametrize(
    ("region", "free"), [("SN", True), ("NW", False), ("BY", False), ("BE", False), ("TH", False)]
)
def test_buss_und_bettag_is_free_only_in_sachsen(region: str, free: bool) -> None:
    due = "2026-11-19 10:00" if free else "2026-11-18 10:00"
    assert house(place=("DE", region)).after(local("2026-11-17 16:00"), minutes(120)) == local(due)


@pytest.mark.parametrize("day", ["2025-11-11", "2026-11-11", "2026-02-16", "2026-02-12"])
def test_st_martin_and_carnival_are_business_days_everywhere_in_germany(day: str) -> None:
    for region in ("NW", "RP", "BY", "BE", "SN"):
        assert house(place=("DE", region)).opening(local(f"{day} 10:00")) == local(f"{day} 10:00")


def test_volkstrauertag_is_a_sunday_like_every_other() -> None:
    open_always = {str(day): [["00:00", "24:00"]] for day in range(7)}
    assert house(open_always).opening(local("2026-11-15 10:00")) == local("2026-11-15 10:00")


def test_half_days_end_early_and_closed_days_are_closed() -> None:
    closed = [
        {"first": "2026-12-28", "last": "2026-12-30", "name": "Betriebsferien"},
        {"first": "11-11", "last": "11-11", "name": "St. Martin im Büro"},
    ]
    calendar = house(closed_days=closed, half_days={"12-24": "12:00", "2026-12-31": "13:00"})
    assert calendar.after(local("2026-12-24 11:30"), minutes(60)) == local("2026-12-31 09:30")
    assert calendar.after(local("2026-12-31 12:30"), minutes(60)) == local("2027-01-04 09:30")
    assert calendar.after(local("2027-12-31 12:30"), minutes(60)) == local("2027-12-31 13:30")
    assert calendar.after(local("2026-11-10 16:30"), minutes(60)) == local("2026-11-12 09:30")
    assert calendar.open_time(local("2026-12-24 00:00"), local("2026-12-25 00:00")) == minutes(3 * 60)


def test_a_closed_time_over_new_year_comes_back_each_year() -> None:
    calendar = house(closed_days=[{"first": "12-27", "last": "01-06", "name": "Betriebsferien"}])
    for year in (2025, 2026, 2027):
        assert not calendar.open_spans(date(year, 12, 29))
        assert not calendar.open_spans(date(year, 1, 5))
    assert calendar.open_spans(date(2027, 1, 7))


@pytest.mark.parametrize(
    ("start", "count", "due"),
    [
        ("2026-03-29T00:30:00+01:00", 60, "2026-03-29T01:30:00+01:00"),
        ("2026-03-29T01:30:00+01:00", 60, "2026-03-29T03:30:00+02:00"),
        ("2026-10-25T01:30:00+02:00", 60, "2026-10-25T02:30:00+02:00"),
        ("2026-10-25T02:30:00+02:00", 60, "2026-10-25T02:30:00+01:00"),
        ("2026-10-25T02:30:00+02:00", 120, "2026-10-25T03:30:00+01:00"),
    ],
)
def test_in_the_nights_of_the_clock_change_an_hour_lasts_an_hour(start: str, count: int, due: str) -> None:
    calendar = house({str(day): [["00:00", "24:00"]] for day in range(7)})
    assert calendar.after(datetime.fromisoformat(start), minutes(count)) == datetime.fromisoformat(due)


def test_a_bar_that_closes_at_half_past_two_is_open_twice_in_the_long_night() -> None:
    bar = house({"6": [["00:00", "02:30"]]})
    night = [
        (local("2026-10-25 00:00"), datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
        (datetime(2026, 10, 25, 1, 0, tzinfo=UTC), datetime(2026, 10, 25, 1, 30, tzinfo=UTC)),
    ]
    assert list(bar.open_spans(date(2026, 10, 25))) == night
    assert bar.open_time(local("2026-10-25 00:00"), local("2026-10-26 00:00")) == minutes(180)
    assert bar.open_time(local("2026-03-29 00:00"), local("2026-03-30 00:00")) == minutes(120)


@pytest.mark.parametrize(
    ("start", "due"),
    [
        ("2026-03-06 10:00", "2026-03-09 17:00"),
        ("2026-03-06 18:00", "2026-03-09 17:00"),
        ("2026-03-07 12:00", "2026-03-09 17:00"),
        ("2026-03-09 06:00", "2026-03-10 17:00"),
        ("2026-12-23 10:00", "2026-12-24 12:00"),
    ],
)
def test_the_end_of_the_next_business_day_is_closing_time_of_a_later_day(start: str, due: str) -> None:
    calendar = house(half_days={"12-24": "12:00"})
    assert calendar.end_of_next_business_day(local(start)) == local(due)


def test_every_question_to_a_house_that_never_opens_is_an_error_with_a_sentence() -> None:
    always_closed = [{"first": "01-01", "last": "12-31", "name": ""}]
    now = local("2026-03-02 10:00")
    for calendar in (house({}), house(closed_days=always_closed), house(half_days={}, hours={"2": []})):
        for question in (
            lambda calendar=calendar: calendar.after(now, minutes(1)),
            lambda calendar=calendar: calendar.opening(now),
            lambda calendar=calendar: calendar.open_time(now, now + minutes(1)),
            lambda calendar=calendar: calendar.next_business_day(now),
            lambda calendar=calendar: calendar.end_of_next_business_day(now),
        ):
            with pytest.raises(Invalid, match="never open"):
                question()


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

    def __init__(
        self,
        hours: dict[str, list[list[str]]],
        zone: str,
        place: tuple[str, str],
        closed: Sequence[date] = (),
        half_days: dict[str, str] | None = None,
    ) -> None:
        self.hours, self.zone, self.place = hours, zoneinfo.ZoneInfo(zone), place
        self.closed, self.half_days = closed, half_days or {}

    def spans(self, day: date) -> list[tuple[int, int]]:
        if day in free(*self.place, day.year) or day in self.closed:
            return []
        closes = parsed(self.half_days.get(f"{day:%m-%d}", "24:00"))
        spans = [(parsed(start), parsed(end)) for start, end in self.hours.get(str(day.weekday()), [])]
        return [(start, min(end, closes)) for start, end in spans if start < closes]

    def after(self, start: datetime, count: int) -> datetime:
        """The moment at the end of the last of so many open minutes."""
        moment = start
        while not self.is_open(moment):
            moment += MINUTE
        while count:
            count -= self.is_open(moment)
            moment += MINUTE
        return moment

    def open_minutes(self, start: datetime, end: datetime) -> int:
        count = 0
        while start < end:
            count += self.is_open(start)
            start += MINUTE
        return count

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


HOURS = st.dictionaries(st.sampled_from("0123456"), days(), min_size=1, max_size=7).filter(
    lambda hours: any(hours.values())
)
CLOSED = st.lists(st.dates(date(2025, 1, 1), date(2027, 12, 31)), max_size=5)
HALF_DAYS = st.dictionaries(
    st.dates(date(2024, 1, 1), date(2024, 12, 31)).map(lambda day: f"{day:%m-%d}"),
    st.sampled_from(["00:15", "06:30", "12:00", "18:45", "23:45"]),
    max_size=20,
)
CLOCK_CHANGES = [
    datetime(2026, month, day, tzinfo=UTC) for month, day in ((3, 29), (10, 25), (4, 5), (11, 1))
]
# Half of the time within three days of a change of the clocks somewhere.
STARTS = st.one_of(
    st.integers(0, 3 * 365 * 24 * 60).map(lambda minute: datetime(2025, 1, 1, tzinfo=UTC) + minute * MINUTE),
    st.builds(
        lambda day, minute: day + minute * MINUTE, st.sampled_from(CLOCK_CHANGES), st.integers(-4000, 1500)
    ),
)


@given(
    hours=HOURS,
    zone=st.sampled_from(ZONES),
    place=st.sampled_from(PLACES),
    closed=CLOSED,
    half_days=HALF_DAYS,
    start=STARTS,
    count=st.integers(0, 1500),
)
@settings(max_examples=100, deadline=None, derandomize=True, database=None)
def test_open_minutes_are_the_ones_that_a_walker_counts(
    hours: dict[str, list[list[str]]],
    zone: str,
    place: tuple[str, str],
    closed: list[date],
    half_days: dict[str, str],
    start: datetime,
    count: int,
) -> None:
    walker = Walker(hours, zone, place, closed, half_days)
    closed_days = [{"first": day.isoformat(), "last": day.isoformat(), "name": ""} for day in closed]
    calendar = house(hours, zone, place, closed_days, half_days)
    found = calendar.after(start, minutes(count))
    assert found == walker.after(start, count)
    assert found.tzinfo is UTC
    assert calendar.open_time(start, found) == minutes(count)
    later = start + timedelta(hours=61)
    assert calendar.open_time(start, later) == minutes(walker.open_minutes(start, later))
