"""When notices go out, and how one sees that they do not."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Q

from kuemmerer.jobs.health import Problem, check
from kuemmerer.jobs.sweeps import sweep
from kuemmerer.notify import digest, leases, mail, push, webhook_delivery
from kuemmerer.notify.leases import State
from kuemmerer.notify.models import Mail, MailTrouble, Notice, WebhookDelivery

KEEP_NOTICES = timedelta(days=90)
KEEP_DELIVERIES = timedelta(days=30)
BATCH = 1000
STUCK_AFTER = timedelta(minutes=10)


@sweep("notify.mail", every=15, queue="notify")
def send_mails(now: datetime) -> int:
    return mail.send_due(now)


@sweep("notify.webhooks", every=5, queue="notify")
def send_webhooks(now: datetime) -> int:
    return webhook_delivery.send_due(now)


@sweep("notify.push", every=15, queue="notify")
def send_pushes(now: datetime) -> int:
    return push.send_due(now)


@sweep("notify.digest", every=60)
def write_digests(now: datetime) -> int:
    return digest.write_due(now)


@sweep("notify.tidy", every=3600, queue="notify")
def tidy(now: datetime) -> int:
    """Forget what is old, a part at a time; not what is still on its way."""
    old = Notice.objects.filter(created_at__lt=now - KEEP_NOTICES)
    old = old.filter(Q(mail=None) | ~Q(mail__state=State.WAITING))
    pks = list(old.values_list("pk", flat=True)[:BATCH])
    Notice.objects.filter(pk__in=pks).delete()
    delivered = WebhookDelivery.objects.filter(created_at__lt=now - KEEP_DELIVERIES)
    done = list(delivered.exclude(state=State.WAITING).values_list("pk", flat=True)[:BATCH])
    WebhookDelivery.objects.filter(pk__in=done).delete()
    return len(pks) + len(done)


@check
def _mails(now: datetime) -> list[Problem]:
    found = []
    trouble = MailTrouble.objects.filter(attempts__gt=1).first()
    if trouble is not None:
        waiting = Mail.objects.filter(state=State.WAITING).count()
        since = f"{trouble.since:%Y-%m-%d %H:%M} UTC"
        found.append(
            Problem(code="mail_down", details=f"no mail got out since {since}; {waiting} are waiting")
        )
    elif stuck := leases.due(Mail, now - STUCK_AFTER).count() if mail.is_set_up() else 0:
        found.append(
            Problem(code="mails_stuck", details=f"{stuck} mails should have gone out ten minutes ago")
        )
    refused = Mail.objects.filter(state=State.FAILED, done_at__gt=now - timedelta(days=1)).count()
    if refused:
        found.append(Problem(code="mails_refused", details=f"{refused} mails were refused within a day"))
    return found
