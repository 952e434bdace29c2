"""One call of the AT protocol's HTTP interface, and what its refusals mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx

from kuemmerer.networks.errors import (
    AuthExpired,
    NetworkError,
    OutcomeUnknown,
    Rejected,
    TryLater,
    Unsupported,
)
from kuemmerer.networks.session import SAFE_METHODS, Session, default_words, parse_json

READABLE = frozenset({400, 401, 403, 404, 405, 409, 413, 415, 500, 501})
"""Statuses whose body we read ourselves, since the error's name says more than its number."""

_TOKEN = frozenset({"ExpiredToken", "InvalidToken", "AuthMissing", "AuthenticationRequired", "BadJwt"})
_ACCOUNT = frozenset({"AccountTakedown", "AccountSuspended", "AccountDeactivated"})
_FAULT = frozenset({"UpstreamFailure", "UpstreamTimeout", "InternalServerError", "NotEnoughResources"})
_MEDIA = frozenset({"BlobTooLarge", "InvalidMimeType", "PayloadTooLarge", "UnsupportedMediaType"})


class TokenRefused(AuthExpired):
    """The server did not accept the token of this call; a fresh one may do."""


class ServerFault(OutcomeUnknown):
    """The server itself says that it failed at a write. It may stand there all the same."""


class Refusal(Rejected):
    """A refusal with the protocol's own name for it."""

    def __init__(self, code: str, words: str, *, name: str) -> None:
        super().__init__(code, words)
        self.name = name


def xrpc(
    session: Session,
    http_method: str,
    server: str,
    nsid: str,
    *,
    token: str = "",
    safe: bool | None = None,
    headers: Mapping[str, str] | None = None,
    **kwargs: Any,
) -> dict[str, Any]:
    """Call `nsid` at `server` and return the answer, empty where there is none.

    Raises TokenRefused for a token that is not accepted, Refusal for what the server understood and refused.
    """
    safe = http_method in SAFE_METHODS if safe is None else safe
    sent = {"Accept": "application/json", **(headers or {})}
    if token:
        sent["Authorization"] = f"Bearer {token}"
    response = session.request(
        http_method, f"{server}/xrpc/{nsid}", safe=safe, accept=READABLE, headers=sent, **kwargs
    )
    if not response.is_success:
        raise failure(response, safe=safe)
    if http_method != "GET" and not response.content.strip():
        return {}
    answer = parse_json(response, safe=safe)
    if not isinstance(answer, dict):
        raise TryLater("bad_answer") if safe else OutcomeUnknown("cut")
    return answer


def failure(response: httpx.Response, *, safe: bool) -> NetworkError:
    """The error that an unsuccessful answer stands for."""
    name, words = error_name(response), default_words(response)
    if response.status_code == 500 or name in _FAULT:
        return TryLater("server_error", words) if safe else ServerFault("cut", words)
    if name in _TOKEN or (response.status_code == 401 and name not in _ACCOUNT | {"AuthFactorTokenRequired"}):
        return TokenRefused("revoked", words)
    if name in _ACCOUNT:
        return AuthExpired("no_permission", words)
    if name == "RateLimitExceeded":
        return TryLater("rate_limited", words)
    if name in {"MethodNotImplemented", "XRPCNotSupported"}:
        return Unsupported("unsupported", words)
    if not name:
        # Not the protocol's own voice (a proxy, a firewall): nothing was done and nothing is proved.
        return TryLater("bad_answer", words)
    if name in _MEDIA or response.status_code == 413:
        return Refusal("bad_media", words, name=name)
    if response.status_code == 403:
        return Refusal("no_permission", words, name=name)
    return Refusal("refused", words, name=name)


def error_name(response: httpx.Response) -> str:
    """The `error` of an unsuccessful answer; empty if it is not one of this protocol."""
    try:
        body = parse_json(response)
    except TryLater:
        return ""
    name = body.get("error") if isinstance(body, dict) else None
    return name if isinstance(name, str) else ""
