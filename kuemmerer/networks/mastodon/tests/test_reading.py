from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import httpx
import pytest

from kuemmerer.networks.base import Item, Kind, Person, Target, Visibility
from kuemmerer.networks.errors import AuthExpired, TryLater
from kuemmerer.networks.mastodon import Mastodon
from kuemmerer.networks.mastodon.tests.fake import ERNA, ME, NOW, SINCE, FakeMastodon
from kuemmerer.networks.mastodon.threads import MOST_CALLS

MASTODON = Mastodon()


def sync(
    server: FakeMastodon, cursor: Mapping[str, Any] | None = None, **settings: Any
) -> tuple[dict[str, Item], Mapping[str, Any]]:
    """All that comes until there is no more, and the cursor after it."""
    found: dict[str, Item] = {}
    cursor = cursor or {}
    for _ in range(100):
        batch = MASTODON.fetch(server.session(**settings), cursor, since=SINCE)
        found |= {item.remote_id: item for item in batch.items}
        cursor = batch.cursor
        if not batch.more:
            return found, cursor
    raise AssertionError("`more` never ends")


def mentions(
    server: FakeMastodon, count: int, *, first: int = 0, ago: timedelta = timedelta(hours=2)
) -> list[str]:
    ids = [f"s{number:04}" for number in range(first, first + count)]
    for number, status_id in enumerate(ids, start=first):
        at = NOW - ago + timedelta(milliseconds=number)
        server.write(status_id, f"@desk Frage {number}", at=at, replies_count=0)
        server.notify(f"n{number:04}", "mention", status_id, at=at)
    return ids


@pytest.mark.parametrize("min_id_is_since_id", [False, True])
@pytest.mark.parametrize("count", [1, 29, 30, 31, 95])
@pytest.mark.parametrize("ago", [timedelta(hours=2), timedelta(seconds=5)], ids=["settled", "young"])
def test_everything_new_arrives_whatever_the_server_takes_min_id_for(
    ago: timedelta, count: int, min_id_is_since_id: bool
) -> None:
    server = FakeMastodon(min_id_is_since_id=min_id_is_since_id)
    mentions(server, 1, ago=ago)
    _first, cursor = sync(server)
    new = mentions(server, count, first=1, ago=ago)
    found, cursor = sync(server, cursor)
    assert set(found) == set(new)
    found, cursor = sync(server, cursor)
    assert found == {}
    later = mentions(server, 2, first=count + 1, ago=ago)
    assert set(sync(server, cursor)[0]) == set(later)


@pytest.mark.parametrize("min_id_is_since_id", [False, True])
@pytest.mark.parametrize("first", [0, 1], ids=["while the past is read", "afterwards"])
@pytest.mark.parametrize("many", [3, 40])
def test_a_mention_that_appears_below_newer_ones_is_not_lost(
    many: int, first: int, min_id_is_since_id: bool
) -> None:
    server = FakeMastodon(min_id_is_since_id=min_id_is_since_id)
    mentions(server, 1)
    cursor = sync(server)[1] if first else None
    young = mentions(server, many, first=1, ago=timedelta(seconds=5))
    late = server.notifications.pop(-2)
    found, cursor = sync(server, cursor)
    assert set(young) - set(found) == {late["status"]["id"]}
    server.notifications.insert(-1, late)
    assert set(sync(server, cursor)[0]) == {late["status"]["id"]}


def test_what_arrives_while_the_past_is_read_is_not_lost() -> None:
    server = FakeMastodon()
    old = mentions(server, 70)
    batch = MASTODON.fetch(server.session(), {}, since=SINCE)
    assert batch.more
    assert batch.reached is not None
    new = mentions(server, 35, first=70)
    found, _cursor = sync(server, batch.cursor)
    assert {item.remote_id for item in batch.items} | set(found) == {*old, *new}


def test_the_past_ends_at_since() -> None:
    server = FakeMastodon()
    server.write("old", "@desk längst beantwortet", at=SINCE - timedelta(days=1))
    server.notify("1", "mention", "old", at=SINCE - timedelta(days=1))
    server.write("new", "@desk neu")
    server.notify("2", "mention", "new")
    assert set(sync(server)[0]) == {"new"}


