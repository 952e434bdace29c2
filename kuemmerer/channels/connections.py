"""Connecting, testing, pausing, disconnecting channels; opening the session through which all calls go."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from kuemmerer.accounts.access import Actor
from kuemmerer.accounts.models import hash_token
from kuemmerer.channels import erased
from kuemmerer.channels.models import Channel, Credential, Interaction, SignIn
from kuemmerer.core import encryption
from kuemmerer.core.errors import Conflict, DeskError, Invalid, NotFound
from kuemmerer.core.http import Client
from kuemmerer.core.models import record
from kuemmerer.core.text import storable
from kuemmerer.jobs import sweeps
from kuemmerer.networks import base, registry
from kuemmerer.networks.errors import AuthExpired, NetworkError, Unsupported
from kuemmerer.networks.session import Session

BACKFILL_DAYS = 30
MOST_BACKFILL_DAYS = 365
SIGN_IN_LIFE = timedelta(hours=1)


class NetworkSays(DeskError):
    """A network did not let us in. Carries the connector's code and sentence."""

    code = "network"

    def __init__(self, error: NetworkError) -> None:
        super().__init__(error.sentence, code=f"network_{error.code}")


@lru_cache(maxsize=2)
def _client(allow_private: bool) -> Client:
    return Client(allow_private=allow_private)


def client() -> Client:
    """The HTTP client of this process."""
    return _client(settings.ALLOW_PRIVATE_ADDRESSES)


class ChannelSession(Session):
    """A session with a channel's stored credential. A refreshed secret is stored the moment it arrives."""

    def __init__(self, channel: Channel, credential: Credential, now: datetime) -> None:
        self._stored = Credential.objects.filter(pk=credential.pk)
        self.credential = credential.sealed
        """Which credential this is, sealed; none is sealed twice in the same way."""
        super().__init__(
            client=client(),
            now=now,
            settings=channel.settings,
            secret=credential.open(),
            account={"remote_id": channel.remote_id, "handle": channel.handle},
            store_secret=self._store,
            timeout=settings.HTTP_SECONDS,
        )

    def _store(self, secret: Mapping[str, Any], expires_at: datetime | None) -> None:
        sealed = encryption.encrypt(secret)
        # Not in the place of one that came meanwhile: a person's new login, or what another worker refreshed.
        own = self._stored.filter(sealed=self.credential)
        if own.update(sealed=sealed, expires_at=expires_at, stored_at=self.now):
            self.credential = sealed


def open_session(channel: Channel, now: datetime) -> ChannelSession:
    """A session with the channel's stored credential.

    Raises Credential.DoesNotExist; Unreadable, with which the channel asks for a new login.
    """
    credential = Credential.objects.get(channel=channel)
    try:
        return ChannelSession(channel, credential, now)
    except encryption.Unreadable:
        note_problem(channel, AuthExpired("revoked"), used=credential.sealed)
        raise


def get(*, actor: Actor, channel_id: int) -> Channel:
    """A channel of the actor's workspace. Raises NotFound, Forbidden."""
    actor.need("channels.view")
    channel = Channel.objects.filter(workspace=actor.workspace, pk=channel_id).first()
    if channel is None:
        raise NotFound
    return channel


def _connected(actor: Actor, channel_id: int) -> Channel:
    channel = get(actor=actor, channel_id=channel_id)
    if not Credential.objects.filter(channel=channel).exists():
        raise Conflict(_("This channel is not connected at the moment."))
    return channel


def connector_of(network: str) -> base.Connector:
    """The connector with this key. Raises Invalid for a network that is not known."""
    try:
        return registry.get(network)
    except Unsupported as error:
        raise Invalid(_("This network is not known."), field="network") from error


def _blank_session(now: datetime) -> Session:
    return Session(client=client(), now=now, timeout=settings.HTTP_SECONDS)


def _checked(
    connector: base.Connector, values: Mapping[str, str], only: set[str] | None = None
) -> dict[str, str]:
    result = {}
    for field in connector.form:
        value = storable(str(values.get(field.key, ""))).strip()
        if not value and field.required and (only is None or field.key in only):
            raise Invalid(_("Please fill this in."), field=field.key)
        result[field.key] = value[:2000]
    return result


