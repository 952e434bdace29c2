"""Cases and what is said in them."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils.translation import gettext_lazy as _

from kuemmerer.accounts.models import Membership, Team, User, Workspace
from kuemmerer.channels.delivery import Delivery, State
from kuemmerer.channels.models import Author, Channel, Interaction, Thread
from kuemmerer.networks.base import Draft
from kuemmerer.notify.leases import Outgoing


class Status(models.TextChoices):
    OPEN = "open", _("Open")
    WAITING = "waiting", _("Waiting for the author")
    SNOOZED = "snoozed", _("Snoozed")
    CLOSED = "closed", _("Closed")


class Intent(models.TextChoices):
    """What somebody wants of us."""

    QUESTION = "question", _("Question")
    COMPLAINT = "complaint", _("Complaint")
    COMPENSATION = "compensation", _("Demand for compensation")
    PRAISE = "praise", _("Praise")
    SUGGESTION = "suggestion", _("Suggestion")
    APPLICATION = "application", _("Application")
    BUSINESS = "business", _("Business enquiry")
    SPAM = "spam", _("Spam")
    CHATTER = "chatter", _("Chatter")


NEGATIVE = (Intent.COMPLAINT, Intent.COMPENSATION)
"""What must never stay without a friendly answer."""


class Priority(models.IntegerChoices):
    LOW = 1, _("Low")
    NORMAL = 2, _("Normal")
    HIGH = 3, _("High")
    URGENT = 4, _("Urgent")


class Promise(models.TextChoices):
    """Until when a first answer is promised."""

    MINUTES = "minutes", _("within so much open time")
    DAY = "day", _("at the same time on the next business day")
    NEXT_DAY_END = "next_day_end", _("by the end of the next business day")


class Promised(models.Model):
    """A promise; `minutes` of open time where it is one of minutes."""

    promise = models.CharField(_("promise"), max_length=12, choices=Promise, default=Promise.DAY)
    minutes = models.PositiveIntegerField(_("minutes"), default=480)

    class Meta:
        abstract = True


class DeadlinePolicy(Promised):
    """What a workspace promises where no rule says otherwise, and when it warns: at which share of the
    promised time the assignee, the team and the managers are told.
    """

    workspace = models.OneToOneField(Workspace, models.CASCADE, related_name="deadline_policy")
    warn_assignee = models.PositiveSmallIntegerField(default=75)
    warn_team = models.PositiveSmallIntegerField(default=90)
    warn_managers = models.PositiveSmallIntegerField(default=100)
    # While deadlines are being counted anew: the next case to look at. Empty when all are right.
    recount_from = models.BigIntegerField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(warn_assignee__lte=models.F("warn_team"))
                & models.Q(warn_team__lte=models.F("warn_managers"))
                & models.Q(warn_managers__lte=500),
                name="warnings_in_order",
            )
        ]

    def __str__(self) -> str:
        return f"deadlines of {self.workspace_id}"


class DeadlineRule(Promised):
    """A promise for the cases that meet all of its conditions; an empty condition holds for all."""

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="deadline_rules")
    position = models.PositiveIntegerField()
    name = models.CharField(_("name"), max_length=80)
    channels = models.JSONField(default=list, help_text="ids")
    labels = models.JSONField(default=list, help_text="ids; one of them is enough")
    intents = models.JSONField(default=list)
    priorities = models.JSONField(default=list)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "name"], name="one_deadline_rule_per_name")
        ]
        ordering = ["position", "id"]

    def __str__(self) -> str:
        return self.name


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
    """The work item: what one author writes in one thread, unless people have put it together otherwise.

    `part`: a thread that was split has several cases of the same author. `regrouped`: the case was merged or
    split, so which words are its own only `CaseInteraction` tells.
    """

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="cases", db_index=False)
    channel = models.ForeignKey(Channel, models.CASCADE, related_name="cases")
    thread = models.ForeignKey(Thread, models.CASCADE, related_name="cases", db_index=False)
    author = models.ForeignKey(Author, models.CASCADE, related_name="cases")
    part = models.PositiveSmallIntegerField(default=0)
    regrouped = models.BooleanField(default=False)
    status = models.CharField(max_length=8, choices=Status, default=Status.OPEN)
    assignee = models.ForeignKey(
        User, models.SET_NULL, null=True, blank=True, related_name="cases", db_index=False
    )
    labels: models.ManyToManyField[Label, CaseLabel] = models.ManyToManyField(
        Label, through="CaseLabel", related_name="cases"
    )
    team = models.ForeignKey(
        Team, models.SET_NULL, null=True, blank=True, related_name="cases", db_index=False
    )
    kind = models.CharField(max_length=10, choices=Interaction.Kind)
    intent = models.CharField(max_length=12, choices=Intent, blank=True, default="")
    priority = models.PositiveSmallIntegerField(choices=Priority, default=Priority.NORMAL)
    excerpt = models.CharField(max_length=200, blank=True, default="")
    opened_at = models.DateTimeField()
    last_at = models.DateTimeField(help_text="when the author last wrote")
    # Goes up with each word of the author and each answer of ours, so that nobody answers what they have
    # not read.
    revision = models.PositiveIntegerField(default=0)
    unanswered_since = models.DateTimeField(null=True, help_text="the oldest word without an answer")
    due_at = models.DateTimeField(null=True)
    rule = models.ForeignKey(
        DeadlineRule, models.SET_NULL, null=True, related_name="cases", db_index=False, help_text="why due_at"
    )
    # The clock stands still while a case is snoozed.
    paused_at = models.DateTimeField(null=True)
    paused = models.DurationField(default=timedelta, help_text="open time that did not count")
    # Who is warned next, and when; see deadlines.Step.
    escalate_at = models.DateTimeField(null=True)
    escalated = models.PositiveSmallIntegerField(default=0)
    snoozed_until = models.DateTimeField(null=True)
    answered_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["thread", "author", "part"], name="one_case_per_author_and_part"),
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
            models.Index(
                fields=["escalate_at"], name="case_escalate", condition=models.Q(escalate_at__isnull=False)
            ),
            # Not for some rows alone: SQLite looks up no such index by a parameter.
            models.Index(fields=["workspace", "status", "intent", "due_at"], name="case_negative"),
            models.Index(fields=["team"], name="case_team", condition=models.Q(team__isnull=False)),
            models.Index(fields=["rule"], name="case_rule", condition=models.Q(rule__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"case {self.pk}"

    def is_overdue(self, now: datetime) -> bool:
        return self.due_at is not None and self.due_at <= now


class Escalation(models.Model):
    """A warning that went out. Each step once for each run of a case's clock."""

    case = models.ForeignKey(Case, models.CASCADE, related_name="escalations")
    clock = models.DateTimeField(help_text="unanswered_since of the run")
    step = models.PositiveSmallIntegerField()
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["case", "clock", "step"], name="one_warning_per_step")]

    def __str__(self) -> str:
        return f"step {self.step} of case {self.case_id}"


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
    # After a merger one `answered_at` can no longer tell which words wait, and what somebody answers at the
    # network itself is said in one of the case's conversations only.
    settled = models.BooleanField(
        default=False, help_text="does not wait, whatever the case's answered_at says"
    )

    def __str__(self) -> str:
        return f"{self.interaction_id} in {self.case_id}"


