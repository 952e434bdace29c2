"""Records a connector's talk with a real server, and plays it back without one.

How a connector's test module looks (tests/networks/test_contract_<network>.py)::

    import pytest
    from kuemmerer.networks.contract import ContractSuite
    from kuemmerer.networks.example import Example
    from tests.networks.example import servers          # a World, and the function below
    from tests.networks.record import live, recorded

    class TestExampleRecorded(ContractSuite):
        world = recorded("example", Example(), servers)

    @pytest.mark.servers
    class TestExampleLive(ContractSuite):
        world = live(servers)

The helper module (tests/networks/example.py) has the network's `World` and one function that starts the
server::

    @contextmanager
    def servers(folder: Path) -> Iterator[Callable[[], World]]:
        with some_server.run(folder) as server:  # started once in a test run, stopped at its end
            yield lambda: ExampleWorld(server)   # called once for each test: make fresh accounts here

Two servers of one network (snac and mastodon_mock) are two names and two pairs of classes:
`recorded("mastodon_snac", Mastodon(), snac_servers)`. Tests of a connector's own, beside the suite, may
use `recorded` too: any test with the fixture `world` gets a record of its own. A class derived from
ContractSuite may simply hold more tests; they use the fixture `scene` (kuemmerer/networks/scene.py).

**Record** (needs the server)::

    KUEMMERER_RECORD=1 .venv/bin/python -m pytest -k Recorded tests/networks/test_contract_example.py

Each test that passes writes tests/data/recorded/<name>/<test>.json anew; commit it. **Replay** is the
same command without the variable. It fails where the connector asks anything else, or in another order,
than when it was recorded, and where it no longer asks for something; the message says what differs and
how to record again.

What must hold so that a replay can be exact:

- The connector takes the time from `session.now` and `draft.written_at`, ids and idempotency keys from
  `key`, and nothing from a clock or a random number. (The boundary of a multipart body is left out of
  the comparison.)
- The World looks at the server by its own means, never through the connector's session.
- World methods return what JSON can hold, and the connector's requests go through `session` only.

What a record holds: all that the World answered (`now()` and `salt()` too, so keys and texts are the
same again) and each exchange: method, whole address, body (JSON as such, forms as text, anything larger
by its SHA-256), the header Idempotency-Key; status, body and the few headers in `KEPT_HEADERS`, which
are also all that the connector gets to see while recording. Secrets are replaced by
`redacted-secret-01` … everywhere, in bodies too: values of `secret` form fields, what the Authorization
header carried, and JSON or form fields with a name like token, password, secret or JWT. Of a JWT the
claims stay (an expiry may be read) and the signature goes. Other request headers are not recorded.

Keep records small: fresh accounts for each test, and ask the network only for the fields that are
needed. A record beyond `LARGEST` bytes is an error.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, quote_plus

import httpx
import pytest

from kuemmerer.networks.base import Action, Capabilities, Connector, Kind
from kuemmerer.networks.contract import WRONG_SECRET
from kuemmerer.networks.world import World

Factory = Callable[[Path], AbstractContextManager[Callable[[], World]]]
Event = dict[str, Any]

RECORDS = Path(__file__).parent.parent / "data" / "recorded"
LARGEST = 150_000
KEPT_HEADERS = re.compile(
    r"content-type|link|location|etag|last-modified|retry-after|(x-)?rate-?limit.*|x-wp-.*|www-authenticate|allow"
)
ANSWERED = (
    "start",
    "stranger_writes",
    "stranger_mentions",
    "stranger_reacts",
    "stranger_edits",
    "stranger_deletes",
    "answers",
    "posts",
    "state",
    "revoke",
    "salt",
)
TRAITS = (
    "values",
    "handle",
    "stranger",
    "answer_kind",
    "reactions",
    "reaction_kinds",
    "mentions",
    "edits",
    "deletions",
    "honours_keys",
    "longest",
    "many",
    "http",
    "delay",
)
SECRET_NAME = re.compile(r"(token|secret|password|passwd|jwt)$", re.IGNORECASE)
JWT = re.compile(r"\b(eyJ[\w-]+\.eyJ[\w-]+)\.([\w-]{8,})")


class Drift(AssertionError):
    """The replay took another way than the record."""


# ---- the fixtures


def live(factory: Factory) -> Any:
    """A fixture `world` on a real server."""

    @pytest.fixture
    def world(self: object, request: pytest.FixtureRequest) -> World:
        return _make_world(request, factory)

    return world


def recorded(name: str, connector: Connector, factory: Factory) -> Any:
    """A fixture `world` on the records of `name`; with KUEMMERER_RECORD=1 on a real server, recording."""

    @pytest.fixture
    def world(self: object, request: pytest.FixtureRequest) -> Iterator[World]:
        path = RECORDS / name / f"{_file_name(request.node.name)}.json"
        if not os.environ.get("KUEMMERER_RECORD"):
            replay = Replay(connector, path, again=_command(request))
            failed = request.session.testsfailed
            yield replay
            if request.session.testsfailed == failed:
                replay.tape.must_be_at_the_end()
            return
        recording = Recording(_make_world(request, factory))
        failed = request.session.testsfailed
        yield recording
        if request.session.testsfailed == failed:
            recording.save(path)

    return world


def _file_name(test: str) -> str:
    return re.sub(r"\W+", "-", test).strip("-")


def _command(request: pytest.FixtureRequest) -> str:
    test, module = request.node.name.partition("[")[0], request.node.nodeid.partition("::")[0]
    chosen = f"{request.node.parent.name} and {test}"
    return f"KUEMMERER_RECORD=1 .venv/bin/python -m pytest {module} -k '{chosen}'"


_running: dict[Factory, Callable[[], World]] = {}


def _make_world(request: pytest.FixtureRequest, factory: Factory) -> World:
    """A World of the factory's server, which is started at the first call and stopped at the end."""
    from tests.servers import Missing

    if factory not in _running:
        folder = request.getfixturevalue("tmp_path_factory").mktemp("server")
        stack = ExitStack()
        try:
            _running[factory] = stack.enter_context(factory(folder))
        except Missing as lack:
            left_out = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
            left_out(f"left out: {lack}")
        request.session.addfinalizer(stack.close)
        request.session.addfinalizer(lambda: _running.pop(factory, None))
    return _running[factory]()


