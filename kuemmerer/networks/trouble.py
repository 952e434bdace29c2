"""Trouble on the line: all the ways in which a server misbehaves, and which error each must become."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx

from kuemmerer.networks.base import Absent
from kuemmerer.networks.errors import (
    AuthExpired,
    NetworkError,
    OutcomeUnknown,
    Rejected,
    TryLater,
)
from kuemmerer.networks.scene import Scene
from kuemmerer.networks.session import SAFE_METHODS, Session


@dataclass(frozen=True)
class Trouble:
    """One way in which a server or the line misbehaves, and the errors that may come of it.

    `fetch` and `publish` are the allowed errors. `retry_after` is the waiting time that must be understood.
    `harmless`: a fetch may also pass it over, with an empty batch.
    """

    name: str
    answer: Callable[[httpx.Request, datetime], httpx.Response]
    fetch: tuple[type[NetworkError], ...]
    publish: tuple[type[NetworkError], ...]
    retry_after: int | None = None
    harmless: bool = False


Answer = Callable[[httpx.Request, datetime], httpx.Response]


def says(status: int, body: str | bytes = b"", kind: str = "application/json", **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda request, now: httpx.Response(status, content=body, headers={"content-type": kind, **named})


def breaks(error: type[httpx.TransportError]) -> Answer:
    def answer(request: httpx.Request, now: datetime) -> httpx.Response:
        raise error("the line broke", request=request)

    return answer


def _slow_down(seconds: int, header: str, show: Callable[[datetime], str], **more: str) -> Answer:
    def answer(request: httpx.Request, now: datetime) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in more.items()}
        reset = {header: show(now + timedelta(seconds=seconds))}
        return httpx.Response(429, content=b'{"error": "Too many requests"}', headers={**named, **reset})

    return answer


def _epoch(moment: datetime) -> str:
    return str(int(moment.timestamp()))


def _iso(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


HTML = "<!doctype html><html><head><title>Willkommen</title></head><body><h1>Hallo</h1></body></html>"
LATER, REFUSED, UNKNOWN = (TryLater,), (Rejected,), (OutcomeUnknown,)
NO_ACCESS = (Rejected, AuthExpired)
NO_SENSE = (TryLater, Rejected)
LIMIT = {"x_ratelimit_limit": "300", "x_ratelimit_remaining": "0"}

TROUBLES = (
    Trouble("401", says(401, '{"error": "The access token is invalid"}'), (AuthExpired,), (AuthExpired,)),
    Trouble("403", says(403, '{"error": "This action is not allowed"}'), NO_ACCESS, NO_ACCESS),
    Trouble("404", says(404, '{"error": "Not found"}'), (Rejected, TryLater, AuthExpired), REFUSED),
    Trouble("429 in seconds", says(429, "{}", retry_after="90"), LATER, LATER, 90),
    Trouble(
        "429 with a date",
        _slow_down(90, "retry-after", lambda moment: format_datetime(moment, usegmt=True)),
        LATER,
        LATER,
        90,
    ),
    Trouble("429 in epoch seconds", _slow_down(90, "x-ratelimit-reset", _epoch, **LIMIT), LATER, LATER, 90),
    Trouble("429 in ISO 8601", _slow_down(90, "x-ratelimit-reset", _iso, **LIMIT), LATER, LATER, 90),
    Trouble(
        "429 by the standard's draft",
        _slow_down(90, "ratelimit-reset", _epoch, ratelimit_limit="30", ratelimit_remaining="0"),
        LATER,
        LATER,
        90,
    ),
    Trouble("429 without a word", says(429), LATER, LATER),
    Trouble("500", says(500, '{"error": "Internal error"}'), LATER, UNKNOWN),
    Trouble("500 in HTML", says(500, HTML, "text/html"), LATER, UNKNOWN),
    Trouble("502", says(502, HTML, "text/html"), LATER, UNKNOWN),
    Trouble("503", says(503, HTML, "text/html", retry_after="90"), LATER, (TryLater, OutcomeUnknown), 90),
    Trouble("no connection", breaks(httpx.ConnectError), LATER, LATER),
    Trouble("no connection in time", breaks(httpx.ConnectTimeout), LATER, LATER),
    Trouble("cut while sending", breaks(httpx.WriteError), LATER, UNKNOWN),
    Trouble("cut before the answer", breaks(httpx.RemoteProtocolError), LATER, UNKNOWN),
    Trouble("cut within the answer", breaks(httpx.ReadError), LATER, UNKNOWN),
    Trouble("no answer in time", breaks(httpx.ReadTimeout), LATER, UNKNOWN),
    Trouble("HTML", says(200, HTML, "text/html"), NO_SENSE, UNKNOWN),
    Trouble("HTML that says JSON", says(200, HTML), NO_SENSE, UNKNOWN),
    Trouble("nothing", says(200), NO_SENSE, UNKNOWN),
    Trouble("half of a JSON text", says(200, '[{"id": "1", "content": "Hal'), NO_SENSE, UNKNOWN),
    Trouble(
        "broken UTF-8", says(200, b'{"\xff\xfe": "\xc3\x28 \xe2\x82"}'), NO_SENSE, UNKNOWN, harmless=True
    ),
    Trouble("null", says(200, "null"), NO_SENSE, UNKNOWN, harmless=True),
    Trouble("a number", says(200, "42"), NO_SENSE, UNKNOWN, harmless=True),
    Trouble("an empty list", says(200, "[]"), NO_SENSE, UNKNOWN, harmless=True),
    Trouble("an empty object", says(200, "{}"), NO_SENSE, UNKNOWN, harmless=True),
    Trouble("a list of nothing", says(200, "[null, 1, {}]"), NO_SENSE, UNKNOWN, harmless=True),
    Trouble("5 MB", says(200, '{"x": "' + 5_000_000 * "ä" + '"}'), NO_SENSE, UNKNOWN, harmless=True),
)


class Disturbed(httpx.BaseTransport):
    """A line to `inner` on which the requests that `strikes` chooses get `answer` instead.

    `answer` may raise. With `deliver` the request reaches the server before, and only the answer is lost.
    """

    def __init__(
        self,
        inner: httpx.BaseTransport,
        strikes: Callable[[int, httpx.Request], bool],
        answer: Callable[[httpx.Request], httpx.Response],
        *,
        deliver: bool = False,
    ) -> None:
        self.inner, self.strikes, self.answer, self.deliver = inner, strikes, answer, deliver
        self.requests = 0
        self.struck = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.requests += 1
        if not self.strikes(self.requests, request):
            return self.inner.handle_request(request)
        self.struck += 1
        if self.deliver:
            response = self.inner.handle_request(request)
            response.read()
            response.close()
        return self.answer(request)

    def close(self) -> None:
        self.inner.close()


def every(number: int, request: httpx.Request) -> bool:
    return True


def unsafe(number: int, request: httpx.Request) -> bool:
    return request.method not in SAFE_METHODS


def scripted(answer: Answer, now: datetime) -> httpx.MockTransport:
    return httpx.MockTransport(lambda request: answer(request, now))


def after(passed: int, number: int, request: httpx.Request) -> bool:
    return number > passed


def answers(answer: Answer, now: datetime, request: httpx.Request) -> httpx.Response:
    return answer(request, now)


def mistakes_of_fetch(scene: Scene, trouble: Trouble, cursor: Mapping[str, Any]) -> list[str]:
    session = scene.session()
    session.client = scene.client_over(scripted(trouble.answer, session.now))
    where = f"fetch {'on' if cursor else 'from the start'}, {trouble.name}"
    try:
        batch = scene.connector.fetch(session, cursor, since=scene.since)
    except NetworkError as error:
        return _mistakes(scene, where, error, trouble.fetch, trouble.retry_after)
    except Exception as error:  # noqa: BLE001 - this is what we look for
        return [f"{where}: not one of the five: {error!r}"]
    if not trouble.harmless:
        return [f"{where}: no error"]
    return [f"{where}: items out of nothing"] if batch.items or batch.gone else []


def mistakes_of_publish(scene: Scene, trouble: Trouble) -> list[str]:
    session = scene.session()
    line = Disturbed(scene.world.transport(), unsafe, functools.partial(answers, trouble.answer, session.now))
    session.client = scene.client_over(line)
    where = f"publish, {trouble.name}"
    try:
        scene.connector.publish(session, scene.draft(scene.text("Im Sturm")), key=scene.key(trouble.name))
    except NetworkError as error:
        return _mistakes(scene, where, error, trouble.publish, trouble.retry_after)
    except Exception as error:  # noqa: BLE001 - this is what we look for
        return [f"{where}: not one of the five: {error!r}"]
    return [f"{where}: no error"]


def mistakes_elsewhere(scene: Scene, trouble: Trouble) -> list[str]:
    """check, refresh and find under trouble: no foreign exception, and never a false proof of absence."""
    now = scene.world.now()
    draft, key = scene.draft(scene.text("Im Sturm")), scene.key("storm")
    calls: dict[str, Callable[[Session], object]] = {"check": scene.connector.check}
    if scene.connector.can.refresh:
        calls["refresh"] = lambda session: scene.connector.refresh(session, ["1"])
    if scene.connector.can.publish:
        calls["find"] = lambda session: scene.connector.find(session, draft, key=key)
    found = []
    for name, call in calls.items():
        session = scene.session(scripted(trouble.answer, now))
        try:
            result = call(session)
        except NetworkError as error:
            found += _mistakes(scene, f"{name}, {trouble.name}", error, (NetworkError,), None)
        except Exception as error:  # noqa: BLE001 - this is what we look for
            found.append(f"{name}, {trouble.name}: not one of the five: {error!r}")
        else:
            proved = isinstance(result, Absent) and not trouble.harmless and trouble.name != "404"
            found += [f"{name}, {trouble.name}: took it for a proof of absence"] if proved else []
    return found


def _mistakes(
    scene: Scene,
    where: str,
    error: NetworkError,
    allowed: tuple[type[NetworkError], ...],
    retry_after: int | None,
) -> list[str]:
    found = []
    if not isinstance(error, allowed):
        found.append(f"{where}: {error!r} instead of {' or '.join(kind.__name__ for kind in allowed)}")
    if any(secret in f"{error} {error.words} {error.__cause__}" for secret in scene.secrets()):
        found.append(f"{where}: a secret in the error")
    if retry_after is not None and isinstance(error, TryLater):
        told = error.retry_after
        if told is None or abs(told.total_seconds() - retry_after) > 3:
            found.append(f"{where}: retry_after is {told}, not {retry_after} s")
    return found
