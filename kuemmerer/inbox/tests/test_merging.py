"""Cases that are made one, and one that is made two."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import close_old_connections, connection, transaction
from django.test import Client
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from kuemmerer.accounts import workspaces
from kuemmerer.api.tests.client import Program
from kuemmerer.audience import contacts
from kuemmerer.channels import delivery, interactions, privacy, retention
from kuemmerer.channels.models import Author, Channel, Interaction, Thread
from kuemmerer.core.errors import Conflict, Forbidden, Invalid, NotFound
from kuemmerer.core.models import AuditRecord
from kuemmerer.inbox import bulk, cases, conversation, library, lists, merging, notes, replies, sweeps
from kuemmerer.inbox.models import (
    BulkStep,
    Case,
    CaseInteraction,
    Escalation,
    MergedCase,
    Note,
    Passage,
    Priority,
    Reply,
    ReplyKey,
    Status,
)
from kuemmerer.inbox.own_data import InboxData
from kuemmerer.networks.base import Delivered, Item, Kind, Person
from kuemmerer.networks.demo import Demo
from kuemmerer.networks.demo.village import Village
from tests.factories import Clock, Desk, fresh


def post(desk: Desk) -> str:
    return desk.village.write("post", by="baker", text="Brot", now=desk.now())


def asked(desk: Desk, text: str, *, to: str | None = None, by: str = "ada") -> Case:
    """Somebody asks under a post of its own, unless another one is said."""
    _uid, case = desk.asked(text, by=by, to=to or post(desk))
    return case


def merge(desk: Desk, source: Case, target: Case) -> Case:
    return merging.merge(actor=desk.actor, case_id=source.pk, into_id=target.pk, now=desk.now())


def split(desk: Desk, case: Case, *uids: str) -> Case:
    ids = [desk.interaction(uid).pk for uid in uids]
    return merging.split(actor=desk.actor, case_id=case.pk, interaction_ids=ids, now=desk.now())


def words(case: Case) -> list[str]:
    own = Interaction.objects.filter(case_interaction__case=case).order_by("created_at", "pk")
    return list(own.values_list("text", flat=True))


def shown(desk: Desk, case: Case) -> list[tuple[str, str]]:
    """What the page shows: kind of bubble and text."""
    talk = conversation.conversation(actor=desk.actor, case=cases.get(actor=desk.actor, case_id=case.pk))
    found = []
    for entry in talk.entries:
        if entry.event:
            continue
        text = entry.interaction or entry.reply or entry.note
        assert text is not None
        found.append((entry.kind, text.text))
    return [(kind, text) for kind, text in found if text != "Brot"]


def ticked(desk: Desk, time: Clock) -> tuple[Case, Case]:
    """Two cases of the same person with an hour between."""
    first = asked(desk, "Wo ist mein Brot?")
    time.forward(hours=1)
    return first, asked(desk, "Immer noch kein Brot!")


# --- merging


def test_a_merged_case_brings_everything_along_and_leaves_nothing_behind(desk: Desk, time: Clock) -> None:
    target, source = ticked(desk, time)
    me, now = desk.actor, desk.now()
    praise, delivery_label = (
        library.save_label(actor=me, name=n, color=1, now=now) for n in ("Lob", "Eilig")
    )
    for case, label in ((target, praise), (source, praise), (source, delivery_label)):
        cases.label(actor=me, case_id=case.pk, label_id=label.pk, on=True, now=now)
    cases.classify(actor=me, case_id=source.pk, intent="complaint", priority=Priority.URGENT, now=now)
    notes.add(actor=me, case_id=source.pk, text="Stammkundin", now=now)
    answer = desk.reply(source, key="abc")
    for case in (target, source):
        Escalation.objects.create(case=case, clock=now, step=1, at=now)
    order = bulk.Order(do=bulk.Do.PRIORITY, value=Priority.HIGH)
    bulk.run(actor=me, order=order, case_ids=[source.pk], now=now)
    desk.fetch()
    merge(desk, source, target)
    for relation in Case._meta.get_fields(include_hidden=True):
        if relation.auto_created and (relation.one_to_many or relation.one_to_one):
            rows = relation.related_model._default_manager.filter(**{relation.field.name: source.pk})  # type: ignore[union-attr]
            assert not rows.exists(), relation.related_model
    assert not Case.objects.filter(pk=source.pk).exists()
    assert words(target) == ["Wo ist mein Brot?", "Immer noch kein Brot!"]
    one = fresh(target)
    assert set(one.labels.all()) == {praise, delivery_label}
    assert (one.intent, one.priority, one.assignee) == ("complaint", Priority.HIGH, me.user)
    assert one.excerpt == "Immer noch kein Brot!"
    assert [note.text for note in Note.objects.filter(case=target)] == ["Stammkundin"]
    assert list(Reply.objects.filter(case=target)) == [answer]
    assert ReplyKey.objects.get(key="abc").case == target
    assert Escalation.objects.filter(case=target).count() == 1
    assert Passage.objects.filter(case=target).count() == 4, "two words, a note, an answer"
    assert not BulkStep.objects.exists()


def test_the_old_id_leads_to_the_case(desk: Desk, time: Clock) -> None:
    target, source = ticked(desk, time)
    merge(desk, source, target)
    assert cases.get(actor=desk.actor, case_id=source.pk).pk == target.pk
    assert cases.assign(actor=desk.actor, case_id=source.pk, user_id=None, now=desk.now()).pk == target.pk
    # Who was just writing an answer there has written it here.
    assert desk.reply(source).case_id == target.pk
    assert merging.all_ids(target) == [target.pk, source.pk]
    third = asked(desk, "Und nun?")
    merge(desk, target, third)
    assert cases.get(actor=desk.actor, case_id=source.pk).pk == third.pk
    assert sorted(merging.all_ids(third)) == sorted([third.pk, target.pk, source.pk])


def test_both_are_recorded(desk: Desk, time: Clock) -> None:
    target, source = ticked(desk, time)
    merge(desk, source, target)
    found = AuditRecord.objects.filter(subject_type="case", verb__startswith="merged")
    assert {(r.verb, r.subject_id, r.details["case"]) for r in found} == {
        ("merged", target.pk, source.pk),
        ("merged into", source.pk, target.pk),
    }


@pytest.mark.parametrize("way", ["into the older", "into the newer"])
def test_it_is_due_when_the_sooner_of_both_was(desk: Desk, time: Clock, way: str) -> None:
    older, newer = ticked(desk, time)
    due, since = older.due_at, older.unanswered_since
    source, target = (newer, older) if way == "into the older" else (older, newer)
    one = merge(desk, source, target)
    assert (fresh(one).due_at, fresh(one).unanswered_since) == (due, since)
    assert fresh(one).opened_at == older.opened_at


def test_it_is_open_if_one_of_both_was(desk: Desk, time: Clock) -> None:
    closed, opened = ticked(desk, time)
    cases.close(actor=desk.actor, case_id=closed.pk, now=desk.now())
    one = merge(desk, opened, closed)
    assert (one.status, one.closed_at, one.unanswered_since) == (Status.OPEN, None, opened.unanswered_since)


def test_a_snoozed_one_wakes_up_if_the_other_is_open_and_its_pause_counts(desk: Desk, time: Clock) -> None:
    asleep, opened = ticked(desk, time)
    until = desk.now() + timedelta(days=1)
    cases.snooze(actor=desk.actor, case_id=asleep.pk, until=until, now=desk.now())
    time.forward(hours=2)
    one = fresh(merge(desk, asleep, opened))
    assert (one.status, one.paused_at, one.snoozed_until) == (Status.OPEN, None, None)
    assert one.paused == timedelta(hours=2)
    assert one.unanswered_since == asleep.unanswered_since
    # Both asleep: until the sooner moment.
    two = asked(desk, "Und noch")
    for case, days in ((one, 3), (two, 2)):
        later = desk.now() + timedelta(days=days)
        cases.snooze(actor=desk.actor, case_id=case.pk, until=later, now=desk.now())
    both = fresh(merge(desk, one, two))
    assert (both.status, both.snoozed_until) == (Status.SNOOZED, desk.now() + timedelta(days=2))
    time.forward(days=2)
    assert sweeps.wake_snoozed(desk.now()) == 1


def test_only_cases_of_the_same_person_on_the_same_channel_can_be_merged(desk: Desk, tmp_path: Path) -> None:
    mine, other = asked(desk, "Von mir"), asked(desk, "Von ihm", by="bert")
    with pytest.raises(Conflict, match="contact"):
        merge(desk, mine, other)
    with pytest.raises(Invalid):
        merge(desk, mine, mine)
    house = Desk(tmp_path)
    with pytest.raises(NotFound):
        merge(desk, mine, asked(house, "Woanders"))
    house.village.close()
    guest = desk.member("guest")
    with pytest.raises(Forbidden):
        merging.merge(actor=guest, case_id=mine.pk, into_id=other.pk, now=desk.now())
    assert Case.objects.filter(pk__in=[mine.pk, other.pk]).count() == 2


def test_merging_twice_is_merging_once(desk: Desk, time: Clock) -> None:
    target, source = ticked(desk, time)
    merge(desk, source, target)
    assert merge(desk, source, target).pk == target.pk
    assert words(target) == ["Wo ist mein Brot?", "Immer noch kein Brot!"]


def test_new_words_of_both_conversations_come_into_the_one_case(desk: Desk, time: Clock) -> None:
    target, source = ticked(desk, time)
    there, here = source.thread.remote_id, target.thread.remote_id
    merge(desk, source, target)
    cases.close(actor=desk.actor, case_id=target.pk, now=desk.now())
    time.forward(hours=1)
    desk.says("Dort", to=there)
    time.forward(minutes=1)
    desk.says("Hier", to=here)
    desk.says("Nicht von ihr", by="bert", to=there)
    desk.fetch()
    assert words(target)[2:] == ["Dort", "Hier"]
    one = fresh(target)
    assert (one.status, one.excerpt) == (Status.OPEN, "Hier")
    assert one.unanswered_since == desk.now() - timedelta(minutes=1)
    assert Case.objects.filter(author=target.author).count() == 1


def test_the_page_shows_both_conversations_in_the_order_of_time(desk: Desk, time: Clock) -> None:
    target, source = ticked(desk, time)
    time.forward(minutes=5)
    desk.says("Bei mir auch nicht", by="bert", to=source.thread.remote_id)
    desk.fetch()
    time.forward(minutes=5)
    desk.reply(source, "Es kommt!")
    notes.add(actor=desk.actor, case_id=source.pk, text="Bote krank", now=time.forward(minutes=5))
    merge(desk, source, target)
    assert shown(desk, target) == [
        ("theirs", "Wo ist mein Brot?"),
        ("theirs", "Immer noch kein Brot!"),
        ("context", "Bei mir auch nicht"),
        ("ours", "Es kommt!"),
        ("note", "Bote krank"),
    ]
    # Who looks at the case of the other person sees our answer to her there too.
    others = Case.objects.get(author__remote_id="bert")
    assert ("ours", "Es kommt!") in shown(desk, others)


def test_what_was_said_is_found_in_the_case_where_it_is_now(desk: Desk, time: Clock) -> None:
    target, source = ticked(desk, time)
    merge(desk, source, target)
    found = lists.case_list(actor=desk.actor, view="all", now=desk.now(), search="immer")
    assert [case.pk for case in found.cases] == [target.pk]


# --- answers under way


def test_an_answer_on_its_way_goes_along_and_arrives_once(desk: Desk, time: Clock) -> None:
    target, source = ticked(desk, time)
    answer = desk.reply(source, "Unterwegs")
    merge(desk, source, target)
    assert desk.deliver() == 1
    assert desk.deliver() == 0
    assert fresh(answer).state == "delivered"
    assert len(desk.answers(fresh(answer).interaction.remote_id)) == 1


@pytest.mark.parametrize("outcome", ["sent", "lost", "killed"])
def test_a_merger_while_an_answer_is_being_sent_disturbs_nothing(
    desk: Desk, time: Clock, outcome: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, source = ticked(desk, time)
    answer = desk.reply(source, "Gerade jetzt")
    publish = Demo.publish

    def merges_meanwhile(self: Demo, *given: Any, **more: Any) -> Delivered:
        if outcome == "killed":  # before anything has left the house
            merge(desk, source, target)
            raise SystemExit
        result = publish(self, *given, **more)
        merge(desk, source, target)
        if outcome == "lost":
            raise ConnectionError
        return result

    with monkeypatch.context() as patched:
        patched.setattr(Demo, "publish", merges_meanwhile)
        if outcome == "killed":
            with pytest.raises(SystemExit):
                desk.deliver()
        else:
            desk.deliver()
    for _step in range(6):
        time.forward(minutes=5)
        desk.deliver()
    done = fresh(answer)
    assert (done.state, done.case_id) == ("delivered", target.pk)
    assert len(desk.answers(done.interaction.remote_id)) == 1


def test_an_answer_written_before_the_merger_answers_its_own_conversation_only(
    desk: Desk, time: Clock
) -> None:
    older, newer = ticked(desk, time)
    desk.reply(newer, "Nur dies", close=True)
    time.forward(minutes=1)
    merge(desk, newer, older)
    desk.deliver()
    one = fresh(older)
    assert (one.status, one.unanswered_since, one.due_at) == (
        Status.OPEN,
        older.unanswered_since,
        older.due_at,
    )
    # The next answer was written by somebody who had seen both.
    time.forward(minutes=1)
    desk.reply(one, "Alles geklärt", close=True)
    desk.deliver()
    assert (fresh(one).status, fresh(one).unanswered_since) == (Status.CLOSED, None)


def test_words_that_wait_are_not_answered_by_what_was_said_elsewhere(desk: Desk, time: Clock) -> None:
    waiting, answered = ticked(desk, time)
    desk.reply(answered, "Beantwortet")
    desk.deliver()
    one = merge(desk, answered, waiting)
    assert fresh(one).unanswered_since == waiting.unanswered_since
    # Also when it is counted anew, since another word was deleted.
    uid = desk.says("Ach", to=waiting.thread.remote_id)
    desk.fetch()
    desk.village.remove(uid, now=time.forward(minutes=3))
    desk.fetch()
    assert fresh(one).unanswered_since == waiting.unanswered_since


def answered_at_the_network(desk: Desk, uid: str) -> None:
    """Somebody of ours answers these words in another app."""
    desk.village.write("comment", by="baker", text="Kommt!", now=desk.now(), to=uid)
    desk.fetch()


def word(case: Case) -> str:
    """The first words of a case, as the network knows them."""
    return str(Interaction.objects.filter(case_interaction__case=case).earliest("created_at").remote_id)


def test_an_answer_at_the_network_itself_answers_its_own_conversation_only(desk: Desk, time: Clock) -> None:
    older, newer = ticked(desk, time)
    here, there = word(older), word(newer)
    one = merge(desk, newer, older)
    time.forward(minutes=5)
    answered_at_the_network(desk, there)
    assert (fresh(one).status, fresh(one).unanswered_since) == (Status.OPEN, older.unanswered_since)
    # Another look at the words changes nothing.
    desk.village.edit(there, "Nichts", now=time.forward(minutes=1))
    desk.fetch()
    assert fresh(one).unanswered_since == older.unanswered_since
    time.forward(minutes=5)
    answered_at_the_network(desk, here)
    assert (fresh(one).status, fresh(one).unanswered_since) == (Status.WAITING, None)


def test_an_answer_at_the_network_to_the_older_conversation_lets_the_clock_of_the_newer_begin(
    desk: Desk, time: Clock
) -> None:
    older, newer = ticked(desk, time)
    here, since = word(older), newer.unanswered_since
    one = merge(desk, newer, older)
    time.forward(minutes=5)
    answered_at_the_network(desk, here)
    assert (fresh(one).status, fresh(one).unanswered_since, fresh(one).due_at) == (
        Status.OPEN,
        since,
        newer.due_at,
    )


def test_after_a_split_an_answer_at_the_network_answers_the_words_of_its_conversation_in_that_case(
    desk: Desk, time: Clock
) -> None:
    older, newer = ticked(desk, time)
    there = word(newer)
    one = merge(desk, newer, older)
    time.forward(minutes=1)
    third = desk.says("Und Kuchen?", to=older.thread.remote_id)
    desk.fetch()
    new = split(desk, one, there, third)
    time.forward(minutes=5)
    answered_at_the_network(desk, third)
    assert fresh(one).unanswered_since == older.unanswered_since
    assert fresh(new).unanswered_since == newer.unanswered_since
    answered_at_the_network(desk, there)
    assert (fresh(new).status, fresh(one).status) == (Status.WAITING, Status.OPEN)


def test_words_that_come_in_later_than_what_answered_them_at_the_network_need_no_answer(
    desk: Desk, time: Clock
) -> None:
    older, newer = ticked(desk, time)
    here, since = word(older), newer.unanswered_since
    one = merge(desk, newer, older)
    said = time.forward(minutes=5)
    time.forward(minutes=5)
    answered_at_the_network(desk, here)
    time.forward(minutes=5)
    desk.says("Und noch etwas", to=older.thread.remote_id, at=said)
    desk.says("Und auch hier", to=newer.thread.remote_id, at=said)
    desk.fetch()
    assert [i.text for i in cases.waiting_words(fresh(one))] == ["Immer noch kein Brot!", "Und auch hier"]
    assert fresh(one).unanswered_since == since


def test_what_was_answered_at_the_network_since_it_was_closed_is_not_opened_by_undoing(
    desk: Desk, time: Clock
) -> None:
    older, newer = ticked(desk, time)
    here, there = word(older), word(newer)
    one = merge(desk, newer, older)
    close = bulk.Order(do=bulk.Do.CLOSE)
    made = bulk.run(actor=desk.actor, order=close, case_ids=[one.pk], now=desk.now())
    time.forward(minutes=5)
    for uid in (here, there):
        answered_at_the_network(desk, uid)
    assert bulk.undo(actor=desk.actor, run_id=made.pk, now=desk.now()) == bulk.Undone(restored=0, left=1)
    assert fresh(one).status == Status.CLOSED
    time.forward(minutes=5)
    desk.says("Danke, und Kuchen?", to=older.thread.remote_id)
    desk.fetch()
    made = bulk.run(actor=desk.actor, order=close, case_ids=[one.pk], now=desk.now())
    assert bulk.undo(actor=desk.actor, run_id=made.pk, now=desk.now()) == bulk.Undone(restored=1, left=0)
    assert (fresh(one).status, fresh(one).unanswered_since) == (Status.OPEN, desk.now())


def test_a_repeated_call_writes_no_second_answer_after_merging_or_splitting(desk: Desk, time: Clock) -> None:
    target, source = ticked(desk, time)
    answer = desk.reply(source, "Einmal", key="k")
    merge(desk, source, target)
    assert desk.reply(source, "Einmal", key="k") == answer
    split(desk, target, answer.interaction.remote_id)
    assert desk.reply(source, "Einmal", key="k") == answer
    assert Reply.objects.count() == 1


# --- splitting


def test_from_a_word_on_a_case_of_its_own_begins(desk: Desk, time: Clock) -> None:
    case = asked(desk, "Wann offen?")
    desk.reply(case, "Bis 18 Uhr")
    desk.deliver()
    time.forward(hours=1)
    uid = desk.says("Und wo ist mein Brot?", to=case.thread.remote_id)
    desk.fetch()
    notes.add(actor=desk.actor, case_id=case.pk, text="Nett", now=desk.now())
    desk.reply(fresh(case), "Kommt", interaction_id=desk.interaction(uid).pk)
    new = split(desk, case, uid)
    assert (words(case), words(new)) == (["Wann offen?"], ["Und wo ist mein Brot?"])
    assert [r.text for r in Reply.objects.filter(case=case)] == ["Bis 18 Uhr"]
    assert [r.text for r in Reply.objects.filter(case=new)] == ["Kommt"]
    assert Note.objects.get().case == case
    old = fresh(case)
    assert (old.status, old.due_at, old.excerpt) == (Status.WAITING, None, "Wann offen?")
    assert (new.status, new.unanswered_since) == (Status.OPEN, desk.now())
    assert ("context", "Und wo ist mein Brot?") in shown(desk, case)
    assert ("theirs", "Und wo ist mein Brot?") in shown(desk, new)
    desk.deliver()
    assert fresh(new).status == Status.WAITING


def test_new_words_come_to_the_newest_part(desk: Desk, time: Clock) -> None:
    case = asked(desk, "Eins")
    thread = case.thread.remote_id
    time.forward(minutes=1)
    uid = desk.says("Zwei", to=thread)
    desk.fetch()
    new = split(desk, case, uid)
    time.forward(minutes=1)
    third = desk.says("Drei", to=thread)
    desk.fetch()
    assert (words(case), words(new)) == (["Eins"], ["Zwei", "Drei"])
    newest = split(desk, new, third)
    time.forward(minutes=1)
    desk.says("Vier", to=thread)
    desk.fetch()
    assert words(newest) == ["Drei", "Vier"]
    assert merge(desk, newest, case).pk == case.pk
    desk.says("Fünf", to=thread)
    desk.fetch()
    assert words(case) == ["Eins", "Drei", "Vier", "Fünf"]


def test_labels_owner_and_warnings_go_along(desk: Desk, time: Clock) -> None:
    case = asked(desk, "Eins")
    thread = case.thread.remote_id
    second = desk.says("Zwei", to=thread)
    desk.fetch()
    label = library.save_label(actor=desk.actor, name="Lob", color=1, now=desk.now())
    cases.label(actor=desk.actor, case_id=case.pk, label_id=label.pk, on=True, now=desk.now())
    cases.assign(actor=desk.actor, case_id=case.pk, user_id=desk.actor.user.pk, now=desk.now())
    time.to(fresh(case).escalate_at)
    sweeps.escalate(desk.now())
    new = split(desk, case, second)
    assert (new.assignee, set(new.labels.all())) == (desk.actor.user, {label})
    assert fresh(new).escalated == 1
    assert sweeps.escalate(desk.now()) == 0, "nobody is warned of the same twice"


def test_what_is_no_word_of_the_case_or_all_of_it_cannot_be_split_off(desk: Desk) -> None:
    uid, case = desk.asked("Eins")
    other, _case = desk.asked("Von ihm", by="bert")
    for uids in ([uid], [other], []):
        with pytest.raises(Invalid):
            split(desk, case, *uids)
    with pytest.raises(NotFound):
        merging.from_here_on(actor=desk.actor, case_id=case.pk, interaction_id=desk.interaction(other).pk)
    assert Case.objects.filter(author=case.author).count() == 1


def test_a_snoozed_case_is_split_into_two_that_sleep(desk: Desk, time: Clock) -> None:
    case = asked(desk, "Eins")
    uid = desk.says("Zwei", to=case.thread.remote_id)
    desk.fetch()
    until = desk.now() + timedelta(days=1)
    cases.snooze(actor=desk.actor, case_id=case.pk, until=until, now=desk.now())
    new = split(desk, case, uid)
    assert {fresh(one).snoozed_until for one in (case, new)} == {until}
    time.to(until)
    assert sweeps.wake_snoozed(desk.now()) == 2
    assert {fresh(one).status for one in (case, new)} == {Status.OPEN}


# --- data protection


def test_a_merged_case_outlives_the_conversation_that_it_stood_in(desk: Desk, time: Clock) -> None:
    target, source = ticked(desk, time)
    one = merge(desk, source, target)
    cases.close(actor=desk.actor, case_id=one.pk, now=desk.now())
    old = Interaction.objects.filter(thread=target.thread).values_list("pk", flat=True)
    with transaction.atomic():
        retention.erase_old(desk.channel, list(old))
    assert not Thread.objects.filter(pk=target.thread_id).exists()
    assert words(one) == ["Immer noch kein Brot!"]
    desk.says("Noch da", to=source.thread.remote_id)
    desk.fetch()
    assert words(one) == ["Immer noch kein Brot!", "Noch da"]


def test_erasing_a_person_takes_merged_cases_and_what_the_log_says_of_them(desk: Desk, time: Clock) -> None:
    target, source = ticked(desk, time)
    notes.add(actor=desk.actor, case_id=source.pk, text="Streng geheim", now=desk.now())
    merge(desk, source, target)
    subject = contacts.subject_of_author(actor=desk.actor, author_id=target.author_id)
    privacy.erase(actor=desk.actor, subject=subject, sure=True, now=desk.now())
    assert not MergedCase.objects.exists()
    about = AuditRecord.objects.filter(subject_type="case", subject_id__in=[target.pk, source.pk])
    assert about.exists()
    assert not about.exclude(details={}).exists()
    assert not CaseInteraction.objects.exists()


def test_a_name_is_taken_out_of_a_merged_case_whose_other_conversation_it_stood_in(
    desk: Desk, time: Clock
) -> None:
    target, source = ticked(desk, time)
    desk.says("Ich auch", by="bert", to=source.thread.remote_id)
    desk.fetch()
    notes.add(actor=desk.actor, case_id=source.pk, text="Wie Bert Öztürk", now=desk.now())
    merge(desk, source, target)
    bert = Author.objects.get(remote_id="bert")
    subject = contacts.subject_of_author(actor=desk.actor, author_id=bert.pk)
    InboxData().erase(subject, desk.now())
    assert "Öztürk" not in Note.objects.get().text


# --- an oracle: a plain book of which word is where, and whether it was answered


STEP = st.one_of(
    st.tuples(st.just("says"), st.integers(0, 2), st.just(0)),
    st.tuples(st.just("answer"), st.integers(0, 5), st.just(0)),
    st.tuples(st.just("answer_there"), st.integers(0, 5), st.integers(0, 5)),
    st.tuples(st.just("merge"), st.integers(0, 5), st.integers(0, 5)),
    st.tuples(st.just("split"), st.integers(0, 5), st.integers(0, 5)),
)


class Book:
    """Words by the case that they belong to; a list of [thread, text, moment, answered] for each case."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.goes_to: dict[int, int] = {}
        self.of: dict[int, list[Any]] = {}
        self.number = 0

    def pick(self, at: int) -> int | None:
        ids = sorted(self.of)
        return ids[at % len(ids)] if ids else None

    def says(self, thread: int, _unused: int) -> None:
        self.number += 1
        text, now = f"Wort {self.number}", self.desk.now()
        word = Item(
            kind=Kind.COMMENT,
            remote_id=text,
            thread_id=f"thread {thread}",
            author=Person(remote_id="ada"),
            created_at=now,
            text=text,
        )
        interactions.store(channel=self.desk.channel, items=[word], now=now)
        sweeps.open_cases(now)
        case = self.desk.case(text).pk
        if thread in self.goes_to:
            assert case == self.goes_to[thread]
        else:
            assert case not in self.of
        self.goes_to[thread] = case
        self.of.setdefault(case, []).append([thread, text, now, False])

    def answer(self, at: int, _unused: int) -> None:
        if (case := self.pick(at)) is None:
            return
        now = self.desk.now()
        reply = replies.write(actor=self.desk.actor, case_id=case, text="Antwort", now=now)
        Reply.objects.filter(pk=reply.pk).update(state="delivered", delivered_at=now, next_at=None)
        fresh(reply).arrived(now)
        for word in self.of[case]:
            word[3] = True

    def answer_there(self, at: int, word: int) -> None:
        """At the network itself, where one sees that conversation only."""
        if (case := self.pick(at)) is None:
            return
        thread, parent = self.of[case][word % len(self.of[case])][:2]
        self.number += 1
        now = self.desk.now()
        ours = Item(
            kind=Kind.COMMENT,
            remote_id=f"Von unterwegs {self.number}",
            thread_id=f"thread {thread}",
            parent_id=parent,
            author=Person(remote_id="baker"),
            created_at=now,
            text=f"Von unterwegs {self.number}",
            ours=True,
            addressed=False,
        )
        interactions.store(channel=self.desk.channel, items=[ours], now=now)
        sweeps.open_cases(now)
        for other in self.of[case]:
            other[3] = other[3] or other[0] == thread

    def merge(self, a: int, b: int) -> None:
        source, target = self.pick(a), self.pick(b)
        if source is None or target is None or source == target:
            return
        merging.merge(actor=self.desk.actor, case_id=source, into_id=target, now=self.desk.now())
        self.of[target] += self.of.pop(source)
        self.goes_to = {t: target if c == source else c for t, c in self.goes_to.items()}

    def split(self, at: int, word: int) -> None:
        case = self.pick(at)
        if case is None or len(self.of[case]) < 2:
            return
        own = sorted(self.of[case], key=lambda w: w[2])
        cut = 1 + word % (len(own) - 1)
        ids = list(
            Interaction.objects.filter(text__in=[w[1] for w in own[cut:]]).values_list("pk", flat=True)
        )
        made = merging.split(actor=self.desk.actor, case_id=case, interaction_ids=ids, now=self.desk.now())
        self.of[case], self.of[made.pk] = own[:cut], own[cut:]
        for moved in own[cut:]:
            self.goes_to[moved[0]] = made.pk

    def check(self) -> None:
        assert set(Case.objects.values_list("pk", flat=True)) == set(self.of)
        for case in Case.objects.all():
            own = self.of[case.pk]
            assert words(case) == [w[1] for w in sorted(own, key=lambda w: w[2])]
            waiting = [w[2] for w in own if not w[3]]
            assert case.unanswered_since == min(waiting, default=None)
            assert (case.status == Status.OPEN) == bool(waiting)
            assert case.excerpt == max(own, key=lambda w: w[2])[1]


