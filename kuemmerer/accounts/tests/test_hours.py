"""Business hours: what people write and what is stored."""

from __future__ import annotations

import contextlib
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kuemmerer.accounts.hours import checked_hours, format_day, parse_day
from kuemmerer.core.errors import Invalid

# A busy machine is no error.
unhurried = settings(deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
times = st.one_of(
    st.builds(
        lambda hour, minute: f"{hour:02}:{minute:02}",
        st.integers(0, 25),
        st.sampled_from([0, 15, 30, 59, 60]),
    ),
    st.text(max_size=5),
)
weeks = st.dictionaries(
    st.sampled_from(["0", "1", "5", "6", "7", ""]),
    st.lists(st.lists(times, min_size=1, max_size=3), max_size=4),
    max_size=4,
)


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("09:00–17:00", [["09:00", "17:00"]]),
        ("9-12, 13:00 - 17.30", [["09:00", "12:00"], ["13:00", "17:30"]]),
        ("14 Uhr bis 18 Uhr und 9 Uhr bis 12 Uhr", [["09:00", "12:00"], ["14:00", "18:00"]]),
        (
            "8h to 12h; 12:00 until 13:00; 20:00—24:00",
            [["08:00", "12:00"], ["12:00", "13:00"], ["20:00", "24:00"]],
        ),
        ("", []),
        ("  geschlossen ", []),
        ("closed", []),
    ],
)
def test_a_day_may_be_written_in_many_ways(text: str, spans: list[list[str]]) -> None:
    assert parse_day(text) == spans


@pytest.mark.parametrize(
    "text",
    [
        "morning",
        "9",
        "9-",
        "25:00-26:00",
        "09:60-10:00",
        "17:00-09:00",
        "09:00-09:00",
        "09:00-12:00, 11:59-13:00",
        "8-9, 10-11, 12-13, 14-15",
        "24:00-24:30",
        "٠٩:٠٠-١٧:٠٠",
        "09:00-17:00 09:00-17:00",
        "'; drop table",
    ],
)
def test_a_day_that_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse_day(text)
    assert refused.value.field == "hours"


def test_a_week_that_never_opens_is_refused() -> None:
    with pytest.raises(Invalid, match="at least one open hour"):
        checked_hours({"0": [], "9": [["09:00", "17:00"]]})


@unhurried
@given(weeks)
def test_checked_hours_are_in_order_without_overlaps_and_stay_as_they_are(
    week: dict[str, list[list[str]]],
) -> None:
    try:
        hours = checked_hours(week)
    except Invalid:
        return
    assert hours
    for spans in hours.values():
        assert all(start < end for start, end in spans)
        assert all(before[1] <= after[0] for before, after in pairwise(spans))
    assert checked_hours(hours) == hours
    assert {day: parse_day(format_day(spans)) for day, spans in hours.items()} == hours


@unhurried
@given(st.text())
def test_no_text_breaks_the_reading_of_hours(text: str) -> None:
    with contextlib.suppress(Invalid):
        assert parse_day(format_day(parse_day(text))) == parse_day(text)
