"""Ideas for programs."""

from __future__ import annotations

from datetime import timedelta

import pytest

from kuemmerer.api.tests.client import MONDAY, program
from kuemmerer.core import clock

pytestmark = pytest.mark.django_db


def test_an_idea_is_written_down_used_and_collected_again() -> None:
    desk = program("author")
    idea = desk.post("/ideas", {"title": "Our new oven", "text": "Pictures!", "url": "https://example.org"})
    assert idea["status"] == "collected"
    assert desk.get("/ideas")["items"] == [idea]
    assert desk.patch(f"/ideas/{idea['id']}", {"status": "used"})["status"] == "used"
    assert desk.get("/ideas")["items"] == []
    assert [one["id"] for one in desk.get("/ideas?status=used")["items"]] == [idea["id"]]
    desk.patch(f"/ideas/{idea['id']}", {"status": "collected"})
    assert desk.get("/ideas")["items"] == [idea]


def test_paging_through_ideas_meets_each_once_though_new_ones_come() -> None:
    desk = program("author")
    for number in range(9):
        # Three of a kind at the same moment: the order must not depend on the moment alone.
        with clock.frozen(MONDAY + timedelta(hours=number // 3)):
            desk.post("/ideas", {"title": f"Idea {number}"})
    seen, after = [], ""
    while True:
        page = desk.get(f"/ideas?limit=2&after={after}")
        seen += [idea["title"] for idea in page["items"]]
        with clock.frozen(MONDAY + timedelta(days=1)):
            desk.post("/ideas", {"title": "Another one"})
        if page["next"] is None:
            break
        after = page["next"]
    assert seen == [f"Idea {number}" for number in range(8, -1, -1)]


def test_an_unknown_status_is_refused() -> None:
    desk = program("author")
    idea = desk.post("/ideas", {"title": "Our new oven"})
    assert desk.patch(f"/ideas/{idea['id']}", {"status": "lost"}, status=422)["field"] == "status"
