"""Rows on their way out: mails, pushes, webhooks. Each is taken by a lease, as `channels.delivery` does it.

What is delivered here can be recognised when it comes twice (Message-ID, webhook-id, topic), so a row whose
worker died is simply sent again: at least once, never lost. For answers at networks that would not do.
"""

from __future__ import annotations

import logging
import random
import secrets
from datetime import datetime, timedelta
from typing import Any, TypeVar

from django.db import models
from django.db.models import F, Q

log = logging.getLogger(__name__)

LEASE = timedelta(minutes=3)
"""Longer than any single sending: a dialogue with a mail server has ten waits of ten seconds at most, a
request ends after 60 seconds (`core.http.MOST_SECONDS`)."""


class State(models.TextChoices):
    WAITING = "waiting"
    DONE = "done"
    FAILED = "failed"
    DROPPED = "dropped"
    """Nobody is there any more to receive it."""


class Outgoing(models.Model):
    """Something that goes out once it is due, and again until it has arrived or there is no hope."""

    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    next_at = models.DateTimeField(null=True, help_text="the next attempt; null when there is none")
    lease = models.CharField(max_length=32, blank=True, default="")
    lease_until = models.DateTimeField(null=True)
    attempts = models.PositiveIntegerField(default=0)
    problem = models.CharField(max_length=500, blank=True, default="", help_text="the other side's own words")
    created_at = models.DateTimeField()
    done_at = models.DateTimeField(null=True)

    class Meta:
        abstract = True
        constraints = [
            models.CheckConstraint(
                condition=Q(state="waiting", next_at__isnull=False)
                | ~Q(state="waiting") & Q(next_at__isnull=True),
                name="%(app_label)s_%(class)s_waits_for_a_time",
            )
        ]
        indexes = [
            models.Index(fields=["next_at"], condition=Q(state="waiting"), name="%(app_label)s_%(class)s_due")
        ]


R = TypeVar("R", bound=Outgoing)


def due(model: type[R], now: datetime) -> models.QuerySet[R]:
    """What may be taken at `now`, the longest waiting first."""
    free = Q(lease_until=None) | Q(lease_until__lte=now)
    rows = model._default_manager.filter(free, state=State.WAITING, next_at__lte=now)
    return rows.order_by("next_at", "pk")


def claim(rows: models.QuerySet[R], now: datetime) -> R | None:
    """Take one of `rows`, which are a part of `due`."""
    model = rows.model
    for pk in rows.values_list("pk", flat=True)[:10]:
        lease = secrets.token_hex(16)
        free = model._default_manager.filter(
            Q(lease_until=None) | Q(lease_until__lte=now), pk=pk, state=State.WAITING, next_at__lte=now
        )
        if free.update(lease=lease, lease_until=now + LEASE, attempts=F("attempts") + 1):
            return model._default_manager.filter(pk=pk).first()
    return None


def finish(row: Outgoing, **fields: Any) -> bool:
    """Write the outcome, if the lease is still ours. `next_at` is null unless given."""
    fields = {"next_at": None, **fields, "lease": "", "lease_until": None}
    if type(row)._default_manager.filter(pk=row.pk, lease=row.lease).update(**fields):
        return True
    log.warning("The lease of %s %s was lost", row._meta.model_name, row.pk)
    return False


def jittered(pause: timedelta) -> timedelta:
    """`pause` or up to a tenth more, so that a hundred rows do not come back in the same second. Never less:
    what holds of the sum of some pauses has to hold.
    """
    return pause * random.uniform(1, 1.1)  # noqa: S311
