"""A small network that speaks HTTP, with its server in memory: to test contract and recorder themselves."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from kuemmerer.networks.base import (
    Absent,
    Batch,
    Capabilities,
    Connected,
    Connector,
    Delivered,
    Draft,
    FormField,
    Item,
    Kind,
    Person,
    TextLimits,
)
from kuemmerer.networks.errors import NetworkError, OutcomeUnknown, Rejected, TryLater
from kuemmerer.networks.session import Session, base_address
from kuemmerer.networks.world import World

PAGE = 20


class Toy(Connector):
    """What a connector looks like in fifty lines."""

    key = "toy"
    label = "Toy"
    can = Capabilities(publish=True, reply=True, listen=True, delete=True, refresh=True)
    form = (
        FormField(key="address", label="Address"),
        FormField(key="password", label="Password", secret=True),
    )
    settle_seconds = 0

    def limits(self, settings: Mapping[str, Any]) -> TextLimits:
        return TextLimits(max_units=4000)

    def connect(self, session: Session, values: Mapping[str, str]) -> Connected:
        base = base_address(values["address"])
        try:
            answer = session.json("POST", f"{base}/login", json={"password": values["password"]}, safe=True)
        except TryLater as error:
            raise (Rejected("not_this_network") if error.code == "bad_answer" else error) from error
        except Rejected as error:
            raise (Rejected("not_this_network") if error.code == "gone" else error) from error
        if not isinstance(answer, dict) or "token" not in answer:
            raise Rejected("not_this_network")
        account = Person(remote_id=str(answer["id"]), handle=answer["name"])
        return Connected(account=account, secret={"token": answer["token"]}, settings={"base": base})

    def check(self, session: Session) -> Person:
        answer = self._call(session, "GET", "/me")
        if not isinstance(answer, dict) or "id" not in answer:
            raise TryLater("bad_answer")
        return Person(remote_id=str(answer["id"]), handle=answer["name"])

    def fetch(self, session: Session, cursor: Mapping[str, Any], *, since: datetime) -> Batch:
        after = cursor.get("after", 0)
        page = self._call(session, "GET", "/news", params={"after": after, "since": since.timestamp()})
        try:
            rows = [self._item(session, row) for row in page["rows"]]
            after = page["top"]
        except (TypeError, KeyError) as error:
            raise TryLater("bad_answer") from error
        return Batch(items=rows, cursor={"after": after}, more=page["more"])

    def refresh(self, session: Session, remote_ids: Sequence[str]) -> Batch:
        there = [self._item(session, row) for row in self._known(session, *remote_ids)]
        gone = set(remote_ids) - {item.remote_id for item in there}
        return Batch(items=there, gone=sorted(gone))

    def publish(self, session: Session, draft: Draft, *, key: str) -> Delivered:
        self.check_text(draft, session.settings)
        to = draft.reply_to.remote_id if draft.reply_to else ""
        body = {"text": draft.text, "to": to, "id": f"k{key}"}
        answer = self._call(session, "POST", "/write", json=body)
        try:
            return Delivered(remote_id=answer["id"])
        except (TypeError, KeyError) as error:
            raise OutcomeUnknown("cut") from error

    def find(self, session: Session, draft: Draft, *, key: str) -> Delivered | Absent | None:
        return Delivered(remote_id=f"k{key}") if self._known(session, f"k{key}") else Absent()

    def delete(self, session: Session, remote_id: str) -> None:
        self._call(session, "POST", "/delete", json={"id": remote_id})

    def _known(self, session: Session, *ids: str) -> list[Mapping[str, Any]]:
        answer = self._call(session, "GET", "/known", params={"ids": ",".join(ids)})
        if not isinstance(answer, list) or not all(isinstance(row, dict) and "id" in row for row in answer):
            raise TryLater("bad_answer")
        return answer

    def _call(self, session: Session, method: str, path: str, **options: Any) -> Any:
        headers = {"Authorization": f"Bearer {session.secret.get('token', '')}"}
        return session.json(method, f"{session.settings['base']}{path}", headers=headers, **options)

    def _item(self, session: Session, row: Mapping[str, Any]) -> Item:
        ours = row["by"] == "1"
        return Item(
            kind=Kind.COMMENT if row["to"] else Kind.POST,
            remote_id=row["id"],
            thread_id=row["root"],
            parent_id=row["to"],
            author=Person(remote_id=row["by"], handle="desk" if ours else "erika"),
            created_at=datetime.fromtimestamp(row["at"], UTC),
            text=row["text"],
            ours=ours,
            raw=row,
        )


class ToyServer:
    """All that the server knows; `handle` answers requests."""

    def __init__(self) -> None:
        self.password = "correct-horse-battery"
        self.token: str = "token-1234567890"
        self.rows: dict[str, dict[str, Any]] = {}
        self.count = itertools.count(1)

    def write(self, text: str, *, by: str, to: str = "", uid: str = "") -> str:
        uid = uid or f"s{next(self.count)}"
        root = self.rows[to]["root"] if to else uid
        now = datetime.now(UTC).timestamp()
        row = {
            "id": uid,
            "seq": len(self.rows) + 1,
            "by": by,
            "to": to,
            "root": root,
            "text": text,
            "at": now,
        }
        self.rows.setdefault(uid, row)
        return uid

    def handle(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content or b"{}")
        if request.url.path == "/login":
            if body.get("password") != self.password:
                return httpx.Response(401, json={"error": "wrong password"})
            return httpx.Response(200, json={"token": self.token, "id": 1, "name": "desk"})
        if request.headers["authorization"] != f"Bearer {self.token}":
            return httpx.Response(401, json={"error": "who are you?"})
        return httpx.Response(200, json=self.answer(request.url.path, dict(request.url.params), body))

    def answer(self, path: str, params: Mapping[str, str], body: Mapping[str, Any]) -> Any:
        if path == "/news":
            after = int(params["after"])
            found = [row for row in self.rows.values() if row["seq"] > after]
            wanted = [row for row in found if row["at"] >= float(params["since"])]
            page = wanted[:PAGE]
            top = page[-1]["seq"] if page else max([after, *(row["seq"] for row in found)])
            return {"rows": page, "top": top, "more": len(wanted) > PAGE}
        if path == "/known":
            return [self.rows[uid] for uid in params["ids"].split(",") if uid in self.rows]
        if path == "/write":
            return {"id": self.write(body["text"], by="1", to=body["to"], uid=body["id"])}
        if path == "/delete":
            self.rows.pop(body["id"], None)
            return {}
        return {"id": 1, "name": "desk"}


class ToyWorld(World):
    connector: Connector = Toy()
    handle = "desk"
    stranger = "erika"
    edits = True
    honours_keys = True

    def __init__(self) -> None:
        self.server = ToyServer()
        self.values = {"address": "https://toy.example.org", "password": self.server.password}
        self.root = ""

    def transport(self) -> httpx.BaseTransport:
        return httpx.MockTransport(self.server.handle)

    def start(self) -> str:
        self.root = self.server.write("Frisch gebacken", by="1")
        return self.root

    def stranger_writes(self, text: str, *, to: str = "") -> str:
        return self.server.write(text, by="2", to=to or self.root)

    def stranger_edits(self, remote_id: str, text: str) -> None:
        self.server.rows[remote_id]["text"] = text

    def stranger_deletes(self, remote_id: str) -> None:
        del self.server.rows[remote_id]

    def answers(self, remote_id: str) -> Sequence[str]:
        return [row["text"] for row in self.server.rows.values() if row["to"] == remote_id]

    def posts(self) -> Sequence[str]:
        return [row["text"] for row in self.server.rows.values() if row["by"] == "1" and not row["to"]]

    def revoke(self) -> None:
        self.server.token = "another-token-12345"


@contextmanager
def toys(folder: Path) -> Iterator[type[ToyWorld]]:
    yield ToyWorld


__all__ = ["NetworkError", "Toy", "ToyServer", "ToyWorld", "toys"]
