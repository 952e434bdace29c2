from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import httpx
import pytest

from kuemmerer.networks.bluesky import Bluesky, login
from kuemmerer.networks.bluesky.api import Api
from kuemmerer.networks.bluesky.tests.fake import (
    DID,
    NOW,
    PASSWORD,
    SERVER,
    Fake,
    body,
    failed,
    jwt,
    tokens,
)
from kuemmerer.networks.errors import AuthExpired, Rejected, TryLater

EXPIRED = failed(400, "ExpiredToken", "Token has expired")
REVOKED = failed(400, "ExpiredToken", "Token has been revoked")
WRONG = failed(401, "AuthenticationRequired", "Invalid identifier or password")
RECORD = {"uri": f"at://{DID}/app.bsky.feed.post/3k", "cid": "c", "value": {}}


def only_with(token: str) -> Any:
    """A method that works with this access token alone."""

    def answer(request: httpx.Request) -> Any:
        return RECORD if request.headers["authorization"] == f"Bearer {token}" else EXPIRED

    return answer


def ask(fake: Fake, secret: Mapping[str, Any] | None = None) -> Any:
    return Api(fake.session(secret=secret)).record("app.bsky.feed.post", "3k")


# -- staying signed in


def test_an_expired_access_token_is_renewed_and_stored_before_the_call_is_repeated() -> None:
    fresh = tokens()
    fake = Fake({"getRecord": only_with(fresh["accessJwt"]), "refreshSession": fresh})
    assert ask(fake) == RECORD
    assert fake.asked == ["getRecord", "refreshSession", "getRecord"]
    assert [(s["access"], s["refresh"], s["password"]) for s in fake.stored] == [
        (fresh["accessJwt"], "refresh-new", PASSWORD)
    ]


def test_a_token_known_to_have_ended_is_not_even_tried() -> None:
    fresh = tokens()
    fake = Fake({"getRecord": only_with(fresh["accessJwt"]), "refreshSession": fresh})
    old = {"access": "x", "refresh": "y", "until": (NOW + timedelta(seconds=30)).isoformat()}
    assert ask(fake, old) == RECORD
    assert fake.asked == ["refreshSession", "getRecord"]


@pytest.mark.parametrize("refused", [EXPIRED, REVOKED, failed(400, "InvalidToken"), WRONG])
def test_who_comes_second_with_a_refresh_token_signs_in_with_the_app_password(refused: Any) -> None:
    fresh = tokens()
    fake = Fake(
        {"getRecord": only_with(fresh["accessJwt"]), "refreshSession": refused, "createSession": fresh}
    )
    assert ask(fake) == RECORD
    assert fake.asked == ["getRecord", "refreshSession", "createSession", "getRecord"]
    assert fake.stored[-1]["password"] == PASSWORD


def test_only_when_the_app_password_is_refused_too_must_a_person_reconnect() -> None:
    fake = Fake({"getRecord": EXPIRED, "refreshSession": REVOKED, "createSession": WRONG})
    with pytest.raises(AuthExpired) as caught:
        ask(fake)
    assert caught.value.code == "revoked"
    assert not fake.stored


def test_a_channel_without_app_password_asks_to_reconnect_when_its_refresh_token_has_ended() -> None:
    fake = Fake({"getRecord": EXPIRED, "refreshSession": REVOKED})
    with pytest.raises(AuthExpired):
        ask(fake, {"access": "a", "refresh": "r"})
    assert "createSession" not in fake.asked


def test_the_limit_of_sign_ins_is_waited_for() -> None:
    fake = Fake({"getRecord": EXPIRED, "refreshSession": REVOKED, "createSession": (429, {})})
    with pytest.raises(TryLater) as caught:
        ask(fake)
    assert caught.value.code == "rate_limited"
    assert fake.times("createSession") == 1


@pytest.mark.parametrize("trouble", [(500, {}), (502, "<html>"), (200, "<html>")])
def test_a_server_in_trouble_costs_neither_the_login_nor_its_tokens(trouble: Any) -> None:
    fake = Fake({"getRecord": EXPIRED, "refreshSession": trouble, "createSession": tokens()})
    with pytest.raises(TryLater):
        ask(fake)
    assert not fake.stored


def test_a_renewal_cut_off_before_a_write_leaves_no_doubt_about_the_write(monkeypatch: Any) -> None:
    monkeypatch.setattr("kuemmerer.networks.session.time.sleep", lambda seconds: None)

    def cut(request: httpx.Request) -> Any:
        raise httpx.ReadError("cut")

    fake = Fake({"refreshSession": cut})
    session = fake.session(secret={"access": "", "refresh": "r", "password": PASSWORD})
    with pytest.raises(TryLater):
        Api(session).call("com.atproto.repo.createRecord", {})
    assert "createRecord" not in fake.asked


def test_a_fresh_token_that_the_network_behind_refuses_is_not_our_logins_fault() -> None:
    fake = Fake({"getPosts": failed(401, "BadJwt"), "refreshSession": tokens()})
    with pytest.raises(TryLater):
        Api(fake.session()).posts(["at://x"])


