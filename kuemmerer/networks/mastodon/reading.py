"""What is new at the server: notifications, the conversations around them, and answers nobody told us of."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any

from kuemmerer.networks.base import Batch, Item
from kuemmerer.networks.errors import AuthExpired, NetworkError, Rejected, TryLater
from kuemmerer.networks.mastodon import login
from kuemmerer.networks.mastodon.api import Api, Record, ident, number, part, status_path, text
from kuemmerer.networks.mastodon.parse import (
    HEARD,
    REACTIONS,
    Me,
    is_status,
    item,
    lost_mention,
    moment,
    reaction,
    real,
)
from kuemmerer.networks.mastodon.threads import BudgetSpentError, Threads
from kuemmerer.networks.session import Session

NOTIFICATIONS = "/api/v1/notifications"
PAGE = 30
SMALLEST_PAGE = 15
"""No server's page is smaller: what is shorter is all there is."""
MOST_PAGES = 40
WATCHED = 40
"""How many of our latest statuses are watched for answers that bring no notification."""
OVERLAP = timedelta(minutes=2)
"""Servers number notifications before they show them: what is younger may still get one below it."""
PATIENCE = 3
"""How often a conversation may fail to load before its mention is taken without it."""
MOST_ITEMS = 1000


@dataclass
class Harvest:
    """What one fetch has gathered so far."""

    me: Me
    threads: Threads
    now: datetime
    since: datetime
    notified: dict[str, str] = field(default_factory=dict)
    reactions: list[Record] = field(default_factory=list)
    lost: list[Record] = field(default_factory=list)

    def take(self, notification: Record, *, alone: bool = False) -> None:
        """One notification with its conversation; `alone` without it."""
        kind = text(notification.get("type"))
        if kind not in HEARD:
            return
        status = real(part(notification, "status"))
        status_id = ident(status.get("id"))
        if kind in REACTIONS:
            if status_id and not ident(status.get("in_reply_to_id")):
                self.threads.learn([status])
            self.reactions.append(notification)
        elif not status_id:
            self.lost.append(notification)
        else:
            self.threads.learn([status])
            if not alone:
                self.threads.complete(status)
            self.notified.setdefault(status_id, kind)

    def items(self) -> list[Item]:
        found: dict[str, Item] = {}
        for status_id, status in self.threads.statuses.items():
            if not self.threads.is_placed(status_id) and status_id not in self.notified:
                continue
            found[status_id] = item(
                status,
                self.me,
                thread_id=self.threads.root(status_id),
                now=self.now,
                since=self.since,
                notified=self.notified.get(status_id, ""),
            )
        for notification in self.reactions:
            about = ident(real(part(notification, "status")).get("id"))
            done = reaction(
                notification, self.me, thread_id=self.threads.root(about) if about else "", now=self.now
            )
            found[done.remote_id] = done
        for notification in self.lost:
            mention = lost_mention(notification, self.me, now=self.now)
            found[mention.remote_id] = mention
        # Of an endless conversation between others we keep what concerns us, and of the rest the newest.
        kept = sorted(found.values(), key=lambda one: (one.addressed or one.ours, one.created_at))[
            -MOST_ITEMS:
        ]
        return sorted(kept, key=lambda one: one.created_at)


def fetch(session: Session, cursor: Mapping[str, Any], *, since: datetime) -> Batch:
    """See `Connector.fetch`.

    The cursor: `newest`, the notification after which a fetch begins, and `taken`, those after it that are
    done; during a backfill `older`, from which it goes on downwards while `newest` stays where it began, so
    that what arrives meanwhile is found afterwards; `replies`, our latest statuses and how many answers each
    had; `stuck`, a notification whose conversation failed to load, and how often.
    """
    api, me = Api(session), Me.of(session.settings)
    harvest = Harvest(me=me, threads=Threads(api), now=session.now, since=since)
    if text(cursor.get("newest")) and "older" not in cursor:
        after, more, reached = _forward(api, harvest, cursor)
    else:
        after, more, reached = _backward(api, harvest, cursor)
    if not more:
        more = _watch(api, harvest, after)
    else:
        _note_counts(harvest, after)
    return Batch(items=harvest.items(), cursor=after, more=more, reached=reached)


_Step = tuple[dict[str, Any], bool, datetime | None]


