"""Sweeps of the schedule itself."""

from __future__ import annotations

from datetime import datetime, timedelta

from django_tasks_db.models import DBTaskResult

from kuemmerer.jobs.models import Heartbeat
from kuemmerer.jobs.sweeps import sweep

KEEP = timedelta(hours=1)


@sweep("jobs.tidy", every=300)
def tidy(now: datetime) -> int:
    """Forget finished wake-up calls and workers that left long ago."""
    # The queue holds only wake-up calls; what happened is written in the rows and the audit log.
    old = DBTaskResult.objects.exclude(status="READY").filter(enqueued_at__lt=now - KEEP)
    old.delete()
    Heartbeat.objects.filter(seen_at__lt=now - timedelta(days=1)).delete()
    return 0
