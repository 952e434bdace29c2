"""The schedule: which sweep runs how often.

A sweep is a function `(now) -> int`, the number of rows it has moved on. It must be safe to run twice at once
and to be killed at any point: the rows hold the truth, a task in the queue is only a wake-up call.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from django.db import transaction
from django.db.models import Q

from kuemmerer.core import clock
from kuemmerer.jobs.models import Schedule

log = logging.getLogger(__name__)

T = TypeVar("T")
Run = Callable[[datetime], int]
LOST_AFTER = timedelta(minutes=2)
"""A wake-up call that has been in the queue for so long is taken for lost and given again."""


@dataclass(frozen=True, kw_only=True)
class Sweep:
    name: str
    run: Run
    every: timedelta
    queue: str
    after: tuple[str, ...]


_sweeps: dict[str, Sweep] = {}


def sweep(
    name: str, *, every: float, queue: str = "default", after: tuple[str, ...] = ()
) -> Callable[[Run], Run]:
    """Declare a sweep: every so many seconds, and at once when one of `after` has done something."""

    def declare(run: Run) -> Run:
        _sweeps[name] = Sweep(name=name, run=run, every=timedelta(seconds=every), queue=queue, after=after)
        return run

    return declare


def sweeps() -> dict[str, Sweep]:
    return _sweeps


def tick(now: datetime) -> int:
    """Queue the sweeps that are due; returns how many."""
    known = set(Schedule.objects.values_list("name", flat=True))
    Schedule.objects.bulk_create(
        [Schedule(name=name, next_at=now) for name in _sweeps if name not in known], ignore_conflicts=True
    )
    due = Schedule.objects.filter(next_at__lte=now).filter(
        Q(queued_at=None) | Q(queued_at__lte=now - LOST_AFTER)
    )
    count = 0
    for name in due.values_list("name", flat=True):
        if (found := _sweeps.get(name)) and due.filter(name=name).update(
            next_at=now + found.every, queued_at=now
        ):
            _enqueue(found)
            count += 1
    return count


def wake(name: str) -> None:
    """Run this sweep as soon as the current transaction is committed."""

    def after_commit() -> None:
        now = clock.now()
        free = Schedule.objects.filter(name=name).filter(
            Q(queued_at=None) | Q(queued_at__lte=now - LOST_AFTER)
        )
        if free.update(queued_at=now):
            _enqueue(_sweeps[name])

    transaction.on_commit(after_commit)


def _enqueue(found: Sweep) -> None:
    from kuemmerer.jobs.tasks import run_sweep

    run_sweep.using(queue_name=found.queue).enqueue(found.name)


def run(name: str, now: datetime) -> int:
    """Run one sweep and note how it went. An exception is noted, logged and does not travel further."""
    found = _sweeps[name]
    state = Schedule.objects.filter(name=name)
    # Before anything is read: a wake-up call from now on is about rows that this run may miss.
    state.update(queued_at=None, started_at=now)
    try:
        count = found.run(now)
    except Exception as error:
        log.exception("The sweep %s failed", name)
        state.update(error=f"{type(error).__name__}: {error}"[:2000])
        return 0
    state.update(finished_at=clock.now(), error="")
    if count:
        for other in _sweeps.values():
            if name in other.after:
                wake(other.name)
    return count


def each(work: Callable[[T], int], rows: Iterable[T]) -> int:
    """The sum of `work` over `rows`. One that fails keeps no other waiting; its exception comes last."""
    total = 0
    failed: Exception | None = None
    for row in rows:
        try:
            total += work(row)
        except Exception as error:
            log.exception("The work on %r failed", row)
            failed = failed or error
    if failed is not None:
        raise failed
    return total


def run_until_quiet(now: datetime, *, rounds: int = 50) -> int:
    """Run all sweeps in turn until none finds anything to do (tests, the demo's first minute). Returns rows
    moved.
    """
    total = 0
    for _ in range(rounds):
        moved = sum(found.run(now) for found in list(_sweeps.values()))
        total += moved
        if not moved:
            break
    return total