# ---- recording


class Recording(World):
    """A World that writes down what it says and what the connector says."""

    def __init__(self, world: World) -> None:
        self.inner = world
        self.connector = world.connector
        self.events: list[Event] = []
        self.secrets = Secrets()
        for trait in (*TRAITS, "can"):
            setattr(self, trait, getattr(world, trait))
        hidden = [field.key for field in self.connector.form if field.secret]
        self.secrets.add(*(self.values[key] for key in hidden if key in self.values))
        for method in ANSWERED:
            setattr(self, method, self._written_down(method))

    def _written_down(self, method: str) -> Callable[..., Any]:
        def call(*args: Any, **more: Any) -> Any:
            answer = getattr(self.inner, method)(*args, **more)
            self.events.append(
                {"world": method, "args": [*args, more] if more else [*args], "answer": answer}
            )
            return answer

        return call

    def now(self) -> datetime:
        moment = self.inner.now()
        self.events.append({"now": moment.isoformat()})
        return moment

    def sleep(self, seconds: float) -> None:
        self.inner.sleep(seconds)

    def transport(self) -> httpx.BaseTransport:
        return _RecordingTransport(self, self.inner.transport())

    def save(self, path: Path) -> None:
        """Write the record, one event a line, without secrets."""
        traits = {trait: getattr(self, trait) for trait in TRAITS}
        lines = [_dumped({"traits": traits, "can": _shown_capabilities(self.can)})]
        lines += [_dumped(event) for event in _without_repetition(self.events)]
        text = self.secrets.removed("[\n" + ",\n".join(lines) + "\n]\n")
        assert len(text) <= LARGEST, f"{path.name} would have {len(text)} bytes: ask the network for less"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


