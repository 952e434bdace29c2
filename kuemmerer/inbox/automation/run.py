"""Automation at work: the rules of a workspace act on the words that have just come in."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from django.db.models import Exists, OuterRef, Q

from kuemmerer.accounts.models import Workspace
from kuemmerer.channels.models import Channel, Interaction
from kuemmerer.channels.privacy import pieces
from kuemmerer.core.models import AuditRecord
from kuemmerer.inbox.automation.actions import Actions, Means, Presence, spam_action
from kuemmerer.inbox.automation.conditions import Conditions, Heard, hold
from kuemmerer.inbox.models import AutomationRule, Case, CaseLabel, RuleHit, SpamMark
from kuemmerer.jobs import sweeps

VERB = "ran rule"
"""The verb of a hit in the audit log. Details: `rule` (name), `rule_id`, `interaction`, and as far as done
`labels` (names), `priority`, `assigned` (user id), `suggested` (name), `spam`, `closed`, `skipped` (keys)."""


def label_of(rule_name: str) -> str:
    """The name under which the audit log knows a rule."""
    return f"rule: {rule_name}"


@dataclass(frozen=True)
class Rule:
    """A rule as it is run."""

    row: AutomationRule
    conditions: Conditions
    actions: Actions

    @staticmethod
    def of(row: AutomationRule) -> Rule:
        return Rule(row, Conditions.of(row.conditions), Actions.of(row.actions))


@dataclass
class Hit:
    """A rule that held for words of a case. `done` is what it did, as the audit log keeps it; `skipped` names
    what of it was not possible (any more), by the same keys.
    """

    rule: Rule
    case: Case
    interaction: Interaction
    done: dict[str, object] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)
    assigned: int | None = None
    suggested: int | None = None
    spam: bool = False

    def stay_open(self) -> None:
        """Other words of the case wait for an answer."""
        if self.done.pop("closed", False):
            self.skipped.append("closed")


def first_words(interactions: Iterable[Interaction]) -> set[int]:
    """The ids of those words before which their author had written nothing here.

    One query for each 500 authors, whatever they wrote.
    """
    earliest: dict[int, Interaction] = {}
    for word in sorted(interactions, key=lambda i: (i.created_at, i.pk)):
        earliest.setdefault(word.author_id, word)
    by_id = {word.pk: word for word in earliest.values()}
    before = Interaction.objects.words().filter(author=OuterRef("author"))
    earlier = before.filter(
        Q(created_at__lt=OuterRef("created_at")) | Q(created_at=OuterRef("created_at"), pk__lt=OuterRef("pk"))
    )
    first = set(by_id)
    for some in pieces(sorted(by_id)):
        known = Interaction.objects.filter(pk__in=some).filter(Exists(earlier))
        first -= set(known.values_list("pk", flat=True))
    return first


class Pass:
    """One pass of a channel's rules over words that come in together.

    First `run` for each case, which changes the case in memory only; once the cases are stored, `store`.
    Both belong into one transaction. Whose turn it is stays locked until it ends, so nobody is given two
    cases in a row by two workers at once.
    """

    def __init__(self, channel: Channel, words: Sequence[Interaction], now: datetime) -> None:
        self._channel = channel
        self._workspace: Workspace = channel.workspace
        self._words = words
        self._now = now
        self.hits: list[Hit] = []
        # By the identity of the case: a new one has no other until it is stored.
        self._labels: dict[int, set[int]] = {}
        self._rules = self._read() if words else []

    def _read(self) -> list[Rule]:
        rows = AutomationRule.objects.filter(workspace=self._workspace, active=True)
        rules = [Rule.of(row) for row in rows]
        in_turn = [rule.row.pk for rule in rules if rule.actions.in_turn]
        if in_turn:
            # Always in the same order, so that two workers never wait for each other.
            locked = rows.select_for_update(no_key=True).filter(pk__in=in_turn).order_by("pk")
            turns = {row.pk: row.last_turn for row in locked}
            for rule in rules:
                rule.row.last_turn = turns.get(rule.row.pk, rule.row.last_turn)
        return rules

    @cached_property
    def _means(self) -> Means:
        return Means(self._workspace)

    @cached_property
    def _presence(self) -> Presence:
        return Presence(self._means, self._now.astimezone(self._workspace.zone).date())

    @cached_property
    def _first(self) -> set[int]:
        asked = any(rule.conditions.first_time for rule in self._rules)
        return first_words(self._words) if asked else set()

    @cached_property
    def _run_before(self) -> set[int]:
        """Words that were hidden, or taken for spam, and are back: a person wanted them so."""
        hits = RuleHit.objects.filter(interaction__in=[word.pk for word in self._words])
        return set(hits.values_list("interaction", flat=True))

    # --- in memory

    def run(self, case: Case, words: Iterable[Interaction]) -> bool:
        """Let the rules act on new words of a case, the oldest first. Whether the case is to be closed: only
        if a rule says so for each of them, and nothing older still waits for its answer.
        """
        if not self._rules:
            return False
        begin = len(self.hits)
        closes = [
            interaction.pk not in self._run_before and self._one(case, interaction)
            for interaction in sorted(words, key=lambda i: (i.created_at, i.pk))
        ]
        if all(closes) and case.unanswered_since is None:
            return True
        for hit in self.hits[begin:]:
            hit.stay_open()
        return False

    def _one(self, case: Case, interaction: Interaction) -> bool:
        heard = Heard(interaction, self._workspace, first=interaction.pk in self._first)
        closes = False
        for rule in self._rules:
            if hold(rule.conditions, heard, case):
                hit = Hit(rule, case, interaction)
                self._act(hit)
                self.hits.append(hit)
                closes = closes or rule.actions.close
                if rule.row.stop:
                    break
        return closes

    def _act(self, hit: Hit) -> None:
        wanted, case = hit.rule.actions, hit.case
        hit.labels = [pk for pk in wanted.labels if pk in self._means.labels]
        if hit.labels:
            self._labels.setdefault(id(case), set()).update(hit.labels)
            hit.done["labels"] = [self._means.labels[pk] for pk in hit.labels]
        if len(hit.labels) < len(wanted.labels):
            hit.skipped.append("labels")
        if wanted.priority is not None:
            case.priority = hit.done["priority"] = wanted.priority
        if wanted.assign is not None or wanted.in_turn:
            self._give(hit)
        if wanted.saved_reply is not None:
            self._suggest(hit, wanted.saved_reply)
        if wanted.spam:
            hit.spam = spam_action(self._channel) is not None
            hit.done |= {"spam": True} if hit.spam else {}
            if not hit.spam:
                hit.skipped.append("spam")
        if wanted.close:
            hit.done["closed"] = True

    def _give(self, hit: Hit) -> None:
        """To somebody who is there; not a case that somebody looks after already."""
        rule, case = hit.rule, hit.case
        if case.assignee_id is not None:
            return
        if rule.actions.assign is not None:
            chosen = self._presence.instead_of(rule.actions.assign)
        else:
            chosen = self._presence.next_after(rule.row.last_turn, rule.actions.team)
            rule.row.last_turn = chosen or rule.row.last_turn
        if chosen is None:
            hit.skipped.append("assigned")
            return
        case.assignee_id = hit.assigned = hit.done["assigned"] = chosen

    def _suggest(self, hit: Hit, saved_reply: int) -> None:
        name = self._means.saved_replies.get(saved_reply)
        if name is None:
            hit.skipped.append("suggested")
            return
        hit.suggested, hit.done["suggested"] = saved_reply, name

    def labels_for(self, case: Case) -> set[int]:
        """The labels that rules have put on a case in this pass."""
        return self._labels.get(id(case), set())

    # --- into the database

    def store(self) -> list[Case]:
        """Write down what was done; the cases have to be stored. Returns the cases that were given to
        somebody.
        """
        if not self.hits:
            return []
        self._store_labels((hit.case, pk) for hit in self.hits for pk in hit.labels)
        RuleHit.objects.bulk_create(
            [
                RuleHit(
                    rule=hit.rule.row,
                    case=hit.case,
                    interaction=hit.interaction,
                    suggested_id=hit.suggested,
                    at=self._now,
                )
                for hit in self.hits
            ],
            batch_size=500,
        )
        AuditRecord.objects.bulk_create([self._record(hit) for hit in self.hits], batch_size=500)
        self._mark_spam([hit for hit in self.hits if hit.spam])
        for rule in {hit.rule.row.pk: hit.rule for hit in self.hits if hit.assigned}.values():
            if rule.actions.in_turn:
                AutomationRule.objects.filter(pk=rule.row.pk).update(last_turn=rule.row.last_turn)
        given = [hit for hit in self.hits if hit.assigned]
        for hit in given:
            # Known already; who is told of it need not ask for them again.
            hit.case.workspace, hit.case.author = self._workspace, hit.interaction.author
        return [hit.case for hit in given]

    def _store_labels(self, wanted: Iterable[tuple[Case, int]]) -> None:
        pairs = {(case.pk, label) for case, label in wanted}
        CaseLabel.objects.bulk_create(
            [CaseLabel(case_id=case, label_id=label) for case, label in sorted(pairs)],
            batch_size=500,
            ignore_conflicts=True,
        )

    def _record(self, hit: Hit) -> AuditRecord:
        row = hit.rule.row
        return AuditRecord(
            workspace_id=self._workspace.pk,
            actor=label_of(row.name),
            verb=VERB,
            subject_type="case",
            subject_id=hit.case.pk,
            details={
                "rule": row.name,
                "rule_id": row.pk,
                "interaction": hit.interaction.pk,
                **hit.done,
                **({"skipped": hit.skipped} if hit.skipped else {}),
            },
            at=self._now,
        )

    def _mark_spam(self, hits: Collection[Hit]) -> None:
        if not hits:
            return
        marks = [
            SpamMark(
                case=hit.case,
                interaction=hit.interaction,
                rule=hit.rule.row,
                rule_name=hit.rule.row.name,
                next_at=self._now,
                created_at=self._now,
            )
            for hit in hits
        ]
        SpamMark.objects.bulk_create(marks, batch_size=500, ignore_conflicts=True)
        sweeps.wake("inbox.mark_spam")
