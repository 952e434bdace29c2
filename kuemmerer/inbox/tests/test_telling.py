"""What the inbox tells people and other programs; programs over a real HTTP server, from end to end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from standardwebhooks.webhooks import Webhook as Verifier

from kuemmerer.accounts import teams
from kuemmerer.accounts.access import Actor
from kuemmerer.accounts.models import Role
from kuemmerer.channels import privacy
from kuemmerer.inbox import cases, escalation, merging, promises, replies, sweeps
from kuemmerer.inbox.models import Case, Status
from kuemmerer.networks.demo import Demo
from kuemmerer.notify import events, webhooks
from kuemmerer.notify import sweeps as notify_sweeps
from kuemmerer.notify.models import Notice, WebhookDelivery
from kuemmerer.notify.tests.receiver import Target
from tests.factories import Clock, Desk, actor, fresh

pytestmark = pytest.mark.django_db
ALL = [event.key for event in events.every()]


def listen(desk: Desk, target: Target, *wanted: str) -> str:
    """Make a webhook for these events, for all without any; returns its key."""
    made = {"name": "Laden", "address": target.address, "format_": "json", "wanted": wanted or ALL}
    return webhooks.make(actor=desk.actor, now=desk.now(), **made)[1]


def told(target: Target, desk: Desk) -> list[str]:
    """Send what waits; the types of all that has come since the last time."""
    before = len(target.got)
    notify_sweeps.send_webhooks(desk.now())
    return [message["type"] for message in target.said()[before:]]


def notices_of(who: Actor, kind: str = "assigned") -> list[str]:
    found = Notice.objects.filter(user=who.user, kind=kind).order_by("pk")
    return list(found.values_list("title", flat=True))


# --- people


def test_who_is_given_a_case_is_told_in_their_language_with_the_way_to_it(desk: Desk) -> None:
    murat = actor(Role.AGENT, desk.actor.workspace, "Murat Aydın")
    murat.user.language = "en"
    murat.user.save()
    _, case = desk.asked()
    for _twice in range(2):
        cases.assign(actor=desk.actor, case_id=case.pk, user_id=murat.user.pk, now=desk.now())
    (notice,) = Notice.objects.filter(kind="assigned")
    assert notice.user == murat.user
    assert notice.title == f"{desk.actor.user} gave you the case of Ada Krüger"
    assert notice.text == "Bis wann habt ihr offen?"
    assert notice.path == f"/w/{desk.actor.workspace.slug}/inbox/{case.pk}/"
    assert notice.mail.state == "waiting"


def test_who_takes_a_case_or_answers_it_is_not_told_of_their_own_deed(desk: Desk) -> None:
    _, case = desk.asked()
    cases.assign(actor=desk.actor, case_id=case.pk, user_id=desk.actor.user.pk, now=desk.now())
    _, other = desk.asked(by="bert")
    desk.reply(other)
    assert fresh(other).assignee == desk.actor.user
    assert not Notice.objects.filter(kind="assigned").exists()


def test_given_back_and_given_again_is_told_again(desk: Desk, time: Clock) -> None:
    murat = desk.member(Role.AGENT)
    _, case = desk.asked()
    for user_id in (murat.user.pk, None, murat.user.pk):
        cases.assign(actor=desk.actor, case_id=case.pk, user_id=user_id, now=time.forward(minutes=1))
    assert len(notices_of(murat)) == 2


def test_for_who_is_away_the_deputy_is_told_too(desk: Desk) -> None:
    away, deputy = (actor(Role.AGENT, desk.actor.workspace, name) for name in ("Jana Sommer", "Murat Aydın"))
    today = desk.now().date()
    teams.add_absence(
        actor=away,
        membership_id=away.membership.pk,
        first_day=today,
        last_day=today + timedelta(days=7),
        deputy_id=deputy.membership.pk,
        now=desk.now(),
    )
    deputy.user.language = "en"
    deputy.user.save()
    _, case = desk.asked()
    cases.assign(actor=desk.actor, case_id=case.pk, user_id=away.user.pk, now=desk.now())
    assert len(notices_of(away)) == 1
    assert notices_of(deputy) == ["You stand in for Jana Sommer, who was given the case of Ada Krüger"]
    # Who stands in and gives it away themselves knows.
    _, other = desk.asked(by="bert")
    cases.assign(actor=deputy, case_id=other.pk, user_id=away.user.pk, now=desk.now())
    assert (len(notices_of(away)), len(notices_of(deputy))) == (2, 1)


def test_several_cases_given_at_once_are_one_notice_with_a_line_each(desk: Desk) -> None:
    from kuemmerer.inbox import telling

    murat = desk.member(Role.AGENT)
    Case.objects.filter(pk__in=[desk.asked(by=who)[1].pk for who in ("ada", "bert")]).update(
        assignee=murat.user
    )
    given = list(Case.objects.order_by("pk"))
    telling.assigned(given, by=None, now=desk.now())
    telling.assigned(given, by=None, now=desk.now())
    (notice,) = Notice.objects.filter(kind="assigned")
    assert [line["text"].split(":")[0] for line in notice.lines] == ["Ada Krüger", "Bert Öztürk"]
    assert notice.path.endswith(f"/inbox/?view=open&assignee={murat.user.pk}")


def test_who_wrote_a_refused_answer_and_whose_case_it_is_are_told_each_time(desk: Desk) -> None:
    writer, owner, other = desk.member(Role.AGENT), desk.member(Role.AGENT), desk.member(Role.AGENT)
    _, case = desk.asked()
    cases.assign(actor=desk.actor, case_id=case.pk, user_id=owner.user.pk, now=desk.now())
    reply = desk.reply(case, by=writer)
    desk.village.fault("rejected", 2)
    desk.deliver()
    title = f"Die Antwort an {case.author} wurde nicht gesendet"
    assert (notices_of(writer, "unsent"), notices_of(owner, "unsent")) == ([title], [title])
    (notice,) = Notice.objects.filter(user=writer.user, kind="unsent")
    assert notice.text.startswith("Das Netzwerk hat das abgelehnt.")
    assert notice.path.endswith(f"/inbox/{case.pk}/#reply-{reply.pk}")
    replies.send_again(actor=desk.actor, reply_id=reply.pk, now=desk.now())
    desk.deliver()
    assert len(notices_of(writer, "unsent")) == 2
    assert not Notice.objects.filter(user__in=[other.user, desk.actor.user], kind="unsent").exists()


def test_a_refused_answer_of_who_has_left_is_told_to_the_managers(desk: Desk) -> None:
    writer = desk.member(Role.AGENT)
    _, case = desk.asked()
    desk.reply(case, by=writer)
    cases.assign(actor=desk.actor, case_id=case.pk, user_id=None, now=desk.now())
    writer.membership.delete()
    desk.village.fault("rejected")
    desk.deliver()
    assert len(notices_of(desk.actor, "unsent")) == 1


def test_an_answer_of_which_nobody_knows_whether_it_arrived_is_told_once(
    desk: Desk, time: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Demo, "find", lambda *args, **kwargs: None)
    _, case = desk.asked()
    reply = desk.reply(case)
    desk.village.fault("cut_after")
    for _hour in range(30):
        desk.deliver()
        time.forward(hours=1)
    assert (fresh(reply).state, fresh(reply).next_at) == ("unknown", None)
    assert notices_of(desk.actor, "unsent") == [
        f"Bitte nachsehen, ob die Antwort an {case.author} angekommen ist"
    ]


# --- programs


def test_a_comment_arrives_signed_and_what_becomes_of_it_follows(desk: Desk, target: Target) -> None:
    now = datetime.now(UTC).replace(microsecond=0)  # the reference library compares with the real time
    key = listen(desk, target)
    _, case = desk.asked("Bis wann habt ihr heute offen?")
    from kuemmerer.core import clock

    with clock.frozen(now):
        notify_sweeps.send_webhooks(now)
    ((headers, content),) = target.got
    message = Verifier(key).verify(content, headers)
    assert message["type"] == "case.opened"
    due = fresh(case).due_at
    assert message["data"] == {
        "id": case.pk,
        "channel": "Bäckerei Probe",
        "author": "Ada Krüger",
        "text": "Bis wann habt ihr heute offen?",
        "status": "open",
        "assignee": "",
        "due_at": due.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "url": f"http://127.0.0.1:8000/w/{desk.actor.workspace.slug}/inbox/{case.pk}/",
    }
    reply = desk.reply(case, "Bis 18 Uhr.", close=True)
    assert told(target, desk) == ["case.assigned"]
    desk.deliver()
    assert told(target, desk) == ["reply.delivered", "case.answered", "case.closed"]
    delivered, answered, closed = (message["data"] for message in target.said()[-3:])
    assert delivered == {
        "id": reply.pk,
        "case_id": case.pk,
        "channel": "Bäckerei Probe",
        "author": "Ada Krüger",
        "text": "Bis 18 Uhr.",
        "written_by": str(desk.actor.user),
        "reason": "",
        "url": f"{message['data']['url']}#reply-{reply.pk}",
    }
    assert (answered["due_at"], answered["assignee"]) == (None, str(desk.actor.user))
    assert closed["status"] == "closed"
    for message in target.said():
        assert set(message["data"]) == {*events.get(message["type"]).example, "url"}


def test_an_answer_that_is_refused_is_told_each_time_and_the_case_is_not_answered(
    desk: Desk, target: Target
) -> None:
    listen(desk, target)
    _, case = desk.asked()
    reply = desk.reply(case)
    desk.village.fault("rejected", 2)
    desk.deliver()
    replies.send_again(actor=desk.actor, reply_id=reply.pk, now=desk.now())
    desk.deliver()
    assert told(target, desk) == ["case.opened", "case.assigned", "reply.rejected", "reply.rejected"]
    assert target.said()[-1]["data"]["reason"] == fresh(reply).problem != ""


def test_an_answer_that_is_given_up_is_refused_too(desk: Desk, time: Clock, target: Target) -> None:
    listen(desk, target, "reply.rejected")
    _, case = desk.asked()
    desk.reply(case)
    desk.village.fault("try_later", 1000)
    for _hour in range(26):
        desk.deliver()
        time.forward(hours=1)
    assert told(target, desk) == ["reply.rejected"]
    assert target.said()[0]["data"]["reason"] == "gave_up"


def test_new_words_open_a_case_again_and_so_does_a_person(desk: Desk, time: Clock, target: Target) -> None:
    listen(desk, target, "case.opened", "case.closed")
    _, case = desk.asked()
    desk.says("Hallo?")
    desk.fetch()
    assert told(target, desk) == ["case.opened"], "it was open already"
    cases.close(actor=desk.actor, case_id=case.pk, now=time.forward(minutes=1))
    time.forward(minutes=1)
    desk.says("Und morgen?")
    desk.fetch()
    assert told(target, desk) == ["case.closed", "case.opened"]
    assert target.said()[-1]["data"]["text"] == "Und morgen?"
    cases.close(actor=desk.actor, case_id=case.pk, now=time.forward(minutes=1))
    for _twice in range(2):
        cases.reopen(actor=desk.actor, case_id=case.pk, now=time.forward(minutes=1))
    assert told(target, desk) == ["case.closed", "case.opened"]


def test_an_answer_written_at_the_network_is_an_answer(desk: Desk, time: Clock, target: Target) -> None:
    listen(desk, target)
    uid, _case = desk.asked()
    desk.says("Bis 18 Uhr", by="baker", to=uid, at=time.forward(minutes=5))
    desk.fetch()
    assert told(target, desk) == ["case.opened", "case.answered"]


def test_in_a_merged_case_the_answer_is_news_after_which_nothing_waits(
    desk: Desk, time: Clock, target: Target
) -> None:
    uid, case = desk.asked()
    other, source = desk.asked("Und Kuchen?", kind="mention")
    merging.merge(actor=desk.actor, case_id=source.pk, into_id=case.pk, now=desk.now())
    listen(desk, target, "case.answered")
    for parent, news in ((uid, []), (other, ["case.answered"])):
        desk.says("Ja!", by="baker", to=parent, at=time.forward(minutes=5))
        desk.fetch()
        assert told(target, desk) == news
    desk.says("Danke, und morgen?", to=uid, at=time.forward(minutes=5))
    desk.fetch()
    desk.says("Auch!", by="baker", to=uid, at=time.forward(minutes=5))
    desk.fetch()
    assert told(target, desk) == ["case.answered"]


def test_what_comes_closed_or_answered_is_no_news(desk: Desk, time: Clock, target: Target) -> None:
    listen(desk, target)
    uid = desk.says(at=time.now - timedelta(days=20))
    desk.says("Danke, bis 18 Uhr", by="baker", to=uid, at=time.now - timedelta(days=19))
    desk.says("Alt", by="bert", at=time.now - timedelta(days=12))
    recent = desk.says("Neu", by="cleo", at=time.now - timedelta(days=1))
    desk.says("Gern", by="baker", to=recent, at=time.now - timedelta(hours=3))
    desk.fetch()
    assert Case.objects.exclude(status=Status.CLOSED).count() == 1, "answered, so it waits for its author"
    assert Case.objects.count() == 3
    assert told(target, desk) == []


def test_words_that_are_deleted_close_their_case(desk: Desk, time: Clock, target: Target) -> None:
    listen(desk, target, "case.closed")
    uid, case = desk.asked()
    desk.village.remove(uid, now=time.forward(minutes=3))
    desk.fetch()
    assert fresh(case).status == Status.CLOSED
    assert told(target, desk) == ["case.closed"]


def test_a_deadline_that_comes_near_and_passes_is_told_once_each(
    desk: Desk, time: Clock, target: Target
) -> None:
    listen(desk, target, "case.near_breach", "case.breached")
    desk.asked()
    found = []
    for _hour in range(30):
        time.forward(hours=1)
        sweeps.escalate(time.now)
        found += told(target, desk)
    assert found == ["case.near_breach", "case.breached"]


def test_a_missed_deadline_is_told_when_it_is_missed_however_people_are_warned(
    desk: Desk, time: Clock, target: Target
) -> None:
    given = promises.Given(promise="minutes", minutes=60)
    promises.save_policy(
        actor=desk.actor, given=given, warn_assignee=200, warn_team=300, warn_managers=400, now=time.now
    )
    listen(desk, target, "case.near_breach", "case.breached")
    desk.asked()
    time.forward(minutes=59)
    assert escalation.escalate_due(time.now) == 0
    time.forward(minutes=1)
    assert escalation.escalate_due(time.now) == 1
    assert told(target, desk) == ["case.breached"]


def test_who_begins_to_listen_hears_nothing_of_what_was_overdue_before(
    desk: Desk, time: Clock, target: Target
) -> None:
    desk.asked()
    time.forward(hours=30)
    listen(desk, target, "case.breached")
    sweeps.escalate(time.forward(minutes=1))
    assert told(target, desk) == []


def test_without_anybody_who_listens_a_batch_asks_once(
    desk: Desk, target: Target, django_assert_max_num_queries: Any
) -> None:
    for number in range(40):
        desk.says(f"Frage {number}", by=("ada", "bert", "cleo")[number % 3])
    with CaptureQueriesContext(
        connection,
    ) as captured:
        desk.fetch()
    asked = [query["sql"] for query in captured if "notify_webhook" in query["sql"]]
    assert len(asked) == 1
    assert not WebhookDelivery.objects.exists()


def test_another_company_is_not_told(desk: Desk, target: Target) -> None:
    stranger = actor()
    webhooks.make(
        actor=stranger, name="x", address=target.address, format_="json", wanted=ALL, now=desk.now()
    )
    _, case = desk.asked()
    desk.reply(case)
    desk.deliver()
    assert told(target, desk) == []


def test_who_is_erased_is_erased_from_what_programs_are_told(desk: Desk, target: Target) -> None:
    from kuemmerer.audience import contacts
    from kuemmerer.channels.models import Author

    listen(desk, target)
    _, case = desk.asked()
    _, other = desk.asked(by="bert")
    desk.reply(case)
    desk.deliver()
    assert WebhookDelivery.objects.filter(data__author="Ada Krüger").count() == 4
    ada = Author.objects.get(remote_id="ada")
    subject = contacts.subject_of_author(actor=desk.actor, author_id=ada.pk)
    privacy.erase(actor=desk.actor, subject=subject, sure=True, now=desk.now())
    assert set(WebhookDelivery.objects.values_list("data__id", flat=True)) == {other.pk}
