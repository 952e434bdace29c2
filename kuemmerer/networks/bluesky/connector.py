"""The connector for Bluesky and every other server of the AT protocol."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.utils.translation import gettext_lazy as _

from kuemmerer.networks.base import (
    Absent,
    Action,
    Batch,
    Capabilities,
    Connected,
    Connector,
    Delivered,
    Draft,
    FormField,
    Person,
    Status,
    Target,
    TextLimits,
)
from kuemmerer.networks.bluesky import conversations, facets, login, writing
from kuemmerer.networks.bluesky.api import LIKE, REPOST, Api
from kuemmerer.networks.bluesky.identifiers import profile_url
from kuemmerer.networks.bluesky.items import person
from kuemmerer.networks.bluesky.records import text
from kuemmerer.networks.errors import AuthExpired, NetworkError, Rejected, Unsupported
from kuemmerer.networks.session import Session


class Bluesky(Connector):
    key, label = "bluesky", "Bluesky"
    summary = _("Answers, mentions, quotes, likes and followers; with an app password, on any server.")
    icon = "cloud"
    can = Capabilities(
        publish=True,
        reply=True,
        media=True,
        listen=True,
        delete=True,
        refresh=True,
        actions=frozenset({Action.LIKE, Action.UNLIKE, Action.SHARE}),
    )
    form = (
        FormField(key="handle", label=_("Handle"), placeholder="company.bsky.social"),
        FormField(
            key="password",
            label=_("App password"),
            help=_(
                "Not the password you sign in with. In Bluesky, open Settings, Privacy and security, "
                "App passwords, and add one for Kümmerer. You can revoke it there at any time."
            ),
            placeholder="xxxx-xxxx-xxxx-xxxx",
            secret=True,
        ),
        FormField(
            key="server",
            label=_("Server"),
            help=_("Leave this empty unless the account lives on a server of its own."),
            placeholder=login.DEFAULT_SERVER,
            required=False,
        ),
    )
    settle_seconds = 0

    def limits(self, settings: Mapping[str, Any]) -> TextLimits:
        return TextLimits(max_units=writing.MAX_UNITS, count=facets.length, max_bytes=writing.MAX_BYTES)

    def connect(self, session: Session, values: Mapping[str, str]) -> Connected:
        server = login.server_address(values.get("server", ""))
        name = login.identifier(values.get("handle", ""), server)
        password = values.get("password", "").strip()
        if not name or not password:
            raise AuthExpired("wrong_login")
        server_did = login.find_server(session, server)
        try:
            answer = login.sign_in(session, server, name, password)
        except AuthExpired as error:
            if error.code == "no_permission":
                raise Rejected(error.code, error.words) from error
            raise
        did, handle = text(answer, "did"), text(answer, "handle")
        settings = {"server": login.home_of(answer, server, server_did), "did": did, "handle": handle}
        secret = login.secret_of(answer, session.now, password)
        session.settings, session.secret = settings, secret
        return Connected(account=_account(session), secret=secret, settings=settings)

    def check(self, session: Session) -> Person:
        # An access token outlives its revoked app password by hours; only a renewal proves the login.
        Api(session).renew()
        return _account(session)

    def disconnect(self, session: Session) -> None:
        login.sign_out(session)

    def fetch(self, session: Session, cursor: Mapping[str, Any], *, since: datetime) -> Batch:
        return conversations.fetch(session, cursor, since=since)

    def refresh(self, session: Session, remote_ids: Sequence[str]) -> Batch:
        return conversations.refresh(session, remote_ids)

    def publish(self, session: Session, draft: Draft, *, key: str) -> Delivered:
        return writing.publish(Api(session), draft, key=key)

    def find(self, session: Session, draft: Draft, *, key: str) -> Delivered | Absent | None:
        return writing.find(Api(session), draft, key=key)

    def delete(self, session: Session, remote_id: str) -> None:
        writing.delete(Api(session), remote_id)

    def act(self, session: Session, action: Action, target: Target) -> Status | None:
        api = Api(session)
        if action is Action.LIKE:
            writing.react(api, LIKE, target.remote_id)
        elif action is Action.UNLIKE:
            writing.withdraw(api, LIKE, target.remote_id)
        elif action is Action.SHARE:
            writing.react(api, REPOST, target.remote_id)
        else:
            raise Unsupported
        return None

    def check_text(self, draft: Draft, settings: Mapping[str, Any]) -> None:
        writing.check(draft)


def _account(session: Session) -> Person:
    """Our own account. The network may not know a profile that is a second old; the login knows enough."""
    api = Api(session)
    try:
        known = person(api.query("app.bsky.actor.getProfile", actor=api.did))
    except NetworkError as error:
        if isinstance(error, AuthExpired) and error.code == "revoked":
            raise
        known = None
    return known or Person(remote_id=api.did, handle=api.handle, url=profile_url(api.handle or api.did))
