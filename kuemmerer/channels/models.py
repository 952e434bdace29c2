"""Channels, their credentials, and what was fetched from them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from kuemmerer.accounts.models import Workspace
from kuemmerer.core import encryption
from kuemmerer.networks import base, registry
from kuemmerer.networks.errors import sentence


class Channel(models.Model):
    """One connected account, page or blog."""

    class State(models.TextChoices):
        ACTIVE = "active", _("Connected")
        PAUSED = "paused", _("Paused")
        RECONNECT = "reconnect", _("Please reconnect")

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="channels")
    network = models.CharField(max_length=32)
    name = models.CharField(_("name"), max_length=100)
    remote_id = models.CharField(max_length=512)
    handle = models.CharField(max_length=255)
    url = models.URLField(max_length=1000, blank=True, default="")
    settings = models.JSONField(default=dict)
    state = models.CharField(max_length=10, choices=State, default=State.ACTIVE)
    connected_at = models.DateTimeField()

    # Where the last sync stopped and when the next one is due.
    cursor = models.JSONField(default=dict)
    next_sync_at = models.DateTimeField()
    interval = models.PositiveIntegerField(default=30, help_text="seconds")
    lease = models.CharField(max_length=64, blank=True, default="")
    lease_until = models.DateTimeField(null=True)

    # What the channel's page and the banner tell.
    synced_at = models.DateTimeField(null=True, help_text="last successful sync")
    news_at = models.DateTimeField(null=True, help_text="when something new last came")
    fetched = models.PositiveIntegerField(default=0)
    failures = models.PositiveIntegerField(default=0)
    problem = models.CharField(max_length=32, blank=True, default="")
    problem_words = models.CharField(max_length=500, blank=True, default="")
    trouble_since = models.DateTimeField(null=True, help_text="null: it is well")
    trouble_told_at = models.DateTimeField(null=True, help_text="when people were told of this trouble")
    rate_limit = models.JSONField(default=dict)
    backfill_from = models.DateTimeField()
    backfill_reached = models.DateTimeField(null=True)
    backfilled_at = models.DateTimeField(null=True)
    refreshed_at = models.DateTimeField(null=True)
    refresh_seq = models.BigIntegerField(
        default=0, help_text="up to which change known items were looked at again"
    )

    # The number of the newest change; see Interaction.seq.
    seq = models.BigIntegerField(default=0)

    # How long what was fetched is kept; see retention.py.
    retention_days = models.PositiveIntegerField(null=True, help_text="null: for ever")
    raw_days = models.PositiveIntegerField(null=True, help_text="null: as long as the interaction")
    retention_mark = models.BigIntegerField(default=0, help_text="up to which interaction was looked at")
    retention_at = models.DateTimeField(null=True, help_text="when the next walk through all begins")
    has_erased = models.BooleanField(default=False, help_text="somebody here was erased on request")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "network", "remote_id"], name="one_channel_per_account"
            )
        ]
        indexes = [models.Index(fields=["state", "next_sync_at"], name="channel_due")]

    def __str__(self) -> str:
        return self.name

    @property
    def connector(self) -> base.Connector:
        return registry.get(self.network)

    @property
    def limits(self) -> base.TextLimits:
        return self.connector.limits(self.settings)

    @property
    def problem_sentence(self) -> str:
        return sentence(self.problem, self.problem_words)

    def keeps_since(self, now: datetime) -> datetime | None:
        """The moment before which nothing is kept, None without a retention. It is a local midnight, so that
        the counts of a day are written at once.
        """
        return self._midnight(now, self.retention_days)

    def keeps_raw_since(self, now: datetime) -> datetime | None:
        """The same for the networks' own records."""
        return self._midnight(now, self.raw_days)

    def _midnight(self, now: datetime, days: int | None) -> datetime | None:
        if days is None:
            return None
        zone = self.workspace.zone
        day = now.astimezone(zone).date() - timedelta(days=days)
        return datetime(day.year, day.month, day.day, tzinfo=zone)

    def backfill_share(self, now: datetime) -> int | None:
        """Progress of the backfill in per cent, None once it is done."""
        if self.backfilled_at is not None:
            return None
        if self.backfill_reached is None:
            return 0
        whole = (self.connected_at - self.backfill_from).total_seconds()
        done = (self.connected_at - self.backfill_reached).total_seconds()
        return max(0, min(99, int(100 * done / whole))) if whole > 0 else 99


