"""Outgoing webhooks: who is told what, and the operations on them.

webhooks.emit(workspace=w, event="case.closed", data={…}, path=…, key="case.closed:17:3", now=now)
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from kuemmerer.accounts.access import Actor
from kuemmerer.accounts.models import Workspace
from kuemmerer.accounts.workspaces import checked_name
from kuemmerer.core import encryption
from kuemmerer.core.errors import Conflict, Invalid, NotFound
from kuemmerer.core.http import is_public
from kuemmerer.core.models import record
from kuemmerer.jobs import sweeps
from kuemmerer.notify import events
from kuemmerer.notify.leases import State
from kuemmerer.notify.models import Webhook, WebhookDelivery

MOST = 20
"""In one workspace."""
OLD_KEY_FOR = timedelta(hours=24)
"""So long a key that was renewed signs too, so that the other side can change over in peace."""


@dataclass(frozen=True, kw_only=True)
class Happening:
    """One thing that happened, for an event. `data` has the keys of the event's example; `path`, an address
    on this desk, becomes `data["url"]`; each `key` is told once.
    """

    key: str
    data: Mapping[str, Any]
    path: str = ""


def emit(
    *,
    workspace: Workspace,
    event: str,
    data: Mapping[str, Any],
    key: str,
    now: datetime,
    path: str = "",
) -> int:
    """Tell other programs what happened, once for each `key`; returns how many there are to tell.

    `data` has the keys of the event's example; `path`, an address on this desk, becomes `data["url"]`. Call
    it in the transaction of what happened. Raises LookupError (unknown event) and ValueError (other data).
    """
    happening = Happening(key=key, data=data, path=path)
    _check(event, happening)
    return emit_each(workspace_id=workspace.pk, event=event, happenings=lambda: [happening], now=now)


def emit_each(
    *, workspace_id: int, event: str, happenings: Callable[[], Iterable[Happening]], now: datetime
) -> int:
    """`emit` for many at once. `happenings` is called only if somebody listens, so that putting the data
    together costs nothing where nobody does: one query then. Returns how many messages there are to send.
    """
    hooks = Webhook.objects.filter(workspace=workspace_id, active=True).order_by("pk")
    wanted = [hook for hook in hooks if event in hook.events]
    if not wanted:
        return 0
    rows = []
    for happening in happenings():
        _check(event, happening)
        url = settings.BASE_URL + happening.path if happening.path else ""
        whole = {**happening.data, "url": url}
        rows += [_delivery(hook, event, happening.key, whole, now) for hook in wanted]
    if rows:
        WebhookDelivery.objects.bulk_create(rows, batch_size=500, ignore_conflicts=True)
        sweeps.wake("notify.webhooks")
    return len(rows)


def _check(event: str, happening: Happening) -> None:
    needed = set(events.get(event).example)
    if set(happening.data) != needed:
        raise ValueError(f"the data of {event} needs {sorted(needed)}, got {sorted(happening.data)}")


def listened_since(event: str) -> Mapping[int, datetime]:
    """The ids of the workspaces in which a webhook wants this event, with when the first such was made."""
    found: dict[int, datetime] = {}
    for hook in Webhook.objects.filter(active=True).order_by("-created_at"):
        if event in hook.events:
            found[hook.workspace_id] = hook.created_at
    return found


def emitted(*, workspace_id: int, keys: Collection[str]) -> set[str]:
    """Those of `keys` of which a webhook of this workspace has been told."""
    known = WebhookDelivery.objects.filter(webhook__workspace=workspace_id, key__in=keys)
    return set(known.values_list("key", flat=True))


def _delivery(hook: Webhook, event: str, key: str, data: Mapping[str, Any], now: datetime) -> WebhookDelivery:
    return WebhookDelivery(
        webhook=hook,
        event=event,
        key=key,
        message_id=f"msg_{secrets.token_hex(16)}",
        data=data,
        created_at=now,
        next_at=now,
    )


def get(*, actor: Actor, webhook_id: int) -> Webhook:
    """A webhook of the actor's workspace. Raises NotFound, Forbidden."""
    actor.need("webhooks.manage")
    found = Webhook.objects.filter(workspace=actor.workspace, pk=webhook_id).first()
    if found is None:
        raise NotFound
    return found


@transaction.atomic
def make(
    *, actor: Actor, name: str, address: str, format_: str, wanted: Sequence[str], now: datetime
) -> tuple[Webhook, str]:
    """A new webhook and its key, which is shown this once. Raises Invalid, Conflict (too many), Forbidden."""
    actor.need("webhooks.manage")
    if Webhook.objects.filter(workspace=actor.workspace).count() >= MOST:
        raise Conflict(_("There are %(most)d webhooks already; no more are possible.") % {"most": MOST})
    key = _new_key()
    hook = Webhook(
        workspace=actor.workspace,
        name=checked_name(name),
        format=_checked_format(format_),
        events=_checked_events(wanted),
        created_at=now,
    )
    _seal(hook, _checked_address(address), [{"key": key, "until": ""}])
    hook.save()
    _record(actor, "made", hook, now)
    return hook, key