def connect(
    *,
    actor: Actor,
    network: str,
    values: Mapping[str, str],
    now: datetime,
    name: str = "",
    days: int = BACKFILL_DAYS,
    connected_at: datetime | None = None,
) -> Channel:
    """Log in at a network and store the channel, or renew the login of the channel with the same account.

    `connected_at`: as if the channel had been connected then, so that deadlines run since (the demo).

    Raises Invalid, Forbidden, NetworkSays.
    """
    actor.need("channels.manage")
    connector = connector_of(network)
    checked = _checked(connector, values)
    connected = _log_in(actor, connector, checked, now)
    return keep(
        actor=actor,
        connector=connector,
        connected=connected,
        name=name,
        days=days,
        now=now,
        connected_at=connected_at,
    )


def _log_in(actor: Actor, connector: base.Connector, values: dict[str, str], now: datetime) -> base.Connected:
    if connector.local_file:
        folder = settings.DATA_DIR / "networks"
        folder.mkdir(mode=0o700, exist_ok=True)
        values = {
            **values,
            connector.local_file: str(folder / f"{actor.workspace.pk}{connector.local_suffix}"),
        }
    try:
        return connector.connect(_blank_session(now), values)
    except NetworkError as error:
        raise NetworkSays(error) from error


def _name_for(connected: base.Connected, *, chosen: str) -> str:
    account = connected.account
    return (storable(chosen).strip() or connected.name or account.name or account.handle)[:100]


@transaction.atomic
def keep(
    *,
    actor: Actor,
    connector: base.Connector,
    connected: base.Connected,
    name: str,
    days: int,
    now: datetime,
    connected_at: datetime | None = None,
) -> Channel:
    """Store a login that worked. A channel with the same account gets the new secret and keeps all it has."""
    actor.need("channels.manage")
    if not 0 <= days <= MOST_BACKFILL_DAYS:
        raise Invalid(_("Between 0 and 365 days can be fetched."), field="days")
    account = connected.account
    started = connected_at or now
    channel, is_new = Channel.objects.select_for_update().get_or_create(
        workspace=actor.workspace,
        network=connector.key,
        remote_id=account.remote_id[:512],
        defaults={
            "name": _name_for(connected, chosen=name) or str(connector.label),
            "handle": account.handle[:255],
            "url": account.url if account.url.startswith("http") else "",
            "settings": dict(connected.settings),
            "connected_at": started,
            "backfill_from": started - timedelta(days=days),
            "next_sync_at": now,
            "interval": connector.fastest_sync,
        },
    )
    if is_new and erased.is_remembered(channel):
        channel.has_erased = True
        channel.save(update_fields=["has_erased"])
    if not is_new:
        channel.settings = dict(connected.settings)
        channel.state, channel.problem, channel.problem_words = Channel.State.ACTIVE, "", ""
        channel.next_sync_at, channel.failures = now, 0
        channel.save(
            update_fields=["settings", "state", "problem", "problem_words", "next_sync_at", "failures"]
        )
    # The old secret goes only now, in the transaction that stores the new one.
    Credential.objects.update_or_create(
        channel=channel,
        defaults={
            "sealed": encryption.encrypt(connected.secret),
            "expires_at": connected.expires_at,
            "stored_at": now,
        },
    )
    record(
        workspace_id=actor.workspace.pk,
        actor=actor.label,
        verb="connected" if is_new else "reconnected",
        subject=channel,
        now=now,
        network=connector.key,
    )
    sweeps.wake("channels.sync")
    return channel


def reconnect(*, actor: Actor, channel_id: int, values: Mapping[str, str], now: datetime) -> Channel:
    """Renew a channel's login. Raises Conflict if the new login belongs to another account; nothing is lost
    then.
    """
    actor.need("channels.manage")
    channel = get(actor=actor, channel_id=channel_id)
    connector = channel.connector
    connected = _log_in(actor, connector, _checked(connector, values), now)
    _same_account(channel, connected)
    return keep(actor=actor, connector=connector, connected=connected, name="", days=0, now=now)


