"""Webhooks, against a real HTTP server: signed, repeated, logged, and an end when nobody listens."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from standardwebhooks.webhooks import Webhook as Verifier

from kuemmerer.accounts.access import Actor
from kuemmerer.accounts.models import Role
from kuemmerer.api.tests.client import program
from kuemmerer.core import clock
from kuemmerer.core.errors import Conflict, Invalid
from kuemmerer.notify import events, sweeps, webhooks
from kuemmerer.notify.leases import State
from kuemmerer.notify.models import Notice, Webhook, WebhookDelivery
from kuemmerer.notify.tests.receiver import Target
from tests.factories import Clock, actor

pytestmark = pytest.mark.django_db
CASE = dict(events.get("case.opened").example)


def make(who: Actor, target: Target, **fields: Any) -> tuple[Webhook, str]:
    usual = {"name": "Shop", "address": target.address, "format_": "json", "wanted": ["case.opened"]}
    return webhooks.make(actor=who, now=clock.now(), **usual | fields)


def emit(who: Actor, key: str = "1", event: str = "case.opened", **data: Any) -> int:
    return webhooks.emit(
        workspace=who.workspace,
        event=event,
        data=CASE | data,
        key=key,
        now=clock.now(),
        path="/w/x/inbox/17/",
    )


def run_to_the_end(time: Clock) -> list[timedelta]:
    """Let time pass until nothing waits; when each attempt was made, from the first on."""
    start, made = time.now, []
    while (row := WebhookDelivery.objects.order_by("pk").first()) and row.state == State.WAITING:
        time.to(max(time.now, row.next_at, row.webhook.rests_until or row.next_at))
        if sweeps.send_webhooks(time.now):
            made.append(time.now - start)
    return made


def test_the_reference_library_accepts_our_signature(time: Clock, target: Target) -> None:
    from datetime import UTC, datetime

    time.to(datetime.now(UTC))  # the library compares with the real time
    ada = actor()
    _hook, key = make(ada, target)
    assert emit(ada) == 1
    assert sweeps.send_webhooks(time.now) == 1
    ((headers, content),) = target.got
    payload = Verifier(key).verify(content, headers)
    assert payload["type"] == "case.opened"
    assert payload["data"] == CASE | {"url": "http://127.0.0.1:8000/w/x/inbox/17/"}
    assert payload["timestamp"].endswith("Z")
    row = WebhookDelivery.objects.get()
    assert (row.state, row.log[0]["status"], row.log[0]["answer"]) == (State.DONE, 200, "thanks")
    assert headers["webhook-id"] == row.message_id
    with pytest.raises(Exception, match="signature"):
        Verifier(key).verify(content + b" ", headers)


def test_during_a_change_of_keys_both_sign_and_later_only_the_new_one(time: Clock, target: Target) -> None:
    ada = actor()
    hook, _old = make(ada, target)
    webhooks.renew_key(actor=ada, webhook_id=hook.pk, now=time.now)
    emit(ada, "1")
    sweeps.send_webhooks(time.now)
    time.forward(hours=25)
    emit(ada, "2")
    sweeps.send_webhooks(time.now)
    assert [headers["webhook-signature"].count("v1,") for headers, _ in target.got] == [2, 1]


def test_an_event_is_told_once_to_each_who_wants_it(time: Clock, target: Target) -> None:
    ada, stranger = actor(), actor()
    make(ada, target)
    make(ada, target, name="other", wanted=["case.closed"])
    make(stranger, target)
    off, _ = make(ada, target, name="off")
    Webhook.objects.filter(pk=off.pk).update(active=False)
    assert emit(ada) == emit(ada) == 1
    sweeps.send_webhooks(time.now)
    assert sweeps.send_webhooks(time.now) == 0
    assert len(target.got) == 1


def test_data_must_be_what_the_event_promises(time: Clock) -> None:
    ada = actor()
    with pytest.raises(ValueError, match="needs"):
        emit(ada, more=1)
    with pytest.raises(LookupError):
        emit(ada, event="case.eaten")
    with pytest.raises(LookupError):
        events.register(events.Event(key="x", label="", example={}, sentence="%(author)s"))


def test_a_target_that_answers_500_is_tried_ten_times_in_three_days_and_switched_off(
    time: Clock, target: Target
) -> None:
    ada = actor()
    manager, agent = actor(Role.MANAGER, ada.workspace), actor(Role.AGENT, ada.workspace)
    hook, _key = make(ada, target)
    target.status, target.answer = 500, b"Fehler " * 200
    emit(ada)
    attempts = run_to_the_end(time)
    assert len(attempts) == len(target.got) == 10
    assert timedelta(hours=68) < attempts[-1] < timedelta(hours=84)
    assert len({headers["webhook-id"] for headers, _ in target.got}) == 1
    row = WebhookDelivery.objects.get()
    assert (row.state, row.problem, len(row.log)) == (State.FAILED, "HTTP 500", 10)
    assert len(row.log[0]["answer"]) == 500
    hook.refresh_from_db()
    assert (hook.active, hook.off_because) == (False, "failing")
    told = Notice.objects.filter(kind="webhook_off").values_list("user", flat=True)
    assert set(told) == {ada.user.pk, manager.user.pk}
    assert agent.user.pk not in told
    assert emit(ada, "later") == 0


def test_a_day_of_500_loses_nothing(time: Clock, target: Target) -> None:
    ada = actor()
    make(ada, target)
    target.status = 500
    for number in range(20):
        emit(ada, str(number))
    for _ in range(24 * 6):
        sweeps.send_webhooks(time.now)
        time.forward(minutes=10)
    assert Webhook.objects.get().active
    target.status, before = 200, len(target.got)
    assert before < 200
    for _ in range(24 * 6):
        sweeps.send_webhooks(time.now)
        time.forward(minutes=10)
    assert WebhookDelivery.objects.filter(state=State.DONE).count() == 20
    assert Webhook.objects.get().failing_since is None


def test_a_target_that_is_gone_is_told_nothing_more(time: Clock, target: Target) -> None:
    ada = actor()
    make(ada, target)
    target.status = 410
    emit(ada, "1")
    emit(ada, "2")
    sweeps.send_webhooks(time.now)
    assert len(target.got) == 1
    hook = Webhook.objects.get()
    assert (hook.active, hook.off_because) == (False, "gone")
    assert set(WebhookDelivery.objects.values_list("state", flat=True)) == {State.DROPPED}
    with pytest.raises(Conflict):
        webhooks.send_test(actor=ada, webhook_id=hook.pk, now=time.now)


def test_who_asks_for_a_pause_gets_it(time: Clock, target: Target) -> None:
    ada = actor()
    make(ada, target)
    target.status, target.headers = 429, {"Retry-After": "3600"}
    emit(ada)
    sweeps.send_webhooks(time.now)
    assert WebhookDelivery.objects.get().next_at == time.now + timedelta(hours=1)


def test_a_redirect_is_not_followed(time: Clock, target: Target) -> None:
    ada = actor()
    make(ada, target)
    target.status, target.headers = 302, {"Location": target.address}
    emit(ada)
    sweeps.send_webhooks(time.now)
    assert len(target.got) == 1
    assert WebhookDelivery.objects.get().problem == "HTTP 302"


def test_a_target_in_the_own_house_is_refused(time: Clock, target: Target, settings: Any) -> None:
    ada = actor()
    make(ada, target)
    settings.ALLOW_PRIVATE_ADDRESSES = False
    emit(ada)
    sweeps.send_webhooks(time.now)
    assert target.got == []
    assert WebhookDelivery.objects.get().problem == "private_address"
    for address in ("https://127.0.0.1/", "https://[::1]/", "https://localhost/x", "https://10.1.2.3:8443/"):
        with pytest.raises(Invalid, match="own house"):
            make(ada, target, address=address)
    with pytest.raises(Invalid, match="https"):
        make(ada, target, address="http://example.org/")


@pytest.mark.parametrize(
    "address", ["", "nonsense", "https://", "ftp://example.org", "https://a b", "https://x/#y"]
)
def test_what_is_no_address_is_refused(time: Clock, target: Target, address: str) -> None:
    with pytest.raises(Invalid) as caught:
        make(actor(), target, address=address)
    assert caught.value.field == "address"


def test_a_dead_target_is_a_line_in_the_log(time: Clock, target: Target) -> None:
    from tests.servers import free_port

    ada = actor()
    make(ada, target, address=f"http://127.0.0.1:{free_port()}/")
    emit(ada)
    assert sweeps.send_webhooks(time.now) == 1
    entry = WebhookDelivery.objects.get().log[0]
    assert entry["status"] is None
    assert entry["problem"].startswith("ConnectError")


EVIL = "<!channel> @channel *fett* [x](https://evil.example) & mehr"


def test_slack_mattermost_and_teams_get_a_sentence_that_rings_for_nobody(time: Clock, target: Target) -> None:
    ada = actor(language="en")
    for chat in ("slack", "mattermost", "teams"):
        make(ada, target, name=chat, format_=chat)
    emit(ada, text=EVIL)
    sweeps.send_webhooks(time.now)
    slack, mattermost, teams = (json.loads(content) for _, content in target.got)
    url = "http://127.0.0.1:8000/w/x/inbox/17/"
    assert slack["text"].startswith("New from Ada Krüger (Bäckerei am Markt): &lt;!channel&gt; @channel")
    assert slack["text"].endswith(f"<{url}|Open>")
    assert "@channel" not in mattermost["text"]
    assert r"\[x\]\(https://evil.example\)" in mattermost["text"]
    assert mattermost["text"].endswith(f"[Open]({url})")
    card = teams["attachments"][0]
    assert card["contentType"] == "application/vnd.microsoft.card.adaptive"
    assert card["content"]["body"][1]["inlines"][0]["text"].endswith(EVIL)
    assert card["content"]["actions"] == [{"type": "Action.OpenUrl", "title": "Open", "url": url}]


# --- page and API


def test_a_manager_makes_tests_and_deletes_a_webhook(time: Clock, target: Target) -> None:
    ada = actor(Role.MANAGER)
    browser = Client(headers={"accept-language": "en"})
    browser.force_login(ada.user)
    page = reverse("webhooks", args=[ada.workspace.slug])
    body = {"name": "Chat", "format": "slack", "address": target.address, "events": ["case.opened"]}
    made = browser.post(page, body)
    assert "whsec_" in made.text
    hook = Webhook.objects.get()
    own = reverse("webhook", args=[ada.workspace.slug, hook.pk])
    assert browser.post(f"{own}do/", {"do": "test"}).status_code == 302
    sweeps.send_webhooks(time.now)
    shown = browser.get(own).text
    assert "HTTP 200" in shown
    assert WebhookDelivery.objects.get().message_id in shown
    assert "geheim" not in shown + browser.get(page).text
    assert "whsec_" not in shown + browser.get(page).text
    again = reverse("webhook-again", args=[ada.workspace.slug, hook.pk, WebhookDelivery.objects.get().pk])
    assert browser.post(again).status_code == 302
    sweeps.send_webhooks(time.now)
    assert len(target.got) == 2
    assert target.got[0][0]["webhook-id"] == target.got[1][0]["webhook-id"]
    assert browser.post(own, body | {"address": "", "name": "Team"}).status_code == 302
    assert "whsec_" in browser.post(f"{own}do/", {"do": "key"}).text
    hook.refresh_from_db()
    assert (hook.name, hook.address) == ("Team", target.address)
    for what, active in (("off", False), ("on", True)):
        browser.post(f"{own}do/", {"do": what})
        assert Webhook.objects.get().active == active
    assert browser.post(f"{own}do/", {"do": "delete"}).status_code == 302
    assert not Webhook.objects.exists()


def test_wrong_input_on_the_page_is_refused_beside_its_field(time: Clock, target: Target) -> None:
    ada = actor()
    browser = Client(headers={"accept-language": "en"})
    browser.force_login(ada.user)
    answer = browser.post(
        reverse("webhooks", args=[ada.workspace.slug]), {"name": "x", "format": "fax", "address": "nonsense"}
    )
    assert answer.status_code == 422
    assert set(answer.context["form"].errors) == {"format", "events"}


def test_a_program_does_the_same(time: Clock, target: Target) -> None:
    desk = program()
    assert [e["key"] for e in desk.get("/webhook-events")["items"]][:2] == ["case.opened", "case.assigned"]
    made = desk.post("/webhooks", {"name": "Shop", "address": target.address})
    assert made["key"].startswith("whsec_")
    assert len(made["events"]) == 8
    desk.post(f"/webhooks/{made['id']}/test")
    sweeps.send_webhooks(time.now)
    (row,) = desk.get(f"/webhooks/{made['id']}/deliveries")["items"]
    assert (row["state"], row["attempts"][0]["status"]) == ("done", 200)
    desk.post(f"/webhooks/{made['id']}/deliveries/{row['id']}/again", status=200)
    sweeps.send_webhooks(time.now)
    assert len(target.got) == 2
    assert desk.post(f"/webhooks/{made['id']}/key")["key"] != made["key"]
    changed = desk.patch(f"/webhooks/{made['id']}", {"active": False, "events": ["case.closed"]})
    assert (changed["active"], changed["events"]) == (False, ["case.closed"])
    assert desk.post(f"/webhooks/{made['id']}/test", status=409)["code"] == "conflict"
    assert desk.patch(f"/webhooks/{made['id']}", {"events": []}, status=400)["field"] == "events"
    assert "geheim" not in json.dumps(desk.get("/webhooks"))
    desk.delete(f"/webhooks/{made['id']}")
    assert desk.get("/webhooks")["items"] == []


def test_old_deliveries_go(time: Clock, target: Target) -> None:
    ada = actor()
    make(ada, target)
    emit(ada)
    sweeps.send_webhooks(time.now)
    time.forward(days=31)
    emit(ada, "new")
    assert sweeps.tidy(time.now) == 1
    assert WebhookDelivery.objects.get().key == "new"
