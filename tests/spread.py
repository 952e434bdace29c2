"""How tests are spread over the processes of a run with ``--dist loadgroup``.

pytest-xdist 3.8 writes the mark ``xdist_group`` into a test's id. pytest 9.2 does not take that, and nobody
says so: no groups are formed. Here the group follows from the id as it is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

GROUPS = (r"::Test\w+Live::", r"\[bluesky\]$", r"/test_every_page\.py::")
"""Tests in whose ids the same words match stay in one process: they share what takes long to start."""

LONGEST_FIRST = (
    r"::TestBlueskyLive::",
    r"\[bluesky\]$",
    r"/test_every_page\.py::",
    r"/journeys/",
    r"::TestWordPressLive::",
    r"::Test(Snac|Mock)Live::",
    r"/kill/.*::test_two_workers_",
    r"/kill/",
)
"""What comes last should be short, so that all processes end at about the same time."""


def group(test: str) -> str:
    found = (re.search(pattern, test) for pattern in GROUPS)
    return next((match[0] for match in found if match), test)


def place(test: str) -> int:
    found = (n for n, pattern in enumerate(LONGEST_FIRST) if re.search(pattern, test))
    return next(found, len(LONGEST_FIRST))


class Spread(LoadScopeScheduling):
    def __init__(self, config: pytest.Config, log: Producer | None = None) -> None:
        config.option.loadscopereorder = False
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        return group(nodeid)


def in_order(items: Sequence[pytest.Item]) -> list[pytest.Item]:
    return sorted(items, key=lambda item: place(item.nodeid))
