"""The network as seen from outside, for tests: what a stranger does and sees there.

Each network has a `World` over a real server (tests/networks/<key>.py). The contract suite talks only to this
class and to the connector. A recorder stands between them: a live run writes down every HTTP exchange of the
connector and every answer of the world, and the same suite later runs on that record alone.
"""

from __future__ import annotations

import functools
import secrets
import ssl
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import httpx

from kuemmerer.networks.base import Action, Capabilities, Connector, Kind


@functools.cache
def _tls() -> ssl.SSLContext:
    """One for all worlds: reading the certificates takes longer than most tests."""
    return ssl.create_default_context()


class World:
    """One account of ours (`values` log it in) and one stranger, at one server. All returns go into JSON.

    The ids that go in and out are the connector's `remote_id`s. A test gets a World of its own; make fresh
    accounts for each where that is cheap: nothing then depends on the order of tests, and records stay small.
    """

    connector: Connector
    values: Mapping[str, str]
    handle: str
    """Our account's handle, as `Person.handle` will show it."""
    stranger: str = ""
    """The stranger's handle, as `Person.handle` (or `name`, where a network has no handles) will show it."""
    answer_kind: Kind = Kind.COMMENT
    """What the connector calls a stranger's answer to a post of ours."""
    reactions: bool = False
    """Whether the stranger can react here, in the ways of `reaction_kinds`."""
    reaction_kinds: Sequence[str] = ("like", "share", "follow")
    mentions: bool = False
    """Whether the stranger can mention us outside a conversation (`stranger_mentions`)."""
    edits: bool = False
    """Whether the stranger can edit what they wrote here."""
    deletions: bool = True
    """Whether the stranger can delete what they wrote here."""
    honours_keys: bool = False
    """Whether the server itself recognises a repeated `key` (or the connector chooses ids from it)."""
    longest: int = 2000
    """The longest text, in characters, that the stranger can write here."""
    many: int = 45
    """How many answers are surely more than one page of the network's list."""
    http: bool = True
    """Whether the connector speaks HTTP, so that faults can be put under it."""
    delay: float = 0.0
    """Seconds until the server shows a stranger's deed to us (federation, indexing); we poll that long."""
    can: Capabilities | None = None
    """What this server can do, where it is less than the connector's declaration (snac cannot delete)."""

    def start(self) -> str:
        """Make what a conversation hangs on (a post of ours) and return its remote id."""
        raise NotImplementedError

    def stranger_writes(self, text: str, *, to: str = "") -> str:
        """The stranger answers the item `to` (default: the one of `start`); the new item's remote id."""
        raise NotImplementedError

    def stranger_mentions(self, text: str) -> str:
        """The stranger mentions us in a post of their own; its remote id. Only with `mentions`."""
        raise NotImplementedError

    def stranger_reacts(self, kind: str, to: str) -> None:
        """kind: like, share or follow."""
        raise NotImplementedError

    def stranger_edits(self, remote_id: str, text: str) -> None:
        raise NotImplementedError

    def stranger_deletes(self, remote_id: str) -> None:
        raise NotImplementedError

    def answers(self, remote_id: str) -> Sequence[str]:
        """The texts that a stranger sees as answers to this item, oldest first, as plain text."""
        raise NotImplementedError

    def posts(self) -> Sequence[str]:
        """The texts of our own public posts (no answers) as a stranger sees them, oldest first."""
        raise NotImplementedError

    def state(self, remote_id: str) -> Mapping[str, Any]:
        """What the server knows of an item: `liked_by_us`, `shared_by_us`, `status` (Status), `exists`.

        `likes` and `shares` (numbers) where the server counts.
        """
        raise NotImplementedError

    def revoke(self) -> None:
        """Withdraw our credential at the server, as its owner could. Other Worlds must not notice."""
        raise NotImplementedError

    def now(self) -> datetime:
        """The time at the server (recorded, so that a replay sees the same)."""
        return datetime.now(UTC)

    # What follows need not be overridden.

    def salt(self) -> str:
        """Makes keys and texts of one run differ from those of another (recorded)."""
        return secrets.token_hex(3)

    def sleep(self, seconds: float) -> None:
        """Wait for the server. A replay does not wait."""
        time.sleep(seconds)

    def transport(self) -> httpx.BaseTransport:
        """What carries the connector's requests to the server. Here the recorder listens."""
        return httpx.HTTPTransport(trust_env=False, verify=_tls())

    def at_address(self, address: str) -> Mapping[str, str] | None:
        """`values` with another server's address; None where the login has no address."""
        for key, value in self.values.items():
            if value.startswith(("http://", "https://")):
                return {**self.values, key: address}
        return None


def can_act(world: World, action: Action) -> bool:
    """Whether the suite should expect `action` to work on this server."""
    return action in (world.can or world.connector.can).actions
