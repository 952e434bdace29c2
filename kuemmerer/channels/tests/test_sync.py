"""What a channel's sync brings in, how often it comes, and what it does in trouble."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from kuemmerer.channels import connections, interactions, sweeps, sync
from kuemmerer.channels.models import Author, Channel, Interaction, Thread
from kuemmerer.networks.base import Batch, Item, Kind, Person, Status
from kuemmerer.networks.demo import Demo
from kuemmerer.networks.errors import AuthExpired, Rejected, TryLater
from kuemmerer.networks.session import RateLimit, Session
from tests.factories import MONDAY, Clock, Desk

ADA = Person(remote_id="ada", handle="ada", name="Ada")


def item(number: int | str = 1, **more: Any) -> Item:
    fields = {"kind": Kind.COMMENT, "thread_id": "post", "author": ADA, "created_at": MONDAY, "text": "Hallo"}
    return Item(remote_id=f"c{number}", **{**fields, **more})


def fetching(monkeypatch: pytest.MonkeyPatch, answer: Callable[..., Batch]) -> None:
    monkeypatch.setattr(Demo, "fetch", lambda self, session, cursor, *, since: answer(session, dict(cursor)))


def failing(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fails(*args: Any) -> Batch:
        raise error

    fetching(monkeypatch, fails)


# --- what comes in


def test_what_is_written_comes_in_once(desk: Desk) -> None:
    uid = desk.says("Guten Morgen")
    assert desk.fetch() == 2, "the post and the comment"
    found = desk.interaction(uid)
    assert (found.text, found.kind, found.author.name, found.ours) == (
        "Guten Morgen",
        "comment",
        "Ada Krüger",
        False,
    )
    assert found.thread.remote_id == desk.post
    assert desk.fetch() == 0
    assert Interaction.objects.count() == 2


def test_an_edit_changes_the_text_and_gets_a_new_number(desk: Desk, time: Clock) -> None:
    uid = desk.says("Guten Morgne")
    desk.fetch()
    before = desk.interaction(uid)
    time.forward(minutes=1)
    desk.village.edit(uid, "Guten Morgen", now=time.now)
    assert desk.fetch() == 1
    after = desk.interaction(uid)
    assert (after.text, after.edited_at) == ("Guten Morgen", time.now)
    assert after.seq > before.seq
    assert after.created_at == before.created_at


def test_what_is_deleted_there_is_marked_here_and_kept(desk: Desk, time: Clock) -> None:
    uid = desk.says()
    desk.fetch()
    time.forward(minutes=1)
    desk.village.remove(uid, now=time.now)
    assert desk.fetch() == 1
    assert desk.interaction(uid).deleted_at == time.now
    assert desk.fetch() == 0


def test_what_was_deleted_and_comes_back_is_there_again(desk: Desk) -> None:
    interactions.store(channel=desk.channel, items=[item()], now=desk.now())
    interactions.store(channel=desk.channel, items=[], gone=["c1"], now=desk.now())
    stored = interactions.store(channel=desk.channel, items=[item()], now=desk.now())
    assert (stored.new, stored.changed) == (0, 1)
    assert desk.interaction("c1").deleted_at is None


def test_the_same_batch_twice_changes_nothing(desk: Desk) -> None:
    batch = [item(number, text=f"Nr. {number}") for number in range(5)]
    first = interactions.store(channel=desk.channel, items=batch, gone=["nobody"], now=desk.now())
    before = list(Interaction.objects.order_by("pk").values())
    state = desk.state
    second = interactions.store(channel=desk.channel, items=batch, gone=["nobody"], now=desk.now())
    assert (first.new, first.changed, second.new, second.changed) == (5, 0, 0, 0)
    assert list(Interaction.objects.order_by("pk").values()) == before
    assert (desk.state.seq, desk.state.fetched) == (state.seq, state.fetched)


def test_the_same_thing_twice_in_one_batch_is_one_thing(desk: Desk) -> None:
    stored = interactions.store(channel=desk.channel, items=[item(), item(text="Neuer")], now=desk.now())
    assert stored.new == 1
    assert desk.interaction("c1").text == "Neuer"


def test_what_is_there_and_gone_in_one_batch_is_gone(desk: Desk) -> None:
    interactions.store(channel=desk.channel, items=[item(1), item(2)], gone=["c2"], now=desk.now())
    interactions.store(channel=desk.channel, items=[item(1, text="Neu")], gone=["c1", "c1"], now=desk.now())
    assert [desk.interaction(uid).deleted_at for uid in ("c1", "c2")] == [desk.now()] * 2
    assert sorted(Interaction.objects.values_list("seq", flat=True))[-1] == desk.state.seq


def test_ids_that_differ_only_beyond_what_is_kept_do_not_break_the_batch(desk: Desk) -> None:
    long = "x" * 1200
    interactions.store(
        channel=desk.channel, items=[item(long + "1"), item(long + "2"), item()], now=desk.now()
    )
    assert Interaction.objects.count() == 2


def test_an_author_is_known_since_their_earliest_words_though_the_past_comes_in_backwards(desk: Desk) -> None:
    for number, days in enumerate((2, 9, 5), 1):
        earlier = item(number, created_at=desk.now() - timedelta(days=days))
        interactions.store(channel=desk.channel, items=[earlier], now=desk.now())
    author = Interaction.objects.filter(channel=desk.channel).first().author  # type: ignore[union-attr]
    assert author.first_seen_at == desk.now() - timedelta(days=9)


def test_everything_a_hostile_network_may_say_is_stored_without_harm(desk: Desk) -> None:
    nasty = "a\x00b\ud800c"
    stored = interactions.store(
        channel=desk.channel,
        items=[
            item(
                nasty,
                text=nasty,
                title=nasty * 300,
                url="javascript:alert(1)",
                language=nasty,
                parent_id=nasty,
                thread_id=nasty,
                author=Person(
                    remote_id=nasty,
                    handle=nasty * 100,
                    name=nasty * 100,
                    url="https://example.org/\x00",
                    about="x" * 9000,
                    followers=2**70,
                ),
                raw={nasty: [nasty, float("nan"), float("inf"), {"deep": nasty}], "n": 2**70, "ok": 1.5},
                created_at=desk.now() + timedelta(days=400),
            ),
            item(2),
        ],
        now=desk.now(),
    )
    assert stored.new == 2
    found = Interaction.objects.exclude(remote_id="c2").get()
    assert (found.remote_id, found.text, found.url) == ("cabc", "abc", "")
    assert found.created_at == desk.now() + interactions.CLOCK_SKEW, (
        "their clock must not reach into our future"
    )
    assert found.author.url == ""
    assert found.raw["ok"] == 1.5
    again = interactions.store(
        channel=desk.channel, items=[item(nasty, text=nasty, title=nasty * 300)], now=desk.now()
    )
    assert (again.new, again.changed) == (0, 0)


def test_five_megabytes_of_comment_become_a_hundred_thousand_characters(desk: Desk) -> None:
    interactions.store(channel=desk.channel, items=[item(text="ä " * 2_500_000)], now=desk.now())
    assert len(desk.interaction("c1").text) == 100_000


def test_an_author_keeps_what_the_network_leaves_out_this_time(desk: Desk) -> None:
    full = Person(remote_id="ada", handle="ada", name="Ada", about="Isst Brot", followers=7)
    interactions.store(channel=desk.channel, items=[item(author=full)], now=desk.now())
    interactions.store(
        channel=desk.channel, items=[item(2, author=Person(remote_id="ada", name="Ada K."))], now=desk.now()
    )
    author = Author.objects.get()
    assert (author.name, author.handle, author.about, author.followers) == ("Ada K.", "ada", "Isst Brot", 7)


def test_what_came_as_context_and_turns_out_to_be_for_us_becomes_ours_to_answer(desk: Desk) -> None:
    interactions.store(channel=desk.channel, items=[item(addressed=False)], now=desk.now())
    interactions.store(channel=desk.channel, items=[item(kind=Kind.MENTION)], now=desk.now())
    assert (desk.interaction("c1").addressed, desk.interaction("c1").kind) == (True, "mention")
    interactions.store(channel=desk.channel, items=[item(addressed=False, text="Edited")], now=desk.now())
    assert desk.interaction("c1").addressed, "never the reverse"


def test_numbers_go_up_strictly_and_the_feed_of_changes_is_complete(desk: Desk, time: Clock) -> None:
    seen: dict[str, str] = {}
    mark = 0
    for step in range(30):
        batch = [item(number, text=f"{number} in {step}") for number in range(step % 7, step % 7 + 4)]
        interactions.store(
            channel=desk.channel, items=batch, gone=[f"c{step % 9}"], now=time.forward(minutes=1)
        )
        changes = list(Interaction.objects.changed_since(desk.channel, mark))
        numbers = [change.seq for change in changes]
        assert numbers == sorted(set(numbers))
        assert all(number > mark for number in numbers)
        mark = numbers[-1] if numbers else mark
        seen |= {change.remote_id: (change.text, change.deleted_at) for change in changes}
    assert seen == {i.remote_id: (i.text, i.deleted_at) for i in Interaction.objects.all()}
    assert desk.state.seq == mark


@pytest.mark.django_db(transaction=True)
def test_who_reads_the_feed_while_others_write_misses_nothing(busy_desk: Desk, time: Clock) -> None:
    channel = busy_desk.channel
    stop = threading.Event()
    errors: list[BaseException] = []
    seen: list[int] = []

    def guarded(work: Callable[[], None]) -> Callable[[], None]:
        def run() -> None:
            try:
                work()
            except BaseException as error:  # noqa: BLE001 - raised in the main thread
                errors.append(error)
            finally:
                connection.close()

        return run

    def writes(who: int) -> Callable[[], None]:
        def work() -> None:
            for step in range(12):
                batch = [item(f"{who}-{step}-{n}", thread_id=f"t{n}") for n in range(3)] + [
                    item("both", text=f"{who}{step}")
                ]
                interactions.store(channel=Channel.objects.get(pk=channel.pk), items=batch, now=time.now)

        return guarded(work)

    def reads() -> None:
        last = False
        while True:
            changes = list(Interaction.objects.changed_since(channel, seen[-1] if seen else 0))
            seen.extend(change.seq for change in changes)
            if last:
                return
            last = stop.is_set()

    writers = [threading.Thread(target=writes(who)) for who in range(3)]
    reader = threading.Thread(target=guarded(reads))
    for thread in (reader, *writers):
        thread.start()
    for thread in writers:
        thread.join(60)
    stop.set()
    reader.join(60)
    assert not errors
    final = set(Interaction.objects.filter(channel=channel).values_list("seq", flat=True))
    assert final <= set(seen)
    assert seen == sorted(seen)
    assert Interaction.objects.filter(channel=channel).count() == 3 * 12 * 3 + 1
    assert Thread.objects.filter(channel=channel).count() == 4


def test_what_the_desk_does_at_the_network_is_a_numbered_change(desk: Desk) -> None:
    uid = desk.says()
    desk.fetch()
    before = desk.state.seq
    interactions.changed_by_us(desk.interaction(uid), liked=True)
    assert (desk.interaction(uid).liked, desk.interaction(uid).seq, desk.state.seq) == (
        True,
        before + 1,
        before + 1,
    )


# --- the cursor


def test_a_page_and_its_cursor_are_stored_together_or_not_at_all(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.fetch()
    before = desk.state.cursor
    uid = desk.says()
    store = interactions.store
    monkeypatch.setattr(interactions, "store", lambda **kwargs: store(**kwargs) and 1 / 0)
    desk.fetch()
    assert desk.state.cursor == before
    assert not Interaction.objects.filter(remote_id=uid).exists()
    assert (desk.state.problem, desk.state.failures, desk.state.lease) == ("bad_answer", 1, "")
    monkeypatch.undo()
    assert desk.fetch() == 1
    assert (desk.state.problem, desk.state.failures) == ("", 0)


def test_who_has_lost_the_lease_stores_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def stolen(session: Any, cursor: Any) -> Batch:
        Channel.objects.update(lease="somebody else")
        return Batch(items=[item()], cursor={"at": 9})

    fetching(monkeypatch, stolen)
    assert desk.fetch() == 0
    assert not Interaction.objects.exists()
    assert (desk.state.cursor, desk.state.lease, desk.state.synced_at) == ({}, "somebody else", None)


def test_a_channel_whose_worker_died_is_taken_after_its_lease(desk: Desk, time: Clock) -> None:
    assert sync.claim(time.now) is not None
    assert sync.claim(time.now) is None
    time.forward(seconds=91)
    assert sync.claim(time.now) is not None


@pytest.mark.parametrize("state", [Channel.State.PAUSED, Channel.State.RECONNECT])
def test_only_connected_channels_are_synced(desk: Desk, state: str) -> None:
    Channel.objects.update(state=state)
    assert sync.due(desk.now()) == 0
    assert desk.fetch() == 0
    assert desk.state.synced_at is None


def test_all_pages_are_fetched_at_once(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def pages(session: Any, cursor: dict[str, int]) -> Batch:
        page = cursor.get("page", 0) + 1
        return Batch(items=[item(page)], cursor={"page": page}, more=page < 5)

    fetching(monkeypatch, pages)
    desk.fetch()
    assert Interaction.objects.count() == 5
    assert desk.state.cursor == {"page": 5}


def test_paging_that_runs_in_a_circle_ends(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def circle(session: Any, cursor: dict[str, int]) -> Batch:
        calls.append(cursor)
        return Batch(items=[item()], cursor={"page": (cursor.get("page", 0) + 1) % 3}, more=True)

    fetching(monkeypatch, circle)
    desk.fetch()
    assert len(calls) <= 5


# --- how often


def test_a_busy_channel_is_asked_oftener_and_a_quiet_one_less_often_within_bounds(
    desk: Desk, time: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Demo, "slowest_sync", 900)
    monkeypatch.setattr(Demo, "can", Demo.can.__class__(reply=True))
    waits = []
    for _ in range(14):
        desk.fetch()
        waits.append((desk.state.next_sync_at - time.now).total_seconds())
        time.to(desk.state.next_sync_at)
    assert waits[1:] == sorted(waits[1:])
    assert waits[-1] == 900
    for _ in range(9):
        desk.says("Noch etwas")
        desk.fetch()
        waits.append((desk.state.next_sync_at - time.now).total_seconds())
        time.to(desk.state.next_sync_at)
    assert waits[-9:] == sorted(waits[-9:], reverse=True)
    assert waits[-1] == 20
    assert all(20 <= wait <= 900 for wait in waits)


def limited(remaining: int, limit: int | None, reset_at: datetime | None) -> Callable[..., Batch]:
    def answer(session: Any, cursor: dict[str, int]) -> Batch:
        session.rate_limit = RateLimit(limit=limit, remaining=remaining, reset_at=reset_at)
        page = cursor.get("page", 0) + 1
        return Batch(items=[item(page)], cursor={"page": page}, more=page < 4)

    return answer


@pytest.mark.parametrize(("remaining", "limit"), [(29, 300), (0, 300), (0, None)])
def test_the_last_tenth_of_what_the_network_allows_is_left_for_answers(
    desk: Desk, time: Clock, monkeypatch: pytest.MonkeyPatch, remaining: int, limit: int | None
) -> None:
    reset = time.now + timedelta(minutes=10)
    fetching(monkeypatch, limited(remaining, limit, reset))
    desk.fetch()
    state = desk.state
    assert state.next_sync_at == reset
    assert state.cursor == {"page": 1}, "paging stops too"
    assert state.rate_limit == {"limit": limit, "remaining": remaining, "reset_at": reset.isoformat()}
    assert state.problem == ""


def test_a_reset_that_lies_far_away_or_behind_us_is_not_waited_for(
    desk: Desk, time: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetching(monkeypatch, limited(1, 300, time.now + timedelta(days=30)))
    desk.fetch()
    assert desk.state.next_sync_at == time.now + timedelta(hours=1)
    fetching(monkeypatch, limited(1, 300, time.now - timedelta(days=1)))
    desk.fetch()
    assert desk.state.next_sync_at - time.now <= timedelta(seconds=60)
    assert desk.state.cursor == {"page": 4}


# --- trouble


def test_a_pause_that_the_network_asks_for_is_kept(
    desk: Desk, time: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(monkeypatch, TryLater("rate_limited", "slow down", retry_after=timedelta(minutes=7)))
    desk.fetch()
    state = desk.state
    assert state.next_sync_at == time.now + timedelta(minutes=7)
    assert (state.state, state.problem, state.failures, state.lease) == ("active", "rate_limited", 1, "")
    assert "slow down" in state.problem_sentence


def test_trouble_is_met_with_growing_patience_and_ends_with_the_first_success(
    desk: Desk, time: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        failing(patch, TryLater("unreachable"))
        waits = []
        for _ in range(9):
            desk.fetch()
            waits.append((desk.state.next_sync_at - time.now).total_seconds())
    assert waits[:3] == [15, 30, 60]
    assert waits[-1] == 900
    desk.fetch()
    assert (desk.state.failures, desk.state.problem, desk.state.synced_at) == (0, "", time.now)


@pytest.mark.parametrize("error", [Rejected("no_permission"), ValueError("a fault of ours"), KeyError("id")])
def test_a_broken_connector_is_trouble_of_its_channel_and_no_crash(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    failing(monkeypatch, error)
    assert desk.fetch() == 0
    assert desk.state.failures == 1
    assert desk.state.problem in {"no_permission", "bad_answer"}
    assert desk.state.state == Channel.State.ACTIVE


@pytest.mark.parametrize("how", ["network", "key"])
def test_an_access_that_is_worth_nothing_any_more_asks_for_a_new_login(
    desk: Desk, time: Clock, settings: Any, how: str
) -> None:
    if how == "network":
        desk.village.new_token()
    else:
        settings.SECRET_KEY = "another key, thirty-two characters long or more"
    desk.fetch()
    assert (desk.state.state, desk.state.problem) == (Channel.State.RECONNECT, "revoked")
    uid = desk.says()
    connections.keep(
        actor=desk.actor, connector=Demo(), connected=desk.login(), name="Anders", days=0, now=time.now
    )
    assert desk.fetch() == 2
    assert desk.state.name != "Anders"
    assert desk.interaction(uid).text


def test_a_paused_channel_is_not_turned_to_reconnect(desk: Desk) -> None:
    connections.pause(actor=desk.actor, channel_id=desk.channel.pk, paused=True, now=desk.now())
    connections.note_problem(desk.state, AuthExpired(), used=desk.state.credential.sealed)
    assert desk.state.state == Channel.State.PAUSED


def new_login(desk: Desk) -> None:
    desk.village.new_token()
    connections.keep(
        actor=desk.actor, connector=Demo(), connected=desk.login(), name="", days=0, now=desk.now()
    )


@pytest.mark.parametrize("error", [AuthExpired(), Rejected("no_permission"), TryLater("server_error")])
def test_a_fetch_that_began_before_a_new_login_does_not_count_against_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    uid = desk.says()

    def too_late(*args: Any) -> Batch:
        new_login(desk)
        raise error

    with monkeypatch.context() as patch:
        fetching(patch, too_late)
        sync.sync(sync.claim(desk.now()) or desk.channel, desk.now())
    found = desk.state
    assert (found.state, found.problem, found.failures) == (Channel.State.ACTIVE, "", 0)
    assert (found.next_sync_at, found.lease) == (desk.now(), "")
    desk.fetch()
    assert desk.interaction(uid)


def test_a_secret_refreshed_by_a_fetch_does_not_take_the_place_of_a_new_login(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_late(session: Session, cursor: dict[str, int]) -> Batch:
        new_login(desk)
        session.store_secret({"token": "refreshed from the old one"})
        assert session.secret == {"token": "refreshed from the old one"}
        return Batch(cursor=cursor)

    fetching(monkeypatch, too_late)
    desk.fetch()
    assert desk.state.credential.open() == {"token": desk.village.token}


def test_a_failure_after_the_fetch_has_refreshed_the_secret_counts(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(session: Session, cursor: dict[str, int]) -> Batch:
        for token in ("second", "third"):
            session.store_secret({"token": token})
        raise AuthExpired

    fetching(monkeypatch, refused)
    desk.fetch()
    assert (desk.state.state, desk.state.credential.open()) == (Channel.State.RECONNECT, {"token": "third"})


def test_one_channel_in_trouble_does_not_keep_the_other_waiting(
    desk: Desk, tmp_path: Any, time: Clock
) -> None:
    other = Desk(tmp_path)
    uid = other.says()
    desk.village.fault("try_later", operation="fetch")
    Channel.objects.update(next_sync_at=time.now)
    sweeps.sync_channels(time.now)
    sweeps.sync_channels(time.forward(minutes=1))
    assert Interaction.objects.filter(remote_id=uid).exists()
    other.village.close()


# --- the backfill


def test_the_past_comes_page_by_page_and_the_bar_moves(
    desk: Desk, time: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    since = desk.channel.backfill_from
    assert desk.channel.backfill_share(time.now) == 0
    shares = []

    def pages(session: Any, cursor: dict[str, int]) -> Batch:
        shares.append(desk.state.backfill_share(time.now))
        page = cursor.get("page", 0) + 1
        reached = time.now - timedelta(days=10 * page)
        return Batch(items=[item(page)], cursor={"page": page}, more=page < 4, reached=max(reached, since))

    fetching(monkeypatch, pages)
    desk.fetch()
    assert shares == [0, 33, 66, 99]
    assert desk.state.backfill_share(time.now) is None
    assert desk.state.backfilled_at == time.now


def test_the_past_of_a_village_comes_in_completely_and_no_further_than_asked(desk: Desk, time: Clock) -> None:
    inside = [
        desk.says(f"Nr. {n}", kind="mention", at=time.now - timedelta(days=29, hours=n)) for n in range(3)
    ]
    outside = desk.says("Lange her", kind="mention", at=time.now - timedelta(days=31))
    desk.fetch()
    assert set(inside) <= set(Interaction.objects.values_list("remote_id", flat=True))
    assert not Interaction.objects.filter(remote_id=outside).exists()


# --- looking again


def test_known_items_are_looked_at_again_for_what_the_network_does_not_tell(
    desk: Desk, time: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    uid, gone = desk.says("Alt"), desk.says("Weg")
    desk.fetch()
    asked: list[list[str]] = []

    def refresh(self: Demo, session: Any, remote_ids: list[str]) -> Batch:
        asked.append(list(remote_ids))
        known = desk.interaction(uid)
        return Batch(
            items=[
                Item(
                    kind=Kind.COMMENT,
                    remote_id=uid,
                    thread_id=known.thread.remote_id,
                    author=ADA,
                    created_at=known.created_at,
                    text="Neu",
                    status=Status.HELD,
                ),
                item("a stranger's"),
            ],
            gone=[gone],
        )

    monkeypatch.setattr(Demo, "refresh", refresh)
    time.forward(minutes=3)
    desk.fetch()
    assert [sorted(ids) for ids in asked] == [sorted([uid, gone])]
    assert (desk.interaction(uid).text, desk.interaction(uid).status) == ("Neu", "held")
    assert desk.interaction(gone).deleted_at == time.now
    assert Interaction.objects.count() == 3, "only what was known is looked at"
    time.forward(minutes=1)
    desk.fetch()
    assert len(asked) == 1, "every two minutes"


def test_all_recent_items_get_their_turn_in_looking_again(
    desk: Desk, time: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    uids = [desk.says(f"Nr. {n}", kind="mention") for n in range(60)]
    desk.fetch()
    asked: list[str] = []
    refresh = Demo.refresh

    def watched(self: Demo, session: Any, remote_ids: list[str]) -> Batch:
        assert len(remote_ids) <= 25
        asked.extend(remote_ids)
        return refresh(self, session, remote_ids)

    monkeypatch.setattr(Demo, "refresh", watched)
    for _ in range(4):
        time.forward(minutes=3)
        desk.fetch()
    assert set(asked) == set(uids)
