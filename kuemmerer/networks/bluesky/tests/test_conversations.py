from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kuemmerer.networks.base import Batch, Item, Kind
from kuemmerer.networks.bluesky import Bluesky
from kuemmerer.networks.bluesky.items import Reader
from kuemmerer.networks.bluesky.tests.fake import (
    DID,
    NOW,
    STRANGER,
    Fake,
    author,
    failed,
    params,
    post_uri,
    view,
)
from kuemmerer.networks.errors import TryLater

SINCE = NOW - timedelta(days=7)
OTHER = "did:plc:other"


class Network:
    """Posts by address, shown as threads that are cut at a depth, and notifications about some of them."""

    def __init__(self, *, cut: int = 1000) -> None:
        self.cut = cut
        self.posts: dict[str, dict[str, Any]] = {}
        self.notes: list[dict[str, Any]] = []
        self.parents: dict[str, str] = {}
        self.blocked: set[str] = set()
        self.profiles: list[Any] = []
        self.fake = Fake(
            {
                "listNotifications": lambda request: {"notifications": self.notes},
                "getPostThread": self._thread,
                "getPosts": self._posts,
                "getProfiles": lambda request: {"profiles": self.profiles},
                "getAuthorFeed": self._feed,
                "getRecord": failed(400, "RecordNotFound"),
            }
        )

    def post(self, rkey: str, did: str = STRANGER, *, parent: str = "", **more: Any) -> str:
        uri = post_uri(rkey, did)
        above = self.posts.get(parent, {}).get("record", {}).get("reply", {}).get("root", {}).get("uri")
        self.posts[uri] = view(uri, rkey, parent=parent, root=above or parent, **more)
        self.parents[uri] = parent
        if parent in self.posts:
            self.posts[parent]["replyCount"] += 1
        return uri

    def note(self, uri: str, reason: str = "reply", **more: Any) -> None:
        known = self.posts.get(uri) or view(uri)
        self.notes.append({key: known[key] for key in ("uri", "cid", "author", "record", "indexedAt")})
        self.notes[-1].update(reason=reason, **more)

    def _below(self, uri: str) -> list[str]:
        return [below for below, parent in self.parents.items() if parent == uri]

    def _node(self, uri: str, depth: int) -> dict[str, Any]:
        if uri in self.blocked:
            return {"uri": uri, "blocked": True, "author": {"did": STRANGER}}
        node: dict[str, Any] = {"post": self.posts[uri]}
        if depth > 0:
            node["replies"] = [self._node(below, depth - 1) for below in self._below(uri)]
        return node

    def _thread(self, request: httpx.Request) -> Any:
        asked = params(request)
        uri = asked["uri"]
        if uri not in self.posts:
            return failed(400, "NotFound", f"Post not found: {uri}")
        top = node = self._node(uri, min(int(asked["depth"]), self.cut))
        for _ in range(min(int(asked["parentHeight"]), self.cut)):
            parent = self.parents[uri]
            if not parent:
                break
            if parent not in self.posts:
                node["parent"] = {"uri": parent, "notFound": True}
                break
            node["parent"] = {"post": self.posts[parent]}
            node, uri = node["parent"], parent
        return {"thread": top}

    def _posts(self, request: httpx.Request) -> Any:
        uris = request.url.params.get_list("uris")
        assert len(uris) <= 25
        return {"posts": [self.posts[u] for u in uris if u in self.posts and u not in self.blocked]}

    def _feed(self, request: httpx.Request) -> Any:
        return {"feed": [{"post": post} for uri, post in self.posts.items() if f"//{DID}/" in uri]}

    def fetch(self, cursor: Mapping[str, Any] | None = None) -> Batch:
        return Bluesky().fetch(self.fake.session(), cursor or {}, since=SINCE)

    def items(self) -> dict[str, Item]:
        return {item.remote_id: item for item in self.fetch().items}


@pytest.mark.parametrize("cut", [1000, 100, 80, 10])
@pytest.mark.parametrize("beginner", [DID, OTHER])
def test_a_conversation_of_two_hundred_levels_arrives_whole(cut: int, beginner: str) -> None:
    net = Network(cut=cut)
    last = root = net.post("root", beginner)
    for level in range(200):
        last = net.post(f"level{level}", (STRANGER, DID)[level % 2] if level % 7 else OTHER, parent=last)
    last = net.post("last", parent=last)
    net.note(last)
    found = net.items()
    assert set(found) >= {last, root}
    if cut >= 80 or beginner == DID:
        assert len(found) == 202
    assert {item.thread_id for item in found.values()} == {root}
    assert found[last].addressed


def test_of_a_strangers_thread_only_what_concerns_us_is_addressed() -> None:
    net = Network()
    root = net.post("root", OTHER)
    net.post("aside", STRANGER, parent=root)
    ours = net.post("ours", DID, parent=root)
    answer = net.post("answer", STRANGER, parent=ours)
    unheard = net.post("unheard", OTHER, parent=ours)
    net.note(answer)
    found = net.items()
    assert {uri for uri, item in found.items() if item.addressed} == {answer, unheard}
    assert found[ours].ours
    assert set(found) == {root, ours, answer, unheard}, "a neighbour's branch is not ours to read"


