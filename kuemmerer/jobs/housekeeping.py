"""Sweeps of the schedule itself."""

from __future__ import annotations

from datetime import datetime, timedelta

from django_tasks_db.models import DBTaskResult

from kuemmerer.jobs.models import Heartbeat
from kuemmerer.jobs.sweeps import sweep

KEEP = timedelta(hours=1)
LOST = timedelta(days=7)
"""What has been running for so long was left behind by a worker that died. Not sooner: after a sleep or a
correction of the clock what runs at the moment seems old.
"""


@sweep("jobs.tidy", every=300)
def tidy(now: datetime) -> int:
    """Forget finished wake-up calls and workers that left long ago."""
    # The queue holds only wake-up calls; what happened is written in the rows and the audit log.
    done = DBTaskResult.objects.exclude(status__in=["READY", "RUNNING"])
    done.filter(enqueued_at__lt=now - KEEP).delete()
    DBTaskResult.objects.filter(status="RUNNING", enqueued_at__lt=now - LOST).delete()
    Heartbeat.objects.filter(seen_at__lt=now - timedelta(days=1)).delete()
    return 0
