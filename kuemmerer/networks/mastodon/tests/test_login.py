from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from kuemmerer.core.http import Client
from kuemmerer.networks.errors import AuthExpired, Rejected, TryLater
from kuemmerer.networks.mastodon import Mastodon
from kuemmerer.networks.mastodon.api import link_ids
from kuemmerer.networks.mastodon.login import NARROW_SCOPES, limits, software
from kuemmerer.networks.mastodon.tests.fake import NOW
from kuemmerer.networks.session import Session

MASTODON = Mastodon()
V2 = {
    "domain": "example.org",
    "version": "4.5.0",
    "configuration": {
        "statuses": {"max_characters": 5000, "characters_reserved_per_url": 30, "max_media_attachments": 4},
        "media_attachments": {"image_size_limit": 16777216, "description_limit": 1500},
    },
    "api_versions": {"mastodon": 7},
}
V1 = {"uri": "example.org", "version": "2.7.2 (compatible; Pleroma 2.6.0)", "max_toot_chars": 10000}
OWN = {"id": "1", "acct": "desk", "username": "desk", "display_name": "Muster GmbH"}
Routes = dict[str, Callable[[httpx.Request], httpx.Response]]


def says(body: Any, status: int = 200) -> Callable[[httpx.Request], httpx.Response]:
    return lambda request: httpx.Response(status, json=body)


def session(routes: Routes, asked: list[httpx.Request] | None = None, **more: Any) -> Session:
    def answer(request: httpx.Request) -> httpx.Response:
        if asked is not None:
            asked.append(request)
        route = routes.get(request.url.path)
        return route(request) if route else httpx.Response(404, json={"error": "Not found"})

    return Session(client=Client(transport=httpx.MockTransport(answer)), now=NOW, **more)


MODERN: Routes = {
    "/api/v2/instance": says(V2),
    "/api/v1/accounts/verify_credentials": says(OWN),
}


@pytest.mark.parametrize(
    "address",
    [
        "example.org",
        "https://example.org/",
        "https://example.org/@desk",
        "@desk@example.org",
        " example.org ",
    ],
)
def test_however_the_address_is_typed_the_server_is_found(address: str) -> None:
    connected = MASTODON.connect(session(MODERN), {"server": address, "token": " a-token "})
    assert connected.settings["server"] == "https://example.org"
    assert connected.account.handle == "desk@example.org"
    assert connected.secret == {"token": "a-token"}


def test_the_limits_are_the_servers() -> None:
    settings = MASTODON.connect(session(MODERN), {"server": "example.org", "token": "t"}).settings
    found = MASTODON.limits(settings)
    assert found.max_units == 5000
    assert found.count("https://example.org/abc") == 30
    assert settings["bulk"]
    assert MASTODON.limits({}).max_units == 500


def test_an_older_server_is_read_by_the_older_record() -> None:
    routes: Routes = {**MODERN, "/api/v1/instance": says(V1)}
    del routes["/api/v2/instance"]
    settings = MASTODON.connect(session(routes), {"server": "example.org", "token": "t"}).settings
    assert settings["software"] == "pleroma"
    assert settings["limits"] == {"max_characters": 10000}
    assert not settings["bulk"]


@pytest.mark.parametrize("status", [401, 422])
def test_a_wrong_token_is_a_wrong_login(status: int) -> None:
    routes: Routes = {**MODERN, "/api/v1/accounts/verify_credentials": says({"error": "no"}, status)}
    with pytest.raises(AuthExpired) as caught:
        MASTODON.connect(session(routes), {"server": "example.org", "token": "t"})
    assert caught.value.code == "wrong_login"


def test_a_server_that_tells_only_its_members_can_be_connected() -> None:
    def members_only(request: httpx.Request) -> httpx.Response:
        known = "authorization" in request.headers
        return httpx.Response(200 if known else 401, json=V2 if known else {"error": "members only"})

    routes: Routes = {**MODERN, "/api/v2/instance": members_only}
    connected = MASTODON.connect(session(routes), {"server": "example.org", "token": "t"})
    assert connected.settings["domain"] == "example.org"


def test_the_token_goes_to_no_address_before_it_is_known_to_be_a_mastodon() -> None:
    asked: list[httpx.Request] = []
    with pytest.raises(Rejected):
        MASTODON.connect(session({}, asked), {"server": "example.org", "token": "t"})
    assert not [request for request in asked if "authorization" in request.headers]


# ---- OAuth

SIGN_IN: Routes = {
    **MODERN,
    "/.well-known/oauth-authorization-server": says(
        {
            "code_challenge_methods_supported": ["S256"],
            "scopes_supported": ["read", "write", *NARROW_SCOPES.split()],
        }
    ),
    "/api/v1/apps": says({"client_id": "an-id", "client_secret": "a-secret"}),
    "/oauth/token": says({"access_token": "a-token", "token_type": "Bearer"}),
}
BACK = "https://desk.example/back"


