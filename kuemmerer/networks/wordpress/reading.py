"""Comments in, page by page, so that none is lost.

The list is walked by id, newest first, in every status at once. By date it would miss things: a comment
released from moderation keeps its old date, an imported one has any date, and WordPress compares `after` with
the site's local time, in which an hour of autumn happens twice. The newest hundred are compared with what
they were at the last look, so edits, releases and deletions among them show up without asking again.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from kuemmerer.networks.base import Batch, Item, Status
from kuemmerer.networks.errors import Rejected, TryLater
from kuemmerer.networks.wordpress.records import (
    COMMENT_FIELDS,
    POST_FIELDS,
    comment_item,
    digest,
    moment,
    post_item,
    status_of,
)
from kuemmerer.networks.wordpress.site import Page, Site, number

PAGE = 100
OVERLAP = 5
"""Rows asked for twice, so that deletions between two pages cannot push a comment past us unseen."""
KEPT = 150
KEPT_PENDING = 100
KEPT_POSTS = 500
MAX_STEPS_BACK = 5
_ROUTE = re.compile(r"wp/v2/([a-z0-9_-]+)/(\d+)/?(?:[?&].*)?$", re.IGNORECASE)


@dataclass
class Walk:
    """A walk down the list that is still under way."""

    top: int = 0
    offset: int = 0
    last: int = 0
    size: int = PAGE
    back: int = 0


@dataclass
class Memory:
    """What the cursor holds: how far everything is known, and how it looked."""

    since: datetime
    seen: int = 0
    walk: Walk = field(default_factory=Walk)
    known: dict[int, str] = field(default_factory=dict)
    held: set[int] = field(default_factory=set)
    spam: set[int] = field(default_factory=set)
    """Both may yet come to light."""
    posts: dict[int, int] = field(default_factory=dict)
    """The posts we have shown already, with the user who wrote each."""

    @classmethod
    def of(cls, cursor: Mapping[str, Any], since: datetime) -> Memory:
        memory = cls(since=since.astimezone(UTC).replace(microsecond=0))
        with contextlib.suppress(TypeError, ValueError):
            memory.since = datetime.fromisoformat(cursor["since"]) if cursor.get("since") else memory.since
        memory.seen = number(cursor.get("seen"))
        walk = _mapping(cursor.get("walk"))
        memory.walk = Walk(**{key: number(walk.get(key)) for key in ("top", "offset", "last", "back")})
        memory.walk.size = number(walk.get("size")) or PAGE
        memory.known = {number(key): str(value) for key, value in _mapping(cursor.get("known")).items()}
        memory.held = {number(value) for value in cursor.get("held") or ()}
        memory.spam = {number(value) for value in cursor.get("spam") or ()}
        memory.posts = {number(key): number(value) for key, value in _mapping(cursor.get("posts")).items()}
        return memory

    def as_cursor(self) -> dict[str, Any]:
        held = sorted(self.held, reverse=True)[:KEPT_PENDING]
        spam = sorted(self.spam, reverse=True)[:KEPT_PENDING]
        keep = {*sorted(self.known, reverse=True)[:KEPT], *held, *spam}
        return {
            "since": self.since.isoformat(),
            "seen": self.seen,
            "walk": vars(self.walk),
            "known": {str(key): value for key, value in self.known.items() if key in keep},
            "held": held,
            "spam": spam,
            "posts": {str(key): self.posts[key] for key in sorted(self.posts)[-KEPT_POSTS:]},
        }

    def changed(self, row: Mapping[str, Any]) -> bool:
        """Whether this row is new or differs from the last look; from now on it is known."""
        identity, now = number(row.get("id")), digest(row)
        before = self.known.get(identity)
        self.known[identity] = now
        status = status_of(row)
        (self.held.add if status is Status.HELD else self.held.discard)(identity)
        (self.spam.add if status is Status.SPAM else self.spam.discard)(identity)
        return before != now

    def forget(self, identities: Iterable[int]) -> None:
        for identity in identities:
            self.known.pop(identity, None)
            self.held.discard(identity)
            self.spam.discard(identity)


def _mapping(value: Any) -> Mapping[Any, Any]:
    return value if isinstance(value, Mapping) else {}


class Reader:
    """One call of `fetch` or `refresh`."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.session = site.session

    # ---- fetch

    def fetch(self, cursor: Mapping[str, Any], since: datetime) -> Batch:
        memory = Memory.of(cursor, since)
        if not self.site.edits:
            # What everyone may read comes without a login too: a withdrawn one would go unnoticed.
            self.site.me()
        page = self._next_page(memory)
        if page is None:
            return Batch(cursor=memory.as_cursor(), more=True)
        rows = {number(row.get("id")): row for row in page.rows if number(row.get("id"))}
        floor = memory.seen
        lost = self._missing(memory, page, rows)
        more = self._advance(memory, page, rows)
        fresh = [row for key, row in rows.items() if self._wanted(memory, row, floor) and memory.changed(row)]
        gone: list[int] = []
        if not more:
            others, gone = self._loose_ends(memory, rows, lost)
            fresh += others
        items = self._items(memory, fresh)
        reached = min((moment(row, self.session.now) for row in rows.values()), default=None)
        return Batch(
            items=items,
            gone=[f"comment-{key}" for key in gone],
            cursor=memory.as_cursor(),
            more=more,
            reached=max(reached, memory.since) if reached and more else None,
        )

    def _query(self, **more: Any) -> dict[str, Any]:
        """The widest view that our rights allow."""
        query: dict[str, Any] = {"orderby": "id", "order": "desc", "_fields": COMMENT_FIELDS, **more}
        if self.site.edits:
            query = {"status": "any", "type": "all", **query}
        if self.site.moderates:
            query["context"] = "edit"
        return query

    def _next_page(self, memory: Memory) -> Page | None:
        """The next page of the walk; None if it was too large and a smaller one has to be asked for."""
        walk = memory.walk
        query = self._query(per_page=walk.size, offset=walk.offset)
        if not memory.seen:
            # A day more, for what local time does to the comparison.
            query["after"] = utc(memory.since - timedelta(days=1))
        try:
            return self.site.page("wp/v2/comments", query)
        except Rejected as error:
            if error.code != "too_large":
                raise
        if walk.size > 1:
            walk.size //= 10
        else:
            walk.offset += 1
        return None

    def _advance(self, memory: Memory, page: Page, rows: Mapping[int, Any]) -> bool:
        """Move the walk on; whether it goes on."""
        walk = memory.walk
        walk.top = max(walk.top, memory.seen, *rows)
        if (
            walk.last
            and (not rows or max(rows) < walk.last)
            and walk.size == PAGE
            and walk.back < MAX_STEPS_BACK
        ):
            # More went away between two pages than the overlap holds.
            walk.back += 1
            walk.offset = max(0, walk.offset - PAGE)
            walk.last = 0
            return True
        asked = walk.offset + walk.size
        at_end = asked >= page.total if page.total is not None else len(page.rows) < walk.size
        if at_end or (rows and min(rows) <= memory.seen) or (not rows and page.total is None):
            memory.seen, memory.walk = walk.top, Walk()
            return False
        walk.last = min(rows) if rows else walk.last
        walk.offset = asked - (OVERLAP if walk.size == PAGE else 0)
        return True

    def _wanted(self, memory: Memory, row: Mapping[str, Any], floor: int) -> bool:
        identity = number(row.get("id"))
        if identity in memory.known or (floor and identity > floor):
            return True
        return moment(row, self.session.now) >= memory.since

    def _missing(self, memory: Memory, page: Page, rows: Mapping[int, Any]) -> set[int]:
        """Known comments that should be on this page and are not. Without a total nothing is proved."""
        if page.total is None:
            return set()
        walk = memory.walk
        down_to_the_end = walk.offset + walk.size >= page.total
        low = 0 if down_to_the_end else min(rows, default=walk.top + 1)
        high = max(walk.top, *memory.known, 0) if walk.offset == 0 else max(rows, default=0)
        return {key for key in memory.known if low <= key <= high and key not in rows}

    def _loose_ends(
        self, memory: Memory, rows: Mapping[int, Any], lost: set[int]
    ) -> tuple[list[dict[str, Any]], list[int]]:
        """What the walk did not show: the moderation queue, and what became of pending or missing ones."""
        found: list[dict[str, Any]] = []
        shown = set(rows)
        if self.site.edits:
            held = self.site.page("wp/v2/comments", self._query(per_page=PAGE, status="hold"))
            shown |= {number(row.get("id")) for row in held.rows}
            found += [row for row in held.rows if number(row.get("id")) and memory.changed(row)]
        open_questions = sorted((memory.held | memory.spam | lost) - shown, reverse=True)[:PAGE]
        if not open_questions:
            return found, []
        answer, gone = self._look_up(open_questions)
        found += [row for row in answer if memory.changed(row)]
        memory.forget(gone)
        return found, gone

    def _look_up(self, identities: Sequence[int]) -> tuple[list[dict[str, Any]], list[int]]:
        """The present records of these comments, and which of them no longer exist."""
        if not identities:
            return [], []
        page = self.site.page(
            "wp/v2/comments", self._query(per_page=PAGE, include=",".join(map(str, identities)))
        )
        rows = [row for row in page.rows if number(row.get("id")) in identities]
        there = {number(row.get("id")) for row in rows}
        # No total: not WordPress itself answered. Fewer rows than it counts: we may not see them all.
        proved = page.total is not None and page.total <= len(page.rows)
        return rows, [key for key in identities if key not in there] if proved else []

    # ---- the posts above the comments

    def _items(self, memory: Memory, rows: Iterable[Mapping[str, Any]]) -> list[Item]:
        """Items for these rows, oldest first, each post that is new to the desk before its comments."""
        ordered = sorted(
            {number(row.get("id")): row for row in rows}.values(), key=lambda row: number(row.get("id"))
        )
        wanted = {number(row.get("post")): number(row.get("id")) for row in ordered}
        unknown = {post: comment for post, comment in wanted.items() if post and post not in memory.posts}
        items: list[Item] = []
        for record in self._posts(unknown):
            memory.posts[number(record.get("id"))] = number(record.get("author"))
            items += [item for item in [post_item(record, self.session)] if item]
        for row in ordered:
            item = comment_item(row, self.session, post_author=memory.posts.get(number(row.get("post")), 0))
            items += [item] if item else []
        return items

    def _posts(self, wanted: Mapping[int, int]) -> list[dict[str, Any]]:
        """The posts with these ids. The value, a comment under each, leads to those of other types."""
        found: list[dict[str, Any]] = []
        identities = sorted(wanted)
        for start in range(0, len(identities), 10):
            found += self._posts_of_type("posts", identities[start : start + 10])
        there = {number(record.get("id")) for record in found}
        for post in identities:
            if post not in there:
                found += self._other_type(post, wanted[post])
        return found

    def _posts_of_type(self, base: str, identities: Sequence[int]) -> list[dict[str, Any]]:
        query = {"include": ",".join(map(str, identities)), "per_page": PAGE, "_fields": POST_FIELDS}
        if self.site.edits:
            query["status"] = "any,trash"
        try:
            rows = self.site.page(f"wp/v2/{base}", query).rows
        except Rejected:
            return []  # a conversation can be answered without its root
        return [row for row in rows if number(row.get("id")) in identities]

    def _other_type(self, post: int, comment: int) -> list[dict[str, Any]]:
        """A page, a product or the like: the comment's own link says under which route it lives."""
        try:
            record = self.site.get(f"wp/v2/comments/{comment}", {"_fields": "_links"}) if comment else {}
        except (Rejected, TryLater) as error:
            if isinstance(error, TryLater) and error.code != "bad_answer":
                raise
            return []
        up = _mapping(record.get("_links")).get("up")
        links = up if isinstance(up, list) else []
        for link in links:
            route = _ROUTE.search(str(_mapping(link).get("href") or ""))
            if route and number(route.group(2)) == post:
                return self._posts_of_type(route.group(1), [post])
        return []

    # ---- refresh

    def refresh(self, remote_ids: Sequence[str]) -> Batch:
        comments = [number(key) for key in remote_ids if key.startswith("comment-") and number(key)]
        posts = [number(key) for key in remote_ids if key.startswith("post-") and number(key)]
        rows, gone = self._look_up(comments)
        found = [comment_item(row, self.session, post_author=self._author(row)) for row in rows]
        gone_ids = [f"comment-{key}" for key in gone]
        records, gone_posts = self._refresh_posts(posts)
        found += [post_item(record, self.session) for record in records]
        gone_ids += [f"post-{key}" for key in gone_posts]
        return Batch(items=[item for item in found if item], gone=gone_ids)

    def _author(self, row: Mapping[str, Any]) -> int:
        """Who wrote the post above: asked only where the comment is a user's."""
        user, post = number(row.get("author")), number(row.get("post"))
        if not user or not post or user == self.site.user_id:
            return 0
        return next((number(record.get("author")) for record in self._posts_of_type("posts", [post])), 0)

    def _refresh_posts(self, posts: Sequence[int]) -> tuple[list[dict[str, Any]], list[int]]:
        records: list[dict[str, Any]] = []
        gone: list[int] = []
        for post in posts:
            found = self._posts_of_type("posts", [post]) or self._posts_of_type("pages", [post])
            if not found:
                under = self.site.page("wp/v2/comments", self._query(per_page=1, post=post))
                found = self._other_type(post, number(under.rows[0].get("id"))) if under.rows else []
                if not under.rows and under.total == 0:
                    gone.append(post)
            records += found
        return records, gone


def utc(value: datetime) -> str:
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
