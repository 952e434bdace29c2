"""The figures on the day page: how long people waited, how much was open."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from kuemmerer.accounts.models import Team
from kuemmerer.channels.models import Channel
from kuemmerer.core import clock
from kuemmerer.core.errors import Invalid
from kuemmerer.insights import figures
from kuemmerer.web.day import Part, Shown
from kuemmerer.web.page import WorkspaceRequest, page

TEMPLATE = "insights/_figures.html"


def _chosen(query: Mapping[str, str], name: str) -> int | None:
    value = query.get(name, "")
    if not value:
        return None
    if not (value.isascii() and value.isdigit() and len(value) <= 18):
        raise Invalid(_("There is no such filter."))
    return int(value)


def _context(request: WorkspaceRequest, now: datetime) -> dict[str, Any]:
    days = _chosen(request.GET, "days") or figures.SPANS[0]
    channel_id, team_id = _chosen(request.GET, "channel"), _chosen(request.GET, "team")
    workspace = request.actor.workspace
    return {
        "figures": figures.figures(
            actor=request.actor, now=now, days=days, channel_id=channel_id, team_id=team_id
        ),
        "days": days,
        "spans": figures.SPANS,
        "channel_id": channel_id,
        "team_id": team_id,
        "channels": list(Channel.objects.filter(workspace=workspace).order_by("name").only("name")),
        "teams": list(Team.objects.filter(workspace=workspace).only("name")),
    }


def show(request: WorkspaceRequest, now: datetime) -> Shown | None:
    context = _context(request, now)
    return Shown(template="insights/_day.html", context=context) if context["channels"] else None


@page("inbox.view")
def figures_part(request: WorkspaceRequest) -> HttpResponse:
    """The figures alone, when another span, channel or team is chosen."""
    return render(request, TEMPLATE, {"part": {"context": _context(request, clock.now())}})


PART = Part(key="figures", order=100, permission="inbox.view", show=show, waits=False)
