"""Reads a demo company's story (company.toml) and turns it into deeds with a time.

Times of the story are local (Europe/Berlin) and relative to the day on which the village is founded; live
events count in seconds from the moment of the founding.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime, time, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

STORY = Path(__file__).with_name("company.toml")
ZONE = ZoneInfo("Europe/Berlin")
EDITED_AFTER = timedelta(minutes=30)
DELETED_AFTER = timedelta(hours=2)
_WAIT = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")


class StoryError(ValueError):
    """The story does not hold together; the message names the place."""


@dataclass(frozen=True, kw_only=True)
class Deed:
    """Something that somebody does in the village at a time. `do` is write, edit or delete."""

    at: datetime
    do: str = "write"
    uid: str
    kind: str = ""
    by: str = ""
    to: str = ""
    text: str = ""
    language: str = ""
    stars: int | None = None
    on_answer: str = ""

    def details(self) -> dict[str, Any]:
        """All but the time, for JSON."""
        return {
            f.name: v
            for f in fields(self)
            if f.name != "at" and (v := getattr(self, f.name)) not in {"", None}
        }


@dataclass
class Story:
    company: Mapping[str, Any]
    people: list[Mapping[str, Any]]
    deeds: list[Deed] = field(default_factory=list)


def read(path: Path = STORY, *, start: datetime) -> Story:
    """The story in `path`, beginning at `start`. Raises StoryError where something in it does not fit."""
    return _Teller(path.name, _told(path, path.stat().st_mtime_ns), start).tell()


@lru_cache(maxsize=2)
def _told(path: Path, changed: int) -> Mapping[str, Any]:
    # Parsing five thousand lines takes longer than founding the village.
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise StoryError(f"{path.name}: {error}") from error


def wait(text: str) -> timedelta:
    """The duration written as 2h10m, 15m, 1d or 40s."""
    found = _WAIT.fullmatch(text.replace(" ", ""))
    if not found or not any(found.groups()):
        raise StoryError(f"{text!r} is no duration like 2h10m")
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)


class _Teller:
    def __init__(self, name: str, told: Mapping[str, Any], start: datetime) -> None:
        self.name, self.told, self.start = name, told, start
        self.people: set[str] = set()
        self.uids: dict[str, str] = {}
        self.times: dict[str, datetime] = {}
        self.threads: dict[str, str] = {}
        self.story = Story(company={}, people=[])
        self.count = 0

    def tell(self) -> Story:
        for part in ("company", "people"):
            if part not in self.told:
                raise StoryError(f"{self.name}: [{part}] is missing")
        self.story.company = self.told["company"]
        self.story.people = self.told["people"]
        self._meet([self.story.company, *self.story.people])
        for number, post in enumerate(self.told.get("posts", ()), 1):
            self._post(f"posts {number}", post)
        for kind, section in (("mention", "mentions"), ("message", "messages"), ("review", "reviews")):
            for where, entry in self._section(section):
                self._alone(where, kind, entry)
        for where, entry in self._section("follows"):
            self._react(where, "follow", entry, self._moment(where, entry))
        for where, entry in self._section("live"):
            self._live(where, entry)
        self.story.deeds.sort(key=lambda deed: deed.at)
        return self.story

    def _section(self, name: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
        for number, entry in enumerate(self.told.get(name, ()), 1):
            yield f"{name} {number}", entry

    def _meet(self, people: list[Mapping[str, Any]]) -> None:
        for person in people:
            key = self._take("people", person, "key")
            for needed in ("name", "handle"):
                self._take(f"person {key}", person, needed)
            if key in self.people:
                raise StoryError(f"{self.name}: there are two people with the key {key!r}")
            self.people.add(key)

    def _post(self, where: str, post: Mapping[str, Any]) -> None:
        uid = self._name(where, "post", post)
        by = self._by(where, {"by": self.story.company["key"], **post})
        self._write(where, Deed(at=self._moment(where, post), uid=uid, kind="post", by=by, **_words(post)))
        for number, comment in enumerate(post.get("comments", ()), 1):
            inside = f"{where}, comment {number}"
            to = self._uid(inside, comment["to"]) if comment.get("to") else uid
            moment = self.times[to] + self._wait(inside, comment)
            self._comment(inside, comment, to, moment)
        for number, reaction in enumerate(post.get("reactions", ()), 1):
            inside = f"{where}, reaction {number}"
            moment = self.times[uid] + self._wait(inside, reaction)
            self._react(inside, self._take(inside, reaction, "kind"), reaction, moment, to=uid)

    def _comment(self, where: str, entry: Mapping[str, Any], to: str, moment: datetime) -> None:
        uid = self._name(where, "comment", entry)
        by = self._by(where, entry)
        self._write(where, Deed(at=moment, uid=uid, kind="comment", by=by, to=to, **_words(entry)))
        if entry.get("edited"):
            text = str(entry["edited"]).strip()
            self.story.deeds.append(Deed(at=moment + EDITED_AFTER, do="edit", uid=uid, text=text))
        if entry.get("deleted"):
            self.story.deeds.append(Deed(at=moment + DELETED_AFTER, do="delete", uid=uid))

    def _alone(self, where: str, kind: str, entry: Mapping[str, Any], moment: datetime | None = None) -> None:
        """A mention, message or review; or an answer to one (`to`)."""
        moment = moment or self._moment(where, entry)
        if entry.get("to"):
            self._comment(where, entry, self._uid(where, entry["to"]), moment)
            return
        uid = self._name(where, kind, entry)
        stars = self._stars(where, entry) if kind == "review" else None
        to = ""
        if kind == "message":
            thread = self._take(where, entry, "thread")
            to = self.threads.get(thread, "")
            self.threads[thread] = uid
        by = self._by(where, entry)
        self._write(where, Deed(at=moment, uid=uid, kind=kind, by=by, to=to, stars=stars, **_words(entry)))

    def _live(self, where: str, entry: Mapping[str, Any]) -> None:
        moment = self.start + timedelta(seconds=float(self._take(where, entry, "after")))
        kind = self._take(where, entry, "kind")
        if kind in {"mention", "message", "review"}:
            self._alone(where, kind, entry, moment)
        elif kind == "follow":
            self._react(where, kind, entry, moment)
        elif kind in {"comment", "like", "share"}:
            to = self._uid(where, entry.get("to") or self._take(where, entry, "post"))
            moment = max(moment, self.times[to] + timedelta(seconds=5))
            if kind == "comment":
                self._comment(where, entry, to, moment)
            else:
                self._react(where, kind, entry, moment, to=to)
        else:
            raise StoryError(f"{self.name}, {where}: there is no kind {kind!r}")

    def _react(
        self, where: str, kind: str, entry: Mapping[str, Any], moment: datetime, *, to: str = ""
    ) -> None:
        if kind not in {"like", "share", "follow"}:
            raise StoryError(f"{self.name}, {where}: there is no reaction {kind!r}")
        by = self._by(where, entry)
        uid = reaction_uid(kind, by, to)
        self.story.deeds.append(Deed(at=moment, uid=uid, kind=kind, by=by, to=to))

    def _write(self, where: str, deed: Deed) -> None:
        if not deed.text:
            raise StoryError(f"{self.name}, {where}: there is no text")
        self.times[deed.uid] = deed.at
        self.story.deeds.append(deed)

    # what is looked up

    def _name(self, where: str, kind: str, entry: Mapping[str, Any]) -> str:
        self.count += 1
        key = str(entry.get("key", ""))
        if key in self.uids:
            raise StoryError(f"{self.name}, {where}: the key {key!r} is taken")
        uid = f"{kind}-{key or self.count}"
        if key:
            self.uids[key] = uid
        return uid

    def _uid(self, where: str, key: str) -> str:
        if key not in self.uids:
            raise StoryError(f"{self.name}, {where}: nothing before it has the key {key!r}")
        return self.uids[key]

    def _by(self, where: str, entry: Mapping[str, Any]) -> str:
        by = str(self._take(where, entry, "by"))
        by = str(self.story.company["key"]) if by == "company" else by
        if by not in self.people:
            raise StoryError(f"{self.name}, {where}: there is no person {by!r}")
        return by

    def _wait(self, where: str, entry: Mapping[str, Any]) -> timedelta:
        try:
            return wait(str(self._take(where, entry, "wait")))
        except StoryError as error:
            raise StoryError(f"{self.name}, {where}: {error}") from None

    def _moment(self, where: str, entry: Mapping[str, Any]) -> datetime:
        day = self.start.astimezone(ZONE).date() + timedelta(days=int(self._take(where, entry, "day")))
        try:
            clock = time.fromisoformat(str(self._take(where, entry, "time")))
        except ValueError:
            raise StoryError(f"{self.name}, {where}: {entry['time']!r} is no time like 08:30") from None
        return datetime.combine(day, clock, ZONE)

    def _stars(self, where: str, entry: Mapping[str, Any]) -> int:
        stars = int(self._take(where, entry, "stars"))
        if not 1 <= stars <= 5:
            raise StoryError(f"{self.name}, {where}: {stars} stars, but there are one to five")
        return stars

    def _take(self, where: str, entry: Mapping[str, Any], key: str) -> Any:
        if key not in entry:
            raise StoryError(f"{self.name}, {where}: {key!r} is missing")
        return entry[key]


def reaction_uid(kind: str, by: str, to: str = "") -> str:
    """The id of a reaction: one person reacts to one thing in one way once."""
    return f"{kind}-{by}-{to}" if to else f"{kind}-{by}"


def _words(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "text": str(entry.get("text", "")).strip(),
        "language": str(entry.get("lang", "")),
        "on_answer": str(entry.get("on_answer", "")).strip(),
    }