def test_before_the_first_notification_nothing_is_missed() -> None:
    server = FakeMastodon()
    found, cursor = sync(server)
    assert found == {}
    new = mentions(server, 40)
    assert set(sync(server, cursor)[0]) == set(new)


@pytest.mark.parametrize(
    "ids", [("9007199254740993", "9007199254740995"), ("AtIzaYzzW2cHmVp0hM", "AtJ1bQbcFXwwJqfTXU")]
)
def test_ids_are_taken_as_they_are(ids: tuple[str, str]) -> None:
    server = FakeMastodon()
    server.write(ids[0], "@desk eins")
    server.notify(ids[0], "mention", ids[0])
    found, cursor = sync(server)
    assert set(found) == {ids[0]}
    assert cursor["newest"] == ids[0]
    server.write(ids[1], "@desk zwei", to=ids[0])
    server.notify(ids[1], "mention", ids[1])
    assert sync(server, cursor)[0][ids[1]].parent_id == ids[0]


def test_a_number_too_large_for_a_float_stays_itself() -> None:
    server = FakeMastodon()
    status = server.write("x", "@desk Zahl", replies_count=0)
    status["id"] = 9007199254740993
    server.notify("1", "mention", "x")
    assert set(sync(server)[0]) == {"9007199254740993"}


def test_the_digits_that_snac_changes_on_an_edit_are_left_out() -> None:
    server = FakeMastodon()
    digest = "e1bb45a74332ac076ebb396f89478167"
    status = server.write("x", "@desk neu", replies_count=0)
    for digits in ("1795356637", "1795356642"):
        status["id"] = digits + digest
        server.notify(digits, "mention", "x")
    assert set(sync(server)[0]) == {"0000000000" + digest}


def test_a_conversation_200_deep_is_read_from_its_root() -> None:
    server = FakeMastodon()
    server.write("0", "Neues", by=ME)
    for number in range(1, 201):
        server.write(str(number), "weiter", to=str(number - 1), by=ERNA if number % 2 else ME)
    server.statuses["200"]["mentions"] = [{"id": "1", "acct": "desk"}]
    server.statuses["200"]["account"] = ERNA
    server.notify("n1", "mention", "200")
    found, _cursor = sync(server)
    assert len(found) == 201
    assert {item.thread_id for item in found.values()} == {"0"}
    assert found["200"].addressed
    assert found["1"].addressed, "an answer to our own status, though nobody told us"
    assert found["0"].ours
    assert not found["0"].addressed
    contexts = [path for path in server.asked if path.endswith("/context")]
    assert len(contexts) <= 4


def test_strangers_talking_to_each_other_are_read_and_not_answered() -> None:
    server = FakeMastodon()
    other = {**ERNA, "id": "3", "acct": "otto"}
    server.write("1", "Wer kennt einen guten Laden?", by=other)
    server.write("2", "Ich nicht", to="1")
    server.write("3", "@desk vielleicht?", to="1")
    server.notify("n", "mention", "3")
    found, _cursor = sync(server)
    assert [(i.remote_id, i.kind, i.addressed) for i in found.values()] == [
        ("1", Kind.POST, False),
        ("2", Kind.COMMENT, False),
        ("3", Kind.MENTION, True),
    ]
    assert {item.thread_id for item in found.values()} == {"1"}


def test_an_answer_that_mentions_nobody_is_found() -> None:
    server = FakeMastodon()
    server.write("1", "Neues", by=ME)
    _found, cursor = sync(server)
    server.write("2", "Schön!", to="1")
    found, cursor = sync(server, cursor)
    assert found["2"].addressed
    assert found["2"].kind == Kind.COMMENT
    assert sync(server, cursor)[0] == {}


def test_old_answers_to_an_old_post_are_no_news() -> None:
    server = FakeMastodon()
    long_ago = SINCE - timedelta(days=300)
    server.write("1", "Altes", by=ME, at=long_ago)
    server.write("2", "Frage von damals", to="1", at=long_ago)
    found, cursor = sync(server)
    assert found == {}
    server.write("3", "Frage von heute", to="1")
    found, cursor = sync(server, cursor)
    assert found["3"].addressed
    assert not found["2"].addressed


