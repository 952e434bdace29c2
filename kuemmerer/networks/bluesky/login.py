"""Signing in and staying signed in: the password login, its two tokens, and how they are renewed."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from kuemmerer.networks.bluesky.identifiers import is_did, parse_time, pds_of
from kuemmerer.networks.bluesky.xrpc import Refusal, TokenRefused, xrpc
from kuemmerer.networks.errors import AuthExpired, Rejected, TryLater, Unsupported
from kuemmerer.networks.session import Session, base_address

DEFAULT_SERVER = "https://bsky.social"
_WEB_APPS = frozenset({"bsky.app", "www.bsky.app", "staging.bsky.app", "main.bsky.dev"})
_INVISIBLE = re.compile(r"[\s\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_PROFILE = re.compile(r"^(?:https?://)?[^/]+/profile/([^/?#]+).*$")
MARGIN = timedelta(minutes=2)
"""A token that ends so soon is renewed before it is used."""


def server_address(typed: str) -> str:
    """The server a person meant: Bluesky itself for nothing typed or for its web page's address."""
    address = base_address(typed or DEFAULT_SERVER)
    parts = urlsplit(address)
    return DEFAULT_SERVER if parts.hostname in _WEB_APPS else f"{parts.scheme}://{parts.netloc}"


def identifier(typed: str, server: str) -> str:
    """The handle a person meant: without @, a profile's URL, invisible marks (the app copies some)."""
    name = _PROFILE.sub(r"\1", _INVISIBLE.sub("", typed)).lstrip("@")
    if server == DEFAULT_SERVER and name and "." not in name and "@" not in name and not is_did(name):
        name += ".bsky.social"
    return name


def find_server(session: Session, server: str) -> str:
    """The name (a DID) by which `server` knows itself. Asked before any password is sent.

    Raises Rejected("not_this_network") unless it speaks the AT protocol.
    """
    try:
        answer = xrpc(session, "GET", server, "com.atproto.server.describeServer")
    except (Refusal, TokenRefused, Unsupported) as error:
        raise Rejected("not_this_network") from error
    except TryLater as error:
        if error.code == "bad_answer":
            raise Rejected("not_this_network") from error
        raise
    if "availableUserDomains" not in answer and "did" not in answer:
        raise Rejected("not_this_network")
    return _text(answer, "did")


def sign_in(session: Session, server: str, name: str, password: str) -> dict[str, Any]:
    """A new session for name and (app) password. Raises AuthExpired("wrong_login") for a wrong one."""
    body = {"identifier": name, "password": password}
    try:
        # Signing in twice does no harm, so a cut connection is only a reason to come back later.
        answer = xrpc(session, "POST", server, "com.atproto.server.createSession", json=body, safe=True)
    except TokenRefused as error:
        raise AuthExpired("wrong_login", error.words) from error
    except Refusal as error:
        if error.name == "AuthFactorTokenRequired":
            raise Rejected("two_factor") from error
        raise AuthExpired("wrong_login", error.words) from error
    if not (_text(answer, "accessJwt") and _text(answer, "refreshJwt") and is_did(_text(answer, "did"))):
        raise TryLater("bad_answer")
    if answer.get("active") is False:
        raise AuthExpired("no_permission", _text(answer, "status"))
    return answer


def home_of(answer: Mapping[str, Any], server: str, server_did: str) -> str:
    """The server that holds the account: the one its DID document names, else the one that was asked.

    Where both are one server, the typed address stays: it may be the only one that is reachable from here.
    """
    home = pds_of(answer.get("didDoc"))
    parts = urlsplit(home)
    names = {f"did:web:{parts.hostname}", f"did:web:{parts.netloc.replace(':', '%3A')}"}
    return home if home and server_did not in names else server


def secret_of(answer: Mapping[str, Any], now: datetime, password: str) -> dict[str, Any]:
    """What is kept of a login. The password too: only it can replace a refresh token that ended."""
    secret = {"access": _text(answer, "accessJwt"), "refresh": _text(answer, "refreshJwt")}
    until = ends(secret["access"], now)
    if until is not None:
        secret["until"] = until.isoformat()
    return {**secret, "password": password} if password else secret


def ends(token: str, now: datetime) -> datetime | None:
    """When a token just received ends by our own clock, which need not agree with the server's."""
    try:
        payload = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        until = int(claims["exp"])
        life = until - int(claims["iat"]) if claims.get("iat") else until - int(now.timestamp())
        return now + timedelta(seconds=life)
    except (IndexError, KeyError, TypeError, ValueError, AttributeError, OverflowError, binascii.Error):
        return None


def ended(secret: Mapping[str, Any], now: datetime) -> bool:
    """Whether the access token is about to end or has ended. Without a known end the server will tell."""
    until = parse_time(secret.get("until"))
    return not secret.get("access") or (until is not None and until - MARGIN <= now)


def renew(session: Session) -> None:
    """Get new tokens and store them at once.

    A refresh token works once. Whoever comes second with it (another worker), or too late, signs in anew
    with the app password; only when that is refused too is the credential gone.
    """
    server = str(session.settings.get("server") or DEFAULT_SERVER)
    password = str(session.secret.get("password") or "")
    answer = _refreshed(session, server)
    if answer is None:
        answer = _signed_in_again(session, server, password)
    session.store_secret(secret_of(answer, session.now, password))


def _refreshed(session: Session, server: str) -> dict[str, Any] | None:
    token = str(session.secret.get("refresh") or "")
    if not token:
        return None
    try:
        answer = xrpc(session, "POST", server, "com.atproto.server.refreshSession", token=token, safe=True)
    except (TokenRefused, Refusal):
        return None
    return answer if _text(answer, "accessJwt") and _text(answer, "refreshJwt") else None


def _signed_in_again(session: Session, server: str, password: str) -> dict[str, Any]:
    name = str(session.settings.get("did") or session.settings.get("handle") or "")
    if not password or not name:
        raise AuthExpired("revoked")
    try:
        return sign_in(session, server, name, password)
    except AuthExpired as error:
        raise AuthExpired("revoked" if error.code == "wrong_login" else error.code, error.words) from error
    except Rejected as error:
        raise AuthExpired(error.code, error.words) from error


def sign_out(session: Session) -> None:
    """End the session at the server. One that has ended already is no error."""
    token = str(session.secret.get("refresh") or "")
    server = str(session.settings.get("server") or DEFAULT_SERVER)
    with suppress(AuthExpired, Rejected, Unsupported):
        xrpc(session, "POST", server, "com.atproto.server.deleteSession", token=token, safe=True)


def _text(answer: Mapping[str, Any], key: str) -> str:
    value = answer.get(key)
    return value if isinstance(value, str) else ""
