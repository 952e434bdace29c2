"""Connecting, testing, pausing, disconnecting."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from kuemmerer.accounts.access import PERMISSIONS
from kuemmerer.accounts.models import Role
from kuemmerer.channels import connections
from kuemmerer.channels.models import Channel, Credential, Interaction, SignIn
from kuemmerer.core.errors import Conflict, Forbidden, Invalid, NotFound
from kuemmerer.core.models import AuditRecord
from kuemmerer.inbox.models import Case
from kuemmerer.networks.base import Connected, OAuthStart, Person
from kuemmerer.networks.demo import Demo
from kuemmerer.networks.errors import AuthExpired, Rejected, TryLater
from tests.factories import Clock, Desk, actor

ACCOUNT = Person(remote_id="42", handle="bakery", name="Bäckerei", url="https://example.org/@bakery")


def letting_in(monkeypatch: pytest.MonkeyPatch, **more: Any) -> None:
    fields = {"account": ACCOUNT, "secret": {"token": "geheim"}, "settings": {"file": "/nowhere"}, **more}
    monkeypatch.setattr(Demo, "connect", lambda self, session, values: Connected(**fields))


def refusing(monkeypatch: pytest.MonkeyPatch, name: str, error: Exception) -> None:
    def refuse(*args: Any, **kwargs: Any) -> None:
        raise error

    monkeypatch.setattr(Demo, name, refuse)


def test_a_login_that_works_becomes_a_channel_with_a_sealed_secret(
    db: None, time: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    letting_in(monkeypatch, expires_at=time.now + timedelta(days=60))
    me = actor()
    channel = connections.connect(
        actor=me, network="demo", values={}, now=time.now, days=14, name=" Laden\x00 "
    )
    assert (channel.name, channel.handle, channel.remote_id) == ("Laden", "bakery", "42")
    assert channel.backfill_from == time.now - timedelta(days=14)
    assert (channel.state, channel.next_sync_at) == (Channel.State.ACTIVE, time.now)
    credential = Credential.objects.get(channel=channel)
    assert credential.open() == {"token": "geheim"}
    assert "geheim" not in credential.sealed
    assert credential.expires_at == time.now + timedelta(days=60)
    assert (
        AuditRecord.objects.filter(verb="connected", subject_id=channel.pk, actor=me.user.email).count() == 1
    )


@pytest.mark.parametrize(
    ("chosen", "place", "name"),
    [("Laden", "Mein Blog", "Laden"), ("", "Mein Blog", "Mein Blog"), ("", "", "Bäckerei")],
)
def test_a_channel_is_called_as_chosen_else_like_its_place_else_like_its_account(
    db: None, time: Clock, monkeypatch: pytest.MonkeyPatch, chosen: str, place: str, name: str
) -> None:
    letting_in(monkeypatch, name=place)
    channel = connections.connect(actor=actor(), network="demo", values={}, now=time.now, name=chosen)
    assert channel.name == name


def test_the_same_account_again_renews_the_login_and_keeps_everything(desk: Desk, time: Clock) -> None:
    uid, _ = desk.asked()
    before = desk.state
    desk.village.new_token()
    again = connections.keep(
        actor=desk.actor,
        connector=Demo(),
        connected=desk.login(),
        name="X",
        days=365,
        now=time.forward(days=1),
    )
    assert again.pk == before.pk
    assert (desk.state.cursor, desk.state.backfill_from) == (before.cursor, before.backfill_from)
    assert desk.interaction(uid)
    assert desk.fetch() >= 0
    assert desk.state.problem == ""


def test_two_workspaces_may_have_the_same_account(desk: Desk, time: Clock) -> None:
    other = actor()
    channel = connections.keep(
        actor=other, connector=Demo(), connected=desk.login(), name="", days=1, now=time.now
    )
    assert channel.pk != desk.channel.pk
    assert channel.workspace == other.workspace


@pytest.mark.parametrize("days", [-1, 366, 10**9])
def test_the_past_has_bounds(desk: Desk, days: int) -> None:
    with pytest.raises(Invalid) as refused:
        connections.keep(
            actor=desk.actor, connector=Demo(), connected=desk.login(), name="", days=days, now=desk.now()
        )
    assert refused.value.field == "days"


def test_a_network_that_does_not_let_us_in_says_why(
    db: None, time: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusing(monkeypatch, "connect", AuthExpired("wrong_login", "nope"))
    with pytest.raises(connections.NetworkSays, match="nope") as refused:
        connections.connect(actor=actor(), network="demo", values={}, now=time.now)
    assert refused.value.code == "network_wrong_login"
    assert not Channel.objects.exists()


def test_a_network_nobody_knows_is_an_error_in_the_form(db: None, time: Clock) -> None:
    with pytest.raises(Invalid) as refused:
        connections.connect(actor=actor(), network="myspace", values={}, now=time.now)
    assert refused.value.field == "network"


def test_a_login_for_another_account_changes_nothing(
    desk: Desk, time: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    sealed = desk.channel.credential.sealed
    letting_in(monkeypatch)
    with pytest.raises(Conflict, match="bakery"):
        connections.reconnect(actor=desk.actor, channel_id=desk.channel.pk, values={}, now=time.now)
    assert Credential.objects.get().sealed == sealed
    assert Channel.objects.count() == 1


def test_testing_tells_whether_the_login_works_and_the_channels_state_follows(
    desk: Desk, time: Clock
) -> None:
    person = connections.test(actor=desk.actor, channel_id=desk.channel.pk, now=time.now)
    assert person.handle == "baker"
    with pytest.MonkeyPatch.context() as patch:
        refusing(patch, "check", AuthExpired())
        with pytest.raises(connections.NetworkSays):
            connections.test(actor=desk.actor, channel_id=desk.channel.pk, now=time.now)
    assert desk.state.state == Channel.State.RECONNECT
    connections.test(actor=desk.actor, channel_id=desk.channel.pk, now=time.now)
    assert (desk.state.state, desk.state.problem) == (Channel.State.ACTIVE, "")


def test_a_disconnected_channel_cannot_be_tested_paused_resumed_or_synced(desk: Desk, time: Clock) -> None:
    connections.disconnect(actor=desk.actor, channel_id=desk.channel.pk, erase=False, now=time.now)
    me, pk = desk.actor, desk.channel.pk
    for deed in (
        lambda: connections.test(actor=me, channel_id=pk, now=time.now),
        lambda: connections.pause(actor=me, channel_id=pk, paused=False, now=time.now),
        lambda: connections.pause(actor=me, channel_id=pk, paused=True, now=time.now),
        lambda: connections.sync_now(actor=me, channel_id=pk, now=time.now),
    ):
        with pytest.raises(Conflict):
            deed()
    assert desk.state.state == Channel.State.PAUSED


def test_syncing_now_makes_the_channel_due(desk: Desk, time: Clock) -> None:
    desk.fetch()
    time.forward(seconds=1)
    assert (
        connections.sync_now(actor=desk.actor, channel_id=desk.channel.pk, now=time.now).next_sync_at
        == time.now
    )
    Channel.objects.update(state=Channel.State.PAUSED)
    with pytest.raises(Conflict):
        connections.sync_now(actor=desk.actor, channel_id=desk.channel.pk, now=time.now)


def test_disconnecting_keeps_what_was_fetched_and_destroys_the_secret(desk: Desk, time: Clock) -> None:
    desk.asked()
    connections.disconnect(actor=desk.actor, channel_id=desk.channel.pk, erase=False, now=time.now)
    assert Interaction.objects.count() == 2
    assert Case.objects.count() == 1
    assert not Credential.objects.exists()
    assert desk.fetch() == 0


def test_disconnecting_erases_everything_where_that_is_chosen(desk: Desk, time: Clock) -> None:
    _, case = desk.asked()
    desk.reply(case)
    connections.disconnect(actor=desk.actor, channel_id=desk.channel.pk, erase=True, now=time.now)
    assert not Channel.objects.exists()
    assert not Interaction.objects.exists()
    assert not Case.objects.exists()
    assert not Credential.objects.exists()
    log = AuditRecord.objects.get(verb="erased")
    assert log.details["interactions"] == 2


@pytest.mark.parametrize("error", [TryLater("unreachable"), AuthExpired(), Rejected("refused")])
def test_a_network_that_is_away_does_not_keep_a_channel(
    desk: Desk, time: Clock, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    refusing(monkeypatch, "disconnect", error)
    connections.disconnect(actor=desk.actor, channel_id=desk.channel.pk, erase=True, now=time.now)
    assert not Channel.objects.exists()
    assert AuditRecord.objects.filter(verb="could not sign out").exists()


def test_a_channel_has_a_name(desk: Desk) -> None:
    connections.rename(actor=desk.actor, channel_id=desk.channel.pk, name=" Neu ", now=desk.now())
    assert desk.state.name == "Neu"
    for name in ("", "  ", "\x00"):
        with pytest.raises(Invalid):
            connections.rename(actor=desk.actor, channel_id=desk.channel.pk, name=name, now=desk.now())


DEEDS = {
    "channels.manage": [
        lambda who, pk, now: connections.connect(actor=who, network="demo", values={}, now=now),
        lambda who, pk, now: connections.reconnect(actor=who, channel_id=pk, values={}, now=now),
        lambda who, pk, now: connections.test(actor=who, channel_id=pk, now=now),
        lambda who, pk, now: connections.pause(actor=who, channel_id=pk, paused=True, now=now),
        lambda who, pk, now: connections.rename(actor=who, channel_id=pk, name="x", now=now),
        lambda who, pk, now: connections.disconnect(actor=who, channel_id=pk, erase=True, now=now),
        lambda who, pk, now: connections.start_sign_in(
            actor=who, network="demo", values={}, redirect_uri="https://x", now=now, channel_id=pk
        ),
    ],
    "channels.view": [
        lambda who, pk, now: connections.get(actor=who, channel_id=pk),
        lambda who, pk, now: connections.sync_now(actor=who, channel_id=pk, now=now),
    ],
}


@pytest.mark.parametrize("role", Role.values)
@pytest.mark.parametrize("permission", DEEDS)
def test_each_deed_is_only_for_the_roles_that_may_and_never_for_strangers(
    desk: Desk, role: str, permission: str
) -> None:
    if permission not in PERMISSIONS[role]:
        for deed in DEEDS[permission]:
            with pytest.raises(Forbidden):
                deed(desk.member(role), desk.channel.pk, desk.now())
    for deed in DEEDS[permission][1:] if permission == "channels.manage" else DEEDS[permission]:
        with pytest.raises(NotFound):
            deed(actor(Role.OWNER), desk.channel.pk, desk.now())
    assert desk.state.state == Channel.State.ACTIVE


# --- signing in at the network


@pytest.fixture
def oauth(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The demo network offers a sign-in; the states it was given."""
    states: list[str] = []

    def start(self: Demo, session: Any, values: Any, *, redirect_uri: str, state: str) -> OAuthStart:
        states.append(state)
        return OAuthStart(
            url=f"https://example.org/authorize?state={state}", keep={"client_secret": "geheim"}
        )

    def finish(self: Demo, session: Any, keep: Any, *, code: str, redirect_uri: str) -> Connected:
        if code != "good" or keep != {"client_secret": "geheim"}:
            raise AuthExpired("wrong_login")
        return Connected(account=ACCOUNT, secret={"token": "t"}, settings={})

    monkeypatch.setattr(Demo, "oauth", True)
    monkeypatch.setattr(Demo, "oauth_start", start)
    monkeypatch.setattr(Demo, "oauth_finish", finish)
    return states