class _Back(Exception):
    pass


@pytest.fixture
def quiet(db: None, time: Clock, tmp_path: Path) -> Iterator[tuple[Desk, Clock]]:
    made = Desk(tmp_path)
    yield made, time
    made.village.close()


FOUND = [("says", 0, 0), ("says", 0, 0), ("says", 1, 0), ("answer", 0, 0), ("merge", 0, 1), ("split", 0, 0)]
"""What was split off together, one part of it answered in another conversation."""


ANSWERED_THERE = [("says", 0, 0), ("says", 1, 0), ("merge", 0, 1), ("answer_there", 0, 0), ("split", 0, 0)]


@example(steps=FOUND)
@example(steps=ANSWERED_THERE)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEP, min_size=4, max_size=12))
def test_whatever_is_merged_and_split_no_word_is_lost_and_none_forgotten(
    quiet: tuple[Desk, Clock], steps: list[tuple[str, int, int]]
) -> None:
    desk, clock = quiet
    with ExitStack() as stack:
        stack.callback(clock.to, desk.now())
        try:
            with transaction.atomic():
                book = Book(desk)
                for name, a, b in steps:
                    clock.forward(minutes=3)
                    getattr(book, name)(a, b)
                    book.check()
                raise _Back
        except _Back:
            pass


