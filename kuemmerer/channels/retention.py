"""Erasing what is older than a channel may keep. The numbers of it stay.

A walk through a channel's interactions goes on from where the last one stopped, a bounded step in each
transaction, and begins anew twice a day. It may be killed at any point, and run twice at once.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from kuemmerer.accounts.access import Actor
from kuemmerer.channels import privacy
from kuemmerer.channels.connections import get
from kuemmerer.channels.models import Author, Channel, DailyCount, Interaction, Thread
from kuemmerer.core.errors import Invalid
from kuemmerer.core.models import forget, record
from kuemmerer.jobs import sweeps

STEP = 500
"""Interactions that one transaction looks at."""
BUDGET_SECONDS = 20
PAUSE = timedelta(hours=12)
MOST_DAYS = 36_500
BOUNDS = (15, 30, 60, 120, 240, 480, 1440, 2880, 10_080)
"""Minutes. `DailyCount.answer_times` counts the answers up to each, and those that took longer: enough for a
median of many days together, which sums of medians would not give.
"""


@transaction.atomic
def set_retention(
    *, actor: Actor, channel_id: int, days: int | None, raw_days: int | None, now: datetime
) -> Channel:
    """Keep what a channel brings for so many days, and the networks' own records of it for `raw_days`; None
    is for ever. Erasing begins at once. Raises Invalid, NotFound, Forbidden.
    """
    actor.need("privacy.manage")
    channel = get(actor=actor, channel_id=channel_id)
    _check(days, "days")
    _check(raw_days, "raw_days")
    channel.retention_days, channel.raw_days = days, raw_days
    channel.retention_mark, channel.retention_at = 0, now
    channel.save(update_fields=["retention_days", "raw_days", "retention_mark", "retention_at"])
    record(
        workspace_id=actor.workspace.pk,
        actor=actor.label,
        verb="set retention",
        subject=channel,
        now=now,
        days=days,
        raw_days=raw_days,
    )
    sweeps.wake("channels.retention")
    return channel


def _check(days: int | None, name: str) -> None:
    if days is not None and not 1 <= days <= MOST_DAYS:
        raise Invalid(_("Please give a number of days of at least 1, or nothing to keep it."), field=name)


def would_erase(channel: Channel, days: int, now: datetime) -> int:
    """How many interactions are older than so many days."""
    since = Channel(workspace=channel.workspace, retention_days=days).keeps_since(now)
    return Interaction.objects.filter(channel=channel, created_at__lt=since).count()


def expire_due(now: datetime) -> int:
    """Walk through the channels whose time has come; returns how many interactions were erased or bared."""
    end = time.monotonic() + BUDGET_SECONDS
    moved = 0
    for pk in list(_due(now).values_list("pk", flat=True)):
        more = True
        while more and time.monotonic() < end:
            count, more = _step(pk, now)
            moved += count
    return moved


def _due(now: datetime) -> QuerySet[Channel]:
    wanted = Q(retention_days__isnull=False) | Q(raw_days__isnull=False)
    return Channel.objects.filter(wanted, Q(retention_at=None) | Q(retention_at__lte=now))


@transaction.atomic
def _step(channel_id: int, now: datetime) -> tuple[int, bool]:
    """Look at the next few; returns how many were erased or bared, and whether there are more to look at."""
    channel = _due(now).select_for_update(of=("self",)).filter(pk=channel_id).first()
    if channel is None:
        return 0, False
    looked = list(
        Interaction.objects.filter(channel_id=channel_id, pk__gt=channel.retention_mark)
        .order_by("pk")
        .values_list("pk", "created_at")[:STEP]
    )
    since, raw_since = channel.keeps_since(now), channel.keeps_raw_since(now)
    old = [pk for pk, at in looked if since is not None and at < since]
    bare = [pk for pk, at in looked if raw_since is not None and at < raw_since]
    erased = erase_old(channel, old)
    bared = _bare(bare)
    more = len(looked) == STEP
    channel.retention_mark = looked[-1][0] if more else 0
    channel.retention_at = channel.retention_at if more else now + PAUSE
    channel.save(update_fields=["retention_mark", "retention_at"])
    return erased + bared, more


def _held(ids: Sequence[int]) -> set[int]:
    """What waits for us must not go unanswered because its time is over."""
    return {pk for part in privacy.parts() for pk in part.holds(ids)}


def _bare(ids: Sequence[int]) -> int:
    free = set(ids) - _held(ids)
    return Interaction.objects.filter(pk__in=free).exclude(raw={}).update(raw={})


def erase_old(channel: Channel, ids: Sequence[int]) -> int:
    """Erase these interactions and what hangs on them, after counting them. Returns how many."""
    if not ids:
        return 0
    ids = _with_answered(channel, ids)
    ids = sorted(set(ids) - _held(ids))
    _count(channel, ids)
    for part in privacy.parts():
        part.expire(ids)
    rows = Interaction.objects.filter(pk__in=ids)
    authors = set(rows.values_list("author", flat=True))
    threads = set(rows.values_list("thread", flat=True))
    rows.delete()
    forget(workspace_id=channel.workspace_id, subject_type="interaction", subject_ids=ids)
    _erase_idle(channel, authors)
    Thread.objects.filter(pk__in=threads, interactions=None).delete()
    return len(ids)


def _with_answered(channel: Channel, ids: Sequence[int]) -> list[int]:
    """Together with the words that our answers among them answered: these are older, and once the answer is
    gone nobody can tell any more that there was one.
    """
    ours = Interaction.objects.filter(pk__in=ids, ours=True).exclude(parent_remote_id="")
    parents = Interaction.objects.filter(
        channel=channel, remote_id__in=list(ours.values_list("parent_remote_id", flat=True))
    )
    since = max(Interaction.objects.filter(pk__in=ids).values_list("created_at", flat=True))
    return [*ids, *parents.filter(created_at__lte=since).values_list("pk", flat=True)]


def _erase_idle(channel: Channel, authors: set[int]) -> None:
    """Authors of whom nothing is left."""
    idle = Author.objects.filter(pk__in=authors, interactions=None).exclude(remote_id=channel.remote_id)
    ids = list(idle.values_list("pk", flat=True))
    kept = {pk for part in privacy.parts() for pk in part.keeps(ids)}
    Author.objects.filter(pk__in=set(ids) - kept).delete()


# --- the numbers that stay


@dataclass
class _Day:
    interactions: int = 0
    minutes: list[int] = field(default_factory=list)


def _count(channel: Channel, ids: Sequence[int]) -> None:
    answered: dict[int, datetime] = {}
    for part in privacy.parts():
        for pk, at in part.answered_at(ids).items():
            answered[pk] = min(answered.get(pk, at), at)
    days: dict[tuple[date, str, bool], _Day] = defaultdict(_Day)
    zone = channel.workspace.zone
    rows = Interaction.objects.filter(pk__in=ids).values_list("pk", "created_at", "kind", "ours")
    for pk, at, kind, ours in rows:
        day = days[at.astimezone(zone).date(), kind, ours]
        day.interactions += 1
        if pk in answered:
            day.minutes.append(max(0, int((answered[pk] - at).total_seconds() // 60)))
    for (when, kind, ours), counted in days.items():
        _add(channel, when, kind, ours, counted)


def _add(channel: Channel, when: date, kind: str, ours: bool, counted: _Day) -> None:
    row, _created = DailyCount.objects.select_for_update().get_or_create(
        channel=channel, day=when, kind=kind, ours=ours, defaults={"workspace_id": channel.workspace_id}
    )
    times = row.answer_times or [0] * (len(BOUNDS) + 1)
    for minutes in counted.minutes:
        times[bisect_left(BOUNDS, minutes)] += 1
    row.interactions += counted.interactions
    row.answered += len(counted.minutes)
    row.answer_minutes += sum(counted.minutes)
    row.answer_times = times
    row.save()
