"""What the inbox has to say on the day page: complaints, deadlines, answers that are stuck, one's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial

from django.db.models import QuerySet
from django.urls import reverse
from django.utils.formats import date_format, time_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from kuemmerer.accounts.access import Actor
from kuemmerer.inbox import approvals as approval
from kuemmerer.inbox import lists, pages
from kuemmerer.inbox.models import NEEDS_PERSON, NEGATIVE, Case, Intent, Reply, Status
from kuemmerer.web.day import Part, Shown, Suggestion
from kuemmerer.web.page import WorkspaceRequest

SHOWN = 5
TEMPLATE = "inbox/_day_cases.html"


def _open(actor: Actor) -> QuerySet[Case]:
    return Case.objects.filter(workspace=actor.workspace, status=Status.OPEN)


def _part(
    request: WorkspaceRequest,
    found: Sequence[QuerySet[Case]],
    now: datetime,
    *,
    title: str,
    summary: Callable[[int], str] | None = None,
    more: str = "",
) -> Shown | None:
    """The first cases of all in `found`, what is due soonest first. `more` is the query of their list."""
    first = [
        case for some in found for case in some.order_by("due_at", "id").select_related("author")[:SHOWN]
    ]
    cases = sorted(first, key=lambda case: (case.due_at is None, case.due_at, case.pk))[:SHOWN]
    if not cases:
        return None
    number = len(cases) if len(cases) < SHOWN else sum(map(_counted, found))
    count = lists.shown_count(number)
    rows = pages.case_rows(request, cases, now)
    url = reverse("inbox", args=[request.actor.workspace.slug])
    return Shown(
        template=TEMPLATE,
        context={"rows": rows},
        title=title,
        count=count,
        more_url=f"{url}?{more}" if more and len(cases) == SHOWN else "",
        summary=summary(number) % {"count": count} if summary else "",
        start=rows[0].url,
    )


def _counted(found: QuerySet[Case]) -> int:
    return found.order_by()[: lists.COUNT_UP_TO + 1].count()


def complaints(request: WorkspaceRequest, now: datetime) -> Shown | None:
    """Complaints and demands without an answer, whenever they are due."""
    # One intent at a time: an index goes straight to them, however much else is open.
    found = [_open(request.actor).filter(intent=intent) for intent in NEGATIVE]
    return _part(
        request,
        found,
        now,
        title=_("Complaints without an answer"),
        summary=lambda number: ngettext("%(count)s complaint", "%(count)s complaints", number),
    )


def due(request: WorkspaceRequest, now: datetime) -> Shown | None:
    """What is overdue and what is due until the end of the local day; complaints stand above."""
    until = lists.end_of_day(request.actor, now)
    found = _open(request.actor).filter(due_at__lt=until).exclude(intent__in=NEGATIVE)
    return _part(
        request,
        [found],
        now,
        title=_("Due today"),
        summary=lambda number: ngettext("%(count)s answer due today", "%(count)s answers due today", number),
        more="view=due",
    )


def approvals(request: WorkspaceRequest, now: datetime) -> Shown | None:
    """Answers of others that this person may approve, the oldest first."""
    found = approval.waiting(actor=request.actor, by_others=True)
    if not found:
        return None
    slug, number = request.actor.workspace.slug, len(found)
    count = str(number) if number < approval.MOST else f"{approval.MOST - 1}+"
    summary = ngettext("%(count)s answer to approve", "%(count)s answers to approve", number)
    return Shown(
        template="inbox/_day_waiting.html",
        context={"waiting": found[:SHOWN]},
        title=_("Waiting for your approval"),
        count=count,
        more_url=reverse("approvals", args=[slug]) if number > SHOWN else "",
        summary=summary % {"count": count},
        start=reverse("case", args=[slug, found[0].case_id]),
    )


def mine(request: WorkspaceRequest, now: datetime) -> Shown | None:
    """One's own cases that are due later."""
    until = lists.end_of_day(request.actor, now)
    found = _open(request.actor).filter(assignee=request.actor.user, due_at__gte=until)
    return _part(
        request, [found.exclude(intent__in=NEGATIVE)], now, title=_("Mine, due later"), more="view=mine"
    )


def stuck(request: WorkspaceRequest, now: datetime) -> Shown | None:
    """Answers of which a person has to decide what becomes of them."""
    replies = Reply.objects.filter(NEEDS_PERSON, workspace=request.actor.workspace)
    newest = list(replies.order_by("-id").select_related("case__author")[:SHOWN])
    cases = list({reply.case_id: reply.case for reply in newest}.values())
    if not cases:
        return None
    number = len(newest) if len(newest) < SHOWN else replies.order_by()[: lists.COUNT_UP_TO + 1].count()
    count = lists.shown_count(number)
    rows = pages.case_rows(request, cases, now)
    return Shown(
        template=TEMPLATE,
        context={"rows": rows},
        title=_("Answers that did not go out"),
        count=count,
        summary=ngettext("%(count)s answer not sent", "%(count)s answers not sent", number)
        % {"count": count},
        start=rows[0].url,
    )


def suggestions(actor: Actor, now: datetime) -> Sequence[Suggestion]:
    """The newest praise that nobody has thanked for, and what is due next."""
    cases = _open(actor).select_related("author")
    found = []
    praise = cases.filter(intent=Intent.PRAISE).order_by("-last_at", "-id").first()
    if praise is not None:
        thanks = _("Thank %(name)s for the praise") % {"name": praise.author}
        found.append(_to_case(actor, praise, thanks, "heart"))
    following = cases.order_by("due_at", "id").first()
    if following is not None and following != praise and following.due_at is not None:
        local = following.due_at.astimezone(actor.workspace.zone)
        when = f"{date_format(local, 'l')}, {time_format(local)}"
        text = _("Answer %(name)s, due on %(date)s") % {"name": following.author, "date": when}
        found.append(_to_case(actor, following, text, "reply"))
    return found


def _to_case(actor: Actor, case: Case, text: str, icon: str) -> Suggestion:
    url = reverse("case", args=[actor.workspace.slug, case.pk])
    return Suggestion(text=text, url=url, icon=icon, detail=case.excerpt)


_part_of_inbox = partial(Part, permission="inbox.view")
PARTS = (
    _part_of_inbox(key="complaints", order=10, show=complaints),
    _part_of_inbox(key="due", order=20, show=due),
    Part(key="approvals", order=30, permission="inbox.approve", show=approvals),
    _part_of_inbox(key="stuck", order=35, show=stuck),
    _part_of_inbox(key="mine", order=40, show=mine),
)
