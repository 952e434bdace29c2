"""The scene of one contract test: a world, our connected account, and what was fetched so far."""

# ruff: noqa: S101

from __future__ import annotations

import functools
import hashlib
import json
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, TypeVar

import httpx
import pytest

from kuemmerer.core.http import Client
from kuemmerer.networks.base import (
    Batch,
    Capabilities,
    Connected,
    Delivered,
    Draft,
    Item,
    Kind,
    Person,
    Status,
    Target,
)
from kuemmerer.networks.errors import (
    Unsupported,
)
from kuemmerer.networks.session import Session
from kuemmerer.networks.world import World

T = TypeVar("T")


class Scene:
    """One test's view: a world, a connected account, and all that was fetched so far."""

    def __init__(self, world: World, test: str) -> None:
        self.world = world
        self.connector = world.connector
        self.test = test
        self.salt = world.salt()
        self.since = world.now() - timedelta(minutes=5)
        self.cursor: Mapping[str, Any] = {}
        self.seen: dict[str, Item] = {}
        self.gone: set[str] = set()
        self.left_out: list[str] = []
        self._count = 0
        self._connected: Connected | None = None
        self._secret: Mapping[str, Any] = {}
        self._client = Client(transport=world.transport())
        self.others: list[Client] = []

    def __enter__(self) -> Scene:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for client in (self._client, *self.others):
            client.close()

    @property
    def can(self) -> Capabilities:
        return self.world.can or self.connector.can

    # texts, keys, drafts

    def text(self, words: str) -> str:
        """`words` with a mark that makes the text unique in all runs."""
        self._count += 1
        return f"{words} {self.salt}n{self._count}"

    def key(self, name: str) -> str:
        return hashlib.sha256(f"{self.salt} {self.test} {name}".encode()).hexdigest()[:32]

    def draft(self, text: str, *, to: Item | None = None, **more: Any) -> Draft:
        if to is not None:
            target = target_of(to)
            text = self.connector.reply_text(target, text)
            return Draft(text=text, written_at=self.world.now(), reply_to=target, language="de", **more)
        more.setdefault("title", "Neues aus dem Haus")
        return Draft(text=text, written_at=self.world.now(), language="de", **more)

    # sessions

    def bare_session(self, transport: httpx.BaseTransport | None = None) -> Session:
        """A session before login."""
        return Session(client=self.client_over(transport), now=self.world.now())

    def session(
        self, transport: httpx.BaseTransport | None = None, *, later: timedelta | None = None
    ) -> Session:
        """A session of the connected account; connects at the first time."""
        connected = self.connected
        return Session(
            client=self.client_over(transport),
            now=self.world.now() + (later or timedelta()),
            settings=as_stored(connected.settings),
            secret=self._secret,
            account={"remote_id": connected.account.remote_id, "handle": connected.account.handle},
            store_secret=self._store_secret,
        )

    @property
    def connected(self) -> Connected:
        if self._connected is None:
            self._connected = self.connector.connect(self.bare_session(), self.world.values)
            self._secret = as_stored(self._connected.secret)
        return self._connected

    def _store_secret(self, secret: Mapping[str, Any], expires_at: datetime | None) -> None:
        self._secret = as_stored(secret)

    def client_over(self, transport: httpx.BaseTransport | None) -> Client:
        if transport is None:
            return self._client
        self.others.append(Client(transport=transport))
        return self.others[-1]

    def secrets(self) -> set[str]:
        """All strings that must never be seen in the clear."""
        typed = {
            self.world.values[f.key] for f in self.connector.form if f.secret and f.key in self.world.values
        }
        account = self.connected.account
        public = {account.remote_id, account.handle, account.name, account.url}
        public |= set(strings_in(self.connected.settings))
        return {s for s in typed | set(strings_in(self._secret)) if len(s) >= 8 and s not in public}

    # reading

    def sync(self) -> list[Item]:
        """Fetch until there is no more, as the desk does; what came."""
        came: list[Item] = []
        for _ in range(200):
            batch = self.fetch_once(self.session())
            came += batch.items
            if not batch.more:
                return came
        raise AssertionError("`more` never ends")

    def fetch_once(self, session: Session) -> Batch:
        batch = self.connector.fetch(session, self.cursor, since=self.since)
        self._take(batch)
        self.cursor = as_stored(batch.cursor)
        return batch

    def refresh(self, *remote_ids: str) -> Batch:
        batch = self.connector.refresh(self.session(), remote_ids)
        self._take(batch)
        return batch

    def forget(self) -> None:
        """Begin anew, as a channel that was just connected."""
        self.cursor, self.seen, self.gone = {}, {}, set()

    def _take(self, batch: Batch) -> None:
        ids = [item.remote_id for item in batch.items]
        assert len(ids) == len(set(ids)), f"one batch names an item twice: {ids}"
        assert batch.reached is None or batch.reached.tzinfo is not None, "`reached` has no time zone"
        for item in batch.items:
            self._is_sound(item)
            self.seen[item.remote_id] = item
        self.gone |= set(batch.gone)

    def _is_sound(self, item: Item) -> None:
        assert item.remote_id, f"no remote_id: {item}"
        assert item.thread_id, f"no thread_id: {item}"
        assert isinstance(item.kind, Kind), f"the kind is no Kind: {item}"
        assert isinstance(item.status, Status), f"the status is no Status: {item}"
        assert item.author.remote_id, f"an author without remote_id: {item}"
        assert item.created_at.tzinfo is not None, f"created_at has no time zone: {item}"
        assert item.edited_at is None or item.edited_at.tzinfo is not None, (
            f"edited_at has no time zone: {item}"
        )
        own = item.author.remote_id == self.connected.account.remote_id
        assert item.ours == own, f"`ours` and the author disagree: {item}"
        raw = json.dumps(item.raw)
        found = [secret[:4] + "…" for secret in self.secrets() if secret in raw]
        assert not found, f"a secret ({found}) in raw: {item.remote_id}"

    def with_text(self, mark: str) -> list[Item]:
        """All items fetched so far whose text has `mark`."""
        return [item for item in self.seen.values() if mark in item.text]

    # waiting

    def eventually(self, look: Callable[[], T], what: str, *, seconds: float = 0) -> T:
        """What `look` returns when it is true at last. Counted, not timed, for the sake of replays."""
        patience, pause = self.world.delay + seconds + 3.0, 0.2
        while True:
            found = look()
            if found:
                return found
            assert patience > 0, f"never seen: {what}"
            self.world.sleep(pause)
            patience -= pause
            pause = min(pause * 1.5, 2.0)

    def settle(self) -> None:
        """Wait until the network has shown all that it will show."""
        self.world.sleep(self.world.delay)

    def appears(self, remote_id: str) -> Item:
        """The item as fetched, when the network has it."""

        def look() -> Item | None:
            self.sync()
            return self.seen.get(remote_id)

        found = self.eventually(look, f"{remote_id} in a fetch (seen: {sorted(self.seen)[-8:]})")
        assert found is not None
        return found

    def stranger_asks(self, words: str = "Habt ihr am Samstag offen?") -> Item:
        """A post of ours, a stranger's answer to it, fetched."""
        self.world.start()
        return self.appears(self.world.stranger_writes(self.text(words)))

    def answers_with(self, item: Item, mark: str) -> list[str]:
        return [text for text in self.world.answers(item.remote_id) if mark in text]

    def posts_with(self, mark: str) -> list[str]:
        return [text for text in self.world.posts() if mark in text]

    def exactly_one(self, look: Callable[[], Sequence[str]], what: str) -> None:
        """`look` sees one, and still one when everything has settled."""
        self.eventually(look, what)
        self.settle()
        found = look()
        assert len(found) == 1, f"{what}: expected once, found {len(found)} times: {found}"

    def found_again(self, draft: Draft, key: str) -> Delivered:
        """`find` says Delivered within the time that the connector claims for itself."""

        def look() -> Delivered | None:
            found = self.connector.find(self.session(), draft, key=key)
            return found if isinstance(found, Delivered) else None

        delivered = self.eventually(look, "the sent text in find()", seconds=self.connector.settle_seconds)
        assert delivered is not None
        return delivered