def test_a_fresh_token_that_our_own_server_refuses_is() -> None:
    fake = Fake({"getRecord": failed(401, "AuthMissing"), "refreshSession": tokens()})
    with pytest.raises(AuthExpired):
        ask(fake)


@pytest.mark.parametrize("hours", [-30, 30])
def test_a_server_with_another_clock_does_not_make_us_renew_all_the_time(hours: int) -> None:
    begins = NOW + timedelta(hours=hours)
    until = login.ends(jwt(begins=begins, ends=begins + timedelta(hours=2)), NOW)
    assert until == NOW + timedelta(hours=2)


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "a.e30.c", "a.bnVsbA.c", "a.eyJleHAiOiJ4In0.c", "ä.ä.ä"])
def test_a_token_that_cannot_be_read_has_no_known_end(token: str) -> None:
    assert login.ends(token, NOW) is None


def test_signing_out_ends_the_session_and_is_quiet_about_one_that_has_ended() -> None:
    for answer in ((200, ""), REVOKED, WRONG):
        fake = Fake({"deleteSession": answer})
        Bluesky().disconnect(fake.session())
        assert fake.asked == ["deleteSession"]


# -- signing in

HOME = "https://morel.host.example.net"
DOCUMENT = {"service": [{"id": "#atproto_pds", "serviceEndpoint": HOME}]}


def connect(fake: Fake, **values: str) -> Any:
    typed = {"handle": "ours.example.org", "password": PASSWORD, **values}
    return Bluesky().connect(fake.session(secret={}), typed)


def describe(did: str) -> dict[str, Any]:
    return {"did": did, "availableUserDomains": [".example.org"]}


def test_an_account_behind_an_entrance_is_looked_for_where_it_lives() -> None:
    fake = Fake(
        {"describeServer": describe("did:web:bsky.social"), "createSession": {**tokens(), "didDoc": DOCUMENT}}
    )
    connected = connect(fake)
    assert connected.settings == {"server": HOME, "did": DID, "handle": "ours.example.org"}
    assert connected.secret["password"] == PASSWORD
    assert connected.account.remote_id == DID


def test_the_typed_address_stays_when_it_is_another_name_of_the_same_server() -> None:
    same = describe("did:web:morel.host.example.net")
    fake = Fake({"describeServer": same, "createSession": {**tokens(), "didDoc": DOCUMENT}})
    assert connect(fake, server="http://pds.intern:3000/").settings["server"] == "http://pds.intern:3000"


def test_a_server_that_names_no_home_is_the_home() -> None:
    fake = Fake({"describeServer": describe("did:web:x"), "createSession": tokens()})
    assert connect(fake, server=SERVER).settings["server"] == SERVER


@pytest.mark.parametrize(
    ("answer", "error", "code"),
    [
        (failed(401, "AuthFactorTokenRequired"), Rejected, "two_factor"),
        (WRONG, AuthExpired, "wrong_login"),
        (failed(400, "InvalidRequest", "Input/identifier must be a string"), AuthExpired, "wrong_login"),
        (failed(401, "AccountTakedown", "Account has been taken down"), Rejected, "no_permission"),
        ({**tokens(), "active": False, "status": "deactivated"}, Rejected, "no_permission"),
        (failed(429, "RateLimitExceeded"), TryLater, "rate_limited"),
        ({"accessJwt": None}, TryLater, "bad_answer"),
        ({**tokens(), "did": 5}, TryLater, "bad_answer"),
    ],
)
def test_a_refused_login_says_why(answer: Any, error: type[Exception], code: str) -> None:
    fake = Fake({"describeServer": describe("did:web:x"), "createSession": answer})
    with pytest.raises(error) as caught:
        connect(fake)
    assert getattr(caught.value, "code", "") == code


def test_no_password_is_sent_to_a_server_of_something_else() -> None:
    fake = Fake({"describeServer": (404, "<html>")})
    with pytest.raises(Rejected):
        connect(fake)
    assert fake.asked == ["describeServer"]


@pytest.mark.parametrize(
    ("typed", "sent"),
    [
        ("@ours.example.org", "ours.example.org"),
        (" \u202aours.example.org\u202c ", "ours.example.org"),
        ("https://bsky.app/profile/ours.example.org", "ours.example.org"),
        ("ours", "ours.bsky.social"),
        ("did:plc:ours", "did:plc:ours"),
        ("post@example.org", "post@example.org"),
    ],
)
def test_a_handle_is_understood_however_it_was_copied(typed: str, sent: str) -> None:
    seen = []

    def create(request: httpx.Request) -> Any:
        seen.append(body(request)["identifier"])
        return tokens()

    connect(Fake({"describeServer": describe("did:web:x"), "createSession": create}), handle=typed)
    assert seen == [sent]


@pytest.mark.parametrize(
    ("typed", "address"),
    [
        ("", "https://bsky.social"),
        ("bsky.app", "https://bsky.social"),
        ("https://bsky.app/profile/x", "https://bsky.social"),
        ("pds.example.org", "https://pds.example.org"),
        ("http://localhost:2583/xrpc/", "http://localhost:2583"),
    ],
)
def test_a_server_is_understood_however_it_was_typed(typed: str, address: str) -> None:
    assert login.server_address(typed) == address
