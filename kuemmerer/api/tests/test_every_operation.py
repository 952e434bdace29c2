"""What holds for every operation, proved by walking the OpenAPI document."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from ninja import Router

from kuemmerer.accounts.access import ALL_PERMISSIONS, PERMISSIONS
from kuemmerer.accounts.models import ApiToken
from kuemmerer.api.operations import Operations, permission_of
from kuemmerer.api.root import Api
from kuemmerer.api.tests.client import MONDAY, ROOT, Program, program, with_conversation
from kuemmerer.core import clock
from kuemmerer.core.models import AuditRecord

pytestmark = pytest.mark.django_db

GUESTS_MAY = {
    "add_note",
    "sync_channel",
    "see_all_notices",
    "send_test_notice",
    "change_notice_preferences",
    "make_case_feed",
    "revoke_case_feed",
}
"""What a guest may do beside reading."""
PERSONAL = {"see_notice", "end_push_subscription"}
"""What is done with one person's own things: nobody else finds them."""


BROWSER = {
    "endpoint": "https://push.example.org/abc",
    # The generator of P-256: a point on the curve, as every browser's key is one.
    "p256dh": "BGsX0fLhLEJH-Lzm5WOkQPJ3A32BLeszoPShOUXYmMKWT-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU",
    "auth": "MDEyMzQ1Njc4OWFiY2RlZg",
}


@dataclass(frozen=True)
class Call:
    name: str
    method: str
    path: str
    permission: str
    body: Any
    takes_cursor: bool


def document() -> dict[str, Any]:
    found: dict[str, Any] = Client().get(f"{ROOT}/openapi.json").json()
    return found


def calls() -> list[Call]:
    whole = document()
    return [
        _call(whole, path.removeprefix(ROOT), method, operation)
        for path, methods in whole["paths"].items()
        for method, operation in methods.items()
    ]


def _call(whole: dict[str, Any], path: str, method: str, operation: dict[str, Any]) -> Call:
    needed = [p["name"] for p in operation["parameters"] if p["in"] == "query" and p["required"]]
    schema = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    return Call(
        name=operation["operationId"],
        method=method.upper(),
        path=path + ("?" + "&".join(f"{name}=true" for name in needed) if needed else ""),
        permission=operation["x-permission"],
        body=_example(whole, schema) if schema else None,
        takes_cursor=any(p["name"] == "after" for p in operation["parameters"]),
    )


def _example(whole: dict[str, Any], schema: dict[str, Any]) -> Any:
    """Something that the schema allows."""
    if "$ref" in schema:
        return _example(whole, whole["components"]["schemas"][schema["$ref"].rsplit("/", 1)[-1]])
    if "anyOf" in schema:
        return _example(whole, schema["anyOf"][0])
    if "enum" in schema:
        return schema["enum"][0]
    if schema.get("format") == "date-time":
        return "2100-01-01T00:00:00Z"
    if schema.get("format") == "date":
        return "2100-01-01"
    if schema.get("type") == "object":
        properties = schema.get("properties", {})
        return {name: _example(whole, properties[name]) for name in schema.get("required", [])}
    return {"string": "text", "boolean": True, "integer": 1, "array": []}[schema["type"]]


@pytest.fixture
def at_nine(settings: Any, tmp_path: Path) -> Iterator[None]:
    settings.DATA_DIR = tmp_path
    with clock.frozen(MONDAY):
        yield