def target_of(item: Item) -> Target:
    """The target for an answer, made as the desk makes it: out of the database."""
    return Target(
        remote_id=item.remote_id,
        thread_id=item.thread_id,
        author=item.author,
        kind=item.kind,
        visibility=item.visibility,
        url=item.url,
        raw=as_stored(item.raw),
    )


def as_stored(value: Mapping[str, Any]) -> Mapping[str, Any]:
    """`value` as it comes back from a JSON column."""
    stored: Mapping[str, Any] = json.loads(json.dumps(value))
    return stored


def strings_in(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from strings_in(part)
    elif isinstance(value, Sequence):
        for part in value:
            yield from strings_in(part)


def squeezed(text: str) -> str:
    return " ".join(text.split())


def picture() -> bytes:
    """A small PNG, 8 × 8 pixels, red."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + name + data + zlib.crc32(name + data).to_bytes(4, "big")

    size = (8).to_bytes(4, "big")
    rows = zlib.compress((b"\0" + b"\xc8\x28\x28" * 8) * 8)
    header = chunk(b"IHDR", size + size + b"\x08\x02\0\0\0")
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def needs(*names: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Run the test where the connector and the server can do all of `names`.

    A name is a field of Capabilities or of World. What the connector does not declare must raise Unsupported.
    """

    def decorate(test: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(test)
        def run(*args: Any, scene: Scene, **more: Any) -> None:
            for name in names:
                if hasattr(scene.connector.can, name) and not getattr(scene.connector.can, name):
                    is_unsupported(scene, name)
                    return
                if not getattr(scene.can, name, None) and not getattr(scene.world, name, None):
                    scene.left_out.append(f"this server has no {name}")
                    return
            test(*args, scene=scene, **more)

        return run

    return decorate


def must_not_ask(request: httpx.Request) -> httpx.Response:
    raise AssertionError(f"asked the server: {request.method} {request.url}")


def is_unsupported(scene: Scene, capability: str) -> None:
    """The connector refuses what it does not declare, without asking the server."""
    now = scene.world.now()
    session = Session(client=scene.client_over(httpx.MockTransport(must_not_ask)), now=now)
    draft = Draft(text="Guten Tag", written_at=now)
    target = Target(remote_id="1", thread_id="1", author=Person(remote_id="2"))
    connector = scene.connector
    calls: dict[str, Callable[[], object]] = {
        "publish": lambda: connector.publish(session, draft, key=32 * "0"),
        "reply": lambda: connector.publish(
            session, Draft(text="Guten Tag", written_at=now, reply_to=target), key=32 * "0"
        ),
        "listen": lambda: connector.fetch(session, {}, since=now),
        "refresh": lambda: connector.refresh(session, ["1"]),
        "delete": lambda: connector.delete(session, "1"),
    }
    if capability in calls:
        with pytest.raises(Unsupported):
            calls[capability]()
