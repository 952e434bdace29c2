"""When an answer is due and whom to warn before: rules, and the clock of a case.

The clock starts with the oldest words without an answer and stops when an answer is delivered or the case is
closed. While a case is snoozed it stands still. The first rule whose conditions hold decides; without one the
workspace's policy does.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import IntEnum
from functools import cached_property

from kuemmerer.accounts.calendars import Calendar
from kuemmerer.accounts.models import Team, Workspace
from kuemmerer.inbox.models import (
    Case,
    CaseLabel,
    DeadlinePolicy,
    DeadlineRule,
    Promise,
    Promised,
    Status,
)

CLOCK_FIELDS = ("unanswered_since", "due_at", "rule", "paused_at", "paused", "escalate_at", "escalated")
"""The columns of a case that this module sets."""


NEEDED = (*CLOCK_FIELDS, "channel", "team", "intent", "priority", "status")
"""The columns of a case that `recount` looks at."""


class Step(IntEnum):
    """Whom the next warning is for; `Case.escalated` is how many have gone out."""

    ASSIGNEE = 1
    TEAM = 2
    MANAGERS = 3


class RuleBook:
    """The promises of a workspace, read once for many cases."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self.policy = DeadlinePolicy.objects.filter(workspace=workspace).first() or DeadlinePolicy(
            workspace=workspace
        )
        self.rules = list(DeadlineRule.objects.filter(workspace=workspace))

    @cached_property
    def _teams(self) -> Mapping[int, Team]:
        return {team.pk: team for team in Team.objects.filter(workspace=self._workspace, own_calendar=True)}

    def calendar(self, team_id: int | None) -> Calendar:
        """The calendar that counts for a team's cases."""
        return Calendar.of(self._teams.get(team_id) or self._workspace) if team_id else self._calendar

    @cached_property
    def _calendar(self) -> Calendar:
        return Calendar.of(self._workspace)

    @property
    def needs_labels(self) -> bool:
        """Whether some rule asks for labels, so that a caller has to know them."""
        return any(rule.labels for rule in self.rules)

    def rule_for(self, case: Case, label_ids: Collection[int]) -> DeadlineRule | None:
        """The first rule that holds for a case; None where the policy does."""
        return next((rule for rule in self.rules if holds(rule, case, label_ids)), None)

    def set_due(self, case: Case, label_ids: Collection[int]) -> None:
        """Set rule, deadline and next warning of a case whose clock runs."""
        if case.unanswered_since is None:
            return
        calendar = self.calendar(case.team_id)
        case.rule = self.rule_for(case, label_ids)
        promised = promised_until(case.rule or self.policy, calendar, case.unanswered_since)
        case.due_at = calendar.after(promised, case.paused) if case.paused else promised
        self.set_next_warning(case)

    def set_next_warning(self, case: Case) -> None:
        """Set when somebody is warned next: after a share of the promised open time, pauses left out."""
        since, due = case.unanswered_since, case.due_at
        if case.status != Status.OPEN or case.escalated >= Step.MANAGERS or since is None or due is None:
            case.escalate_at = None
            return
        policy = self.policy
        percent = (policy.warn_assignee, policy.warn_team, policy.warn_managers)[case.escalated]
        if percent == 100:
            case.escalate_at = due
            return
        calendar = self.calendar(case.team_id)
        promised = calendar.open_time(since, due) - case.paused
        case.escalate_at = calendar.after(since, promised * percent / 100 + case.paused)


def holds(rule: DeadlineRule, case: Case, label_ids: Collection[int]) -> bool:
    """Whether all conditions of a rule hold for a case with these labels."""
    return (
        (not rule.channels or case.channel_id in rule.channels)
        and (not rule.intents or case.intent in rule.intents)
        and (not rule.priorities or case.priority in rule.priorities)
        and (not rule.labels or any(label in label_ids for label in rule.labels))
    )


def promised_until(promise: Promised, calendar: Calendar, since: datetime) -> datetime:
    """When an answer to words of `since` is promised."""
    if promise.promise == Promise.MINUTES:
        return calendar.after(since, timedelta(minutes=promise.minutes))
    if promise.promise == Promise.NEXT_DAY_END:
        return calendar.end_of_next_business_day(since)
    return calendar.next_business_day(since)


def labels_of(cases: Iterable[Case]) -> Mapping[int, set[int]]:
    """The ids of the labels of stored cases, by case; cases without labels have an empty set."""
    found: dict[int, set[int]] = defaultdict(set)
    ids = [case.pk for case in cases if case.pk]
    for case_id, label_id in CaseLabel.objects.filter(case__in=ids).values_list("case_id", "label_id"):
        found[case_id].add(label_id)
    return found


# --- the clock


def start(case: Case, *, since: datetime, book: RuleBook, label_ids: Collection[int] = ()) -> None:
    """Let the clock run from `since`; one that runs already goes on, from the earlier moment of both."""
    if case.unanswered_since is None:
        case.paused, case.paused_at, case.escalated = timedelta(), None, 0
        case.unanswered_since = since
    case.unanswered_since = min(case.unanswered_since, since)
    book.set_due(case, label_ids)


def stop(case: Case) -> None:
    """Nothing waits for an answer any more."""
    case.unanswered_since = case.due_at = case.escalate_at = case.paused_at = case.rule = None
    case.paused, case.escalated = timedelta(), 0


def pause(case: Case, *, now: datetime) -> None:
    """Hold the clock."""
    case.escalate_at = None
    if case.unanswered_since is not None and case.paused_at is None:
        case.paused_at = now


def resume(case: Case, *, now: datetime, book: RuleBook, label_ids: Collection[int] = ()) -> None:
    """Let a held clock go on: the deadline moves by the open time that has passed since."""
    if case.paused_at is not None:
        case.paused += book.calendar(case.team_id).open_time(case.paused_at, now)
        case.paused_at = None
    book.set_due(case, label_ids)


def recount(book: RuleBook, cases: Sequence[Case]) -> list[Case]:
    """Set the deadlines of running clocks anew; returns the cases whose deadline, rule or warning changed."""
    labels = labels_of(cases) if book.needs_labels else {}
    changed = []
    for case in cases:
        before = case.due_at, case.rule_id, case.escalate_at
        book.set_due(case, labels.get(case.pk, set()))
        if (case.due_at, case.rule_id, case.escalate_at) != before:
            changed.append(case)
    return changed