def test_reactions_and_private_messages_are_named_as_such() -> None:
    server = FakeMastodon()
    server.write("1", "Neues", by=ME)
    server.write("2", "@desk vertraulich", visibility="direct", replies_count=0)
    server.write("3", "Seht euch das an", quote={"quoted_status": {"id": "1"}}, replies_count=0)
    for number, (kind, status_id) in enumerate(
        [("favourite", "1"), ("favourite", "1"), ("reblog", "1"), ("follow", ""), ("poll", "1")]
    ):
        server.notify(f"a{number}", kind, status_id)
    server.notify("b", "mention", "2")
    server.notify("c", "quote", "3")
    found, _cursor = sync(server)
    kinds = sorted(item.kind for item in found.values())
    assert kinds == [Kind.FOLLOW, Kind.LIKE, Kind.MESSAGE, Kind.POST, Kind.QUOTE, Kind.SHARE]
    assert found["like:2:1"].thread_id == "1"
    assert found["2"].visibility == Visibility.DIRECT
    assert found["3"].parent_id == "1"


@pytest.mark.parametrize(
    "broken",
    [
        {"id": None},
        {"id": "x"},
        {"id": "x", "type": "mention"},
        {"id": "x", "type": "mention", "account": None, "status": None},
        {"id": "x", "type": "mention", "status": {"id": "7"}},
        {"id": "x", "type": "mention", "status": {"id": "7", "account": 5, "content": 3, "mentions": "no"}},
        {"id": "x", "type": "favourite", "status": [], "account": "?"},
        {"id": "x", "type": "mention", "created_at": "yesterday", "status": {"id": "7", "content": None}},
        {"id": "x", "type": 5},
    ],
)
def test_one_malformed_notification_harms_no_other(broken: dict[str, Any]) -> None:
    server = FakeMastodon()
    mentions(server, 1)
    server.notifications.append(broken)
    mentions(server, 1, first=1)
    found, _cursor = sync(server)
    assert {"s0000", "s0001"} <= set(found)
    if str(broken.get("type")) in {"mention", "favourite"}:
        assert len(found) == 3, "what could be kept is kept"


def test_more_conversations_than_one_fetch_may_ask_for_come_with_the_next() -> None:
    server = FakeMastodon(page=80)
    for number in range(MOST_CALLS + 5):
        server.write(f"p{number}", "Beitrag", by={**ERNA, "id": f"9{number}", "acct": f"a{number}"})
        server.write(f"s{number}", "@desk sieh mal", to=f"p{number}")
        server.notify(f"n{number:03}", "mention", f"s{number}")
    found, _cursor = sync(server)
    assert all(found[f"s{number}"].thread_id == f"p{number}" for number in range(MOST_CALLS + 5))


def test_being_asked_to_slow_down_in_the_middle_keeps_what_there_is() -> None:
    server = FakeMastodon()
    for number in range(6):
        server.write(f"p{number}", "Beitrag")
        server.write(f"s{number}", "@desk sieh mal", to=f"p{number}")
        server.notify(f"n{number}", "mention", f"s{number}")
    left = [5]

    def limited(request: httpx.Request) -> httpx.Response | None:
        if request.url.path.endswith("/context"):
            left[0] -= 1
            return httpx.Response(429, json={"error": "Too many requests"}) if left[0] < 0 else None
        return None

    server.before = limited
    batch = MASTODON.fetch(server.session(), {}, since=SINCE)
    assert batch.more
    kept = {item.remote_id for item in batch.items}
    assert {"s5", "s4"} <= kept
    assert {item.thread_id for item in batch.items} == {"p5", "p4", "p3"}, "no root is guessed"
    with pytest.raises(TryLater):
        MASTODON.fetch(server.session(), batch.cursor, since=SINCE)
    left[0] = 1000
    rest, _cursor = sync(server, batch.cursor)
    assert kept | set(rest) == set(server.statuses)


