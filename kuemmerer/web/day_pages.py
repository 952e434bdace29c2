"""Today: what waits, what hurts most first; on a quiet day a friendly sentence."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from kuemmerer.core import clock
from kuemmerer.web import day, shell
from kuemmerer.web.page import WorkspaceRequest, page

_NOON, _EVENING, _MORNING = 12, 18, 4


@page("inbox.view")
def today(request: WorkspaceRequest) -> HttpResponse:
    """All parts at once; asked for by itself later on, only those that wait."""
    now = clock.now()
    context = _waiting(request, now)
    if request.htmx and request.GET.get("parts"):
        return render(request, "web/_day.html", context)
    context["below"] = day.shown(request, now, waits=False)
    # Said once is enough: a part names the cases or channels, the banner only that there are some.
    said = {part.key for part, _what in context["parts"]}
    context["banners"] = [one for one in shell.banners(request.actor, now) if one.part not in said]
    return render(request, "web/day.html", context)


def _waiting(request: WorkspaceRequest, now: datetime) -> dict[str, Any]:
    parts = day.shown(request, now, waits=True)
    local = now.astimezone(request.actor.workspace.zone)
    return {
        "parts": parts,
        "greeting": greeting(local.hour) % {"name": request.actor.user},
        "date": f"{date_format(local, 'l')}, {date_format(local, 'DATE_FORMAT')}",
        "summary": [what.summary for _part, what in parts if what.summary],
        "start": next((what.start for _part, what in parts if what.start), ""),
        "suggestions": [] if parts else day.suggestions(request.actor, now),
    }


def greeting(hour: int) -> str:
    """How one greets at this hour of the local day, with `%(name)s` for the name."""
    if _MORNING <= hour < _NOON:
        return _("Good morning, %(name)s")
    if _NOON <= hour < _EVENING:
        return _("Good afternoon, %(name)s")
    return _("Good evening, %(name)s")
