"""Founding a workspace, inviting and removing members, tokens: all writes of this app."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime, timedelta

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import send_mail
from django.core.validators import validate_email
from django.db import transaction
from django.urls import reverse
from django.utils.text import slugify
from django.utils.translation import gettext, override
from django.utils.translation import gettext_lazy as _

from kuemmerer.accounts.access import Actor
from kuemmerer.accounts.calendar_settings import CalendarSettings, checked_place
from kuemmerer.accounts.models import (
    ApiToken,
    Invitation,
    Membership,
    Role,
    User,
    Workspace,
    hash_token,
    new_token,
)
from kuemmerer.core.errors import Conflict, Invalid, NotFound
from kuemmerer.core.models import record

INVITATION_DAYS = 14
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ß": "ss"})

hours_changed: list[Callable[[Workspace], object]] = []
"""Called after a workspace's hours or place have changed; whoever counts in business hours joins in."""


def is_fresh() -> bool:
    """Whether nobody has founded a real workspace here yet."""
    return not User.objects.filter(is_demo=False).exists()


@transaction.atomic
def found(
    *,
    owner: User,
    name: str,
    country: str,
    region: str,
    time_zone: str,
    language: str,
    now: datetime,
    is_demo: bool = False,
) -> Membership:
    """Found a workspace with `owner` as its owner. Raises Invalid."""
    workspace = Workspace(
        name=checked_name(name),
        slug=_free_slug(name),
        language=_language(language),
        is_demo=is_demo,
        created_at=now,
        **checked_place(country, region, time_zone),
    )
    workspace.save()
    membership = Membership.objects.create(workspace=workspace, user=owner, role=Role.OWNER, created_at=now)
    record(workspace_id=workspace.pk, actor=owner.email, verb="founded", subject=workspace, now=now)
    return membership


@transaction.atomic
def change(*, actor: Actor, name: str, language: str, calendar: CalendarSettings, now: datetime) -> Workspace:
    """Change the workspace's name, language and calendar. Raises Invalid, Forbidden."""
    actor.need("workspace.manage")
    workspace = Workspace.objects.select_for_update().get(pk=actor.workspace.pk)
    workspace.name, workspace.language = checked_name(name), _language(language)
    if calendar.write_to(workspace):
        transaction.on_commit(lambda: tell_hours_changed(workspace))
    workspace.save()
    record(workspace_id=workspace.pk, actor=actor.label, verb="changed", subject=workspace, now=now)
    return workspace


def tell_hours_changed(workspace: Workspace) -> None:
    """Whoever counts in business hours counts anew."""
    for function in hours_changed:
        function(workspace)


@transaction.atomic
def invite(*, actor: Actor, email: str, role: str, now: datetime) -> str:
    """Invite somebody; returns the link, which is also sent by mail. Raises Invalid, Forbidden, Conflict."""
    actor.need("members.manage")
    email = email.strip().lower()
    try:
        validate_email(email)
    except ValidationError as error:
        raise Invalid(_("This is no e-mail address."), field="email") from error
    if role not in Role.values:
        raise Invalid(_("There is no such role."), field="role")
    if role == Role.OWNER:
        actor.need("owners.manage")
    if Membership.objects.filter(workspace=actor.workspace, user__email=email).exists():
        raise Conflict(_("This person is a member already."), field="email")
    Invitation.objects.filter(workspace=actor.workspace, email=email, accepted_at=None).delete()
    token, token_hash = new_token("invite")
    invitation = Invitation.objects.create(
        workspace=actor.workspace,
        email=email,
        role=role,
        token_hash=token_hash,
        invited_by=actor.user,
        expires_at=now + timedelta(days=INVITATION_DAYS),
    )
    record(
        workspace_id=actor.workspace.pk,
        actor=actor.label,
        verb="invited",
        subject=invitation,
        now=now,
        email=email,
        role=role,
    )
    link = settings.BASE_URL + reverse("invitation", args=[token])
    transaction.on_commit(lambda: _mail_invitation(actor, email, link))
    return link


def _mail_invitation(actor: Actor, email: str, link: str) -> None:
    with override(actor.workspace.language):
        send_mail(
            gettext("Your invitation to %(workspace)s") % {"workspace": actor.workspace.name},
            gettext(
                "%(name)s invites you to look after the social networks of %(workspace)s together.\n\n"
                "Follow this link within %(days)s days:\n%(link)s\n"
            )
            % {
                "name": actor.user.name,
                "workspace": actor.workspace.name,
                "days": INVITATION_DAYS,
                "link": link,
            },
            None,
            [email],
            # The link is shown on the page as well; a mail server that is down must not undo the invitation.
            fail_silently=True,
        )


def open_invitation(*, token: str, now: datetime) -> Invitation:
    """The open invitation behind a link. Raises NotFound."""
    invitation = (
        Invitation.objects.select_related("workspace", "invited_by")
        .filter(token_hash=hash_token(token))
        .first()
    )
    if invitation is None or not invitation.is_open(now):
        raise NotFound(_("This invitation has been used or has expired. Ask for a new one."))
    return invitation