def test_signing_in_at_the_server() -> None:
    asked: list[httpx.Request] = []
    begun = MASTODON.oauth_start(
        session(SIGN_IN), {"server": "example.org"}, redirect_uri=BACK, state="a-state"
    )
    query = {key: value[0] for key, value in parse_qs(urlsplit(begun.url).query).items()}
    assert query["state"] == "a-state"
    assert query["scope"] == NARROW_SCOPES
    connected = MASTODON.oauth_finish(session(SIGN_IN, asked), begun.keep, code="a-code", redirect_uri=BACK)
    form = parse_qs(next(r for r in asked if r.url.path == "/oauth/token").content.decode())
    digest = hashlib.sha256(form["code_verifier"][0].encode()).digest()
    assert query["code_challenge"] == base64.urlsafe_b64encode(digest).decode().rstrip("=")
    assert form["code"] == ["a-code"]
    assert connected.secret == {"token": "a-token", "client_id": "an-id", "client_secret": "a-secret"}
    assert connected.account.handle == "desk@example.org"


def test_a_server_that_knows_no_narrow_scopes_gets_wide_ones() -> None:
    def picky(request: httpx.Request) -> httpx.Response:
        if "read%3Aaccounts" in request.content.decode():
            return httpx.Response(422, json={"error": "Scopes doesn't match configured on the server."})
        return httpx.Response(200, json={"client_id": "an-id", "client_secret": "a-secret"})

    for extra in (
        {},
        {"/.well-known/oauth-authorization-server": says({"scopes_supported": ["read", "write"]})},
    ):
        routes: Routes = {**MODERN, "/api/v1/apps": picky, **extra}
        begun = MASTODON.oauth_start(session(routes), {"server": "example.org"}, redirect_uri=BACK, state="s")
        assert "scope=read+write&" in begun.url
        assert "code_challenge" not in begun.url


def test_a_code_that_is_no_longer_good_is_a_wrong_login() -> None:
    routes: Routes = {**SIGN_IN, "/oauth/token": says({"error": "invalid_grant"}, 400)}
    with pytest.raises(AuthExpired) as caught:
        MASTODON.oauth_finish(session(routes), {"server": "https://example.org"}, code="c", redirect_uri=BACK)
    assert caught.value.code == "wrong_login"


def test_a_cut_line_while_signing_in_can_simply_be_tried_again() -> None:
    def cut(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadError("cut", request=request)

    with pytest.raises(TryLater):
        MASTODON.oauth_finish(
            session({**SIGN_IN, "/oauth/token": cut}),
            {"server": "https://example.org"},
            code="c",
            redirect_uri=BACK,
        )


def test_the_token_is_given_back_by_the_app_that_got_it() -> None:
    asked: list[httpx.Request] = []
    secret = {"token": "a-token", "client_id": "an-id", "client_secret": "a-secret"}
    settings = {"server": "https://example.org"}
    MASTODON.disconnect(session({"/oauth/revoke": says({}, 403)}, asked, settings=settings, secret=secret))
    assert parse_qs(asked[0].content.decode())["token"] == ["a-token"]
    MASTODON.disconnect(session({}, asked, settings=settings, secret={"token": "made by hand"}))
    assert len(asked) == 1


# ---- small things


@pytest.mark.parametrize(
    ("about", "name"),
    [
        ({"version": "4.5.0"}, "mastodon"),
        ({"version": "4.0.0 (not true; really snac/2.75)"}, "snac"),
        ({"version": "2.8.0 (compatible; Friendica 2024.12)"}, "friendica"),
        (
            {"version": "0.17.3", "source_url": "https://codeberg.org/superseriousbusiness/gotosocial"},
            "gotosocial",
        ),
        ({}, "mastodon"),
    ],
)
def test_the_software_is_known_by_its_version(about: dict[str, str], name: str) -> None:
    assert software(about) == name


@pytest.mark.parametrize(
    "about",
    [
        {},
        {"configuration": None},
        {"configuration": {"statuses": {"max_characters": "500"}}},
        {"max_toot_chars": -1},
    ],
)
def test_limits_that_make_no_sense_are_left_out(about: dict[str, Any]) -> None:
    assert limits(about) == {}


def test_a_link_header_gives_ids_and_never_an_address() -> None:
    header = (
        '<https://evil.example/api/v1/notifications?limit=30&max_id=AtIz%2FW>; rel="next", '
        '<https://evil.example/api/v1/notifications?min_id=9007199254740993>; rel="prev"'
    )
    assert link_ids(header) == {"next": "AtIz/W", "prev": "9007199254740993"}
    assert link_ids("") == {}
    assert link_ids("<http://[::1>; rel=next") == {}
