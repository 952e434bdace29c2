"""When ideas are collected."""

from __future__ import annotations

from datetime import datetime

from django.db.models import F, Q

from kuemmerer.channels.models import Channel
from kuemmerer.jobs.sweeps import each, sweep
from kuemmerer.publishing import ideas


@sweep("publishing.collect_ideas", every=60, after=("channels.sync",))
def collect_ideas(now: datetime) -> int:
    behind = Channel.objects.filter(Q(idea_mark=None) & Q(seq__gt=0) | Q(idea_mark__seq__lt=F("seq")))
    return each(lambda channel: ideas.collect_from_channel(channel, now), behind)
