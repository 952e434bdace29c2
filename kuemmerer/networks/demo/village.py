"""Dorfplatz, a small social network in one local file.

It has people, posts, comments, mentions, messages, reviews, reactions, moderation. It runs by the time that
its callers bring: what is planned for later happens as soon as somebody looks in after that time. Several
processes may use the file at once.
"""

from __future__ import annotations

import json
import random
import secrets
import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any

from kuemmerer.networks.base import Kind, Media, Status, Visibility
from kuemmerer.networks.demo.crowd import crowd
from kuemmerer.networks.demo.story import Deed, Story, reaction_uid

SUFFIX = ".dorfplatz"
APPLICATION_ID = 0x446F7266  # "Dorf"
REACTIONS = ("like", "share", "follow")
FAULTS = frozenset(
    {
        "try_later",
        "rate_limited",
        "auth_expired",
        "rejected",
        "cut_before",
        "cut_after",
        "hang",
        "hang_after",
    }
)
SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE people (
    key TEXT PRIMARY KEY, handle TEXT NOT NULL UNIQUE, name TEXT NOT NULL, about TEXT NOT NULL DEFAULT '',
    followers INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE TABLE entries (
    uid TEXT PRIMARY KEY, seq INTEGER NOT NULL UNIQUE, kind TEXT NOT NULL, author TEXT NOT NULL,
    root TEXT NOT NULL, parent TEXT NOT NULL DEFAULT '', created REAL NOT NULL, edited REAL,
    title TEXT NOT NULL DEFAULT '', text TEXT NOT NULL DEFAULT '', language TEXT NOT NULL DEFAULT '',
    link TEXT NOT NULL DEFAULT '', stars INTEGER, status TEXT NOT NULL DEFAULT 'shown',
    visibility TEXT NOT NULL DEFAULT 'public', on_answer TEXT NOT NULL DEFAULT '',
    deleted INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX entries_parent ON entries (parent);
CREATE TABLE media (
    entry TEXT NOT NULL, number INTEGER NOT NULL, content_type TEXT NOT NULL, alt TEXT NOT NULL,
    name TEXT NOT NULL, content BLOB NOT NULL, PRIMARY KEY (entry, number)
);
CREATE TABLE planned (id INTEGER PRIMARY KEY, at REAL NOT NULL, deed TEXT NOT NULL);
CREATE INDEX planned_at ON planned (at, id);
CREATE TABLE faults (
    id INTEGER PRIMARY KEY, kind TEXT NOT NULL, operation TEXT NOT NULL, remaining INTEGER NOT NULL,
    seconds REAL NOT NULL
);
"""


@dataclass(frozen=True)
class Fault:
    kind: str
    seconds: float


class Village:
    """An open village. Use it as a context manager, or `close` it."""

    def __init__(self, path: Path) -> None:
        """Open the village in `path`. Raises FileNotFoundError, or sqlite3.DatabaseError for another file."""
        if not path.is_file():
            raise FileNotFoundError(path)
        self._db = _connect(path)
        if self._one("PRAGMA application_id")[0] != APPLICATION_ID:
            self._db.close()
            raise sqlite3.DatabaseError(f"{path} is no village")
        self.company = self._meta("company")

    @classmethod
    def found(cls, path: Path, story: Story, *, now: datetime) -> Village:
        """Open the village in `path`; where there is none, found one with `story` as its past and future."""
        path.parent.mkdir(parents=True, exist_ok=True)
        db = _connect(path)
        try:
            # The lock comes before the look: two processes may want to found the same village.
            db.execute("BEGIN IMMEDIATE")
            if not db.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone():
                _build(db, story, now)
            db.execute("COMMIT")
        finally:
            db.close()
        return cls(path)

    def __enter__(self) -> Village:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._db.close()

    # ---- access

    @property
    def token(self) -> str:
        """What the company's account logs in with now."""
        return self._meta("token")

    def new_token(self) -> str:
        """Issue another token; the one before is worth nothing any more."""
        token = secrets.token_urlsafe(24)
        self._db.execute("UPDATE meta SET value = ? WHERE name = 'token'", (token,))
        return token

    # ---- time

    def advance(self, now: datetime) -> None:
        """Let happen all that is planned up to `now`."""
        due = "SELECT id, at, deed FROM planned WHERE at <= ? ORDER BY at, id"
        if not self._db.execute(due + " LIMIT 1", (now.timestamp(),)).fetchone():
            return
        with self._transaction():
            for row in self._db.execute(due, (now.timestamp(),)).fetchall():
                self._happen(json.loads(row["deed"]), _moment(row["at"]))
                self._db.execute("DELETE FROM planned WHERE id = ?", (row["id"],))

    def plan(self, deeds: Iterable[Deed]) -> None:
        _plan(self._db, deeds)

    def _happen(self, deed: Mapping[str, Any], at: datetime) -> None:
        details = {key: value for key, value in deed.items() if key not in {"do", "uid"}}
        if deed["do"] == "edit":
            self._change(deed["uid"], at, text=deed["text"], edited=at.timestamp())
        elif deed["do"] == "delete":
            self._change(deed["uid"], at, deleted=1)
        elif not deed.get("to") or self.entry(deed["to"]):
            self._insert(deed["uid"], at=at, **details)

    # ---- people and what they write

    def add_person(self, key: str, *, name: str, handle: str, about: str = "", followers: int = 0) -> None:
        self._db.execute(
            "INSERT OR IGNORE INTO people VALUES (?, ?, ?, ?, ?)", (key, handle, name, about, followers)
        )

    def person(self, key: str) -> sqlite3.Row:
        return self._one("SELECT * FROM people WHERE key = ?", key)

    def write(
        self,
        kind: str,
        *,
        by: str,
        text: str,
        now: datetime,
        uid: str = "",
        to: str = "",
        media: Sequence[Media] = (),
        **more: Any,
    ) -> str:
        """Write something; its uid. With a `uid` that is there already nothing happens."""
        uid = uid or f"{kind}-{secrets.token_hex(6)}"
        with self._transaction():
            if self.entry(uid):
                return uid
            self._insert(uid, kind=kind, by=by, text=text, at=now, to=to, **more)
            for number, part in enumerate(media):
                self._db.execute(
                    "INSERT INTO media VALUES (?, ?, ?, ?, ?, ?)",
                    (uid, number, part.content_type, part.alt, part.name, part.content),
                )
            if by == self.company and to:
                self._react_to_answer(uid, to, now)
        return uid

    def react(self, kind: str, *, by: str, now: datetime, to: str = "") -> str:
        """Like, share or follow; twice is once."""
        uid = reaction_uid(kind, by, to)
        with self._transaction():
            if self.entry(uid):
                self._change(uid, now, deleted=0)
            else:
                self._insert(uid, kind=kind, by=by, at=now, to=to)
        return uid

    def edit(self, uid: str, text: str, *, now: datetime) -> None:
        with self._transaction():
            self._change(uid, now, text=text, edited=now.timestamp())

    def remove(self, uid: str, *, now: datetime) -> None:
        with self._transaction():
            self._change(uid, now, deleted=1)

    def set_status(self, uid: str, status: Status, *, now: datetime) -> None:
        with self._transaction():
            self._change(uid, now, status=status.value)

    def _insert(
        self, uid: str, *, kind: str, by: str, at: datetime, text: str = "", to: str = "", **more: Any
    ) -> None:
        parent = self.entry(to) if to else None
        direct = kind == Kind.MESSAGE
        row = {
            "uid": uid,
            "seq": self.top() + 1,
            "kind": kind,
            "author": by,
            "root": parent["root"] if parent else uid,
            "parent": to,
            "created": at.timestamp(),
            "text": text,
            "visibility": (Visibility.DIRECT if direct else Visibility.PUBLIC).value,
            **more,
        }
        names = ", ".join(row)
        marks = ", ".join("?" * len(row))
        self._db.execute(f"INSERT OR IGNORE INTO entries ({names}) VALUES ({marks})", tuple(row.values()))  # noqa: S608

    def _change(self, uid: str, now: datetime, **values: Any) -> None:
        """Change an entry, if that changes anything, and move it to the end of what is new."""
        entry = self.entry(uid)
        if entry is None or all(entry[name] == value for name, value in values.items() if name != "edited"):
            return
        values["seq"] = self.top() + 1
        assignments = ", ".join(f"{name} = ?" for name in values)
        self._db.execute(f"UPDATE entries SET {assignments} WHERE uid = ?", (*values.values(), uid))  # noqa: S608

    def _react_to_answer(self, answer: str, to: str, now: datetime) -> None:
        """Whoever got an answer says one more thing, 20 to 60 seconds later."""
        asked = self.entry(to)
        if asked is None or not asked["on_answer"]:
            return
        pause = timedelta(seconds=20 + zlib.crc32(to.encode()) % 41)
        kind = "message" if asked["kind"] == Kind.MESSAGE else "comment"
        words = {"kind": kind, "by": asked["author"], "to": answer, "text": asked["on_answer"]}
        self.plan([Deed(at=now + pause, uid=f"{kind}-after-{answer}", **words)])
        self._db.execute("UPDATE entries SET on_answer = '' WHERE uid = ?", (to,))

    # ---- reading

    def top(self) -> int:
        """The number of the latest change."""
        return int(self._one("SELECT coalesce(max(seq), 0) FROM entries")[0])

    def entry(self, uid: str) -> sqlite3.Row | None:
        row: sqlite3.Row | None = self._db.execute("SELECT * FROM entries WHERE uid = ?", (uid,)).fetchone()
        return row

    def changes_after(self, seq: int, limit: int) -> list[sqlite3.Row]:
        """What changed after `seq`, oldest change first."""
        return self._db.execute(
            "SELECT * FROM entries WHERE seq > ? ORDER BY seq LIMIT ?", (seq, limit)
        ).fetchall()

    def changes_before(self, seq: int, limit: int, *, since: datetime) -> list[sqlite3.Row]:
        """What was written since `since` and last changed before `seq`, latest change first."""
        return self._db.execute(
            "SELECT * FROM entries WHERE seq < ? AND created >= ? AND NOT deleted ORDER BY seq DESC LIMIT ?",
            (seq, since.timestamp(), limit),
        ).fetchall()

    def forebears(self, rows: Iterable[sqlite3.Row], *, before: datetime) -> list[sqlite3.Row]:
        """All written before that time that the entries in `rows` hang on, without themselves."""
        known = {row["uid"] for row in rows}
        found: list[sqlite3.Row] = []
        wanted = {row["parent"] for row in rows} - known - {""}
        while wanted:
            known |= wanted
            marks = ", ".join("?" * len(wanted))
            sql = f"SELECT * FROM entries WHERE uid IN ({marks})"  # noqa: S608
            parents = self._db.execute(sql, tuple(wanted)).fetchall()
            found += [row for row in parents if row["created"] < before.timestamp()]
            wanted = {row["parent"] for row in parents} - known - {""}
        return found

    def people_of(self, rows: Iterable[sqlite3.Row]) -> dict[str, sqlite3.Row]:
        """The authors of `rows` by their keys."""
        keys = {row["author"] for row in rows}
        marks = ", ".join("?" * len(keys))
        people = self._db.execute(f"SELECT * FROM people WHERE key IN ({marks})", tuple(keys))  # noqa: S608
        return {row["key"]: row for row in people}

    def answers_to(self, uid: str) -> list[str]:
        """The texts that everybody sees as answers to this entry, oldest first."""
        rows = self._db.execute(
            "SELECT text FROM entries WHERE parent = ? AND kind NOT IN (?, ?, ?)"
            " AND status = 'shown' AND NOT deleted ORDER BY created, seq",
            (uid, *REACTIONS),
        )
        return [row["text"] for row in rows]

    def posts(self) -> list[str]:
        """The texts of the company's posts, oldest first."""
        rows = self._db.execute(
            "SELECT text FROM entries WHERE kind = 'post' AND author = ? AND status = 'shown' AND NOT deleted"
            " ORDER BY created, seq",
            (self.company,),
        )
        return [row["text"] for row in rows]

    def reactions(self, kind: str, to: str) -> list[str]:
        """Who likes or shares this entry."""
        rows = self._db.execute(
            "SELECT author FROM entries WHERE kind = ? AND parent = ? AND NOT deleted ORDER BY author",
            (kind, to),
        )
        return [row["author"] for row in rows]

    def media(self, uid: str) -> list[sqlite3.Row]:
        return self._db.execute("SELECT * FROM media WHERE entry = ? ORDER BY number", (uid,)).fetchall()

    # ---- faults, for tests

    def fault(self, kind: str, count: int = 1, *, operation: str = "publish", seconds: float = 0.0) -> None:
        """Let the next `count` calls of `operation` (publish, fetch, act) go wrong.

        try_later, rate_limited, auth_expired, rejected: nothing is stored. cut_before, cut_after: the caller
        does not learn whether it was stored. hang, hang_after: `seconds` pass before or after it is stored.
        """
        if kind not in FAULTS:
            raise ValueError(f"there is no fault {kind!r}")
        self._db.execute(
            "INSERT INTO faults (kind, operation, remaining, seconds) VALUES (?, ?, ?, ?)",
            (kind, operation, count, seconds),
        )

    def take_fault(self, operation: str) -> Fault | None:
        """The fault that this call of `operation` shall have."""
        wanted = "SELECT * FROM faults WHERE operation = ? AND remaining > 0 ORDER BY id LIMIT 1"
        if not self._db.execute(wanted, (operation,)).fetchone():
            return None
        with self._transaction():
            row = self._db.execute(wanted, (operation,)).fetchone()
            if row is None:
                return None
            self._db.execute("UPDATE faults SET remaining = remaining - 1 WHERE id = ?", (row["id"],))
        return Fault(row["kind"], row["seconds"])

    # ---- load, for measurements

    def load(self, events: int, *, seed: int, now: datetime) -> None:
        """Write `events` made-up interactions of the last 30 days; few people write much, many little."""
        with self._transaction():
            first = self.top() + 1
            people, rows = crowd(events, random.Random(seed), self.company, first, now)  # noqa: S311
            self._db.executemany(
                "INSERT OR IGNORE INTO people (key, handle, name, followers) VALUES (?, ?, ?, ?)", people
            )
            self._db.executemany(
                "INSERT INTO entries (uid, seq, kind, author, root, parent, created, text, stars, visibility)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                rows,
            )

    # ---- the file

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def _one(self, sql: str, *values: Any) -> sqlite3.Row:
        row: sqlite3.Row | None = self._db.execute(sql, values).fetchone()
        if row is None:
            raise LookupError(values)
        return row

    def _meta(self, name: str) -> str:
        return str(self._one("SELECT value FROM meta WHERE name = ?", name)[0])


def _connect(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=15, isolation_level=None)
    db.row_factory = sqlite3.Row
    db.execute("PRAGMA synchronous = OFF")  # a village may be lost in a power cut, and is fast instead
    return db


def _build(db: sqlite3.Connection, story: Story, now: datetime) -> None:
    for statement in SCHEMA.split(";"):
        db.execute(statement)
    db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    meta = {
        "company": story.company["key"],
        "token": secrets.token_urlsafe(24),
        "founded": now.isoformat(),
    }
    db.executemany("INSERT INTO meta VALUES (?, ?)", meta.items())
    for person in (story.company, *story.people):
        values = (person["key"], person["handle"], person["name"])
        more = (person.get("about", ""), person.get("followers", 0))
        db.execute("INSERT INTO people VALUES (?, ?, ?, ?, ?)", (*values, *more))
    _plan(db, story.deeds)


def _plan(db: sqlite3.Connection, deeds: Iterable[Deed]) -> None:
    rows = [(deed.at.timestamp(), json.dumps(deed.details(), ensure_ascii=False)) for deed in deeds]
    db.executemany("INSERT INTO planned (at, deed) VALUES (?, ?)", rows)


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
