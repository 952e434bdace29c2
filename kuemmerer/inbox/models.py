"""Cases and what is said in them."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.utils.translation import gettext_lazy as _

from kuemmerer.accounts.models import User, Workspace
from kuemmerer.channels.delivery import Delivery
from kuemmerer.channels.models import Author, Channel, Interaction, Thread
from kuemmerer.networks.base import Draft


class Status(models.TextChoices):
    OPEN = "open", _("Open")
    WAITING = "waiting", _("Waiting for the author")
    SNOOZED = "snoozed", _("Snoozed")
    CLOSED = "closed", _("Closed")


class Label(models.Model):
    """A word that the team puts on cases."""

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="labels")
    name = models.CharField(_("name"), max_length=40)
    color = models.PositiveSmallIntegerField(default=0, help_text="number of one of seven colours")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "name"], name="one_label_per_name")]
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Case(models.Model):
    """The work item: what one author writes in one thread."""

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="cases", db_index=False)
    channel = models.ForeignKey(Channel, models.CASCADE, related_name="cases")
    thread = models.ForeignKey(Thread, models.CASCADE, related_name="cases", db_index=False)
    author = models.ForeignKey(Author, models.CASCADE, related_name="cases")
    status = models.CharField(max_length=8, choices=Status, default=Status.OPEN)
    assignee = models.ForeignKey(
        User, models.SET_NULL, null=True, blank=True, related_name="cases", db_index=False
    )
    labels: models.ManyToManyField[Label, CaseLabel] = models.ManyToManyField(
        Label, through="CaseLabel", related_name="cases"
    )
    kind = models.CharField(max_length=10, choices=Interaction.Kind)
    excerpt = models.CharField(max_length=200, blank=True, default="")
    opened_at = models.DateTimeField()
    last_at = models.DateTimeField(help_text="when the author last wrote")
    unanswered_since = models.DateTimeField(null=True, help_text="the oldest word without an answer")
    due_at = models.DateTimeField(null=True)
    snoozed_until = models.DateTimeField(null=True)
    answered_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["thread", "author"], name="one_case_per_author_and_thread"),
            models.CheckConstraint(
                condition=models.Q(due_at=None) | models.Q(unanswered_since__isnull=False),
                name="due_only_if_unanswered",
            ),
            # What is open has a deadline: nothing can be forgotten at the end of a list.
            models.CheckConstraint(
                condition=~models.Q(status="open") | models.Q(due_at__isnull=False), name="open_has_deadline"
            ),
        ]
        indexes = [
            models.Index(fields=["workspace", "status", "due_at", "id"], name="case_due"),
            models.Index(fields=["workspace", "assignee", "status", "due_at", "id"], name="case_mine"),
            models.Index(fields=["workspace", "channel", "status", "due_at", "id"], name="case_channel"),
            models.Index(fields=["workspace", "-last_at", "-id"], name="case_recent"),
            models.Index(fields=["workspace", "status", "-last_at", "-id"], name="case_status_recent"),
            models.Index(fields=["workspace", "channel", "-last_at", "-id"], name="case_channel_recent"),
            models.Index(fields=["snoozed_until"], name="case_snoozed", condition=models.Q(status="snoozed")),
        ]

    def __str__(self) -> str:
        return f"case {self.pk}"

    def is_overdue(self, now: datetime) -> bool:
        return self.due_at is not None and self.due_at <= now


class CaseLabel(models.Model):
    case = models.ForeignKey(Case, models.CASCADE, related_name="case_labels")
    label = models.ForeignKey(Label, models.CASCADE, related_name="case_labels")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["label", "case"], name="one_label_once")]

    def __str__(self) -> str:
        return f"{self.label_id} on {self.case_id}"


class CaseInteraction(models.Model):
    """An interaction that belongs to a case."""

    case = models.ForeignKey(Case, models.CASCADE, related_name="case_interactions")
    interaction = models.OneToOneField(Interaction, models.CASCADE, related_name="case_interaction")

    def __str__(self) -> str:
        return f"{self.interaction_id} in {self.case_id}"


class ReadMark(models.Model):
    """Up to which change of a channel the inbox has made cases."""

    channel = models.OneToOneField(Channel, models.CASCADE, related_name="inbox_mark")
    seq = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.channel_id}: {self.seq}"


class Reply(Delivery):
    """An answer. Exactly the text that is stored is sent."""

    workspace = models.ForeignKey(Workspace, models.CASCADE)
    case = models.ForeignKey(Case, models.CASCADE, related_name="replies")
    interaction = models.ForeignKey(Interaction, models.CASCADE, related_name="replies")
    author = models.ForeignKey(User, models.SET_NULL, null=True, related_name="replies")
    text = models.TextField()
    close_after = models.BooleanField(default=False)

    class Meta:
        indexes = [
            models.Index(
                fields=["next_at"],
                name="reply_due",
                condition=models.Q(state__in=["pending", "unknown", "sending"]),
            ),
            models.Index(fields=["channel", "remote_id"], name="reply_remote"),
        ]

    def __str__(self) -> str:
        return f"reply {self.pk} ({self.state})"

    def draft(self) -> Draft:
        return Draft(text=self.text, written_at=self.written_at, reply_to=self.interaction.target)

    def arrived(self, now: datetime) -> None:
        from kuemmerer.inbox import cases

        cases.answered(case_id=self.case_id, written_at=self.written_at, close=self.close_after, now=now)


class ReplyKey(models.Model):
    """What a caller names a reply by, so that the same request twice writes one. It stays when the reply is
    withdrawn.

    Not the key of the delivery: that one changes when a refused reply is sent again.
    """

    case = models.ForeignKey(Case, models.CASCADE, related_name="reply_keys", db_index=False)
    key = models.CharField(max_length=255)
    content = models.CharField(max_length=64, help_text="hash of what was asked for")
    reply = models.OneToOneField(Reply, models.SET_NULL, null=True, related_name="caller_key")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["case", "key"], name="one_reply_per_key")]

    def __str__(self) -> str:
        return f"key {self.key} of reply {self.reply_id}"


class Note(models.Model):
    """An internal comment; it never leaves the house."""

    workspace = models.ForeignKey(Workspace, models.CASCADE)
    case = models.ForeignKey(Case, models.CASCADE, related_name="notes")
    author = models.ForeignKey(User, models.SET_NULL, null=True)
    text = models.TextField()
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"note {self.pk}"


class SavedReply(models.Model):
    """A reusable text with variables such as {first_name}."""

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="saved_replies")
    name = models.CharField(_("name"), max_length=80)
    language = models.CharField(_("language"), max_length=5, blank=True, default="")
    text = models.TextField(_("text"))

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "name"], name="one_saved_reply_per_name")]
        ordering = ["name"]
        verbose_name_plural = "saved replies"

    def __str__(self) -> str:
        return self.name