def _same_account(channel: Channel, connected: base.Connected) -> None:
    if connected.account.remote_id[:512] != channel.remote_id:
        raise Conflict(
            _("This login belongs to another account (%(other)s). The channel stays as it was.")
            % {"other": connected.account.handle or connected.account.name}
        )


def start_sign_in(
    *,
    actor: Actor,
    network: str,
    values: Mapping[str, str],
    redirect_uri: str,
    now: datetime,
    name: str = "",
    days: int = BACKFILL_DAYS,
    channel_id: int | None = None,
) -> str:
    """Begin a sign-in at the network; returns the address to go to. Raises Invalid, NetworkSays."""
    actor.need("channels.manage")
    connector = connector_of(network)
    channel = get(actor=actor, channel_id=channel_id) if channel_id is not None else None
    state = secrets.token_urlsafe(32)
    try:
        start = connector.oauth_start(
            _blank_session(now),
            _checked(connector, values, set(connector.oauth_fields)),
            redirect_uri=redirect_uri,
            state=state,
        )
    except NetworkError as error:
        raise NetworkSays(error) from error
    SignIn.objects.filter(created_at__lt=now - SIGN_IN_LIFE).delete()
    SignIn.objects.create(
        workspace=actor.workspace,
        user_id=actor.user.pk,
        network=network,
        state_hash=hash_token(state),
        sealed=encryption.encrypt(start.keep),
        name=name[:100],
        days=days,
        channel=channel,
        created_at=now,
    )
    return start.url


def workspace_of_sign_in(state: str, user_id: int, now: datetime) -> str:
    """The slug of the workspace in which this user began the sign-in. Raises NotFound."""
    return _sign_in(state, user_id, now).workspace.slug


def _sign_in(state: str, user_id: int, now: datetime) -> SignIn:
    found = (
        SignIn.objects.select_related("workspace", "channel")
        .filter(state_hash=hash_token(state), user_id=user_id, created_at__gte=now - SIGN_IN_LIFE)
        .first()
    )
    if found is None:
        raise NotFound(_("This sign-in has expired or was finished already. Please start again."))
    return found


def finish_sign_in(*, actor: Actor, state: str, code: str, redirect_uri: str, now: datetime) -> Channel:
    """Finish a sign-in with the code that the network sent back. Raises NotFound, NetworkSays, Conflict."""
    actor.need("channels.manage")
    sign_in = _sign_in(state, actor.user.pk, now)
    if sign_in.workspace_id != actor.workspace.pk:
        raise NotFound
    # Good for one use, also if the code turns out to be wrong.
    if not SignIn.objects.filter(pk=sign_in.pk).delete()[0]:
        raise NotFound
    connector = connector_of(sign_in.network)
    try:
        connected = connector.oauth_finish(
            _blank_session(now), encryption.decrypt(sign_in.sealed), code=code, redirect_uri=redirect_uri
        )
    except NetworkError as error:
        raise NetworkSays(error) from error
    if sign_in.channel is not None:
        _same_account(sign_in.channel, connected)
    return keep(
        actor=actor, connector=connector, connected=connected, name=sign_in.name, days=sign_in.days, now=now
    )


def test(*, actor: Actor, channel_id: int, now: datetime) -> base.Person:
    """Ask the network whether the login still works. Raises NetworkSays; the channel's state follows the
    answer.
    """
    actor.need("channels.manage")
    channel = _connected(actor, channel_id)
    session = open_session(channel, now)
    try:
        person = channel.connector.check(session)
    except NetworkError as error:
        note_problem(channel, error, used=session.credential)
        raise NetworkSays(error) from error
    if channel.state == Channel.State.RECONNECT:
        Channel.objects.filter(pk=channel.pk, state=Channel.State.RECONNECT).update(
            state=Channel.State.ACTIVE, problem="", problem_words="", next_sync_at=now
        )
    return person


