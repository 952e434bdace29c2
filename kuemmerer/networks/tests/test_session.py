"""A connector's session: resets in all formats, every answer one of the five errors, no secrets in words."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from kuemmerer.core.http import Client, PrivateAddress, TooLarge
from kuemmerer.networks import session as sessions
from kuemmerer.networks.errors import (
    SENTENCES,
    AuthExpired,
    NetworkError,
    OutcomeUnknown,
    Rejected,
    TryLater,
    sentence,
)
from kuemmerer.networks.session import (
    Session,
    base_address,
    parse_json,
    parse_rate_limit,
    parse_reset,
    reaching,
    retry_after,
)

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SOON = NOW + timedelta(seconds=90)
URL = "https://example.org/api"
Answer = Callable[[httpx.Request], httpx.Response]


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions.time, "sleep", lambda seconds: None)


def session(answer: Answer, **more: Any) -> Session:
    return Session(client=Client(transport=httpx.MockTransport(answer)), now=NOW, **more)


def answering(status: int, **more: Any) -> Session:
    return session(lambda request: httpx.Response(status, **more))


def breaking(error: Exception, calls: list[str] | None = None) -> Session:
    def answer(request: httpx.Request) -> httpx.Response:
        if calls is not None:
            calls.append(request.method)
        raise error

    return session(answer)


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("90", SOON),
        (" 90 ", SOON),
        ("90.0", SOON),
        (str(int(SOON.timestamp())), SOON),
        ("2026-03-02T09:01:30Z", SOON),
        ("2026-03-02T09:01:30.000+00:00", SOON),
        ("2026-03-02T10:01:30+01:00", SOON),
        ("Mon, 02 Mar 2026 09:01:30 GMT", SOON),
        ("2026-03-02T09:01:30", SOON),
        ("0", NOW),
        ("-5", NOW - timedelta(seconds=5)),
    ],
)
def test_a_reset_is_understood_in_every_format_in_use(value: str, moment: datetime) -> None:
    assert parse_reset(value, NOW) == moment


@pytest.mark.parametrize(
    "value", ["", "soon", "nan", "inf", "-inf", "1e400", "9" * 40, "99999999999999", "\x00"]
)
def test_a_reset_that_makes_no_sense_is_none(value: str) -> None:
    assert parse_reset(value, NOW) is None


@pytest.mark.parametrize("prefix", ["x-ratelimit-", "ratelimit-", "x-rate-limit-"])
def test_a_rate_limit_is_found_under_each_of_its_names(prefix: str) -> None:
    headers = {prefix + "limit": "300", prefix + "remaining": "7", prefix + "reset": "90"}
    found = parse_rate_limit(headers, NOW)
    assert found is not None
    assert (found.limit, found.remaining, found.reset_at) == (300, 7, SOON)


@pytest.mark.parametrize(
    "headers",
    [{}, {"x-ratelimit-remaining": "many"}, {"x-ratelimit-remaining": "²"}, {"ratelimit-limit": "3"}],
)
def test_what_says_nothing_of_what_is_left_is_no_rate_limit(headers: dict[str, str]) -> None:
    assert parse_rate_limit(headers, NOW) is None


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"retry-after": "90"}, 90),
        ({"retry-after": "Mon, 02 Mar 2026 09:01:30 GMT"}, 90),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "2026-03-02T09:01:30Z"}, 90),
        ({"retry-after": "90", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "200"}, 90),
        ({"retry-after": "nonsense", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "90"}, 90),
        ({"retry-after": "0"}, 1),
        ({"retry-after": "-100"}, 1),
        ({"retry-after": "9999999"}, 24 * 3600),
        ({"x-ratelimit-remaining": "5", "x-ratelimit-reset": "90"}, None),
        ({}, None),
    ],
)
def test_how_long_to_wait(headers: dict[str, str], wait: int | None) -> None:
    assert retry_after(headers, NOW) == (None if wait is None else timedelta(seconds=wait))


@pytest.mark.parametrize(
    ("status", "reading", "writing"),
    [
        (401, AuthExpired, AuthExpired),
        (403, Rejected, Rejected),
        (404, Rejected, Rejected),
        (410, Rejected, Rejected),
        (422, Rejected, Rejected),
        (301, Rejected, Rejected),
        (429, TryLater, TryLater),
        (503, TryLater, TryLater),
        (408, TryLater, OutcomeUnknown),
        (500, TryLater, OutcomeUnknown),
        (502, TryLater, OutcomeUnknown),
        (504, TryLater, OutcomeUnknown),
    ],
)
def test_each_status_is_one_of_the_five(
    status: int, reading: type[NetworkError], writing: type[NetworkError]
) -> None:
    for method, expected in (("GET", reading), ("POST", writing)):
        with pytest.raises(NetworkError) as said:
            answering(status).request(method, URL)
        assert type(said.value) is expected


@pytest.mark.parametrize(
    ("error", "reading", "writing"),
    [
        (httpx.ConnectError("no"), TryLater, TryLater),
        (httpx.ConnectTimeout("no"), TryLater, TryLater),
        (httpx.PoolTimeout("no"), TryLater, TryLater),
        (httpx.ReadTimeout("no"), TryLater, OutcomeUnknown),
        (httpx.WriteTimeout("no"), TryLater, OutcomeUnknown),
        (httpx.ReadError("no"), TryLater, OutcomeUnknown),
        (httpx.RemoteProtocolError("no"), TryLater, OutcomeUnknown),
        (httpx.DecodingError("no"), TryLater, OutcomeUnknown),
        (TooLarge("no"), Rejected, OutcomeUnknown),
        (PrivateAddress("no"), Rejected, Rejected),
        (httpx.UnsupportedProtocol("no"), Rejected, Rejected),
    ],
)
def test_each_trouble_on_the_line_is_one_of_the_five(
    error: Exception, reading: type[NetworkError], writing: type[NetworkError]
) -> None:
    for method, expected in (("GET", reading), ("POST", writing)):
        with pytest.raises(NetworkError) as said:
            breaking(error).request(method, URL)
        assert type(said.value) is expected


@pytest.mark.parametrize("url", ["http://xn--.example/", "http://[::1", "http:///x"])
def test_an_address_that_cannot_be_called_is_refused(url: str) -> None:
    with pytest.raises(Rejected, match="bad_address"):
        answering(200).request("GET", url)


def test_only_what_does_no_harm_is_tried_again() -> None:
    for method, safe, count in (("GET", None, 3), ("POST", None, 1), ("POST", True, 3), ("DELETE", None, 1)):
        calls: list[str] = []
        with pytest.raises(TryLater):
            breaking(httpx.ConnectError("no"), calls).request(method, URL, safe=safe)
        assert len(calls) == count


def test_before_each_request_that_must_not_be_repeated_its_owner_is_asked() -> None:
    asked: list[str] = []

    def no() -> None:
        asked.append("asked")
        raise LookupError

    calls: list[str] = []
    careful = session(
        lambda request: httpx.Response(200, text=calls.append(request.method)), before_unsafe=no
    )
    careful.request("GET", URL)
    careful.request("POST", URL, safe=True)
    assert (calls, asked) == (["GET", "POST"], [])
    with pytest.raises(LookupError):
        careful.request("POST", URL)
    assert (calls, asked) == (["GET", "POST"], ["asked"])


def test_a_second_try_that_works_is_enough() -> None:
    calls: list[int] = []

    def answer(request: httpx.Request) -> httpx.Response:
        calls.append(1)
        if len(calls) < 3:
            raise httpx.RemoteProtocolError("cut")
        return httpx.Response(200, json={"ok": True})

    assert session(answer).json("GET", URL) == {"ok": True}


@pytest.mark.parametrize("status", [200, 201, 204, 304])
def test_success_is_passed_on(status: int) -> None:
    assert answering(status).request("GET", URL).status_code == status


def test_an_expected_failure_is_passed_on() -> None:
    assert answering(409).request("POST", URL, accept={409}).status_code == 409


def test_the_rate_limit_is_remembered_until_the_next_word_of_it() -> None:
    answers = [{"x-ratelimit-remaining": "9", "x-ratelimit-limit": "10"}, {}]
    running = session(lambda request: httpx.Response(200, headers=answers.pop(0)))
    running.request("GET", URL)
    running.request("GET", URL)
    assert running.rate_limit is not None
    assert running.rate_limit.remaining == 9


@pytest.mark.parametrize(
    "body",
    [
        {"error": "Nein"},
        {"message": "Nein"},
        {"error_description": "Nein", "error": "code"},
        {"detail": "Nein"},
        {"error": {"message": "Nein"}},
    ],
)
def test_the_networks_own_reason_is_kept(body: dict[str, Any]) -> None:
    with pytest.raises(Rejected) as said:
        answering(422, json=body).request("POST", URL)
    assert said.value.words == "Nein"


@pytest.mark.parametrize("content", [b"", b"<html>", b"[1]", b"null", b"\xff\xfe", b"[" * 100_000])
def test_no_reason_is_no_crash(content: bytes) -> None:
    with pytest.raises(Rejected) as said:
        answering(422, content=content).request("POST", URL)
    assert said.value.words == ""


def test_secrets_are_cut_out_of_the_networks_words() -> None:
    running = session(
        lambda request: httpx.Response(401, json={"error": "bad token tok-123456 for you"}),
        secret={"token": "tok-123456", "short": "for", "number": 5},
    )
    with pytest.raises(AuthExpired) as said:
        running.request("GET", URL)
    assert said.value.words == "bad token … for you"


def test_endless_words_are_cut() -> None:
    assert len(Rejected("refused", "x y " * 1000).words) <= 500


@pytest.mark.parametrize("content", [b"<html>", b"", b"[1, 2", b"[" * 100_000, b"{'a': 1}"])
def test_what_is_no_json_is_an_error_by_what_was_asked(content: bytes) -> None:
    with pytest.raises(TryLater):
        answering(200, content=content).json("GET", URL)
    with pytest.raises(OutcomeUnknown):
        answering(200, content=content).json("POST", URL)


def test_broken_utf_8_is_read_as_far_as_it_goes() -> None:
    assert parse_json(httpx.Response(200, content=b'{"a": "x\xff\xfey"}')) == {"a": "x\ufffd\ufffdy"}


@pytest.mark.parametrize(
    ("typed", "address"),
    [
        ("example.org", "https://example.org"),
        (" https://example.org/ ", "https://example.org"),
        ("http://example.org:8080/blog/", "http://example.org:8080/blog"),
        ("bäckerei.example", "https://xn--bckerei-5wa.example"),
        ("https://[::1]:3000", "https://[::1]:3000"),
        ("HTTPS://EXAMPLE.ORG", "https://example.org"),
    ],
)
def test_a_typed_address_is_understood(typed: str, address: str) -> None:
    assert base_address(typed) == address


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "   ",
        "ftp://example.org",
        "javascript:alert(1)",
        "http://",
        "https://exa mple.org",
        "https://[::1",
        "https://example.org:port",
        "https://example.org:99999",
        "https://" + "a" * 64 + ".org",
        "https://..",
        "file:///etc/passwd",
    ],
)
def test_what_is_no_address_is_refused(typed: str) -> None:
    with pytest.raises(Rejected, match="bad_address"):
        base_address(typed)


@pytest.mark.parametrize(
    ("typed", "error", "code"),
    [
        ("blog.example", "unreachable", "unreachable_by_https"),
        ("https://blog.example", "unreachable", "unreachable"),
        ("http://blog.example", "unreachable", "unreachable"),
        ("blog.example", "server_error", "server_error"),
    ],
)
def test_a_server_that_does_not_answer_by_https_may_be_meant_by_http(
    typed: str, error: str, code: str
) -> None:
    with pytest.raises(TryLater) as caught, reaching(typed):
        raise TryLater(error)
    assert caught.value.code == code


def test_a_new_secret_is_used_only_after_it_was_stored() -> None:
    def fails(secret: Any, expires_at: Any) -> None:
        raise OSError

    running = session(lambda request: httpx.Response(200), secret={"token": "old"}, store_secret=fails)
    with pytest.raises(OSError):
        running.store_secret({"token": "new"})
    assert running.secret == {"token": "old"}


def test_every_error_has_a_known_code_and_a_sentence() -> None:
    with pytest.raises(ValueError, match="unknown error code"):
        Rejected("nonsense")
    for code in SENTENCES:
        assert sentence(code).rstrip("”").endswith((".", "?"))
    assert sentence("") == ""
    assert "“Nein”" in sentence("refused", "Nein")