def begin(me: Any, now: Any, **more: Any) -> str:
    return connections.start_sign_in(
        actor=me, network="demo", values={}, redirect_uri="https://desk/back", now=now, **more
    )


def end(me: Any, state: str, now: Any, code: str = "good") -> Channel:
    return connections.finish_sign_in(
        actor=me, state=state, code=code, redirect_uri="https://desk/back", now=now
    )


def test_a_sign_in_ends_in_a_channel_and_is_good_once(db: None, time: Clock, oauth: list[str]) -> None:
    me = actor()
    assert begin(me, time.now, name="Laden", days=3) == f"https://example.org/authorize?state={oauth[0]}"
    stored = SignIn.objects.get()
    assert oauth[0] not in (stored.state_hash, stored.sealed)
    assert "geheim" not in stored.sealed
    assert connections.workspace_of_sign_in(oauth[0], me.user.pk, time.now) == me.workspace.slug
    channel = end(me, oauth[0], time.now)
    assert (channel.name, channel.backfill_from) == ("Laden", time.now - timedelta(days=3))
    with pytest.raises(NotFound):
        end(me, oauth[0], time.now)


def test_a_sign_in_with_a_wrong_code_is_used_up(db: None, time: Clock, oauth: list[str]) -> None:
    me = actor()
    begin(me, time.now)
    with pytest.raises(connections.NetworkSays):
        end(me, oauth[0], time.now, code="bad")
    with pytest.raises(NotFound):
        end(me, oauth[0], time.now)


def test_a_sign_in_belongs_to_who_began_it_for_an_hour(db: None, time: Clock, oauth: list[str]) -> None:
    me = actor()
    colleague = actor(Role.OWNER, me.workspace)
    begin(me, time.now)
    for who, state in ((colleague, oauth[0]), (actor(), oauth[0]), (me, "made up"), (me, "")):
        with pytest.raises(NotFound):
            end(who, state, time.now)
    with pytest.raises(NotFound):
        end(me, oauth[0], time.forward(minutes=61))


def test_a_sign_in_for_a_channel_must_be_the_same_account(desk: Desk, time: Clock, oauth: list[str]) -> None:
    begin(desk.actor, time.now, channel_id=desk.channel.pk)
    with pytest.raises(Conflict):
        end(desk.actor, oauth[0], time.now)
    assert Channel.objects.count() == 1
