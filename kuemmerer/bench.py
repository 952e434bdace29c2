"""Benchmarks: how fast this machine takes interactions in and shows them, on a database of its own."""

from __future__ import annotations

import logging
import math
import multiprocessing
import os
import random
import resource
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from kuemmerer.core import collector

if TYPE_CHECKING:
    from django.test import Client

    from kuemmerer.accounts.access import Actor

NOW = datetime(2026, 6, 10, 10, 0, tzinfo=UTC)
BATCH = 500
ASKED = 100
"""How often each page is asked for."""
DEFAULT_SIZES = {"sync": 100_000, "deadlines": 100_000}
"""Interactions; of deadlines it is the number of clocks that run. All else is measured at a million."""


def run(what: str, *, interactions: int | None, keep: bool, rules: int = 0) -> dict[str, Any]:
    """The figures of one benchmark.

    The database is a fresh SQLite file in a temporary folder, or the empty PostgreSQL database that
    KUEMMERER_DATABASE_URL names. Raises SystemExit for one that is in use.
    """
    path = tempfile.mkdtemp(prefix="kuemmerer-bench-")
    os.environ["KUEMMERER_DATA"] = path
    try:
        return _run(what, interactions, rules)
    finally:
        if keep:
            print(f"kept in {path}", file=sys.stderr)
        else:
            shutil.rmtree(path, ignore_errors=True)


def _run(what: str, interactions: int | None, rules: int) -> dict[str, Any]:
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
    measures: dict[str, Callable[..., dict[str, Any]]] = {
        "sync": partial(_sync, rules=rules),
        "inbox": _inbox,
        "search": _search,
        "deadlines": _deadlines,
    }
    size = interactions or DEFAULT_SIZES.get(what, 1_000_000)
    result = measures[what](actor, (size,) if what == "sync" else (size // 10, size))
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


def _sync(actor: Actor, sizes: tuple[int, ...], rules: int) -> dict[str, Any]:
    """Storing batches as a sync does, then making their cases as the inbox does, with automation rules."""
    from kuemmerer import bench_data
    from kuemmerer.channels import interactions
    from kuemmerer.inbox import cases
    from kuemmerer.inbox.models import RuleHit

    channels = bench_data.channels(actor, NOW)
    bench_data.rules(actor, rules, NOW)
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
        "rules": rules,
        "rule_hits": RuleHit.objects.count(),
        "interactions_per_second": round(count / stored),
        "with_cases_per_second": round(count / (stored + opened)),
    }


def _inbox(actor: Actor, sizes: tuple[int, ...]) -> dict[str, Any]:
    """Server time of the lists and of case pages, middleware and templates included, as the tables grow."""
    from kuemmerer import bench_data
    from kuemmerer.core import clock

    history = bench_data.History(actor, bench_data.channels(actor, NOW), NOW)
    results: list[dict[str, Any]] = []
    with clock.frozen(NOW):
        for number, size in enumerate(sizes):
            history.grow_to(size)
            history.days_are_counted()
            _analyze()
            results.append({"interactions": size, **_apart(_pages, number)})
    return {"sizes": results, "growth": _growth(results)}


def _apart(measure: Callable[[Actor, random.Random], dict[str, Any]], seed: int) -> dict[str, Any]:
    """The figures as a process finds them that answers pages and does nothing else: the memory of this one is
    full of what it made up, and everything is slower there.
    """
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_measured, (measure, seed))


def _measured(measure: Callable[[Actor, random.Random], dict[str, Any]], seed: int) -> dict[str, Any]:
    import django

    django.setup()
    logging.disable(logging.WARNING)
    from kuemmerer.accounts.access import Actor
    from kuemmerer.accounts.models import Membership
    from kuemmerer.core import clock

    membership = Membership.objects.select_related("user", "workspace").get()
    actor = Actor(user=membership.user, workspace=membership.workspace, membership=membership)
    with clock.frozen(NOW):
        return measure(actor, random.Random(seed))