@transaction.atomic
def note_problem(channel: Channel, error: NetworkError, *, used: str) -> bool:
    """Remember what a network said to a call with the credential `used` (see `ChannelSession.credential`). An
    expired login stops the channel until somebody reconnects it.

    Returns False, and remembers nothing, if the channel has another credential by now: the failure says
    nothing about that one.
    """
    # Behind the lock of the channel, as `keep` stores a new login.
    present = Channel.objects.select_for_update().filter(pk=channel.pk).first()
    if present is None or not Credential.objects.filter(channel=present, sealed=used).exists():
        return False
    if isinstance(error, AuthExpired):
        if present.state == Channel.State.PAUSED:
            return True
        present.state = Channel.State.RECONNECT
    present.problem, present.problem_words = error.code, error.words
    present.save(update_fields=["problem", "problem_words", "state"])
    return True


@transaction.atomic
def pause(*, actor: Actor, channel_id: int, paused: bool, now: datetime) -> Channel:
    """Stop fetching and sending for a channel, or go on. Answers on their way wait.

    Raises Conflict for one that is disconnected.
    """
    actor.need("channels.manage")
    channel = _connected(actor, channel_id)
    channel.state = Channel.State.PAUSED if paused else Channel.State.ACTIVE
    channel.next_sync_at = now
    channel.save(update_fields=["state", "next_sync_at"])
    record(
        workspace_id=actor.workspace.pk,
        actor=actor.label,
        verb="paused" if paused else "resumed",
        subject=channel,
        now=now,
    )
    sweeps.wake("channels.sync")
    return channel


@transaction.atomic
def rename(*, actor: Actor, channel_id: int, name: str, now: datetime) -> Channel:
    actor.need("channels.manage")
    channel = get(actor=actor, channel_id=channel_id)
    name = storable(name).strip()
    if not name:
        raise Invalid(_("Please give a name."), field="name")
    channel.name = name[:100]
    channel.save(update_fields=["name"])
    record(
        workspace_id=actor.workspace.pk,
        actor=actor.label,
        verb="renamed",
        subject=channel,
        now=now,
        name=channel.name,
    )
    return channel


def sync_now(*, actor: Actor, channel_id: int, now: datetime) -> Channel:
    """Let the next sync of this channel begin at once. Raises Conflict for one that is not connected."""
    actor.need("channels.view")
    channel = get(actor=actor, channel_id=channel_id)
    if channel.state != Channel.State.ACTIVE:
        raise Conflict(_("This channel is not connected at the moment."))
    with transaction.atomic():
        Channel.objects.filter(pk=channel.pk).update(next_sync_at=now)
        sweeps.wake("channels.sync")
    channel.refresh_from_db()
    return channel


def disconnect(*, actor: Actor, channel_id: int, erase: bool, now: datetime) -> None:
    """Take a channel off. `erase` deletes all that was fetched; else it stays readable and the secret alone
    goes.

    Our access is withdrawn at the network too, as far as it can be reached.
    """
    actor.need("channels.manage")
    channel = get(actor=actor, channel_id=channel_id)
    if Credential.objects.filter(channel=channel).exists():
        try:
            channel.connector.disconnect(open_session(channel, now))
        except (NetworkError, encryption.Unreadable):
            # The login may be dead already, which is often why somebody disconnects. Ours is deleted below in
            # any case.
            record(
                workspace_id=actor.workspace.pk,
                actor=actor.label,
                verb="could not sign out",
                subject=channel,
                now=now,
            )
    with transaction.atomic():
        record(
            workspace_id=actor.workspace.pk,
            actor=actor.label,
            verb="erased" if erase else "disconnected",
            subject=channel,
            now=now,
            name=channel.name,
            interactions=Interaction.objects.filter(channel=channel).count(),
        )
        if erase:
            channel.delete()
        else:
            Credential.objects.filter(channel=channel).delete()
            Channel.objects.filter(pk=channel.pk).update(
                state=Channel.State.PAUSED, lease="", lease_until=None
            )
