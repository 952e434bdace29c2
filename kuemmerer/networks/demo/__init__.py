"""The demo network: everything the desk can do, without an account anywhere.

`values["file"]` (absolute, ending in .dorfplatz) is where the village lives. Whoever calls `connect` decides
it; a path that a visitor typed must never get here. Nothing in it has a web address: there is no website.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from django.utils.translation import gettext_lazy as _

from kuemmerer.networks.base import (
    Absent,
    Action,
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
    Status,
    Target,
    TextLimits,
    Visibility,
)
from kuemmerer.networks.demo.story import reaction_uid, read
from kuemmerer.networks.demo.village import SUFFIX, Fault, Village
from kuemmerer.networks.errors import AuthExpired, OutcomeUnknown, Rejected, TryLater
from kuemmerer.networks.session import Session
from kuemmerer.networks.text import tidy

BATCH = 200
STATUS_OF = {
    Action.HIDE: Status.HIDDEN,
    Action.APPROVE: Status.SHOWN,
    Action.SPAM: Status.SPAM,
    Action.TRASH: Status.TRASH,
}


class Demo(Connector):
    key = "demo"
    label = "Dorfplatz"
    summary = _("A made-up network on this computer, with a bakery's customers in it. For looking around.")
    can = Capabilities(
        publish=True,
        reply=True,
        media=True,
        listen=True,
        delete=True,
        refresh=True,
        actions=frozenset(Action),
    )
    form = (FormField(key="file", label=_("File of the demo network"), required=False),)
    icon = "store"
    local_file = "file"
    local_suffix = SUFFIX
    settle_seconds = 0
    slowest_sync = 60

    def limits(self, settings: Mapping[str, Any]) -> TextLimits:
        return TextLimits(max_units=500)

    # ---- login

    def connect(self, session: Session, values: Mapping[str, str]) -> Connected:
        path = Path(values.get("file", ""))
        if not path.is_absolute() or path.suffix != SUFFIX:
            raise Rejected("bad_address")
        with _translated_errors(), Village.found(path, read(start=session.now), now=session.now) as village:
            village.advance(session.now)
            return Connected(
                account=_person(village.person(village.company)),
                secret={"token": village.token},
                settings={"file": str(path)},
            )

    def check(self, session: Session) -> Person:
        with _village(session) as village:
            return _person(village.person(village.company))

    # ---- reading

    def fetch(self, session: Session, cursor: Mapping[str, Any], *, since: datetime) -> Batch:
        with _village(session) as village:
            _before(village.take_fault("fetch"))
            if not cursor:
                top = village.top()
                cursor = {"after": top, "back": top + 1, "since": since.isoformat()}
            return _backfill(village, cursor) if "back" in cursor else _news(village, cursor)

    def refresh(self, session: Session, remote_ids: Sequence[str]) -> Batch:
        with _village(session) as village:
            rows = {uid: village.entry(uid) for uid in remote_ids}
            there = [row for row in rows.values() if row is not None and not row["deleted"]]
            gone = [uid for uid, row in rows.items() if row is None or row["deleted"]]
            people = _people(village, there)
            items = [
                _item(row, people[row["author"]], ours=row["author"] == village.company) for row in there
            ]
            return Batch(items=items, gone=gone)

    # ---- writing

    def publish(self, session: Session, draft: Draft, *, key: str) -> Delivered:
        self.check_text(draft, session.settings)
        with _village(session) as village:
            fault = village.take_fault("publish")
            _before(fault)
            uid = _write(village, draft, key, session.now)
            _after(fault)
            return _delivered(uid)

    def find(self, session: Session, draft: Draft, *, key: str) -> Delivered | Absent | None:
        with _village(session) as village:
            uid = _uid(draft, key)
            return _delivered(uid) if village.entry(uid) else Absent()

    def delete(self, session: Session, remote_id: str) -> None:
        with _village(session) as village:
            entry = village.entry(remote_id)
            if entry is not None and entry["author"] != village.company:
                raise Rejected("no_permission")
            village.remove(remote_id, now=session.now)

    def act(self, session: Session, action: Action, target: Target) -> Status | None:
        with _village(session) as village:
            entry = village.entry(target.remote_id)
            if entry is None or entry["deleted"]:
                raise Rejected("gone")
            _before(village.take_fault("act"))
            if action in STATUS_OF:
                village.set_status(target.remote_id, STATUS_OF[action], now=session.now)
                return STATUS_OF[action]
            if action == Action.UNLIKE:
                ours = reaction_uid("like", village.company, target.remote_id)
                village.remove(ours, now=session.now)
            else:
                village.react(action.value, by=village.company, to=target.remote_id, now=session.now)
            return None


# ---- access


@contextmanager
def _village(session: Session) -> Iterator[Village]:
    """The session's village at the session's time. Raises AuthExpired for an old token."""
    with _translated_errors(), Village(Path(session.settings.get("file", ""))) as village:
        if session.secret.get("token") != village.token:
            raise AuthExpired("revoked")
        village.advance(session.now)
        yield village


@contextmanager
def _translated_errors() -> Iterator[None]:
    """Trouble with the file as one of the five errors; nothing was stored then."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise TryLater("server_error") from error
    except sqlite3.DatabaseError as error:
        raise Rejected("not_this_network") from error
    except OSError as error:
        raise TryLater("unreachable") from error


