"""A Mastodon in a dictionary: enough to show how the connector behaves where no real server can be had."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from kuemmerer.core.http import Client
from kuemmerer.networks.session import Session

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
SINCE = NOW - timedelta(days=7)
ME = {"id": "1", "acct": "desk", "username": "desk", "display_name": "Muster GmbH"}
ERNA = {"id": "2", "acct": "erna@far.example", "username": "erna", "display_name": "Erna"}
SETTINGS = {
    "server": "https://example.org",
    "domain": "example.org",
    "account_id": "1",
    "username": "desk",
    "software": "mastodon",
    "bulk": True,
}
MENTION_OF_ME = {"id": "1", "acct": "desk", "username": "desk"}

Answer = Callable[[httpx.Request], httpx.Response | None]


class FakeMastodon:
    """Statuses and notifications by their ids. `before` may answer a request in the server's place."""

    def __init__(self, *, min_id_is_since_id: bool = False, page: int = 30) -> None:
        self.statuses: dict[str, dict[str, Any]] = {}
        self.notifications: list[dict[str, Any]] = []
        self.min_id_is_since_id, self.page = min_id_is_since_id, page
        self.asked: list[str] = []
        self.posted: list[Any] = []
        self.before: Answer = lambda request: None

    # what happens there

    def write(
        self,
        status_id: str,
        text: str = "Hallo",
        *,
        by: Mapping[str, Any] = ERNA,
        to: str | None = None,
        at: datetime = NOW,
        **more: Any,
    ) -> dict[str, Any]:
        mentions = [MENTION_OF_ME] if "@desk" in text else []
        self.statuses[status_id] = {
            "id": status_id,
            "account": by,
            "content": f"<p>{text}</p>",
            "created_at": at.isoformat().replace("+00:00", "Z"),
            "in_reply_to_id": to,
            "in_reply_to_account_id": self.statuses[to]["account"]["id"] if to in self.statuses else None,
            "visibility": "public",
            "mentions": mentions,
            "url": f"https://example.org/@x/{status_id}",
            **more,
        }
        return self.statuses[status_id]

    def notify(self, number: str, kind: str, status_id: str = "", *, at: datetime = NOW, **more: Any) -> None:
        """Newest last."""
        self.notifications.append(
            {
                "id": number,
                "type": kind,
                "created_at": at.isoformat(),
                "account": ERNA,
                "status": self.statuses.get(status_id),
                **more,
            }
        )

    # how it answers

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(f"{request.method} {request.url.path}")
        taken = self.before(request)
        if taken is not None:
            return taken
        path, query = request.url.path, request.url.params
        found = re.fullmatch(r"/api/v1/statuses/([^/]+)(/context|/source)?", path)
        if path == "/api/v1/notifications":
            return self._list(self.notifications, query)
        if path == "/api/v1/accounts/1/statuses":
            own = [{**s, "replies_count": len(self.below(i))} for i, s in self.statuses.items()]
            return self._list([s for s in own if s["account"]["id"] == "1"], query)
        if path == "/api/v1/accounts/verify_credentials":
            return httpx.Response(200, json=ME)
        if path == "/api/v1/statuses" and request.method == "POST":
            self.posted.append(json.loads(request.content))
            return httpx.Response(200, json={"id": "99", "url": "https://example.org/99"})
        if path == "/api/v1/statuses":
            return httpx.Response(
                200, json=[self.statuses[i] for i in query.get_list("id[]") if i in self.statuses]
            )
        if found and found.group(1) in self.statuses and request.method == "GET":
            return httpx.Response(200, json=self._status(found.group(1), found.group(2) or ""))
        return httpx.Response(404, json={"error": "Record not found"})

    def _status(self, status_id: str, rest: str) -> Any:
        status = self.statuses[status_id]
        if rest == "/source":
            return {"id": status_id, "text": status.get("source", "")}
        if rest == "/context":
            above, parent = [], status["in_reply_to_id"]
            while parent in self.statuses:
                above.append(self.statuses[parent])
                parent = self.statuses[parent]["in_reply_to_id"]
            return {"ancestors": above[::-1], "descendants": self.below(status_id)}
        return {key: value for key, value in status.items() if key != "source"}

    def below(self, status_id: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        waiting = [status_id]
        while waiting:
            parent = waiting.pop(0)
            children = [status for status in self.statuses.values() if status["in_reply_to_id"] == parent]
            found += children
            waiting += [child["id"] for child in children]
        return found

    def _list(self, records: list[dict[str, Any]], query: httpx.QueryParams) -> httpx.Response:
        order = [record.get("id") for record in records]
        first = order.index(query["min_id"]) + 1 if query.get("min_id", "-") in order else 0
        last = order.index(query["max_id"]) if query.get("max_id", "-") in order else len(records)
        chosen = records[first:last]
        adjacent = "min_id" in query and not self.min_id_is_since_id
        page = chosen[: self.page] if adjacent else chosen[-self.page :]
        return httpx.Response(200, json=page[::-1])

    # talking to it

    def session(self, **settings: Any) -> Session:
        client = Client(transport=httpx.MockTransport(self.answer))
        return Session(
            client=client, now=NOW, settings={**SETTINGS, **settings}, secret={"token": "a-token-of-ours"}
        )
