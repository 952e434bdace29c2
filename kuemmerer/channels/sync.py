"""One channel's sync: claim it, fetch page by page, store each page with its cursor, plan the next."""

from __future__ import annotations

import logging
import secrets
import time
from datetime import datetime, timedelta

from django.conf import settings
from django.db import models, transaction
from django.db.models import F, Q

from kuemmerer.channels import interactions
from kuemmerer.channels.connections import ChannelSession, note_problem, open_session
from kuemmerer.channels.models import Channel, Interaction
from kuemmerer.core import clock
from kuemmerer.core.encryption import Unreadable
from kuemmerer.networks.errors import AuthExpired, NetworkError, TryLater
from kuemmerer.networks.session import Session

log = logging.getLogger(__name__)

BUDGET_SECONDS = 20
"""How long one channel may go on fetching pages before others get their turn."""
REFRESH_EVERY = timedelta(minutes=2)
REFRESH_WINDOW = 500
"""How many of the newest changes are looked at again for edits and deletions."""
REFRESH_BATCH = 25


class LeaseLost(Exception):
    """Another worker has taken the channel; what this one holds is not stored."""


def due(now: datetime) -> int:
    """How many channels wait for their sync."""
    return _due(now).count()


def _due(now: datetime) -> models.QuerySet[Channel]:
    return _free(now).filter(credential__isnull=False)


def _free(now: datetime) -> models.QuerySet[Channel]:
    free = Q(lease_until=None) | Q(lease_until__lte=now)
    return Channel.objects.filter(free, state=Channel.State.ACTIVE, next_sync_at__lte=now)


def claim(now: datetime) -> Channel | None:
    """Take the channel that has waited longest; None if there is none (or others took it)."""
    for pk in _due(now).order_by("next_sync_at").values_list("pk", flat=True)[:10]:
        lease = secrets.token_hex(16)
        until = now + timedelta(seconds=settings.LEASE_SECONDS)
        # Without the join to the credential: PostgreSQL looks again at the conditions of the UPDATE itself
        # after waiting for another worker's lock, but not at a subquery.
        if _free(now).filter(pk=pk).update(lease=lease, lease_until=until):
            return Channel.objects.get(pk=pk)
    return None


def sync_due(now: datetime) -> int:
    """Sync all channels that are due, one after the other. Returns how many new or changed items came in."""
    moved = 0
    end = time.monotonic() + BUDGET_SECONDS
    while time.monotonic() < end and (channel := claim(max(now, clock.now()))):
        moved += sync(channel, max(now, clock.now()))
    return moved


def sync(channel: Channel, now: datetime) -> int:
    """Sync one claimed channel. Returns how many items were new or changed."""
    session = None
    try:
        session = open_session(channel, now)
        news, more = _fetch(channel, session, now)
        news += _refresh(channel, session, now)
    except LeaseLost:
        log.warning("Another worker has taken over channel %s", channel.pk)
        return 0
    except Unreadable:
        _failed(channel, None, AuthExpired("revoked"))
        return 0
    except NetworkError as error:
        _failed(channel, session, error)
        return 0
    except Exception:
        # A fault of ours in one connector must not keep the other channels waiting, nor be hidden.
        log.exception("The sync of channel %s failed", channel.pk)
        _failed(channel, session, TryLater("bad_answer"))
        return 0
    _succeeded(channel, session, now, news=news, more=more)
    return news


def _fetch(channel: Channel, session: Session, now: datetime) -> tuple[int, bool]:
    news, more = 0, True
    end = time.monotonic() + BUDGET_SECONDS
    seen: set[str] = set()
    while more and time.monotonic() < end:
        batch = channel.connector.fetch(session, channel.cursor, since=channel.backfill_from)
        with transaction.atomic():
            fields: dict[str, object] = {"cursor": dict(batch.cursor)}
            if channel.backfilled_at is None:
                if batch.reached is not None:
                    fields["backfill_reached"] = batch.reached
                if not batch.more:
                    fields["backfilled_at"] = now
            # The items and the cursor behind them are stored together, or neither is.
            _update_own(
                channel, **fields, lease_until=clock.now() + timedelta(seconds=settings.LEASE_SECONDS)
            )
            stored = interactions.store(channel=channel, items=batch.items, gone=batch.gone, now=now)
        for name, value in fields.items():
            setattr(channel, name, value)
        news += stored.new + stored.changed
        mark = repr(sorted(batch.cursor.items()))
        # A network whose paging runs in a circle would keep us here for ever.
        more = batch.more and mark not in seen
        seen.add(mark)
        if _is_low(session):
            break
    return news, more


