"""The case lists: which cases, in which order, a page at a time. Every list is one walk along one index."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from django.db import connection
from django.db.models import Exists, OuterRef, Q, QuerySet, prefetch_related_objects
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from kuemmerer.accounts.access import Actor
from kuemmerer.core.errors import Invalid
from kuemmerer.core.text import storable
from kuemmerer.inbox import search as index
from kuemmerer.inbox.models import Case, CaseLabel, Status

MOST = 100
COUNT_UP_TO = 99
_PAGES = 40
"""Pages that `ids` looks through; of a search each may hold few cases."""


class View(StrEnum):
    OPEN = "open"
    MINE = "mine"
    UNASSIGNED = "unassigned"
    DUE = "due"
    OVERDUE = "overdue"
    ALL = "all"


LABELS = {
    View.OPEN: pgettext_lazy("cases", "Open"),
    View.DUE: _("Due today"),
    View.OVERDUE: _("Overdue"),
    View.MINE: _("Mine"),
    View.UNASSIGNED: _("Unassigned"),
    View.ALL: _("All"),
}


@dataclass(frozen=True, kw_only=True)
class Page:
    """Some cases with their authors and, where there are more, the mark at which the next page begins.

    Of a search `matches` says for each case why it was found. A page of a search may hold few cases or
    none and yet have a `next`: what fits the words often and the filters hardly ever is looked for bit by
    bit.
    """

    cases: Sequence[Case]
    next: str | None
    matches: Mapping[int, index.Match] = field(default_factory=dict)


def case_list(
    *,
    actor: Actor,
    view: str,
    now: datetime,
    status: str | None = None,
    channel_id: int | None = None,
    label_id: int | None = None,
    assignee_id: int | None = None,
    search: str = "",
    after: str | None = None,
    limit: int = 50,
) -> Page:
    """A page of a case list. Open lists begin with what is due soonest, the others with the newest words, a
    search with the newest text that fits.

    `search` as in `search.parse`; `after` is the `next` of the page before. Raises Invalid for an unknown
    view, status or mark and for a search in which nothing is looked for, and Forbidden.
    """
    actor.need("inbox.view")
    cases = _filtered(actor, view, now, status, channel_id, label_id, assignee_id)
    limit = max(1, min(limit, MOST))
    if storable(search).strip():
        narrowed = view != View.ALL or any((status, channel_id, label_id, assignee_id))
        return _found(actor, cases, search, after, limit, narrowed=narrowed)
    by_due = _by_due(view, status)
    if after:
        cases = cases.filter(_behind(after, by_due=by_due))
    order = ("due_at", "id") if by_due else ("-last_at", "-id")
    # Few channels and people, asked for alone: joined in, they tempt a database to begin with them.
    rows = list(cases.order_by(*order).select_related("author")[: limit + 1])
    more = len(rows) > limit
    return Page(cases=rows[:limit], next=_mark(rows[limit - 1], by_due=by_due) if more else None)


def _found(
    actor: Actor, cases: QuerySet[Case], search: str, after: str | None, limit: int, *, narrowed: bool
) -> Page:
    query = index.parse(search)
    found = index.find(
        workspace_id=actor.workspace.pk,
        query=query,
        cases=cases if narrowed else None,
        after=_passage(after) if after else None,
        limit=limit,
    )
    rows = Case.objects.select_related("author").filter(workspace=actor.workspace)
    by_id = rows.in_bulk([hit.case_id for hit in found.hits])
    shown = index.matches(found.hits, query, {pk: str(case.author) for pk, case in by_id.items()})
    return Page(
        # What was deleted a moment ago is left out.
        cases=[by_id[hit.case_id] for hit in found.hits if hit.case_id in shown and hit.case_id in by_id],
        next=None if found.next is None else _encoded(found.next),
        matches=shown,
    )


def ids(*, actor: Actor, now: datetime, most: int, filters: Mapping[str, Any]) -> tuple[list[int], bool]:
    """The ids of the first `most` cases of such a list in its order, and whether there are more.

    `filters` are the keyword arguments of `case_list` that narrow it. Raises like the list.
    """
    found: list[int] = []
    after: str | None = None
    for _page in range(_PAGES):
        page = case_list(actor=actor, now=now, after=after, limit=MOST, **filters)
        found += [case.pk for case in page.cases]
        after = page.next
        if after is None or len(found) > most:
            break
    return found[:most], after is not None or len(found) > most


def with_relations(cases: Sequence[Case]) -> Sequence[Case]:
    """The same cases with their channels, assignees and labels at hand."""
    prefetch_related_objects(cases, "channel", "assignee", "labels")
    return cases


# By hand and in one query, because these numbers stand on every page: five queries put together by the ORM
# take longer than all else that a list asks.
_COUNTED = (View.OPEN, View.DUE, View.OVERDUE, View.MINE, View.UNASSIGNED)
_COUNTS = """SELECT
  (SELECT COUNT(*) FROM (SELECT 1 FROM inbox_case WHERE workspace_id = %(workspace)s
    AND status = 'open' LIMIT %(most)s) AS few),
  (SELECT COUNT(*) FROM (SELECT 1 FROM inbox_case WHERE workspace_id = %(workspace)s
    AND status = 'open' AND due_at < %(end_of_day)s LIMIT %(most)s) AS few),
  (SELECT COUNT(*) FROM (SELECT 1 FROM inbox_case WHERE workspace_id = %(workspace)s
    AND status = 'open' AND due_at <= %(now)s LIMIT %(most)s) AS few),
  (SELECT COUNT(*) FROM (SELECT 1 FROM inbox_case WHERE workspace_id = %(workspace)s
    AND status = 'open' AND assignee_id = %(user)s LIMIT %(most)s) AS few),
  (SELECT COUNT(*) FROM (SELECT 1 FROM inbox_case WHERE workspace_id = %(workspace)s
    AND status = 'open' AND assignee_id IS NULL LIMIT %(most)s) AS few)