def _growth(results: list[dict[str, Any]]) -> dict[str, float]:
    """How many times longer everything takes at the last size than at the first, as the median has it.

    A machine that others use too changes its speed from minute to minute; by what a fixed piece of computing
    took among the pages that is taken out.
    """
    if len(results) < 2:
        return {}
    first, last = results[0], results[-1]
    speed = last["reference_ms"] / first["reference_ms"]
    return {
        name: round(median / first["median_ms"][name] / speed, 2)
        for name, median in last["median_ms"].items()
    }


def _search(actor: Actor, sizes: tuple[int, ...]) -> dict[str, Any]:
    """Server time of the list with a search, middleware and templates included, as the index grows; and how
    fast the index is filled.
    """
    from kuemmerer import bench_data
    from kuemmerer.core import clock
    from kuemmerer.inbox import search

    history = bench_data.History(actor, bench_data.channels(actor, NOW), NOW)
    results: list[dict[str, Any]] = []
    with clock.frozen(NOW):
        for size in sizes:
            history.grow_to(size)
            history.cases_are_made()
            start = time.perf_counter()
            indexed = search.fill(NOW)
            filled = time.perf_counter() - start
            _analyze()
            results.append(
                {
                    "interactions": size,
                    "indexed_per_second": round(indexed / filled),
                    **_apart(_searches, 1),
                }
            )
    return {"sizes": results, "growth": _growth(results)}


def _deadlines(actor: Actor, sizes: tuple[int, ...]) -> dict[str, Any]:
    """Counting all running clocks anew after the calendar has changed, and one deadline alone."""
    from kuemmerer import bench_data
    from kuemmerer.accounts import workspaces
    from kuemmerer.inbox import cases, deadlines
    from kuemmerer.inbox.models import Case, DeadlinePolicy

    history = bench_data.History(actor, bench_data.channels(actor, NOW), NOW)
    bench_data.deadline_rules(actor, NOW)
    results = []
    for number, size in enumerate(sizes):
        bench_data.running_clocks(history, size, NOW)
        _analyze()
        # Another closing time each round, so that every deadline changes.
        actor.workspace.hours = {
            str(day): [["09:00", "12:00"], ["13:00", f"{17 + number}:30"]] for day in range(5)
        }
        actor.workspace.save(update_fields=["hours"])
        for tell in workspaces.hours_changed:
            tell(actor.workspace)
        start = time.perf_counter()
        changed = cases.recount_deadlines(DeadlinePolicy.objects.get(workspace=actor.workspace))
        seconds = time.perf_counter() - start
        results.append({"running": size, "changed": changed, "recount_seconds": round(seconds, 2)})
    book = deadlines.RuleBook(actor.workspace)
    some = list(Case.objects.filter(unanswered_since__isnull=False).order_by("-pk")[:2000])
    labels = deadlines.labels_of(some)
    for case in some:
        book.set_due(case, labels[case.pk])
    times = [
        _milliseconds(partial(book.set_due, case, labels[case.pk])) * 1000 for case in some for _ in range(5)
    ]
    return {
        "sizes": results,
        "due_at_us": {"median": round(statistics.median(times), 1), "p95": round(_p95(times), 1)},
    }


