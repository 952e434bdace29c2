"""Several people at one case: nobody answers twice, and four eyes see what goes out."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse

from kuemmerer.accounts.models import Membership, Role
from kuemmerer.accounts.tests.company import browser
from kuemmerer.api.tests.client import program
from kuemmerer.channels.delivery import State
from kuemmerer.core.errors import Conflict, Forbidden, Invalid, NotFound
from kuemmerer.core.models import AuditRecord
from kuemmerer.inbox import (
    approvals,
    cases,
    conversation,
    library,
    notes,
    presence,
    replies,
    sweeps,
    timeline,
)
from kuemmerer.inbox.automation import rules
from kuemmerer.inbox.automation.actions import Actions
from kuemmerer.inbox.automation.conditions import Conditions
from kuemmerer.inbox.models import Approval, Case, Presence, Reply
from kuemmerer.notify.models import Notice
from tests.factories import Clock, Desk, actor, close, fresh

HTMX = {"HX-Request": "true"}


# --- who else is here


def test_colleagues_see_each_other_at_a_case_until_they_leave(desk: Desk) -> None:
    _, case = desk.asked()
    ben = desk.member(Role.AGENT)
    assert presence.report(actor=desk.actor, case_id=case.pk, typing=False, now=desk.now()) == []
    (seen,) = presence.report(actor=ben, case_id=case.pk, typing=False, now=desk.now())
    assert (seen.user, seen.typing) == (desk.actor.user, False)
    (seen,) = presence.report(actor=desk.actor, case_id=case.pk, typing=True, now=desk.now())
    assert seen.user == ben.user
    (seen,) = presence.report(actor=ben, case_id=case.pk, typing=False, now=desk.now())
    assert seen.typing
    presence.leave(actor=desk.actor, case_id=case.pk)
    assert presence.report(actor=ben, case_id=case.pk, typing=False, now=desk.now()) == []


def test_who_has_been_silent_is_gone_and_later_forgotten(desk: Desk, time: Clock) -> None:
    _, case = desk.asked()
    ben = desk.member(Role.AGENT)
    presence.report(actor=desk.actor, case_id=case.pk, typing=True, now=desk.now())
    time.forward(seconds=9)
    (seen,) = presence.report(actor=ben, case_id=case.pk, typing=False, now=desk.now())
    assert not seen.typing, "who has typed nothing for eight seconds does not type"
    time.forward(seconds=2)
    assert presence.report(actor=ben, case_id=case.pk, typing=False, now=desk.now()) == []
    time.forward(hours=2)
    sweeps.tidy(desk.now())
    assert not Presence.objects.exists()


def test_a_report_that_says_nothing_new_writes_nothing(
    desk: Desk, time: Clock, django_assert_num_queries: Any
) -> None:
    _, case = desk.asked()
    presence.report(actor=desk.actor, case_id=case.pk, typing=False, now=desk.now())
    time.forward(seconds=2)
    with django_assert_num_queries(2):
        presence.report(actor=desk.actor, case_id=case.pk, typing=False, now=desk.now())


def test_the_page_tells_a_screen_reader_only_what_is_new(desk: Desk) -> None:
    _, case = desk.asked()
    ben = desk.member(Role.AGENT)
    url = reverse("case-presence", args=[desk.actor.workspace.slug, case.pk])
    assert browser(desk.actor).post(url, {"known": ""}, headers=HTMX).status_code == 204
    first = browser(ben).post(url, {"known": ""}, headers=HTMX)
    assert str(desk.actor.user) in first.text
    known = re.search(r'name="known" value="([^"]+)"', first.text)
    assert known
    assert browser(ben).post(url, {"known": known[1]}, headers=HTMX).status_code == 204
    assert browser(ben).post(url, {"leave": "1"}).status_code == 204
    assert not Presence.objects.filter(user=ben.user).exists()


def test_a_case_of_others_tells_nobody_who_is_there(desk: Desk) -> None:
    _, case = desk.asked()
    with pytest.raises(NotFound):
        presence.report(actor=actor(), case_id=case.pk, typing=False, now=desk.now())


# --- nobody answers what they have not read


def test_an_answer_is_refused_when_a_colleague_was_faster(desk: Desk) -> None:
    _, case = desk.asked()
    seen = case.revision
    desk.reply(case, "Bis 18 Uhr.", by=desk.member(Role.AGENT), revision=seen)
    with pytest.raises(Conflict) as refused:
        desk.reply(case, "Bis sechs!", revision=seen)
    assert refused.value.code == "case_changed"
    assert Reply.objects.count() == 1
    desk.reply(case, "Und sonntags bis zwölf.", revision=fresh(case).revision)
    assert Reply.objects.count() == 2


@pytest.mark.parametrize("event", ["new words", "edited", "deleted", "answered at the network"])
def test_an_answer_is_refused_when_something_came_in_since(desk: Desk, time: Clock, event: str) -> None:
    uid, case = desk.asked()
    seen = case.revision
    time.forward(minutes=2)
    if event == "new words":
        desk.says("Hat sich erledigt!")
    elif event == "edited":
        desk.village.edit(uid, "Bis wann habt ihr morgen offen?", now=desk.now())
    elif event == "deleted":
        desk.says("Noch etwas")
        desk.fetch()
        seen = fresh(case).revision
        desk.village.remove(uid, now=desk.now())
    else:
        desk.says("Bis 18 Uhr.", by="baker", to=uid)
    desk.fetch()
    with pytest.raises(Conflict) as refused:
        desk.reply(case, revision=seen)
    assert refused.value.code == "case_changed"
    assert not Reply.objects.exists()


def test_our_own_answer_coming_back_and_a_like_stop_nobody(desk: Desk, time: Clock) -> None:
    uid, case = desk.asked()
    desk.reply(case)
    seen = fresh(case).revision
    desk.deliver()
    time.forward(minutes=2)
    desk.says("", by="bert", kind="like", to=uid)
    desk.says("Ich auch?", by="bert")
    desk.fetch()
    assert fresh(case).revision == seen


def test_the_same_request_again_is_the_same_answer_though_the_case_has_moved_on(desk: Desk) -> None:
    _, case = desk.asked()
    first = desk.reply(case, key="a", revision=case.revision)
    assert desk.reply(case, key="a", revision=case.revision) == first


def test_the_page_shows_what_came_in_and_keeps_what_was_typed(desk: Desk) -> None:
    _, case = desk.asked()
    ben = desk.member(Role.AGENT)
    client = browser(desk.actor)
    page = client.get(reverse("case", args=[desk.actor.workspace.slug, case.pk])).text
    hidden = dict(re.findall(r'<input type="hidden" name="(key|revision|seen)" value="([^"]*)"', page))
    assert hidden["revision"] == str(case.revision)
    desk.reply(case, "Ben war schneller.", by=ben)
    write = reverse("case-write", args=[desk.actor.workspace.slug, case.pk])
    sent = {**hidden, "text": "Mein Entwurf", "kind": "reply"}
    stopped = client.post(write, sent, headers=HTMX).text
    error = stopped[stopped.index('id="composer-error"') :].partition("</div>")[0]
    assert "Ben war schneller." in error
    assert "Mein Entwurf" in stopped
    assert Reply.objects.count() == 1
    hidden = dict(re.findall(r'<input type="hidden" name="(key|revision|seen)" value="([^"]*)"', stopped))
    client.post(write, {**hidden, "text": "Mein Entwurf", "kind": "reply"}, headers=HTMX)
    assert Reply.objects.count() == 2


# --- four eyes


def four_eyes(desk: Desk, **more: object) -> tuple[Case, Reply]:
    """An agent's answer that waits."""
    approvals.set_policy(actor=desk.actor, agents=True, label_ids=[], now=desk.now())
    _, case = desk.asked()
    return case, desk.reply(case, "Bis 18 Uhr.", by=desk.member(Role.AGENT))


