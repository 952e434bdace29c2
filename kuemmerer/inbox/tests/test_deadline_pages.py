"""The pages of deadlines, teams and absences, and what a case says of its deadline."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from kuemmerer.accounts.access import Actor
from kuemmerer.accounts.models import Absence, Role, Team
from kuemmerer.inbox import cases
from kuemmerer.inbox.models import Case, DeadlinePolicy, DeadlineRule
from tests.factories import Clock, Desk, fresh


def signed_in(actor: Actor) -> Client:
    client = Client(headers={"accept-language": "en"})
    client.force_login(actor.user, backend="allauth.account.auth_backends.AuthenticationBackend")
    return client


def url(desk: Desk, name: str, *args: object) -> str:
    return reverse(name, args=[desk.actor.workspace.slug, *args])


RULE = {"do": "rule", "name": "Complaints", "intents": ["complaint"], "promise": "minutes", "hours": "1.5"}


def test_a_rule_is_made_changed_moved_and_deleted_on_the_page(desk: Desk) -> None:
    browser, page = signed_in(desk.actor), url(desk, "settings-deadlines")
    assert "No rules yet" in browser.get(page).content.decode()
    assert browser.post(page, RULE).status_code == 302
    first = DeadlineRule.objects.get()
    assert (first.minutes, first.intents) == (90, ["complaint"])
    browser.post(page, {**RULE, "rule": first.pk, "name": "Loud complaints", "hours": "2"})
    browser.post(page, {"do": "preset", "preset": "urgent"})
    last = DeadlineRule.objects.get(priorities=[4])
    browser.post(page, {"do": "up", "rule": last.pk})
    assert [rule.name for rule in DeadlineRule.objects.all()] == ["Urgent within an hour", "Loud complaints"]
    text = browser.get(page).content.decode()
    assert "within 2 hours of open time" in text
    assert "within 1 hour of open time" in text
    browser.post(page, {"do": "delete", "rule": last.pk})
    assert DeadlineRule.objects.get() == first


@pytest.mark.parametrize(
    "wrong",
    [{**RULE, "name": ""}, {**RULE, "hours": "-1"}, {**RULE, "intents": ["anger"]}, {**RULE, "promise": "x"}],
)
def test_what_is_wrong_with_a_rule_stands_beside_it_and_what_was_typed_stays(
    desk: Desk, wrong: dict[str, object]
) -> None:
    answer = signed_in(desk.actor).post(url(desk, "settings-deadlines"), wrong)
    assert answer.status_code == 422
    assert 'value="Complaints"' in answer.content.decode() or not wrong["name"]
    assert not DeadlineRule.objects.exists()


def test_the_policy_is_changed_on_the_page(desk: Desk) -> None:
    browser, page = signed_in(desk.actor), url(desk, "settings-deadlines")
    form = {"do": "policy", "promise": "next_day_end", "hours": "8", "warn_assignee": "50", "warn_team": "80"}
    assert browser.post(page, {**form, "warn_managers": "70"}).status_code == 422
    assert browser.post(page, {**form, "warn_managers": "120"}).status_code == 302
    policy = DeadlinePolicy.objects.get()
    assert (policy.promise, policy.warn_assignee, policy.warn_managers) == ("next_day_end", 50, 120)
    assert (policy.warn_team, policy.minutes) == (80, 480)


def test_a_case_is_classified_on_its_page_and_says_why_it_is_due(desk: Desk) -> None:
    browser = signed_in(desk.actor)
    browser.post(url(desk, "settings-deadlines"), RULE)
    _, case = desk.asked("Das Brot war schimmelig!")
    answer = browser.post(
        url(desk, "case-classify", case.pk), {"intent": "complaint", "priority": "3"}, follow=True
    )
    text = answer.content.decode()
    assert "Complaints: within 90 minutes of open time (Complaint)" in text
    assert "High" in text
    assert (fresh(case).intent, fresh(case).priority) == ("complaint", 3)


def test_an_overdue_complaint_is_seen_on_every_page_until_it_is_answered(desk: Desk, time: Clock) -> None:
    browser = signed_in(desk.actor)
    _, case = desk.asked("Das Brot war schimmelig!")
    cases.classify(actor=desk.actor, case_id=case.pk, intent="complaint", now=time.now)
    pages = [url(desk, name) for name in ("inbox", "channels", "settings-deadlines", "absences")]
    assert not any("is overdue" in browser.get(page).content.decode() for page in pages)
    time.forward(days=2)
    for page in pages:
        assert "A complaint by Ada Krüger is overdue." in browser.get(page).content.decode()
    desk.reply(case)
    desk.deliver()
    assert not any("is overdue" in browser.get(page).content.decode() for page in pages)
    for name in ("bert", "cleo"):
        _, other = desk.asked("Und meins auch!", by=name)
        cases.classify(actor=desk.actor, case_id=other.pk, intent="compensation", now=time.now)
    Case.objects.filter(status="open").update(due_at=time.now - timedelta(hours=1))
    assert "2 complaints are overdue" in browser.get(pages[0]).content.decode()


def test_teams_are_made_changed_and_dissolved_on_the_page(desk: Desk) -> None:
    agent = desk.member(Role.AGENT)
    browser, page = signed_in(desk.actor), url(desk, "settings-teams")
    form = {
        "do": "save",
        "name": "Laden",
        "members": [agent.membership.pk],
        "place": "CH:ZH",
        "day_5": "8-12",
    }
    assert browser.post(page, form).status_code == 302
    team = Team.objects.get()
    assert (team.own_calendar, list(team.members.all())) == (False, [agent.membership])
    own = {**form, "team": team.pk, "own_calendar": "on", "closed_days": "11.11. St. Martin", "half_days": ""}
    assert browser.post(page, own).status_code == 302
    team = fresh(team)
    assert (team.own_calendar, team.country, team.region) == (True, "CH", "ZH")
    assert team.hours == {"5": [["08:00", "12:00"]]}
    assert team.closed_days == [{"first": "11-11", "last": "11-11", "name": "St. Martin"}]
    wrong = browser.post(page, {**own, "day_5": "12-8"})
    assert (wrong.status_code, "overlap, or end before" in wrong.content.decode()) == (422, True)
    browser.post(page, {"do": "delete", "team": team.pk})
    assert not Team.objects.exists()


def test_everybody_enters_their_own_absence(desk: Desk) -> None:
    agent = desk.member(Role.AGENT)
    browser, page = signed_in(agent), url(desk, "absences")
    form = {
        "do": "add",
        "member": agent.membership.pk,
        "first_day": "2026-03-01",
        "last_day": "2026-03-05",
        "deputy": desk.actor.membership.pk,
    }
    assert browser.post(page, {**form, "last_day": "2026-02-01"}).status_code == 422
    assert browser.post(page, {**form, "member": desk.actor.membership.pk}).status_code == 422
    assert browser.post(page, form).status_code == 302
    text = browser.get(page).content.decode()
    assert f"{desk.actor.user} stands in" in text
    browser.post(page, {"do": "remove", "absence": Absence.objects.get().pk})
    assert not Absence.objects.exists()