def test_one_conversation_that_never_loads_does_not_hold_up_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("kuemmerer.networks.session.SAFE_RETRIES", 0)
    server = FakeMastodon()
    server.write("p", "Beitrag")
    server.write("s", "@desk sieh mal", to="p")
    server.notify("a", "mention", "s")
    mentions(server, 1)

    def broken(request: httpx.Request) -> httpx.Response | None:
        return httpx.Response(500) if request.url.path.endswith("/s/context") else None

    server.before = broken
    found: dict[str, Item] = {}
    cursor: Mapping[str, Any] = {}
    for _ in range(6):
        more, cursor = sync(server, cursor)
        found |= more
    assert {"s", "s0000"} <= set(found)


def test_a_withdrawn_token_is_no_quiet_end() -> None:
    server = FakeMastodon()
    mentions(server, 1)
    server.before = lambda request: httpx.Response(401, json={"error": "The access token was revoked"})
    with pytest.raises(AuthExpired):
        MASTODON.fetch(server.session(), {}, since=SINCE)


def test_the_account_itself_is_recognised_by_name_where_mentions_leave_it_out() -> None:
    server = FakeMastodon()
    server.write("1", "Hört auf @desk!", mentions=[], replies_count=0)
    server.write("2", "Hört auf @desk@other.example", mentions=[], to="1")
    server.write("3", "Mail an info@desk.example", mentions=[], to="1")
    server.notify("n", "favourite", "1")
    found, _cursor = sync(server, software="snac")
    assert found["1"].kind == Kind.MENTION
    batch = MASTODON.refresh(server.session(software="snac", bulk=False), ["2", "3"])
    assert [item.addressed for item in batch.items] == [False, False]


def test_what_snac_calls_private_is_a_message() -> None:
    server = FakeMastodon()
    server.write("1", "@desk vertraulich", visibility="private", language="en", replies_count=0)
    server.notify("n", "mention", "1")
    item = sync(server, software="snac")[0]["1"]
    assert (item.kind, item.visibility, item.language) == (Kind.MESSAGE, Visibility.DIRECT, "")
    assert sync(server)[0]["1"].visibility == Visibility.FOLLOWERS


# ---- refresh


def test_refresh_tells_the_edited_from_the_gone() -> None:
    server = FakeMastodon()
    server.write("1", "Neues", by=ME)
    server.write("2", "jetzt anders", to="1", edited_at="2026-11-20T12:05:00.000Z")
    batch = MASTODON.refresh(server.session(), ["2", "3", "like:2:1", "2"])
    assert [(i.remote_id, i.text, i.thread_id) for i in batch.items] == [("2", "jetzt anders", "1")]
    assert batch.items[0].edited_at is not None
    assert list(batch.gone) == ["3"]


def test_a_server_that_lost_its_way_makes_nothing_gone() -> None:
    server = FakeMastodon()
    server.before = lambda request: httpx.Response(404, text="<h1>Not Found</h1>")
    with pytest.raises(Exception, match="gone"):
        MASTODON.refresh(server.session(), ["1", "2"])


def test_a_status_we_may_not_see_is_not_gone() -> None:
    server = FakeMastodon()
    server.before = lambda request: httpx.Response(403, json={"error": "This action is not allowed"})
    assert not MASTODON.refresh(server.session(bulk=False), ["1"]).gone


# ---- what an answer begins with


def test_an_answer_names_all_who_took_part_and_never_ourselves() -> None:
    server = FakeMastodon()
    server.write("1", "@desk @otto was meint ihr?", replies_count=0)
    server.statuses["1"]["mentions"] += [{"id": "0", "acct": "otto"}, {"id": "1", "acct": "desk@example.org"}]
    server.notify("n", "mention", "1")
    item = sync(server)[0]["1"]
    target = Target(remote_id="1", thread_id="1", author=item.author, raw=item.raw)
    assert MASTODON.reply_text(target, "Ja.") == "@erna@far.example @otto Ja."
    assert MASTODON.reply_text(target, "@erna@far.example @otto Ja.") == "@erna@far.example @otto Ja."
    bare = Target(remote_id="1", thread_id="1", author=Person(remote_id="x", handle="erna@far.example"))
    assert MASTODON.reply_text(bare, "Ja.") == "@erna@far.example Ja."
