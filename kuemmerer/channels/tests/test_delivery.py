"""A reply on its way: every transition, and after each exactly one answer in the village."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest

from kuemmerer.channels import connections
from kuemmerer.channels.delivery import State
from kuemmerer.channels.models import Channel
from kuemmerer.core.errors import Conflict, Invalid
from kuemmerer.inbox import replies
from kuemmerer.inbox.models import Reply, Status
from kuemmerer.networks.base import Delivered, Draft
from kuemmerer.networks.demo import Demo
from kuemmerer.networks.errors import OutcomeUnknown, TryLater
from kuemmerer.networks.session import Session
from tests.factories import Clock, Desk, fresh

TEXT = "Bis 18 Uhr."


class Killed(BaseException):
    """What a worker does not survive."""


def pending(desk: Desk, **more: Any) -> tuple[str, Reply]:
    uid, case = desk.asked()
    return uid, desk.reply(case, TEXT, **more)


def test_a_reply_is_delivered_and_the_case_waits_for_the_author(desk: Desk) -> None:
    uid, reply = pending(desk)
    assert desk.deliver() == 1
    reply = fresh(reply)
    assert (reply.state, reply.next_at, reply.lease, reply.attempts) == (State.DELIVERED, None, "", 1)
    assert reply.remote_id == f"comment-{reply.key}"
    assert reply.delivered_at == desk.now()
    case = fresh(reply.case)
    assert (case.status, case.due_at, case.unanswered_since) == (Status.WAITING, None, None)
    assert desk.answers(uid) == [TEXT]


def test_a_delivered_reply_is_not_touched_again(desk: Desk, time: Clock) -> None:
    uid, _ = pending(desk)
    desk.deliver()
    time.forward(days=2)
    assert desk.deliver() == 0
    assert desk.answers(uid) == [TEXT]


def test_a_reply_that_closes_closes_its_case_when_it_has_arrived(desk: Desk) -> None:
    _, reply = pending(desk, close=True)
    assert fresh(reply.case).status == Status.OPEN
    desk.deliver()
    case = fresh(reply.case)
    assert (case.status, case.closed_at) == (Status.CLOSED, desk.now())


def test_a_second_reply_can_close_a_case_that_waits_for_its_author(desk: Desk, time: Clock) -> None:
    _, reply = pending(desk)
    desk.deliver()
    time.forward(minutes=5)
    desk.reply(reply.case, "Und sonntags ab acht.", close=True)
    desk.deliver()
    assert fresh(reply.case).status == Status.CLOSED


def test_a_network_in_trouble_is_asked_again_later_with_growing_pauses(desk: Desk, time: Clock) -> None:
    uid, reply = pending(desk)
    desk.village.fault("try_later", 3)
    pauses = []
    for attempt in range(3):
        desk.deliver()
        reply = fresh(reply)
        assert (reply.state, reply.attempts, reply.problem) == (State.PENDING, attempt + 1, "server_error")
        assert desk.deliver() == 0, "not before its time"
        pauses.append(reply.next_at - time.now)
        time.to(reply.next_at)
    assert timedelta(seconds=2) < pauses[0] < pauses[1] < pauses[2] < timedelta(minutes=1)
    desk.deliver()
    assert fresh(reply).state == State.DELIVERED
    assert desk.answers(uid) == [TEXT]


def test_a_pause_that_the_network_asks_for_is_kept(desk: Desk, time: Clock) -> None:
    uid, reply = pending(desk)
    desk.village.fault("rate_limited")
    desk.deliver()
    reply = fresh(reply)
    assert timedelta(seconds=30) <= reply.next_at - time.now <= timedelta(seconds=31)
    time.forward(seconds=29)
    desk.deliver()
    assert desk.answers(uid) == []
    time.forward(seconds=3)
    desk.deliver()
    assert desk.answers(uid) == [TEXT]


def a_day_of_trouble(desk: Desk, time: Clock, reply: Reply) -> None:
    desk.village.fault("try_later", 400)
    for _ in range(90):
        if fresh(reply).state != State.PENDING:
            break
        desk.deliver()
        time.forward(minutes=19)


def test_after_a_day_of_trouble_the_reply_is_given_up_and_nothing_was_sent(desk: Desk, time: Clock) -> None:
    uid, reply = pending(desk)
    a_day_of_trouble(desk, time, reply)
    reply = fresh(reply)
    assert (reply.state, reply.problem, reply.next_at) == (State.REJECTED, "gave_up", None)
    assert reply.needs_person
    assert timedelta(hours=24) <= time.now - reply.written_at < timedelta(hours=25)
    assert desk.answers(uid) == []
    assert fresh(reply.case).status == Status.OPEN


def test_a_reply_that_was_given_up_and_is_sent_again_has_another_day(desk: Desk, time: Clock) -> None:
    uid, reply = pending(desk)
    a_day_of_trouble(desk, time, reply)
    assert fresh(reply).state == State.REJECTED
    replies.send_again(actor=desk.actor, reply_id=reply.pk, now=time.now)
    desk.deliver()
    assert fresh(reply).state == State.PENDING
    while desk.village.take_fault("publish"):
        pass
    time.forward(minutes=30)
    desk.deliver()
    assert desk.answers(uid) == [TEXT]


def test_a_reply_that_waited_two_days_for_its_channel_is_not_given_up_at_the_first_trouble(
    desk: Desk, time: Clock
) -> None:
    uid, reply = pending(desk)
    connections.pause(actor=desk.actor, channel_id=desk.channel.pk, paused=True, now=time.now)
    time.forward(days=2)
    assert desk.deliver() == 0
    connections.pause(actor=desk.actor, channel_id=desk.channel.pk, paused=False, now=time.now)
    desk.village.fault("try_later")
    desk.deliver()
    assert fresh(reply).state == State.PENDING
    time.forward(minutes=1)
    desk.deliver()
    assert desk.answers(uid) == [TEXT]


def test_an_expired_login_keeps_the_reply_and_stops_the_channel_until_it_is_connected_again(
    desk: Desk, time: Clock
) -> None:
    uid, reply = pending(desk)
    desk.village.new_token()
    desk.deliver()
    reply = fresh(reply)
    assert (reply.state, reply.problem, reply.lease) == (State.PENDING, "revoked", "")
    assert (desk.state.state, desk.state.problem) == (Channel.State.RECONNECT, "revoked")
    time.forward(hours=30)
    assert desk.deliver() == 0
    connections.keep(
        actor=desk.actor, connector=Demo(), connected=desk.login(), name="", days=0, now=time.now
    )
    desk.deliver()
    assert fresh(reply).state == State.DELIVERED
    assert desk.answers(uid) == [TEXT]
    assert desk.state.problem == ""


def test_a_secret_that_cannot_be_read_is_an_expired_login(desk: Desk, settings: Any) -> None:
    uid, reply = pending(desk)
    settings.SECRET_KEY = "another key, thirty-two characters long or more"
    desk.deliver()
    assert (fresh(reply).state, fresh(reply).problem) == (State.PENDING, "revoked")
    assert desk.state.state == Channel.State.RECONNECT
    assert desk.answers(uid) == []


def test_a_secret_that_cannot_be_read_leaves_an_uncertain_reply_uncertain(
    desk: Desk, time: Clock, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Demo, "settle_seconds", 10)
    _, reply = pending(desk)
    desk.village.fault("cut_after")
    desk.deliver()
    time.forward(seconds=10)
    settings.SECRET_KEY = "another key, thirty-two characters long or more"
    desk.deliver()
    assert (fresh(reply).state, fresh(reply).checks) == (State.UNKNOWN, 0)
    assert desk.state.state == Channel.State.RECONNECT


def test_a_refusal_shows_the_networks_own_words_and_the_author_edits(desk: Desk, time: Clock) -> None:
    uid, reply = pending(desk)
    desk.village.fault("rejected")
    desk.deliver()
    reply = fresh(reply)
    assert (reply.state, reply.next_at, reply.needs_person) == (State.REJECTED, None, True)
    assert "Das geht auf dem Dorfplatz nicht." in reply.problem_sentence
    time.forward(days=1)
    assert desk.deliver() == 0
    old_key = reply.key
    replies.send_again(actor=desk.actor, reply_id=reply.pk, text="Dann so.", now=time.now)
    assert fresh(reply).key != old_key
    desk.deliver()
    assert desk.answers(uid) == ["Dann so."]


def test_only_a_refused_reply_can_be_sent_again(desk: Desk) -> None:
    _, reply = pending(desk)
    with pytest.raises(Conflict):
        replies.send_again(actor=desk.actor, reply_id=reply.pk, now=desk.now())
    desk.deliver()
    with pytest.raises(Conflict):
        replies.send_again(actor=desk.actor, reply_id=reply.pk, now=desk.now())


def test_a_refused_reply_cannot_be_sent_again_with_a_text_that_is_too_long(desk: Desk) -> None:
    _, reply = pending(desk)
    desk.village.fault("rejected")
    desk.deliver()
    with pytest.raises(Invalid):
        replies.send_again(actor=desk.actor, reply_id=reply.pk, text="x" * 501, now=desk.now())
    assert fresh(reply).state == State.REJECTED


@pytest.mark.parametrize(("fault", "arrived"), [("cut_after", True), ("cut_before", False)])
def test_a_cut_connection_is_uncertain_until_the_network_says_whether_it_arrived(
    desk: Desk, time: Clock, fault: str, arrived: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Demo, "settle_seconds", 10)
    uid, reply = pending(desk)
    desk.village.fault(fault)
    desk.deliver()
    assert (fresh(reply).state, fresh(reply).problem) == (State.UNKNOWN, "cut")
    assert not fresh(reply).needs_person
    assert desk.deliver() == 0, "the network gets time to settle"
    time.forward(seconds=11)
    seen = []
    find = Demo.find

    def watched(self: Demo, *args: Any, **kwargs: Any) -> Any:
        result = find(self, *args, **kwargs)
        seen.append(result)
        return result

    monkeypatch.setattr(Demo, "find", watched)
    desk.deliver()
    assert [isinstance(one, Delivered) for one in seen] == [arrived]
    assert fresh(reply).state == State.DELIVERED
    assert fresh(reply).attempts == (1 if arrived else 2)
    assert desk.answers(uid) == [TEXT]


def test_absence_is_not_believed_before_the_network_has_settled(
    desk: Desk, time: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    uid, reply = pending(desk)
    desk.village.fault("cut_before")
    monkeypatch.setattr(Demo, "settle_seconds", 10)
    desk.deliver()
    assert fresh(reply).state == State.UNKNOWN
    monkeypatch.setattr(Demo, "settle_seconds", 60)
    time.forward(seconds=10)
    desk.deliver()
    reply = fresh(reply)
    assert (reply.state, reply.attempts) == (State.UNKNOWN, 1)
    assert reply.next_at == reply.attempted_at + timedelta(seconds=60)
    time.to(reply.next_at)
    desk.deliver()
    assert desk.answers(uid) == [TEXT]


def unprovable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Demo, "find", lambda self, session, draft, *, key: None)


def ask_in_vain(desk: Desk, time: Clock, reply: Reply) -> int:
    asked = 0
    while (reply := fresh(reply)).next_at is not None and asked < 20:
        time.to(max(reply.next_at, time.now))
        asked += desk.deliver()
    return asked


def test_what_cannot_be_proved_is_asked_four_times_and_then_a_person_decides(
    desk: Desk, time: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    unprovable(monkeypatch)
    uid, reply = pending(desk)
    desk.village.fault("cut_after")
    desk.deliver()
    ask_in_vain(desk, time, reply)
    reply = fresh(reply)
    assert (reply.state, reply.needs_person, reply.checks) == (State.UNKNOWN, True, 4)
    time.forward(days=3)
    assert desk.deliver() == 0
    assert desk.answers(uid) == [TEXT]
    replies.decide(actor=desk.actor, reply_id=reply.pk, arrived=True, now=time.now)
    reply = fresh(reply)
    assert (reply.state, reply.delivered_at) == (State.DELIVERED, time.now)
    assert fresh(reply.case).status == Status.WAITING
    assert desk.deliver() == 0
    assert desk.answers(uid) == [TEXT]


def test_a_person_who_has_seen_nothing_lets_it_be_sent_again_under_the_same_key(
    desk: Desk, time: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    unprovable(monkeypatch)
    uid, reply = pending(desk)
    desk.village.fault("cut_before")
    desk.deliver()
    ask_in_vain(desk, time, reply)
    key = reply.key
    replies.decide(actor=desk.actor, reply_id=reply.pk, arrived=False, now=time.now)
    desk.deliver()
    assert (fresh(reply).state, fresh(reply).key) == (State.DELIVERED, key)
    assert desk.answers(uid) == [TEXT]


def test_a_person_can_decide_only_about_an_uncertain_reply(desk: Desk) -> None:
    _, reply = pending(desk)
    for _ in range(2):
        with pytest.raises(Conflict):
            replies.decide(actor=desk.actor, reply_id=reply.pk, arrived=True, now=desk.now())
        desk.deliver()


def test_a_network_that_is_away_does_not_use_up_the_questions(
    desk: Desk, time: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*args: Any, **kwargs: Any) -> None:
        raise TryLater("unreachable", retry_after=timedelta(minutes=3))

    uid, reply = pending(desk)
    desk.village.fault("cut_after")
    with monkeypatch.context() as patch:
        patch.setattr(Demo, "find", away)
        for _ in range(8):
            desk.deliver()
            reply = fresh(reply)
            assert (reply.state, reply.checks) == (State.UNKNOWN, 0)
            time.forward(minutes=3)
    desk.deliver()
    assert fresh(reply).state == State.DELIVERED
    assert desk.answers(uid) == [TEXT]


def test_a_login_that_expires_while_asking_leaves_the_reply_uncertain(desk: Desk, time: Clock) -> None:
    uid, reply = pending(desk)
    desk.village.fault("cut_after")
    connections.pause(actor=desk.actor, channel_id=desk.channel.pk, paused=False, now=time.now)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Demo, "settle_seconds", 10)
        desk.deliver()
    desk.village.new_token()
    time.forward(seconds=20)
    desk.deliver()
    assert (fresh(reply).state, desk.state.state) == (State.UNKNOWN, Channel.State.RECONNECT)
    connections.keep(
        actor=desk.actor, connector=Demo(), connected=desk.login(), name="", days=0, now=time.now
    )
    desk.deliver()
    assert fresh(reply).state == State.DELIVERED
    assert desk.answers(uid) == [TEXT]


def test_a_paused_channel_holds_its_replies(desk: Desk, time: Clock) -> None:
    uid, _ = pending(desk)
    connections.pause(actor=desk.actor, channel_id=desk.channel.pk, paused=True, now=time.now)
    assert desk.deliver() == 0
    assert desk.answers(uid) == []
    connections.pause(actor=desk.actor, channel_id=desk.channel.pk, paused=False, now=time.now)
    assert desk.deliver() == 1
    assert desk.answers(uid) == [TEXT]


def test_a_disconnected_channel_holds_its_replies(desk: Desk, time: Clock) -> None:
    uid, reply = pending(desk)
    connections.disconnect(actor=desk.actor, channel_id=desk.channel.pk, erase=False, now=time.now)
    assert desk.deliver() == 0
    connections.keep(
        actor=desk.actor, connector=Demo(), connected=desk.login(), name="", days=0, now=time.now
    )
    desk.deliver()
    assert fresh(reply).state == State.DELIVERED
    assert desk.answers(uid) == [TEXT]


def test_a_channel_that_is_disconnected_at_the_last_moment_leaves_no_doubt(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kuemmerer.channels import delivery

    _, reply = pending(desk)
    open_session = delivery.open_session

    def too_late(channel: Channel, now: Any) -> Any:
        channel.credential.delete()
        return open_session(channel, now)

    monkeypatch.setattr(delivery, "open_session", too_late)
    desk.deliver()
    assert fresh(reply).state == State.PENDING, "nothing can have been sent"


@pytest.mark.parametrize("operation", ["publish", "find"])
def test_a_call_that_began_before_a_new_login_does_not_ask_for_another_one(
    desk: Desk, time: Clock, monkeypatch: pytest.MonkeyPatch, operation: str
) -> None:
    uid, reply = pending(desk)
    if operation == "find":
        desk.village.fault("cut_before")
    done, calls = getattr(Demo, operation), []

    def too_late(self: Demo, *args: Any, **kwargs: Any) -> Any:
        calls.append(operation)
        if len(calls) == 1:
            desk.village.new_token()
            connections.keep(
                actor=desk.actor, connector=Demo(), connected=desk.login(), name="", days=0, now=time.now
            )
        return done(self, *args, **kwargs)

    monkeypatch.setattr(Demo, operation, too_late)
    desk.deliver()
    assert calls == [operation] * 2, "refused with the old login, done with the new one"
    assert (desk.state.state, desk.state.problem) == (Channel.State.ACTIVE, "")
    assert fresh(reply).state == State.DELIVERED
    assert desk.answers(uid) == [TEXT]


@pytest.mark.parametrize("sent", [False, True])
def test_a_worker_that_dies_while_sending_leaves_a_question_that_the_network_answers(
    desk: Desk, time: Clock, monkeypatch: pytest.MonkeyPatch, sent: bool
) -> None:
    uid, reply = pending(desk)
    publish = Demo.publish

    def dies(self: Demo, *args: Any, **kwargs: Any) -> Any:
        if sent:
            publish(self, *args, **kwargs)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Demo, "publish", dies)
        with pytest.raises(Killed):
            desk.deliver()
    assert fresh(reply).state == State.SENDING
    time.forward(seconds=89)
    assert desk.deliver() == 0, "its lease still runs"
    time.forward(seconds=2)
    desk.deliver()
    reply = fresh(reply)
    assert (reply.state, reply.attempts) == (State.DELIVERED, 1 if sent else 2)
    assert desk.answers(uid) == [TEXT]


def test_a_worker_that_dies_while_asking_lets_another_one_ask(
    desk: Desk, time: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    uid, reply = pending(desk)
    desk.village.fault("cut_after")

    def dies(*args: Any, **kwargs: Any) -> Any:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Demo, "find", dies)
        with pytest.raises(Killed):
            desk.deliver()
    assert fresh(reply).state == State.UNKNOWN
    time.forward(seconds=91)
    desk.deliver()
    assert fresh(reply).state == State.DELIVERED
    assert desk.answers(uid) == [TEXT]


def interrupted_by(desk: Desk, time: Clock, monkeypatch: pytest.MonkeyPatch, result: Any) -> None:
    """Let a worker send so slowly that its lease runs out and another one looks after the reply meanwhile."""
    publish = Demo.publish
    nested = []

    def slow(self: Demo, *args: Any, **kwargs: Any) -> Any:
        if not nested:
            nested.append(True)
            outcome = publish(self, *args, **kwargs)
            time.forward(seconds=91)
            result()
            return outcome
        return publish(self, *args, **kwargs)

    monkeypatch.setattr(Demo, "publish", slow)
    desk.deliver()


def test_a_result_that_comes_after_the_lease_is_kept_when_another_worker_only_asked(
    desk: Desk, time: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    uid, reply = pending(desk)
    unprovable(monkeypatch)
    interrupted_by(desk, time, monkeypatch, desk.deliver)
    reply = fresh(reply)
    assert (reply.state, reply.remote_id, reply.next_at) == (State.DELIVERED, f"comment-{reply.key}", None)
    assert fresh(reply.case).status == Status.WAITING
    assert desk.answers(uid) == [TEXT]


def test_a_result_that_comes_after_another_worker_has_found_it_changes_nothing(
    desk: Desk, time: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    uid, reply = pending(desk)
    interrupted_by(desk, time, monkeypatch, desk.deliver)
    assert fresh(reply).state == State.DELIVERED
    assert desk.answers(uid) == [TEXT]


def test_a_late_failure_does_not_undo_what_another_worker_has_found(
    desk: Desk, time: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    uid, reply = pending(desk)
    publish = Demo.publish
    nested = []

    def slow(self: Demo, *args: Any, **kwargs: Any) -> Any:
        publish(self, *args, **kwargs)
        if not nested:
            nested.append(True)
            time.forward(seconds=91)
            desk.deliver()
        raise OutcomeUnknown("cut")

    monkeypatch.setattr(Demo, "publish", slow)
    desk.deliver()
    assert fresh(reply).state == State.DELIVERED
    assert desk.answers(uid) == [TEXT]


class Taken:
    """A server that takes every request; how many it has got."""

    requests = 0

    def request(self, *args: Any, **kwargs: Any) -> httpx.Response:
        self.requests += 1
        return httpx.Response(200)


def test_a_worker_that_has_lost_its_lease_before_sending_sends_nothing(
    desk: Desk, time: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    uid, reply = pending(desk)
    publish, server, nested = Demo.publish, Taken(), []

    def slow(self: Demo, session: Session, draft: Draft, *, key: str) -> Delivered:
        if not nested:
            nested.append(True)
            # A look at what is answered takes so long that another worker takes over and sends.
            time.forward(seconds=91)
            desk.deliver()
            session.client = server  # type: ignore[assignment]
            session.request("POST", "https://example.org/comments")
        return publish(self, session, draft, key=key)

    monkeypatch.setattr(Demo, "publish", slow)
    desk.deliver()
    reply = fresh(reply)
    assert (reply.state, reply.attempts, server.requests) == (State.DELIVERED, 2, 0)
    assert desk.answers(uid) == [TEXT]


def test_the_lease_begins_anew_with_each_request_that_must_not_be_made_twice(
    desk: Desk, time: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    uid, reply = pending(desk)
    publish, server = Demo.publish, Taken()

    def in_parts(self: Demo, session: Session, draft: Draft, *, key: str) -> Delivered:
        session.client = server  # type: ignore[assignment]
        for _ in range(3):
            time.forward(seconds=80)
            session.request("POST", "https://example.org/comments")
            assert fresh(reply).attempted_at == time.now
            assert desk.deliver() == 0, "another worker lets it be"
        return publish(self, session, draft, key=key)

    monkeypatch.setattr(Demo, "publish", in_parts)
    assert desk.deliver() == 1
    reply = fresh(reply)
    assert (reply.state, reply.attempts, server.requests) == (State.DELIVERED, 1, 3)
    assert desk.answers(uid) == [TEXT]


def test_a_reply_erased_with_its_channel_while_it_is_sent_disturbs_nobody(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, reply = pending(desk)
    publish = Demo.publish

    def erased(self: Demo, *args: Any, **kwargs: Any) -> Any:
        result = publish(self, *args, **kwargs)
        Channel.objects.get(pk=desk.channel.pk).delete()
        return result

    monkeypatch.setattr(Demo, "publish", erased)
    desk.deliver()
    assert not Reply.objects.filter(pk=reply.pk).exists()


def test_a_fault_of_our_own_is_uncertain_and_does_not_keep_the_next_reply_waiting(
    desk: Desk, time: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    uid, reply = pending(desk)
    other, other_case = desk.asked("Und sonntags?", by="bert")
    desk.reply(other_case, "Ab acht.")
    publish = Demo.publish

    def broken(self: Demo, session: Any, draft: Any, *, key: str) -> Any:
        if key == reply.key and fresh(reply).attempts == 1:
            raise ZeroDivisionError
        return publish(self, session, draft, key=key)

    monkeypatch.setattr(Demo, "publish", broken)
    desk.deliver()
    assert desk.answers(other) == ["Ab acht."]
    time.forward(seconds=30)
    desk.deliver()
    assert desk.answers(uid) == [TEXT]


def test_an_address_that_is_no_web_address_is_not_kept(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    _, reply = pending(desk)
    monkeypatch.setattr(
        Demo, "publish", lambda *args, **kwargs: Delivered(remote_id="x" * 2000, url="javascript:alert(1)")
    )
    desk.deliver()
    reply = fresh(reply)
    assert (reply.state, reply.url, len(reply.remote_id)) == (State.DELIVERED, "", 1000)


def test_an_answer_to_something_that_was_deleted_is_refused(desk: Desk) -> None:
    uid, reply = pending(desk)
    desk.village.remove(uid, now=desk.now())
    desk.deliver()
    assert (fresh(reply).state, fresh(reply).problem) == (State.REJECTED, "gone")
    assert desk.answers(uid) == []
