"""When the inbox makes cases, sends replies and wakes the snoozed."""

from __future__ import annotations

from datetime import datetime

from django.db.models import F, Q

from kuemmerer.channels import delivery
from kuemmerer.channels.models import Channel
from kuemmerer.inbox import bulk, cases, escalation, presence, search
from kuemmerer.inbox.automation import spam
from kuemmerer.inbox.models import DeadlinePolicy, Reply
from kuemmerer.jobs.health import Problem, check
from kuemmerer.jobs.sweeps import each, sweep


@sweep("inbox.open_cases", every=15, after=("channels.sync",))
def open_cases(now: datetime) -> int:
    behind = Channel.objects.select_related("workspace").filter(
        Q(inbox_mark=None) & Q(seq__gt=0) | Q(inbox_mark__seq__lt=F("seq"))
    )
    return each(cases.open_from_channel, behind)


@sweep("inbox.deliver", every=5, queue="delivery")
def deliver(now: datetime) -> int:
    return delivery.deliver_due(Reply, now)


@sweep("inbox.mark_spam", every=15, queue="delivery")
def mark_spam(now: datetime) -> int:
    return spam.mark_due(now)


@sweep("inbox.wake_snoozed", every=30)
def wake_snoozed(now: datetime) -> int:
    return cases.wake_snoozed(now)


@sweep("inbox.escalate", every=20)
def escalate(now: datetime) -> int:
    return escalation.escalate_due(now)


@sweep("inbox.index", every=10, after=("inbox.open_cases",))
def index(now: datetime) -> int:
    return search.fill(now)


@sweep("inbox.tidy", every=600)
def tidy(now: datetime) -> int:
    return presence.forget(now) + bulk.tidy(now)


@sweep("inbox.recount_deadlines", every=60)
def recount_deadlines(now: datetime) -> int:
    return each(cases.recount_deadlines, DeadlinePolicy.objects.filter(recount_from__isnull=False))


@check
def _replies(now: datetime) -> list[Problem]:
    stuck = delivery.stuck(Reply, now)
    if not stuck:
        return []
    return [Problem(code="replies_stuck", details=f"{stuck} answers should have gone out two minutes ago")]
