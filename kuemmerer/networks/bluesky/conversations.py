"""One fetch: what is new in the notifications, and the conversations it belongs to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from kuemmerer.networks.base import Batch, Item
from kuemmerer.networks.bluesky import threads
from kuemmerer.networks.bluesky.api import POST, Api
from kuemmerer.networks.bluesky.identifiers import parse_time, parse_uri
from kuemmerer.networks.bluesky.items import CONVERSATION, REACTIONS, Reader
from kuemmerer.networks.bluesky.notifications import Place, latest, next_page, too_old
from kuemmerer.networks.bluesky.records import dig, number, objects, text
from kuemmerer.networks.errors import NetworkError
from kuemmerer.networks.session import Session

SWEEP = timedelta(minutes=15)
"""How often our own posts are looked through for answers of which no notification came."""
SWEPT_POSTS = 50
SWEPT_THREADS = 10
OWN_ANSWERS = 25
"""How many of our latest posts are looked through for answers written in another app."""
OWN_PATIENCE = timedelta(days=1)
"""How long an answer of ours that the network does not show yet is looked for."""


def fetch(session: Session, cursor: Mapping[str, Any], *, since: datetime) -> Batch:
    """One page of notifications with their conversations; after the last one our answers from other apps and,
    if due, a look at our posts.
    """
    api = Api(session)
    page = next_page(api, Place.read(cursor, since))
    gathered = Gathered(api, page.place.floor)
    gathered.take(page.notes)
    swept = {key: cursor[key] for key in ("swept", "counts", "told", "own") if key in cursor}
    more = page.more
    if not more:
        swept["own"] = _take_own(api, gathered, swept.get("own"))
    if not more and _due(swept, session.now):
        swept["told"] = _take_late(api, gathered, swept.get("told"), page.place)
        swept, more = _sweep(api, gathered, swept, page.place.floor)
    return Batch(
        items=gathered.items(),
        cursor={**page.place.written(), **swept},
        more=more,
        reached=page.reached,
    )


class Gathered:
    """Posts and reactions on their way into one batch."""

    def __init__(self, api: Api, floor: datetime) -> None:
        self.api = api
        self.floor = floor
        self.reader = Reader(api.did, api.session.now)
        self._views: dict[str, Mapping[str, Any]] = {}
        self._reasons: dict[str, str] = {}
        self._reactions: list[Mapping[str, Any]] = []

    def take(self, notes: Iterable[Mapping[str, Any]]) -> None:
        """Notifications; those with a reason we do not know are passed over."""
        talk = {}
        for note in notes:
            reason, uri = text(note, "reason"), text(note, "uri")
            if reason in CONVERSATION and parse_uri(uri) is not None:
                talk[uri] = note
                # The same post may be told twice, as answer and as mention; an answer says more.
                if self._reasons.get(uri) != "reply":
                    self._reasons[uri] = reason
            elif reason in REACTIONS:
                self._reactions.append(note)
        self._views.update(talk)
        for uri, note in talk.items():
            self._read_around(uri, note)

    def _read_around(self, uri: str, note: Mapping[str, Any]) -> None:
        # A notification and a thread's post have the same fields; a thread's also counts the answers.
        if "replyCount" in self._views.get(uri, {}):
            return
        root = text(note, "record", "reply", "root", "uri") or uri
        if self.reader.is_ours(root) and root not in self._views:
            self.read_whole(root)
        if "replyCount" not in self._views.get(uri, {}):
            self._read(lambda: threads.around(self.api, uri))

    def read_own(self, uri: str) -> bool:
        """An answer of ours and what it answers; False if it is not shown just now."""
        if uri not in self._views:
            self._read(lambda: threads.around(self.api, uri))
        return uri in self._views

    def read_whole(self, root: str) -> bool:
        """The whole thread under a post of ours; False if it cannot be read just now."""
        return self._read(lambda: threads.whole(self.api, root))

    def _read(self, call: Callable[[], Mapping[str, Mapping[str, Any]]]) -> bool:
        try:
            self._views.update(call())
        except NetworkError as error:
            if not threads.tolerable(error):
                raise
            return False
        return True

    def items(self) -> Sequence[Item]:
        """Each once, in the order of writing: a parent comes before its answers."""
        posts = [
            self.reader.post(view, reason=self._reasons.get(uri, ""), addressed=self._below_us(view))
            for uri, view in self._views.items()
        ]
        subjects = self._subjects()
        reactions = [
            self.reader.reaction(note, subjects.get(text(note, "reasonSubject"))) for note in self._reactions
        ]
        found = {item.remote_id: item for item in (*posts, *reactions) if item is not None}
        dated = [self._dated(item, found.get(item.parent_id)) for item in found.values()]
        return self._with_profiles(sorted(dated, key=lambda item: item.created_at))

    def _dated(self, item: Item, parent: Item | None) -> Item:
        """The item as late as what it answers; and a case only if it is not older than the backfill goes."""
        if parent is not None and item.created_at < parent.created_at:
            item = replace(item, created_at=parent.created_at)
        told = item.remote_id in self._reasons or item.kind in REACTIONS.values()
        return item if told or item.created_at >= self.floor else replace(item, addressed=False)

    def _below_us(self, view: Mapping[str, Any]) -> bool:
        """Whether one of the five posts above is ours: so far the network itself notifies."""
        for _ in range(5):
            parent = text(view, "record", "reply", "parent", "uri")
            if self.reader.is_ours(parent):
                return True
            if parent not in self._views:
                return False
            view = self._views[parent]
        return False

    def _subjects(self) -> Mapping[str, Mapping[str, Any]]:
        """The posts that reactions refer to, for the thread they stand in."""
        wanted = {uri for note in self._reactions if _is_post(uri := text(note, "reasonSubject"))}
        known = {uri: self._views[uri] for uri in wanted if uri in self._views}
        missing = sorted(wanted - set(known))
        return {**known, **self.api.posts(missing)} if missing else known

    def _with_profiles(self, items: Sequence[Item]) -> Sequence[Item]:
        authors = sorted({item.author.remote_id for item in items if item.addressed and not item.ours})
        try:
            profiles = self.api.profiles(authors) if authors else {}
        except NetworkError as error:
            if not threads.tolerable(error):
                raise
            profiles = {}
        reader = Reader(self.api.did, self.api.session.now, profiles)
        return [reader.detailed(item) for item in items]


def _due(swept: Mapping[str, Any], now: datetime) -> bool:
    last = parse_time(swept.get("swept"))
    return last is None or not last <= now < last + SWEEP


def _take_late(api: Api, gathered: Gathered, told: Any, place: Place) -> list[str]:
    """Take what came to stand far below what was read; returns the marks of all that stands there now.

    A bridge from another network delivers with the original's date, hours late, and hundreds of likes may
    stand above it. So look now and then through the latest words alone.
    """
    try:
        words = latest(api, tuple(CONVERSATION))
    except NetworkError as error:
        if not threads.tolerable(error):
            raise
        return told if isinstance(told, list) else []
    before = {*told, *place.known} if isinstance(told, list) else None
    if before is not None:
        # At the very first time all of them have just been handed out by the backfill.
        late = [note for name, note in words.items() if name not in before]
        gathered.take(note for note in late if not too_old(note, place.floor))
    return list(words)


def _take_own(api: Api, gathered: Gathered, known: Any) -> list[str]:
    """Take what our account answered in another app, of which nobody notifies us; returns the keys of our
    latest posts.

    They are remembered one by one: the keys say when a draft was written, not when it was sent.
    """
    before = known if isinstance(known, list) else []
    try:
        answer = api.query("com.atproto.repo.listRecords", repo=api.did, collection=POST, limit=OWN_ANSWERS)
    except NetworkError as error:
        if not threads.tolerable(error):
            raise
        return before
    keys = []
    for record in objects(answer, "records"):
        parts = parse_uri(text(record, "uri"))
        if parts is None or not gathered.reader.is_ours(text(record, "uri")):
            continue
        written = parse_time(dig(record, "value", "createdAt")) or gathered.floor
        wanted = text(record, "value", "reply", "parent", "uri") and written >= gathered.floor
        if wanted and parts.rkey not in before:
            shown = gathered.read_own(text(record, "uri"))
            if not shown and written > api.session.now - OWN_PATIENCE:
                continue
        keys.append(parts.rkey)
    return keys


def _sweep(
    api: Api, gathered: Gathered, swept: Mapping[str, Any], floor: datetime
) -> tuple[dict[str, Any], bool]:
    """Read the threads of our newest posts whose number of answers has changed; and whether more wait.

    So nothing is lost that no notification told of: muted threads, answers dated back by a wrong clock.
    """
    counts = _counts(api, floor)
    if counts is None:
        return {**swept, "swept": api.session.now.isoformat()}, False
    before = swept.get("counts")
    known = {key: value for key, value in before.items() if key in counts} if isinstance(before, dict) else {}
    changed = [uri for uri, count in counts.items() if count != known.get(uri, 0)]
    for uri in changed[:SWEPT_THREADS]:
        gathered.read_whole(uri)
        known[uri] = counts[uri]
    more = len(changed) > SWEPT_THREADS
    return {**swept, "counts": known, "swept": "" if more else api.session.now.isoformat()}, more


def _counts(api: Api, floor: datetime) -> dict[str, int] | None:
    """How many answers our newest posts have; None if the network does not tell just now."""
    try:
        answer = api.query(
            "app.bsky.feed.getAuthorFeed", actor=api.did, filter="posts_with_replies", limit=SWEPT_POSTS
        )
    except NetworkError as error:
        if not threads.tolerable(error):
            raise
        return None
    counts = {}
    for entry in objects(answer, "feed"):
        uri, written = text(entry, "post", "uri"), parse_time(dig(entry, "post", "indexedAt"))
        ours = uri.startswith(f"at://{api.did}/") and dig(entry, "reason") is None
        count = number(entry, "post", "replyCount")
        if ours and count and written is not None and written >= floor:
            counts[uri] = count
    return counts


def refresh(session: Session, remote_ids: Sequence[str]) -> Batch:
    """The present state of posts. Reactions cannot be asked for by their id: neither confirmed nor gone."""
    api = Api(session)
    reader = Reader(api.did, session.now)
    wanted = [uri for uri in remote_ids if _is_post(uri)]
    views = api.posts(wanted) if wanted else {}
    items = [item for view in views.values() if (item := reader.post(view)) is not None]
    gone = [uri for uri in wanted if uri not in views and not _still_there(api, uri)]
    return Batch(items=items, gone=gone)


def _still_there(api: Api, uri: str) -> bool:
    """Whether a post that is not shown exists all the same: just written, or its author blocks us."""
    parts = parse_uri(uri)
    if parts is not None and parts.authority == api.did:
        return api.record(parts.collection, parts.rkey) is not None
    return threads.exists(api, uri)


def _is_post(uri: str) -> bool:
    parts = parse_uri(uri)
    return parts is not None and parts.collection == POST and parts.rkey != ""
