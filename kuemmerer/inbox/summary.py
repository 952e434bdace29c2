"""What the day's summary says of the cases: how many are due, and since when a complaint waits.

The numbers are the company's and not only one's own: in a small team whoever is there answers, and most cases
belong to nobody until somebody does. One's own are named beside them. Each number is that of the list which
its line leads to.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from kuemmerer.accounts.access import Actor
from kuemmerer.inbox import lists
from kuemmerer.inbox.lists import View
from kuemmerer.inbox.models import NEGATIVE, Case, Status
from kuemmerer.notify.notices import Line


def lines(actor: Actor, now: datetime) -> list[Line]:
    """What waits for an answer, for a member who may give one; nothing for anybody else."""
    if not actor.can("inbox.work"):
        return []
    return [*_due(actor, now), *_complaints(actor, now)]


def _due(actor: Actor, now: datetime) -> list[Line]:
    due = lists.count(actor=actor, view=View.DUE, now=now)
    if not due.number:
        return []
    late = lists.count(actor=actor, view=View.OVERDUE, now=now)
    mine = lists.count(actor=actor, view=View.DUE, assignee_id=actor.user.pk, now=now)
    if late == due:
        found = [Line(text=_("%(count)s overdue") % {"count": late}, path=_list(actor, View.OVERDUE))]
    else:
        found = [Line(text=_("%(count)s due today") % {"count": due}, path=_list(actor, View.DUE))]
        if late.number:
            text = ngettext("%(count)s of them overdue", "%(count)s of them overdue", late.number)
            found.append(Line(text=text % {"count": late}, path=_list(actor, View.OVERDUE)))
    if mine.number and mine != due:
        text = ngettext("%(count)s of them yours", "%(count)s of them yours", mine.number)
        path = _list(actor, View.DUE, assignee=actor.user.pk)
        found.append(Line(text=text % {"count": mine}, path=path))
    return found


def _complaints(actor: Actor, now: datetime) -> list[Line]:
    waiting = Case.objects.filter(
        workspace=actor.workspace,
        status=Status.OPEN,
        intent__in=NEGATIVE,
        unanswered_since__isnull=False,
    )
    oldest = waiting.order_by("unanswered_since", "pk").first()
    if oldest is None or oldest.unanswered_since is None:
        return []
    number = waiting.order_by()[: lists.COUNT_UP_TO + 1].count()
    text = ngettext(
        "%(count)s complaint waits since %(day)s",
        "%(count)s complaints wait, the oldest since %(day)s",
        number,
    )
    zone = actor.workspace.zone
    day = _day(oldest.unanswered_since.astimezone(zone).date(), now.astimezone(zone).date())
    path = reverse("case", args=[actor.workspace.slug, oldest.pk])
    return [Line(text=text % {"count": lists.shown_count(number), "day": day}, path=path)]


def _day(day: date, today: date) -> str:
    if day == today:
        return _("today")
    if day == today - timedelta(days=1):
        return _("yesterday")
    return date_format(day, "l" if day > today - timedelta(days=7) else "MONTH_DAY_FORMAT")


def _list(actor: Actor, view: View, **filters: int) -> str:
    query = urlencode({"view": view, **filters})
    return f"{reverse('inbox', args=[actor.workspace.slug])}?{query}"