class Credential(models.Model):
    """A channel's secret, encrypted."""

    channel = models.OneToOneField(Channel, models.CASCADE, related_name="credential")
    sealed = models.TextField()
    expires_at = models.DateTimeField(null=True)
    stored_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"credential of {self.channel_id}"

    def open(self) -> dict[str, Any]:
        return encryption.decrypt(self.sealed)


class SignIn(models.Model):
    """An OAuth sign-in that has been started and not finished; the state is good once and for an hour."""

    workspace = models.ForeignKey(Workspace, models.CASCADE)
    user_id = models.BigIntegerField()
    network = models.CharField(max_length=32)
    state_hash = models.CharField(max_length=64, unique=True)
    sealed = models.TextField()
    name = models.CharField(max_length=100, blank=True, default="")
    days = models.PositiveIntegerField()
    channel = models.ForeignKey(Channel, models.CASCADE, null=True)
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"sign-in at {self.network}"


class Author(models.Model):
    """A remote account that wrote to a channel (or the channel's own)."""

    workspace = models.ForeignKey(Workspace, models.CASCADE)
    channel = models.ForeignKey(Channel, models.CASCADE, related_name="authors")
    remote_id = models.CharField(max_length=512)
    handle = models.CharField(max_length=255, blank=True, default="")
    name = models.CharField(max_length=255, blank=True, default="")
    url = models.URLField(max_length=1000, blank=True, default="")
    avatar_url = models.URLField(max_length=1000, blank=True, default="")
    about = models.TextField(blank=True, default="")
    followers = models.BigIntegerField(null=True)
    first_seen_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["channel", "remote_id"], name="one_author_per_account")
        ]

    def __str__(self) -> str:
        return self.name or self.handle or self.remote_id


class Thread(models.Model):
    """The interactions under one root."""

    workspace = models.ForeignKey(Workspace, models.CASCADE)
    channel = models.ForeignKey(Channel, models.CASCADE, related_name="threads")
    remote_id = models.CharField(max_length=1000)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["channel", "remote_id"], name="one_thread_per_root")]

    def __str__(self) -> str:
        return self.remote_id


class InteractionQuerySet(models.QuerySet["Interaction"]):
    def words(self) -> InteractionQuerySet:
        """What somebody wrote to us, so that an answer can be expected."""
        return self.filter(ours=False, addressed=True, kind__in=WORDS)

    def changed_since(self, channel: Channel, seq: int) -> InteractionQuerySet:
        """What is new or was edited in `channel` after change number `seq`, in the order of the changes."""
        return self.filter(channel=channel, seq__gt=seq).order_by("seq")


WORDS = frozenset(
    {base.Kind.COMMENT, base.Kind.MENTION, base.Kind.MESSAGE, base.Kind.REVIEW, base.Kind.QUOTE}
)


