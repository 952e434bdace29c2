"""How long people waited for an answer, and how much of that was on which day."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from kuemmerer.accounts.models import Team, User, Workspace
from kuemmerer.channels.models import Channel
from kuemmerer.inbox.models import Case


class Mark(models.Model):
    """Up to which change of a channel waits have been counted; its row is the lock for all of its counts."""

    channel = models.OneToOneField(Channel, models.CASCADE, related_name="insights_mark")
    seq = models.BigIntegerField(default=0)
    stamp = models.BigIntegerField(default=0, help_text="another number after each change of the counts")
    personal = models.BooleanField(default=False, help_text="whether the counts name who answered")

    def __str__(self) -> str:
        return f"{self.channel_id}: {self.seq}"


class Ending(models.TextChoices):
    ANSWERED = "answered", _("Answered")
    CLOSED = "closed", _("Closed without an answer")
    GONE = "gone", _("Words or case are gone")


class Wait(models.Model):
    """A stretch in which words in a case waited for an answer: from the oldest of them to the answer that
    followed.

    The days are the local ones under which it is counted, so that it can be taken out again after the
    workspace has moved to another time zone.
    """

    workspace = models.ForeignKey(Workspace, models.CASCADE, db_index=False)
    channel = models.ForeignKey(Channel, models.CASCADE, db_index=False)
    case = models.ForeignKey(Case, models.SET_NULL, null=True, related_name="waits")
    team = models.ForeignKey(Team, models.SET_NULL, null=True)
    person = models.ForeignKey(
        User, models.SET_NULL, null=True, help_text="who answered; only where statistics may say so"
    )
    since_at = models.DateTimeField()
    since_day = models.DateField()
    ended_at = models.DateTimeField(null=True)
    ended_day = models.DateField(null=True)
    ending = models.CharField(max_length=8, choices=Ending, blank=True, default="")
    open_minutes = models.PositiveIntegerField(null=True, help_text="of business hours, until the answer")
    clock_minutes = models.PositiveIntegerField(null=True, help_text="the same by the clock")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["case"],
                condition=Q(ended_at=None, case__isnull=False),
                name="one_running_wait_per_case",
            ),
            models.CheckConstraint(
                condition=Q(ended_at=None, ended_day=None, ending="")
                | Q(ended_at__isnull=False, ended_day__isnull=False, ending__in=Ending.values),
                name="wait_ends_in_some_way",
            ),
            models.CheckConstraint(
                condition=Q(ended_at=None) | Q(ended_at__gte=F("since_at")), name="wait_ends_after_it_began"
            ),
            models.CheckConstraint(
                condition=Q(ending="answered", open_minutes__isnull=False, clock_minutes__isnull=False)
                | ~Q(ending="answered") & Q(open_minutes=None, clock_minutes=None, person=None),
                name="wait_has_times_when_answered",
            ),
        ]
        indexes = [
            models.Index(fields=["workspace", "channel"], name="wait_running", condition=Q(ended_at=None)),
            models.Index(fields=["channel", "ended_day"], name="wait_ended"),
            models.Index(fields=["channel"], name="wait_orphan", condition=Q(case=None)),
        ]

    def __str__(self) -> str:
        return f"{self.since_at} – {self.ended_at or ''}"


class DayCount(models.Model):
    """The waits of a channel that began and ended on a local day. A row names neither team nor person and
    counts all, or names a team, or a person who answered.

    What is counted stays when the cases are erased. How many waited at the end of a day follows from these:
    as many as now, less what began since, and what ended since.
    """

    workspace = models.ForeignKey(Workspace, models.CASCADE, db_index=False)
    channel = models.ForeignKey(Channel, models.CASCADE, db_index=False)
    day = models.DateField()
    team = models.ForeignKey(Team, models.CASCADE, null=True)
    person = models.ForeignKey(User, models.CASCADE, null=True)
    began = models.PositiveIntegerField(default=0)
    ended = models.PositiveIntegerField(default=0)
    answered = models.PositiveIntegerField(default=0)
    open_times = models.JSONField(default=dict, help_text="a sketch of the minutes of business hours")
    clock_times = models.JSONField(default=dict, help_text="the same by the clock")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["channel", "day"],
                condition=Q(team=None, person=None),
                name="one_day_count_of_all",
            ),
            models.UniqueConstraint(
                fields=["channel", "day", "team"],
                condition=Q(team__isnull=False),
                name="one_day_count_per_team",
            ),
            models.UniqueConstraint(
                fields=["channel", "day", "person"],
                condition=Q(person__isnull=False),
                name="one_day_count_per_person",
            ),
            models.CheckConstraint(
                condition=Q(team=None) | Q(person=None), name="day_count_of_a_team_or_a_person"
            ),
            models.CheckConstraint(condition=Q(answered__lte=F("ended")), name="answered_of_ended"),
        ]
        indexes = [models.Index(fields=["workspace", "day"], name="day_count_list")]

    def __str__(self) -> str:
        return f"{self.day}: {self.began} began, {self.ended} ended"