class _RecordingTransport(httpx.BaseTransport):
    def __init__(self, recording: Recording, inner: httpx.BaseTransport) -> None:
        self.recording, self.inner = recording, inner

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()
        event: Event = {"http": shown_request(request)}
        self.recording.secrets.learn_from(request)
        try:
            response = self.inner.handle_request(request)
            response.read()
            response.close()
        except httpx.TransportError as error:
            self.recording.events.append({**event, "error": type(error).__name__})
            raise
        self.recording.secrets.learn_from(response)
        headers = {k.lower(): v for k, v in response.headers.items() if KEPT_HEADERS.fullmatch(k.lower())}
        answer = {"status": response.status_code, "headers": headers, **_shown_body(response.content)}
        self.recording.events.append({**event, **answer})
        return httpx.Response(response.status_code, headers=headers, content=response.content)

    def close(self) -> None:
        self.inner.close()


def shown_request(request: httpx.Request) -> dict[str, Any]:
    """What of a request is recorded and compared."""
    shown: dict[str, Any] = {"ask": f"{request.method} {request.url}"}
    if "idempotency-key" in request.headers:
        shown["key"] = request.headers["idempotency-key"]
    content, kind = request.content, request.headers.get("content-type", "")
    if kind.startswith("multipart/"):
        boundary = kind.partition("boundary=")[2].strip('"').encode()
        content = content.replace(boundary, b"boundary") if boundary else content
        shown["sha256"] = hashlib.sha256(content).hexdigest()
    elif content:
        body = _shown_body(content)
        too_long = "json" not in body and len(content) > 2000
        shown |= {"sha256": hashlib.sha256(content).hexdigest()} if too_long or "base64" in body else body
    return shown


def _shown_body(content: bytes) -> dict[str, Any]:
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(content).decode()}
    try:
        return {"json": json.loads(text)}
    except ValueError:
        return {"text": text}


def _body(event: Event) -> bytes:
    if "base64" in event:
        return base64.b64decode(event["base64"])
    return json.dumps(event["json"]).encode() if "json" in event else str(event["text"]).encode()


