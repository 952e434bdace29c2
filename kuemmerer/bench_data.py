"""A company's years in the database, for benchmarks: skewed as real ones are, written without the detour of
the ORM.

A tenth of the authors write half of the words, a few threads are very long, nearly all cases are closed.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import accumulate, islice
from typing import Any

from django.db import connection, transaction

from kuemmerer.accounts.access import Actor
from kuemmerer.channels.models import Author, Channel, Interaction, Thread
from kuemmerer.core.rows import insert
from kuemmerer.inbox import library, promises
from kuemmerer.inbox.automation.actions import Actions
from kuemmerer.inbox.automation.conditions import Conditions
from kuemmerer.inbox.automation.rules import save as save_rule
from kuemmerer.inbox.models import Case, CaseInteraction, CaseLabel, Label, ReadMark, Status
from kuemmerer.insights import sketch
from kuemmerer.insights.models import DayCount, Mark, Wait
from kuemmerer.networks.base import Item, Kind, Person
from kuemmerer.networks.registry import connectors

YEARS = 2
CHANNELS = 20
PEOPLE = 40_000
CHUNK = 20_000
_COMMON = """
    die der und ich ist nicht das ein es für ihr wir habe mit euch auf wann in zu the and is my was you to
    it of for danke bitte leider heute morgen Lieferung Bestellung Brot Kuchen Rechnung Termin Preis
    Filiale Öffnungszeiten schön toll super gut schlecht wieder noch nie immer endlich warum wer wie kann
    please thanks order service delivery great question about open again never customer Kundin Familie
    Größe Farbe Ware Kasse Gutschein reklamieren antworten bestellt geliefert kaputt falsch freundlich
    unfreundlich warten Anruf Mail Nummer Adresse
""".split()
_BEGIN = """
    Liefer Bestell Brot Kunden Rechnungs Garten Haus Straßen Kinder Winter Sommer Morgen Abend Stadt Land
    Wasser Holz Möbel Bücher Fenster Türen Maler Werk Fahrrad Auto Reise Hotel Zimmer Bäckerei Metzger
    Gemüse Käse Wein Bier Versand Rück Vor Nach Über Unter Haupt Neben order price store home water light
    paper
""".split()
_END = """
    zeit termin preis nummer liste karte bank schein dienst service ordnung plan haus hof platz weg straße
    garten tasche kiste schrank tisch stuhl lampe meister lehrling kurs abend fest markt stand gabe nahme
    prüfung fehler ing ment ness ful ware line
""".split()
_LINKS = ("", "s", "en", "er", "e", "ungs")
_ENDINGS = ("", "en", "e", "s", "er", "n", "es")


def vocabulary(size: int) -> list[str]:
    """So many different words, the most frequent first, as German and English comments have them: short ones
    all of us need, then compounds and their forms.
    """
    rare = (
        begin + link + end + ending + (str(number) if number else "")
        for number in range(1_000_000)
        for ending in _ENDINGS
        for link in _LINKS
        for end in _END
        for begin in _BEGIN
    )
    return [*_COMMON, *islice(rare, size - len(_COMMON))]


_ZIPF = 1.0
_VOCABULARY = 100_000
_OFFSET = 2.7
"""Mandelbrot's: the most frequent word is not twice as frequent as the second."""


class Texts:
    """Draws texts of 1 to 40 words by the law of Zipf and Mandelbrot: the word of rank r is drawn in
    proportion to 1/(r + 2.7). The first stands in every third text, two thirds of the vocabulary in fewer
    than one of 50,000.
    """

    def __init__(self, source: random.Random) -> None:
        self._source = source
        self._words = vocabulary(_VOCABULARY)
        weights = ((rank + _OFFSET) ** -_ZIPF for rank in range(1, _VOCABULARY + 1))
        self._heap = list(accumulate(weights))

    def draw(self) -> str:
        length = 1 + int(40 * self._source.random() ** 2)
        return " ".join(self._source.choices(self._words, cum_weights=self._heap, k=length))


def channels(actor: Actor, now: datetime) -> list[Channel]:
    """Twenty connected channels that can answer."""
    networks = [key for key, connector in connectors().items() if connector.can.reply]
    start = now - timedelta(days=366 * YEARS)
    return [
        Channel.objects.create(
            workspace=actor.workspace,
            network=networks[number % len(networks)],
            name=f"Channel {number}",
            remote_id=str(number),
            handle=f"channel{number}",
            connected_at=start,
            backfill_from=start,
            backfilled_at=start,
            next_sync_at=now,
            synced_at=now,
        )
        for number in range(CHANNELS)
    ]


def rules(actor: Actor, count: int, now: datetime) -> None:
    """So many automation rules as teams write them: a few words each, one with a star, a label or a
    priority; every tenth gives cases in turn.
    """
    label = library.save_label(actor=actor, name="Rule", color=1, now=now) if count else None
    for number in range(count):
        words = [_COMMON[20 + number * 2 % 50], _COMMON[21 + number * 2 % 50], f"{_BEGIN[number % 40]}*"]
        deeds = Actions(labels=[label.pk]) if label and number % 2 else Actions(priority=3)
        save_rule(
            actor=actor,
            name=f"Rule {number}",
            conditions=Conditions(words=words, hours="open" if number % 3 else ""),
            actions=replace(deeds, in_turn=number % 10 == 0),
            now=now,
        )


