"""Benchmarks: how fast this machine takes interactions in and shows them, on a database of its own.

The test data are skewed as real ones are: a tenth of the authors write half of the words, some threads are
very long, and
most cases are closed. They take the way of every sync, through `interactions.store` and
`cases.open_from_channel`.
"""

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
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from django.test import Client

    from kuemmerer.accounts.access import Actor
    from kuemmerer.channels.models import Channel

NOW = datetime(2026, 6, 10, 10, 0, tzinfo=UTC)
YEARS = 2
CHANNELS = 20
BATCH = 500
ASKED = 60
"""How often each page is asked for."""
SIZES = (100_000, 1_000_000)


def run(what: str, *, interactions: int | None, keep: bool) -> dict[str, Any]:
    """The figures of one benchmark.

    The database is a fresh SQLite file in a temporary folder, or the empty PostgreSQL database that
    KUEMMERER_DATABASE_URL
    names. Raises SystemExit for one that is in use.
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


# --- taking in
# ------------------------------------------------------------------------------------------------


def _sync(actor: Actor, sizes: tuple[int, ...]) -> dict[str, Any]:
    """Storing batches as a sync does, then making their cases as the inbox does."""
    from kuemmerer.channels import interactions
    from kuemmerer.inbox import cases

    channels = [_channel(actor, number) for number in range(CHANNELS)]
    source = _items(random.Random(1))
    batches: list[tuple[Channel, list[Any]]] = []
    waiting: list[list[Any]] = [[] for _ in channels]
    for _number in range(sizes[0]):
        place, item = next(source)
        waiting[place].append(item)
        if len(waiting[place]) == BATCH:
            batches.append((channels[place], waiting[place]))
            waiting[place] = []
    count = sum(len(items) for _, items in batches)
    start = time.perf_counter()
    for channel, items in batches:
        interactions.store(channel=channel, items=items, now=NOW)
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


# --- showing
# --------------------------------------------------------------------------------------------------


def _inbox(actor: Actor, sizes: tuple[int, ...]) -> dict[str, Any]:
    """Server time of the lists and of case pages, middleware and templates included, as the tables grow."""
    from kuemmerer.channels.models import Interaction
    from kuemmerer.core import clock

    channels = [_channel(actor, number) for number in range(CHANNELS)]
    source = random.Random(1)
    items = _items(source)
    results: list[dict[str, Any]] = []
    with clock.frozen(NOW):
        for size in sizes:
            start = time.perf_counter()
            added = _fill(channels, items, size - Interaction.objects.count())
            seconds = time.perf_counter() - start
            _work_off(actor, source)
            _analyze()
            figures = _pages(actor, source)
            results.append(
                {"interactions": size, "loaded_per_second": round(added / seconds), "p95_ms": figures}
            )
    growth = {}
    if len(results) > 1:
        first, last = results[0]["p95_ms"], results[-1]["p95_ms"]
        growth = {name: round(last[name] / first[name], 2) for name in last}
    return {"sizes": results, "growth": growth}


def _channel(actor: Actor, number: int) -> Channel:
    from kuemmerer.channels.models import Channel
    from kuemmerer.networks.registry import connectors

    networks = [key for key, connector in connectors().items() if connector.can.reply]
    start = NOW - timedelta(days=366 * YEARS)
    return Channel.objects.create(
        workspace=actor.workspace,
        network=networks[number % len(networks)],
        name=f"Channel {number}",
        remote_id=str(number),
        handle=f"channel{number}",
        connected_at=start,
        backfill_from=start,
        backfilled_at=start,
        next_sync_at=NOW,
        synced_at=NOW,
    )


_WORDS = """Wann habt ihr auf Danke super Brot ist leider hart Bestellung nicht angekommen wer antwortet mir hier
Rechnung Kurs toll Familie wieder morgen Lieferung when open please thanks great service never again question
about order
""".split()


def _items(source: random.Random) -> Iterator[tuple[int, Any]]:
    """An endless conversation: channel number and item, in the order of time."""
    from kuemmerer.networks.base import Item, Kind, Person

    number = 0
    threads: list[list[str]] = [[] for _ in range(CHANNELS)]
    step = timedelta(days=365 * YEARS) / SIZES[-1]
    while True:
        place = min(int(source.expovariate(0.25)), CHANNELS - 1)
        number += 1
        at = NOW - timedelta(days=365 * YEARS) + step * (number % SIZES[-1])
        if not threads[place] or source.random() < 0.15:
            threads[place] = [*threads[place][-400:], f"t{number}"]
        # Squared: the newest threads get most, and a few of them very many.
        thread = threads[place][-1 - int(source.random() ** 3 * len(threads[place]))]
        rank = int(source.random() ** 2.4 * 40_000)
        kind = Kind.LIKE if source.random() < 0.3 else Kind.COMMENT
        yield (
            place,
            Item(
                kind=kind,
                remote_id=f"i{number}",
                thread_id=thread,
                author=Person(
                    remote_id=f"p{rank}", name=f"Person {rank}", handle=f"person{rank}", followers=rank % 977
                ),
                created_at=at,
                text="" if kind == Kind.LIKE else " ".join(source.choices(_WORDS, k=source.randint(1, 40))),
            ),
        )


def _fill(channels: list[Channel], items: Iterator[tuple[int, Any]], count: int) -> int:
    """Store `count` more items and make their cases; returns how many."""
    from kuemmerer.channels import interactions
    from kuemmerer.inbox import cases

    waiting: list[list[Any]] = [[] for _ in channels]

    def flush(place: int) -> None:
        interactions.store(channel=channels[place], items=waiting[place], now=NOW)
        cases.open_from_channel(channels[place])
        waiting[place] = []

    for _ in range(count):
        place, item = next(items)
        waiting[place].append(item)
        if len(waiting[place]) == BATCH:
            flush(place)
    for place in range(len(channels)):
        flush(place)
    return count


def _work_off(actor: Actor, source: random.Random) -> None:
    """What a team has done: nearly all is closed, the rest assigned or not, some cases are labelled."""
    from kuemmerer.inbox.models import Case, CaseLabel, Label, Status

    cases = Case.objects.filter(workspace=actor.workspace)
    closed = {"status": Status.CLOSED, "closed_at": NOW, "due_at": None, "unanswered_since": None}
    cases.filter(status=Status.OPEN, last_at__lt=NOW - timedelta(days=14)).update(**closed)
    still = list(cases.filter(status=Status.OPEN).values_list("pk", flat=True))
    source.shuffle(still)
    for start in range(0, len(still) // 3, BATCH):
        cases.filter(pk__in=still[start : start + BATCH]).update(assignee=actor.user)
    label, _ = Label.objects.get_or_create(workspace=actor.workspace, name="Bench", defaults={"color": 1})
    known = set(CaseLabel.objects.filter(label=label).values_list("case_id", flat=True))
    wanted = [pk for pk in cases.values_list("pk", flat=True) if pk % 10 == 0 and pk not in known]
    CaseLabel.objects.bulk_create([CaseLabel(case_id=pk, label=label) for pk in wanted], batch_size=5000)


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