"""


def counts(*, actor: Actor, now: datetime) -> dict[View, int]:
    """How many cases each view but "all" holds, counted up to 100: nobody works through more, and counting a
    million is slow. Raises Forbidden.
    """
    actor.need("inbox.view")
    moment = connection.ops.adapt_datetimefield_value
    with connection.cursor() as cursor:
        cursor.execute(
            _COUNTS,
            {
                "workspace": actor.workspace.pk,
                "most": COUNT_UP_TO + 1,
                "user": actor.user.pk,
                "now": moment(now),
                "end_of_day": moment(end_of_day(actor, now)),
            },
        )
        return dict(zip(_COUNTED, cursor.fetchone(), strict=True))


@dataclass(frozen=True, kw_only=True)
class Count:
    """How many were counted, and whether there are more."""

    number: int
    more: bool

    def __str__(self) -> str:
        return f"{self.number}+" if self.more else str(self.number or "")


def count(
    *,
    actor: Actor,
    view: str,
    now: datetime,
    status: str | None = None,
    channel_id: int | None = None,
    label_id: int | None = None,
    assignee_id: int | None = None,
    search: str = "",
) -> Count:
    """How many cases such a list holds, counted up to 99. Raises Invalid and Forbidden like the list."""
    actor.need("inbox.view")
    cases = _filtered(actor, view, now, status, channel_id, None, assignee_id)
    if label_id is not None:
        # Joined, unlike in the list: without an order, a database may begin with the label.
        cases = cases.filter(case_labels__label_id=label_id)
    if search:
        narrowed = view != View.ALL or any((status, channel_id, label_id, assignee_id))
        query = index.parse(search)
        rows = cases if narrowed else None
        found = index.find(workspace_id=actor.workspace.pk, query=query, cases=rows, limit=COUNT_UP_TO)
        return Count(number=len(found.hits), more=found.next is not None)
    number = cases.order_by()[: COUNT_UP_TO + 1].count()
    return Count(number=min(number, COUNT_UP_TO), more=number > COUNT_UP_TO)


def shown_count(number: int) -> str:
    return "" if number == 0 else f"{COUNT_UP_TO}+" if number > COUNT_UP_TO else str(number)


def _by_due(view: str, status: str | None) -> bool:
    return status == Status.OPEN or (view != View.ALL and status is None)


def _filtered(
    actor: Actor,
    view: str,
    now: datetime,
    status: str | None = None,
    channel_id: int | None = None,
    label_id: int | None = None,
    assignee_id: int | None = None,
) -> QuerySet[Case]:
    if view not in tuple(View):  # Python 3.11 compares an enum itself with members only
        raise Invalid(_("There is no such list."), field="view")
    if status is not None and status not in Status.values:
        raise Invalid(_("There is no such status."), field="status")
    cases = Case.objects.filter(workspace=actor.workspace)
    if view == View.ALL:
        cases = cases.filter(status=status) if status else cases
    else:
        cases = cases.filter(status=status or Status.OPEN)
    if view == View.MINE:
        cases = cases.filter(assignee=actor.user)
    elif view == View.UNASSIGNED:
        cases = cases.filter(assignee=None)
    elif view == View.DUE:
        cases = cases.filter(due_at__lt=end_of_day(actor, now))
    elif view == View.OVERDUE:
        cases = cases.filter(due_at__lte=now)
    if channel_id is not None:
        cases = cases.filter(channel_id=channel_id)
    if assignee_id is not None:
        cases = cases.filter(assignee_id=assignee_id)
    if label_id is not None:
        cases = cases.filter(Exists(CaseLabel.objects.filter(case=OuterRef("pk"), label_id=label_id)))
    return cases


def end_of_day(actor: Actor, now: datetime) -> datetime:
    """The next midnight in the workspace."""
    local = now.astimezone(actor.workspace.zone)
    return (local + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)


def _encoded(*values: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode()


def _mark(case: Case, *, by_due: bool) -> str:
    moment = case.due_at if by_due and case.due_at else case.last_at
    return _encoded(moment.isoformat(), case.pk)


def _decoded(mark: str, *types: type) -> list[Any]:
    try:
        values = json.loads(base64.urlsafe_b64decode(mark.encode()))
        if [type(value) for value in values] != list(types):
            raise ValueError(values)
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise _bad_mark() from error
    return list(values)


def _bad_mark() -> Invalid:
    return Invalid(_("This page mark is not valid."), field="after", code="bad_cursor")


def _passage(mark: str) -> int:
    return int(_decoded(mark, int)[0])


def _behind(mark: str, *, by_due: bool) -> Q:
    """The rows after a mark."""
    text, pk = _decoded(mark, str, int)
    try:
        moment = datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise _bad_mark() from error
    # Not "later, or at the same time with a greater id": over an OR no database walks along one index.
    if by_due:
        return Q(due_at__gte=moment) & ~Q(due_at=moment, id__lte=pk)
    return Q(last_at__lte=moment) & ~Q(last_at=moment, id__gte=pk)