# --- at the same time


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite writes one after another")
def test_merging_while_words_come_and_answers_go_loses_nothing_and_waits_in_no_circle(
    busy_desk: Desk,
) -> None:
    desk = busy_desk
    places = [post(desk) for _ in range(4)]
    found = [asked(desk, f"Anfang {n}", to=place) for n, place in enumerate(places)]
    errors: list[Exception] = []
    rounds = 20

    def guarded(what: Any) -> threading.Thread:
        def go() -> None:
            try:
                for number in range(rounds):
                    what(number)
            except Exception as error:  # noqa: BLE001
                errors.append(error)
            finally:
                connection.close()

        return threading.Thread(target=go)

    def merges(number: int) -> None:
        try:
            merge(desk, found[1 + number % 3], found[0])
        except Conflict:
            return
        one = cases.get(actor=desk.actor, case_id=found[0].pk)
        ids = list(CaseInteraction.objects.filter(case=one).values_list("interaction", flat=True))
        if len(ids) > 1:
            new = merging.split(actor=desk.actor, case_id=one.pk, interaction_ids=ids[-1:], now=desk.now())
            found[1 + number % 3] = new

    def talks(number: int) -> None:
        with Village(desk.file) as village:
            for at, place in enumerate(places):
                village.write("comment", by="ada", text=f"Wort {number} {at}", now=desk.now(), to=place)
        Channel.objects.filter(pk=desk.channel.pk).update(next_sync_at=desk.now())
        desk.fetch()

    def replies_(number: int) -> None:
        desk.reply(found[number % 4], f"Antwort {number}")
        delivery.deliver_due(Reply, desk.now())

    together = [guarded(what) for what in (merges, talks, replies_)]
    for thread in together:
        thread.start()
    for thread in together:
        thread.join()
    close_old_connections()
    assert not errors
    desk.fetch()
    desk.deliver()
    said = [f"Anfang {n}" for n in range(4)] + [f"Wort {n} {at}" for n in range(rounds) for at in range(4)]
    assert sorted(CaseInteraction.objects.values_list("interaction__text", flat=True)) == sorted(said)
    assert Reply.objects.filter(state="delivered").count() == rounds