class Route(models.Model):
    """Into which case the new words of an author in a thread come, where people have merged or split."""

    thread = models.ForeignKey(Thread, models.CASCADE, related_name="routes", db_index=False)
    author = models.ForeignKey(Author, models.CASCADE, related_name="routes")
    case = models.ForeignKey(Case, models.CASCADE, related_name="routes")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["thread", "author"], name="one_route_per_thread")]

    def __str__(self) -> str:
        return f"{self.thread_id} of {self.author_id} to {self.case_id}"


class MergedCase(models.Model):
    """A case that became a part of another one: who knows its old id is led there."""

    old_id = models.BigIntegerField(primary_key=True)
    case = models.ForeignKey(Case, models.CASCADE, related_name="merged")
    merged_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.old_id} is in {self.case_id}"


class ReadMark(models.Model):
    """Up to which change of a channel the inbox has made cases."""

    channel = models.OneToOneField(Channel, models.CASCADE, related_name="inbox_mark")
    seq = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.channel_id}: {self.seq}"


class ApprovalPolicy(models.Model):
    """Whose answers somebody else reads before they go out. Without a row nobody's."""

    workspace = models.OneToOneField(Workspace, models.CASCADE, related_name="approval_policy")
    agents = models.BooleanField(default=False, help_text="all answers of agents")
    labels = models.ManyToManyField(
        Label, related_name="+", help_text="everybody's answers in cases with one of these"
    )

    def __str__(self) -> str:
        return f"approval in {self.workspace_id}"


