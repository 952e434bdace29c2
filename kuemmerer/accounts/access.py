"""The one gate. Every page and API operation declares a permission; every operation asks `Actor.need`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth.models import AnonymousUser

from kuemmerer.accounts.models import ApiToken, Membership, Role, User, Workspace, hash_token
from kuemmerer.core.errors import Forbidden, NotFound
from kuemmerer.core.prepared import PreparedRows

_GUEST = frozenset({"inbox.view", "inbox.note", "channels.view", "ideas.view"})
_AUTHOR = _GUEST | {"ideas.edit"}
_AGENT = _AUTHOR | {
    "absences.own",
    "inbox.work",
    "inbox.reply",
    "inbox.moderate",
    "contacts.view",
    "contacts.edit",
    "views.save",
}
_MANAGER = _AGENT | {
    "inbox.approve",
    "inbox.configure",
    "channels.manage",
    "members.manage",
    "teams.manage",
    "tokens.manage",
    "webhooks.manage",
    "privacy.manage",
}
_OWNER = _MANAGER | {"workspace.manage", "owners.manage"}

PERMISSIONS: dict[str, frozenset[str]] = {
    Role.GUEST: _GUEST,
    Role.AUTHOR: _AUTHOR,
    Role.AGENT: _AGENT,
    Role.MANAGER: _MANAGER,
    Role.OWNER: _OWNER,
}
ALL_PERMISSIONS = _OWNER


@dataclass(frozen=True, kw_only=True)
class Actor:
    """Somebody acting in a workspace: a member, or a program with a member's token."""

    user: User
    workspace: Workspace
    membership: Membership
    token: ApiToken | None = None

    def can(self, permission: str) -> bool:
        return permission in PERMISSIONS[self.membership.role]

    def need(self, permission: str) -> None:
        """Raises Forbidden unless the role has this permission."""
        if permission not in ALL_PERMISSIONS:
            raise LookupError(f"unknown permission {permission!r}")
        if not self.can(permission):
            raise Forbidden

    @property
    def label(self) -> str:
        """The name under which the audit log knows the actor."""
        return f"{self.user.email} ({self.token.name})" if self.token else self.user.email


_membership = PreparedRows(
    lambda user, slug: Membership.objects.select_related("workspace").filter(user=user, workspace__slug=slug)
)


def actor_for(user: User | AnonymousUser, slug: str) -> Actor:
    """The actor for a user in the workspace with this slug. Raises NotFound for who is no member."""
    found = _membership(user=user.pk, slug=slug) if isinstance(user, User) else []
    if not found or not isinstance(user, User):
        raise NotFound
    (membership,) = found
    membership.user = user
    return Actor(user=user, workspace=membership.workspace, membership=membership)


def actor_in_last(user: User, slug: str) -> Actor | None:
    """The user in the workspace `slug`, or in another one of theirs; None for who belongs to no workspace."""
    memberships = Membership.objects.filter(user=user).select_related("workspace").order_by("workspace__name")
    membership = memberships.filter(workspace__slug=slug).first() or memberships.first()
    return Actor(user=user, workspace=membership.workspace, membership=membership) if membership else None


def actor_for_token(token: str, now: datetime) -> Actor | None:
    """The actor behind an API token, None if there is no such token or its owner has left."""
    found = (
        ApiToken.objects.select_related("workspace", "membership__user")
        .filter(token_hash=hash_token(token), membership__user__is_active=True)
        .first()
    )
    if found is None:
        return None
    if found.last_used_at is None or now - found.last_used_at > timedelta(minutes=1):
        ApiToken.objects.filter(pk=found.pk).update(last_used_at=now)
    return Actor(
        user=found.membership.user, workspace=found.workspace, membership=found.membership, token=found
    )