# --- pages and API


@pytest.fixture
def client(desk: Desk) -> Client:
    browser = Client(headers={"accept-language": "en"})
    browser.force_login(desk.actor.user)
    return browser


def where(desk: Desk, rest: str = "") -> str:
    return f"/w/{desk.actor.workspace.slug}/inbox/{rest}"


def test_two_cases_are_shown_before_they_become_one_and_the_old_link_leads_there(
    desk: Desk, time: Clock, client: Client
) -> None:
    target, source = ticked(desk, time)
    page = client.get(where(desk, f"{target.pk}/earlier/"), headers={"HX-Request": "true"}).content.decode()
    assert where(desk, f"{target.pk}/merge/") in page
    offer = client.get(where(desk, f"{target.pk}/merge/")).content.decode()
    assert f'value="{source.pk}"' in offer
    both = client.get(where(desk, f"{target.pk}/merge/"), {"case": source.pk}).content.decode()
    assert "Wo ist mein Brot?" in both
    assert "Immer noch kein Brot!" in both
    assert Case.objects.count() == 2
    done = client.post(where(desk, f"{target.pk}/merge/"), {"case": source.pk})
    assert done.headers["Location"] == where(desk, f"{target.pk}/")
    led = client.get(where(desk, f"{source.pk}/"))
    assert (led.status_code, led.headers["Location"]) == (302, where(desk, f"{target.pk}/"))
    # What another browser still shows looks for news and finds the case as well.
    assert client.get(where(desk, f"{source.pk}/thread/"), headers={"HX-Request": "true"}).status_code == 200


