"""Delivery: something of ours on its way to a network, exactly once.

    pending ──claim──▶ sending ──▶ delivered
       ▲  ▲               │  ├───▶ rejected     the network refused, the author edits
       │  └──try later────┘  └───▶ unknown      sent, but no answer came back
       │                            │  │ └────▶ delivered     `find` saw it
       └────proved absent───────────┘  └──────▶ a person decides

A row is taken by a conditional UPDATE with a lease. Whoever finds a lease expired knows only that somebody
began to send, so the row becomes unknown, never pending. All that is known is in the row; a worker may die at
any point.

Sending one text may take several calls (a look at what is answered, pictures, the text). The lease begins
anew before each one that must not happen twice, and such a call is not made once the lease is lost. So a
lease has to outlast a single call, however many there are; `config` refuses shorter ones.
"""

from __future__ import annotations

import logging
import random
import secrets
import time
import uuid
from datetime import datetime, timedelta
from functools import partial

from django.conf import settings
from django.db import models, transaction
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from kuemmerer.channels.connections import ChannelSession, note_problem, open_session
from kuemmerer.channels.models import Channel, Credential
from kuemmerer.core import clock
from kuemmerer.core.encryption import Unreadable
from kuemmerer.networks.base import Absent, Delivered, Draft
from kuemmerer.networks.errors import (
    AuthExpired,
    NetworkError,
    OutcomeUnknown,
    Rejected,
    TryLater,
    Unsupported,
    sentence,
)

log = logging.getLogger(__name__)

GIVE_UP_AFTER = timedelta(hours=24)
LONGEST_PAUSE = timedelta(minutes=15)
HELD_AFTER = timedelta(hours=1)
"""Who is so late was held, by a paused channel for instance; the day of trying begins anew then."""
CHECKS = (timedelta(0), timedelta(seconds=30), timedelta(minutes=2), timedelta(minutes=10))
"""Pauses between the questions whether an attempt arrived; after the last a person decides."""
BUDGET_SECONDS = 20


class LeaseLost(Exception):
    """Another worker looks after the row; what this one was about to send must not go out."""


def new_key() -> str:
    return uuid.uuid4().hex


class State(models.TextChoices):
    PENDING = "pending", _("waiting to be sent")
    SENDING = "sending", _("being sent")
    DELIVERED = "delivered", _("delivered")
    REJECTED = "rejected", _("refused")
    UNKNOWN = "unknown", _("uncertain")


class Delivery(models.Model):
    """One outgoing post or reply. Derived models say what is sent (`draft`) and what follows (`arrived`)."""

    channel = models.ForeignKey(Channel, models.CASCADE)
    key = models.CharField(max_length=32, unique=True, default=new_key)
    state = models.CharField(max_length=10, choices=State, default=State.PENDING)
    written_at = models.DateTimeField()
    next_at = models.DateTimeField(
        null=True, help_text="next attempt or check; null: only a person moves it on"
    )
    lease = models.CharField(max_length=64, blank=True, default="")
    lease_until = models.DateTimeField(null=True)
    attempts = models.PositiveIntegerField(default=0)
    checks = models.PositiveIntegerField(default=0)
    attempted_at = models.DateTimeField(null=True, help_text="the last attempt")
    trouble_since = models.DateTimeField(
        null=True, help_text="the first attempt in a row that has to be repeated"
    )
    remote_id = models.CharField(max_length=1000, blank=True, default="")
    url = models.URLField(max_length=2000, blank=True, default="")
    delivered_at = models.DateTimeField(null=True)
    problem = models.CharField(max_length=32, blank=True, default="")
    problem_words = models.CharField(max_length=500, blank=True, default="")

    class Meta:
        abstract = True

    def draft(self) -> Draft:
        """What to send. `written_at` and the text are the same at each attempt."""
        raise NotImplementedError

    def arrived(self, now: datetime) -> None:
        """Called in the transaction in which the row becomes delivered."""
        raise NotImplementedError

    def refused(self, now: datetime) -> None:
        """Called in the transaction in which the row becomes rejected. `problem` says why."""

    def in_doubt(self, now: datetime) -> None:
        """Called in the transaction in which it becomes a person's to say whether the row arrived."""

    @property
    def problem_sentence(self) -> str:
        return sentence(self.problem, self.problem_words)

    @property
    def needs_person(self) -> bool:
        return self.state == State.REJECTED or (self.state == State.UNKNOWN and self.next_at is None)


