"""`kuemmerer deadline`: when would an answer be due?"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kuemmerer.core.errors import Invalid
from kuemmerer.inbox import support

ROOT = Path(__file__).parents[3]
BREAK = "mon-fri 09:00-12:00,13:00-17:00"


def deadline(start: str, minutes: int = 60, region: str = "DE-NW", hours: str = BREAK, **more: bool) -> str:
    return support.deadline(
        region=region, time_zone="Europe/Berlin", hours=hours, minutes=minutes, start=start, **more
    )


@pytest.mark.parametrize(
    ("start", "region", "due"),
    [
        ("2026-06-03T16:30", "DE-NW", "2026-06-05T09:30+02:00"),
        ("2026-06-03T16:30", "DE-BE", "2026-06-04T09:30+02:00"),
        ("2026-06-03T16:30:30", "DE-BE", "2026-06-04T09:30:30+02:00"),
        ("2026-06-03T14:30Z", "de-be", "2026-06-04T09:30+02:00"),
        ("2026-06-03T11:30", "DE", "2026-06-03T13:30+02:00"),
        ("2026-11-17T16:30", "DE-SN", "2026-11-19T09:30+01:00"),
        ("2026-10-23T16:30", "AT-9", "2026-10-27T09:30+01:00"),
    ],
)
def test_the_deadline_is_local_iso_time(start: str, region: str, due: str) -> None:
    assert deadline(start, region=region) == due


def test_half_days_count_only_when_asked_for() -> None:
    assert deadline("2026-12-24T11:30") == "2026-12-24T13:30+01:00"
    assert deadline("2026-12-24T11:30", half_days=True) == "2026-12-28T09:30+01:00"


@pytest.mark.parametrize(
    "wrong",
    [
        {"region": "DE-XX"},
        {"region": "XX"},
        {"minutes": -1},
        {"minutes": 10**9},
        {"hours": "mon 17:00-09:00"},
        {"hours": ""},
        {"start": "tomorrow"},
    ],
)
def test_nonsense_is_refused_with_a_sentence(wrong: dict[str, object]) -> None:
    arguments: dict[str, object] = {"start": "2026-06-03T16:30", **wrong}
    with pytest.raises(Invalid):
        deadline(**arguments)  # type: ignore[arg-type]


ROW = re.compile(r"^\| `(\S+)` \| (\d+) \| `(\S+)` `([^`]+)` \| `(\S+)` \|", re.MULTILINE)


def test_every_example_of_the_documentation_is_true() -> None:
    rows = ROW.findall((ROOT / "docs" / "deadlines.md").read_text())
    assert len(rows) == 12
    for start, minutes, region, hours, due in rows:
        assert deadline(start, int(minutes), region, hours) == due
