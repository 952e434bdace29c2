"""What is due, for a calendar (iCalendar, RFC 5545) or a feed reader (RSS 2.0), at a secret address.

One address for each member and workspace. It says no more than who wrote, the first words and until when an
answer is due, because calendars are shown to others and lie at other companies.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import icalendar
from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils.feedgenerator import Rss201rev2Feed
from django.utils.formats import date_format
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from kuemmerer.accounts.access import Actor
from kuemmerer.accounts.models import hash_token, new_token
from kuemmerer.core.models import record
from kuemmerer.inbox.models import Case, CaseFeed, Status
from kuemmerer.notify.language import one_line

MOST = 200
"""What is due soonest; nobody plans further ahead."""
WORDS = 60
FRESH_FOR = timedelta(minutes=15)
"""How often programs are asked to look again; most have ideas of their own."""
NOTED_EVERY = timedelta(hours=1)


def of(actor: Actor) -> CaseFeed | None:
    """The actor's feed in this workspace, if there is one."""
    actor.need("inbox.view")
    return CaseFeed.objects.filter(membership=actor.membership).first()


@transaction.atomic
def make(*, actor: Actor, now: datetime) -> str:
    """A new secret for the actor's addresses, shown this once; one from before is not valid any more."""
    actor.need("inbox.view")
    secret, secret_hash = new_token("due")
    made, _new = CaseFeed.objects.update_or_create(
        membership=actor.membership,
        defaults={"secret_hash": secret_hash, "created_at": now, "read_at": None},
    )
    record(workspace_id=actor.workspace.pk, actor=actor.label, verb="made", subject=made, now=now)
    return secret


@transaction.atomic
def revoke(*, actor: Actor, now: datetime) -> None:
    """The actor's addresses lead nowhere from now on; nothing happens if there were none."""
    found = of(actor)
    if found is not None:
        record(workspace_id=actor.workspace.pk, actor=actor.label, verb="revoked", subject=found, now=now)
        found.delete()


def addresses(secret: str) -> dict[str, str]:
    """The whole addresses of a secret, by kind: calendar and reader."""
    paths = {kind: reverse(f"case-feed-{kind}", args=[secret]) for kind in ("calendar", "reader")}
    return {kind: settings.BASE_URL + path for kind, path in paths.items()}


def reader_of(secret: str, now: datetime) -> Actor | None:
    """Whose address this is; None for an unknown one and for who may not see the inbox any more."""
    found = (
        CaseFeed.objects.select_related("membership__user", "membership__workspace")
        .filter(secret_hash=hash_token(secret), membership__user__is_active=True)
        .first()
    )
    if found is None:
        return None
    member = found.membership
    actor = Actor(user=member.user, workspace=member.workspace, membership=member)
    if not actor.can("inbox.view"):
        return None
    if found.read_at is None or now - found.read_at >= NOTED_EVERY:
        CaseFeed.objects.filter(pk=found.pk).update(read_at=now)
    return actor


def due_cases(actor: Actor, *, mine: bool) -> Sequence[Case]:
    """The open cases, what is due soonest first; `mine`: only the actor's own."""
    actor.need("inbox.view")
    cases = Case.objects.filter(workspace=actor.workspace, status=Status.OPEN, due_at__isnull=False)
    if mine:
        cases = cases.filter(assignee=actor.user)
    return list(cases.select_related("author", "channel").order_by("due_at", "id")[:MOST])


# --- how they look


def calendar(actor: Actor, cases: Sequence[Case]) -> bytes:
    """The cases as a calendar. An event is the moment at which an answer is due, and keeps nobody busy."""
    made = icalendar.Calendar()
    made.add("prodid", f"-//Kümmerer//{get_language() or 'en'}")
    made.add("version", "2.0")
    made.add("x-wr-calname", _title(actor))
    made.add("refresh-interval", FRESH_FOR, parameters={"value": "DURATION"})
    made.add("x-published-ttl", icalendar.vDuration(FRESH_FOR))
    host = urlsplit(settings.BASE_URL).hostname
    for case in cases:
        event = icalendar.Event()
        # The same case is the same event, wherever its deadline moves.
        event.add("uid", f"case-{case.pk}@{host}")
        event.add("dtstamp", case.unanswered_since)
        event.add("dtstart", case.due_at)
        event.add("summary", _headline(case))
        event.add("url", _address(actor, case))
        event.add("transp", "TRANSPARENT")
        made.add_component(event)
    return bytes(made.to_ical())


def feed(actor: Actor, cases: Sequence[Case]) -> str:
    """The cases as RSS. Words that wait anew are a new entry."""
    made = Rss201rev2Feed(
        title=_title(actor),
        link=settings.BASE_URL + reverse("inbox", args=[actor.workspace.slug]),
        description=_("What is due, and until when."),
        language=get_language(),
        ttl=int(FRESH_FOR.total_seconds() // 60),
    )
    for case in cases:
        made.add_item(
            title=_headline(case),
            link=_address(actor, case),
            description=_("Due: %(when)s") % {"when": _local(actor, case.due_at)},
            unique_id=f"case-{case.pk}-{case.unanswered_since:%Y%m%dT%H%M%S}",
            unique_id_is_permalink=False,
            pubdate=case.unanswered_since,
        )
    return str(made.writeString("utf-8"))


def _local(actor: Actor, moment: datetime | None) -> str:
    return date_format(moment.astimezone(actor.workspace.zone), "DATETIME_FORMAT") if moment else ""


def _title(actor: Actor) -> str:
    return _("%(company)s: what is due") % {"company": actor.workspace.name}


def _headline(case: Case) -> str:
    return f"{case.author}: {one_line(case.excerpt, WORDS)}"


def _address(actor: Actor, case: Case) -> str:
    return settings.BASE_URL + reverse("case", args=[actor.workspace.slug, case.pk])
