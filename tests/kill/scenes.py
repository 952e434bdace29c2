"""A desk, a real server, and between them a proxy that fails to order."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from kuemmerer.networks.world import World
from tests.desk import PATIENCE, Desk
from tests.networks.bluesky import BlueskyWorld
from tests.networks.mastodon import MastodonWorld
from tests.networks.wordpress import WordPressWorld, number
from tests.servers import client, eventually, proxy

SENDS = {"wordpress": r"wp/v2/comments", "mastodon": r"/api/v1/statuses$", "bluesky": r"repo\.createRecord"}
"""The request with which an answer goes out; all are POST."""
LISTS = {
    "wordpress": r"wp/v2/comments\?",
    "mastodon": r"/api/v1/notifications",
    "bluesky": r"listNotifications",
}
"""The request that brings one page of what is new; all are GET."""


@dataclass
class Scene:
    """One channel, connected through the proxy."""

    world: World
    desk: Desk
    between: proxy.Proxy
    channel: int = 0

    @property
    def network(self) -> str:
        return self.world.connector.key

    @property
    def sends(self) -> str:
        return SENDS[self.network]

    @property
    def lists(self) -> str:
        return LISTS[self.network]

    def connect(self) -> None:
        values = self.world.at_address(self.between.url)
        assert values is not None
        self.channel = self.desk.api.connect(self.network, values)

    def question(self, text: str) -> tuple[str, dict[str, Any]]:
        """A stranger asks; the remote id and the case, once both are here."""
        asked = self.world.stranger_writes(text)
        case = self.desk.api.case_of(self.desk.api.arrives(self.channel, asked))
        return asked, case

    def words(self, case: dict[str, Any], text: str) -> str:
        """An answer as a person would write it: behind the mention that some networks want."""
        return f"{case['opening']}{text}"

    def answers_exactly(self, asked: str, *texts: str) -> None:
        """The stranger's side shows these answers, each once, and goes on doing so."""

        def shown() -> list[str]:
            return sorted(self.world.answers(asked))

        eventually(lambda: len(shown()) >= len(texts), within=PATIENCE)
        assert shown() == sorted(texts)

    def answers_at_the_network(self, asked: str, text: str) -> None:
        """Somebody answers with our account, but in the network's own app."""
        world = self.world
        if isinstance(world, WordPressWorld):
            with client(world.server.url) as http:
                parent = number(asked)
                post = next(
                    c["post"] for c in world.server._all(world.server.url + ROUTE) if c["id"] == parent
                )
                http.post(
                    ROUTE,
                    auth=(world.server.user, world.server.app_password),
                    json={"post": post, "parent": parent, "content": text},
                ).raise_for_status()
        elif isinstance(world, MastodonWorld):
            world.us.says(f"@{world.them.name} {text}", to=asked)
        else:
            assert isinstance(world, BlueskyWorld)
            ref = world.server.ref(asked)
            above = world.server.record(asked)["value"].get("reply", {"root": ref})
            reply = {"root": above["root"], "parent": ref}
            world.server.desk.writes("app.bsky.feed.post", text=text, reply=reply)
            world.server.settle()


ROUTE = "/wp-json/wp/v2/comments"


class Held:
    """The next such request reaches the proxy, waits there, and is thrown away: the server never sees it."""

    def __init__(self, between: proxy.Proxy, path: str, method: str) -> None:
        # An order that the proxy has already begun to carry out may still change its kind.
        self._order = proxy._Order("delay", re.compile(path), method, 1, seconds=PATIENCE * 2)
        between._add(self._order)

    def wait(self) -> None:
        """Until the request is there."""
        eventually(lambda: self._order.left == 0, within=PATIENCE, every=0.05)
        self._order.kind = "cut before"


@contextmanager
def scene(world: World, desk: Desk) -> Iterator[Scene]:
    address = next(value for value in world.values.values() if value.startswith("http://"))
    with proxy.run(address, timeout=PATIENCE) as between:
        yield Scene(world, desk, between)
