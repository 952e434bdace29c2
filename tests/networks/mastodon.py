"""Mastodon's API as seen from outside: a World over snac2, a real server, and one over mastodon_mock."""

from __future__ import annotations

import hashlib
import html
import re
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx

from kuemmerer.networks.base import Action
from kuemmerer.networks.mastodon import Mastodon
from kuemmerer.networks.world import World
from tests.servers import eventually, mastodon_mock, snac
from tests.servers._mastodon_api import Person


class MastodonWorld(World):
    """Two fresh accounts on one server. What the stranger writes mentions us, as clients do in an answer."""

    connector = Mastodon()
    reactions = True
    mentions = True
    edits = True

    def __init__(self, url: str, domain: str, person: Callable[[str], Person]) -> None:
        mark = secrets.token_hex(4)
        self.us, self.them = person(f"desk{mark}"), person(f"guest{mark}")
        self.values = {"server": url, "token": self.us.token}
        self.handle = f"{self.us.name}@{domain}"
        self.stranger = f"{self.them.name}@{domain}"
        self.root = ""
        self.account_id = str(self.us.get("v1/accounts/verify_credentials")["id"])

    def start(self) -> str:
        self.root = self.us.says("Neues aus dem Haus")
        return self.root

    def stranger_writes(self, text: str, *, to: str = "") -> str:
        return self.them.says(f"@{self.us.name} {text}", to=to or self.root)

    def stranger_mentions(self, text: str) -> str:
        return self.them.says(f"@{self.us.name} {text}")

    def stranger_reacts(self, kind: str, to: str) -> None:
        path = {
            "like": f"v1/statuses/{to}/favourite",
            "share": f"v1/statuses/{to}/reblog",
            "follow": f"v1/accounts/{self.account_id}/follow",
        }[kind]
        self.them.post(path)

    def stranger_edits(self, remote_id: str, text: str) -> None:
        self.them.call("PUT", f"v1/statuses/{remote_id}", data={"status": f"@{self.us.name} {text}"})

    def stranger_deletes(self, remote_id: str) -> None:
        self.them.call("DELETE", f"v1/statuses/{remote_id}")

    def answers(self, remote_id: str) -> Sequence[str]:
        return [shown(status) for status in self.them.replies_to(remote_id)]

    def posts(self) -> Sequence[str]:
        seen = self.them.get(f"v1/accounts/{self.account_id}/statuses", limit="40")
        own = [status for status in seen if not status["in_reply_to_id"] and not status["reblog"]]
        return [shown(status) for status in reversed(own)]

    def state(self, remote_id: str) -> Mapping[str, Any]:
        seen = self.us.sees(remote_id)
        status = seen.get("reblog") or seen
        return {
            "liked_by_us": status["favourited"],
            "shared_by_us": status["reblogged"],
            "likes": status["favourites_count"],
            "shares": status["reblogs_count"],
            "exists": True,
        }


class SnacWorld(MastodonWorld):
    # Its API cannot follow or delete, and it does not know idempotency keys. It takes a like back by
    # a message to itself, which may overtake that of the like.
    reaction_kinds = ("like", "share")
    deletions = False
    delay = 4.0
    can = replace(Mastodon.can, delete=False, actions=frozenset({Action.LIKE, Action.SHARE}))

    def __init__(self, server: snac.Server) -> None:
        super().__init__(server.url, server.host, server.person)
        self.data = server.data

    def start(self) -> str:
        # A mention brings the post into the stranger's timeline; what is not there cannot be liked here.
        self.root = lasting(self.us.says(f"Neues aus dem Haus, auch für @{self.them.name}"))
        return self.root

    def stranger_writes(self, text: str, *, to: str = "") -> str:
        return lasting(super().stranger_writes(text, to=to))

    def stranger_mentions(self, text: str) -> str:
        return lasting(super().stranger_mentions(text))

    def stranger_reacts(self, kind: str, to: str) -> None:
        def done() -> bool:
            try:
                super(SnacWorld, self).stranger_reacts(kind, to)
            except httpx.HTTPStatusError:
                return False
            return True

        eventually(done)

    def answers(self, remote_id: str) -> Sequence[str]:
        seen = self.them.thread(remote_id)["descendants"]
        return [shown(status) for status in seen if lasting(status["in_reply_to_id"] or "") == remote_id]

    def revoke(self) -> None:
        name = hashlib.md5(self.us.token.encode(), usedforsecurity=False).hexdigest()
        files = list((self.data / "token").glob("*.json"))
        for file in [file for file in files if name in file.name or self.us.token in file.read_text()]:
            file.unlink()


class MockWorld(MastodonWorld):
    honours_keys = True
    longest = 400

    def __init__(self, server: mastodon_mock.Server) -> None:
        super().__init__(server.url, server.desk.get("v2/instance")["domain"], server.person)
        self.server = server

    def revoke(self) -> None:
        self.server.revoke(self.us.token)


def lasting(status_id: str) -> str:
    """snac's id of a status, without the ten digits that change when it is edited."""
    return f"{0:010}{status_id[10:]}"


def shown(status: Mapping[str, Any]) -> str:
    """What a reader sees of a status."""
    text = re.sub(r"<br\s*/?>|</p>", "\n", str(status["content"]))
    return html.unescape(re.sub(r"<[^>]+>", "", text)).strip()


@contextmanager
def snac_servers(folder: Path) -> Iterator[Callable[[], World]]:
    with snac.run(folder) as server:
        yield lambda: SnacWorld(server)


@contextmanager
def mock_servers(folder: Path) -> Iterator[Callable[[], World]]:
    with mastodon_mock.run(folder) as server:
        yield lambda: MockWorld(server)


SMALL_PAGE = 15


@contextmanager
def snac_with_few(folder: Path) -> Iterator[Callable[[], World]]:
    """For records: pages of `SMALL_PAGE`, and only a little more than fits on one."""
    with snac_servers(folder) as make:
        yield lambda: _with_few(make())


@contextmanager
def mock_with_few(folder: Path) -> Iterator[Callable[[], World]]:
    with mock_servers(folder) as make:
        yield lambda: _with_few(make())


def _with_few(world: World) -> World:
    world.many = SMALL_PAGE + 2
    return world