def test_an_agents_answer_waits_until_somebody_else_approves_exactly_this_text(desk: Desk) -> None:
    case, reply = four_eyes(desk)
    assert (reply.approval, reply.next_at) == (Approval.WAITING, None)
    desk.deliver()
    uid = reply.interaction.remote_id
    assert desk.answers(uid) == []
    assert fresh(case).due_at is not None, "the clock runs until it has arrived"
    with pytest.raises(Conflict):
        approvals.approve(actor=desk.actor, reply_id=reply.pk, text="Bis 19 Uhr.", now=desk.now())
    approvals.approve(actor=desk.actor, reply_id=reply.pk, text="Bis 18 Uhr.", now=desk.now())
    desk.deliver()
    assert desk.answers(uid) == ["Bis 18 Uhr."]
    assert fresh(reply).state == State.DELIVERED
    assert fresh(case).due_at is None


def test_nobody_approves_their_own_and_agents_approve_nothing(desk: Desk) -> None:
    approvals.set_policy(actor=desk.actor, agents=True, label_ids=[], now=desk.now())
    _, case = desk.asked()
    agent = desk.member(Role.AGENT)
    reply = desk.reply(case, by=agent)
    with pytest.raises(Forbidden):
        approvals.approve(actor=desk.member(Role.AGENT), reply_id=reply.pk, text=reply.text, now=desk.now())
    Membership.objects.filter(pk=agent.membership.pk).update(role=Role.MANAGER)
    agent.membership.refresh_from_db()
    with pytest.raises(Forbidden):
        approvals.approve(actor=agent, reply_id=reply.pk, text=reply.text, now=desk.now())
    with pytest.raises(IntegrityError), transaction.atomic():
        Reply.objects.filter(pk=reply.pk).update(
            approval=Approval.APPROVED, decided_by=reply.author, next_at=desk.now()
        )


