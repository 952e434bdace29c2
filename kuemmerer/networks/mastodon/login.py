"""Getting access: finding the instance behind an address, signing in by OAuth or by token, giving it back."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

from kuemmerer.networks.base import Connected, OAuthStart
from kuemmerer.networks.errors import AuthExpired, OutcomeUnknown, Rejected, TryLater
from kuemmerer.networks.mastodon.api import Api, Record, ident, number, part, text
from kuemmerer.networks.mastodon.parse import person
from kuemmerer.networks.session import Session, base_address, parse_json

CLIENT_NAME = "Kümmerer"
NARROW_SCOPES = "read:accounts read:notifications read:statuses write:favourites write:media write:statuses"
WIDE_SCOPES = "read write"
LONGEST_TOKEN = timedelta(days=5 * 365)

_SOFTWARE = re.compile(r"\((?:compatible;|not true; really)\s*([A-Za-z]+)", re.IGNORECASE)


def instance(session: Session, address: str, *, token: str = "") -> tuple[str, Record]:
    """The server at a typed address and what it says of itself (nothing where it tells only its members)."""
    typed = base_address(re.sub(r"^\s*@[^@/]+@", "", address))
    parts = urlsplit(typed)
    root = f"{parts.scheme}://{parts.netloc}"
    # Somebody who copies the address of a profile (https://example.org/@desk) means the server.
    for server in dict.fromkeys((typed, root)):
        for path in ("/api/v2/instance", "/api/v1/instance"):
            found = _instance_at(Api(session, server, token), path)
            if found is not None:
                return found
    raise Rejected("not_this_network")


def _instance_at(api: Api, path: str) -> tuple[str, Record] | None:
    try:
        response = api.request("GET", path, accept={401}, follow_redirects=not api.token)
        body = parse_json(response)
    except Rejected as error:
        if error.code in {"private_address", "bad_address", "too_large"}:
            raise
        return None
    except TryLater as error:
        if error.code != "bad_answer":
            raise
        return None
    if not isinstance(body, Mapping):
        return None
    server = str(response.url).removesuffix(path)
    if response.status_code == 401:
        # A server in limited federation mode answers only its members; the login itself will tell the rest.
        return (server, {}) if isinstance(body.get("error"), str) else None
    return (server, body) if text(body.get("version")) and _domain(body) else None


def connect(session: Session, address: str, token: str) -> Connected:
    """Log in with an access token that the person made at the server."""
    server, about = instance(session, address)
    try:
        return _connected(session, server, about, {"token": token.strip()})
    except AuthExpired as error:
        raise AuthExpired("wrong_login", error.words) from error


def oauth_start(session: Session, address: str, *, redirect_uri: str, state: str) -> OAuthStart:
    """Register an app at the server and say where the person signs in."""
    server, _about = instance(session, address)
    api = Api(session, server, "")
    offered = _oauth_metadata(api)
    app, scopes = _register(api, offered, redirect_uri)
    verifier = (
        secrets.token_urlsafe(48) if "S256" in _words(offered, "code_challenge_methods_supported") else ""
    )
    keep = {
        "server": server,
        "client_id": text(app.get("client_id")),
        "client_secret": text(app.get("client_secret")),
        "scopes": scopes,
        "verifier": verifier,
    }
    query = {
        "response_type": "code",
        "client_id": keep["client_id"],
        "redirect_uri": redirect_uri,
        "scope": scopes,
        "state": state,
    }
    if verifier:
        digest = hashlib.sha256(verifier.encode()).digest()
        query["code_challenge"] = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        query["code_challenge_method"] = "S256"
    return OAuthStart(url=f"{server}/oauth/authorize?{urlencode(query)}", keep=keep)


def oauth_finish(session: Session, keep: Mapping[str, Any], *, code: str, redirect_uri: str) -> Connected:
    """Exchange the code for a token and prove that it works."""
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "client_id": text(keep.get("client_id")),
        "client_secret": text(keep.get("client_secret")),
        "redirect_uri": redirect_uri,
        "scope": text(keep.get("scopes")),
    }
    if keep.get("verifier"):
        form["code_verifier"] = text(keep.get("verifier"))
    server = text(keep.get("server"))
    try:
        answer = Api(session, server, "").record("POST", "/oauth/token", data=form)
    except OutcomeUnknown as error:
        # Nothing was written anywhere: the person simply signs in again.
        raise TryLater("timeout") from error
    except (AuthExpired, Rejected) as error:
        raise AuthExpired("wrong_login", error.words) from error
    secret = {
        "token": text(answer.get("access_token")),
        "client_id": form["client_id"],
        "client_secret": form["client_secret"],
    }
    if not secret["token"]:
        raise AuthExpired("wrong_login")
    _server, about = instance(session, server, token=secret["token"])
    return _connected(session, server, about, secret, expires_at=_expiry(answer, session.now))


def account(api: Api) -> Record:
    """Our own account. Raises AuthExpired for a token that is not accepted."""
    # snac answers 422 to a token it does not know.
    response = api.request("GET", "/api/v1/accounts/verify_credentials", accept={422})
    if response.status_code == 422:
        raise AuthExpired
    body = parse_json(response)
    if not isinstance(body, Mapping) or not ident(body.get("id")):
        raise TryLater("bad_answer")
    return body


def revoke(session: Session) -> None:
    """Give the token back. Only the app that got it may; one made by hand stays until its owner ends it."""
    names = ("client_id", "client_secret", "token")
    form = {name: text(session.secret.get(name)) for name in names}
    if all(form.values()):
        # A server that no longer knows the token has done what we ask for.
        Api(session, token="").request(
            "POST", "/oauth/revoke", data=form, safe=True, accept={400, 401, 403, 404}
        )


def _connected(
    session: Session,
    server: str,
    about: Record,
    secret: Mapping[str, Any],
    *,
    expires_at: datetime | None = None,
) -> Connected:
    own = account(Api(session, server, text(secret.get("token"))))
    if not about:
        server, about = instance(session, server, token=text(secret.get("token")))
    acct = text(own.get("acct")).lstrip("@")
    domain = acct.partition("@")[2] or _domain(about) or urlsplit(server).netloc
    someone = person(own, domain)
    settings = {
        "server": server,
        "domain": domain,
        "account_id": ident(own.get("id")),
        "username": someone.handle.partition("@")[0],
        "software": software(about),
        "limits": limits(about),
        # The call for several statuses came with the first version that told its API version.
        "bulk": (number(part(about, "api_versions").get("mastodon")) or 0) >= 1,
    }
    return Connected(account=someone, secret=secret, settings=settings, expires_at=expires_at)


def _oauth_metadata(api: Api) -> Record:
    """What the server says of its sign-in (RFC 8414); empty at those that say nothing."""
    try:
        return api.record("GET", "/.well-known/oauth-authorization-server")
    except (Rejected, AuthExpired):
        return {}
    except TryLater as error:
        if error.code == "bad_answer":
            return {}
        raise


def _register(api: Api, offered: Record, redirect_uri: str) -> tuple[Record, str]:
    known = set(_words(offered, "scopes_supported"))
    narrow = not known or known >= set(NARROW_SCOPES.split())
    for scopes in (NARROW_SCOPES, WIDE_SCOPES) if narrow else (WIDE_SCOPES,):
        form = {"client_name": CLIENT_NAME, "redirect_uris": redirect_uri, "scopes": scopes}
        try:
            app = api.record("POST", "/api/v1/apps", data=form, safe=True)
        except Rejected:
            if scopes == WIDE_SCOPES:
                raise
            continue
        if text(app.get("client_id")) and text(app.get("client_secret")):
            return app, scopes
    raise Rejected("not_this_network")


def software(about: Record) -> str:
    """The name of the server's software, which imitators of Mastodon put behind the imitated version."""
    found = _SOFTWARE.search(text(about.get("version")))
    if found:
        return found.group(1).lower()
    return "gotosocial" if "gotosocial" in text(about.get("source_url")).lower() else "mastodon"