@transaction.atomic
def change(
    *,
    actor: Actor,
    webhook_id: int,
    name: str,
    address: str,
    format_: str,
    wanted: Sequence[str],
    active: bool,
    now: datetime,
) -> Webhook:
    """Change a webhook; an empty `address` keeps the one there is. Raises NotFound, Invalid, Forbidden.

    Switched on again, it begins afresh; what could not be delivered meanwhile is not sent by itself.
    """
    hook = get(actor=actor, webhook_id=webhook_id)
    hook.name, hook.format, hook.events = (
        checked_name(name),
        _checked_format(format_),
        _checked_events(wanted),
    )
    if address.strip():
        _seal(hook, _checked_address(address), hook.keys)
    if active and not hook.active:
        hook.failing_since = hook.rests_until = None
        hook.failures, hook.off_because = 0, ""
    if hook.active and not active:
        drop_waiting(hook)
    hook.active = active
    hook.save()
    _record(actor, "changed", hook, now)
    return hook


@transaction.atomic
def renew_key(*, actor: Actor, webhook_id: int, now: datetime) -> str:
    """A new key, shown this once; the old one signs too for a day. Raises NotFound, Forbidden."""
    hook = get(actor=actor, webhook_id=webhook_id)
    key, old = _new_key(), hook.keys[0]["key"]
    _seal(
        hook,
        hook.address,
        [{"key": key, "until": ""}, {"key": old, "until": (now + OLD_KEY_FOR).isoformat()}],
    )
    hook.save(update_fields=["sealed", "host"])
    _record(actor, "renewed key", hook, now)
    return key


@transaction.atomic
def delete(*, actor: Actor, webhook_id: int, now: datetime) -> None:
    """Delete a webhook with its log. Raises NotFound, Forbidden."""
    hook = get(actor=actor, webhook_id=webhook_id)
    _record(actor, "deleted", hook, now)
    hook.delete()


@transaction.atomic
def send_test(*, actor: Actor, webhook_id: int, now: datetime) -> WebhookDelivery:
    """Send something at once, to see whether it arrives. Raises NotFound, Conflict (off), Forbidden."""
    hook = get(actor=actor, webhook_id=webhook_id)
    _need_active(hook)
    data = {**events.TEST.example, "url": settings.BASE_URL}
    row = _delivery(hook, events.TEST.key, f"test:{secrets.token_hex(8)}", data, now)
    row.save()
    _try_now(hook)
    return row


@transaction.atomic
def send_again(*, actor: Actor, webhook_id: int, delivery_id: int, now: datetime) -> WebhookDelivery:
    """Send an event again, with the same id. Raises NotFound, Conflict (off, or on its way), Forbidden."""
    hook = get(actor=actor, webhook_id=webhook_id)
    row = WebhookDelivery.objects.select_for_update().filter(webhook=hook, pk=delivery_id).first()
    if row is None:
        raise NotFound
    _need_active(hook)
    if row.lease:
        raise Conflict(_("It is being sent at this moment."))
    row.state, row.next_at, row.attempts, row.done_at = State.WAITING, now, 0, None
    row.save(update_fields=["state", "next_at", "attempts", "done_at"])
    _try_now(hook)
    return row


def _try_now(hook: Webhook) -> None:
    Webhook.objects.filter(pk=hook.pk).update(rests_until=None)
    sweeps.wake("notify.webhooks")


def _need_active(hook: Webhook) -> None:
    if not hook.active:
        raise Conflict(_("This webhook is switched off. Switch it on first."))


def drop_waiting(hook: Webhook) -> None:
    """Nothing goes to a webhook that is off; each row can be sent again by hand."""
    hook.deliveries.filter(state=State.WAITING).update(state=State.DROPPED, next_at=None)


def _record(actor: Actor, verb: str, hook: Webhook, now: datetime) -> None:
    record(
        workspace_id=actor.workspace.pk, actor=actor.label, verb=verb, subject=hook, now=now, name=hook.name
    )


def _new_key() -> str:
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


def _seal(hook: Webhook, address: str, keys: list[dict[str, str]]) -> None:
    hook.sealed = encryption.encrypt({"address": address, "keys": keys})
    hook.host = (urlsplit(address).hostname or "")[:253]


def _checked_address(address: str) -> str:
    address = address.strip()
    try:
        parts = urlsplit(address)
        good = bool(parts.hostname) and parts.port != 0 and not parts.fragment
    except ValueError:
        good = False
    if not good or len(address) > 2000 or not address.isascii() or " " in address:
        raise Invalid(_("This is no web address."), field="address")
    if parts.scheme != "https" and not (parts.scheme == "http" and settings.ALLOW_PRIVATE_ADDRESSES):
        # Plain HTTP is for the own house only; elsewhere everybody on the way could read along.
        raise Invalid(_("The address must begin with https://."), field="address")
    if not settings.ALLOW_PRIVATE_ADDRESSES and _is_private(parts.hostname or ""):
        raise Invalid(_("This address lies inside the own house."), field="address")
    return address


def _is_private(host: str) -> bool:
    """What can be told without asking for the name; the rest is refused when the connection is opened."""
    try:
        return not is_public(host)
    except ValueError:
        return host == "localhost" or host.endswith((".localhost", ".local", ".internal"))


def _checked_format(format_: str) -> str:
    if format_ not in Webhook.Format.values:
        raise Invalid(_("There is no such format."), field="format")
    return format_


def _checked_events(wanted: Sequence[str]) -> list[str]:
    known = [event.key for event in events.every()]
    if not set(wanted) <= set(known):
        raise Invalid(_("There is no such event."), field="events")
    if not wanted:
        raise Invalid(_("Please choose at least one event."), field="events")
    return [key for key in known if key in set(wanted)]
