"""The case lists: which cases, in which order, a page at a time. Every list is one walk along one index."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from django.db import connection
from django.db.models import Exists, OuterRef, Q, QuerySet, prefetch_related_objects
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from kuemmerer.accounts.access import Actor
from kuemmerer.core.errors import Invalid
from kuemmerer.core.text import storable
from kuemmerer.inbox.models import Case, CaseLabel, Status

MOST = 100
COUNT_UP_TO = 99


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
    """Some cases with their authors and, where there are more, the mark at which the next page begins."""

    cases: Sequence[Case]
    next: str | None


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
    """A page of a case list. Open lists begin with what is due soonest, the others with the newest words.

    `after` is the `next` of the page before. Raises Invalid for an unknown view, status or mark, and
    Forbidden.
    """
    actor.need("inbox.view")
    cases = _filtered(actor, view, now, status, channel_id, label_id, assignee_id, search)
    by_due = _by_due(view, status)
    if after:
        cases = cases.filter(_behind(after, by_due=by_due))
    order = ("due_at", "id") if by_due else ("-last_at", "-id")
    limit = max(1, min(limit, MOST))
    # Few channels and people, asked for alone: joined in, they tempt a database to begin with them.
    rows = list(cases.order_by(*order).select_related("author")[: limit + 1])
    more = len(rows) > limit
    return Page(cases=rows[:limit], next=_mark(rows[limit - 1], by_due=by_due) if more else None)


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
                "end_of_day": moment(_end_of_day(actor, now)),
            },
        )
        return dict(zip(_COUNTED, cursor.fetchone(), strict=True))


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
    search: str = "",
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
        cases = cases.filter(due_at__lt=_end_of_day(actor, now))
    elif view == View.OVERDUE:
        cases = cases.filter(due_at__lte=now)
    if channel_id is not None:
        cases = cases.filter(channel_id=channel_id)
    if assignee_id is not None:
        cases = cases.filter(assignee_id=assignee_id)
    if label_id is not None:
        cases = cases.filter(Exists(CaseLabel.objects.filter(case=OuterRef("pk"), label_id=label_id)))
    if search := storable(search):
        words = (
            Q(excerpt__icontains=search)
            | Q(author__name__icontains=search)
            | Q(author__handle__icontains=search)
        )
        cases = cases.filter(words)
    return cases


def _end_of_day(actor: Actor, now: datetime) -> datetime:
    local = now.astimezone(actor.workspace.zone)
    return (local + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)


def _mark(case: Case, *, by_due: bool) -> str:
    moment = case.due_at if by_due and case.due_at else case.last_at
    return base64.urlsafe_b64encode(json.dumps([moment.isoformat(), case.pk]).encode()).decode()


def _behind(mark: str, *, by_due: bool) -> Q:
    """The rows after a mark."""
    try:
        text, pk = json.loads(base64.urlsafe_b64decode(mark.encode()))
        moment, pk = datetime.fromisoformat(text).astimezone(UTC), int(pk)
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise Invalid(_("This page mark is not valid."), field="after", code="bad_cursor") from error
    # Not "later, or at the same time with a greater id": over an OR no database walks along one index.
    if by_due:
        return Q(due_at__gte=moment) & ~Q(due_at=moment, id__lte=pk)
    return Q(last_at__lte=moment) & ~Q(last_at=moment, id__gte=pk)
