"""What the day's summary says of the cases, in both languages."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import translation

from kuemmerer.accounts.access import Actor
from kuemmerer.accounts.models import Role
from kuemmerer.accounts.tests.company import browser
from kuemmerer.inbox import cases, summary
from kuemmerer.inbox.models import Case, Intent
from kuemmerer.notify import sweeps as notify_sweeps
from kuemmerer.notify.models import Notice
from tests.factories import MONDAY, Clock, Desk

pytestmark = pytest.mark.django_db


def texts(who: Actor, time: Clock, language: str = "en") -> list[str]:
    with translation.override(language):
        return [line.text for line in summary.lines(who, time.now)]


def due(desk: Desk, by: str, *, hours: float) -> Case:
    """A case of `by` that is due in so many hours."""
    _, case = desk.asked(by=by)
    Case.objects.filter(pk=case.pk).update(due_at=desk.now() + timedelta(hours=hours))
    return case


def test_nothing_due_is_nothing_to_say(desk: Desk, time: Clock) -> None:
    due(desk, "ada", hours=30)
    assert texts(desk.actor, time) == []


def test_how_many_are_due_overdue_and_ones_own(desk: Desk, time: Clock) -> None:
    mine = due(desk, "ada", hours=-1)
    assert texts(desk.actor, time) == ["1 overdue"]
    assert texts(desk.actor, time, "de") == ["1 überfällig"]
    due(desk, "bert", hours=2)
    due(desk, "cleo", hours=3)
    cases.assign(actor=desk.actor, case_id=mine.pk, user_id=desk.actor.user.pk, now=time.now)
    assert texts(desk.actor, time) == ["3 due today", "1 of them overdue", "1 of them yours"]
    assert texts(desk.actor, time, "de") == ["3 heute fällig", "1 davon überfällig", "1 davon bei Ihnen"]
    colleague = desk.member(Role.AGENT)
    assert texts(colleague, time) == ["3 due today", "1 of them overdue"]
    assert texts(desk.member(Role.AUTHOR), time) == [], "who may not answer has nothing to do"


def test_each_line_leads_to_a_list_of_as_many_or_to_the_complaint(desk: Desk, time: Clock) -> None:
    first = due(desk, "ada", hours=-1)
    due(desk, "bert", hours=2)
    cases.assign(actor=desk.actor, case_id=first.pk, user_id=desk.actor.user.pk, now=time.now)
    cases.classify(actor=desk.actor, case_id=first.pk, intent=Intent.COMPLAINT, now=time.now)
    Case.objects.filter(pk=first.pk).update(due_at=time.now - timedelta(hours=1))
    found = summary.lines(desk.actor, time.now)
    client = browser(desk.actor)
    shown = [client.get(line.path).text.count('class="case-row') for line in found[:-1]]
    assert shown == [2, 1, 1]
    assert found[-1].path == f"/w/{desk.actor.workspace.slug}/inbox/{first.pk}/"


@pytest.mark.parametrize(
    ("days", "english", "german"),
    [
        (0, "1 complaint waits since today", "1 Beschwerde wartet seit heute"),
        (1, "1 complaint waits since yesterday", "1 Beschwerde wartet seit gestern"),
        (3, "1 complaint waits since Friday", "1 Beschwerde wartet seit Freitag"),
        (10, "1 complaint waits since February 20", "1 Beschwerde wartet seit 20. Februar"),
    ],
)
def test_since_when_a_complaint_waits(desk: Desk, time: Clock, days: int, english: str, german: str) -> None:
    case = due(desk, "ada", hours=200)
    Case.objects.filter(pk=case.pk).update(
        intent=Intent.COMPENSATION, unanswered_since=time.now - timedelta(days=days)
    )
    assert texts(desk.actor, time) == [english]
    assert texts(desk.actor, time, "de") == [german]


def test_of_several_complaints_the_oldest_is_named(desk: Desk, time: Clock) -> None:
    for number, who in enumerate(("ada", "bert")):
        case = due(desk, who, hours=200)
        Case.objects.filter(pk=case.pk).update(
            intent=Intent.COMPLAINT, unanswered_since=time.now - timedelta(days=number)
        )
    assert texts(desk.actor, time) == ["2 complaints wait, the oldest since yesterday"]
    assert texts(desk.actor, time, "de") == ["2 Beschwerden warten, die älteste seit gestern"]


def test_the_mail_in_the_morning_says_it(desk: Desk, time: Clock) -> None:
    desk.asked()
    notify_sweeps.write_digests(time.now)
    time.to(MONDAY.replace(day=3, hour=7))
    notify_sweeps.write_digests(time.now)
    (notice,) = Notice.objects.filter(kind="digest")
    assert notice.title == "1 heute fällig"
    assert notice.lines[0]["path"] == f"/w/{desk.actor.workspace.slug}/inbox/?view=due"
