"""Quantiles of sums, against the sorted list."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from kuemmerer.insights import sketch

MINUTES = st.lists(st.integers(0, 2_000_000), max_size=60)


def sketched(minutes: list[int]) -> dict[str, int]:
    return sketch.merged({sketch.bucket(number): 1} for number in minutes)


@given(MINUTES.filter(bool), st.sampled_from([0.5, 0.9]))
def test_a_quantile_is_that_of_the_sorted_list_to_within_a_hundredth(
    minutes: list[int], share: float
) -> None:
    exact = sorted(minutes)[math.ceil(share * len(minutes)) - 1]
    found = sketch.quantile(sketched(minutes), share)
    assert found is not None
    assert abs(found - exact) <= sketch.ACCURACY * exact + 0.5


@given(MINUTES, MINUTES)
def test_two_days_together_are_one_longer_day_and_what_is_taken_out_was_never_there(
    one: list[int], other: list[int]
) -> None:
    both = sketch.merged([sketched(one), sketched(other)])
    assert both == sketched(one + other)
    taken = {key: -count for key, count in sketched(other).items()}
    assert sketch.merged([both, taken]) == sketched(one)


def test_of_nothing_there_is_no_quantile() -> None:
    assert sketch.quantile({}, 0.5) is None


def test_short_times_are_told_to_the_minute() -> None:
    assert [sketch.quantile(sketched([n]), 0.5) for n in range(50)] == list(range(50))
