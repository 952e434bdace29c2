"""The one task there is: run a sweep."""

from __future__ import annotations

from django_tasks import task

from kuemmerer.core import clock
from kuemmerer.jobs import sweeps


@task()
def run_sweep(name: str) -> int:
    return sweeps.run(name, clock.now())