def deliver_due(model: type[Delivery], now: datetime) -> int:
    """Move on all rows of `model` that are due: send, check, or give back what a dead worker held."""
    moved = _give_back(model, now)
    end = time.monotonic() + BUDGET_SECONDS
    while time.monotonic() < end and (delivery := _claim(model, max(now, clock.now()))):
        if delivery.state == State.SENDING:
            _send(delivery)
        else:
            _check(delivery)
        moved += 1
    return moved


def stuck(model: type[Delivery], now: datetime) -> int:
    """How many rows should have moved on by now and have not, though their channel is connected."""
    late = now - timedelta(minutes=2)
    return _due(model, late).count()


def _due(model: type[Delivery], now: datetime) -> models.QuerySet[Delivery]:
    free = Q(lease_until=None) | Q(lease_until__lte=now)
    return model._default_manager.filter(
        free,
        state__in=[State.PENDING, State.UNKNOWN],
        next_at__lte=now,
        channel__state=Channel.State.ACTIVE,
        channel__credential__isnull=False,
    )


def _claim(model: type[Delivery], now: datetime) -> Delivery | None:
    """Take the row that has waited longest. A pending one comes back as sending, an unknown one as it is."""
    rows = _due(model, now).order_by("next_at").values_list("pk", "state", "next_at")
    for pk, state, since in rows[:10]:
        lease = secrets.token_hex(16)
        fields: dict[str, object] = {
            "lease": lease,
            "lease_until": now + timedelta(seconds=settings.LEASE_SECONDS),
        }
        if state == State.PENDING:
            fields |= {"state": State.SENDING, "attempts": models.F("attempts") + 1, "attempted_at": now}
            if since is not None and now - since > HELD_AFTER:
                fields["trouble_since"] = None
        # The conditions stand in the UPDATE itself, without a join: PostgreSQL looks at them again after
        # waiting for another worker's lock, but not at a subquery.
        free = model._default_manager.filter(
            Q(lease_until=None) | Q(lease_until__lte=now), pk=pk, state=state, next_at__lte=now
        )
        taken = free.update(**fields)
        if taken and (found := model._default_manager.select_related("channel").filter(pk=pk).first()):
            return found
    return None


def _give_back(model: type[Delivery], now: datetime) -> int:
    """Whose worker died while sending: sent or not? The network has to tell."""
    return model._default_manager.filter(state=State.SENDING, lease_until__lte=now).update(
        state=State.UNKNOWN,
        lease="",
        lease_until=None,
        next_at=now,
        checks=0,
        problem="interrupted",
        problem_words="",
    )


def _session(delivery: Delivery, now: datetime) -> ChannelSession | None:
    """The channel's session. Without a readable secret nothing is sent or asked; the row waits for a new
    login.
    """
    held = State.PENDING if delivery.state == State.SENDING else State.UNKNOWN
    try:
        return open_session(delivery.channel, now)
    except Unreadable:
        _finish(delivery, state=held, next_at=now, problem="revoked", problem_words="")
    except Credential.DoesNotExist:
        _finish(delivery, state=held, next_at=now)
    return None


def _send(delivery: Delivery) -> None:
    channel = delivery.channel
    now = clock.now()
    session = _session(delivery, now)
    if session is None:
        return
    session.before_unsafe = partial(_hold, delivery)
    try:
        draft = delivery.draft()
        channel.connector.check_text(draft, channel.settings)
        result = channel.connector.publish(session, draft, key=delivery.key)
    except TryLater as error:
        _later(delivery, error)
    except AuthExpired as error:
        note_problem(channel, error, used=session.credential)
        # Kept as it was: once the channel is connected again, it goes out.
        _finish(delivery, state=State.PENDING, next_at=now, problem=error.code, problem_words=error.words)
    except (Rejected, Unsupported) as error:
        _rejected(delivery, error.code, error.words)
    except OutcomeUnknown as error:
        _uncertain(delivery, error)
    except LeaseLost:
        log.warning("The lease of %s %s was lost", delivery._meta.model_name, delivery.pk)
    except Exception:
        # A fault of our own may have struck before or after the request left the house.
        log.exception("Sending %s %s failed", delivery._meta.model_name, delivery.pk)
        _uncertain(delivery, OutcomeUnknown("interrupted"))
    else:
        _delivered(delivery, result, now)


def _hold(delivery: Delivery) -> None:
    """Begin the lease anew for a call that must not happen twice. Raises LeaseLost if it is not ours."""
    now = clock.now()
    # From this call on, and not from the first look around, `find` counts the time that a network needs.
    own = type(delivery)._default_manager.filter(pk=delivery.pk, lease=delivery.lease, state=State.SENDING)
    if not own.update(lease_until=now + timedelta(seconds=settings.LEASE_SECONDS), attempted_at=now):
        raise LeaseLost