def test_a_case_that_cannot_be_merged_is_not_offered(desk: Desk, client: Client) -> None:
    mine, other = asked(desk, "Von mir"), asked(desk, "Von ihm", by="bert")
    assert "merge/" not in client.get(where(desk, f"{mine.pk}/earlier/")).content.decode()
    page = client.get(where(desk, f"{mine.pk}/merge/"), {"case": other.pk}).content.decode()
    assert "Von ihm" not in page
    assert "no other case" in page


def test_a_button_at_a_word_begins_a_case_of_its_own(desk: Desk, time: Clock, client: Client) -> None:
    case = asked(desk, "Eins")
    time.forward(minutes=1)
    second = desk.says("Zwei", to=case.thread.remote_id)
    time.forward(minutes=1)
    desk.says("Drei", to=case.thread.remote_id)
    desk.fetch()
    pk = desk.interaction(second).pk
    page = client.get(where(desk, f"{case.pk}/")).content.decode()
    assert page.count("/split/") == 4, "at the second and third word, as action and for htmx"
    answer = client.post(where(desk, f"{case.pk}/split/{pk}/"), headers={"HX-Request": "true"})
    new = desk.case(second)
    assert answer.headers["HX-Push-Url"] == where(desk, f"{new.pk}/")
    assert words(new) == ["Zwei", "Drei"]


def test_programs_merge_and_split(desk: Desk, time: Clock) -> None:
    _token, secret = workspaces.make_token(actor=desk.actor, name="x", now=desk.now())
    program = Program(desk.actor.membership, secret)
    target, source = ticked(desk, time)
    made = program.post(f"/cases/{target.pk}/merge", {"case": source.pk}, status=200)
    assert made["id"] == target.pk
    led = program.get(f"/cases/{source.pk}")
    assert led["id"] == target.pk
    assert [item["text"] for item in led["thread"]["items"] if item["text"] != "Brot"] == [
        "Immer noch kein Brot!",
        "Wo ist mein Brot?",
    ]
    word = led["own_interaction_ids"][-1]
    new = program.post(f"/cases/{target.pk}/split", {"from_interaction": word})
    assert new["id"] != target.pk
    program.post(f"/cases/{target.pk}/split", {}, status=400)
    other = asked(desk, "Von ihm", by="bert")
    program.post(f"/cases/{target.pk}/merge", {"case": other.pk}, status=409)
