"""How cases come to be, wait, sleep and end."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from kuemmerer.accounts.access import PERMISSIONS, Actor
from kuemmerer.accounts.models import Role
from kuemmerer.channels import connections, interactions, sync
from kuemmerer.channels.models import Channel, Interaction
from kuemmerer.core.errors import Conflict, DeskError, Forbidden, Invalid, NotFound
from kuemmerer.core.models import AuditRecord
from kuemmerer.inbox import cases, library, moderation, notes, replies, sweeps
from kuemmerer.inbox.models import Case, Note, Reply, ReplyKey, Status
from kuemmerer.networks.base import Action, Item, Kind, Person
from kuemmerer.networks.base import Status as Shown
from kuemmerer.networks.demo import Demo
from kuemmerer.networks.errors import AuthExpired, Rejected
from tests.factories import MONDAY, Clock, Desk, actor, close, fresh


def answered_at_the_network(desk: Desk, uid: str, text: str = "Von unterwegs.") -> str:
    return desk.says(text, by="baker", to=uid)


# --- from words to cases


def test_one_author_in_one_thread_is_one_case(desk: Desk, time: Clock) -> None:
    first, second = desk.says("Hallo?"), desk.says("Noch da?")
    other, elsewhere = desk.says("Ich auch", by="bert"), desk.says("Frage", kind="mention")
    desk.fetch()
    assert desk.case(first) == desk.case(second)
    assert len({desk.case(uid).pk for uid in (first, other, elsewhere)}) == 3
    case = desk.case(first)
    assert (case.status, case.excerpt, case.kind) == (Status.OPEN, "Noch da?", "comment")
    assert (case.opened_at, case.unanswered_since) == (time.now, time.now)
    assert case.due_at == time.now + timedelta(days=1)


@pytest.mark.parametrize("kind", ["like", "share"])
def test_a_reaction_opens_no_case(desk: Desk, kind: str) -> None:
    desk.village.react(kind, by="ada", to=desk.post, now=desk.now())
    desk.village.react("follow", by="ada", now=desk.now())
    desk.fetch()
    assert Interaction.objects.filter(kind=kind).exists()
    assert not Case.objects.exists()


def test_spam_opens_no_case_and_what_is_held_does(desk: Desk) -> None:
    spam, held = desk.says("Kauft!", by="bert"), desk.says("Darf ich?")
    desk.village.set_status(spam, Shown.SPAM, now=desk.now())
    desk.village.set_status(held, Shown.HELD, now=desk.now())
    desk.fetch()
    assert [case.pk for case in Case.objects.all()] == [desk.case(held).pk]


def test_spam_that_is_approved_opens_its_case(desk: Desk) -> None:
    uid = desk.says("Kein Spam")
    desk.village.set_status(uid, Shown.SPAM, now=desk.now())
    desk.fetch()
    desk.village.set_status(uid, Shown.SHOWN, now=desk.now())
    desk.fetch()
    assert desk.case(uid).status == Status.OPEN


def test_what_turns_out_to_be_spam_leaves_its_case_and_comes_back_when_it_is_none(desk: Desk) -> None:
    uid, case = desk.asked("Gewinnspiel!")
    desk.village.set_status(uid, Shown.SPAM, now=desk.now())
    desk.fetch()
    assert (fresh(case).status, fresh(case).due_at) == (Status.CLOSED, None)
    desk.village.set_status(uid, Shown.SHOWN, now=desk.now())
    desk.fetch()
    assert fresh(case).status == Status.OPEN
    assert desk.case(uid) == case


def test_context_and_our_own_words_open_no_case(desk: Desk) -> None:
    desk.says("Ein Beitrag", by="baker", kind="post")
    person = Person(remote_id="zoe")
    interactions.store(
        channel=desk.channel,
        items=[
            Item(
                kind=Kind.COMMENT,
                remote_id="context",
                thread_id="t",
                author=person,
                created_at=desk.now(),
                addressed=False,
            )
        ],
        now=desk.now(),
    )
    desk.fetch()
    assert not Case.objects.exists()


def test_new_words_open_a_closed_case_again(desk: Desk, time: Clock) -> None:
    _, case = desk.asked()
    close(case, desk.actor)
    time.forward(hours=1)
    desk.says("Moment noch")
    desk.fetch()
    case = fresh(case)
    assert (case.status, case.closed_at, case.excerpt) == (Status.OPEN, None, "Moment noch")
    assert case.unanswered_since == time.now


def test_more_words_do_not_move_the_deadline_of_the_first(desk: Desk, time: Clock) -> None:
    _, case = desk.asked()
    due = case.due_at
    time.forward(hours=3)
    desk.says("Hallo??")
    desk.fetch()
    assert (fresh(case).due_at, fresh(case).last_at) == (due, time.now)


def test_an_answer_at_the_network_itself_answers_the_case(desk: Desk, time: Clock) -> None:
    uid, case = desk.asked()
    time.forward(minutes=10)
    answered_at_the_network(desk, uid)
    desk.fetch()
    case = fresh(case)
    assert (case.status, case.answered_at, case.due_at) == (Status.WAITING, time.now, None)


def test_an_answer_at_the_network_to_the_first_words_leaves_the_later_ones_waiting(
    desk: Desk, time: Clock
) -> None:
    uid = desk.says("Erstens")
    time.forward(minutes=10)
    answered_at_the_network(desk, uid)
    later = time.forward(minutes=10)
    desk.says("Zweitens")
    desk.fetch()
    case = desk.case(uid)
    assert (case.status, case.unanswered_since) == (Status.OPEN, later)


def test_an_answer_that_came_in_before_the_words_it_answers_counts(desk: Desk, time: Clock) -> None:
    """As in a backfill, which goes from the newest page to the oldest."""

    def one(uid: str, *, ours: bool, minutes: int, parent: str = "") -> Item:
        return Item(
            kind=Kind.COMMENT,
            remote_id=uid,
            thread_id="post",
            parent_id=parent,
            ours=ours,
            addressed=not ours,
            author=Person(remote_id="baker" if ours else "ada"),
            created_at=MONDAY - timedelta(hours=2) + timedelta(minutes=minutes),
        )

    for item in (
        one("answer", ours=True, minutes=5, parent="question"),
        one("question", ours=False, minutes=0),
    ):
        interactions.store(channel=desk.channel, items=[item], now=time.now)
        sweeps.open_cases(time.now)
    assert desk.case("question").status == Status.WAITING


def test_words_that_the_writer_of_an_answer_could_not_have_seen_still_wait(desk: Desk, time: Clock) -> None:
    """They were written before it and came in after it: the next sync may be a quarter of an hour away."""
    _, case = desk.asked()
    time.forward(minutes=5)
    late = desk.says("Ach ja: und sonntags?")
    time.forward(minutes=5)
    desk.reply(case)
    desk.deliver()
    assert fresh(case).status == Status.WAITING
    time.forward(minutes=5)
    desk.fetch()
    assert desk.case(late) == case
    assert fresh(case).status == Status.OPEN


def test_words_that_come_in_while_the_answer_is_on_its_way_still_wait(desk: Desk, time: Clock) -> None:
    _, case = desk.asked()
    time.forward(minutes=1)
    desk.says("Und sonntags?")
    time.forward(minutes=1)
    desk.reply(case, close=True)
    time.forward(minutes=1)
    desk.fetch()
    desk.deliver()
    assert fresh(case).status == Status.OPEN


def test_a_network_whose_clock_is_slow_hides_no_new_words(desk: Desk, time: Clock) -> None:
    _, case = desk.asked(at=time.now - timedelta(minutes=8))
    desk.reply(case)
    desk.deliver()
    time.forward(minutes=3)
    desk.says("Danke, und sonntags?", at=time.now - timedelta(minutes=8))
    desk.fetch()
    assert fresh(case).status == Status.OPEN


def test_the_next_words_of_an_author_who_was_answered_open_the_case_again(desk: Desk, time: Clock) -> None:
    _, case = desk.asked()
    desk.reply(case)
    desk.deliver()
    time.forward(minutes=30)
    desk.fetch()
    assert fresh(case).status == Status.WAITING, "our own answer, fetched, is no news"
    desk.says("Danke!")
    desk.fetch()
    assert fresh(case).status == Status.OPEN


def test_a_case_whose_words_are_deleted_closes(desk: Desk, time: Clock) -> None:
    uid, case = desk.asked()
    time.forward(hours=1)
    desk.village.remove(uid, now=time.now)
    desk.fetch()
    assert (fresh(case).status, fresh(case).closed_at, fresh(case).due_at) == (Status.CLOSED, time.now, None)


def test_a_case_closes_when_it_sleeps_or_waits_and_all_its_words_are_deleted(desk: Desk, time: Clock) -> None:
    uid, sleeping = desk.asked()
    other, waiting = desk.asked(by="bert")
    cases.snooze(actor=desk.actor, case_id=sleeping.pk, until=time.now + timedelta(days=3), now=time.now)
    desk.reply(waiting)
    desk.deliver()
    desk.village.remove(uid, now=time.now)
    desk.village.remove(other, now=time.now)
    desk.fetch()
    assert [fresh(case).status for case in (sleeping, waiting)] == [Status.CLOSED, Status.CLOSED]


def test_a_case_that_loses_some_of_its_words_shows_and_counts_the_others(desk: Desk, time: Clock) -> None:
    first = desk.says("Unfreundlich")
    desk.fetch()
    later = time.forward(hours=2)
    desk.says("Sachlich")
    gone = desk.says("Auch weg")
    desk.fetch()
    desk.village.remove(first, now=time.now)
    desk.village.remove(gone, now=time.now)
    desk.fetch()
    case = Case.objects.get()
    assert (case.status, case.excerpt, case.unanswered_since) == (Status.OPEN, "Sachlich", later)


def test_a_case_whose_unanswered_words_are_deleted_waits_for_the_author(desk: Desk, time: Clock) -> None:
    _, case = desk.asked()
    desk.reply(case)
    desk.deliver()
    time.forward(hours=1)
    more = desk.says("Quatsch")
    desk.fetch()
    desk.village.remove(more, now=time.now)
    desk.fetch()
    assert (fresh(case).status, fresh(case).due_at) == (Status.WAITING, None)


def test_an_edit_shows_in_the_list_and_opens_nothing(desk: Desk) -> None:
    uid, case = desk.asked("Guten Tga")
    close(case, desk.actor)
    desk.village.edit(uid, "Guten Tag " + "x" * 300, now=desk.now())
    desk.fetch()
    case = fresh(case)
    assert case.status == Status.CLOSED
    assert case.excerpt.startswith("Guten Tag xxx")
    assert len(case.excerpt) == 200


def test_what_was_written_long_before_the_channel_came_is_history(
    db: None, time: Clock, tmp_path: Any
) -> None:
    desk = Desk(tmp_path)
    old, recent = (
        desk.says(f"Vor {days} Tagen", by=by, at=time.now - timedelta(days=days))
        for days, by in ((8, "ada"), (6, "bert"))
    )
    desk.fetch()
    assert (desk.case(old).status, desk.case(old).due_at) == (Status.CLOSED, None)
    assert desk.case(old).closed_at is not None
    case = desk.case(recent)
    assert (case.status, case.unanswered_since) == (Status.OPEN, desk.channel.connected_at)
    desk.village.close()


@pytest.mark.django_db(transaction=True)
def test_two_workers_that_make_cases_at_once_make_each_once(busy_desk: Desk, time: Clock) -> None:
    desk = busy_desk
    for number in range(40):
        desk.says(f"Nr. {number}", kind="mention" if number % 2 else "comment")
    Channel.objects.update(next_sync_at=time.now)
    sync.sync_due(time.now)
    errors: list[BaseException] = []
    gate = threading.Barrier(3)

    def work() -> None:
        try:
            gate.wait(20)
            cases.open_from_channel(Channel.objects.select_related("workspace").get())
        except BaseException as error:  # noqa: BLE001 - raised in the main thread
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not errors
    assert Case.objects.count() == 21
    assert sum(case.case_interactions.count() for case in Case.objects.all()) == 40


def test_one_channel_that_fails_keeps_no_other_waiting(desk: Desk, tmp_path: Any) -> None:
    other = Desk(tmp_path)
    first, second = sorted((desk, other), key=lambda d: d.channel.pk)
    workspace = first.actor.workspace
    workspace.hours = {}
    workspace.save()
    first.says()
    uid = second.says()
    Channel.objects.update(next_sync_at=desk.now())
    sync.sync_due(desk.now())
    with pytest.raises(Invalid, match="never open"):
        sweeps.open_cases(desk.now())
    assert second.case(uid).status == Status.OPEN
    other.village.close()


# --- what people do


def test_assigning_closing_reopening_are_done_and_written_down(desk: Desk, time: Clock) -> None:
    _, case = desk.asked()
    agent = desk.member(Role.AGENT)
    me = desk.actor
    cases.assign(actor=me, case_id=case.pk, user_id=agent.user.pk, now=time.now)
    assert fresh(case).assignee == agent.user
    cases.assign(actor=me, case_id=case.pk, user_id=None, now=time.now)
    assert fresh(case).assignee is None
    cases.close(actor=agent, case_id=case.pk, now=time.now)
    closed = fresh(case)
    assert (closed.status, closed.closed_at, closed.due_at) == (Status.CLOSED, time.now, None)
    time.forward(days=3)
    cases.reopen(actor=agent, case_id=case.pk, now=time.now)
    opened = fresh(case)
    assert (opened.status, opened.unanswered_since, opened.due_at) == (
        Status.OPEN,
        time.now,
        time.now + timedelta(days=1),
    )
    log = AuditRecord.objects.filter(subject_type="case", subject_id=case.pk).order_by("id")
    assert [(one.verb, one.actor) for one in log] == [
        ("assigned", me.user.email),
        ("assigned", me.user.email),
        ("closed", agent.user.email),
        ("reopened", agent.user.email),
    ]
    assert {one.workspace_id for one in log} == {me.workspace.pk}


def test_a_stranger_cannot_be_the_owner_of_a_case(desk: Desk) -> None:
    _, case = desk.asked()
    with pytest.raises(Invalid):
        cases.assign(actor=desk.actor, case_id=case.pk, user_id=actor().user.pk, now=desk.now())


def test_a_case_cannot_be_closed_while_its_answer_is_on_its_way(desk: Desk) -> None:
    _, case = desk.asked()
    desk.reply(case)
    with pytest.raises(Conflict):
        close(case, desk.actor)
    desk.deliver()
    close(case, desk.actor)


def test_a_snoozed_case_wakes_and_is_due(desk: Desk, time: Clock) -> None:
    _, case = desk.asked()
    until = time.now + timedelta(hours=4)
    cases.snooze(actor=desk.actor, case_id=case.pk, until=until, now=time.now)
    time.forward(hours=3)
    assert cases.wake_snoozed(time.now) == 0
    assert fresh(case).status == Status.SNOOZED
    time.to(until)
    assert cases.wake_snoozed(time.now) == 1
    assert (fresh(case).status, fresh(case).snoozed_until) == (Status.OPEN, None)
    # The clock stood still for four hours, so the deadline moves by four hours.
    assert fresh(case).due_at == MONDAY + timedelta(days=1, hours=4)
    assert cases.wake_snoozed(time.now) == 0


def test_a_case_that_was_answered_and_snoozed_as_a_reminder_is_due_when_it_wakes(
    desk: Desk, time: Clock
) -> None:
    _, case = desk.asked()
    desk.reply(case)
    desk.deliver()
    cases.snooze(actor=desk.actor, case_id=case.pk, until=time.now + timedelta(hours=1), now=time.now)
    time.forward(hours=1)
    cases.wake_snoozed(time.now)
    assert (fresh(case).status, fresh(case).unanswered_since) == (Status.OPEN, time.now)


def test_new_words_wake_a_snoozed_case(desk: Desk, time: Clock) -> None:
    _, case = desk.asked()
    cases.snooze(actor=desk.actor, case_id=case.pk, until=time.now + timedelta(days=4), now=time.now)
    time.forward(hours=1)
    desk.says("Hallo?")
    desk.fetch()
    assert (fresh(case).status, fresh(case).snoozed_until) == (Status.OPEN, None)


def test_nobody_can_snooze_into_the_past(desk: Desk) -> None:
    _, case = desk.asked()
    with pytest.raises(Invalid):
        cases.snooze(actor=desk.actor, case_id=case.pk, until=desk.now(), now=desk.now())


def test_labels_are_put_on_once_and_taken_off(desk: Desk) -> None:
    _, case = desk.asked()
    label = library.save_label(actor=desk.actor, name="Lob", color=1, now=desk.now())
    for on, count in ((True, 1), (True, 1), (False, 0), (False, 0)):
        cases.label(actor=desk.actor, case_id=case.pk, label_id=label.pk, on=on, now=desk.now())
        assert case.labels.count() == count
    with pytest.raises(NotFound):
        cases.label(actor=desk.actor, case_id=case.pk, label_id=label.pk + 99, on=True, now=desk.now())


@pytest.mark.parametrize("text", ["", "  \n ", "\x00", "x" * 20_001])
def test_a_note_is_neither_empty_nor_endless(desk: Desk, text: str) -> None:
    _, case = desk.asked()
    with pytest.raises(Invalid):
        notes.add(actor=desk.actor, case_id=case.pk, text=text, now=desk.now())
    assert not Note.objects.exists()


def test_a_note_stays_in_the_house(desk: Desk) -> None:
    uid, case = desk.asked()
    note = notes.add(actor=desk.member(Role.GUEST), case_id=case.pk, text=" Vor\x00sicht ", now=desk.now())
    desk.deliver()
    assert note.text == "Vorsicht"
    assert desk.answers(uid) == []
    assert fresh(case).status == Status.OPEN


OPERATIONS = {
    "inbox.work": [
        lambda who, case, now: cases.assign(actor=who, case_id=case.pk, user_id=None, now=now),
        lambda who, case, now: cases.close(actor=who, case_id=case.pk, now=now),
        lambda who, case, now: cases.reopen(actor=who, case_id=case.pk, now=now),
        lambda who, case, now: cases.snooze(
            actor=who, case_id=case.pk, until=now + timedelta(hours=1), now=now
        ),
        lambda who, case, now: cases.label(actor=who, case_id=case.pk, label_id=1, on=True, now=now),
    ],
    "inbox.note": [lambda who, case, now: notes.add(actor=who, case_id=case.pk, text="Hm", now=now)],
    "inbox.view": [lambda who, case, now: cases.get(actor=who, case_id=case.pk)],
    "inbox.reply": [
        lambda who, case, now: replies.write(actor=who, case_id=case.pk, text="Ja", now=now),
        lambda who, case, now: replies.withdraw(actor=who, reply_id=0, now=now),
        lambda who, case, now: replies.send_again(actor=who, reply_id=0, now=now),
        lambda who, case, now: replies.decide(actor=who, reply_id=0, arrived=True, now=now),
    ],
    "inbox.moderate": [
        lambda who, case, now: moderation.act(
            actor=who, interaction_id=replies.newest_words(case).pk, action=Action.LIKE, now=now
        )
    ],
    "inbox.configure": [
        lambda who, case, now: library.save_label(actor=who, name="Neu", color=1, now=now),
        lambda who, case, now: library.save_reply(actor=who, name="Neu", text="Hallo", now=now),
        lambda who, case, now: library.delete_label(actor=who, label_id=0, now=now),
        lambda who, case, now: library.delete_reply(actor=who, reply_id=0, now=now),
    ],
}


@pytest.mark.parametrize("role", Role.values)
@pytest.mark.parametrize("permission", OPERATIONS)
def test_each_operation_is_only_for_the_roles_that_may(desk: Desk, role: str, permission: str) -> None:
    _, case = desk.asked()
    member = desk.member(role)
    stranger = actor(Role.OWNER)
    before = AuditRecord.objects.count()
    for operation in OPERATIONS[permission]:
        if permission in PERMISSIONS[role]:
            try:
                operation(member, case, desk.now())
            except Forbidden:
                raise
            except DeskError:
                continue
        else:
            with pytest.raises(Forbidden):
                operation(member, case, desk.now())
    if permission not in PERMISSIONS[role]:
        assert AuditRecord.objects.count() == before
    if permission != "inbox.configure":
        for operation in OPERATIONS[permission]:
            with pytest.raises(NotFound):
                operation(stranger, case, desk.now())


# --- answers


def test_the_same_key_twice_is_one_reply(desk: Desk) -> None:
    uid, case = desk.asked()
    first, second = desk.reply(case, key="mine"), desk.reply(case, key="mine")
    assert first == second
    desk.deliver()
    assert desk.reply(case, key="mine") == first
    desk.deliver()
    assert desk.answers(uid) == ["Bis 18 Uhr."]


def test_the_same_key_is_one_reply_also_when_a_person_has_sent_it_again_with_another_text(desk: Desk) -> None:
    uid, case = desk.asked()
    first = desk.reply(case, key="mine")
    desk.village.fault("rejected")
    desk.deliver()
    replies.send_again(actor=desk.actor, reply_id=first.pk, text="Bis 19 Uhr.", now=desk.now())
    assert desk.reply(case, key="mine") == first
    desk.deliver()
    assert desk.reply(case, key="mine") == first
    desk.deliver()
    assert desk.answers(uid) == ["Bis 19 Uhr."]


def test_a_key_whose_reply_was_withdrawn_writes_no_second_one(desk: Desk) -> None:
    uid, case = desk.asked()
    first = desk.reply(case, key="mine")
    replies.withdraw(actor=desk.actor, reply_id=first.pk, now=desk.now())
    with pytest.raises(Conflict) as refused:
        desk.reply(case, key="mine")
    assert refused.value.code == "withdrawn"
    desk.deliver()
    assert desk.answers(uid) == []
    desk.reply(case, key="another")
    desk.deliver()
    assert desk.answers(uid) == ["Bis 18 Uhr."]


@pytest.mark.parametrize("more", [{"text": "Etwas anderes"}, {"close": True}, {"interaction_id": "its own"}])
def test_a_key_that_is_used_for_something_else_is_refused(desk: Desk, more: dict[str, Any]) -> None:
    uid, case = desk.asked()
    if "interaction_id" in more:
        more = {"interaction_id": desk.interaction(uid).pk}
    desk.reply(case, key="mine")
    with pytest.raises(Conflict) as refused:
        desk.reply(case, key="mine", **more)
    assert refused.value.code == "key_reused"
    assert Reply.objects.count() == 1


def test_a_key_that_wrote_nothing_may_be_used_again(desk: Desk) -> None:
    _, case = desk.asked()
    with pytest.raises(Invalid):
        desk.reply(case, "", key="mine")
    assert desk.reply(case, key="mine").text == "Bis 18 Uhr."


def test_a_key_belongs_to_one_case(desk: Desk) -> None:
    _, case = desk.asked()
    _, other = desk.asked(by="bert")
    assert desk.reply(case, key="mine") != desk.reply(other, key="mine")


def test_a_key_has_255_characters_at_most(desk: Desk) -> None:
    _, case = desk.asked()
    with pytest.raises(Invalid) as refused:
        desk.reply(case, key="x" * 256)
    assert refused.value.field == "key"
    assert desk.reply(case, key="x" * 254 + "\x00") == desk.reply(case, key="x" * 254)


def test_keys_go_with_their_channel(desk: Desk) -> None:
    _, case = desk.asked()
    desk.reply(case, key="mine")
    connections.disconnect(actor=desk.actor, channel_id=desk.channel.pk, erase=True, now=desk.now())
    assert not ReplyKey.objects.exists()


@pytest.mark.parametrize("text", ["", " \r\n ", "\x00\x00", "x" * 501])
def test_a_text_that_the_network_would_refuse_is_not_taken(desk: Desk, text: str) -> None:
    _, case = desk.asked()
    with pytest.raises(Invalid) as refused:
        desk.reply(case, text)
    assert refused.value.field == "text"
    assert not Reply.objects.exists()


def test_exactly_the_text_that_was_stored_is_sent(desk: Desk) -> None:
    uid, case = desk.asked()
    reply = desk.reply(case, "  Erste Zeile\r\nZweite\x00 Zeile 🥨 \u05e9\u05dc\u05d5\u05dd  ")
    desk.deliver()
    assert desk.answers(uid) == [reply.text] == ["Erste Zeile\nZweite Zeile 🥨 \u05e9\u05dc\u05d5\u05dd"]


def test_who_answers_first_becomes_the_owner(desk: Desk) -> None:
    _, case = desk.asked()
    agent = desk.member(Role.AGENT)
    desk.reply(case, by=agent)
    desk.reply(case, by=desk.actor)
    assert fresh(case).assignee == agent.user


def test_a_disconnected_channel_takes_no_answers(desk: Desk) -> None:
    _, case = desk.asked()
    desk.channel.credential.delete()
    with pytest.raises(Conflict):
        desk.reply(case)


def test_a_network_that_takes_no_answers_says_so(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    _, case = desk.asked()
    monkeypatch.setattr(Demo, "can", type(Demo.can)())
    with pytest.raises(Conflict):
        desk.reply(case)


def test_what_its_author_has_deleted_cannot_be_answered(desk: Desk) -> None:
    uid, case = desk.asked()
    desk.village.remove(uid, now=desk.now())
    desk.fetch()
    with pytest.raises(Conflict):
        desk.reply(case)


def test_an_answer_refers_to_the_newest_words_or_to_the_chosen_ones(desk: Desk, time: Clock) -> None:
    first = desk.says("Eins")
    time.forward(minutes=1)
    second, case = desk.asked("Zwei")
    _, other = desk.asked(by="bert")
    assert desk.reply(case).interaction.remote_id == second
    assert desk.reply(case, interaction_id=desk.interaction(first).pk).interaction.remote_id == first
    with pytest.raises(Conflict):
        desk.reply(other, interaction_id=desk.interaction(first).pk)


def test_a_reply_can_be_withdrawn_until_it_is_on_its_way(desk: Desk) -> None:
    uid, case = desk.asked()
    reply = desk.reply(case)
    replies.withdraw(actor=desk.actor, reply_id=reply.pk, now=desk.now())
    desk.deliver()
    assert desk.answers(uid) == []
    assert AuditRecord.objects.filter(verb="withdrew reply", details__text="Bis 18 Uhr.").exists()
    sent = desk.reply(case)
    desk.deliver()
    with pytest.raises(Conflict):
        replies.withdraw(actor=desk.actor, reply_id=sent.pk, now=desk.now())


def test_a_reply_by_somebody_else_of_the_same_workspace_can_be_decided_and_no_stranger_sees_it(
    desk: Desk,
) -> None:
    _, case = desk.asked()
    reply = desk.reply(case)
    assert replies.get(actor=desk.member(Role.GUEST), reply_id=reply.pk) == reply
    with pytest.raises(NotFound):
        replies.get(actor=actor(), reply_id=reply.pk)


def test_an_answer_that_a_person_declared_to_have_arrived_is_recognised_when_it_comes_in(
    desk: Desk, time: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Demo, "find", lambda *args, **kwargs: None)
    _, case = desk.asked()
    reply = desk.reply(case)
    desk.village.fault("cut_after")
    desk.deliver()
    replies.decide(actor=desk.actor, reply_id=reply.pk, arrived=True, now=time.now)
    time.forward(minutes=1)
    desk.fetch()
    assert fresh(reply).remote_id == f"comment-{reply.key}"


# --- moderation


def test_liking_and_sharing_happen_at_the_network_and_are_remembered(desk: Desk) -> None:
    uid, _ = desk.asked()
    interaction = desk.interaction(uid)
    for deed, field, value in (
        (Action.LIKE, "liked", True),
        (Action.UNLIKE, "liked", False),
        (Action.SHARE, "shared", True),
    ):
        moderation.act(actor=desk.actor, interaction_id=interaction.pk, action=deed, now=desk.now())
        assert getattr(fresh(interaction), field) is value
    assert desk.village.reactions("share", uid) == ["baker"]
    assert desk.village.reactions("like", uid) == []
    assert AuditRecord.objects.filter(subject_type="interaction", subject_id=interaction.pk).count() == 3


def test_what_was_written_in_private_is_not_shared(desk: Desk) -> None:
    uid, case = desk.asked("Unter uns gesagt …", kind="message", visibility="direct")
    interaction = desk.interaction(uid)
    assert interaction.visibility == "direct"
    assert Action.SHARE not in moderation.possible(case.channel, interaction)
    with pytest.raises(Conflict):
        moderation.act(actor=desk.actor, interaction_id=interaction.pk, action=Action.SHARE, now=desk.now())
    assert desk.village.reactions("share", uid) == []


def test_marking_spam_closes_the_case_at_once_and_approving_opens_it_again(desk: Desk) -> None:
    uid, case = desk.asked("Gewinne!")
    interaction = desk.interaction(uid)
    moderation.act(actor=desk.actor, interaction_id=interaction.pk, action=Action.SPAM, now=desk.now())
    assert (fresh(case).status, fresh(interaction).status) == (Status.CLOSED, "spam")
    desk.fetch()
    assert fresh(case).status == Status.CLOSED
    moderation.act(actor=desk.actor, interaction_id=interaction.pk, action=Action.APPROVE, now=desk.now())
    sweeps.open_cases(desk.now())
    assert fresh(case).status == Status.OPEN


def test_an_action_that_the_network_refuses_is_no_trouble_of_the_channel(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    uid, _ = desk.asked()

    def act(error: Exception) -> str:
        def refuse(*args: Any) -> None:
            raise error

        monkeypatch.setattr(Demo, "act", refuse)
        with pytest.raises(DeskError) as said:
            moderation.act(
                actor=desk.actor, interaction_id=desk.interaction(uid).pk, action=Action.LIKE, now=desk.now()
            )
        return said.value.code

    assert act(Rejected("gone")) == "network_gone"
    assert (desk.state.problem, desk.state.state) == ("", Channel.State.ACTIVE)
    assert act(AuthExpired()) == "network_revoked"
    assert desk.state.state == Channel.State.RECONNECT
    assert not desk.interaction(uid).liked


def test_an_action_is_only_for_a_connected_channel_of_a_network_that_knows_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    uid, _ = desk.asked()
    pk = desk.interaction(uid).pk
    Channel.objects.update(state=Channel.State.PAUSED)
    with pytest.raises(Conflict):
        moderation.act(actor=desk.actor, interaction_id=pk, action=Action.LIKE, now=desk.now())
    monkeypatch.setattr(Demo, "can", type(Demo.can)(reply=True))
    with pytest.raises(Conflict):
        moderation.act(actor=desk.actor, interaction_id=pk, action=Action.LIKE, now=desk.now())
    assert moderation.possible(desk.channel, desk.interaction(uid)) == []


# --- the team's texts


def test_a_saved_reply_is_filled_in_for_its_case(desk: Desk) -> None:
    _, case = desk.asked()
    saved = library.save_reply(
        actor=desk.actor, name="Gruß", text="Hallo {first_name} ({name}), {company}, {agent}", now=desk.now()
    )
    me: Actor = desk.actor
    filled = library.filled_in(actor=me, saved=saved, case=case)
    assert filled == f"Hallo Ada (Ada Krüger), {me.workspace.name}, {me.user.name}"


@pytest.mark.parametrize(
    ("name", "text"),
    [("", "x"), ("x" * 81, "x"), ("x", ""), ("x", "y" * 20_001), ("x", "Hallo {frist_name}")],
)
def test_a_saved_reply_needs_a_name_a_text_and_variables_that_exist(desk: Desk, name: str, text: str) -> None:
    with pytest.raises(Invalid):
        library.save_reply(actor=desk.actor, name=name, text=text, now=desk.now())


def test_names_of_labels_and_saved_replies_are_taken_once_in_a_workspace(desk: Desk) -> None:
    library.save_label(actor=desk.actor, name="Lob", color=1, now=desk.now())
    library.save_reply(actor=desk.actor, name="Gruß", text="Hallo", now=desk.now())
    with pytest.raises(Conflict):
        library.save_label(actor=desk.actor, name="lob", color=2, now=desk.now())
    with pytest.raises(Conflict):
        library.save_reply(actor=desk.actor, name="gruß", text="Hi", now=desk.now())
    other = actor()
    library.save_label(actor=other, name="Lob", color=1, now=desk.now())
    with pytest.raises(Invalid):
        library.save_label(actor=desk.actor, name="Bunt", color=library.COLORS, now=desk.now())


def test_labels_and_saved_replies_keep_their_name_when_changed_and_leave_a_trace(desk: Desk) -> None:
    me, now = desk.actor, desk.now()
    label = library.save_label(actor=me, name="Lob", color=1, now=now)
    library.save_label(actor=me, name="Lob", color=2, now=now, label_id=label.pk)
    assert fresh(label).color == 2
    saved = library.save_reply(actor=me, name="Gruß", text="Hallo", now=now)
    library.save_reply(actor=me, name="Gruß", text="Servus", now=now, reply_id=saved.pk)
    assert fresh(saved).text == "Servus"
    library.delete_label(actor=me, label_id=label.pk, now=now)
    library.delete_reply(actor=me, reply_id=saved.pk, now=now)
    trace = AuditRecord.objects.filter(subject_type__in=["label", "savedreply"]).order_by("pk")
    assert [(row.verb, row.details["name"]) for row in trace] == [
        *[("saved", "Lob")] * 2,
        *[("saved", "Gruß")] * 2,
        ("deleted", "Lob"),
        ("deleted", "Gruß"),
    ]
