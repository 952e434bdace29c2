"""What the channels have to say on the day page: the first one is missing, or some are in trouble."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from kuemmerer.channels.models import Channel
from kuemmerer.channels.sweeps import expires_soon, unsynced
from kuemmerer.web.day import Part, Shown
from kuemmerer.web.page import WorkspaceRequest


def first(request: WorkspaceRequest, now: datetime) -> Shown | None:
    """On the first day: nothing is connected yet."""
    if Channel.objects.filter(workspace=request.actor.workspace).exists():
        return None
    return Shown(
        template="channels/_day_first.html", context={"can_connect": request.actor.can("channels.manage")}
    )


def troubled(request: WorkspaceRequest, now: datetime) -> Shown | None:
    """Channels that somebody has to look after, the same as in the banners."""
    is_lost = Q(state=Channel.State.RECONNECT)
    mine = Channel.objects.filter(workspace=request.actor.workspace, credential__isnull=False)
    found = mine.filter(is_lost | unsynced(now) | expires_soon(now)).annotate(
        lost=is_lost, silent=unsynced(now)
    )
    channels = [
        {"name": channel.name, "icon": channel.connector.icon, "trouble": _trouble(channel)}
        for channel in found.order_by("name")
    ]
    if not channels:
        return None
    return Shown(
        template="channels/_day_channels.html",
        context={"channels": channels},
        title=_("Channels in trouble"),
        count=str(len(channels)),
        summary=ngettext("%(count)d channel in trouble", "%(count)d channels in trouble", len(channels))
        % {"count": len(channels)},
        start=reverse("channels", args=[request.actor.workspace.slug]),
    )


def _trouble(channel: Channel) -> str:
    if channel.lost:  # type: ignore[attr-defined]
        return _("No longer connected: nothing is fetched or sent there. Please reconnect.")
    if channel.silent:  # type: ignore[attr-defined]
        said = _("Has not been synced for half an hour.")
        return f"{said} {channel.problem_sentence}" if channel.problem else said
    return _("The access expires within a week. Please reconnect.")


PARTS = (
    Part(key="first", order=0, permission="channels.view", show=first),
    Part(key="channels", order=50, permission="channels.view", show=troubled),
)