class Approval(models.TextChoices):
    """What a second pair of eyes says of an answer; empty where none is asked for."""

    WAITING = "waiting", _("waits for approval")
    APPROVED = "approved", _("approved")
    RETURNED = "returned", _("returned")


NEEDS_PERSON = models.Q(state=State.REJECTED) | models.Q(state=State.UNKNOWN, next_at=None)
"""Answers that only a person moves on, as `Delivery.needs_person` says of one."""


class Reply(Delivery):
    """An answer. Exactly the text that is stored is sent, and only if nobody has to approve it first."""

    workspace = models.ForeignKey(Workspace, models.CASCADE)
    case = models.ForeignKey(Case, models.CASCADE, related_name="replies")
    interaction = models.ForeignKey(Interaction, models.CASCADE, related_name="replies")
    author = models.ForeignKey(User, models.SET_NULL, null=True, related_name="replies")
    text = models.TextField()
    close_after = models.BooleanField(default=False)
    approval = models.CharField(max_length=8, choices=Approval, blank=True, default="")
    decided_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    decided_at = models.DateTimeField(null=True)
    remark = models.CharField(max_length=1000, blank=True, default="", help_text="why it was returned")

    class Meta:
        constraints = [
            # Without a time no worker takes it.
            models.CheckConstraint(
                condition=~models.Q(approval__in=["waiting", "returned"])
                | models.Q(state="pending", next_at=None),
                name="unapproved_waits",
            ),
            models.CheckConstraint(
                condition=~models.Q(approval="approved")
                | models.Q(decided_by=None)
                | models.Q(author=None)
                | ~models.Q(decided_by=models.F("author")),
                name="nobody_approves_their_own",
            ),
        ]
        indexes = [
            models.Index(
                fields=["workspace", "written_at"],
                name="reply_unapproved",
                condition=models.Q(approval="waiting"),
            ),
            models.Index(
                fields=["next_at"],
                name="reply_due",
                condition=models.Q(state__in=["pending", "unknown", "sending"]),
            ),
            models.Index(fields=["channel", "remote_id"], name="reply_remote"),
            models.Index(fields=["workspace", "-id"], name="reply_needs_person", condition=NEEDS_PERSON),
        ]

    def __str__(self) -> str:
        return f"reply {self.pk} ({self.state})"

    @property
    def needs_person(self) -> bool:
        return super().needs_person or self.approval in {Approval.WAITING, Approval.RETURNED}

    def draft(self) -> Draft:
        if self.approval not in {"", Approval.APPROVED}:
            raise RuntimeError(f"{self} is not approved")
        return Draft(text=self.text, written_at=self.written_at, reply_to=self.interaction.target)

    def arrived(self, now: datetime) -> None:
        from kuemmerer.inbox import cases, telling

        telling.delivered(self, now=now)
        cases.answered(
            case_id=self.case_id,
            written_at=self.written_at,
            close=self.close_after,
            now=now,
            thread_id=self.interaction.thread_id,
        )

    def refused(self, now: datetime) -> None:
        from kuemmerer.inbox import telling

        telling.rejected(self, now=now)

    def in_doubt(self, now: datetime) -> None:
        from kuemmerer.inbox import telling

        telling.unsent(self, now=now)


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


class Presence(models.Model):
    """Who has a case open. Written every few seconds while they do, so that colleagues see it."""

    case = models.ForeignKey(Case, models.CASCADE, related_name="presences", db_index=False)
    user = models.ForeignKey(User, models.CASCADE, related_name="+", db_index=False)
    seen_at = models.DateTimeField()
    typed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["case", "user"], name="one_presence_per_person")]
        indexes = [models.Index(fields=["seen_at"], name="presence_seen")]

    def __str__(self) -> str:
        return f"{self.user_id} at case {self.case_id}"


class Note(models.Model):
    """An internal comment; it never leaves the house."""

    workspace = models.ForeignKey(Workspace, models.CASCADE)
    case = models.ForeignKey(Case, models.CASCADE, related_name="notes")
    author = models.ForeignKey(User, models.SET_NULL, null=True)
    text = models.TextField()
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"note {self.pk}"