def _searches(actor: Actor, source: random.Random) -> dict[str, Any]:
    """The times of each kind of search."""
    from urllib.parse import urlencode

    from django.urls import reverse

    from kuemmerer import bench_data
    from kuemmerer.channels.models import Channel, Interaction
    from kuemmerer.inbox.models import Label

    client = _client(actor)
    inbox = reverse("inbox", args=[actor.workspace.slug])
    words = bench_data.vocabulary(100_000)
    label = Label.objects.get(workspace=actor.workspace)
    channel = Channel.objects.filter(workspace=actor.workspace).order_by("pk")[:1].get()
    newest = Interaction.objects.order_by("-pk").values_list("pk", flat=True)[0]
    some = Interaction.objects.filter(pk__in=[source.randint(1, newest) for _ in range(ASKED * 6)])
    texts = [text.split() for text in some.values_list("text", flat=True) if text.count(" ") > 3][:ASKED]
    filters = (
        {"view": "mine"},
        {"view": "open"},
        {"view": "all", "status": "closed"},
        {"view": "all", "label": label.pk},
        {"view": "all", "channel": channel.pk},
    )
    asked: dict[str, list[dict[str, Any]]] = {
        "rare": [{"q": source.choice(words[20_000:])} for _ in range(ASKED)],
        "medium": [{"q": source.choice(words[100:5_000])} for _ in range(ASKED)],
        "common": [{"q": words[place % 3]} for place in range(ASKED)],
        "prefix": [{"q": ("liefer", "bestell*", "brot", "rechnung", "straße")[n % 5]} for n in range(ASKED)],
        "phrase": [{"q": '"{} {} {}"'.format(*text[:3])} for text in texts],
        "two_common": [{"q": f"{words[n % 3]} {words[3 + n % 3]}"} for n in range(ASKED)],
        "common_and_filter": [{"q": words[n % 3], **filters[n % 5]} for n in range(ASKED)],
        "medium_and_filter": [{"q": source.choice(words[100:5_000]), **filters[n % 5]} for n in range(ASKED)],
        "no_hit": [{"q": f"unauffindbar{n}"} for n in range(ASKED)],
        "handle": [{"q": f"@person{int(source.random() ** 2.4 * bench_data.PEOPLE)}"} for _ in range(ASKED)],
    }
    return _timed(
        client,
        {
            name: [f"{inbox}?{urlencode({'view': 'all', **query})}" for query in queries]
            for name, queries in asked.items()
        },
    )


def _client(actor: Actor) -> Client:
    from django.test import Client

    client = Client()
    client.force_login(actor.user, backend="allauth.account.auth_backends.AuthenticationBackend")
    return client


def _analyze() -> None:
    """What PostgreSQL's autovacuum and SQLite's optimizer do by themselves in time."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def _pages(actor: Actor, source: random.Random) -> dict[str, Any]:
    """The times of each kind of page."""
    from django.urls import reverse

    from kuemmerer.channels.models import Channel
    from kuemmerer.inbox.models import Case, Label

    client = _client(actor)
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
    pages = {name: [f"{inbox}?{query}"] * ASKED for name, query in lists.items()}
    today = reverse("today", args=[actor.workspace.slug])
    pages["today"] = [today] * ASKED
    pages["today_90_days"] = [f"{today}?days=90"] * ASKED
    some = Case.objects.filter(pk__in=[source.randint(1, newest) for _ in range(ASKED * 2)])
    pages["case"] = [reverse("case", args=[actor.workspace.slug, case.pk]) for case in some[:ASKED]]
    return _timed(client, pages)


def _timed(client: Client, pages: dict[str, list[str]]) -> dict[str, Any]:
    """The server's time for these pages in milliseconds: p95 and median by name, after one of each that warms
    up. They are asked for in turns, so that a slow moment of the machine hits all alike.
    """
    for urls in pages.values():
        client.get(urls[0])
    collector.settle()  # as the web server does
    times: dict[str, list[float]] = {name: [] for name in [*pages, ""]}
    for turn in range(max(map(len, pages.values()))):
        times[""].append(_milliseconds(_reference))
        for name, urls in pages.items():
            if turn < len(urls):
                times[name].append(_milliseconds(partial(_get, client, urls[turn])))
    reference = statistics.median(times.pop(""))
    return {
        "p95_ms": {name: round(_p95(found), 1) for name, found in times.items()},
        "median_ms": {name: round(statistics.median(found), 1) for name, found in times.items()},
        "reference_ms": round(reference, 2),
    }


def _milliseconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1000


def _reference() -> int:
    """A fixed piece of computing, by which runs on a busy machine can be compared."""
    return sum(len(str(number)) for number in range(20_000))


def _get(client: Client, url: str) -> None:
    response = client.get(url)
    if response.status_code != 200:
        raise SystemExit(f"kuemmerer bench: {url} answered {response.status_code}")


def _p95(times: list[float]) -> float:
    return sorted(times)[math.ceil(0.95 * len(times)) - 1]