def test_an_answer_without_notification_is_found_under_our_own_post() -> None:
    net = Network()
    root = net.post("root", DID)
    silent = net.post("silent", parent=root)
    batch = net.fetch()
    assert {item.remote_id: item.addressed for item in batch.items} == {root: False, silent: True}
    net.fake.asked.clear()
    assert net.fetch(batch.cursor).items == []
    assert "getAuthorFeed" not in net.fake.asked


def test_many_silent_threads_are_read_a_few_at_a_time() -> None:
    net = Network()
    wanted = {net.post(f"a{n}", parent=net.post(f"p{n}", DID)) for n in range(25)}
    found: set[str] = set()
    cursor: Mapping[str, Any] = {}
    for _ in range(3):
        batch = net.fetch(cursor)
        found |= {item.remote_id for item in batch.items}
        cursor = batch.cursor
    assert wanted <= found
    assert not batch.more


def test_a_mention_delivered_hours_late_below_many_likes_is_found() -> None:
    net = Network()

    def listing(request: httpx.Request) -> Any:
        # The plain list shows only what stands above the late one.
        return {
            "notifications": [n for n in net.notes if n["reason"] in request.url.params.get_list("reasons")]
        }

    net.fake.methods["listNotifications"] = listing
    net.note(net.post("told before"), "mention")
    first = net.fetch({})
    late = net.post("late", OTHER)
    net.note(late, "mention")
    assert net.fetch(first.cursor).items == []
    later = {**first.cursor, "swept": (NOW - timedelta(hours=1)).isoformat()}
    second = net.fetch(later)
    assert [(item.remote_id, item.addressed) for item in second.items] == [(late, True)]
    assert net.fetch({**second.cursor, "swept": ""}).items == []


def test_old_answers_in_a_thread_open_no_case_again() -> None:
    net = Network()
    long_ago = (NOW - timedelta(days=90)).isoformat()
    root = net.post("root", DID)
    old = net.post("old", parent=root)
    new = net.post("new", parent=root)
    for uri in (root, old):
        net.posts[uri]["indexedAt"] = net.posts[uri]["record"]["createdAt"] = long_ago
    net.note(new)
    found = net.items()
    assert (found[old].addressed, found[new].addressed) == (False, True)


def test_an_answer_dated_before_its_question_is_as_old_as_the_question() -> None:
    net = Network()
    root = net.post("root", DID)
    wrong = net.post("wrong", parent=root)
    net.posts[wrong]["indexedAt"] = net.posts[wrong]["record"]["createdAt"] = "2023-01-01T00:00:00Z"
    found = net.items()
    assert found[wrong].created_at == found[root].created_at
    assert found[wrong].addressed


def test_deleted_and_blocked_posts_leave_gaps_and_nothing_worse() -> None:
    net = Network()
    root = net.post("root", DID)
    net.blocked.add(net.post("blocked", parent=root))
    shown = net.post("shown", parent=root)
    lost = net.post("lost", parent=post_uri("deleted"))
    net.note(shown)
    net.note(lost)
    assert set(net.items()) == {root, shown, lost}


def test_reactions_point_at_what_they_refer_to() -> None:
    net = Network()
    root = net.post("root", OTHER)
    ours = net.post("ours", DID, parent=root)
    net.notes = [
        {
            "uri": f"at://{STRANGER}/{kind}/1",
            "cid": "c",
            "author": author(),
            "reason": reason,
            "record": {},
            "indexedAt": NOW.isoformat(),
            **({"reasonSubject": ours} if reason != "follow" else {}),
        }
        for reason, kind in (
            ("like", "app.bsky.feed.like"),
            ("repost", "app.bsky.feed.repost"),
            ("follow", "app.bsky.graph.follow"),
            ("like-via-repost", "app.bsky.feed.like"),
            ("verified", "app.bsky.graph.verification"),
            ("something-new", "app.bsky.feed.post"),
        )
    ]
    found = {item.kind: item for item in net.items().values() if item.kind is not Kind.POST}
    assert set(found) >= {Kind.LIKE, Kind.SHARE, Kind.FOLLOW}
    assert found[Kind.LIKE].thread_id == root
    assert found[Kind.LIKE].parent_id == ours
    assert found[Kind.FOLLOW].thread_id == found[Kind.FOLLOW].remote_id


def test_a_mention_and_a_quote_are_what_they_are() -> None:
    net = Network()
    mention, quote = net.post("mention"), net.post("quote")
    feature = {"$type": "app.bsky.richtext.facet#mention", "did": DID}
    net.posts[mention]["record"]["facets"] = [{"features": [feature]}, None, 5]
    net.posts[quote]["record"]["embed"] = {"record": {"uri": post_uri("x", DID)}}
    net.note(mention, "mention")
    net.note(quote, "quote")
    found = net.items()
    assert (found[mention].kind, found[quote].kind) == (Kind.MENTION, Kind.QUOTE)
    assert found[mention].addressed
    assert found[quote].addressed


