from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kuemmerer.networks.bluesky.api import Api
from kuemmerer.networks.bluesky.notifications import PAGE, Place, next_page
from kuemmerer.networks.bluesky.tests.fake import NOW, STRANGER, Fake, author, params, post_uri
from kuemmerer.networks.errors import TryLater

SINCE = NOW - timedelta(days=7)


class Listing:
    """The network's list as it really behaves: sorted by time, the cursor a time, ties torn apart by it."""

    def __init__(self) -> None:
        self.notes: list[dict[str, Any]] = []
        self.before_page: Callable[[], None] = lambda: None

    def add(self, minutes_ago: float, reason: str = "reply") -> str:
        uri = post_uri(f"n{len(self.notes)}")
        when = (NOW - timedelta(minutes=minutes_ago)).isoformat(timespec="milliseconds")
        note = {
            "uri": uri,
            "cid": "c",
            "reason": reason,
            "author": author(STRANGER),
            "record": {"text": uri, "createdAt": when},
            "indexedAt": when.replace("+00:00", "Z"),
        }
        self.notes.append(note)
        return uri

    def answer(self, request: httpx.Request) -> Any:
        self.before_page()
        cursor = params(request).get("cursor", "9")
        below = [note for note in self.notes if note["indexedAt"] < cursor]
        page = sorted(below, key=lambda note: (note["indexedAt"], note["uri"]), reverse=True)
        page = page[: int(params(request)["limit"])]
        more = {"cursor": page[-1]["indexedAt"]} if page else {}
        return {"notifications": page, **more}


def walk(listing: Listing, cursor: dict[str, Any]) -> tuple[list[str], dict[str, Any]]:
    """All pages of one walk, the place written down and read again between them."""
    api = Api(Fake({"listNotifications": listing.answer}).session())
    found: list[str] = []
    for _ in range(500):
        page = next_page(api, Place.read(json.loads(json.dumps(cursor)), SINCE))
        found += [note["uri"] for note in page.notes]
        cursor = page.place.written()
        if not page.more:
            return found, cursor
    raise AssertionError("the walk never ends")


def test_the_first_walk_goes_back_to_since_and_not_further() -> None:
    listing = Listing()
    wanted = [listing.add(minutes) for minutes in range(130)]
    for days in (8, 9, 400):
        listing.add(days * 24 * 60)
    found, cursor = walk(listing, {})
    assert found == wanted
    assert walk(listing, cursor)[0] == []


def test_what_arrives_while_walking_comes_with_the_next_walk() -> None:
    listing = Listing()
    old = {listing.add(minutes) for minutes in range(5, 105)}
    new: set[str] = set()
    listing.before_page = lambda: new.add(listing.add(2 - len(new) * 0.1)) if len(new) < 3 else None
    first, cursor = walk(listing, {})
    second, cursor = walk(listing, cursor)
    assert old <= set(first)
    assert new <= set(first) | set(second)
    assert walk(listing, cursor)[0] == []


def test_equal_times_at_the_end_of_a_page_are_not_torn_apart() -> None:
    listing = Listing()
    wanted = {listing.add(1) for _ in range(PAGE - 2)}
    wanted |= {listing.add(2) for _ in range(7)}
    wanted |= {listing.add(3) for _ in range(3)}
    assert set(walk(listing, {})[0]) == wanted


def test_a_page_of_one_moment_alone_does_not_hold_the_walk_for_ever() -> None:
    listing = Listing()
    for _ in range(PAGE * 3):
        listing.add(1)
    last = listing.add(2)
    assert last in walk(listing, {})[0]


def test_what_a_wrong_clock_sorted_far_down_is_found_all_the_same() -> None:
    listing = Listing()
    listing.add(1)
    cursor = walk(listing, {})[1]
    late = listing.add(3 * 24 * 60)
    found, cursor = walk(listing, cursor)
    assert found == [late]
    assert walk(listing, cursor)[0] == []


def test_what_slides_into_sight_from_before_the_backfill_stays_outside() -> None:
    listing = Listing()
    for _ in range(3):
        listing.add(60 * 24 * 30)
    newest = listing.add(1)
    found, cursor = walk(listing, {})
    assert found == [newest]
    listing.notes.pop()
    assert walk(listing, cursor)[0] == []


def test_an_edited_post_is_told_again() -> None:
    listing = Listing()
    uri = listing.add(5)
    cursor = walk(listing, {})[1]
    listing.notes[0]["cid"] = "d"
    assert walk(listing, cursor)[0] == [uri]


def test_a_server_ahead_of_our_clock_does_not_make_us_skip() -> None:
    listing = Listing()
    listing.add(-30)
    cursor = walk(listing, {})[1]
    new = [listing.add(minutes) for minutes in range(-29, 0)]
    assert set(new) <= set(walk(listing, cursor)[0])


MINUTES = st.integers(-3, 30)
# What is late by more than the overlap is not this walk's promise: `Conversations` looks for it, see
# test_a_mention_delivered_hours_late_below_many_likes_is_found.
LATE = st.integers(-3, 9)


@settings(deadline=None, max_examples=60)
@given(st.lists(MINUTES, max_size=120), st.lists(LATE, max_size=60))
def test_nothing_is_ever_lost(first: list[int], then: list[int]) -> None:
    listing = Listing()
    known = {listing.add(minutes) for minutes in first}

    def some_more_arrive() -> None:
        for _ in range(min(3, len(then))):
            listing.add(then.pop())

    listing.before_page = some_more_arrive
    found: set[str] = set()
    cursor: dict[str, Any] = {}
    for _ in range(8):
        came, cursor = walk(listing, cursor)
        found |= set(came)
    # More than a page of one moment cannot be read by anyone: the network's cursor leaves them out.
    times = [note["indexedAt"] for note in listing.notes]
    if all(times.count(when) < PAGE for when in set(times)):
        assert {note["uri"] for note in listing.notes} | known == found


@pytest.mark.parametrize(
    "answer", [{}, {"notifications": None}, {"notifications": {}}, {"notifications": "x"}]
)
def test_an_answer_without_a_list_moves_nothing(answer: Any) -> None:
    with pytest.raises(TryLater):
        next_page(Api(Fake({"listNotifications": answer}).session()), Place(floor=SINCE))


def test_broken_entries_neither_stop_nor_hide_the_others() -> None:
    listing = Listing()
    good = listing.add(1)
    broken: list[Any] = [None, 5, {}, {"uri": None, "indexedAt": 7}, {"indexedAt": "yesterday"}]
    fake = Fake({"listNotifications": lambda request: {"notifications": [*broken, *listing.notes]}})
    page = next_page(Api(fake.session()), Place(floor=SINCE))
    assert good in [note.get("uri") for note in page.notes]


@pytest.mark.parametrize(
    "cursor", [{"newest": 5, "pages": "x", "seen": "abc", "known": [1]}, {"floor": None}]
)
def test_a_cursor_from_nowhere_begins_anew(cursor: dict[str, Any]) -> None:
    assert Place.read(cursor, SINCE) == Place(floor=SINCE)