@transaction.atomic
def accept(*, token: str, user: User, now: datetime) -> Membership:
    """Make `user` a member by an invitation. Raises NotFound, Conflict."""
    invitation = open_invitation(token=token, now=now)
    if not Invitation.objects.filter(pk=invitation.pk, accepted_at=None).update(accepted_at=now):
        raise NotFound(_("This invitation has been used or has expired. Ask for a new one."))
    membership, created = Membership.objects.get_or_create(
        workspace=invitation.workspace, user=user, defaults={"role": invitation.role, "created_at": now}
    )
    if not created:
        raise Conflict(_("You are a member already."))
    record(
        workspace_id=invitation.workspace_id,
        actor=user.email,
        verb="joined",
        subject=membership,
        now=now,
        role=membership.role,
    )
    return membership


@transaction.atomic
def withdraw_invitation(*, actor: Actor, invitation_id: int, now: datetime) -> None:
    """Make an open invitation's link useless. Raises NotFound, Forbidden."""
    actor.need("members.manage")
    invitation = Invitation.objects.filter(
        workspace=actor.workspace, pk=invitation_id, accepted_at=None
    ).first()
    if invitation is None:
        raise NotFound
    record(
        workspace_id=actor.workspace.pk,
        actor=actor.label,
        verb="withdrew",
        subject=invitation,
        now=now,
        email=invitation.email,
    )
    invitation.delete()


def _locked_membership(actor: Actor, membership_id: int) -> Membership:
    actor.need("members.manage")
    # The whole workspace: two owners who remove each other must not both find the other one still there.
    Workspace.objects.select_for_update().get(pk=actor.workspace.pk)
    membership = (
        Membership.objects.filter(workspace=actor.workspace, pk=membership_id).select_related("user").first()
    )
    if membership is None:
        raise NotFound
    if membership.role == Role.OWNER:
        actor.need("owners.manage")
    return membership


def _keep_an_owner(membership: Membership) -> None:
    others = Membership.objects.filter(workspace=membership.workspace_id, role=Role.OWNER).exclude(
        pk=membership.pk
    )
    if membership.role == Role.OWNER and not others.exists():
        raise Conflict(_("A workspace needs an owner. Make somebody else the owner first."))


@transaction.atomic
def change_role(*, actor: Actor, membership_id: int, role: str, now: datetime) -> Membership:
    """Give a member another role. Raises NotFound, Forbidden, Invalid, Conflict (last owner)."""
    membership = _locked_membership(actor, membership_id)
    if role not in Role.values:
        raise Invalid(_("There is no such role."), field="role")
    if role == Role.OWNER:
        actor.need("owners.manage")
    else:
        _keep_an_owner(membership)
    membership.role = role
    membership.save(update_fields=["role"])
    record(
        workspace_id=actor.workspace.pk,
        actor=actor.label,
        verb="changed role",
        subject=membership,
        now=now,
        role=role,
    )
    return membership


@transaction.atomic
def remove_member(*, actor: Actor, membership_id: int, now: datetime) -> None:
    """Take a member out, tokens included. Raises NotFound, Forbidden, Conflict (last owner)."""
    membership = _locked_membership(actor, membership_id)
    _keep_an_owner(membership)
    record(
        workspace_id=actor.workspace.pk,
        actor=actor.label,
        verb="removed",
        subject=membership,
        now=now,
        email=membership.user.email,
    )
    membership.delete()


@transaction.atomic
def make_token(*, actor: Actor, name: str, now: datetime) -> tuple[ApiToken, str]:
    """A new API token and its secret, which is shown this once. Raises Invalid, Forbidden."""
    actor.need("tokens.manage")
    secret, token_hash = new_token("kmr")
    token = ApiToken.objects.create(
        workspace=actor.workspace,
        membership=actor.membership,
        name=checked_name(name),
        token_hash=token_hash,
        hint=secret[:8],
        created_at=now,
    )
    record(
        workspace_id=actor.workspace.pk,
        actor=actor.label,
        verb="made",
        subject=token,
        now=now,
        name=token.name,
    )
    return token, secret


@transaction.atomic
def revoke_token(*, actor: Actor, token_id: int, now: datetime) -> None:
    """Make a token useless. Raises NotFound, Forbidden."""
    actor.need("tokens.manage")
    token = ApiToken.objects.filter(workspace=actor.workspace, pk=token_id).first()
    if token is None:
        raise NotFound
    record(
        workspace_id=actor.workspace.pk,
        actor=actor.label,
        verb="revoked",
        subject=token,
        now=now,
        name=token.name,
    )
    token.delete()


def checked_name(name: str, field: str = "name") -> str:
    """The name without superfluous spaces. Raises Invalid for `field`."""
    name = " ".join(name.split())
    if not name:
        raise Invalid(_("Please give a name."), field=field)
    if len(name) > 100:
        raise Invalid(_("This name is too long; 100 characters are possible."), field=field)
    return name


def _language(language: str) -> str:
    if language not in dict(settings.LANGUAGES):
        raise Invalid(_("This language is not available."), field="language")
    return language


def _free_slug(name: str) -> str:
    base = slugify(name.translate(_UMLAUTS))[:40] or "desk"
    slug = base
    while Workspace.objects.filter(slug=slug).exists():
        slug = f"{base}-{secrets.token_hex(3)}"
    return slug
