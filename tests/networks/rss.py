"""A feed as its readers see it: the one of a real WordPress."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kuemmerer.networks.base import Kind
from kuemmerer.networks.rss import Rss
from kuemmerer.networks.world import World
from tests.networks.wordpress import renew
from tests.servers import wordpress


class FeedWorld(World):
    """The feed of a blog. The stranger is whoever writes there; each entry is a conversation of its own."""

    answer_kind = Kind.ENTRY
    deletions = False
    many = 9  # WordPress shows ten

    def __init__(self, server: wordpress.Server) -> None:
        self.connector = Rss()
        self.server = server
        self.values = {"address": f"{server.url}/feed/"}
        self.handle = server.url.removeprefix("http://")
        renew(server)

    def start(self) -> str:
        return self._publish("Der Anfang")

    def stranger_writes(self, text: str, *, to: str = "") -> str:
        return self._publish(text)

    def _publish(self, text: str) -> str:
        paragraphs = "".join(f"<p>{part}</p>" for part in text.split("\n\n"))
        made = self.server.publish_post("Neues", paragraphs)
        return html.unescape(str(self.server.post(made)["guid"]["rendered"]))

    def answers(self, remote_id: str) -> Sequence[str]:
        return []

    def posts(self) -> Sequence[str]:
        return []

    def state(self, remote_id: str) -> Mapping[str, Any]:
        return {"exists": True}

    def revoke(self) -> None:
        """There is nothing to withdraw."""


@contextmanager
def servers(folder: Path) -> Iterator[Callable[[], World]]:
    with wordpress.run(folder) as server:
        yield lambda: FeedWorld(server)