def _is_low(session: Session) -> bool:
    """Whether the network allows few more calls: the last tenth is for answers, which matter more."""
    rate = session.rate_limit
    if rate is None or rate.reset_at is None or rate.reset_at <= session.now:
        return False
    return rate.remaining == 0 or (rate.limit is not None and rate.remaining * 10 < rate.limit)


def _update_own(channel: Channel, **fields: object) -> None:
    if not Channel.objects.filter(pk=channel.pk, lease=channel.lease).update(**fields):
        raise LeaseLost


def _refresh(channel: Channel, session: Session, now: datetime) -> int:
    """Look again at some known items: edited, held, gone?"""
    if not channel.connector.can.refresh or channel.backfilled_at is None or _is_low(session):
        return 0
    if channel.refreshed_at is not None and now - channel.refreshed_at < REFRESH_EVERY:
        return 0
    start = max(channel.refresh_seq, channel.seq - REFRESH_WINDOW)
    candidates = (
        Interaction.objects.words()
        .changed_since(channel, start)
        .filter(deleted_at=None)
        .values_list("remote_id", "seq")
    )
    rows = list(candidates[:REFRESH_BATCH])
    news = 0
    if rows:
        batch = channel.connector.refresh(session, [remote_id for remote_id, _ in rows])
        known = {remote_id for remote_id, _ in rows}
        stored = interactions.store(
            channel=channel,
            items=[item for item in batch.items if item.remote_id in known],
            gone=batch.gone,
            now=now,
        )
        news = stored.new + stored.changed
    _update_own(
        channel,
        refreshed_at=now,
        refresh_seq=rows[-1][1] if len(rows) == REFRESH_BATCH else max(0, channel.seq - REFRESH_WINDOW),
    )
    return news


def _succeeded(channel: Channel, session: Session, now: datetime, *, news: int, more: bool) -> None:
    connector = channel.connector
    # Busy channels oftener: half the interval after news, half as long again after none.
    interval = (
        max(connector.fastest_sync, channel.interval // 2)
        if news
        else min(connector.slowest_sync, channel.interval * 3 // 2 + 1)
    )
    next_at = now if more else clock.now() + timedelta(seconds=interval)
    fields: dict[str, object] = {}
    if (rate := session.rate_limit) is not None:
        fields["rate_limit"] = {
            "limit": rate.limit,
            "remaining": rate.remaining,
            "reset_at": rate.reset_at.isoformat() if rate.reset_at else None,
        }
        if _is_low(session) and rate.reset_at is not None:
            next_at = max(next_at, min(rate.reset_at, now + timedelta(hours=1)))
    Channel.objects.filter(pk=channel.pk, lease=channel.lease).update(
        lease="",
        lease_until=None,
        synced_at=now,
        next_sync_at=next_at,
        interval=interval,
        failures=0,
        problem="",
        problem_words="",
        **fields,
    )


def _failed(channel: Channel, session: ChannelSession | None, error: NetworkError) -> None:
    """Plan the next try. Without a session the network was not asked and said nothing to remember."""
    own = Channel.objects.filter(pk=channel.pk, lease=channel.lease)
    if session is not None and not note_problem(channel, error, used=session.credential):
        # There is a new credential: it begins without the failures of the old one, and at once.
        own.update(lease="", lease_until=None, next_sync_at=clock.now())
        return
    wait = timedelta(seconds=min(900, 15 * 2 ** min(channel.failures, 6)))
    if isinstance(error, TryLater) and error.retry_after is not None:
        wait = max(error.retry_after, timedelta(seconds=1))
    own.update(lease="", lease_until=None, failures=F("failures") + 1, next_sync_at=clock.now() + wait)
