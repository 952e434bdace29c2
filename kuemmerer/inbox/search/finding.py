"""Asking the index: which cases have a text that fits, the newest text first.

Nothing is ranked, so nothing has to be counted: a word that stands in a third of ten million texts is
answered from the newest few hundred. SQLite walks down the lists of its index, newest first, and stops.
PostgreSQL's index has no order; there the newest texts are looked through first, and only what is rare
among them is looked up.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.db import connection
from django.db.models import QuerySet

from kuemmerer.inbox.models import Case
from kuemmerer.inbox.search.index import first_id, lexeme
from kuemmerer.inbox.search.query import Choice, Form, Query

STEPS = (200, 1_000, 4_000)
"""Texts that fit and are compared with the other filters at a time. When these are through, the page ends
as it is, and the next one goes on.
"""
NEWEST = (2_000, 18_000)
"""PostgreSQL: texts that are looked through, before the index is asked."""
FEW = 200
"""Cases that are so few are looked through themselves, if what fits the words hardly ever fits the
filters."""


@dataclass(frozen=True)
class Hit:
    """A case and its newest text that fits."""

    case_id: int
    passage_id: int


@dataclass(frozen=True)
class Found:
    """Some cases, the newest text first, and from which passage on (excluding) to go on, if there may be
    more."""

    hits: Sequence[Hit]
    next: int | None


def find(
    *,
    workspace_id: int,
    query: Query,
    cases: QuerySet[Case] | None = None,
    after: int | None = None,
    limit: int,
) -> Found:
    """Cases of a workspace with a text that fits `query`, each once, with its newest such text.

    `cases`: only these (None: all); `after`: the `next` of the page before. A page may hold less than `limit`
    and yet have a `next`: that far it has been looked.
    """
    low, top = first_id(workspace_id), first_id(workspace_id + 1)
    below = top if after is None else max(low, min(after, top))
    index = _Index(workspace_id, query)
    known: set[int] = set()
    hits: list[Hit] = []
    examined: int | None = None
    for batch, complete in index.newest_first(low, below):
        for hit in _fitting(index, batch, cases, known, None if after is None else (below, top)):
            hits.append(hit)
            if len(hits) > limit:
                return Found(hits[:limit], hits[limit - 1].passage_id)
        examined = None if complete else batch.reached
        if complete:
            return Found(hits, None)
    if cases is not None and (few := _few(cases)) is not None:
        return _among_few(index, few, low, below, top, limit)
    return Found(hits, examined)


@dataclass(frozen=True)
class _Batch:
    hits: Sequence[Hit]
    reached: int | None
    """All passages down to this one have been looked at."""


def _fitting(
    index: _Index,
    batch: _Batch,
    cases: QuerySet[Case] | None,
    known: set[int],
    before: tuple[int, int] | None,
) -> Iterator[Hit]:
    """Of these hits the first of each case that is none of the `known` ones, and fits the filters."""
    first = {hit.case_id: hit for hit in reversed(batch.hits) if hit.case_id not in known}
    known.update(first)
    if cases is not None:
        # By themselves and by their ids: joined in, the filters tempt a database to begin with them.
        fitting = set(cases.filter(pk__in=list(first)).order_by().values_list("pk", flat=True))
        first = {case_id: hit for case_id, hit in first.items() if case_id in fitting}
    shown = {hit.case_id for hit in index.among(list(first), *before)} if before and first else set()
    return (hit for hit in sorted(first.values(), key=lambda h: -h.passage_id) if hit.case_id not in shown)


def _few(cases: QuerySet[Case]) -> list[int] | None:
    found = list(cases.order_by().values_list("pk", flat=True)[: FEW + 1])
    return found if len(found) <= FEW else None


def _among_few(index: _Index, case_ids: list[int], low: int, below: int, top: int, limit: int) -> Found:
    newest: dict[int, int] = {}
    for hit in index.among(case_ids, low, top):
        newest[hit.case_id] = max(hit.passage_id, newest.get(hit.case_id, 0))
    hits = [Hit(case_id, passage_id) for case_id, passage_id in newest.items() if passage_id < below]
    hits.sort(key=lambda hit: -hit.passage_id)
    return Found(hits[:limit], hits[limit - 1].passage_id if len(hits) > limit else None)


_Row = tuple[int, int, bool]
"""Id, case, and whether the phrases fit."""


class _Index:
    """The full-text index of this database, for one query."""

    def __init__(self, workspace_id: int, query: Query) -> None:
        self._workspace_id, self._query = workspace_id, query
        self._postgresql = connection.vendor == "postgresql"
        self._asked = self._tsquery() if self._postgresql else self._match()
        self._exactly, self._phrases = self._exact()

    def newest_first(self, low: int, below: int) -> Iterator[tuple[_Batch, bool]]:
        """What fits in `low` ≤ id < `below`, the newest first, in batches that grow, and whether that was
        all. Ends after some batches, whether or not that was all.
        """
        if self._postgresql:
            for size in NEWEST:
                rows = self._looked_through(low, below, size)
                batch, below = self._batch(rows, below)
                yield batch, len(rows) < size
            steps: Sequence[int] = STEPS[-1:]
        else:
            steps = STEPS
        for size in steps:
            rows = self._looked_up(low, below, size)
            batch, below = self._batch(rows, below)
            yield batch, len(rows) < size

    def _batch(self, rows: list[_Row], below: int) -> tuple[_Batch, int]:
        reached = rows[-1][0] if rows else below
        return _Batch([Hit(case_id, pk) for pk, case_id, fits in rows if fits], reached), reached

    def among(self, case_ids: Sequence[int], low: int, below: int) -> list[Hit]:
        """What fits in these cases and `low` ≤ id < `below`."""
        if self._postgresql:
            table, fits = "inbox_passage p", "p.forms @@ %s::tsquery"
        else:
            # CROSS JOIN: first the passages of the cases, then the index for each of them.
            table = "inbox_passage p CROSS JOIN inbox_passage_forms f ON f.rowid = p.id"
            fits = "f.inbox_passage_forms MATCH %s"
        found: list[Hit] = []
        for start in range(0, len(case_ids), 500):
            some = case_ids[start : start + 500]
            marks = ", ".join(["%s"] * len(some))
            rows = self._rows(
                f"SELECT p.id, p.case_id, 1 FROM {table} WHERE p.case_id IN ({marks})"  # noqa: S608
                f" AND p.id >= %s AND p.id < %s AND {fits} AND {self._exactly}",
                [*some, low, below, self._asked, *self._phrases],
            )
            found += [Hit(case_id, pk) for pk, case_id, _fits in rows]
        return found

    def _looked_up(self, low: int, below: int, most: int) -> list[_Row]:
        """By the index: the newest `most` with these forms, and whether the phrases fit too."""
        if self._postgresql:
            # `id + 0`: not by the ids. The planner does not know that a rare word is rare.
            sql = f"""WITH fitting AS MATERIALIZED (
                SELECT id, case_id, {self._exactly} AS fits FROM inbox_passage p
                WHERE forms @@ %s::tsquery AND id + 0 >= %s AND id + 0 < %s)
              SELECT id, case_id, fits FROM fitting ORDER BY id DESC LIMIT %s"""  # noqa: S608
            return self._rows(sql, [*self._phrases, self._asked, low, below, most])
        sql = f"""SELECT p.id, p.case_id, {self._exactly} FROM (
            SELECT rowid FROM inbox_passage_forms
            WHERE inbox_passage_forms MATCH %s AND rowid >= %s AND rowid < %s ORDER BY rowid DESC LIMIT %s
          ) AS f CROSS JOIN inbox_passage p ON p.id = f.rowid ORDER BY f.rowid DESC"""  # noqa: S608
        return self._rows(sql, [*self._phrases, self._asked, low, below, most])

    def _looked_through(self, low: int, below: int, most: int) -> list[_Row]:
        """One after another: the newest `most` of all, and whether each fits."""
        sql = f"""SELECT id, case_id, forms @@ %s::tsquery AND {self._exactly} FROM inbox_passage p
            WHERE id >= %s AND id < %s ORDER BY id DESC LIMIT %s"""  # noqa: S608
        return self._rows(sql, [self._asked, *self._phrases, low, below, most])

    def _rows(self, sql: str, values: Sequence[int | str]) -> list[_Row]:
        with connection.cursor() as cursor:
            cursor.execute(sql, values)
            return [(pk, case_id, bool(fits)) for pk, case_id, fits in cursor.fetchall()]

    def _exact(self) -> tuple[str, list[str]]:
        """The condition for phrases, and its values."""
        at = "strpos" if self._postgresql else "instr"
        conditions = [f"{at}(p.words, %s) > 0"] * len(self._query.phrases)
        conditions += [f"{at}(p.words, %s) = 0"] * len(self._query.unwanted_phrases)
        return " AND ".join(conditions) or "1 = 1", [*self._query.phrases, *self._query.unwanted_phrases]

    def _match(self) -> str:
        """The query for FTS5. Words hold letters, digits and signs beyond ASCII only: no syntax gets in."""
        wanted = " AND ".join(map(self._match_choice, self._query.wanted))
        for unwanted in self._query.unwanted:
            wanted = f"({wanted}) NOT ({' AND '.join(map(self._match_choice, unwanted))})"
        return wanted

    def _match_choice(self, choice: Choice) -> str:
        return "(" + " OR ".join(f'"{form.text}"{" *" if form.open else ""}' for form in choice) + ")"

    def _tsquery(self) -> str:
        parts = [self._tsquery_choice(choice) for choice in self._query.wanted]
        for unwanted in self._query.unwanted:
            parts.append(f"!({' & '.join(map(self._tsquery_choice, unwanted))})")
        return " & ".join(parts)

    def _tsquery_choice(self, choice: Choice) -> str:
        return "(" + " | ".join(map(self._tsquery_form, choice)) + ")"

    def _tsquery_form(self, form: Form) -> str:
        return f"'{lexeme(self._workspace_id, form.text)}'{':*' if form.open else ''}"
