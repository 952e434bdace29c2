"""Notices and how each person wants to hear of them; what goes out to mailboxes, programs and browsers."""

from __future__ import annotations

import zoneinfo
from datetime import time

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from kuemmerer.accounts.models import Membership, User, Workspace
from kuemmerer.core import encryption
from kuemmerer.notify.kinds import Kind
from kuemmerer.notify.leases import Outgoing
from kuemmerer.notify.quiet import Quiet

DIGEST_AT = time(8, 0)


class Preference(models.Model):
    """How one member wants to be told. Members without a row have the defaults."""

    membership = models.OneToOneField(Membership, models.CASCADE, related_name="notify_preference")
    choices = models.JSONField(default=dict, help_text='by kind, such as {"assigned": {"mail": false}}')
    quiet_from = models.TimeField(null=True)
    quiet_to = models.TimeField(null=True)
    days_off = models.JSONField(null=True, help_text="weekdays, 0 is Monday; null: the company's")
    time_zone = models.CharField(max_length=64, blank=True, default="", help_text="empty: the company's")
    digest_time = models.TimeField(default=DIGEST_AT)
    digest_empty = models.BooleanField(default=False)
    digest_at = models.DateTimeField(null=True, help_text="when the next summary is due; null: to be found")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(quiet_from=None, quiet_to=None)
                | Q(quiet_from__isnull=False, quiet_to__isnull=False),
                name="notify_quiet_hours_begin_and_end",
            )
        ]
        indexes = [models.Index(fields=["digest_at"], name="notify_digest_due")]

    def __str__(self) -> str:
        return str(self.membership_id)

    def wants(self, kind: Kind, way: str) -> bool:
        """Whether notices of `kind` go out by `way`: mail or push."""
        default: bool = getattr(kind, way)
        if not kind.optional:
            return default
        return bool(self.choices.get(kind.key, {}).get(way, default))

    @property
    def zone(self) -> zoneinfo.ZoneInfo:
        return zoneinfo.ZoneInfo(self.time_zone) if self.time_zone else self.membership.workspace.zone

    @property
    def weekdays_off(self) -> frozenset[int]:
        if self.days_off is not None:
            return frozenset(self.days_off)
        hours = self.membership.workspace.hours
        return frozenset(day for day in range(7) if not hours.get(str(day)))

    @property
    def quiet(self) -> Quiet:
        return Quiet(zone=self.zone, start=self.quiet_from, end=self.quiet_to, days_off=self.weekdays_off)


class Notice(models.Model):
    """Something that one person should know, in that person's language."""

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="notices")
    user = models.ForeignKey(User, models.CASCADE, related_name="notices")
    kind = models.CharField(max_length=32)
    title = models.CharField(max_length=200)
    text = models.TextField(blank=True, default="")
    lines = models.JSONField(default=list, help_text='a list of {"text": …, "path": …}')
    path = models.CharField(max_length=500, help_text="where it leads to, on this desk")
    key = models.CharField(max_length=100, help_text="what must be told once only")
    created_at = models.DateTimeField()
    seen_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "user", "key"], name="notify_told_once")]
        indexes = [
            models.Index(fields=["workspace", "user", "-id"], name="notify_list"),
            models.Index(fields=["workspace", "user"], condition=Q(seen_at=None), name="notify_unseen"),
            models.Index(fields=["created_at"], name="notify_age"),
        ]

    def __str__(self) -> str:
        return self.title


class Mail(Outgoing):
    """A notice on its way to a mailbox."""

    notice = models.OneToOneField(Notice, models.CASCADE, related_name="mail")

    def __str__(self) -> str:
        return f"{self.notice_id}: {self.state}"


class MailTrouble(models.Model):
    """The mail server does not take mails. At most one row; none when all is well."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    since = models.DateTimeField()
    next_at = models.DateTimeField()
    attempts = models.PositiveIntegerField(default=1)
    words = models.CharField(max_length=500)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="notify_one_mail_server")]

    def __str__(self) -> str:
        return self.words


class Webhook(models.Model):
    """An address of another program that is told what happens here."""

    class Format(models.TextChoices):
        JSON = "json", _("JSON, for programs")
        SLACK = "slack", "Slack"
        MATTERMOST = "mattermost", "Mattermost"
        TEAMS = "teams", "Microsoft Teams"

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="webhooks")
    name = models.CharField(_("name"), max_length=100)
    host = models.CharField(max_length=253, help_text="of the address, for lists")
    sealed = models.TextField(help_text="the address (a chat's is a secret), and the keys to sign with")
    format = models.CharField(_("format"), max_length=10, choices=Format, default=Format.JSON)
    events = models.JSONField(default=list)
    active = models.BooleanField(default=True)
    off_because = models.CharField(max_length=20, blank=True, default="", help_text="gone or failing")
    failing_since = models.DateTimeField(null=True, help_text="the first failure since the last success")
    failures = models.PositiveIntegerField(default=0, help_text="in a row")
    rests_until = models.DateTimeField(null=True)
    worked_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["workspace"], condition=Q(active=True), name="notify_webhook_active")]

    def __str__(self) -> str:
        return self.name

    @property
    def address(self) -> str:
        """The whole address; a secret. Raises core.encryption.Unreadable."""
        return str(encryption.decrypt(self.sealed)["address"])

    @property
    def keys(self) -> list[dict[str, str]]:
        """What to sign with, the newest first: {"key": "whsec_…", "until": ISO moment or nothing}."""
        return list(encryption.decrypt(self.sealed)["keys"])


class WebhookDelivery(Outgoing):
    """One event on its way to one address, with a log of its attempts."""

    webhook = models.ForeignKey(Webhook, models.CASCADE, related_name="deliveries")
    event = models.CharField(max_length=50)
    key = models.CharField(max_length=100)
    message_id = models.CharField(max_length=40, unique=True, help_text="the webhook-id of all attempts")
    data = models.JSONField()
    log = models.JSONField(default=list, help_text="each attempt: at, status, ms, answer, problem")

    class Meta(Outgoing.Meta):
        constraints = [
            *Outgoing.Meta.constraints,
            models.UniqueConstraint(fields=["webhook", "key"], name="notify_emitted_once"),
        ]
        indexes = [
            *Outgoing.Meta.indexes,
            models.Index(fields=["webhook", "-id"], name="notify_delivery_log"),
            models.Index(fields=["created_at"], name="notify_delivery_age"),
        ]

    def __str__(self) -> str:
        return f"{self.event} {self.state}"


class PushSubscription(models.Model):
    """A browser in which a person wants notices."""

    user = models.ForeignKey(User, models.CASCADE, related_name="push_subscriptions")
    fingerprint = models.CharField(max_length=64, unique=True, help_text="SHA-256 of the endpoint")
    sealed = models.TextField(help_text="endpoint and keys; who has them can ring there")
    host = models.CharField(max_length=253)
    label = models.CharField(max_length=100, blank=True, default="", help_text="what browser it is")
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.label or self.host


class Push(Outgoing):
    """A notice on its way to a browser."""

    notice = models.ForeignKey(Notice, models.CASCADE, related_name="pushes")
    subscription = models.ForeignKey(PushSubscription, models.CASCADE, related_name="pushes")

    class Meta(Outgoing.Meta):
        constraints = [
            *Outgoing.Meta.constraints,
            models.UniqueConstraint(fields=["notice", "subscription"], name="notify_pushed_once"),
        ]

    def __str__(self) -> str:
        return f"{self.notice_id}: {self.state}"