def test_what_waits_cannot_be_sent_whatever_the_code_does(desk: Desk) -> None:
    _, reply = four_eyes(desk)
    with pytest.raises(IntegrityError), transaction.atomic():
        Reply.objects.filter(pk=reply.pk).update(next_at=desk.now())
    with pytest.raises(RuntimeError):
        fresh(reply).draft()


def test_a_returned_answer_is_changed_and_waits_again(desk: Desk) -> None:
    _, reply = four_eyes(desk)
    writer = reply.author
    assert writer
    with pytest.raises(Invalid):
        approvals.give_back(actor=desk.actor, reply_id=reply.pk, remark=" ", now=desk.now())
    approvals.give_back(actor=desk.actor, reply_id=reply.pk, remark="Bitte freundlicher", now=desk.now())
    told = Notice.objects.get(user=writer, kind="approval_decided")
    assert told.text == "Bitte freundlicher"
    desk.deliver()
    with pytest.raises(Conflict):
        approvals.approve(actor=desk.actor, reply_id=reply.pk, text=reply.text, now=desk.now())
    replies.revise(actor=desk.actor, reply_id=reply.pk, text="Sehr gern: bis 18 Uhr!", now=desk.now())
    changed = fresh(reply)
    assert changed.author == desk.actor.user
    assert changed.approval == "", "an owner's answer needs nobody's approval"
    desk.deliver()
    assert desk.answers(reply.interaction.remote_id) == ["Sehr gern: bis 18 Uhr!"]


def test_a_change_after_the_question_needs_a_new_approval(desk: Desk) -> None:
    _, reply = four_eyes(desk)
    other = desk.member(Role.AGENT)
    replies.revise(actor=other, reply_id=reply.pk, text="Bis 19 Uhr.", now=desk.now())
    assert fresh(reply).author == other.user
    with pytest.raises(Conflict) as refused:
        approvals.approve(actor=desk.actor, reply_id=reply.pk, text="Bis 18 Uhr.", now=desk.now())
    assert refused.value.code == "answer_changed"
    approvals.approve(actor=desk.actor, reply_id=reply.pk, text="Bis 19 Uhr.", now=desk.now())
    with pytest.raises(Conflict):
        replies.revise(actor=other, reply_id=reply.pk, text="Bis 20 Uhr.", now=desk.now())


def test_new_words_are_read_before_an_answer_is_approved(desk: Desk, time: Clock) -> None:
    case, reply = four_eyes(desk)
    seen = fresh(case).revision
    time.forward(minutes=2)
    desk.says("Hat sich erledigt.")
    desk.fetch()
    with pytest.raises(Conflict) as refused:
        approvals.approve(actor=desk.actor, reply_id=reply.pk, text=reply.text, revision=seen, now=desk.now())
    assert refused.value.code == "case_changed"


