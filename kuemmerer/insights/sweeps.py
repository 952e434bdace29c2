"""When waits are counted."""

from __future__ import annotations

from datetime import datetime

from kuemmerer.insights import waits
from kuemmerer.jobs.sweeps import each, sweep


@sweep("insights.count", every=30, after=("inbox.open_cases", "inbox.deliver"))
def count(now: datetime) -> int:
    return each(lambda channel: waits.count_channel(channel, now), waits.behind())


@sweep("insights.count_reopened", every=300)
def count_reopened(now: datetime) -> int:
    return each(lambda channel: waits.count_channel(channel, now), waits.reopened())
