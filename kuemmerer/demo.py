"""The demo company: a bakery on a made-up network, to look around in without any account."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

from django.contrib.auth import login
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import get_language, override
from django.utils.translation import gettext as _

from kuemmerer.accounts import workspaces
from kuemmerer.accounts.access import Actor
from kuemmerer.accounts.models import Membership, Role, User
from kuemmerer.channels import connections, sync
from kuemmerer.core import clock
from kuemmerer.core.errors import NotFound
from kuemmerer.inbox import cases, library
from kuemmerer.inbox.models import Case, CaseInteraction, Intent, Status
from kuemmerer.insights import waits
from kuemmerer.networks.registry import connectors
from kuemmerer.web.page import PUBLIC, page

TEAM = (("Jana Sommer", Role.MANAGER), ("Murat Aydın", Role.AGENT))
LOOKED_AFTER = timedelta(days=2)
"""The bakery has used the desk for so long; older comments that nobody answered are done with."""
LEFT_OPEN = timedelta(days=3)


def found(*, now: datetime, language: str = "de", password: str | None = None) -> Membership:
    """Found a demo company with its team, its texts and four weeks of conversation; returns its owner's
    membership.
    """
    with transaction.atomic(), override(language):
        owner = _person("kim", "Kim Sonnenkorn", password)
        membership = workspaces.found(
            owner=owner,
            name="Bäckerei Sonnenkorn",
            country="DE",
            region="NW",
            time_zone="Europe/Berlin",
            language=language,
            now=now,
            is_demo=True,
        )
        workspace = membership.workspace
        workspace.hours = {str(day): [["07:00", "18:00"]] for day in range(6)}
        workspace.save(update_fields=["hours"])
        for name, role in TEAM:
            colleague = _person(name.split()[0].lower(), name, None)
            Membership.objects.create(workspace=workspace, user=colleague, role=role, created_at=now)
        actor = Actor(user=owner, workspace=workspace, membership=membership)
        _texts(actor, now)
    _conversation(actor, now)
    return membership


def _person(handle: str, name: str, password: str | None) -> User:
    email = f"{handle}-{secrets.token_hex(4)}@sonnenkorn.example"
    return User.objects.create_user(email, password, name=name, is_demo=True)


def _texts(actor: Actor, now: datetime) -> None:
    for color, name in enumerate((_("Praise"), _("Question"), _("Order"), _("Complaint")), 1):
        library.save_label(actor=actor, name=name, color=color, now=now)
    for name, text in (
        (
            _("Thanks for the praise"),
            _("Thank you so much, {first_name}! We will tell the bakehouse. – {agent}"),
        ),
        (
            _("We look into it"),
            _("Hello {first_name}, we are sorry. We look into it and come back to you today. – {agent}"),
        ),
        (
            _("Opening hours"),
            _("Hello {first_name}, we are open Monday to Saturday from 7 am to 6 pm. – {agent}"),
        ),
    ):
        library.save_reply(actor=actor, name=name, text=text, now=now)


def _conversation(actor: Actor, now: datetime) -> None:
    network = next(connector for connector in connectors().values() if connector.local_file)
    channel = connections.connect(
        actor=actor, network=network.key, values={}, now=now, connected_at=now - LOOKED_AFTER
    )
    # The worker may have been quicker; then it fetches, and the page shows what is there.
    while (claimed := sync.claim(now)) is not None:
        sync.sync(claimed, now)
    cases.open_from_channel(channel)
    old = Case.objects.filter(channel=channel, status=Status.OPEN, last_at__lt=now - LEFT_OPEN)
    for case in old:
        cases.close(actor=actor, case_id=case.pk, now=now)
    _sort(actor, now)
    waits.count_channel(channel, now)


def _sort(actor: Actor, now: datetime) -> None:
    """The team has said what some are about: by the stars of a review, and where somebody demands money."""
    words = CaseInteraction.objects.filter(case__workspace=actor.workspace, case__status=Status.OPEN)
    for intent, some in (
        (Intent.PRAISE, words.filter(interaction__stars__gte=4)),
        (Intent.COMPLAINT, words.filter(interaction__stars__lte=2)),
        (Intent.COMPENSATION, words.filter(interaction__text__icontains="forder")),
    ):
        for case_id in set(some.values_list("case", flat=True)):
            cases.classify(actor=actor, case_id=case_id, intent=intent, now=now)


@page(PUBLIC, methods=("POST",))
def look_around(request: HttpRequest) -> HttpResponse:
    """Log a visitor into a demo company. Only until somebody has founded a real workspace here."""
    if not workspaces.is_fresh():
        raise NotFound
    user = User.objects.filter(is_demo=True, memberships__role=Role.OWNER).first()
    if user is None:
        user = found(now=clock.now(), language=get_language() or "de").user
    login(request, user, backend="allauth.account.auth_backends.AuthenticationBackend")
    return redirect("home")
