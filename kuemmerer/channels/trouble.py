"""Telling those who can do something about it that a channel is in trouble: once, until it was well again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from kuemmerer.accounts.access import Actor
from kuemmerer.channels.models import Channel
from kuemmerer.jobs.sweeps import each
from kuemmerer.notify import notices
from kuemmerer.notify.notices import Line

SETTLES_IN = timedelta(minutes=10)
"""After a standstill of the whole desk all channels are silent until their first sync: nobody is told of
that."""


def tell_due(now: datetime, *, silent: Q) -> int:
    """Note which channels are in trouble and which are well again, and tell of those that stay in trouble.

    `silent` is which ones are not synced any more. Returns of how many was told. Of one that waits for a new
    login people are told at once.
    """
    lost = Q(state=Channel.State.RECONNECT)
    connected = Channel.objects.filter(credential__isnull=False)
    # A paused one is neither: whether its trouble is over shows once it goes on.
    well = connected.filter(~silent, state=Channel.State.ACTIVE)
    well.filter(trouble_since__isnull=False).update(trouble_since=None, trouble_told_at=None)
    connected.filter(silent | lost, trouble_since=None).update(trouble_since=now)
    known = connected.filter(silent | lost, trouble_told_at=None)
    due = known.filter(lost | Q(trouble_since__lte=now - SETTLES_IN))
    return each(lambda pk: _tell(pk, now), list(due.values_list("pk", flat=True)))


def lines(actor: Actor, now: datetime) -> list[Line]:
    """What the day's summary says of channels: how many are in trouble that people were told of."""
    if not actor.can("channels.manage"):
        return []
    troubled = Channel.objects.filter(
        workspace=actor.workspace, trouble_told_at__isnull=False, credential__isnull=False
    )
    number = troubled.exclude(state=Channel.State.PAUSED).count()
    if not number:
        return []
    text = ngettext("%(count)d channel in trouble", "%(count)d channels in trouble", number)
    path = reverse("channels", args=[actor.workspace.slug])
    return [Line(text=text % {"count": number}, path=path)]


@transaction.atomic
def _tell(pk: int, now: datetime) -> int:
    channel = Channel.objects.select_for_update(of=("self",)).select_related("workspace").get(pk=pk)
    if channel.trouble_since is None or channel.trouble_told_at is not None:
        return 0
    notices.tell_those_who(
        permission="channels.manage",
        workspace=channel.workspace,
        kind="channel_trouble",
        title=_title(channel),
        text=lambda: channel.problem_sentence,
        path=reverse("channels", args=[channel.workspace.slug]),
        key=f"channel-{channel.pk}-{channel.trouble_since:%Y%m%d%H%M%S%f}",
        now=now,
    )
    channel.trouble_told_at = now
    channel.save(update_fields=["trouble_told_at"])
    return 1


def _title(channel: Channel) -> Callable[[], str]:
    name = {"name": channel.name}
    if channel.state == Channel.State.RECONNECT:
        return lambda: _("%(name)s is no longer connected: please reconnect it") % name
    return lambda: _("%(name)s has not been synced for half an hour") % name
