"""Walking the list of notifications: newest first, page by page, without losing one.

Three traps lie in that list. It is sorted by the time an author's clock gave, so what arrives late may stand
below what was read long ago. Its pages are cut by that time alone, so of several with equal times some would
fall between two pages. And it grows at the top while one walks down.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from kuemmerer.networks.bluesky.api import Api
from kuemmerer.networks.bluesky.identifiers import parse_time
from kuemmerer.networks.bluesky.records import dig, objects, text
from kuemmerer.networks.errors import TryLater

PAGE = 40
OVERLAP = timedelta(minutes=10)
"""How far below the newest one known every walk goes again."""
MAX_PAGES = 2000
MAX_SEEN = 400


@dataclass(frozen=True)
class Place:
    """Where a walk stands; survives as JSON between two calls, also between two processes.

    `newest`: up to here everything was handed out. `floor`: nothing older is ever of interest. `page`: the
    network's cursor within a walk under way, `top` the newest and `seen` the marks of what that walk met.
    """

    floor: datetime
    newest: datetime | None = None
    page: str = ""
    pages: int = 0
    top: datetime | None = None
    known: tuple[str, ...] = ()
    seen: tuple[str, ...] = ()

    @classmethod
    def read(cls, cursor: Mapping[str, Any], since: datetime) -> Place:
        return cls(
            floor=parse_time(cursor.get("floor")) or since,
            newest=parse_time(cursor.get("newest")),
            page=text(cursor, "page"),
            pages=cursor["pages"] if isinstance(cursor.get("pages"), int) else 0,
            top=parse_time(cursor.get("top")),
            known=_marks(cursor.get("known")),
            seen=_marks(cursor.get("seen")),
        )

    def written(self) -> dict[str, Any]:
        """As JSON, without what is empty."""
        whole = {
            "floor": self.floor.isoformat(),
            "newest": self.newest.isoformat() if self.newest else "",
            "page": self.page,
            "pages": self.pages,
            "top": self.top.isoformat() if self.top else "",
            "known": list(self.known),
            "seen": list(self.seen),
        }
        return {key: value for key, value in whole.items() if value}

    @property
    def until(self) -> datetime:
        """The walk may end below this time."""
        return self.floor if self.newest is None else max(self.floor, self.newest - OVERLAP)


@dataclass(frozen=True)
class Page:
    """The new notifications of one page, the place after it, and whether the walk goes on."""

    notes: Sequence[Mapping[str, Any]]
    place: Place
    more: bool
    reached: datetime | None


def next_page(api: Api, place: Place) -> Page:
    """Read the next page. What an earlier walk handed out is left out as far as it is remembered."""
    params: dict[str, Any] = {"limit": PAGE, "priority": "false"}
    if place.page:
        params["cursor"] = place.page
    answer = api.query("app.bsky.notification.listNotifications", **params)
    if not isinstance(answer.get("notifications"), list):
        raise TryLater("bad_answer")
    notes = list(objects(answer, "notifications"))
    times = [moment for note in notes if (moment := parse_time(dig(note, "indexedAt"))) is not None]
    lowest = min(times, default=None)
    page = _following(text(answer, "cursor"), place.page, times)
    more = bool(page and notes) and place.pages < MAX_PAGES and (lowest is None or lowest >= place.until)
    marks = {mark(note): note for note in notes}
    fresh = [
        note
        for name, note in marks.items()
        if name not in place.known and name not in place.seen and not too_old(note, place.floor)
    ]
    walked = replace(
        place,
        page=page,
        pages=place.pages + 1,
        top=max([moment for moment in (place.top, *times) if moment is not None], default=None),
        seen=tuple(dict.fromkeys((*place.seen, *marks)))[:MAX_SEEN],
    )
    now = api.session.now
    return Page(fresh, walked if more else _arrived(walked, now), more, reached=lowest)


def latest(api: Api, reasons: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    """The hundred latest notifications with one of these reasons, by their marks."""
    params = {"limit": 100, "priority": "false", "reasons": list(reasons)}
    answer = api.query("app.bsky.notification.listNotifications", **params)
    return {mark(note): note for note in objects(answer, "notifications")}


def mark(note: Mapping[str, Any]) -> str:
    """A short name of a notification in this version: an edited post gets another one."""
    whole = "\n".join(text(note, key) for key in ("uri", "reason", "cid"))
    return hashlib.blake2s(whole.encode("utf-8", "replace"), digest_size=6).hexdigest()


def _arrived(place: Place, now: datetime) -> Place:
    """The place after a finished walk. A server whose clock is ahead of ours must not make us skip."""
    found = [moment for moment in (place.newest, min(place.top, now) if place.top else None) if moment]
    return Place(floor=place.floor, newest=max(found, default=place.floor), known=place.seen)


def _following(cursor: str, before: str, times: Sequence[datetime]) -> str:
    """The cursor for the next page: a moment above the network's, so that equal times are not torn apart."""
    moment = parse_time(cursor)
    if moment is None:
        return cursor if cursor != before else ""
    if times and min(times) < max(times):
        raised = (moment + timedelta(milliseconds=1)).isoformat(timespec="milliseconds")
        return raised.replace("+00:00", "Z")
    # A whole page of one moment: raising the cursor would bring the same page for ever.
    return cursor if cursor != before else ""


def too_old(note: Mapping[str, Any], floor: datetime) -> bool:
    moment = parse_time(dig(note, "indexedAt"))
    return moment is not None and moment < floor


def _marks(value: Any) -> tuple[str, ...]:
    return tuple(entry for entry in value if isinstance(entry, str)) if isinstance(value, list) else ()