def test_a_refused_answer_with_another_text_is_approved_again(desk: Desk) -> None:
    _, reply = four_eyes(desk)
    approvals.approve(actor=desk.actor, reply_id=reply.pk, text=reply.text, now=desk.now())
    Reply.objects.filter(pk=reply.pk).update(state=State.REJECTED, next_at=None, problem="too_long")
    writer = Membership.objects.get(user=reply.author)
    agent = type(desk.actor)(user=writer.user, workspace=writer.workspace, membership=writer)
    replies.send_again(actor=agent, reply_id=reply.pk, now=desk.now(), text="Bis 17 Uhr.")
    again = fresh(reply)
    assert (again.approval, again.next_at, again.state) == (Approval.WAITING, None, State.PENDING)
    desk.deliver()
    assert desk.answers(reply.interaction.remote_id) == []


def test_labels_ask_for_a_second_pair_of_eyes_of_everybody(desk: Desk) -> None:
    law = library.save_label(actor=desk.actor, name="Recht", color=1, now=desk.now())
    with pytest.raises(Conflict):
        approvals.set_policy(actor=desk.actor, agents=False, label_ids=[law.pk], now=desk.now())
    manager = desk.member(Role.MANAGER)
    approvals.set_policy(actor=desk.actor, agents=False, label_ids=[law.pk], now=desk.now())
    _, case = desk.asked()
    assert desk.reply(case).approval == ""
    desk.says("Ich klage!", by="bert")
    desk.fetch()
    other = Case.objects.exclude(pk=case.pk).get()
    cases.label(actor=desk.actor, case_id=other.pk, label_id=law.pk, on=True, now=desk.now())
    reply = desk.reply(other)
    assert reply.approval == Approval.WAITING
    assert set(Notice.objects.filter(kind="approval_wanted").values_list("user", flat=True)) == {
        manager.user.pk
    }
    Membership.objects.filter(pk=manager.membership.pk).delete()
    with pytest.raises(Conflict):
        desk.reply(other, "Noch eine")


def test_who_can_approve_is_told_and_finds_it_in_the_list(desk: Desk) -> None:
    case, reply = four_eyes(desk)
    told = Notice.objects.get(kind="approval_wanted")
    assert told.user == desk.actor.user
    assert told.path.endswith(f"/inbox/{case.pk}/")
    assert list(approvals.waiting(actor=desk.actor, by_others=True)) == [reply]
    today = reverse("today", args=[desk.actor.workspace.slug])
    assert "Waiting for your approval" in browser(desk.actor).get(today).text
    page = browser(desk.actor).get(reverse("approvals", args=[desk.actor.workspace.slug])).text
    assert f"/inbox/{case.pk}/#reply-{reply.pk}" in page
    client = browser(desk.actor)
    decide = reverse("reply-decide", args=[desk.actor.workspace.slug, case.pk, reply.pk])
    revision = str(fresh(case).revision)
    answer = client.post(decide, {"do": "approve", "text": reply.text, "revision": revision}, headers=HTMX)
    assert answer.status_code == 200
    assert fresh(reply).approval == Approval.APPROVED
    assert not approvals.waiting(actor=desk.actor)
    assert "Waiting for your approval" not in browser(desk.actor).get(today).text


def test_the_settings_page_keeps_whose_answers_wait(desk: Desk) -> None:
    label = library.save_label(actor=desk.actor, name="Recht", color=1, now=desk.now())
    url = reverse("settings-approval", args=[desk.actor.workspace.slug])
    client = browser(desk.actor)
    alone = client.post(url, {"agents": "on", "labels": [label.pk]})
    assert alone.status_code == 200
    assert "nobody approves their own" in alone.text
    desk.member(Role.MANAGER)
    assert client.post(url, {"agents": "on", "labels": [label.pk]}).status_code == 302
    stored = approvals.policy(desk.actor.workspace)
    assert (stored.agents, list(stored.labels.all())) == (True, [label])
    boxes = re.findall(r'<input type="checkbox" name="(agents|labels)"[^>]* checked', client.get(url).text)
    assert boxes == ["agents", "labels"]


# --- everything a case went through


