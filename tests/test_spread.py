"""The spread of the tests with real servers."""

from __future__ import annotations

from pathlib import Path

from tests.spread import LONGEST_FIRST, group, place

ROOT = Path(__file__).resolve().parent.parent
KILL = "tests/kill/test_sync.py::test_a_power_cut"


def test_what_takes_long_to_start_is_started_once() -> None:
    live = "tests/networks/test_contract_bluesky.py::TestBlueskyLive::test_"
    assert group(f"{live}one") == group(f"{live}two[a]")
    assert group(f"{KILL}[bluesky]") == group("tests/journeys/test_answering.py::test_a_company[bluesky]")


def test_what_only_waits_goes_wherever_there_is_room() -> None:
    assert len({group(KILL), group(f"{KILL}[wordpress]"), group(f"{KILL}[snac]")}) == 3


def test_the_long_ones_begin() -> None:
    assert place(f"{KILL}[bluesky]") < place(f"{KILL}[wordpress]") < len(LONGEST_FIRST)
    assert place("tests/servers/test_servers.py::test_a_mail") == len(LONGEST_FIRST)


def test_tests_with_servers_are_where_they_are_looked_for() -> None:
    for path in (ROOT / "kuemmerer").rglob("tests/*.py"):
        text = path.read_text(encoding="utf-8")
        assert "mark.servers" not in text, path
        assert "mark.browser" not in text, path