@pytest.fixture
def full(at_nine: None) -> tuple[Program, dict[str, int]]:
    """A workspace with one of everything, and the ids that paths ask for."""
    desk = program()
    channel = with_conversation(desk)
    case = desk.get("/cases?view=unassigned&limit=1")["items"][0]
    desk.post("/invitations", {"email": "new@example.org", "role": "agent"})
    hook = desk.post("/webhooks", {"name": "shop", "address": "https://example.org/hook"})
    ids = {
        "channel_id": channel["id"],
        "case_id": case["id"],
        "interaction_id": desk.get(f"/cases/{case['id']}")["own_interaction_ids"][0],
        "reply_id": desk.post(f"/cases/{case['id']}/replies", {"text": "Danke!"})["id"],
        "label_id": desk.post("/labels", {"name": "urgent"})["id"],
        "saved_reply_id": desk.post("/saved-replies", {"name": "thanks", "text": "Danke!"})["id"],
        "view_id": desk.post("/saved-views", {"name": "ovens", "search": "oven", "shared": True})["id"],
        "idea_id": desk.post("/ideas", {"title": "Our new oven"})["id"],
        "token_id": desk.post("/tokens", {"name": "second"})["id"],
        "member_id": desk.get("/members")["items"][0]["id"],
        "invitation_id": desk.get("/invitations")["items"][0]["id"],
        "team_id": desk.post("/teams", {"name": "shop"})["id"],
        "rule_id": desk.post("/deadline-rules", {"name": "all", "promise": "day"})["id"],
        "automation_rule_id": desk.post("/automation-rules", {"name": "all", "actions": {"close": True}})[
            "id"
        ],
        "notice_id": desk.post("/notices/test")["id"],
        "subscription_id": desk.post("/push-subscriptions", BROWSER)["id"],
        "webhook_id": hook["id"],
        "delivery_id": desk.post(f"/webhooks/{hook['id']}/test")["id"],
        "author_id": case["author"]["id"],
        "contact_id": desk.post("/contacts", {"author": case["author"]["id"]})["id"],
    }
    together = {"do": "priority", "cases": [case["id"]], "value": 3}
    ids["run_id"] = desk.post("/cases/together", together)["id"]
    away = {"member_id": ids["member_id"], "first_day": "2100-01-01", "last_day": "2100-01-02"}
    ids["absence_id"] = desk.post("/absences", away)["id"]
    return desk, ids


def test_every_operation_declares_a_permission_and_says_what_it_does() -> None:
    for path, methods in document()["paths"].items():
        for method, operation in methods.items():
            where = f"{method} {path}"
            assert operation["x-permission"] in ALL_PERMISSIONS, where
            assert operation["summary"], where
            assert operation["description"], where
            assert operation["security"] == [{"Bearer": []}], where


def test_an_operation_without_a_permission_cannot_be_mounted() -> None:
    part = Operations("Stray")
    part.router = Router()
    part.router.get("/stray", operation_id="stray")(lambda request: None)
    with pytest.raises(LookupError, match="declares no permission"):
        Api(title="", version="test", description="", prefix="/").mount([part])


def test_an_operation_with_a_second_door_beside_its_permission_cannot_be_mounted() -> None:
    part = Operations("Two doors")

    @part.get("/doors", "inbox.view", None)
    def two_doors(request: Any) -> None:
        """Have two doors"""

    (operation,) = part.router.path_operations["/doors"].operations
    operation.auth_callbacks = [*operation.auth_callbacks, lambda request: True]
    with pytest.raises(LookupError, match="declares no permission"):
        permission_of(operation)


def test_an_operation_with_an_unknown_permission_cannot_be_declared() -> None:
    with pytest.raises(LookupError, match="unknown permission"):
        Operations("Typo").get("/typo", "inbox.veiw", None)(lambda request: None)


def test_an_operation_without_words_cannot_be_declared() -> None:
    with pytest.raises(LookupError, match="says nothing"):
        Operations("Mute").get("/mute", "inbox.view", None)(lambda request: None)


def test_every_operation_answers_401_without_a_token(full: tuple[Program, dict[str, int]]) -> None:
    _desk, ids = full
    for call in calls():
        for headers in ({}, {"Authorization": "Bearer kmr_wrong"}, {"Authorization": "Basic eDp5"}):
            response = Client().generic(
                call.method,
                ROOT + call.path.format(**ids),
                json.dumps(call.body),
                "application/json",
                headers=headers,
            )
            assert response.status_code == 401, call
            assert response["Content-Type"] == "application/problem+json", call
            assert response["WWW-Authenticate"].startswith('Bearer realm="kuemmerer"'), call
            assert response.json()["code"] == "unauthenticated", call


def test_a_token_of_somebody_who_has_left_is_worth_nothing(at_nine: None) -> None:
    desk = program()
    desk.membership.user.is_active = False
    desk.membership.user.save()
    assert desk.get("/workspace", status=401)["code"] == "unauthenticated"


def test_no_operation_finds_anything_of_another_workspace(full: tuple[Program, dict[str, int]]) -> None:
    _desk, ids = full
    stranger = program()
    before = AuditRecord.objects.count()
    walked = 0
    for call in calls():
        if "{" in call.path:
            response = stranger.call(call.method, call.path.format(**ids), call.body)
            assert response.status_code == 404, (call, response.content)
            assert response.json()["code"] == "not_found", call
            walked += 1
    assert walked > 30
    assert AuditRecord.objects.count() == before