class Interaction(models.Model):
    """An incoming comment, mention, message, review or reaction; also our own words in the same threads."""

    class Kind(models.TextChoices):
        COMMENT = base.Kind.COMMENT, _("Comment")
        MENTION = base.Kind.MENTION, _("Mention")
        MESSAGE = base.Kind.MESSAGE, _("Message")
        REVIEW = base.Kind.REVIEW, _("Review")
        QUOTE = base.Kind.QUOTE, _("Quote")
        LIKE = base.Kind.LIKE, _("Like")
        SHARE = base.Kind.SHARE, _("Share")
        FOLLOW = base.Kind.FOLLOW, _("New follower")
        POST = base.Kind.POST, _("Post")
        ENTRY = base.Kind.ENTRY, _("Feed entry")

    class Status(models.TextChoices):
        SHOWN = base.Status.SHOWN, _("visible")
        HELD = base.Status.HELD, _("waits for approval")
        HIDDEN = base.Status.HIDDEN, _("hidden")
        SPAM = base.Status.SPAM, _("spam")
        TRASH = base.Status.TRASH, _("in the bin")

    workspace = models.ForeignKey(Workspace, models.CASCADE)
    channel = models.ForeignKey(Channel, models.CASCADE, related_name="interactions")
    thread = models.ForeignKey(Thread, models.CASCADE, related_name="interactions", db_index=False)
    author = models.ForeignKey(Author, models.CASCADE, related_name="interactions")
    kind = models.CharField(max_length=10, choices=Kind)
    remote_id = models.CharField(max_length=1000)
    parent_remote_id = models.CharField(max_length=1000, blank=True, default="")
    title = models.CharField(max_length=500, blank=True, default="")
    text = models.TextField(blank=True, default="")
    language = models.CharField(max_length=16, blank=True, default="")
    url = models.URLField(max_length=2000, blank=True, default="")
    stars = models.PositiveSmallIntegerField(null=True)
    visibility = models.CharField(max_length=10, default=base.Visibility.PUBLIC)
    status = models.CharField(max_length=10, choices=Status, default=Status.SHOWN)
    ours = models.BooleanField(default=False)
    addressed = models.BooleanField(default=True)
    liked = models.BooleanField(default=False, help_text="liked by us")
    shared = models.BooleanField(default=False, help_text="shared by us")
    created_at = models.DateTimeField(help_text="when it was written, by the network's clock")
    edited_at = models.DateTimeField(null=True)
    deleted_at = models.DateTimeField(null=True)
    fetched_at = models.DateTimeField()
    raw = models.JSONField(default=dict)
    seq = models.BigIntegerField(
        help_text="number of the last change within the channel. Given out while its row is locked, so a "
        "reader that has seen number n has seen everything before it."
    )

    objects = InteractionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["channel", "remote_id"], name="one_interaction_per_remote_id"),
            models.UniqueConstraint(fields=["channel", "seq"], name="one_change_per_number"),
        ]
        indexes = [
            models.Index(fields=["thread", "created_at", "id"], name="interaction_thread"),
            models.Index(
                fields=["channel", "parent_remote_id"],
                name="interaction_own_answer",
                condition=models.Q(ours=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.remote_id}"

    @property
    def target(self) -> base.Target:
        """What an answer to this or an action on it needs to know."""
        return base.Target(
            remote_id=self.remote_id,
            thread_id=self.thread.remote_id,
            author=base.Person(
                remote_id=self.author.remote_id,
                handle=self.author.handle,
                name=self.author.name,
                url=self.author.url,
            ),
            kind=base.Kind(self.kind),
            visibility=base.Visibility(self.visibility),
            url=self.url,
            raw=self.raw,
        )


class DailyCount(models.Model):
    """What was erased after its time, as numbers: how much of a kind was written on a local day."""

    workspace = models.ForeignKey(Workspace, models.CASCADE)
    channel = models.ForeignKey(Channel, models.CASCADE, related_name="daily_counts")
    day = models.DateField()
    kind = models.CharField(max_length=10, choices=Interaction.Kind)
    ours = models.BooleanField(default=False)
    interactions = models.PositiveIntegerField(default=0)
    answered = models.PositiveIntegerField(default=0)
    answer_minutes = models.BigIntegerField(default=0, help_text="sum over the answered; by the clock")
    answer_times = models.JSONField(
        default=list, help_text="how many of them within each of retention.BOUNDS, and later"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["channel", "day", "kind", "ours"], name="one_count_per_day"),
            models.CheckConstraint(
                condition=models.Q(answered__lte=models.F("interactions")), name="answered_of_interactions"
            ),
        ]
        indexes = [models.Index(fields=["workspace", "day"], name="count_day")]

    def __str__(self) -> str:
        return f"{self.day} {self.kind}: {self.interactions}"


class Erased(models.Model):
    """Somebody, or something of theirs, that must not come back: a keyed hash and nothing else."""

    workspace = models.ForeignKey(Workspace, models.CASCADE)
    account = models.CharField(max_length=64, db_index=True, help_text="hash of the channel's own account")
    hash = models.CharField(max_length=64, unique=True)
    erased_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.hash[:12]


class PrivacyRecord(models.Model):
    """That a person's data were handed out or erased: who did it, when, how much. Names nobody."""

    class Kind(models.TextChoices):
        EXPORT = "export", _("Handed out")
        ERASURE = "erasure", _("Erased")

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="privacy_records")
    kind = models.CharField(max_length=8, choices=Kind)
    actor = models.CharField(max_length=254, help_text="as in the audit log")
    at = models.DateTimeField()
    hashes = models.JSONField(default=list, help_text="keyed hashes of the remote ids")
    counts = models.JSONField(default=dict, help_text="rows by what they are")

    class Meta:
        indexes = [models.Index(fields=["workspace", "-id"], name="privacy_record_list")]

    def __str__(self) -> str:
        return f"{self.kind} {self.at:%Y-%m-%d}"


class DataProtection(models.Model):
    """What a workspace has decided about data protection. Without a row all is as cautious as can be."""

    workspace = models.OneToOneField(Workspace, models.CASCADE, related_name="data_protection")
    personal_statistics = models.BooleanField(default=False)

    def __str__(self) -> str:
        return f"data protection of {self.workspace_id}"