def limits(about: Record) -> dict[str, Any]:
    """The limits that matter to us, from either version of the instance's record."""
    configuration = part(about, "configuration")
    statuses, media = part(configuration, "statuses"), part(configuration, "media_attachments")
    most = number(statuses.get("max_characters")) or number(about.get("max_toot_chars"))
    kinds = media.get("supported_mime_types")
    found = {
        "max_characters": most,
        "characters_reserved_per_url": number(statuses.get("characters_reserved_per_url")),
        "max_media_attachments": number(statuses.get("max_media_attachments")),
        "image_size_limit": number(media.get("image_size_limit")),
        "description_limit": number(media.get("description_limit")),
        "mime_types": [kind for kind in kinds if isinstance(kind, str)] if isinstance(kinds, list) else None,
    }
    return {key: value for key, value in found.items() if value}


def _domain(about: Record) -> str:
    named = text(about.get("domain")) or text(about.get("uri"))
    return urlsplit(named).netloc if "://" in named else named.strip("/")


def _words(record: Record, key: str) -> list[str]:
    value = record.get(key)
    return [word for word in value if isinstance(word, str)] if isinstance(value, list) else []


def _expiry(answer: Record, now: datetime) -> datetime | None:
    seconds = number(answer.get("expires_in"))
    if not seconds or seconds > LONGEST_TOKEN.total_seconds():
        return None
    return now + timedelta(seconds=seconds)
