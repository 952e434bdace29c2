"""A Bluesky network on loopback: PLC, PDS and AppView of the official packages, with PostgreSQL and Redis.

A client under test talks to the PDS only (``pds_url``), which passes ``app.bsky.*`` on to the AppView. Direct
messages are not there. Measured on two cores: installation 150 s (362 MB), a start 11 s,
330 MB; a settled write takes 0.25 s.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.servers import Process, client, free_port, new_password, postgres
from tests.servers._parts import built, debian, need_node, npm

VERSION = "0.3.215"
PACKAGES = ("redis-server", *postgres.PACKAGES)
NET = Path(__file__).with_name("net.cjs")
BYPASS = "tests-bypass"


def install() -> Path:
    debian("redis-server")
    postgres.install()
    need_node()
    return built("bluesky", VERSION, lambda folder: npm(folder, f"@atproto/dev-env@{VERSION}"))


@dataclass(frozen=True)
class Person:
    """An account on the PDS; ``app_password`` is what a connector is given."""

    pds_url: str
    handle: str
    did: str
    password: str = field(repr=False)
    app_password: str = field(repr=False)
    access_jwt: str = field(repr=False)

    def get(self, method: str, **query: Any) -> Any:
        return self._call("GET", method, params=query)

    def post(self, method: str, **body: Any) -> Any:
        return self._call("POST", method, json=body)

    def _call(self, verb: str, method: str, **options: Any) -> Any:
        with client(self.pds_url, token=self.access_jwt) as http:
            http.headers["x-ratelimit-bypass"] = BYPASS
            answer = http.request(verb, f"/xrpc/{method}", **options)
        answer.raise_for_status()
        return answer.json() if answer.content else {}

    def writes(self, collection: str, **record: Any) -> str:
        """Write a record into one's own repository; returns its URI."""
        full = {"$type": collection, "createdAt": datetime.now(UTC).isoformat(), **record}
        made = self.post("com.atproto.repo.createRecord", repo=self.did, collection=collection, record=full)
        return str(made["uri"])

    def deletes(self, uri: str) -> None:
        repo, collection, key = uri.removeprefix("at://").split("/")
        self.post("com.atproto.repo.deleteRecord", repo=repo, collection=collection, rkey=key)

    def records(self, collection: str) -> list[dict[str, Any]]:
        """``uri``, ``cid`` and ``value`` of this person's records on the PDS, newest first."""
        found: list[dict[str, Any]] = []
        cursor: dict[str, str] = {}
        while True:
            page = self.get(
                "com.atproto.repo.listRecords", repo=self.did, collection=collection, limit=100, **cursor
            )
            found += page["records"]
            if "cursor" not in page or not page["records"]:
                return found
            cursor = {"cursor": page["cursor"]}


