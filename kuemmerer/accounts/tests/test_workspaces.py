"""Founding, inviting, roles and tokens: the rules behind the pages."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from threading import Barrier, Thread
from typing import Any

import pytest
from django.core import mail
from django.db import OperationalError, connection

from kuemmerer.accounts import people, workspaces
from kuemmerer.accounts.access import PERMISSIONS, actor_for, actor_for_token
from kuemmerer.accounts.calendar_settings import CalendarSettings
from kuemmerer.accounts.models import Invitation, Membership, Role, User, Workspace
from kuemmerer.accounts.tests.company import NOW, PASSWORD, as_actor, member, owner, person
from kuemmerer.core.errors import Conflict, Forbidden, Invalid, NotFound
from kuemmerer.core.models import AuditRecord

pytestmark = pytest.mark.django_db

FIRST: dict[str, Any] = {
    "email": " Jana@Holz.example ",
    "person": "Jana Winkler",
    "password": PASSWORD,
    "user_language": "",
    "name": "Holzwerk Lindner",
    "country": "DE",
    "region": "BY",
    "time_zone": "Europe/Berlin",
    "language": "de",
    "now": NOW,
}


def _token(link: str) -> str:
    return link.rstrip("/").rsplit("/", 1)[1]


def test_the_first_person_becomes_the_owner() -> None:
    assert workspaces.is_fresh()
    membership = people.set_up(**FIRST)
    assert (membership.role, membership.user.email, membership.workspace.slug) == (
        "owner",
        "jana@holz.example",
        "holzwerk-lindner",
    )
    assert not workspaces.is_fresh()


def test_nobody_can_set_up_a_second_time() -> None:
    people.set_up(**FIRST)
    with pytest.raises(NotFound):
        people.set_up(**{**FIRST, "email": "thief@holz.example"})
    assert User.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_who_set_up_at_the_same_time_do_not_both_become_owners() -> None:
    barrier = Barrier(2)

    def run(email: str) -> None:
        barrier.wait()
        try:
            people.set_up(**{**FIRST, "email": email})
        except (NotFound, OperationalError):
            pass  # SQLite in memory knows no waiting: the slower one is sent away by the database itself
        finally:
            connection.close()

    threads = [Thread(target=run, args=[f"{name}@holz.example"]) for name in ("jana", "tobias")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert User.objects.count() == Workspace.objects.count() == Membership.objects.count() == 1


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"email": "jana"}, "email"),
        ({"person": "  "}, "person"),
        ({"password": "short"}, "password"),
        ({"password": "password12345"}, "password"),
        ({"password": "jana@holz.example"}, "password"),
        ({"name": ""}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"country": "XX"}, "country"),
        ({"region": "ZH"}, "region"),
        ({"time_zone": "Mars/Base"}, "time_zone"),
        ({"language": "fr"}, "language"),
        ({"user_language": "fr"}, "language"),
    ],
)
def test_a_wrong_input_names_its_field_and_leaves_the_desk_fresh(change: dict[str, str], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        people.set_up(**{**FIRST, **change})
    assert refused.value.field == field
    assert workspaces.is_fresh()


def test_a_demo_leaves_the_desk_fresh() -> None:
    User.objects.create_user("demo@example.org", None, name="Demo", is_demo=True)
    assert workspaces.is_fresh()


def test_two_companies_of_one_name_get_addresses_of_their_own() -> None:
    jana = person()
    assert owner(user=jana).workspace.slug != owner(user=jana).workspace.slug


def test_an_invitation_is_mailed_and_works_once(django_capture_on_commit_callbacks: Any) -> None:
    jana = owner()
    with django_capture_on_commit_callbacks(execute=True):
        link = workspaces.invite(actor=jana, email="Tobias@holz.example", role="agent", now=NOW)
    assert link in mail.outbox[0].body
    assert mail.outbox[0].to == ["tobias@holz.example"]

    tobias = people.join(token=_token(link), person="Tobias Kern", password=PASSWORD, now=NOW)
    assert (tobias.workspace, tobias.role) == (jana.workspace, "agent")
    with pytest.raises(NotFound):
        workspaces.accept(token=_token(link), user=person("Eve Thief"), now=NOW)


def test_an_invitation_expires() -> None:
    link = workspaces.invite(actor=owner(), email="tobias@holz.example", role="agent", now=NOW)
    later = NOW + timedelta(days=workspaces.INVITATION_DAYS)
    workspaces.open_invitation(token=_token(link), now=later - timedelta(seconds=1))
    with pytest.raises(NotFound):
        people.join(token=_token(link), person="Tobias Kern", password=PASSWORD, now=later)
    assert not User.objects.filter(email="tobias@holz.example").exists()


def test_a_new_invitation_replaces_the_old_one() -> None:
    jana = owner()
    first = workspaces.invite(actor=jana, email="tobias@holz.example", role="agent", now=NOW)
    workspaces.invite(actor=jana, email="tobias@holz.example", role="guest", now=NOW)
    with pytest.raises(NotFound):
        workspaces.open_invitation(token=_token(first), now=NOW)
    assert Invitation.objects.count() == 1


def test_a_withdrawn_invitation_does_not_work() -> None:
    jana = owner()
    link = workspaces.invite(actor=jana, email="tobias@holz.example", role="agent", now=NOW)
    workspaces.withdraw_invitation(actor=jana, invitation_id=Invitation.objects.get().pk, now=NOW)
    with pytest.raises(NotFound):
        workspaces.open_invitation(token=_token(link), now=NOW)


def test_who_has_an_account_cannot_be_registered_again_by_an_invitation() -> None:
    jana = owner()
    person("Tobias Kern")
    link = workspaces.invite(actor=jana, email="tobias@holz.example", role="agent", now=NOW)
    with pytest.raises(Conflict):
        people.join(token=_token(link), person="Tobias Kern", password=PASSWORD, now=NOW)


def test_a_member_who_accepts_again_keeps_role_and_invitation() -> None:
    jana = owner()
    link = workspaces.invite(actor=jana, email="somebody@holz.example", role="guest", now=NOW)
    with pytest.raises(Conflict):
        workspaces.accept(token=_token(link), user=jana.user, now=NOW)
    assert Membership.objects.get().role == "owner"
    workspaces.open_invitation(token=_token(link), now=NOW)


def test_the_last_owner_stays() -> None:
    jana = owner()
    with pytest.raises(Conflict):
        workspaces.change_role(actor=jana, membership_id=jana.membership.pk, role="agent", now=NOW)
    with pytest.raises(Conflict):
        workspaces.remove_member(actor=jana, membership_id=jana.membership.pk, now=NOW)

    tobias = member(jana, Role.MANAGER)
    workspaces.change_role(actor=jana, membership_id=tobias.membership.pk, role="owner", now=NOW)
    workspaces.remove_member(actor=jana, membership_id=jana.membership.pk, now=NOW)
    assert [m.user for m in Membership.objects.filter(workspace=jana.workspace)] == [tobias.user]


def test_a_manager_cannot_touch_owners_or_make_one() -> None:
    jana = owner()
    tobias = member(jana, Role.MANAGER)
    with pytest.raises(Forbidden):
        workspaces.remove_member(actor=tobias, membership_id=jana.membership.pk, now=NOW)
    with pytest.raises(Forbidden):
        workspaces.change_role(actor=tobias, membership_id=jana.membership.pk, role="guest", now=NOW)
    with pytest.raises(Forbidden):
        workspaces.change_role(actor=tobias, membership_id=tobias.membership.pk, role="owner", now=NOW)
    with pytest.raises(Forbidden):
        workspaces.invite(actor=tobias, email="eve@holz.example", role="owner", now=NOW)


@pytest.mark.parametrize("role", [Role.AGENT, Role.AUTHOR, Role.GUEST])
def test_who_only_works_here_manages_nothing(role: Role) -> None:
    jana = owner()
    actor = member(jana, role)
    with pytest.raises(Forbidden):
        workspaces.invite(actor=actor, email="eve@holz.example", role="guest", now=NOW)
    with pytest.raises(Forbidden):
        workspaces.remove_member(actor=actor, membership_id=jana.membership.pk, now=NOW)
    with pytest.raises(Forbidden):
        workspaces.make_token(actor=actor, name="Shop", now=NOW)


def test_each_role_may_do_what_the_smaller_ones_may() -> None:
    smaller: frozenset[str] = frozenset()
    for role in (Role.GUEST, Role.AUTHOR, Role.AGENT, Role.MANAGER, Role.OWNER):
        assert smaller < PERMISSIONS[role]
        smaller = PERMISSIONS[role]


def test_a_guest_reads_and_writes_notes_but_answers_nothing() -> None:
    guest = member(owner(), Role.GUEST)
    assert guest.can("inbox.view")
    assert guest.can("inbox.note")
    assert not guest.can("inbox.reply")


def test_a_member_of_another_company_cannot_be_reached() -> None:
    jana = owner()
    stranger = owner("Bäckerei Sonnenkorn", "Murat Aydin")
    with pytest.raises(NotFound):
        workspaces.remove_member(actor=jana, membership_id=stranger.membership.pk, now=NOW)
    with pytest.raises(NotFound):
        actor_for(stranger.user, jana.workspace.slug)


def test_a_token_acts_as_its_maker_until_it_is_revoked() -> None:
    jana = owner()
    token, secret = workspaces.make_token(actor=jana, name=" Shop  system ", now=NOW)
    assert token.name == "Shop system"
    assert secret not in str(token.__dict__)

    found = actor_for_token(secret, NOW)
    assert found is not None
    assert (found.user, found.workspace) == (jana.user, jana.workspace)
    workspaces.revoke_token(actor=jana, token_id=token.pk, now=NOW)
    assert actor_for_token(secret, NOW) is None


def test_a_token_of_another_company_cannot_be_revoked() -> None:
    token, secret = workspaces.make_token(actor=owner(), name="Shop", now=NOW)
    stranger = owner("Bäckerei Sonnenkorn", "Murat Aydin")
    with pytest.raises(NotFound):
        workspaces.revoke_token(actor=stranger, token_id=token.pk, now=NOW)
    assert actor_for_token(secret, NOW) is not None


def test_tokens_of_a_member_who_leaves_stop_working() -> None:
    jana = owner()
    tobias = member(jana, Role.MANAGER)
    secret = workspaces.make_token(actor=tobias, name="Shop", now=NOW)[1]
    workspaces.remove_member(actor=jana, membership_id=tobias.membership.pk, now=NOW)
    assert actor_for_token(secret, NOW) is None


def test_those_who_count_hours_are_told_when_hours_or_place_change(
    monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    told: list[Workspace] = []
    monkeypatch.setattr(workspaces, "hours_changed", [told.append])
    jana = owner()
    calendar = CalendarSettings.of(jana.workspace)

    def change() -> None:
        with django_capture_on_commit_callbacks(execute=True):
            workspaces.change(actor=jana, name="Lindner", language="en", calendar=calendar, now=NOW)

    change()
    assert told == []
    changes: list[dict[str, Any]] = [
        {"hours": {"0": [["09:00", "12:00"]]}},
        {"region": "BE"},
        {"time_zone": "Europe/Vienna"},
        {"closed_days": [{"first": "2026-12-27", "last": "2026-12-30", "name": "Betriebsferien"}]},
        {"half_days": {}},
    ]
    for step in changes:
        calendar = replace(calendar, **step)
        change()
    assert told == [jana.workspace] * 5


def test_only_the_owner_changes_the_company() -> None:
    jana = owner()
    tobias = member(jana, Role.MANAGER)
    with pytest.raises(Forbidden):
        workspaces.change(
            actor=tobias,
            name="Mine",
            language="de",
            calendar=CalendarSettings.of(jana.workspace),
            now=NOW,
        )


def test_every_deed_is_in_the_audit_log() -> None:
    jana = owner()
    link = workspaces.invite(actor=jana, email="tobias@holz.example", role="agent", now=NOW)
    tobias = as_actor(people.join(token=_token(link), person="Tobias", password=PASSWORD, now=NOW))
    workspaces.change_role(actor=jana, membership_id=tobias.membership.pk, role="guest", now=NOW)
    workspaces.remove_member(actor=jana, membership_id=tobias.membership.pk, now=NOW)
    verbs = AuditRecord.objects.filter(workspace_id=jana.workspace.pk).order_by("id")
    assert [record.verb for record in verbs] == ["founded", "invited", "joined", "changed role", "removed"]