def _forward(api: Api, harvest: Harvest, cursor: Mapping[str, Any]) -> _Step:
    """What came after `newest` and was not taken yet, oldest first."""
    taken = cursor.get("taken")
    done = {ident(one) for one in taken} if isinstance(taken, (list, tuple)) else set()
    after = dict(cursor)
    records = found = _since(api, text(cursor["newest"]))
    while len(found) >= SMALLEST_PAGE and done.issuperset(ident(record["id"]) for record in found):
        records = (found := _since(api, ident(found[0]["id"]))) + records
    fresh = [record for record in reversed(records) if ident(record["id"]) not in done]
    for notification in fresh:
        if not _taken(harvest, notification, cursor, after):
            return _begin_again(after, records, done, harvest.now), "stuck" not in after, None
        done.add(ident(notification["id"]))
    return _begin_again(after, records, done, harvest.now), bool(fresh), None


def _begin_again(
    after: Mapping[str, Any], records: Sequence[Record], done: Collection[str], now: datetime
) -> dict[str, Any]:
    """The cursor for the next fetch: it begins after the last of these (newest first) below which nothing
    can come any more.
    """
    newest, young = text(after.get("newest")), list(records)
    while young and ident(young[-1]["id"]) in done and _is_settled(young[-1], now):
        newest = ident(young.pop()["id"])
    taken = [ident(record["id"]) for record in young if ident(record["id"]) in done]
    return {**after, "newest": newest, "taken": taken}


def _is_settled(notification: Record, now: datetime) -> bool:
    created = moment(notification.get("created_at"))
    return created is None or created < now - OVERLAP


def _since(api: Api, newest: str) -> list[Record]:
    """The notifications after `newest` that follow it directly, newest first."""

    def page(older: str) -> list[Record]:
        records = api.page(NOTIFICATIONS, min_id=newest, max_id=older, **_asked()).records
        # A server that does not know `min_id` begins with the newest: what we know marks the end.
        new = takewhile(lambda record: ident(record.get("id")) != newest, _newest_first(records))
        return [record for record in new if ident(record.get("id"))]

    found = latest = page("")
    for _number in range(MOST_PAGES):
        # snac takes `min_id` for `since_id` and gives the newest: then there is a gap to be closed downwards.
        if len(latest) < SMALLEST_PAGE:
            break
        known = {ident(record["id"]) for record in found}
        latest = [record for record in page(ident(latest[-1]["id"])) if ident(record["id"]) not in known]
        found = found + latest
    return found


def _backward(api: Api, harvest: Harvest, cursor: Mapping[str, Any]) -> _Step:
    """From the newest notification down to `since`."""
    older = text(cursor.get("older"))
    page = api.page(NOTIFICATIONS, max_id=older, **_asked())
    records = [record for record in _newest_first(page.records) if ident(record.get("id"))]
    after: dict[str, Any] = {**cursor, "older": older}
    if records and not text(cursor.get("newest")):
        # All of this page is taken before the walk down ends; the oldest is something to begin after.
        young = list(takewhile(lambda record: not _is_settled(record, harvest.now), records[:-1]))
        after["newest"] = ident(records[len(young)]["id"])
        after["taken"] = [ident(record["id"]) for record in young]
    newest = bool(after.get("newest"))
    reached: datetime | None = None
    for notification in records:
        created = moment(notification.get("created_at")) or harvest.now
        if created < harvest.since:
            return _done(after), newest, harvest.since
        if not _taken(harvest, notification, cursor, after):
            return after, "stuck" not in after, reached
        after["older"], reached = ident(notification["id"]), created
    if not page.older or page.older == older:
        return _done(after), newest, harvest.since
    after["older"] = page.older
    return after, True, reached


def _done(after: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in after.items() if key != "older"}


def _taken(harvest: Harvest, notification: Record, cursor: Mapping[str, Any], after: dict[str, Any]) -> bool:
    """Whether this notification could be taken; if not, the fetch ends before it.

    A conversation that cannot be loaded must not hold up the others for ever: `stuck` counts its failures.
    """
    notification_id = ident(notification["id"])
    stuck = cursor.get("stuck")
    failures = stuck[1] if isinstance(stuck, (list, tuple)) and stuck[0] == notification_id else 0
    try:
        harvest.take(notification, alone=failures >= PATIENCE)
    except BudgetSpentError:
        return False
    except TryLater as error:
        first = not harvest.notified and not harvest.reactions
        if error.code == "rate_limited" and first:
            raise
        if error.code != "rate_limited":
            after["stuck"] = [notification_id, failures + 1]
        return False
    after.pop("stuck", None)
    return True


