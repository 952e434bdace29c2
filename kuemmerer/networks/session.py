"""A connector's connection to one account: base address, secret, rate limits, errors turned into the five."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import httpx

from kuemmerer.core.http import Client, PrivateAddress, TooLarge
from kuemmerer.networks.errors import AuthExpired, NetworkError, OutcomeUnknown, Rejected, TryLater

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
SAFE_RETRIES = 2
LONGEST_WAIT = timedelta(hours=24)
SHORTEST_SECRET = 6


@dataclass(frozen=True, kw_only=True)
class RateLimit:
    """What the network last said: `remaining` of `limit` calls until `reset_at`."""

    limit: int | None
    remaining: int
    reset_at: datetime | None


def parse_reset(value: str, now: datetime) -> datetime | None:
    """When a limit is lifted, from any of the formats in use: ISO 8601, HTTP date, epoch seconds, seconds
    from now.
    """
    value = value.strip()
    try:
        number = float(value)
    except ValueError:
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            try:
                moment = parsedate_to_datetime(value)
            except ValueError:
                return None
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    # More than 30 years cannot be a waiting time, so it is a date.
    try:
        return datetime.fromtimestamp(number, UTC) if number > 10**9 else now + timedelta(seconds=number)
    except (OverflowError, ValueError, OSError):
        return None


def _is_whole(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19


def parse_rate_limit(headers: Mapping[str, str], now: datetime) -> RateLimit | None:
    """The rate limit an answer speaks of (`X-RateLimit-*`, `RateLimit-*`), or None."""
    for prefix in ("x-ratelimit-", "ratelimit-", "x-rate-limit-"):
        remaining = headers.get(prefix + "remaining", "")
        if _is_whole(remaining):
            limit = headers.get(prefix + "limit", "")
            reset = headers.get(prefix + "reset", "")
            return RateLimit(
                limit=int(limit) if _is_whole(limit) else None,
                remaining=int(remaining),
                reset_at=parse_reset(reset, now) if reset else None,
            )
    return None


def retry_after(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """How long the network asks us to wait: `Retry-After`, else the reset of an exhausted rate limit; ≤ a
    day.
    """
    moment = parse_reset(headers["retry-after"], now) if headers.get("retry-after") else None
    if moment is None:
        rate = parse_rate_limit(headers, now)
        moment = rate.reset_at if rate is not None and rate.remaining == 0 else None
    if moment is None:
        return None
    return min(max(moment - now, timedelta(seconds=1)), LONGEST_WAIT)


def base_address(value: str, *, default_scheme: str = "https") -> str:
    """A typed address as `scheme://host[:port][/path]` without a slash at the end. Raises
    Rejected("bad_address").
    """
    value = value.strip()
    if "://" not in value:
        value = f"{default_scheme}://{value}"
    try:
        parts = urlsplit(value)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise Rejected("bad_address") from error
    if parts.scheme not in {"http", "https"} or not host or any(c.isspace() for c in value):
        raise Rejected("bad_address")
    try:
        shown = host if ":" in host else host.encode("idna").decode("ascii")
    except UnicodeError as error:
        raise Rejected("bad_address") from error
    shown = f"[{shown}]" if ":" in shown else shown
    return f"{parts.scheme}://{shown}{f':{port}' if port else ''}{parts.path.rstrip('/')}"


@contextmanager
def reaching(typed: str) -> Iterator[None]:
    """Around the first calls to an address that a person typed: where https was only our guess, a server out
    of reach may be one that speaks http. That is for the person to say, as a password would follow in the
    clear. Raises TryLater("unreachable_by_https").
    """
    try:
        yield
    except TryLater as error:
        if error.code != "unreachable" or "://" in typed:
            raise
        raise TryLater("unreachable_by_https") from error


class Session:
    """Everything a connector needs for one account.

    `settings` and `secret` are what `Connected` brought. `now` is the time of this call, passed in.
    `store_secret` saves a refreshed secret at once; the old one is replaced only when the new one is stored.
    `before_unsafe` is called before each request that must not be made twice; what it raises stops that
    request.
    """

    def __init__(
        self,
        *,
        client: Client,
        now: datetime,
        settings: Mapping[str, Any] | None = None,
        secret: Mapping[str, Any] | None = None,
        account: Mapping[str, Any] | None = None,
        store_secret: Callable[[Mapping[str, Any], datetime | None], None] | None = None,
        timeout: float | None = None,
        before_unsafe: Callable[[], None] | None = None,
    ) -> None:
        self.client = client
        self.now = now
        self.settings: Mapping[str, Any] = settings or {}
        self.secret: Mapping[str, Any] = secret or {}
        self.account: Mapping[str, Any] = account or {}
        """`remote_id` and `handle` of the channel's own account."""
        self.rate_limit: RateLimit | None = None
        self._store_secret = store_secret
        self.timeout = timeout
        self.before_unsafe = before_unsafe

    def store_secret(self, secret: Mapping[str, Any], *, expires_at: datetime | None = None) -> None:
        if self._store_secret is not None:
            self._store_secret(secret, expires_at)
        self.secret = secret

    def request(
        self,
        method: str,
        url: str,
        *,
        safe: bool | None = None,
        accept: frozenset[int] | set[int] = frozenset(),
        words: Callable[[httpx.Response], str] | None = None,
        **kwargs: Any,
    ) -> httpx.Response:
        """One call. Answers with status 2xx, 304 or one of `accept` are returned, all others raised as one of
        the five.

        `safe` says whether repeating does no harm (default: by method); only safe calls are retried, twice at
        most. `words` finds the network's own reason in an answer.
        """
        safe = method in SAFE_METHODS if safe is None else safe
        if self.timeout is not None:
            kwargs.setdefault("timeout", self.timeout)
        if not safe and self.before_unsafe is not None:
            self.before_unsafe()
        for attempt in range(SAFE_RETRIES + 1 if safe else 1):
            try:
                response = self.client.request(method, url, **kwargs)
            except PrivateAddress as error:
                raise Rejected("private_address") from error
            except TooLarge as error:
                # Too large to read is what came back; what we sent may well have been taken.
                raise (Rejected("too_large") if safe else OutcomeUnknown("cut")) from error
            except (httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.TooManyRedirects, ValueError) as error:
                raise Rejected("bad_address") from error
            except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
                if attempt < SAFE_RETRIES and safe:
                    time.sleep(0.2 * 2**attempt)
                    continue
                raise TryLater("unreachable") from error
            except httpx.TransportError as error:
                if not safe:
                    raise OutcomeUnknown("cut") from error
                if attempt < SAFE_RETRIES and not isinstance(error, httpx.TimeoutException):
                    time.sleep(0.2 * 2**attempt)
                    continue
                raise TryLater(
                    "timeout" if isinstance(error, httpx.TimeoutException) else "unreachable"
                ) from error
            except httpx.DecodingError as error:
                raise (TryLater("bad_answer") if safe else OutcomeUnknown("cut")) from error
            break
        self.rate_limit = parse_rate_limit(response.headers, self.now) or self.rate_limit
        if response.is_success or response.status_code == 304 or response.status_code in accept:
            return response
        raise self._error(response, safe=safe, words=self._redacted((words or default_words)(response)))

    def json(self, method: str, url: str, **kwargs: Any) -> Any:
        """Like `request`, the body parsed. HTML or broken JSON is an error, never passed on."""
        response = self.request(method, url, **kwargs)
        safe = kwargs.get("safe")
        return parse_json(response, safe=method in SAFE_METHODS if safe is None else safe)

    def _redacted(self, words: str) -> str:
        """The network's words without our secrets, should it repeat them."""
        for value in self.secret.values():
            if isinstance(value, str) and len(value) >= SHORTEST_SECRET:
                words = words.replace(value, "…")
        return words

    def _error(self, response: httpx.Response, *, safe: bool, words: str) -> NetworkError:
        status = response.status_code
        if status == 429:
            return TryLater("rate_limited", words, retry_after=retry_after(response.headers, self.now))
        if status == 503:
            return TryLater("server_error", words, retry_after=retry_after(response.headers, self.now))
        if status >= 500 or status == 408:
            return TryLater("server_error", words) if safe else OutcomeUnknown("cut", words)
        if status == 401:
            return AuthExpired("revoked", words)
        if status == 403:
            return Rejected("no_permission", words)
        if status in {404, 410}:
            return Rejected("gone", words)
        if 300 <= status < 400:
            return Rejected("not_this_network", words)
        return Rejected("refused", words)


def parse_json(response: httpx.Response, *, safe: bool = True) -> Any:
    """The parsed body. A body that is no JSON means TryLater after a safe call, OutcomeUnknown after an
    unsafe one.
    """
    try:
        return json.loads(response.content.decode("utf-8", errors="replace"))
    except (ValueError, RecursionError) as error:
        raise (TryLater("bad_answer") if safe else OutcomeUnknown("cut")) from error


def default_words(response: httpx.Response) -> str:
    """The reason in an answer, in the shapes most networks use; empty if there is none."""
    try:
        body = json.loads(response.content.decode("utf-8", errors="replace"))
    except (ValueError, RecursionError):
        return ""
    if not isinstance(body, dict):
        return ""
    for key in ("error_description", "message", "error", "detail"):
        value = body.get(key)
        if isinstance(value, str):
            return value
        if isinstance(value, dict) and isinstance(value.get("message"), str):
            return str(value["message"])
    return ""
