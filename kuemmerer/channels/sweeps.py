"""When channels are synced, and how one sees that they are not."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Q

from kuemmerer.channels import retention, sync, trouble
from kuemmerer.channels.models import Channel
from kuemmerer.jobs.health import Problem, check
from kuemmerer.jobs.sweeps import sweep

SILENT_AFTER = timedelta(minutes=30)
"""Twice the slowest pace of a sync."""
EXPIRES_SOON = timedelta(days=7)


@sweep("channels.sync", every=5, queue="sync")
def sync_channels(now: datetime) -> int:
    return sync.sync_due(now)


@sweep("channels.retention", every=600)
def expire_interactions(now: datetime) -> int:
    return retention.expire_due(now)


@sweep("channels.trouble", every=60)
def tell_of_trouble(now: datetime) -> int:
    return trouble.tell_due(now, silent=unsynced(now))


def unsynced(now: datetime) -> Q:
    """Channels that are meant to be connected and have not been synced for half an hour."""
    late = now - SILENT_AFTER
    return Q(state=Channel.State.ACTIVE) & (
        Q(synced_at__lte=late) | Q(synced_at=None, connected_at__lte=late)
    )


def expires_soon(now: datetime) -> Q:
    """Channels whose access ends within a week, but has not been lost yet."""
    return ~Q(state=Channel.State.RECONNECT) & Q(credential__expires_at__lte=now + EXPIRES_SOON)


@check
def _channels(now: datetime) -> list[Problem]:
    count = Channel.objects.filter(unsynced(now), credential__isnull=False).count()
    lost = Channel.objects.filter(state=Channel.State.RECONNECT).count()
    found = []
    if count:
        found.append(
            Problem(code="channels_silent", details=f"{count} channels without a sync for 30 minutes")
        )
    if lost:
        found.append(Problem(code="channels_disconnected", details=f"{lost} channels wait to be reconnected"))
    return found
