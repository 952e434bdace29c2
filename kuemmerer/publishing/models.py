"""Ideas: raw content for posts."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from kuemmerer.accounts.models import Workspace
from kuemmerer.channels.models import Channel, Interaction


class Idea(models.Model):
    """Something worth writing about, for instance a new entry of the own blog."""

    class Status(models.TextChoices):
        COLLECTED = "collected", _("Collected")
        USED = "used", _("Used")
        DISMISSED = "dismissed", _("Dismissed")

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="ideas")
    title = models.CharField(_("title"), max_length=500)
    text = models.TextField(_("text"), blank=True, default="")
    url = models.URLField(max_length=2000, blank=True, default="")
    source = models.OneToOneField(Interaction, models.SET_NULL, null=True, related_name="idea")
    status = models.CharField(max_length=10, choices=Status, default=Status.COLLECTED)
    created_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["workspace", "status", "-created_at"], name="idea_list")]

    def __str__(self) -> str:
        return self.title


class ReadMark(models.Model):
    """Up to which change of a channel the editorial desk has collected ideas."""

    channel = models.OneToOneField(Channel, models.CASCADE, related_name="idea_mark")
    seq = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.channel_id}: {self.seq}"
