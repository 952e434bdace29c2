"""Who else is at a case: looking at it or writing an answer, a few seconds ago at most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from kuemmerer.accounts.access import Actor
from kuemmerer.accounts.models import User
from kuemmerer.inbox import cases
from kuemmerer.inbox.models import Presence

GONE_AFTER = timedelta(seconds=10)
"""Pages report every two seconds; whose page has been silent for so long has left."""
WRITTEN_AFTER = timedelta(seconds=4)
"""A report that says nothing new is stored only so often: most of them cost no write."""
TYPING_FOR = timedelta(seconds=8)
FORGOTTEN_AFTER = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class Visitor:
    """A colleague at the same case."""

    user: User
    typing: bool


def report(*, actor: Actor, case_id: int, typing: bool, now: datetime) -> Sequence[Visitor]:
    """Say that the actor has a case open, and perhaps types; returns who else does, by name.

    Raises NotFound, Forbidden.
    """
    case = cases.get(actor=actor, case_id=case_id)
    there = list(
        Presence.objects.filter(case=case, seen_at__gt=now - GONE_AFTER)
        .select_related("user")
        .order_by("user__name", "user_id")
    )
    own = next((presence for presence in there if presence.user_id == actor.user.pk), None)
    if _is_news(own, typing, now):
        Presence.objects.update_or_create(
            case=case, user=actor.user, defaults={"seen_at": now, "typed_at": now if typing else None}
        )
    return [
        Visitor(user=p.user, typing=p.typed_at is not None and p.typed_at > now - TYPING_FOR)
        for p in there
        if p is not own
    ]


def _is_news(own: Presence | None, typing: bool, now: datetime) -> bool:
    return own is None or own.seen_at <= now - WRITTEN_AFTER or typing != (own.typed_at is not None)


def leave(*, actor: Actor, case_id: int) -> None:
    """Say that the actor has closed the case. Raises Forbidden."""
    actor.need("inbox.view")
    Presence.objects.filter(case__workspace=actor.workspace, case=case_id, user=actor.user).delete()


def forget(now: datetime) -> int:
    """Delete what nobody will ask for any more; returns how many."""
    return Presence.objects.filter(seen_at__lte=now - FORGOTTEN_AFTER).delete()[0]
