"""The pages and the API of automation rules."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from kuemmerer.accounts import workspaces
from kuemmerer.accounts.access import Actor
from kuemmerer.accounts.models import Role
from kuemmerer.inbox import library, sweeps
from kuemmerer.inbox.automation import rules
from kuemmerer.inbox.automation.actions import Actions
from kuemmerer.inbox.automation.conditions import Conditions
from kuemmerer.inbox.models import AutomationRule, RuleHit
from kuemmerer.networks.base import Action
from kuemmerer.networks.demo import Demo
from kuemmerer.networks.errors import Rejected
from tests.factories import Desk

FORM: dict[str, Any] = {
    "do": "save",
    "name": "Orders",
    "active": "on",
    "words": "bestell*\nTorte",
    "hours": "closed",
    "weekdays": ["0", "5"],
    "languages": ["de"],
    "at_least": "5",
    "priority": "3",
    "owner": "turn",
    "stop": "on",
    "days": "30",
}


def signed_in(actor: Actor) -> Client:
    client = Client(headers={"accept-language": "en"})
    client.force_login(actor.user)
    return client


def url(desk: Desk, name: str, *args: object) -> str:
    return reverse(name, args=[desk.actor.workspace.slug, *args])


def test_a_rule_is_made_shown_changed_and_deleted_on_the_pages(desk: Desk) -> None:
    browser, page = signed_in(desk.actor), url(desk, "settings-automation")
    assert "No rules yet" in browser.get(page).content.decode()
    assert browser.post(url(desk, "automation-rule-new"), FORM).status_code == 302
    rule = AutomationRule.objects.get()
    assert (rule.name, rule.active, rule.stop) == ("Orders", True, True)
    assert rule.conditions == {
        "words": ["bestell*", "Torte"],
        "languages": ["de"],
        "at_least": 5,
        "hours": "closed",
        "weekdays": [0, 5],
    }
    assert rule.actions == {"priority": 3, "in_turn": True}
    text = browser.get(page).content.decode()
    for said in ("“bestell*”, “Torte”", "German", "at least 5", "in turn: all who answer", "no further rule"):
        assert said in text
    assert "not hit in the last 30 days" in text
    edit = url(desk, "automation-rule", rule.pk)
    text = browser.get(edit).content.decode()
    assert 'value="Orders"' in text
    assert "bestell*\nTorte" in text
    browser.post(edit, {**FORM, "name": "Cakes", "active": ""})
    rule.refresh_from_db()
    assert (rule.name, rule.active) == ("Cakes", False)
    browser.post(page, {"do": "on", "rule": rule.pk})
    rule.refresh_from_db()
    assert rule.active
    browser.post(page, {"do": "delete", "rule": rule.pk})
    assert not AutomationRule.objects.exists()


def test_rules_are_moved_by_buttons(desk: Desk) -> None:
    browser, page = signed_in(desk.actor), url(desk, "settings-automation")
    for name in ("A", "B", "C"):
        browser.post(url(desk, "automation-rule-new"), {**FORM, "name": name})
    first = AutomationRule.objects.get(name="A")
    browser.post(page, {"do": "down", "rule": first.pk})
    assert [rule.name for rule in AutomationRule.objects.all()] == ["B", "A", "C"]
    browser.post(page, {"do": "up", "rule": first.pk})
    assert [rule.name for rule in AutomationRule.objects.all()] == ["A", "B", "C"]


def test_the_button_test_says_how_often_it_would_have_hit_and_saves_nothing(desk: Desk) -> None:
    case = desk.asked("Kann man hier Torten bestellen?")[1]
    desk.asked("Schönes Wetter", by="bert")
    browser = signed_in(desk.actor)
    tried = {**FORM, "do": "test", "hours": "", "weekdays": [], "languages": [], "at_least": ""}
    text = browser.post(url(desk, "automation-rule-new"), tried).content.decode()
    assert "Would have hit once" in text
    assert "Of all 2 comments and messages of the last 30 days." in text
    assert url(desk, "case", case.pk) in text
    assert 'value="Orders"' in text
    assert not AutomationRule.objects.exists()
    text = browser.post(url(desk, "automation-rule-new"), {**tried, "words": "xyz"}).content.decode()
    assert "Would have hit 0 times" in text


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"name": ""}, "This field is required"),
        ({"words": "…"}, "holds no word"),
        ({"at_least": "7", "at_most": "6"}, "nobody has so many followers"),
        ({"priority": "", "owner": "", "stop": ""}, "Choose at least one thing"),
        ({"owner": "user:999"}, "Who should get the cases does not answer here any more."),
        ({"labels": ["999"]}, "This label does not exist (any more)."),
        ({"saved_reply": "999"}, "This saved reply does not exist (any more)."),
        ({"channels": ["999"]}, "This channel does not exist (any more)."),
        ({"days": "0", "do": "test"}, "greater than or equal to 1"),
    ],
)
def test_what_is_wrong_with_a_rule_is_said_and_what_was_typed_stays(
    desk: Desk, wrong: dict[str, Any], said: str
) -> None:
    answer = signed_in(desk.actor).post(url(desk, "automation-rule-new"), {**FORM, **wrong})
    assert answer.status_code == 422
    text = answer.content.decode()
    assert said in text
    assert wrong.get("words") or "bestell*" in text
    beside = [
        name for name in re.findall(r'href="#id_(\w+)_errors"', text) if f'id="id_{name}_errors"' in text
    ]
    assert beside or "at least one thing" in said, "what is wrong further down is named above"
    assert not AutomationRule.objects.exists()


def test_the_page_says_what_a_rule_cannot_do_any_more_and_where_nothing_can_be_hidden(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    label = library.save_label(actor=desk.actor, name="Eilig", color=1, now=desk.now())
    rule = rules.save(
        actor=desk.actor,
        name="Regel",
        conditions=Conditions(channels=[desk.channel.pk]),
        actions=Actions(labels=[label.pk], spam=True),
        now=desk.now(),
    )
    label.delete()
    browser = signed_in(desk.actor)
    for page in (url(desk, "settings-automation"), url(desk, "automation-rule", rule.pk)):
        text = browser.get(page).content.decode()
        assert "A label that it should put on was deleted." in text
        assert "cannot hide anything" not in text
        with monkeypatch.context() as patch:
            patch.setattr("kuemmerer.inbox.automation.shown.spam_action", lambda _channel: None)
            text = browser.get(page).content.decode()
        assert f"nothing happens there: {desk.channel.name}." in text


def test_the_case_offers_the_suggested_reply_first_and_says_what_could_not_be_hidden(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = library.save_reply(actor=desk.actor, name="Gruß", text="Hallo {first_name}!", now=desk.now())
    rules.save(
        actor=desk.actor,
        name="Regel",
        conditions=Conditions(),
        actions=Actions(saved_reply=saved.pk, spam=True),
        now=desk.now(),
    )

    def act(*_args: object, **_more: object) -> None:
        raise Rejected("no_permission")

    monkeypatch.setattr(Demo, "act", act)
    case = desk.asked("Hallo")[1]
    sweeps.mark_spam(desk.now())
    text = signed_in(desk.actor).get(url(desk, "case", case.pk)).content.decode()
    assert "Suggested: Gruß" in text
    assert "Hallo Ada!" in text
    assert "The rule “Regel” could not hide this as spam." in text
    assert "It is not tried again." in text
    assert text.index("Hallo</p>") < text.index("could not hide this"), "where the page is scrolled to"


def test_what_a_rule_could_not_hide_a_person_hides_with_the_button_beside_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules.save(
        actor=desk.actor,
        name="Regel",
        conditions=Conditions(),
        actions=Actions(spam=True),
        now=desk.now(),
    )
    # A network that can only hide: such words stay in their case.
    monkeypatch.setattr(Demo, "can", replace(Demo.can, actions=frozenset({Action.HIDE})))
    desk.village.fault("rejected", operation="act")
    uid, case = desk.asked("Casino")
    sweeps.mark_spam(desk.now())
    address = url(desk, "interaction-act", case.pk, desk.interaction(uid).pk)
    browser, page = signed_in(desk.actor), url(desk, "case", case.pk)
    text = browser.get(page).content.decode()
    banner = text[text.index("could not hide this") :]
    assert f'action="{address}?' in banner
    assert 'name="action" value="hide"' in banner
    guest = signed_in(desk.member(Role.GUEST)).get(page).content.decode()
    assert f'action="{address}?' not in guest
    browser.post(address, {"action": "hide"})
    assert desk.interaction(uid).status == "hidden"
    assert "could not hide this" not in browser.get(page).content.decode()


# --- the API


class Program:
    def __init__(self, actor: Actor, now: Any) -> None:
        _row, token = workspaces.make_token(actor=actor, name="test", now=now)
        self._client = Client(headers={"authorization": f"Bearer {token}"})

    def __call__(self, method: str, path: str, data: Any = None, status: int = 200) -> Any:
        answer = getattr(self._client, method)(f"/api/v1{path}", data, content_type="application/json")
        assert answer.status_code == status, answer.content
        return answer.json() if answer.content else None


def test_a_program_makes_orders_tests_changes_and_deletes_rules(desk: Desk) -> None:
    api = Program(desk.actor, desk.now())
    wanted = {"name": "A", "conditions": {"words": ["Torte"]}, "actions": {"priority": 4}}
    made = api("post", "/automation-rules", wanted, 201)
    other = api("post", "/automation-rules", {**wanted, "name": "B", "active": False}, 201)
    case = desk.asked("Eine Torte, bitte")[1]
    assert case.priority == 4
    ordered = api("put", "/automation-rules", {"rule_ids": [other["id"], made["id"]]})
    assert [(rule["name"], rule["hits"]) for rule in ordered["items"]] == [("B", 0), ("A", 1)]
    tried = api("post", "/automation-rules/test", {"conditions": {"words": ["*orte"]}, "days": 7})
    hit = RuleHit.objects.get()
    assert tried == {
        "hits": 1,
        "looked_at": 1,
        "all_of_them": True,
        "examples": [{"case_id": case.pk, "interaction_id": hit.interaction_id}],
    }
    (found,) = api("get", f"/cases/{case.pk}/rule-hits")["items"]
    assert (found["rule"], found["interaction_id"]) == ("A", hit.interaction_id)
    changed = api("put", f"/automation-rules/{made['id']}", {**wanted, "actions": {"close": True}})
    assert (changed["actions"]["close"], changed["actions"]["priority"], changed["hits"]) == (True, None, 1)
    api("delete", f"/automation-rules/{made['id']}", status=204)
    assert [rule["name"] for rule in api("get", "/automation-rules")["items"]] == ["B"]


def test_a_program_is_told_what_is_wrong(desk: Desk) -> None:
    api = Program(desk.actor, desk.now())
    wanted = {"name": "A", "conditions": {"words": ["…"]}, "actions": {"priority": 4}}
    assert "holds no word" in api("post", "/automation-rules", wanted, 400)["detail"]
    wanted = {"name": "A", "conditions": {"regex": ["(a+)+$"]}, "actions": {"priority": 4}}
    api("post", "/automation-rules", wanted, 422)
    assert not AutomationRule.objects.exists()
