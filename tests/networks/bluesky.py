"""Bluesky as seen from outside, over the real network of tests/servers/bluesky."""

from __future__ import annotations

import dataclasses
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from kuemmerer.networks.base import Status
from kuemmerer.networks.bluesky import Bluesky
from kuemmerer.networks.world import World
from tests.servers import TLS, bluesky

POST, LIKE, REPOST = "app.bsky.feed.post", "app.bsky.feed.like", "app.bsky.feed.repost"


class BlueskyWorld(World):
    """Two fresh accounts on a running network."""

    reactions = True
    mentions = True
    edits = True
    honours_keys = True
    longest = 300
    delay = 0.3

    def __init__(self, server: bluesky.Server) -> None:
        mark = secrets.token_hex(4)
        desk, stranger = server.person(f"desk{mark}"), server.person(f"guest{mark}")
        self._server = dataclasses.replace(server, desk=desk, stranger=stranger)
        self.used = False
        self.connector = Bluesky()
        self.values = {"handle": desk.handle, "password": desk.app_password, "server": server.pds_url}
        self.handle, self.stranger = desk.handle, stranger.handle
        self._start = ""

    @property
    def server(self) -> bluesky.Server:
        self.used = True
        return self._server

    def transport(self) -> httpx.BaseTransport:
        world = self

        class Noticed(httpx.HTTPTransport):
            def handle_request(self, request: httpx.Request) -> httpx.Response:
                world.used = True
                return super().handle_request(request)

        return Noticed(trust_env=False, verify=TLS)

    def start(self) -> str:
        self._start = self.server.desk.writes(POST, text="Guten Morgen!")
        self.server.settle()
        return self._start

    def stranger_writes(self, text: str, *, to: str = "") -> str:
        return self.server.stranger_replies(to or self._start, text)

    def stranger_mentions(self, text: str) -> str:
        return self.server.stranger_mentions(text)

    def stranger_reacts(self, kind: str, to: str) -> None:
        if kind == "follow":
            self.server.stranger_follows()
        elif kind == "like":
            self.server.stranger_likes(to)
        else:
            self.server.stranger_reposts(to)

    def stranger_edits(self, remote_id: str, text: str) -> None:
        """The app has no editing, but the protocol has, and other apps use it."""
        repo, collection, rkey = remote_id.removeprefix("at://").split("/")
        record = {**self.server.record(remote_id)["value"], "text": text}
        self.server.stranger.post(
            "com.atproto.repo.putRecord", repo=repo, collection=collection, rkey=rkey, record=record
        )
        self.server.settle()

    def stranger_deletes(self, remote_id: str) -> None:
        self.server.stranger_deletes(remote_id)

    def answers(self, remote_id: str) -> Sequence[str]:
        try:
            views = self.server.replies_to(remote_id)
        except httpx.HTTPStatusError:
            return []
        return [view["record"]["text"] for view in sorted(views, key=lambda view: view["indexedAt"])]

    def posts(self) -> Sequence[str]:
        self.server.settle()
        feed = self.server.stranger.get(
            "app.bsky.feed.getAuthorFeed", actor=self.server.desk.did, filter="posts_no_replies", limit=100
        )["feed"]
        own = [entry["post"] for entry in feed if "reason" not in entry]
        return [view["record"]["text"] for view in sorted(own, key=lambda view: view["indexedAt"])]

    def state(self, remote_id: str) -> Mapping[str, Any]:
        self.server.settle()
        views = self.server.stranger.get("app.bsky.feed.getPosts", uris=[remote_id])["posts"]
        if not views:
            return {"exists": False}
        return {
            "exists": True,
            "status": Status.SHOWN,
            "liked_by_us": self._refers(LIKE, remote_id),
            "shared_by_us": self._refers(REPOST, remote_id),
            "likes": views[0]["likeCount"],
            "shares": views[0]["repostCount"],
        }

    def _refers(self, collection: str, uri: str) -> bool:
        records = self.server.desk.records(collection)
        return any(record["value"]["subject"]["uri"] == uri for record in records)

    def revoke(self) -> None:
        self.server.revoke_app_password()


@contextmanager
def servers(folder: Path) -> Iterator[Callable[[], World]]:
    with bluesky.run(folder) as server:
        world: BlueskyWorld | None = None

        def make() -> World:
            # Accounts take long to make. Who did not touch theirs leaves them to the next test.
            nonlocal world
            if world is None or world.used:
                world = BlueskyWorld(server)
            return world

        yield make
