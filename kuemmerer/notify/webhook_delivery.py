"""Getting events out to other programs: a lease for each, growing pauses, and an end when nobody listens."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any

import httpx
from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.urls import reverse
from django.utils.translation import gettext_lazy

from kuemmerer.core import clock
from kuemmerer.core.encryption import Unreadable
from kuemmerer.core.http import Client, PrivateAddress
from kuemmerer.core.text import storable
from kuemmerer.notify import events, formats, leases, notices, webhooks
from kuemmerer.notify.language import one_line
from kuemmerer.notify.leases import State
from kuemmerer.notify.models import Webhook, WebhookDelivery

Answer = httpx.Response | None

PAUSES = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
"""After each failed attempt; the example schedule of Standard Webhooks. The tenth attempt, after three days
and three and a half hours, is the last."""
OFF_AFTER = timedelta(days=3)
"""Without a single success: nobody listens there any more."""
SECONDS = 15.0
"""For an answer. Standard Webhooks recommends 15 to 30."""
REST, LONGEST_REST = timedelta(seconds=5), timedelta(minutes=10)
"""A target that fails is left alone for a while, or its backlog would hold up all others."""
LONGEST_ANSWER = 500
MOST_LOGGED = 20
MAX_BYTES = 256 * 1024
BUDGET_SECONDS = 20


@lru_cache(maxsize=2)
def client(allow_private: bool) -> Client:
    """The client for webhooks; tests put their own in its place."""
    return Client(allow_private=allow_private, max_bytes=MAX_BYTES)


def send_due(now: datetime) -> int:
    """Make the attempts that are due; returns how many."""
    moved = 0
    end = time.monotonic() + BUDGET_SECONDS
    while time.monotonic() < end:
        moment = max(now, clock.now())
        awake = Q(webhook__rests_until=None) | Q(webhook__rests_until__lte=moment)
        row = leases.claim(leases.due(WebhookDelivery, moment).filter(awake), moment)
        if row is None:
            break
        _attempt(row)
        moved += 1
    return moved


def _attempt(row: WebhookDelivery) -> None:
    hook = Webhook.objects.select_related("workspace").get(pk=row.webhook_id)
    started, at = time.monotonic(), clock.now()
    entry: dict[str, Any] = {"at": at.isoformat(), "status": None, "answer": "", "problem": ""}
    answer: Answer = None
    try:
        answer = _post(hook, row, at)
    except PrivateAddress:
        entry["problem"] = "private_address"
    except Unreadable:
        entry["problem"] = "unreadable_secret"
    except httpx.TimeoutException:
        entry["problem"] = "timeout"
    except httpx.HTTPError as error:
        entry["problem"] = one_line(f"{type(error).__name__}: {error}", LONGEST_ANSWER)
    except httpx.InvalidURL:
        entry["problem"] = "invalid_address"
    entry["ms"] = round((time.monotonic() - started) * 1000)
    if answer is not None:
        entry |= {"status": answer.status_code, "answer": one_line(storable(answer.text), LONGEST_ANSWER)}
    _finish(hook, row, answer, entry)


def _post(hook: Webhook, row: WebhookDelivery, now: datetime) -> httpx.Response:
    event = events.find(row.event) or events.TEST
    language = hook.workspace.language
    content = formats.body(
        hook.format, event, row.data, company=hook.workspace.name, language=language, at=row.created_at
    )
    keys = [one["key"] for one in hook.keys if not one["until"] or one["until"] > now.isoformat()]
    headers = {"Content-Type": "application/json", **formats.signed(row.message_id, content, keys, now)}
    # A redirect is a failure: it could lead into the house, and the address should be put right.
    return client(settings.ALLOW_PRIVATE_ADDRESSES).request(
        "POST", hook.address, content=content, headers=headers, timeout=SECONDS
    )


@transaction.atomic
def _finish(
    hook: Webhook, row: WebhookDelivery, answer: httpx.Response | None, entry: dict[str, Any]
) -> None:
    now = clock.now()
    log = [*row.log, entry][-MOST_LOGGED:]
    if answer is not None and answer.is_success:
        if leases.finish(row, state=State.DONE, done_at=now, problem="", log=log):
            Webhook.objects.filter(pk=hook.pk).update(
                failing_since=None, failures=0, rests_until=None, worked_at=now
            )
        return
    problem = entry["problem"] or f"HTTP {entry['status']}"
    pause = _pause(row, answer, now)
    if pause is None:
        kept = leases.finish(row, state=State.FAILED, done_at=now, problem=problem, log=log)
    else:
        kept = leases.finish(row, next_at=now + pause, problem=problem, log=log)
    if kept:
        _failed(hook, answer, now)


def _pause(row: WebhookDelivery, answer: Answer, now: datetime) -> timedelta | None:
    """Until the next attempt; None when this was the last."""
    if row.attempts > len(PAUSES):
        return None
    pause = leases.jittered(PAUSES[row.attempts - 1])
    asked = _retry_after(answer.headers.get("Retry-After", ""), now) if answer is not None else timedelta(0)
    return max(pause, min(asked, PAUSES[-1]))


def _retry_after(value: str, now: datetime) -> timedelta:
    """The pause that a Retry-After asks for: seconds, or a date (RFC 9110, 10.2.3)."""
    if value.isascii() and value.isdigit():
        return timedelta(seconds=min(int(value), 10**6))
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return timedelta(0)
    return moment.replace(tzinfo=moment.tzinfo or UTC) - now


def _failed(hook: Webhook, answer: Answer, now: datetime) -> None:
    since = hook.failing_since or now
    rest = min(REST * 2 ** min(hook.failures, 10), LONGEST_REST)
    Webhook.objects.filter(pk=hook.pk).update(
        failing_since=since, failures=F("failures") + 1, rests_until=now + rest
    )
    if answer is not None and answer.status_code == 410:
        _switch_off(hook, "gone", now)
    elif now - since >= OFF_AFTER:
        _switch_off(hook, "failing", now)


def _switch_off(hook: Webhook, reason: str, now: datetime) -> None:
    if not Webhook.objects.filter(pk=hook.pk, active=True).update(active=False, off_because=reason):
        return
    webhooks.drop_waiting(hook)
    title = gettext_lazy("A webhook was switched off")
    text = {
        "gone": gettext_lazy("Its target says that it is gone for good (HTTP 410)."),
        "failing": gettext_lazy("Its target has not taken anything for three days."),
    }[reason]
    notices.tell_those_who(
        permission="webhooks.manage",
        workspace=hook.workspace,
        kind="webhook_off",
        title=lambda: f"{title}: {hook.name}",
        text=text,
        path=reverse("webhook", args=[hook.workspace.slug, hook.pk]),
        key=f"webhook-off:{hook.pk}:{now.isoformat()}",
        now=now,
    )
