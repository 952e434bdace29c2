"""Sums of minutes of which the quantiles can still be told.

Medians of days cannot be added up, so a day keeps how many minutes fell into which of many narrow buckets.
DDSketch (Masson, Rim, Lee: "DDSketch: a fast and fully-mergeable quantile sketch with relative-error
guarantees", VLDB 2019): the buckets widen so that each quantile is right to within `ACCURACY` of itself.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping

ACCURACY = 0.01
_GAMMA = (1 + ACCURACY) / (1 - ACCURACY)
_LOG = math.log(_GAMMA)

Sketch = Mapping[str, int]
"""Bucket → how many; the keys are numbers written as text, as JSON has them."""


def bucket(minutes: int) -> str:
    """The bucket of so many whole minutes, 0 or more."""
    return "0" if minutes == 0 else str(math.ceil(math.log(minutes) / _LOG - 1e-9) + 1)


def _minutes(number: int) -> float:
    return 0.0 if number == 0 else 2 * _GAMMA ** (number - 1) / (_GAMMA + 1)


def merged(sketches: Iterable[Sketch]) -> dict[str, int]:
    """All of them together. A count that is negative takes away."""
    total: dict[str, int] = defaultdict(int)
    for sketch in sketches:
        for key, count in sketch.items():
            total[key] += count
    return {key: count for key, count in total.items() if count}


def quantile(sketch: Sketch, share: float) -> int | None:
    """The least number of minutes within which that share of all lies (nearest rank); None of nothing."""
    rank = math.ceil(share * sum(sketch.values()))
    for number in sorted(map(int, sketch)):
        rank -= sketch[str(number)]
        if rank <= 0:
            return round(_minutes(number))
    return None