def test_the_timeline_says_who_did_what_in_order(desk: Desk, time: Clock) -> None:
    _, case = desk.asked()
    me, ben = desk.actor, desk.member(Role.AGENT)
    label = library.save_label(actor=me, name="Eilig", color=1, now=desk.now())
    cases.assign(actor=me, case_id=case.pk, user_id=ben.user.pk, now=desk.now())
    time.forward(minutes=1)
    cases.label(actor=me, case_id=case.pk, label_id=label.pk, on=True, now=desk.now())
    cases.classify(actor=ben, case_id=case.pk, intent="question", now=desk.now())
    cases.snooze(actor=ben, case_id=case.pk, until=desk.now() + timedelta(hours=1), now=desk.now())
    time.forward(hours=2)
    sweeps.wake_snoozed(desk.now())
    notes.add(actor=ben, case_id=case.pk, text="Nur für uns", now=desk.now())
    close(case, me)
    said = [event.text for event in timeline.events(fresh(case))]
    assert said == [
        f"{me.user} gave the case to {ben.user}",
        f"{me.user} put the label Eilig on",
        f"{ben.user} sorted the case: Question, priority Normal",
        f"{ben.user} snoozed the case until 03/02/2026 11:01 a.m.",
        "The snooze is over",
        f"{me.user} closed the case",
    ]
    talk = conversation.conversation(actor=me, case=fresh(case))
    kinds = [entry.kind for entry in talk.entries]
    assert kinds.index("event") > kinds.index("theirs")
    page = browser(me).get(reverse("case", args=[me.workspace.slug, case.pk])).text
    assert "put the label Eilig on" in page


def test_what_a_rule_did_stands_in_the_timeline(desk: Desk) -> None:
    label = library.save_label(actor=desk.actor, name="Eilig", color=1, now=desk.now())
    rules.save(
        actor=desk.actor,
        name="Offen?",
        conditions=Conditions(words=["offen"]),
        actions=Actions(labels=[label.pk], assign=desk.actor.user.pk, close=True),
        now=desk.now(),
    )
    _, case = desk.asked()
    (event,) = timeline.events(case)
    assert event.text == f"Rule “Offen?”: label Eilig, given to {desk.actor.user}, closed"


def test_the_timeline_outlives_those_who_left_and_what_was_erased(desk: Desk) -> None:
    _, case = desk.asked()
    ben = desk.member(Role.AGENT)
    cases.assign(actor=desk.actor, case_id=case.pk, user_id=ben.user.pk, now=desk.now())
    close(case, ben)
    ben.user.delete()
    first, second = timeline.events(fresh(case))
    assert "somebody who has left" in first.text
    assert second.text.endswith("closed the case")
    AuditRecord.objects.filter(subject_type="case", subject_id=case.pk).update(details={})
    assert len(timeline.events(fresh(case))) == 2


# --- for programs


def test_programs_answer_a_revision_approve_and_read_the_timeline(desk: Desk) -> None:
    owner = program("owner", desk.actor.workspace)
    agent = program("agent", desk.actor.workspace)
    owner.put("/approval-policy", {"agents": True, "labels": []})
    assert agent.get("/approval-policy") == {"agents": True, "labels": []}
    uid, case = desk.asked()
    revision = agent.get(f"/cases/{case.pk}")["revision"]
    answers = f"/cases/{case.pk}/replies"
    reply = agent.post(answers, {"text": "Bis 18 Uhr.", "revision": revision})
    assert (reply["approval"], reply["needs_person"]) == ("waiting", True)
    refused = agent.post(answers, {"text": "Und so", "revision": revision}, status=409)
    assert refused["code"] == "case_changed"
    assert [item["id"] for item in owner.get("/approvals")["items"]] == [reply["id"]]
    agent.post(f"/replies/{reply['id']}/approve", {"text": "Bis 18 Uhr."}, status=403)
    returned = owner.post(f"/replies/{reply['id']}/return", {"remark": "Kürzer!"}, status=200)
    assert (returned["approval"], returned["remark"]) == ("returned", "Kürzer!")
    agent.post(f"/replies/{reply['id']}/revise", {"text": "18 Uhr."}, status=200)
    owner.post(f"/replies/{reply['id']}/approve", {"text": "18 Uhr."}, status=200)
    desk.deliver()
    assert desk.answers(uid) == ["18 Uhr."]
    said = [event["text"] for event in owner.get(f"/cases/{case.pk}/events")["items"]]
    assert len(said) == 3
    assert said[0].endswith("returned the answer: Kürzer!")
