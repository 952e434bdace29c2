"""Users, workspaces and who belongs where."""

from __future__ import annotations

import hashlib
import secrets
import zoneinfo
from datetime import datetime
from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.utils.translation import gettext_lazy as _


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email=(username or "").lower())


class User(AbstractBaseUser):
    """A person. The language is empty as long as the browser's choice holds."""

    email = models.EmailField(_("e-mail address"), unique=True)
    name = models.CharField(_("name"), max_length=100)
    language = models.CharField(_("language"), max_length=5, blank=True, default="")
    is_active = models.BooleanField(default=True)
    is_demo = models.BooleanField(default=False)
    joined_at = models.DateTimeField(auto_now_add=True)

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["name"]

    objects: ClassVar[UserManager] = UserManager()

    def __str__(self) -> str:
        return self.name or self.email


class Country(models.TextChoices):
    GERMANY = "DE", _("Germany")
    AUSTRIA = "AT", _("Austria")
    SWITZERLAND = "CH", _("Switzerland")
    UNITED_KINGDOM = "GB", _("United Kingdom")
    IRELAND = "IE", _("Ireland")
    LUXEMBOURG = "LU", _("Luxembourg")
    LIECHTENSTEIN = "LI", _("Liechtenstein")
    UNITED_STATES = "US", _("United States")


def default_hours() -> dict[str, list[list[str]]]:
    """Monday to Friday, nine to five. Keys are weekdays (0 is Monday), values spans of local time."""
    return {str(day): [["09:00", "17:00"]] for day in range(5)}


def default_half_days() -> dict[str, str]:
    """Christmas Eve and New Year's Eve end at noon, as most contracts have it."""
    return {"12-24": "12:00", "12-31": "12:00"}


class Calendared(models.Model):
    """Something with business hours of its own; `Calendar.of` counts with them."""

    country = models.CharField(_("country"), max_length=2, choices=Country, default=Country.GERMANY)
    region = models.CharField(_("Bundesland, Land or canton"), max_length=6, blank=True, default="")
    time_zone = models.CharField(_("time zone"), max_length=64, default="Europe/Berlin")
    hours = models.JSONField(default=default_hours)
    closed_days = models.JSONField(default=list)
    half_days = models.JSONField(default=default_half_days)

    class Meta:
        abstract = True

    @property
    def zone(self) -> zoneinfo.ZoneInfo:
        return zoneinfo.ZoneInfo(self.time_zone)


class Workspace(Calendared):
    """One company; the tenant."""

    name = models.CharField(_("name"), max_length=100)
    slug = models.SlugField(unique=True, max_length=60)
    language = models.CharField(_("language"), max_length=5, default="de")
    is_demo = models.BooleanField(default=False)
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name


class Role(models.TextChoices):
    OWNER = "owner", _("Owner")
    MANAGER = "manager", _("Manager")
    AGENT = "agent", _("Agent")
    AUTHOR = "author", _("Author")
    GUEST = "guest", _("Guest")


class Membership(models.Model):
    """A user in a workspace, with a role."""

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, models.CASCADE, related_name="memberships")
    role = models.CharField(_("role"), max_length=10, choices=Role)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "user"], name="one_membership")]

    def __str__(self) -> str:
        return f"{self.user} ({self.role})"


class Team(Calendared):
    """Members who look after the same cases. Its own calendar counts only with `own_calendar`."""

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="teams")
    name = models.CharField(_("name"), max_length=60)
    members = models.ManyToManyField(Membership, related_name="teams")
    own_calendar = models.BooleanField(default=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "name"], name="one_team_per_name")]
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Absence(models.Model):
    """Days on which a member is away, the last one included, and who stands in."""

    membership = models.ForeignKey(Membership, models.CASCADE, related_name="absences")
    first_day = models.DateField(_("first day"))
    last_day = models.DateField(_("last day"))
    deputy = models.ForeignKey(
        Membership, models.SET_NULL, null=True, blank=True, related_name="stands_in_for"
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(first_day__lte=models.F("last_day")), name="absence_begins_first"
            ),
            models.CheckConstraint(
                condition=models.Q(deputy=None) | ~models.Q(deputy=models.F("membership")),
                name="nobody_stands_in_for_himself",
            ),
        ]
        ordering = ["first_day"]

    def __str__(self) -> str:
        return f"{self.membership}: {self.first_day}–{self.last_day}"


def new_token(prefix: str) -> tuple[str, str]:
    """A fresh secret and the hash to store. Random enough that a plain SHA-256 is a safe hash."""
    token = f"{prefix}_{secrets.token_urlsafe(32)}"
    return token, hash_token(token)


def hash_token(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


class Invitation(models.Model):
    """A link with which somebody becomes a member; good for one use."""

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="invitations")
    email = models.EmailField(_("e-mail address"))
    role = models.CharField(_("role"), max_length=10, choices=Role)
    token_hash = models.CharField(max_length=64, unique=True)
    invited_by = models.ForeignKey(User, models.SET_NULL, null=True)
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.email} → {self.workspace}"

    def is_open(self, now: datetime) -> bool:
        return self.accepted_at is None and self.expires_at > now


class ApiToken(models.Model):
    """A program's key to one workspace. It can do what the role of the member who made it can do."""

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="api_tokens")
    membership = models.ForeignKey(Membership, models.CASCADE, related_name="api_tokens")
    name = models.CharField(_("name"), max_length=100)
    token_hash = models.CharField(max_length=64, unique=True)
    hint = models.CharField(max_length=12, help_text="the first characters, to tell tokens apart")
    created_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.name} ({self.hint}…)"