@dataclass(frozen=True)
class Server:
    """All that a stranger does has reached the AppView when the method returns."""

    pds_url: str
    appview_url: str
    desk: Person
    stranger: Person
    process: Process = field(repr=False)
    control_url: str = field(repr=False)

    # ---- strangers

    def stranger_posts(self, text: str) -> str:
        return self._settled(self.stranger.writes("app.bsky.feed.post", text=text))

    def stranger_mentions(self, text: str) -> str:
        """Writes ``@desk.test text`` with a proper facet."""
        name = f"@{self.desk.handle}"
        facet = {
            "index": {"byteStart": 0, "byteEnd": len(name.encode())},
            "features": [{"$type": "app.bsky.richtext.facet#mention", "did": self.desk.did}],
        }
        return self._settled(
            self.stranger.writes("app.bsky.feed.post", text=f"{name} {text}", facets=[facet])
        )

    def stranger_replies(self, to_uri: str, text: str) -> str:
        parent = self.ref(to_uri)
        above = self.record(to_uri)["value"].get("reply")
        reply = {"root": above["root"] if above else parent, "parent": parent}
        return self._settled(self.stranger.writes("app.bsky.feed.post", text=text, reply=reply))

    def stranger_likes(self, uri: str) -> str:
        return self._settled(self.stranger.writes("app.bsky.feed.like", subject=self.ref(uri)))

    def stranger_reposts(self, uri: str) -> str:
        return self._settled(self.stranger.writes("app.bsky.feed.repost", subject=self.ref(uri)))

    def stranger_quotes(self, uri: str, text: str) -> str:
        embed = {"$type": "app.bsky.embed.record", "record": self.ref(uri)}
        return self._settled(self.stranger.writes("app.bsky.feed.post", text=text, embed=embed))

    def stranger_follows(self) -> str:
        return self._settled(self.stranger.writes("app.bsky.graph.follow", subject=self.desk.did))

    def stranger_deletes(self, uri: str) -> None:
        self.stranger.deletes(uri)
        self.settle()

    def person(self, name: str) -> Person:
        """A further account ``name.test``."""
        person = _join(self.pds_url, name)
        self.settle()
        return person

    # ---- looking from the outside, without login

    def record(self, uri: str) -> dict[str, Any]:
        """``uri``, ``cid``, ``value`` as the PDS has it."""
        repo, collection, key = uri.removeprefix("at://").split("/")
        seen: dict[str, Any] = self._public(
            self.pds_url, "com.atproto.repo.getRecord", repo=repo, collection=collection, rkey=key
        )
        return seen

    def ref(self, uri: str) -> dict[str, str]:
        return {"uri": uri, "cid": self.record(uri)["cid"]}

    def thread(self, uri: str, *, depth: int = 10) -> dict[str, Any]:
        """The AppView's thread: ``post``, ``parent``, nested ``replies``."""
        self.settle()
        seen: dict[str, Any] = self._public(
            self.appview_url, "app.bsky.feed.getPostThread", uri=uri, depth=depth
        )["thread"]
        return seen

    def replies_to(self, uri: str) -> list[dict[str, Any]]:
        """The direct replies, as the AppView's post views."""
        return [reply["post"] for reply in self.thread(uri, depth=1).get("replies", [])]

    def posts_by_desk(self) -> list[dict[str, Any]]:
        """Every post and reply in the desk's repository, newest first: ``uri``, ``cid``, ``value``."""
        return self.desk.records("app.bsky.feed.post")

    def settle(self) -> None:
        """Wait until the AppView has taken in all that is on the PDS."""
        with client(self.control_url) as http:
            http.get("/").raise_for_status()

    # ---- access

    def revoke_app_password(self) -> None:
        """The next createSession with the desk's app password gets 401; open sessions die at refresh."""
        self.desk.post("com.atproto.server.revokeAppPassword", name="tests")

    def _settled(self, uri: str) -> str:
        self.settle()
        return uri

    def _public(self, base: str, method: str, **query: Any) -> Any:
        with client(base) as http:
            http.headers["x-ratelimit-bypass"] = BYPASS
            answer = http.get(f"/xrpc/{method}", params=query)
        answer.raise_for_status()
        return answer.json()


def _join(pds_url: str, name: str) -> Person:
    password = new_password()
    account = {"handle": f"{name}.test", "email": f"{name}@example.com", "password": password}
    with client(pds_url) as http:
        http.headers["x-ratelimit-bypass"] = BYPASS
        answer = http.post("/xrpc/com.atproto.server.createAccount", json=account)
        answer.raise_for_status()
        made = answer.json()
    person = Person(pds_url, made["handle"], made["did"], password, "", made["accessJwt"])
    key = person.post("com.atproto.server.createAppPassword", name="tests")["password"]
    return Person(pds_url, made["handle"], made["did"], password, key, made["accessJwt"])


@contextmanager
def run(folder: Path, *, name: str = "bluesky", rate_limits: bool = False) -> Iterator[Server]:
    """A fresh network with accounts desk.test and stranger.test.

    ``rate_limits`` turns the PDS's limits on (30 createSession in 5 minutes, for example); the harness itself
    goes past them.
    """
    modules = install()
    home = folder / name
    (home / "tmp").mkdir(parents=True)
    redis_port = free_port()
    redis = ["redis-server", "--port", str(redis_port), "--bind", "127.0.0.1", "--save", "", "--dir", home]
    ports = {part: free_port() for part in ("plc", "pds", "appview", "ozone", "control")}
    with (
        Process(redis, folder=home, name="redis") as cache,
        postgres.run(home) as database,
    ):
        cache.wait_for_port(redis_port)
        order = {
            **ports,
            "modules": str(modules),
            "database": database.url,
            "rateLimits": rate_limits,
            "bypassKey": BYPASS,
        }
        environment = {"REDIS_HOST": f"127.0.0.1:{redis_port}", "TMPDIR": str(home / "tmp")}
        node = ["node", "--max-old-space-size=1024", NET, json.dumps(order)]
        with Process(node, folder=home, name="network", env=environment, grace=2) as process:
            process.wait_until(lambda: '{"ready":true}' in process.log.read_text(), what="ready", within=180)
            pds_url, appview_url = (f"http://localhost:{ports[part]}" for part in ("pds", "appview"))
            desk, stranger = _join(pds_url, "desk"), _join(pds_url, "stranger")
            control = f"http://127.0.0.1:{ports['control']}"
            server = Server(pds_url, appview_url, desk, stranger, process, control)
            server.settle()
            yield server


__all__ = ["Person", "Server", "install", "run"]
