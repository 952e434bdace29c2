"""Web push: notices in the browser, also when no page of the desk is open.

RFC 8030 (how it is sent), 8291 (encrypted for one browser) and 8292 (VAPID: who sends). Our VAPID key is
derived from the secret key, so that all workers have the same one and the backup holds it already.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import logging
import time
from datetime import datetime, timedelta
from email.utils import parseaddr
from functools import lru_cache
from urllib.parse import urlsplit

import http_ece
import httpx
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from py_vapid import Vapid02

from kuemmerer.accounts.models import Membership, User
from kuemmerer.core import clock, encryption
from kuemmerer.core.encryption import Unreadable
from kuemmerer.core.errors import Invalid, NotFound
from kuemmerer.core.http import Client
from kuemmerer.core.models import record
from kuemmerer.notify import leases
from kuemmerer.notify.language import one_line
from kuemmerer.notify.leases import State
from kuemmerer.notify.models import Notice, Push, PushSubscription

log = logging.getLogger(__name__)

LIFETIME = timedelta(days=1)
"""What a browser that is off has not fetched by then is old news; it stands under Notices."""
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=30), timedelta(hours=1)
MOST = 20
"""Browsers of one person."""
SECONDS = 15.0
BUDGET_SECONDS = 20
_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@lru_cache(maxsize=2)
def client(allow_private: bool) -> Client:
    """The client for push services; tests put their own in its place."""
    return Client(allow_private=allow_private, max_bytes=64 * 1024)


@lru_cache(maxsize=2)
def _key(secret_key: str) -> ec.EllipticCurvePrivateKey:
    # 48 bytes for a number of 32: the remainder favours none.
    drawn = HKDF(algorithm=SHA256(), length=48, salt=None, info=b"kuemmerer vapid").derive(
        secret_key.encode()
    )
    return ec.derive_private_key(int.from_bytes(drawn, "big") % (_P256_ORDER - 1) + 1, ec.SECP256R1())


def public_key() -> str:
    """Our VAPID key as `pushManager.subscribe` takes it."""
    point = _key(settings.SECRET_KEY).public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return _b64(point)


def _b64(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


def _unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@transaction.atomic
def subscribe(
    *, user: User, endpoint: str, p256dh: str, auth: str, label: str, now: datetime
) -> PushSubscription:
    """Let notices go to a browser, as its PushSubscription describes it. Raises Invalid.

    A browser that another person used before is this person's from now on.
    """
    values = {"endpoint": _checked_endpoint(endpoint), **_checked_keys(p256dh, auth)}
    fields = {
        "user": user,
        "sealed": encryption.encrypt(values),
        "host": (urlsplit(endpoint).hostname or "")[:253],
        "label": one_line(label, 100),
        "created_at": now,
    }
    fingerprint = hashlib.sha256(endpoint.encode()).hexdigest()
    found, is_new = PushSubscription.objects.update_or_create(fingerprint=fingerprint, defaults=fields)
    if PushSubscription.objects.filter(user=user).count() > MOST:
        raise Invalid(_("There are too many browsers already. Remove one first."), field="endpoint")
    if is_new:
        record(workspace_id=None, actor=user.email, verb="subscribed", subject=found, now=now)
    return found


def _checked_endpoint(endpoint: str) -> str:
    try:
        parts = urlsplit(endpoint)
        good = parts.scheme == "https" and bool(parts.hostname) and not parts.username
    except ValueError:
        good = False
    if not good or len(endpoint) > 1000 or not endpoint.isascii() or " " in endpoint:
        raise Invalid(_("This is no address of a push service."), field="endpoint")
    return endpoint


def _checked_keys(p256dh: str, auth: str) -> dict[str, str]:
    try:
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), _unb64(p256dh))
        good = len(_unb64(auth)) == 16
    except (ValueError, binascii.Error):
        good = False
    if not good:
        raise Invalid(_("These are no keys of a browser."), field="p256dh")
    return {"p256dh": p256dh, "auth": auth}


@transaction.atomic
def unsubscribe(*, user: User, subscription_id: int, now: datetime) -> None:
    """No more notices to this browser. Raises NotFound."""
    found = PushSubscription.objects.filter(user=user, pk=subscription_id).first()
    if found is None:
        raise NotFound
    record(workspace_id=None, actor=user.email, verb="unsubscribed", subject=found, now=now)
    found.delete()


def send_out(notice: Notice, *, at: datetime, now: datetime) -> int:
    """Put `notice` on its way to each of the person's browsers, at `at`; returns how many there are."""
    browsers = PushSubscription.objects.filter(user=notice.user_id)
    rows = [Push(notice=notice, subscription=one, created_at=now, next_at=at) for one in browsers]
    Push.objects.bulk_create(rows)
    return len(rows)