def _watch(api: Api, harvest: Harvest, after: dict[str, Any]) -> bool:
    """Find what brings no notification: answers to our statuses that mention nobody, and our own answers
    written in another app. True if some are left.

    The latest statuses are asked for their number of answers, and where it has grown, for the conversation.
    """
    known = after.get("replies")
    known = known if isinstance(known, Mapping) else {}
    counts: dict[str, int] = {}
    left = False
    latest = _latest_of_ours(api, harvest.me)
    for status in latest:
        status_id = ident(status["id"])
        count = number(status.get("replies_count")) or 0
        created = moment(status.get("created_at")) or harvest.now
        # Answers to what is older than the channel's memory are no news at the first look.
        before = number(known.get(status_id, 0 if created >= harvest.since else count)) or 0
        counts[status_id] = count
        if count > before:
            try:
                harvest.threads.complete(status)
            except BudgetSpentError:
                counts[status_id], left = before, True
            except TryLater:
                counts[status_id] = before
    for status in latest:
        created = moment(status.get("created_at")) or harvest.now
        if not ident(status.get("in_reply_to_id")) or ident(status["id"]) in known or created < harvest.since:
            continue
        try:
            harvest.threads.climb(status)
        except (BudgetSpentError, TryLater) as error:
            # What is not noted is new to the next fetch as well.
            counts.pop(ident(status["id"]), None)
            left = left or isinstance(error, BudgetSpentError)
    if counts:
        after["replies"] = counts
    return left


def _note_counts(harvest: Harvest, after: dict[str, Any]) -> None:
    """Spare `_watch` the conversations that the notifications have just brought."""
    known = after.get("replies")
    counts = dict(known) if isinstance(known, Mapping) else {}
    for status_id, status in harvest.threads.statuses.items():
        if status_id in harvest.threads.asked and harvest.me.is_author(status):
            counts[status_id] = number(status.get("replies_count")) or 0
    after["replies"] = counts


def _latest_of_ours(api: Api, me: Me) -> list[Record]:
    if not me.account_id:
        return []
    try:
        page = api.page(f"/api/v1/accounts/{me.account_id}/statuses", limit=WATCHED, exclude_reblogs="true")
    except AuthExpired:
        raise
    except NetworkError:
        # The notifications are safe already; this is the second look, and the next fetch takes it again.
        return []
    found = [real(status) for status in page.records]
    return [status for status in found if ident(status.get("id")) and me.is_author(status)][:WATCHED]


def refresh(session: Session, remote_ids: Sequence[str]) -> Batch:
    """See `Connector.refresh`. Reactions and lost mentions cannot change and are passed over."""
    api, me = Api(session), Me.of(session.settings)
    wanted = [remote_id for remote_id in dict.fromkeys(remote_ids) if is_status(remote_id)]
    found = _several(api, wanted) if session.settings.get("bulk") and len(wanted) > 1 else {}
    gone = []
    for status_id in wanted:
        if status_id not in found:
            status = one(api, status_id)
            if status is None:
                gone.append(status_id)
            elif status:
                found[status_id] = status
    if gone:
        # A server that has lost its way answers 404 to all. Only one that knows us may say what is gone.
        login.account(api)
    threads = Threads(api)
    threads.learn(found.values())
    for status in found.values():
        try:
            threads.climb(status)
        except BudgetSpentError:
            break
    items = [
        item(status, me, thread_id=threads.root(status_id), now=session.now)
        for status_id, status in found.items()
    ]
    return Batch(items=items, gone=gone)


def one(api: Api, status_id: str) -> Record | None:
    """A status as it is now; None if it is gone, an empty record if the server does not let us see it."""
    try:
        status = real(api.record("GET", status_path(status_id)))
    except Rejected as error:
        return None if error.code == "gone" else {}
    return status if ident(status.get("id")) == status_id else {}


def _several(api: Api, status_ids: Sequence[str]) -> dict[str, Record]:
    try:
        records = api.page("/api/v1/statuses", **{"id[]": list(status_ids)}).records
    except Rejected:
        return {}
    statuses: Iterable[Record] = (real(record) for record in records)
    return {ident(status.get("id")): status for status in statuses if ident(status.get("id")) in status_ids}


def _asked() -> dict[str, Any]:
    # No `types`: Pleroma refuses the words it does not know. Private mentions of strangers are put aside by
    # Mastodon unless one asks for them.
    return {"limit": PAGE, "include_filtered": "true"}


def _newest_first(records: Sequence[Record]) -> list[Record]:
    """The records as they should come. Friendica turns the order round where `min_id` is given."""
    times = [moment(record.get("created_at")) for record in records]
    known = [time for time in times if time is not None]
    if len(known) > 1 and known[0] < known[-1]:
        return list(reversed(records))
    return list(records)
