"""Quiet hours and days off, against an oracle that looks at every minute."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kuemmerer.notify.quiet import Quiet, moments

BERLIN = ZoneInfo("Europe/Berlin")
FORWARD = datetime(2026, 3, 29, 1, 0, tzinfo=UTC)
"""The clocks of Berlin go from 2 to 3."""
BACK = datetime(2026, 10, 25, 1, 0, tzinfo=UTC)
"""They go from 3 to 2."""
ZONES = [BERLIN, ZoneInfo("America/New_York"), ZoneInfo("Australia/Lord_Howe"), ZoneInfo("Asia/Kathmandu")]

minutes = st.integers(0, 24 * 60 - 1).map(lambda n: time(n // 60, n % 60))


def at(text: str, zone: ZoneInfo = BERLIN) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)


def oracle(quiet: Quiet, moment: datetime) -> datetime:
    """The first minute from `moment` on that is not quiet."""
    for n in range(9 * 24 * 60):
        candidate = moment + timedelta(minutes=n)
        local = candidate.astimezone(quiet.zone)
        off = local.weekday() in quiet.days_off
        hushed = False
        if quiet.start is not None and quiet.end is not None:
            n_now, n_start, n_end = (t.hour * 60 + t.minute for t in (local, quiet.start, quiet.end))
            hushed = (n_now - n_start) % 1440 < (n_end - n_start) % 1440
        if not off and not hushed:
            return candidate
    raise AssertionError("it never ends")


@settings(max_examples=100, deadline=None)
@given(
    zone=st.sampled_from(ZONES),
    start=minutes,
    end=minutes,
    hours=st.booleans(),
    days_off=st.frozensets(st.integers(0, 6), max_size=3),
    moment=st.one_of(
        st.integers(0, 365 * 1440).map(lambda n: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=n)),
        st.tuples(st.sampled_from([FORWARD, BACK]), st.integers(-1500, 1500)).map(
            lambda pair: pair[0] + timedelta(minutes=pair[1])
        ),
    ),
)
@example(
    zone=BERLIN,
    start=time(2, 30),
    end=time(5),
    hours=True,
    days_off=frozenset(),
    moment=BACK - timedelta(minutes=15),
)
@example(
    zone=BERLIN,
    start=time(22),
    end=time(2, 30),
    hours=True,
    days_off=frozenset(),
    moment=FORWARD - timedelta(hours=3),
)
def test_quiet_time_ends_at_the_first_minute_that_is_not_quiet(
    zone: ZoneInfo, start: time, end: time, hours: bool, days_off: frozenset[int], moment: datetime
) -> None:
    if start == end:
        return
    quiet = Quiet(zone=zone, start=start if hours else None, end=end if hours else None, days_off=days_off)
    assert quiet.over(moment) == oracle(quiet, moment)


@pytest.mark.parametrize(
    ("moment", "end"),
    [
        ("2026-03-02T21:59", "2026-03-02T21:59"),
        ("2026-03-02T22:00", "2026-03-03T07:00"),
        ("2026-03-03T06:59", "2026-03-03T07:00"),
        ("2026-03-06T23:00", "2026-03-09T07:00"),
        ("2026-03-08T12:00", "2026-03-09T07:00"),
    ],
)
def test_a_night_and_a_weekend_are_waited_for(moment: str, end: str) -> None:
    quiet = Quiet(zone=BERLIN, start=time(22), end=time(7), days_off=frozenset({5, 6}))
    assert quiet.over(at(moment)) == at(end)


def test_a_time_that_the_clocks_jump_over_comes_when_they_have_jumped() -> None:
    assert moments(date(2026, 3, 29), time(2, 30), BERLIN) == [FORWARD]


def test_in_the_night_of_the_extra_hour_a_time_comes_twice() -> None:
    half_past = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert moments(date(2026, 10, 25), time(2, 30), BERLIN) == [half_past, half_past + timedelta(hours=1)]


def test_a_day_that_has_no_midnight_begins_all_the_same() -> None:
    beirut = ZoneInfo("Asia/Beirut")
    (start,) = moments(date(2026, 3, 29), time(0, 0), beirut)
    assert f"{start.astimezone(beirut):%d %H:%M}" == "29 01:00"