def send_due(now: datetime) -> int:
    """Send the pushes that are due; returns how many attempts were made."""
    moved = 0
    end = time.monotonic() + BUDGET_SECONDS
    while time.monotonic() < end:
        moment = max(now, clock.now())
        row = leases.claim(leases.due(Push, moment), moment)
        if row is None:
            break
        _attempt(row)
        moved += 1
    return moved


def _attempt(row: Push) -> None:
    notice = Notice.objects.select_related("workspace", "user").get(pk=row.notice_id)
    browser = PushSubscription.objects.get(pk=row.subscription_id)
    member = Membership.objects.filter(workspace=notice.workspace_id, user=notice.user_id)
    if not member.exists() or not notice.user.is_active or browser.user_id != notice.user_id:
        leases.finish(row, state=State.DROPPED)
        return
    try:
        answer = _post(notice, browser)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        _again(row, one_line(f"{type(error).__name__}: {error}", 500))
    except Unreadable:
        browser.delete()
    else:
        _answered(row, browser, answer)


def _answered(row: Push, browser: PushSubscription, answer: httpx.Response) -> None:
    if answer.is_success:
        leases.finish(row, state=State.DONE, done_at=clock.now(), problem="")
    elif answer.status_code in {404, 410}:
        # RFC 8030, 7.3: the person has taken the permission back, or the browser is gone.
        browser.delete()
    elif answer.status_code == 429 or answer.status_code >= 500:
        _again(row, f"HTTP {answer.status_code}")
    else:
        log.warning("A push service refuses a notice: HTTP %s", answer.status_code)
        leases.finish(row, state=State.FAILED, done_at=clock.now(), problem=f"HTTP {answer.status_code}")


def _again(row: Push, problem: str) -> None:
    now = clock.now()
    if now - row.created_at > LIFETIME:
        leases.finish(row, state=State.FAILED, done_at=now, problem=problem)
        return
    pause = min(FIRST_PAUSE * 2 ** min(row.attempts - 1, 10), LONGEST_PAUSE)
    leases.finish(row, next_at=now + leases.jittered(pause), problem=problem)


def _post(notice: Notice, browser: PushSubscription) -> httpx.Response:
    opened = encryption.decrypt(browser.sealed)
    endpoint = str(opened["endpoint"])
    content = http_ece.encrypt(
        _payload(notice),
        private_key=ec.generate_private_key(ec.SECP256R1()),
        dh=_unb64(opened["p256dh"]),
        auth_secret=_unb64(opened["auth"]),
        version="aes128gcm",
    )
    headers = {
        "Content-Type": "application/octet-stream",
        "Content-Encoding": "aes128gcm",
        "TTL": str(int(LIFETIME.total_seconds())),
        "Urgency": "high",
        # A second copy takes the place of a first that was not fetched yet.
        "Topic": _b64(hashlib.sha256(f"notice {notice.pk}".encode()).digest())[:32],
        **_sender(endpoint),
    }
    return client(settings.ALLOW_PRIVATE_ADDRESSES).request(
        "POST", endpoint, content=content, headers=headers, timeout=SECONDS
    )


def _payload(notice: Notice) -> bytes:
    """At most 3993 bytes may be sent (RFC 8291, 4); 500 characters of text are 2000 bytes."""
    path = reverse("notice", args=[notice.workspace.slug, notice.pk])
    words = {
        "title": notice.title,
        "body": one_line(notice.text, 500),
        "path": path,
        "tag": f"notice-{notice.pk}",
    }
    return json.dumps(words, ensure_ascii=False).encode()


def _sender(endpoint: str) -> dict[str, str]:
    """The VAPID header: who we are, signed for this push service, good for twelve hours."""
    parts = urlsplit(endpoint)
    claims = {
        "aud": f"{parts.scheme}://{parts.netloc}",
        "exp": int(clock.now().timestamp()) + 12 * 3600,
        "sub": _contact(),
    }
    signed: dict[str, str] = Vapid02(private_key=_key(settings.SECRET_KEY)).sign(claims)
    return signed


def _contact() -> str:
    """Whom a push service may turn to."""
    if settings.BASE_URL.startswith("https://"):
        return str(settings.BASE_URL)
    return f"mailto:{parseaddr(settings.DEFAULT_FROM_EMAIL)[1] or 'kuemmerer@localhost'}"