def _before(fault: Fault | None) -> None:
    """The part of a fault that comes before anything is stored."""
    match fault:
        case Fault("try_later"):
            raise TryLater("server_error")
        case Fault("rate_limited"):
            raise TryLater("rate_limited", retry_after=timedelta(seconds=30))
        case Fault("auth_expired"):
            raise AuthExpired("revoked")
        case Fault("rejected"):
            raise Rejected("refused", "Das geht auf dem Dorfplatz nicht.")
        case Fault("cut_before"):
            raise OutcomeUnknown("cut")
        case Fault("hang", seconds):
            time.sleep(seconds)


def _after(fault: Fault | None) -> None:
    """The part of a fault that comes when all is stored."""
    match fault:
        case Fault("cut_after"):
            raise OutcomeUnknown("cut")
        case Fault("hang_after", seconds):
            time.sleep(seconds)


# ---- from the village to the desk


def _backfill(village: Village, cursor: Mapping[str, Any]) -> Batch:
    """One page of the past, from the latest to the earliest."""
    since = datetime.fromisoformat(cursor["since"])
    found = village.changes_before(cursor["back"], BATCH + 1, since=since)
    rows, more = found[:BATCH], len(found) > BATCH
    going_on = {"after": cursor["after"], "since": cursor["since"]}
    if more:
        going_on["back"] = rows[-1]["seq"]
    reached = min((_moment(row["created"]) for row in rows), default=since) if more else since
    news = village.top() > cursor["after"]
    return Batch(
        items=_items(village, rows, since), cursor=going_on, more=more or news, reached=max(reached, since)
    )


def _news(village: Village, cursor: Mapping[str, Any]) -> Batch:
    """What changed since the last time."""
    found = village.changes_after(cursor["after"], BATCH + 1)
    rows, more = found[:BATCH], len(found) > BATCH
    after = rows[-1]["seq"] if rows else cursor["after"]
    items = _items(
        village, [row for row in rows if not row["deleted"]], datetime.fromisoformat(cursor["since"])
    )
    gone = [row["uid"] for row in rows if row["deleted"]]
    return Batch(items=items, gone=gone, cursor={**cursor, "after": after}, more=more)


def _items(village: Village, rows: Sequence[sqlite3.Row], since: datetime) -> list[Item]:
    """The rows as items, and with them what is older than `since` but belongs to their conversations."""
    begin = since.timestamp()
    context = [row for row in village.forebears(rows, before=since) if not row["deleted"]]
    wanted = [row for row in (*context, *rows) if not _our_reaction(village, row)]
    people = _people(village, wanted)
    return [
        _item(row, people[row["author"]], ours=row["author"] == village.company, old=row["created"] < begin)
        for row in wanted
    ]


def _our_reaction(village: Village, row: sqlite3.Row) -> bool:
    return row["author"] == village.company and row["kind"] in {Kind.LIKE, Kind.SHARE, Kind.FOLLOW}


def _item(row: sqlite3.Row, author: Person, *, ours: bool, old: bool = False) -> Item:
    return Item(
        kind=Kind(row["kind"]),
        remote_id=row["uid"],
        thread_id=row["root"],
        parent_id=row["parent"],
        author=author,
        created_at=_moment(row["created"]),
        edited_at=_moment(row["edited"]) if row["edited"] is not None else None,
        text=tidy(row["text"]),
        title=row["title"],
        language=row["language"],
        stars=row["stars"],
        status=Status(row["status"]),
        visibility=Visibility(row["visibility"]),
        ours=ours,
        addressed=not old and not ours,
        raw={name: row[name] for name in ("uid", "kind", "author", "root", "parent", "text", "link")},
    )


def _people(village: Village, rows: Sequence[sqlite3.Row]) -> dict[str, Person]:
    return {key: _person(row) for key, row in village.people_of(rows).items()}


def _person(row: sqlite3.Row) -> Person:
    return Person(
        remote_id=row["key"],
        handle=row["handle"],
        name=row["name"],
        about=row["about"],
        followers=row["followers"],
    )


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


# ---- from the desk to the village


def _uid(draft: Draft, key: str) -> str:
    if draft.reply_to is None:
        return f"post-{key}"
    return f"message-{key}" if draft.reply_to.kind == Kind.MESSAGE else f"comment-{key}"


def _write(village: Village, draft: Draft, key: str, now: datetime) -> str:
    uid = _uid(draft, key)
    to = draft.reply_to.remote_id if draft.reply_to else ""
    if to and not village.entry(uid):
        asked = village.entry(to)
        if asked is None or asked["deleted"]:
            raise Rejected("gone")
    return village.write(
        uid.partition("-")[0],
        by=village.company,
        text=draft.text,
        now=now,
        uid=uid,
        to=to,
        media=draft.media,
        title=draft.title,
        language=draft.language,
        link=draft.link,
        status=(Status.SHOWN if draft.publish else Status.HELD).value,
    )


def _delivered(uid: str) -> Delivered:
    return Delivered(remote_id=uid)