class Crowd:
    """Who writes where: draws of channel, thread and person, the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self._texts = Texts(random.Random(seed + 1))
        self._threads: list[list[int]] = [[] for _ in range(CHANNELS)]
        self._last = 0

    def draw(self) -> tuple[int, int, int, Kind, str]:
        """Numbers of the channel, the thread (unique) and the person; kind and text of what is written."""
        place = min(int(self.random.expovariate(0.25)), CHANNELS - 1)
        threads = self._threads[place]
        if not threads or self.random.random() < 0.15:
            self._last += 1
            threads.append(self._last)
            del threads[:-400]
        # Cubed: the newest threads get most, and a few of them very many.
        thread = threads[-1 - int(self.random.random() ** 3 * len(threads))]
        person = int(self.random.random() ** 2.4 * PEOPLE)
        kind = Kind.LIKE if self.random.random() < 0.3 else Kind.COMMENT
        text = "" if kind == Kind.LIKE else self._texts.draw()
        return place, thread, person, kind, text


def batches(seed: int, count: int, size: int, now: datetime) -> Iterable[tuple[int, list[Item]]]:
    """`count` items as connectors bring them: number of the channel and up to `size` of its items."""
    crowd = Crowd(seed)
    waiting: list[list[Item]] = [[] for _ in range(CHANNELS)]
    for number in range(count):
        place, thread, person, kind, text = crowd.draw()
        waiting[place].append(
            Item(
                kind=kind,
                remote_id=f"i{number}",
                thread_id=f"t{thread}",
                author=Person(remote_id=f"p{person}", name=f"Person {person}", handle=f"person{person}"),
                created_at=now - timedelta(days=365 * YEARS) * (1 - number / count),
                text=text,
            )
        )
        if len(waiting[place]) == size:
            yield place, waiting[place]
            waiting[place] = []
    yield from ((place, rest) for place, rest in enumerate(waiting) if rest)


class History:
    """Fills the tables with the past of one workspace, in steps that grow it."""

    def __init__(self, actor: Actor, places: Sequence[Channel], now: datetime) -> None:
        self._actor, self._places, self._now = actor, places, now
        self._crowd = Crowd(1)
        self._authors: dict[tuple[int, int], int] = {}
        self._threads: dict[int, int] = {}
        self._cases: dict[tuple[int, int], int] = {}
        self._written = 0
        self._label = Label.objects.create(workspace=actor.workspace, name="Bench", color=1)

    def grow_to(self, size: int) -> None:
        """Add interactions, with their authors, threads and cases, until there are `size`."""
        count = size - self._written
        for start in range(0, count, CHUNK):
            with transaction.atomic():
                self._chunk(start, min(CHUNK, count - start), count)
        for channel in self._places:
            Channel.objects.filter(pk=channel.pk).update(seq=self._written)

    def grow_by(self, count: int) -> None:
        """Add so many interactions."""
        self.grow_to(self._written + count)

    def cases_are_made(self) -> None:
        """Say so to the inbox, whose own work this history has done already."""
        for channel in self._places:
            ReadMark.objects.update_or_create(channel=channel, defaults={"seq": self._written})

    def days_are_counted(self) -> None:
        """Say so to the statistics: a count for each channel and day, a wait for each open case."""
        Wait.objects.all().delete()
        DayCount.objects.all().delete()
        source = random.Random(self._written)
        last = self._now.date()
        own = {"workspace_id": self._actor.workspace.pk}
        for channel in self._places:
            days = (last - timedelta(days=back) for back in range(365 * YEARS))
            Mark.objects.update_or_create(channel=channel, defaults={"stamp": self._written})
            insert(DayCount, [{**own, "channel_id": channel.pk, **_counted(day, source)} for day in days])
            waiting = Case.objects.filter(channel=channel, unanswered_since__isnull=False)
            found = waiting.values_list("pk", "unanswered_since")
            insert(
                Wait,
                [
                    {
                        **own,
                        "channel_id": channel.pk,
                        "case_id": pk,
                        "since_at": since,
                        "since_day": str(since.date()),
                    }
                    for pk, since in found
                    if since is not None
                ],
            )

    def _chunk(self, start: int, length: int, count: int) -> None:
        authors, threads, interactions, links = [], [], [], []
        cases: dict[int, dict[str, Any]] = {}
        for number in range(start, start + length):
            place, thread_number, person, kind, text = self._crowd.draw()
            channel = self._places[place]
            at = self._now - timedelta(days=365 * YEARS) * (1 - (number + 1) / count)
            own: dict[str, Any] = {"workspace_id": self._actor.workspace.pk, "channel_id": channel.pk}
            author = self._authors.get((place, person))
            if author is None:
                author = self._authors[place, person] = len(self._authors) + 1
                name = {"name": f"Person {person}", "handle": f"person{person}"}
                authors.append({"id": author, **own, **name, "remote_id": f"p{person}", "first_seen_at": at})
            if thread_number not in self._threads:
                self._threads[thread_number] = thread_number
                threads.append(
                    {"id": thread_number, **own, "remote_id": f"t{thread_number}", "created_at": at}
                )
            self._written += 1
            identity = self._written
            row = {
                "id": identity,
                **own,
                "thread_id": thread_number,
                "author_id": author,
                "kind": kind,
                "text": text,
            }
            interactions.append(
                {**row, "remote_id": f"i{identity}", "created_at": at, "fetched_at": at, "seq": identity}
            )
            if kind == Kind.COMMENT:
                case = self._case(cases, own, thread_number, author, text, at)
                links.append({"case_id": case, "interaction_id": identity})
        insert(Author, authors)
        insert(Thread, threads)
        insert(Interaction, interactions)
        fresh = [row for row in cases.values() if row.pop("fresh")]
        insert(Case, fresh)
        insert(CaseInteraction, links)
        labelled = [
            {"case_id": row["id"], "label_id": self._label.pk} for row in fresh if row["id"] % 10 == 0
        ]
        insert(CaseLabel, labelled)
        known = {row["id"]: row for row in cases.values()}.keys() - {row["id"] for row in fresh}
        _touch([cases[identity] for identity in known])

    def _case(
        self,
        cases: dict[int, dict[str, Any]],
        own: dict[str, Any],
        thread: int,
        author: int,
        text: str,
        at: datetime,
    ) -> int:
        identity = self._cases.get((thread, author))
        fresh = identity is None
        if identity is None:
            identity = self._cases[thread, author] = len(self._cases) + 1
        if identity in cases:
            fresh = cases[identity]["fresh"]
        is_open = at > self._now - timedelta(days=14)
        since = at if is_open else None
        cases[identity] = {
            "id": identity,
            **own,
            "thread_id": thread,
            "author_id": author,
            "kind": Kind.COMMENT,
            "excerpt": text[:200],
            "opened_at": at,
            "last_at": at,
            "status": Status.OPEN if is_open else Status.CLOSED,
            "unanswered_since": since,
            "due_at": since + timedelta(days=1) if since else None,
            "assignee_id": self._actor.user.pk if identity % 3 == 0 else None,
            "fresh": fresh,
        }
        return identity


def deadline_rules(actor: Actor, now: datetime) -> None:
    """Five rules with conditions of each kind, of which the last ones hold for few cases."""
    label = Label.objects.get(workspace=actor.workspace, name="Bench")
    some = list(Channel.objects.filter(workspace=actor.workspace).values_list("pk", flat=True)[:5])
    rules = (
        ("Labelled", promises.Conditions(labels=[label.pk]), promises.Given(promise="minutes", minutes=120)),
        (
            "Complaints",
            promises.Conditions(intents=["complaint"]),
            promises.Given(promise="minutes", minutes=240),
        ),
        ("Urgent", promises.Conditions(priorities=[4]), promises.Given(promise="minutes", minutes=60)),
        ("Channels", promises.Conditions(channels=some), promises.Given(promise="next_day_end", minutes=0)),
        ("Low", promises.Conditions(priorities=[1]), promises.Given(promise="day", minutes=0)),
    )
    for name, conditions, given in rules:
        promises.save_rule(actor=actor, name=name, conditions=conditions, given=given, now=now)


def running_clocks(history: History, count: int, now: datetime) -> None:
    """Grow the history until so many cases are there, and let all of them wait, the oldest for two months."""
    while Case.objects.count() < count:
        history.grow_by(count // 2)
    ids = list(Case.objects.order_by("pk").values_list("pk", flat=True)[:count])
    span = timedelta(days=60) / count
    rows = [
        [*map(_raw, (now - span * (count - place), now - span * (count - place) + timedelta(days=1))), pk]
        for place, pk in enumerate(ids)
    ]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.executemany(
            f"UPDATE {Case._meta.db_table} "  # noqa: S608
            "SET status = 'open', unanswered_since = %s, due_at = %s WHERE id = %s",
            rows,
        )


def _counted(day: date, source: random.Random) -> dict[str, Any]:
    """A busy day: thirty answers within minutes or two days."""
    times = sketch.merged({sketch.bucket(int(source.expovariate(1 / 200))): 1} for _ in range(30))
    return {
        "day": str(day),
        "began": 31,
        "ended": 31,
        "answered": 30,
        "open_times": times,
        "clock_times": times,
    }


def _touch(rows: Sequence[dict[str, Any]]) -> None:
    columns = ("excerpt", "last_at", "status", "unanswered_since", "due_at")
    assignments = ", ".join(f"{name} = %s" for name in columns)
    with connection.cursor() as cursor:
        cursor.executemany(
            f"UPDATE {Case._meta.db_table} SET {assignments} WHERE id = %s",  # noqa: S608
            [[*(_raw(row[name]) for name in columns), row["id"]] for row in rows],
        )


def _raw(value: Any) -> Any:
    if isinstance(value, datetime):
        return connection.ops.adapt_datetimefield_value(value)
    return "{}" if isinstance(value, dict) else value
