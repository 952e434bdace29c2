"""The network as seen from outside, for tests: what a stranger does and sees there.

Each network has a `World` over a real server (tests/networks/<key>.py). The contract suite talks only to this class and
to the connector. A recorder stands between them: a live run writes down every HTTP exchange of the connector
and every answer of the world, and the same suite later runs on that record alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from kuemmerer.networks.base import Action, Capabilities, Connector


class World:
    """One account of ours (`values` log it in) and one stranger, at one server. All returns are JSON-serialisable."""

    connector: Connector
    values: Mapping[str, str]
    handle: str
    """Our account's handle, as `Person.handle` will show it."""
    reactions: bool = False
    """Whether the stranger can like, share and follow here."""
    edits: bool = False
    """Whether the stranger can edit what they wrote here."""
    delay: float = 0.0
    """Seconds until the server shows a stranger's deed to us (federation, indexing); the suite polls that long."""
    can: Capabilities | None = None
    """What this server can do, where it is less than the connector's declaration (snac cannot delete)."""

    def start(self) -> str:
        """Make what a conversation hangs on (a post of ours) and return its remote id."""
        raise NotImplementedError

    def stranger_writes(self, text: str, *, to: str = "") -> str:
        """The stranger answers the item `to` (default: the one of `start`); the new item's remote id."""
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
        """What the server knows of an item: `liked_by_us`, `shared_by_us`, `status` (Status), `exists`."""
        raise NotImplementedError

    def revoke(self) -> None:
        """Withdraw our credential at the server, as its owner could."""
        raise NotImplementedError

    def now(self) -> datetime:
        """The time at the server (recorded, so that a replay sees the same)."""
        raise NotImplementedError


def can_act(world: World, action: Action) -> bool:
    """Whether the suite should expect `action` to work on this server."""
    return action in (world.can or world.connector.can).actions
