"""What each person wants to be told: by page and by API, with what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from kuemmerer.accounts.access import Actor
from kuemmerer.accounts.models import Role, Workspace
from kuemmerer.api.tests.client import Program, program
from kuemmerer.notify.models import Mail, Preference
from kuemmerer.notify.preferences import of
from kuemmerer.notify.tests.people import tell
from tests.factories import Clock, actor

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _at_ten(time: Clock) -> None:
    pass


def browser(who: Actor) -> Client:
    client = Client(headers={"accept-language": "en"})
    client.force_login(who.user)
    return client


def saved(who: Actor, **changes: Any) -> Any:
    """The answer to the page's form as it stands, with `changes`; None takes a field out."""
    client, url = browser(who), reverse("notice-preferences", args=[who.workspace.slug])
    form = client.get(url).context["form"]
    values: dict[str, Any] = {}
    for bound in form:
        value = form[bound.name].field.prepare_value(bound.value())
        if isinstance(value, bool):
            values |= {bound.name: "on"} if value else {}
        elif value is not None:
            values[bound.name] = value
    values = {k: v for k, v in (values | changes).items() if v is not None}
    return client.post(url, values)


def test_a_form_that_is_sent_as_it_is_changes_nothing() -> None:
    ada = actor()
    before = of(ada.membership)
    assert saved(ada).status_code == 302
    after = Preference.objects.get()
    assert (after.quiet_from, after.days_off, after.time_zone) == (None, None, "")
    assert after.digest_time == before.digest_time
    assert after.weekdays_off == frozenset({5, 6})


def test_who_wants_no_mails_of_a_kind_gets_none_and_still_finds_the_notice() -> None:
    ada = actor()
    assert saved(ada, mail_assigned=None).status_code == 302
    tell(ada)
    tell(ada, kind="mentioned", key="2")
    assert [mail.notice.kind for mail in Mail.objects.select_related("notice")] == ["mentioned"]
    assert ada.user.notices.count() == 2


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"quiet_from": "22:00"}, "quiet_to", "a beginning and an end"),
        ({"quiet_to": "07:00"}, "quiet_from", "a beginning and an end"),
        ({"quiet_from": "08:00", "quiet_to": "08:00"}, "quiet_to", "the whole day"),
        ({"quiet_from": "25:00", "quiet_to": "08:00"}, "quiet_from", "valid time"),
        ({"company_days": None, "days_off": list("0123456")}, "days_off", "One day of the week"),
        ({"company_days": None, "days_off": ["7"]}, "days_off", "not one of the available"),
        ({"time_zone": "Mars/Olympus"}, "time_zone", "not one of the available"),
        ({"digest_time": ""}, "digest_time", "required"),
    ],
)
def test_wrong_input_is_refused_beside_its_field(changes: dict[str, Any], field: str, words: str) -> None:
    answer = saved(actor(), **changes)
    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == [field]
    assert words in str(answer.context["form"].errors[field])
    assert not Preference.objects.exists()


def test_days_off_are_those_of_the_company_until_one_chooses() -> None:
    ada = actor()
    Workspace.objects.filter(pk=ada.workspace.pk).update(hours={"0": [["9:00", "12:00"]]})
    assert of(type(ada.membership).objects.get()).weekdays_off == frozenset(range(1, 7))
    assert saved(ada, company_days=None, days_off=["6"]).status_code == 302
    assert Preference.objects.get().weekdays_off == frozenset({6})


def test_only_those_who_lead_are_offered_what_is_for_them() -> None:
    owner = actor()
    agent = actor(Role.AGENT, owner.workspace)
    names = {}
    for who in (owner, agent):
        page = browser(who).get(reverse("notice-preferences", args=[who.workspace.slug]))
        names[who.membership.role] = set(page.context["form"].fields)
    assert names[Role.OWNER] - names[Role.AGENT] == {
        f"{way}_{kind}"
        for way in ("mail", "push")
        for kind in ("approval_wanted", "escalated", "channel_trouble", "webhook_off")
    }


def test_from_ones_account_one_comes_to_the_company_where_one_was_last() -> None:
    ada = actor()
    answer = browser(ada).get(reverse("notice-preferences-home"))
    assert answer["Location"] == reverse("notice-preferences", args=[ada.workspace.slug])
    assert reverse("notice-preferences-home") in browser(ada).get(reverse("preferences")).text


# --- API


def test_a_program_reads_and_changes_preferences() -> None:
    desk = program()
    found = desk.get("/notice-preferences")
    assert found["digest_time"] == "08:00:00"
    keys = [kind["key"] for kind in found["kinds"]]
    assert keys[0] == "assigned"
    assert {"mentioned", "near_breach", "breached"} < set(keys)
    changed = desk.patch(
        "/notice-preferences",
        {"kinds": {"assigned": {"mail": False}}, "quiet_from": "22:00", "quiet_to": "06:30", "days_off": [6]},
    )
    assert (changed["quiet_from"], changed["quiet_to"], changed["days_off"]) == ("22:00:00", "06:30:00", [6])
    assert changed["kinds"][0] == found["kinds"][0] | {"mail": False}
    assert desk.patch("/notice-preferences", {"digest_empty": True})["quiet_from"] == "22:00:00"
    ended = desk.patch("/notice-preferences", {"quiet_from": None, "quiet_to": None, "days_off": None})
    assert (ended["quiet_from"], ended["days_off"]) == (None, None)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"kinds": {"gossip": {"mail": True}}}, "choices"),
        ({"quiet_from": "22:00"}, "quiet_to"),
        ({"days_off": [0, 1, 2, 3, 4, 5, 6]}, "days_off"),
        ({"days_off": [9]}, "days_off"),
        ({"time_zone": "Mars/Olympus"}, "time_zone"),
    ],
)
def test_a_program_is_told_what_is_wrong(body: Any, field: str) -> None:
    assert program().patch("/notice-preferences", body, status=400)["field"] == field


def test_a_program_lists_and_sees_notices() -> None:
    desk = program()
    for number in range(3):
        tell(desk.actor, key=str(number), title=f"Case {number}")
    assert [n["title"] for n in desk.all_of("/notices", limit=2)] == ["Case 2", "Case 1", "Case 0"]
    first = desk.get("/notices?unseen=true")["items"][0]
    assert desk.post(f"/notices/{first['id']}/seen", status=200)["seen_at"] is not None
    assert [n["title"] for n in desk.get("/notices?unseen=true")["items"]] == ["Case 1", "Case 0"]
    assert desk.post("/notices/seen", status=200) == {"seen": 2}
    assert desk.post("/notices/test")["kind"] == "test"
    stranger: Program = program()
    stranger.post(f"/notices/{first['id']}/seen", status=404)
    assert stranger.get("/notices")["items"] == []
