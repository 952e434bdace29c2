"""The day's summary: what apps above have to say to one person, once a day at the hour they chose.

digest.add_part(lambda actor, now: [Line(text=…, path=…)])
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta

from django.db import transaction
from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext as _

from kuemmerer.accounts.access import Actor
from kuemmerer.accounts.models import Membership
from kuemmerer.jobs.sweeps import each
from kuemmerer.notify import kinds, notices, preferences
from kuemmerer.notify.language import language_of
from kuemmerer.notify.models import Preference
from kuemmerer.notify.notices import Line
from kuemmerer.notify.quiet import moments

Part = Callable[[Actor, datetime], list[Line]]
KIND = "digest"
BATCH = 500
_DAY = timedelta(days=1)
_parts: list[Part] = []


def add_part(part: Part) -> Part:
    """Let `part` say something in every summary. It is called in the reader's language; the order is that of
    adding. Its lines begin the subject of the mail, so they are short: “3 due today”.
    """
    _parts.append(part)
    return part


def lines(actor: Actor, now: datetime) -> list[Line]:
    """What there is to say to this person now, in the language that is spoken at the moment."""
    return [line for part in _parts for line in part(actor, now)]


def write_due(now: datetime) -> int:
    """Write the summaries whose hour has come; returns how many people were looked at."""
    _give_rows()
    due = Preference.objects.filter(
        Q(digest_at=None) | Q(digest_at__lte=now), membership__user__is_active=True
    )
    pks = due.order_by("digest_at", "pk").values_list("pk", flat=True)[:BATCH]
    return each(lambda pk: _write(pk, now), list(pks))


def _give_rows() -> None:
    """Who has chosen nothing has an hour too."""
    without = Membership.objects.filter(notify_preference=None, user__is_active=True)
    new = [Preference(membership_id=pk) for pk in without.values_list("pk", flat=True)[:BATCH]]
    if new:
        Preference.objects.bulk_create(new, ignore_conflicts=True)


@transaction.atomic
def _write(pk: int, now: datetime) -> int:
    preference = Preference.objects.select_for_update(of=("self",)).filter(pk=pk)
    mine = preference.select_related("membership__user", "membership__workspace").first()
    if mine is None or (mine.digest_at is not None and mine.digest_at > now):
        return 0
    today = now.astimezone(mine.zone).date()
    # Not yet looked at: a new member, or the hour was changed. What has passed by then is for tomorrow.
    if mine.digest_at is not None and now >= _hour(mine, today) and today.weekday() not in mine.weekdays_off:
        _tell(mine, today, now)
    mine.digest_at = _next(mine, now)
    mine.save(update_fields=["digest_at"])
    return 1


def _hour(preference: Preference, day: date) -> datetime:
    return moments(day, preference.digest_time, preference.zone)[0]


def _next(preference: Preference, now: datetime) -> datetime:
    day = now.astimezone(preference.zone).date()
    while _hour(preference, day) <= now:
        day += _DAY
    return _hour(preference, day)


def _tell(preference: Preference, day: date, now: datetime) -> None:
    member, kind = preference.membership, kinds.get(KIND)
    if not any(preference.wants(kind, way) for way in preferences.WAYS):
        return
    actor = Actor(user=member.user, workspace=member.workspace, membership=member)
    with language_of(member):
        found = lines(actor, now)
    if not found and not preference.digest_empty:
        return
    notices.tell(
        workspace=member.workspace,
        user=member.user,
        kind=KIND,
        title=lambda: ", ".join(line.text for line in found) or _("Nothing waits for you today"),
        lines=found,
        path=reverse("notices", args=[member.workspace.slug]),
        key=f"digest:{day.isoformat()}",
        now=now,
    )