class CaseFeed(models.Model):
    """The secret address at which a member's calendar or feed reader finds what is due."""

    membership = models.OneToOneField(Membership, models.CASCADE, related_name="case_feed")
    secret_hash = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField()
    read_at = models.DateTimeField(null=True, help_text="to the hour")

    def __str__(self) -> str:
        return f"feed of {self.membership_id}"


class BulkRun(models.Model):
    """The same done to many cases at once; for an hour it can be taken back."""

    class Do(models.TextChoices):
        ASSIGN = "assign", _("Assign")
        LABEL = "label", _("Label")
        UNLABEL = "unlabel", _("Take a label off")
        PRIORITY = "priority", _("Set the priority")
        TEAM = "team", _("Hand to a team")
        SNOOZE = "snooze", _("Snooze")
        CLOSE = "close", _("Close")
        REOPEN = "reopen", _("Reopen")

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="bulk_runs")
    user = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    do = models.CharField(max_length=8, choices=Do)
    value = models.CharField(max_length=40, blank=True, default="", help_text="id, number or moment")
    created_at = models.DateTimeField(db_index=True)
    done = models.PositiveIntegerField(default=0)
    unchanged = models.PositiveIntegerField(default=0, help_text="were so already")
    skipped = models.JSONField(default=dict, help_text="numbers by reason")
    undone_at = models.DateTimeField(null=True)
    restored = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(restored__lte=models.F("done")), name="restored_of_done"
            )
        ]

    def __str__(self) -> str:
        return f"{self.do} of {self.done} cases"


class BulkStep(models.Model):
    """What one case was before a bulk run and right after it."""

    run = models.ForeignKey(BulkRun, models.CASCADE, related_name="steps", db_index=False)
    case = models.ForeignKey(Case, models.CASCADE, related_name="bulk_steps")
    before = models.JSONField()
    after = models.JSONField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "case"], name="one_step_per_case")]

    def __str__(self) -> str:
        return f"case {self.case_id} in run {self.run_id}"


class SavedReply(models.Model):
    """A reusable text with variables such as {first_name}, in one language.

    Texts of one name say the same in several languages; an empty language stands for any.
    """

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="saved_replies")
    name = models.CharField(_("name"), max_length=80)
    language = models.CharField(_("language"), max_length=5, blank=True, default="")
    text = models.TextField(_("text"))
    used = models.PositiveIntegerField(default=0, help_text="answers that were written with it")
    last_used_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "name", "language"], name="one_saved_reply_per_language"
            )
        ]
        ordering = ["name", "language"]
        verbose_name_plural = "saved replies"

    def __str__(self) -> str:
        return self.name


class Forms(models.Field[str, str]):
    """The forms of a text's words: a tsvector in PostgreSQL, a text with spaces in SQLite."""

    def db_type(self, connection: BaseDatabaseWrapper) -> str:
        return "tsvector" if connection.vendor == "postgresql" else "text"


class Passage(models.Model):
    """The index entry of one text in a case: an interaction, a reply or a note.

    The id leads with the workspace and the time of the text (`search.index.first_id`): a walk down the
    ids is a walk from the newest to the oldest text of one workspace. In SQLite triggers keep the
    full-text table in step; who rebuilds this table must bring them back (migration 0003). What is
    deleted leaves the index with it.
    """

    id = models.BigIntegerField(primary_key=True)
    case = models.ForeignKey(Case, models.CASCADE, related_name="passages")
    link = models.OneToOneField(CaseInteraction, models.CASCADE, null=True, related_name="passage")
    reply = models.ForeignKey(Reply, models.CASCADE, null=True, db_index=False, related_name="passages")
    note = models.ForeignKey(Note, models.CASCADE, null=True, db_index=False, related_name="passages")
    words = models.TextField(help_text="plain words, the author's name last")
    forms = Forms()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(link__isnull=False, reply=None, note=None)
                | models.Q(link=None, reply__isnull=False, note=None)
                | models.Q(link=None, reply=None, note__isnull=False),
                name="passage_of_one_text",
            ),
            models.UniqueConstraint(
                fields=["reply"], name="one_passage_per_reply", condition=models.Q(reply__isnull=False)
            ),
            models.UniqueConstraint(
                fields=["note"], name="one_passage_per_note", condition=models.Q(note__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"passage {self.pk} of case {self.case_id}"


class SearchMark(models.Model):
    """Up to which change of a channel the search index is filled."""

    channel = models.OneToOneField(Channel, models.CASCADE, related_name="search_mark")
    seq = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.channel_id}: {self.seq}"


class SearchWalk(models.Model):
    """Up to which id the search index has been through all replies, notes or authors."""

    what = models.CharField(max_length=8, unique=True)
    reached = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.what}: {self.reached}"


