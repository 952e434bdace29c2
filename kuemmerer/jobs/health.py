"""Is the desk working? Not "does the process answer" but "does the work get done"."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Min

from kuemmerer.core.prepared import Prepared
from kuemmerer.jobs.models import Heartbeat, Schedule
from kuemmerer.jobs.sweeps import sweeps

WORKER_SILENT = timedelta(seconds=45)
SWEEP_SLACK = timedelta(minutes=3)


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Something that stands still. `code` is for programs; `details` has numbers, no customers' names."""

    code: str
    details: str


Check = Callable[[datetime], list[Problem]]
_checks: list[Check] = []


def check(function: Check) -> Check:
    """Add a check to /healthz."""
    _checks.append(function)
    return function


def problems(now: datetime) -> list[Problem]:
    """Everything that stands still now; empty when all is well."""
    return [problem for function in _checks for problem in function(now)]


_alive = Prepared(lambda since: Heartbeat.objects.filter(seen_at__gte=since).values_list("pk")[:1])


def worker_is_dead(now: datetime) -> bool:
    """Whether no worker has shown itself for 45 seconds."""
    return not _alive(since=now - WORKER_SILENT)


@check
def _worker(now: datetime) -> list[Problem]:
    if not worker_is_dead(now):
        return []
    return [Problem(code="worker_dead", details="no worker has shown itself for 45 seconds")]


@check
def _sweeps(now: datetime) -> list[Problem]:
    """A worker that beats but does not get its sweeps done is no better than a dead one."""
    found: list[Problem] = []
    first_beat = Heartbeat.objects.aggregate(first=Min("started_at"))["first"]
    for state in Schedule.objects.filter(name__in=sweeps()):
        since = state.finished_at or first_beat
        allowed = sweeps()[state.name].every * 3 + SWEEP_SLACK
        if state.error:
            found.append(Problem(code="sweep_failed", details=f"{state.name}: {state.error.split(':')[0]}"))
        elif since is not None and now - since > allowed:
            found.append(
                Problem(
                    code="sweep_late",
                    details=f"{state.name} has not finished since {since:%Y-%m-%d %H:%M:%S} UTC",
                )
            )
    return found