def test_followers_are_told_where_the_profile_is_known() -> None:
    net = Network()
    known = net.post("known")
    unknown = net.post("unknown", OTHER)
    net.profiles = [None, {**author(), "followersCount": 1200, "displayName": "Gast"}, {"did": 5}]
    net.note(known, "mention")
    net.note(unknown, "mention")
    found = net.items()
    assert found[known].author.followers == 1200
    assert found[unknown].author.followers is None


@pytest.mark.parametrize("trouble", [(500, {}), (502, "<html>"), (200, "<html>"), (200, "[" * 3000)])
def test_a_thread_that_cannot_be_read_does_not_stop_the_others(trouble: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("kuemmerer.networks.session.time.sleep", lambda seconds: None)
    net = Network()
    uri = net.post("a")
    net.note(uri)
    net.fake.methods |= {"getPostThread": trouble, "getProfiles": trouble, "getAuthorFeed": trouble}
    assert set(net.items()) == {uri}


def test_the_networks_wish_to_slow_down_is_not_passed_over() -> None:
    net = Network()
    net.note(net.post("a"))
    net.fake.methods["getPostThread"] = (429, {})
    with pytest.raises(TryLater):
        net.fetch()


# -- refresh


def test_refresh_tells_gone_from_merely_hidden() -> None:
    net = Network()
    here, hidden, lost = net.post("here"), net.post("hidden"), post_uri("lost")
    net.blocked.add(hidden)
    mine = post_uri("mine", DID)
    net.fake.methods["getRecord"] = lambda request: (
        {"uri": mine, "cid": "c", "value": {}}
        if params(request)["rkey"] == "mine"
        else failed(400, "RecordNotFound")
    )
    ids = [
        here,
        hidden,
        lost,
        mine,
        post_uri("never", DID),
        f"at://{STRANGER}/app.bsky.feed.like/1",
        "nonsense",
    ]
    batch = Bluesky().refresh(net.fake.session(), ids)
    assert [item.remote_id for item in batch.items] == [here]
    assert set(batch.gone) == {lost, post_uri("never", DID)}


# -- malformed views

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.sampled_from(
    [
        "uri",
        "cid",
        "author",
        "record",
        "reason",
        "indexedAt",
        "reasonSubject",
        "reply",
        "facets",
        "embed",
        "langs",
    ]
)


@settings(deadline=None)
@given(st.dictionaries(KEYS, JSON), st.dictionaries(KEYS, JSON), st.dictionaries(KEYS, JSON))
def test_one_broken_record_never_loses_the_batch(
    note: dict[str, Any], inside: dict[str, Any], said: dict[str, Any]
) -> None:
    net = Network()
    good = net.post("good")
    broken = net.post("broken")
    net.posts[broken]["record"] = {**net.posts[broken]["record"], **inside}
    net.note(good)
    net.note(broken)
    net.notes[-1].update(note)
    net.posts[good]["author"] = {**author(), **{k: v for k, v in said.items() if k != "did"}}
    assert good in net.items()


@given(JSON, JSON)
def test_whatever_a_view_holds_it_is_an_item_or_none(record: Any, who: Any) -> None:
    reader = Reader(DID, NOW)
    strange = {"uri": post_uri("x"), "author": author(), "record": record, "indexedAt": who}
    item = reader.post(strange)
    assert item is not None
    assert item.created_at <= NOW
    assert reader.post({"uri": post_uri("x"), "author": who}) is None or isinstance(who, dict)


def test_text_is_cleaned_and_raw_can_be_stored() -> None:
    strange = view(post_uri("x"), "a\x00b\ud800c\r\n\r\n\r\n\r\nd <b>&amp;</b>")
    strange["record"]["\x00key"] = ["\x00", {"deep": "\udfff"}, float("nan")]
    item = Reader(DID, NOW).post(strange)
    assert item is not None
    assert item.text == "abc\n\nd <b>&amp;</b>"
    assert item.raw["record"]["key"] == ["", {"deep": ""}, None]


def test_a_record_of_megabytes_is_cut_and_not_kept() -> None:
    item = Reader(DID, NOW).post(view(post_uri("x"), "ä" * 5_000_000))
    assert item is not None
    assert len(item.text) == 100_000
    assert set(item.raw) == {"cid"}


def test_a_picture_without_words_shows_its_description() -> None:
    silent = view(post_uri("x"), "")
    silent["record"]["embed"] = {"images": [{"alt": "Ein rotes Quadrat"}, {"alt": None}]}
    item = Reader(DID, NOW).post(silent)
    assert item is not None
    assert item.text == "Ein rotes Quadrat"