def _later(delivery: Delivery, error: TryLater) -> None:
    now = clock.now()
    since = delivery.trouble_since or now
    if now - since > GIVE_UP_AFTER:
        _rejected(delivery, "gave_up", error.words)
        return
    # With jitter, so that a hundred answers do not come back at the same second.
    pause = min(timedelta(seconds=2.0 * 2 ** min(delivery.attempts, 10)), LONGEST_PAUSE)
    pause *= random.uniform(0.8, 1.2)  # noqa: S311
    if error.retry_after is not None:
        pause = error.retry_after + timedelta(seconds=random.uniform(0, 1))  # noqa: S311
    _finish(
        delivery,
        state=State.PENDING,
        next_at=now + pause,
        trouble_since=since,
        problem=error.code,
        problem_words=error.words,
    )


def _uncertain(delivery: Delivery, error: NetworkError) -> None:
    settle = timedelta(seconds=delivery.channel.connector.settle_seconds)
    _finish(
        delivery,
        state=State.UNKNOWN,
        next_at=clock.now() + settle,
        checks=0,
        problem=error.code,
        problem_words=error.words,
    )


def _check(delivery: Delivery) -> None:
    """Ask the network whether an attempt of unknown outcome arrived."""
    channel = delivery.channel
    now = clock.now()
    sent_at = delivery.attempted_at or delivery.written_at
    settled = now - sent_at >= timedelta(seconds=channel.connector.settle_seconds)
    session = _session(delivery, now)
    if session is None:
        return
    try:
        found = channel.connector.find(session, delivery.draft(), key=delivery.key)
    except AuthExpired as error:
        note_problem(channel, error, used=session.credential)
        _finish(delivery, state=State.UNKNOWN, next_at=now)
        return
    except TryLater as error:
        # The network is away, which says nothing: ask again, without using up the questions.
        pause = max(error.retry_after or timedelta(0), timedelta(seconds=15))
        _finish(delivery, state=State.UNKNOWN, next_at=now + pause)
        return
    except NetworkError:
        found = None
    except Exception:
        log.exception("Asking for %s %s failed", delivery._meta.model_name, delivery.pk)
        found = None
    if isinstance(found, Delivered):
        _delivered(delivery, found, now)
    elif isinstance(found, Absent) and settled:
        _finish(delivery, state=State.PENDING, next_at=now, trouble_since=None, problem="", problem_words="")
    elif isinstance(found, Absent):
        _finish(
            delivery,
            state=State.UNKNOWN,
            next_at=sent_at + timedelta(seconds=channel.connector.settle_seconds),
        )
    else:
        _ask_later(delivery, now)


@transaction.atomic
def _ask_later(delivery: Delivery, now: datetime) -> None:
    """The network could not tell; after the last question only a person can."""
    checks = delivery.checks + 1
    next_at = now + CHECKS[checks] if checks < len(CHECKS) else None
    if _finish(delivery, state=State.UNKNOWN, next_at=next_at, checks=checks) and next_at is None:
        delivery.refresh_from_db()
        delivery.in_doubt(now)


def _finish(delivery: Delivery, **fields: object) -> bool:
    """Write the outcome, if the lease is still ours."""
    own = type(delivery)._default_manager.filter(pk=delivery.pk, lease=delivery.lease)
    if own.update(lease="", lease_until=None, **fields):
        return True
    log.warning("The lease of %s %s was lost", delivery._meta.model_name, delivery.pk)
    return False


@transaction.atomic
def _rejected(delivery: Delivery, problem: str, words: str) -> None:
    fields = {"next_at": None, "trouble_since": None, "problem": problem, "problem_words": words}
    if _finish(delivery, state=State.REJECTED, **fields):
        delivery.refresh_from_db()
        delivery.refused(clock.now())


def _delivered(delivery: Delivery, result: Delivered, now: datetime) -> None:
    fields: dict[str, object] = {
        "state": State.DELIVERED,
        "remote_id": result.remote_id[:1000],
        "url": result.url if result.url.startswith(("https://", "http://")) else "",
        "delivered_at": now,
        "next_at": None,
        "problem": "",
        "problem_words": "",
    }
    with transaction.atomic():
        if not _finish(delivery, **fields):
            # The lease ran out while the network took its time. That it arrived is certain all the same, so
            # nobody may send it again; only one who is sending right now is left alone, and will find it by
            # its key.
            late = type(delivery)._default_manager.filter(
                pk=delivery.pk, state__in=[State.UNKNOWN, State.PENDING]
            )
            if not late.update(lease="", lease_until=None, **fields):
                return
        delivery.refresh_from_db()
        delivery.arrived(now)
