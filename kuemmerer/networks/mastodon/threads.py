"""Conversations: which status belongs under which root, with as few calls as possible."""

from __future__ import annotations

from collections.abc import Iterable

from kuemmerer.networks.errors import AuthExpired, NetworkError, TryLater
from kuemmerer.networks.mastodon.api import Api, Record, ident, number, parts, status_path
from kuemmerer.networks.mastodon.parse import real

MOST_CALLS = 40
"""Conversations asked for in one fetch. What is left over comes with the next."""


class BudgetSpentError(Exception):
    """As many conversations were asked for as one fetch may."""


class Threads:
    """What is known of the conversations in one fetch; each is asked for once."""

    def __init__(self, api: Api, *, calls: int = MOST_CALLS) -> None:
        self.api = api
        self.calls = calls
        self.statuses: dict[str, Record] = {}
        self.asked: set[str] = set()

    def learn(self, statuses: Iterable[Record]) -> None:
        """Take statuses that came by another way. The first word counts: it came with the notification."""
        for status in statuses:
            status = real(status)
            if ident(status.get("id")):
                self.statuses.setdefault(ident(status["id"]), status)

    def complete(self, status: Record) -> None:
        """Fetch the whole conversation around a status: up to its root, and all below that."""
        self.learn([status])
        status_id = ident(real(status).get("id"))
        if self._is_open(status_id):
            self.ask(status_id)
        root = self.root(status_id)
        if root != status_id and root not in self.asked:
            self.ask(root)

    def climb(self, status: Record) -> None:
        """Fetch only what is needed to know the root."""
        self.learn([status])
        top = self.root(ident(real(status).get("id")))
        if ident(self.statuses[top].get("in_reply_to_id")):
            self.ask(top)

    def ask(self, status_id: str) -> None:
        """One conversation. A server that refuses it leaves us with what we have."""
        if status_id in self.asked:
            return
        if self.calls <= 0:
            raise BudgetSpentError
        self.calls -= 1
        try:
            context = self.api.record("GET", status_path(status_id, "/context"))
        except (AuthExpired, TryLater):
            raise
        except NetworkError:
            context = {}
        self.asked.add(status_id)
        self.learn(parts(context, "ancestors"))
        self.learn(parts(context, "descendants"))

    def root(self, status_id: str) -> str:
        """The topmost known status above this one."""
        seen = {status_id}
        while True:
            parent = ident(self.statuses.get(status_id, {}).get("in_reply_to_id"))
            if not parent or parent in seen or parent not in self.statuses:
                return status_id
            seen.add(parent)
            status_id = parent

    def is_placed(self, status_id: str) -> bool:
        """Whether the root of a status is known, or at least was asked for."""
        top = self.root(status_id)
        return top in self.asked or not ident(self.statuses[top].get("in_reply_to_id"))

    def _is_open(self, status_id: str) -> bool:
        """Whether there is anything above or below that we do not know yet."""
        status = self.statuses[status_id]
        root = self.root(status_id)
        if ident(self.statuses[root].get("in_reply_to_id")):
            return True
        # No answers, nothing to ask for; a server that does not count them is asked.
        return root not in self.asked and (root != status_id or number(status.get("replies_count")) != 0)