def test_a_label_or_saved_reply_of_another_workspace_cannot_be_used_with_an_own_case(
    full: tuple[Program, dict[str, int]],
) -> None:
    desk, ids = full
    stranger = program()
    label = stranger.post("/labels", {"name": "theirs"})["id"]
    saved = stranger.post("/saved-replies", {"name": "theirs", "text": "secret"})["id"]
    desk.put(f"/cases/{ids['case_id']}/labels/{label}", status=404)
    desk.delete(f"/cases/{ids['case_id']}/labels/{label}", status=404)
    desk.get(f"/cases/{ids['case_id']}/saved-replies/{saved}", status=404)


def test_no_list_shows_anything_of_another_workspace(full: tuple[Program, dict[str, int]]) -> None:
    desk, ids = full
    stranger = program()
    for path in (
        "/channels",
        "/cases",
        "/interactions",
        "/labels",
        "/saved-replies",
        "/ideas",
        "/invitations",
        "/contacts",
    ):
        assert desk.get(path)["items"], path
        assert stranger.get(path)["items"] == [], path
        for name in ("channel", "label"):
            filtered = f"{path}?{name}={ids[name + '_id']}"
            assert stranger.get(filtered)["items"] == [], path
    assert len(stranger.get("/members")["items"]) == len(stranger.get("/tokens")["items"]) == 1


def test_a_guest_may_read_and_write_notes_and_nothing_else(full: tuple[Program, dict[str, int]]) -> None:
    desk, ids = full
    guest = program("guest", desk.membership.workspace)
    allowed = set()
    for call in calls():
        response = guest.call(call.method, call.path.format(**ids), call.body)
        if call.name in PERSONAL:
            assert response.status_code == 404, (call, response.content)
        elif call.name == "subscribe_to_push":  # “text” is no browser, and whoever has one may
            assert response.json()["field"] == "endpoint"
        elif call.permission in PERMISSIONS["guest"]:
            assert response.status_code < 300, (call, response.content)
            if call.method != "GET":
                allowed.add(call.name)
        else:
            assert response.status_code == 403, (call, response.content)
            assert response.json()["code"] == "forbidden", call
    assert allowed == GUESTS_MAY


def test_a_guest_is_turned_away_before_the_input_is_looked_at(at_nine: None) -> None:
    guest = program("guest")
    assert guest.post("/channels", {"nonsense": 1}, status=403)["code"] == "forbidden"


def test_a_made_up_cursor_is_refused_by_every_list(full: tuple[Program, dict[str, int]]) -> None:
    desk, ids = full
    packed = [b'["x", "y"]', b"[null]", b"[[1]]", b'{"a": 1}', b"[-1]", b"[1e999, 1]", b"[true]", b"[" * 300]
    packed += [
        b'["2024-05-06T09:00:00", 1e999]',
        b'["2024-05-06T09:00:00+00:00", 1, 2]',
        b'["0001-01-01", 1]',
    ]
    made_up = ["nonsense", "ä", "W10", "WzFd!", *(base64.urlsafe_b64encode(text).decode() for text in packed)]
    lists = [call for call in calls() if call.takes_cursor]
    assert len(lists) > 10
    for call in lists:
        for cursor in made_up:
            response = desk.call("GET", f"{call.path.format(**ids)}?after={cursor}")
            assert response.status_code == 400, (call, cursor, response.content)
            assert response.json()["code"] == "bad_cursor", call
            assert response.json()["field"] == "after", call


def test_no_answer_holds_a_secret(full: tuple[Program, dict[str, int]]) -> None:
    desk, ids = full
    from kuemmerer.channels.models import Channel

    channel = Channel.objects.get(pk=ids["channel_id"])
    secrets = [value for value in channel.credential.open().values() if isinstance(value, str)]
    secrets += [desk.secret, *ApiToken.objects.values_list("token_hash", flat=True)]
    assert len(secrets) >= 3
    for call in calls():
        if call.method == "GET":
            text = desk.call("GET", call.path.format(**ids)).content.decode()
            assert not [s for s in secrets if s in text], call


def test_every_moment_is_utc_with_z(full: tuple[Program, dict[str, int]]) -> None:
    desk, ids = full
    found = 0
    for call in calls():
        if call.method == "GET":
            for name, value in _pairs(desk.get(call.path.format(**ids))):
                if isinstance(value, str) and (name.endswith("_at") or name in {"since", "reached"}):
                    assert value.endswith("Z"), (call, name, value)
                    found += 1
    assert found > 50


def _pairs(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, part in value.items():
            yield name, part
            yield from _pairs(part)
    elif isinstance(value, list):
        for part in value:
            yield from _pairs(part)
