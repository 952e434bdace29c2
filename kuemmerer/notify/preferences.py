"""What each person wants to be told, and when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from kuemmerer.accounts.access import Actor
from kuemmerer.accounts.models import Membership
from kuemmerer.accounts.regions import time_zones
from kuemmerer.core.errors import Invalid
from kuemmerer.core.models import record
from kuemmerer.notify import kinds
from kuemmerer.notify.leases import State
from kuemmerer.notify.models import Mail, Preference, Push

WAYS = ("mail", "push")


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """All that a person can choose."""

    choices: Mapping[str, Mapping[str, bool]]
    """By kind, then by way: {"assigned": {"mail": true, "push": false}}. What is left out stays."""
    quiet_from: time | None
    quiet_to: time | None
    """Both or neither; one before `quiet_from` is the next day's."""
    days_off: Sequence[int] | None
    """Weekdays, 0 is Monday. None: the days on which the company is closed."""
    time_zone: str
    """Empty: the company's."""
    digest_time: time
    digest_empty: bool
    """Send the summary also on days with nothing to say."""


def of(membership: Membership) -> Preference:
    """The member's preferences; the defaults, not stored, for who has chosen nothing."""
    found = Preference.objects.filter(membership=membership).first() or Preference()
    found.membership = membership
    return found


def offered(actor: Actor) -> list[kinds.Kind]:
    """The kinds that this person may choose among."""
    return [
        kind
        for kind in kinds.every()
        if kind.optional and (not kind.permission or actor.can(kind.permission))
    ]


def wishes(preference: Preference) -> Wishes:
    """The preferences as `change` takes them; `choices` has every kind."""
    return Wishes(
        choices={
            kind.key: {way: preference.wants(kind, way) for way in WAYS}
            for kind in kinds.every()
            if kind.optional
        },
        quiet_from=preference.quiet_from,
        quiet_to=preference.quiet_to,
        days_off=preference.days_off,
        time_zone=preference.time_zone,
        digest_time=preference.digest_time,
        digest_empty=preference.digest_empty,
    )


@transaction.atomic
def change(*, actor: Actor, wishes: Wishes, now: datetime) -> Preference:
    """Store what a person wants. Raises Invalid (fields as in Wishes)."""
    actor.need("inbox.view")
    stored, _created = Preference.objects.select_for_update().get_or_create(membership=actor.membership)
    stored.membership = actor.membership
    stored.choices = _merged(stored.choices, wishes.choices)
    stored.quiet_from, stored.quiet_to = _checked_hours(wishes.quiet_from, wishes.quiet_to)
    stored.days_off = _checked_days(wishes.days_off)
    stored.time_zone = _checked_zone(wishes.time_zone)
    stored.digest_time = wishes.digest_time.replace(second=0, microsecond=0)
    stored.digest_empty = wishes.digest_empty
    stored.digest_at = None
    stored.save()
    _let_go(stored, now)
    record(workspace_id=actor.workspace.pk, actor=actor.label, verb="changed", subject=stored, now=now)
    return stored


@transaction.atomic
def switch_off(*, membership: Membership, kind: str, way: str, now: datetime) -> None:
    """One click in a mail: no more of this kind. Raises LookupError for an unknown kind."""
    known = kinds.get(kind)
    stored, _created = Preference.objects.select_for_update().get_or_create(membership=membership)
    stored.choices = _merged(stored.choices, {known.key: {way: False}})
    stored.save(update_fields=["choices"])
    record(
        workspace_id=membership.workspace_id,
        actor=membership.user.email,
        verb="unsubscribed",
        subject=stored,
        now=now,
        kind=kind,
    )


def _merged(
    old: Mapping[str, Mapping[str, bool]], new: Mapping[str, Mapping[str, bool]]
) -> dict[str, dict[str, bool]]:
    merged = {kind: dict(ways) for kind, ways in old.items()}
    for key, ways in new.items():
        kind = kinds.find(key)
        if kind is None or not set(ways) <= set(WAYS):
            raise Invalid(_("There is no such notice."), field="choices")
        if kind.optional:
            merged[key] = {**merged.get(key, {}), **{way: bool(on) for way, on in ways.items()}}
    return merged


def _checked_hours(start: time | None, end: time | None) -> tuple[time | None, time | None]:
    if (start is None) != (end is None):
        field = "quiet_from" if start is None else "quiet_to"
        raise Invalid(_("Quiet hours need a beginning and an end."), field=field)
    if start is None or end is None:
        return None, None
    start, end = (one.replace(second=0, microsecond=0, tzinfo=None) for one in (start, end))
    if start == end:
        raise Invalid(_("Quiet hours that last the whole day would hold back everything."), field="quiet_to")
    return start, end


def _checked_days(days: Sequence[int] | None) -> list[int] | None:
    if days is None:
        return None
    if not set(days) <= set(range(7)):
        raise Invalid(_("There is no such weekday."), field="days_off")
    if len(set(days)) == 7:
        raise Invalid(
            _("One day of the week must be left. To get no mails at all, switch them off above."),
            field="days_off",
        )
    return sorted(set(days))


def _checked_zone(name: str) -> str:
    if name and name not in time_zones():
        raise Invalid(_("There is no such time zone."), field="time_zone")
    return name


def _let_go(stored: Preference, now: datetime) -> None:
    """What waits for the end of quiet hours goes by the new ones."""
    over = stored.quiet.over(now)
    waiting = [kind.key for kind in kinds.every() if kind.quiet]
    for model in (Mail, Push):
        held = model._default_manager.filter(
            notice__workspace=stored.membership.workspace_id,
            notice__user=stored.membership.user_id,
            notice__kind__in=waiting,
            state=State.WAITING,
            attempts=0,
            next_at__gt=now,
        )
        held.update(next_at=over)
