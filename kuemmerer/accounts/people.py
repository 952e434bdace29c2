"""How people come to the desk and what they may change about themselves."""

from __future__ import annotations

from datetime import datetime

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import connection, transaction
from django.utils.translation import gettext_lazy as _

from kuemmerer.accounts.models import Membership, User, Workspace
from kuemmerer.accounts.workspaces import accept, checked_name, found, is_fresh, open_invitation
from kuemmerer.core.errors import Conflict, Invalid, NotFound
from kuemmerer.core.models import record

_SETUP_LOCK = 7_215_533
"""A number for PostgreSQL's advisory lock; any, but always the same."""


@transaction.atomic
def register(*, email: str, name: str, password: str, language: str = "") -> User:
    """A new person who can log in. Raises Invalid (fields email, person, password, language), Conflict."""
    email = checked_email(email)
    if User.objects.filter(email=email).exists():
        raise Conflict(_("Somebody with this e-mail address has an account already."), field="email")
    fields = {"name": checked_name(name, field="person"), "language": _own_language(language)}
    _check_password(password, User(email=email, **fields))
    user = User.objects.create_user(email, password, **fields)
    # Nobody signs up alone: who comes by setup or invitation is known, and without this mark allauth
    # would refuse the second factor.
    EmailAddress.objects.create(user=user, email=email, primary=True, verified=True)
    return user


@transaction.atomic
def set_up(
    *,
    email: str,
    person: str,
    password: str,
    user_language: str,
    name: str,
    country: str,
    region: str,
    time_zone: str,
    language: str,
    now: datetime,
) -> Membership:
    """The very first owner with the first workspace. Raises Invalid, NotFound when somebody was faster."""
    _wait_for_other_setups()
    if not is_fresh():
        raise NotFound(_("This desk has been set up already."))
    owner = register(email=email, name=person, password=password, language=user_language)
    return found(
        owner=owner,
        name=name,
        country=country,
        region=region,
        time_zone=time_zone,
        language=language,
        now=now,
    )


def _wait_for_other_setups() -> None:
    # SQLite's transactions begin with the write lock; PostgreSQL would let two see an empty table.
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_SETUP_LOCK])


@transaction.atomic
def join(*, token: str, person: str, password: str, now: datetime) -> Membership:
    """Make a new person a member by an invitation. Raises NotFound, Conflict (known already), Invalid."""
    invitation = open_invitation(token=token, now=now)
    user = register(email=invitation.email, name=person, password=password)
    return accept(token=token, user=user, now=now)


@transaction.atomic
def change_preferences(*, user: User, person: str, language: str, now: datetime) -> User:
    """Change one's own name and language; an empty language follows the browser. Raises Invalid."""
    user.name, user.language = checked_name(person, field="person"), _own_language(language)
    user.save(update_fields=["name", "language"])
    record(workspace_id=None, actor=user.email, verb="changed", subject=user, now=now)
    return user


def with_second_factor(workspace: Workspace) -> set[int]:
    """The ids of the members who protect their login with a second factor."""
    return set(
        Authenticator.objects.filter(
            user__memberships__workspace=workspace, type=Authenticator.Type.TOTP
        ).values_list("user_id", flat=True)
    )


def checked_email(email: str) -> str:
    """The address as we store it. Raises Invalid."""
    email = email.strip().lower()
    try:
        validate_email(email)
    except ValidationError as error:
        raise Invalid(_("This is no e-mail address."), field="email") from error
    return email


def _check_password(password: str, user: User) -> None:
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise Invalid(" ".join(error.messages), field="password") from error


def _own_language(language: str) -> str:
    if language and language not in dict(settings.LANGUAGES):
        raise Invalid(_("This language is not available."), field="language")
    return language