class IndexedName(models.Model):
    """The name under which the search index knows an author."""

    author = models.OneToOneField(Author, models.CASCADE, primary_key=True, related_name="indexed_name")
    digest = models.CharField(max_length=32)
    behind = models.BigIntegerField(
        null=True, help_text="passages with a smaller id may still have an older name"
    )

    class Meta:
        indexes = [
            models.Index(fields=["author"], name="name_behind", condition=models.Q(behind__isnull=False))
        ]

    def __str__(self) -> str:
        return f"name of {self.author_id}"


class SavedView(models.Model):
    """Filters of the case list and a search, kept under a name by one person or for the team."""

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="saved_views")
    owner = models.ForeignKey(User, models.CASCADE, null=True, related_name="saved_views")
    name = models.CharField(_("name"), max_length=40)
    view = models.CharField(max_length=12)
    status = models.CharField(max_length=8, choices=Status, blank=True, default="")
    channel = models.ForeignKey(Channel, models.CASCADE, null=True, related_name="saved_views")
    label = models.ForeignKey(Label, models.CASCADE, null=True, related_name="saved_views")
    assignee = models.ForeignKey(User, models.CASCADE, null=True, related_name="+")
    search = models.CharField(max_length=200, blank=True, default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "owner", "name"], name="one_view_per_name_and_person"
            ),
            models.UniqueConstraint(
                fields=["workspace", "name"],
                name="one_team_view_per_name",
                condition=models.Q(owner=None),
            ),
        ]
        ordering = ["name", "id"]

    def __str__(self) -> str:
        return self.name


class AutomationRule(models.Model):
    """What is done with new words that meet all conditions; see the package `automation`."""

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="automation_rules")
    position = models.PositiveIntegerField()
    name = models.CharField(_("name"), max_length=80)
    active = models.BooleanField(default=True)
    conditions = models.JSONField(default=dict, help_text="automation.conditions.Conditions")
    actions = models.JSONField(default=dict, help_text="automation.actions.Actions")
    stop = models.BooleanField(default=False, help_text="no later rule sees these words")
    last_turn = models.BigIntegerField(default=0, help_text="id of the user whose turn it was last")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "name"], name="one_automation_rule_per_name")
        ]
        ordering = ["position", "id"]

    def __str__(self) -> str:
        return self.name


class RuleHit(models.Model):
    """That an automation rule has held for words, once."""

    rule = models.ForeignKey(AutomationRule, models.CASCADE, related_name="hits", db_index=False)
    case = models.ForeignKey(Case, models.CASCADE, related_name="rule_hits")
    interaction = models.ForeignKey(Interaction, models.CASCADE, related_name="rule_hits")
    suggested = models.ForeignKey(
        SavedReply, models.SET_NULL, null=True, related_name="+", help_text="offered first in the composer"
    )
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["rule", "interaction"], name="one_hit_per_words")]
        indexes = [models.Index(fields=["rule", "at"], name="rule_hit_recent")]

    def __str__(self) -> str:
        return f"{self.rule_id} held for {self.interaction_id}"


class SpamMark(Outgoing):
    """Words that a rule wants hidden at their network. A sweep does it and repeats it until it is done."""

    case = models.ForeignKey(Case, models.CASCADE, related_name="spam_marks")
    interaction = models.OneToOneField(Interaction, models.CASCADE, related_name="spam_mark")
    rule = models.ForeignKey(AutomationRule, models.SET_NULL, null=True, related_name="+")
    rule_name = models.CharField(max_length=80)
    code = models.CharField(max_length=32, blank=True, default="", help_text="of networks.errors.SENTENCES")

    def __str__(self) -> str:
        return f"spam mark of {self.interaction_id} ({self.state})"