def _dumped(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:  # half of a surrogate pair
        return json.dumps(value, separators=(",", ":"))
    return text


def _without_repetition(events: Sequence[Event]) -> Iterator[Event]:
    """The events; a long JSON answer that came before is only pointed to."""
    first: dict[str, int] = {}
    for number, event in enumerate(events):
        text = _dumped(event["json"]) if "json" in event else ""
        if len(text) > 100 and text in first:
            yield {**{k: v for k, v in event.items() if k != "json"}, "same": first[text]}
        else:
            first.setdefault(text, number)
            yield event


def _shown_capabilities(can: Capabilities | None) -> Mapping[str, Any] | None:
    if can is None:
        return None
    return {**vars(can), "actions": sorted(can.actions)}


class Secrets:
    """The secrets of one recording, in the order in which they were met."""

    def __init__(self) -> None:
        self.known: list[str] = []

    def add(self, *values: str) -> None:
        for value in values:
            told = value == WRONG_SECRET or value.startswith("http")  # an address of tokens is no token
            if len(value) >= 8 and not told and value not in self.known:
                self.known.append(value)

    def learn_from(self, message: httpx.Request | httpx.Response) -> None:
        """Remember each secret of a message."""
        scheme, _, credential = message.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "basic":
            credential = base64.b64decode(credential).decode().partition(":")[2]
        self.add(credential)
        text = message.content.decode("utf-8", errors="replace")
        try:
            self._learn(json.loads(text))
        except ValueError:
            self._learn(dict(parse_qsl(text)) if isinstance(message, httpx.Request) else {})

    def _learn(self, value: Any, name: str = "") -> None:
        if isinstance(value, Mapping):
            for key, part in value.items():
                self._learn(part, str(key))
        elif isinstance(value, list):
            for part in value:
                self._learn(part, name)
        elif isinstance(value, str) and SECRET_NAME.search(name):
            self.add(value)

    def removed(self, text: str) -> str:
        """`text`, which is JSON, with a placeholder for each secret."""
        shown: dict[str, str] = {}
        for number, secret in enumerate(self.known, 1):
            jwt = JWT.fullmatch(secret)
            placeholder = f"redacted-secret-{number:02}"
            shown |= {secret: f"{jwt.group(1)}.{placeholder}" if jwt else placeholder}
        for secret in sorted(shown, key=len, reverse=True):
            for form in (json.dumps(secret)[1:-1], quote(secret, safe=""), quote_plus(secret)):
                text = text.replace(form, shown[secret])
        return JWT.sub(
            lambda m: m.group() if m.group(2).startswith("redacted") else f"{m.group(1)}.redacted", text
        )


# ---- replay


class Replay(World):
    """A World made of a record."""

    def __init__(self, connector: Connector, path: Path, *, again: str) -> None:
        if not path.exists():
            raise Drift(f"there is no record {path.name}. Record it: {again}")
        head, *events = json.loads(path.read_text(encoding="utf-8"))
        self.tape = Tape(events, path.name, again)
        self.connector = connector
        for trait, value in head["traits"].items():
            setattr(self, trait, value)
        self.answer_kind = Kind(self.answer_kind)
        can = head["can"]
        self.can = can and Capabilities(**{**can, "actions": frozenset(Action(a) for a in can["actions"])})
        for method in ANSWERED:
            setattr(self, method, self._remembered(method))

    def _remembered(self, method: str) -> Callable[..., Any]:
        def call(*args: Any, **more: Any) -> Any:
            asked = {"world": method, "args": [*args, more] if more else [*args]}
            return self.tape.next(json.loads(json.dumps(asked)))["answer"]

        return call

    def now(self) -> datetime:
        return datetime.fromisoformat(self.tape.next({"now": None})["now"])

    def sleep(self, seconds: float) -> None:
        """A replay does not wait."""

    def transport(self) -> httpx.BaseTransport:
        return httpx.MockTransport(self._answer)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        request.read()
        event = self.tape.next({"http": shown_request(request)})
        if "error" in event:
            raise getattr(httpx, event["error"])("as recorded", request=request)
        if "same" in event:
            event = {**event, "json": self.tape.events[event["same"]]["json"]}
        return httpx.Response(event["status"], headers=event["headers"], content=_body(event))


class Tape:
    """The events of a record, taken in order."""

    def __init__(self, events: Sequence[Event], name: str, again: str) -> None:
        self.events, self.name, self.again = events, name, again
        self.at = 0
        self.torn = False

    def next(self, asked: Event) -> Event:
        """The recorded event for what is asked now. Raises Drift if the record has something else here."""
        if self.at >= len(self.events):
            self._drift("the record ends here", asked)
        event = self.events[self.at]
        same = "now" in event if "now" in asked else all(event.get(k) == v for k, v in asked.items())
        if not same:
            self._drift(f"recorded: {_told(event)}", asked)
        self.at += 1
        return event

    def must_be_at_the_end(self) -> None:
        if not self.torn and self.at < len(self.events):
            self._drift(f"recorded: {_told(self.events[self.at])}", None)

    def _drift(self, recorded: str, asked: Event | None) -> None:
        self.torn = True
        now = f"now:      {_told(asked)}" if asked else "now: the test is over"
        advice = f"If that is wanted, record again with:\n  {self.again}"
        raise Drift(f"{self.name}, event {self.at + 1}:\n  {recorded}\n  {now}\n{advice}")


def _told(event: Event) -> str:
    """An event in one line, without the answer."""
    part = event.get("http") or {k: v for k, v in event.items() if k in {"world", "args", "now"}}
    return json.dumps(part, ensure_ascii=False)[:1500]


__all__ = ["Drift", "Recording", "Replay", "live", "recorded"]
