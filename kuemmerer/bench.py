"""Benchmarks: how fast this machine takes interactions in and shows them, on a database of its own."""

from __future__ import annotations

import logging
import math
import os
import random
import resource
import shutil
import sys
import tempfile
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from django.test import Client

    from kuemmerer.accounts.access import Actor

NOW = datetime(2026, 6, 10, 10, 0, tzinfo=UTC)
BATCH = 500
ASKED = 40
"""How often each page is asked for."""
SIZES = (100_000, 1_000_000)


def run(what: str, *, interactions: int | None, keep: bool) -> dict[str, Any]:
    """The figures of one benchmark.

    The database is a fresh SQLite file in a temporary folder, or the empty PostgreSQL database that
    KUEMMERER_DATABASE_URL names. Raises SystemExit for one that is in use.
    """
    path = tempfile.mkdtemp(prefix="kuemmerer-bench-")
    os.environ["KUEMMERER_DATA"] = path
    try:
        return _run(what, interactions)
    finally:
        if keep:
            print(f"kept in {path}", file=sys.stderr)
        else:
            shutil.rmtree(path, ignore_errors=True)


def _run(what: str, interactions: int | None) -> dict[str, Any]:
    import django
    from django.core.management import call_command
    from django.db import connection

    django.setup()
    logging.disable(logging.WARNING)
    call_command("migrate", interactive=False, verbosity=0)
    from kuemmerer.accounts.models import Workspace

    if Workspace.objects.exists():
        raise SystemExit(
            "kuemmerer bench: this database is in use. Name an empty one in KUEMMERER_DATABASE_URL."
        )
    actor = _company()
    measure = _sync if what == "sync" else _inbox
    sizes = (interactions,) if interactions else SIZES if what == "inbox" else SIZES[:1]
    result = measure(actor, sizes)
    return {
        "benchmark": what,
        "database": connection.vendor,
        **result,
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def _company() -> Actor:
    from kuemmerer.accounts import workspaces
    from kuemmerer.accounts.access import Actor
    from kuemmerer.accounts.models import User

    owner = User.objects.create_user("bench@example.org", None, name="Bench")
    membership = workspaces.found(
        owner=owner,
        name="Bench",
        country="DE",
        region="NW",
        time_zone="Europe/Berlin",
        language="de",
        now=NOW,
    )
    return Actor(user=owner, workspace=membership.workspace, membership=membership)


def _sync(actor: Actor, sizes: tuple[int, ...]) -> dict[str, Any]:
    """Storing batches as a sync does, then making their cases as the inbox does."""
    from kuemmerer import bench_data
    from kuemmerer.channels import interactions
    from kuemmerer.inbox import cases

    channels = bench_data.channels(actor, NOW)
    batches = list(bench_data.batches(1, sizes[0], BATCH, NOW))
    count = sum(len(items) for _, items in batches)
    start = time.perf_counter()
    for place, items in batches:
        interactions.store(channel=channels[place], items=items, now=NOW)
    stored = time.perf_counter() - start
    start = time.perf_counter()
    for channel in channels:
        cases.open_from_channel(channel)
    opened = time.perf_counter() - start
    return {
        "interactions": count,
        "interactions_per_second": round(count / stored),
        "with_cases_per_second": round(count / (stored + opened)),
    }


def _inbox(actor: Actor, sizes: tuple[int, ...]) -> dict[str, Any]:
    """Server time of the lists and of case pages, middleware and templates included, as the tables grow."""
    from kuemmerer import bench_data
    from kuemmerer.core import clock

    history = bench_data.History(actor, bench_data.channels(actor, NOW), NOW)
    source = random.Random(1)
    results: list[dict[str, Any]] = []
    with clock.frozen(NOW):
        for size in sizes:
            history.grow_to(size)
            _analyze()
            results.append({"interactions": size, "p95_ms": _pages(actor, source)})
    growth = {}
    if len(results) > 1:
        first, last = results[0]["p95_ms"], results[-1]["p95_ms"]
        growth = {name: round(last[name] / first[name], 2) for name in last}
    return {"sizes": results, "growth": growth}


def _analyze() -> None:
    """What PostgreSQL's autovacuum and SQLite's optimizer do by themselves in time."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def _pages(actor: Actor, source: random.Random) -> dict[str, float]:
    """p95 in milliseconds of each kind of page."""
    from django.test import Client
    from django.urls import reverse

    from kuemmerer.channels.models import Channel
    from kuemmerer.inbox.models import Case, Label

    client = Client()
    client.force_login(actor.user, backend="allauth.account.auth_backends.AuthenticationBackend")
    inbox = reverse("inbox", args=[actor.workspace.slug])
    label = Label.objects.get(workspace=actor.workspace)
    channel = Channel.objects.filter(workspace=actor.workspace).order_by("pk")[:1].get()
    newest = Case.objects.order_by("-pk").values_list("pk", flat=True)[0]
    lists = {
        "list_open": "view=open",
        "list_due": "view=due",
        "list_overdue": "view=overdue",
        "list_mine": "view=mine",
        "list_unassigned": "view=unassigned",
        "list_all": "view=all",
        "list_closed": "view=all&status=closed",
        "list_channel": f"view=all&channel={channel.pk}",
        "list_label": f"view=all&label={label.pk}",
    }
    figures = {name: _p95(client, [f"{inbox}?{query}"] * ASKED) for name, query in lists.items()}
    some = Case.objects.filter(pk__in=[source.randint(1, newest) for _ in range(ASKED * 2)])
    pages = [reverse("case", args=[actor.workspace.slug, case.pk]) for case in some[:ASKED]]
    figures["case"] = _p95(client, pages)
    return figures


def _p95(client: Client, urls: list[str]) -> float:
    """The 95th percentile of the server's time for these pages, after one that warms up."""
    client.get(urls[0])
    times = []
    for url in urls:
        start = time.perf_counter()
        response = client.get(url)
        times.append(time.perf_counter() - start)
        if response.status_code != 200:
            raise SystemExit(f"kuemmerer bench: {url} answered {response.status_code}")
    return round(sorted(times)[math.ceil(0.95 * len(times)) - 1] * 1000, 1)
