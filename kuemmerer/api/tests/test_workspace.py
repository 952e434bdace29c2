"""The workspace, its members and tokens for programs."""

from __future__ import annotations

import pytest

from kuemmerer.accounts.models import ApiToken
from kuemmerer.api.tests.client import Program, program
from kuemmerer.core import clock

pytestmark = pytest.mark.django_db


def test_a_token_knows_its_workspace_and_what_it_may_do() -> None:
    desk = program("agent")
    workspace = desk.get("/workspace")
    assert workspace["id"] == desk.membership.workspace_id
    assert workspace["role"] == "agent"
    assert "inbox.reply" in workspace["permissions"]
    assert "channels.manage" not in workspace["permissions"]
    assert desk.get("/workspaces") == {"items": [workspace], "next": None}


def test_a_change_of_the_workspace_leaves_the_rest_as_it_is() -> None:
    desk = program()
    before = desk.get("/workspace")
    after = desk.patch("/workspace", {"name": "Bäckerei Krume", "hours": {"0": [["08:00", "12:00"]]}})
    assert after == before | {"name": "Bäckerei Krume", "hours": {"0": [["08:00", "12:00"]]}}
    assert desk.get("/workspace") == after
    assert desk.patch("/workspace", {"country": "ZZ"}, status=400)["field"] == "country"


def test_a_new_token_is_shown_once_works_and_can_be_revoked() -> None:
    desk = program("manager")
    made = desk.post("/tokens", {"name": "Reports"})
    other = Program(desk.membership, made.pop("token"))
    assert other.get("/workspace")["role"] == "manager"
    listed = desk.get("/tokens")["items"]
    assert [token["name"] for token in listed] == ["tests", "Reports"]
    assert all("token" not in token for token in listed)
    desk.delete(f"/tokens/{made['id']}")
    other.get("/workspace", status=401)
    assert ApiToken.objects.count() == 1


def test_an_invitation_is_made_listed_and_withdrawn() -> None:
    desk = program()
    made = desk.post("/invitations", {"email": "Neu@Example.org", "role": "agent"})
    assert "/invitation" in made.pop("link")
    assert desk.get("/invitations")["items"] == [made]
    desk.delete(f"/invitations/{made['id']}")
    assert desk.get("/invitations")["items"] == []
    assert desk.post("/invitations", {"email": "x", "role": "agent"}, status=400)["field"] == "email"


def test_a_member_gets_another_role_and_leaves() -> None:
    desk = program()
    agent = program("agent", desk.membership.workspace)
    path = f"/members/{agent.membership.pk}"
    assert desk.patch(path, {"role": "guest"})["role"] == "guest"
    assert agent.get("/workspace")["role"] == "guest"
    desk.delete(path)
    agent.get("/workspace", status=401)
    owner = f"/members/{desk.membership.pk}"
    assert desk.delete(owner, status=409)["code"] == "conflict"


def test_only_those_who_manage_members_see_their_addresses() -> None:
    desk = program()
    agent = program("agent", desk.membership.workspace)
    assert all(member["email"] for member in desk.get("/members")["items"])
    assert all(member["email"] is None for member in agent.get("/members")["items"])


def test_a_list_goes_on_where_the_last_page_ended() -> None:
    desk = program()
    for _ in range(7):
        program("agent", desk.membership.workspace)
    assert len(desk.get("/members?limit=3")["items"]) == 3
    ids = [member["id"] for member in desk.all_of("/members", limit=3)]
    assert ids == sorted(set(ids))
    assert len(ids) == 8


def test_the_use_of_a_token_is_noted() -> None:
    desk = program()
    with clock.frozen(clock.now()):
        desk.get("/workspace")
        assert ApiToken.objects.get().last_used_at == clock.now()
