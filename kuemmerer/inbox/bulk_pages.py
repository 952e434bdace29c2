"""Cases that are ticked in a list, and what is done with them together."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django_htmx.http import trigger_client_event

from kuemmerer.accounts.access import Actor
from kuemmerer.accounts.models import Team, User
from kuemmerer.core import clock
from kuemmerer.core.errors import Invalid
from kuemmerer.inbox import bulk, lists, query_string
from kuemmerer.inbox.bulk import Do, Order
from kuemmerer.inbox.models import BulkRun, Label, Priority
from kuemmerer.web.page import WorkspaceRequest, back, page


@page("inbox.work", methods=("GET", "HEAD", "POST"))
def together(request: WorkspaceRequest) -> HttpResponse:
    """Do something to the cases that are ticked, or to all that fit the list; GET: how many fit it."""
    filters = query_string.filters(request.GET)
    if request.method != "POST":
        if not request.htmx:
            return redirect(_list(request))
        ids, more = lists.ids(actor=request.actor, now=clock.now(), most=bulk.MOST, filters=filters)
        return render(request, "inbox/_bulk_all.html", {"number": len(ids), "more": more})
    now = clock.now()
    if request.POST.get("all"):
        ids, _more = lists.ids(actor=request.actor, now=now, most=bulk.MOST, filters=filters)
    else:
        ticked = map(query_string.number, request.POST.getlist("case"))
        ids = [pk for pk in ticked if pk is not None]
    made = bulk.run(
        actor=request.actor,
        order=_order(request.actor, request.POST.get("do", "")),
        case_ids=ids,
        now=now,
        seen_at=_seen(request.POST.get("seen", "")),
    )
    undo_url = reverse("bulk-undo", args=[request.actor.workspace.slug, made.pk]) if made.done else ""
    level = messages.SUCCESS if made.done else messages.WARNING
    messages.add_message(request, level, said(request.actor, made), extra_tags=undo_url)
    return trigger_client_event(_after(request), "bulk-done")


@page("inbox.work", methods=("POST",))
def undo(request: WorkspaceRequest, run_id: int) -> HttpResponse:
    done = bulk.undo(actor=request.actor, run_id=run_id, now=clock.now())
    sentences = []
    if done.restored or not done.left:
        sentences.append(
            ngettext(
                "Undone: %(n)d case is as it was.", "Undone: %(n)d cases are as they were.", done.restored
            )
            % {"n": done.restored}
        )
    if done.left:
        sentences.append(
            ngettext(
                "%(n)d was changed meanwhile and left as it is.",
                "%(n)d were changed meanwhile and left as they are.",
                done.left,
            )
            % {"n": done.left}
        )
    messages.success(request, " ".join(sentences))
    return _after(request)


def _list(request: WorkspaceRequest) -> str:
    base = reverse("inbox", args=[request.actor.workspace.slug])
    query = request.GET.urlencode()
    return f"{base}?{query}" if query else base


def _after(request: WorkspaceRequest) -> HttpResponse:
    """What was done is said; the list on the page looks for news, or comes anew without JavaScript."""
    if not request.htmx:
        return back(request, _list(request))
    answer = render(request, "web/_messages.html", {"oob": True})
    return trigger_client_event(answer, "cases-changed", after="settle")


def _order(actor: Actor, text: str) -> Order:
    """The order that a button holds, such as ``assign:12``."""
    name, _colon, value = text.partition(":")
    if name not in Do.values:
        raise Invalid(_("This is not possible here."))
    do = Do(name)
    return Order(do=do, value=_moment(actor, value) if do == Do.SNOOZE else query_string.number(value))


def _moment(actor: Actor, text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=actor.workspace.zone)


def _seen(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else None


# --- in words


def said(actor: Actor, made: BulkRun) -> str:
    """What was done, in a sentence or some."""
    sentences = [_done(made) % {"n": made.done, "name": _name(actor, made)}] if made.done else []
    if made.unchanged:
        sentences.append(
            ngettext("%(n)d was so already.", "%(n)d were so already.", made.unchanged)
            % {"n": made.unchanged}
        )
    sentences += _left_out(made.skipped)
    return " ".join(sentences)


def _done(made: BulkRun) -> str:
    n = made.done
    match made.do:
        case Do.ASSIGN if made.value:
            return ngettext("%(n)d case assigned to %(name)s.", "%(n)d cases assigned to %(name)s.", n)
        case Do.ASSIGN:
            return ngettext("%(n)d case has no owner now.", "%(n)d cases have no owner now.", n)
        case Do.LABEL:
            return ngettext("%(n)d case labelled “%(name)s”.", "%(n)d cases labelled “%(name)s”.", n)
        case Do.UNLABEL:
            return ngettext(
                "Label “%(name)s” taken off %(n)d case.", "Label “%(name)s” taken off %(n)d cases.", n
            )
        case Do.PRIORITY:
            return ngettext("%(n)d case: priority “%(name)s”.", "%(n)d cases: priority “%(name)s”.", n)
        case Do.TEAM if made.value:
            return ngettext("%(n)d case handed to %(name)s.", "%(n)d cases handed to %(name)s.", n)
        case Do.TEAM:
            return ngettext("%(n)d case has no team now.", "%(n)d cases have no team now.", n)
        case Do.SNOOZE:
            return ngettext("%(n)d case snoozed until %(name)s.", "%(n)d cases snoozed until %(name)s.", n)
        case Do.CLOSE:
            return ngettext("%(n)d case closed.", "%(n)d cases closed.", n)
    return ngettext("%(n)d case reopened.", "%(n)d cases reopened.", n)


def _name(actor: Actor, made: BulkRun) -> str:
    if made.do == Do.SNOOZE:
        local = datetime.fromisoformat(made.value).astimezone(actor.workspace.zone)
        return date_format(local, "DATETIME_FORMAT")
    if made.do == Do.PRIORITY:
        return str(Priority(int(made.value)).label)
    model: Any = {Do.ASSIGN: User, Do.TEAM: Team, Do.LABEL: Label, Do.UNLABEL: Label}.get(Do(made.do))
    return str(model.objects.filter(pk=made.value).first() or "") if model and made.value else ""


def _left_out(skipped: Mapping[str, int]) -> list[str]:
    texts = {
        bulk.ON_ITS_WAY: lambda n: ngettext(
            "%(n)d stays as it is: an answer to it is still on its way.",
            "%(n)d stay as they are: an answer to them is still on its way.",
            n,
        ),
        bulk.NEW_WORDS: lambda n: ngettext(
            "%(n)d stays as it is: new words have come meanwhile.",
            "%(n)d stay as they are: new words have come meanwhile.",
            n,
        ),
        bulk.GONE: lambda n: ngettext("%(n)d does not exist any more.", "%(n)d do not exist any more.", n),
    }
    return [texts[reason](n) % {"n": n} for reason, n in sorted(skipped.items())]
