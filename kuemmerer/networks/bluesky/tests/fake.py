"""A server of the AT protocol in a few lines: each method is a function, everything asked is remembered."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from kuemmerer.core.http import Client
from kuemmerer.networks.session import Session

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
SERVER = "https://pds.example.org"
DID, STRANGER = "did:plc:ours", "did:plc:stranger"
PASSWORD = "abcd-efgh-ijkl-mnop"

Answer = Mapping[str, Any] | tuple[int, Any]
Handler = Callable[[httpx.Request], Answer]


def jwt(*, ends: datetime, begins: datetime | None = None) -> str:
    claims = {"exp": int(ends.timestamp()), "iat": int((begins or NOW).timestamp())}
    middle = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"eyJhbGciOiJub25lIn0.{middle}.c2ln"


def tokens(name: str = "new", *, hours: float = 2) -> dict[str, Any]:
    access = jwt(ends=NOW + timedelta(hours=hours))
    return {"accessJwt": access, "refreshJwt": f"refresh-{name}", "did": DID, "handle": "ours.example.org"}


def failed(status: int, name: str, message: str = "") -> tuple[int, Any]:
    return status, {"error": name, "message": message or name}


def params(request: httpx.Request) -> Mapping[str, str]:
    return dict(request.url.params)


def body(request: httpx.Request) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(request.content)
    return read


@dataclass
class Fake:
    """`methods` by their short name (`getRecord`); a method that is not there answers 501.

    Our own posts (`listRecords`) are none unless given.
    """

    methods: dict[str, Handler | Answer] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    stored: list[Mapping[str, Any]] = field(default_factory=list)

    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self._answer)

    def session(self, *, secret: Mapping[str, Any] | None = None, **settings: Any) -> Session:
        """A session of our account; without `secret` one whose access token is still good."""
        good = {"access": "access-old", "refresh": "refresh-old", "password": PASSWORD}
        return Session(
            client=Client(transport=self.transport()),
            now=NOW,
            settings={"server": SERVER, "did": DID, "handle": "ours.example.org", **settings},
            secret=good if secret is None else secret,
            store_secret=lambda secret, _until: self.stored.append(secret),
        )

    def times(self, name: str) -> int:
        return self.asked.count(name)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        name = request.url.path.rpartition(".")[2]
        self.asked.append(name)
        unknown: Answer = (
            {"records": []} if name == "listRecords" else (501, {"error": "MethodNotImplemented"})
        )
        handler = self.methods.get(name, unknown)
        answer = handler(request) if callable(handler) else handler
        status, content = answer if isinstance(answer, tuple) else (200, answer)
        if isinstance(content, str | bytes):
            return httpx.Response(status, content=content)
        return httpx.Response(status, json=content)


def author(did: str = STRANGER) -> dict[str, Any]:
    return {"did": did, "handle": "ours.example.org" if did == DID else "guest.example.org"}


def view(uri: str, text: str = "Hallo", *, parent: str = "", root: str = "", **more: Any) -> dict[str, Any]:
    """A post as the network shows it."""
    record: dict[str, Any] = {"$type": "app.bsky.feed.post", "text": text, "createdAt": NOW.isoformat()}
    if parent:
        refs = {"parent": parent, "root": root or parent}
        record["reply"] = {end: {"uri": where, "cid": f"cid of {where}"} for end, where in refs.items()}
    return {
        "uri": uri,
        "cid": f"cid of {uri}",
        "author": author(uri.removeprefix("at://").split("/")[0]),
        "record": record,
        "indexedAt": NOW.isoformat(),
        "replyCount": 0,
        **more,
    }


def post_uri(rkey: str, did: str = STRANGER) -> str:
    return f"at://{did}/app.bsky.feed.post/{rkey}"
