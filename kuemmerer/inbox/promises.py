"""What a workspace promises: its deadline rules and policy. All writes of them are here."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Model
from django.utils.functional import Promise as Lazy
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from kuemmerer.accounts.access import Actor
from kuemmerer.channels.models import Channel
from kuemmerer.core.errors import Conflict, Invalid, NotFound
from kuemmerer.core.models import record
from kuemmerer.core.text import storable
from kuemmerer.inbox import cases
from kuemmerer.inbox.models import (
    NEGATIVE,
    Case,
    DeadlinePolicy,
    DeadlineRule,
    Intent,
    Label,
    Priority,
    Promise,
    Promised,
)

MOST_RULES = 50
MOST_MINUTES = 60_000
"""A thousand hours of open time: half a year of work."""


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """When a rule holds: all of them; an empty one always does."""

    channels: Sequence[int] = ()
    labels: Sequence[int] = ()
    intents: Sequence[str] = ()
    priorities: Sequence[int] = ()


@dataclass(frozen=True, kw_only=True)
class Given:
    """What is promised; `minutes` of open time count only for a promise of minutes."""

    promise: str = Promise.DAY
    minutes: int = 480


PRESETS: dict[str, tuple[str | Lazy, Conditions, Given]] = {
    "complaints": (
        _("Complaints in 4 hours"),
        Conditions(intents=list(NEGATIVE)),
        Given(promise=Promise.MINUTES, minutes=240),
    ),
    "urgent": (
        _("Urgent within an hour"),
        Conditions(priorities=[Priority.URGENT]),
        Given(promise=Promise.MINUTES, minutes=60),
    ),
    "day": (_("Everything within a day"), Conditions(), Given(promise=Promise.NEXT_DAY_END)),
}


@transaction.atomic
def save_rule(
    *,
    actor: Actor,
    name: str,
    conditions: Conditions,
    given: Given,
    now: datetime,
    rule_id: int | None = None,
) -> DeadlineRule:
    """Make a deadline rule, the last one, or change one. Raises Invalid, Conflict, NotFound, Forbidden."""
    actor.need("inbox.configure")
    rules = DeadlineRule.objects.filter(workspace=actor.workspace)
    rule = _rule(actor, rule_id) if rule_id else DeadlineRule(workspace=actor.workspace)
    rule.name = storable(name).strip()[:80]
    if not rule.name:
        raise Invalid(_("Please give it a name."), field="name")
    if rules.filter(name__iexact=rule.name).exclude(pk=rule.pk).exists():
        raise Conflict(_("There is a rule of this name already."), field="name")
    if rule.pk is None:
        if rules.count() >= MOST_RULES:
            raise Invalid(_("A workspace has 50 rules at most."), field="name")
        rule.position = max(rules.values_list("position", flat=True), default=0) + 1
    _set_conditions(rule, conditions, actor)
    _set_promise(rule, given)
    rule.save()
    _changed(actor, rule, "saved deadline rule", now)
    return rule


def _set_conditions(rule: DeadlineRule, conditions: Conditions, actor: Actor) -> None:
    channels, labels = set(conditions.channels), set(conditions.labels)
    known_channels = set(Channel.objects.filter(workspace=actor.workspace).values_list("pk", flat=True))
    known_labels = set(Label.objects.filter(workspace=actor.workspace).values_list("pk", flat=True))
    # What was deleted since stays where it was: without it the rule would suddenly hold for everything.
    if channels - known_channels - set(rule.channels) or labels - known_labels - set(rule.labels):
        raise NotFound(_("This channel or label does not exist (any more)."))
    if set(conditions.intents) - set(Intent.values):
        raise Invalid(_("There is no such intent."), field="intents")
    if set(conditions.priorities) - set(Priority.values):
        raise Invalid(_("There is no such priority."), field="priorities")
    rule.channels, rule.labels = sorted(channels), sorted(labels)
    rule.intents, rule.priorities = sorted(set(conditions.intents)), sorted(set(conditions.priorities))


def _set_promise(promised: Promised, given: Given) -> None:
    if given.promise not in Promise.values:
        raise Invalid(_("There is no such promise."), field="promise")
    if not 0 <= given.minutes <= MOST_MINUTES:
        raise Invalid(_("Choose between 0 and 1,000 hours."), field="minutes")
    promised.promise, promised.minutes = given.promise, given.minutes


@transaction.atomic
def delete_rule(*, actor: Actor, rule_id: int, now: datetime) -> None:
    """Delete a rule; the next one that holds decides then. Raises NotFound, Forbidden."""
    actor.need("inbox.configure")
    rule = _rule(actor, rule_id)
    _changed(actor, rule, "deleted deadline rule", now)
    rule.delete()


@transaction.atomic
def order_rules(*, actor: Actor, rule_ids: Sequence[int], now: datetime) -> None:
    """Put the rules into this order; the first that holds decides. Raises Invalid unless all are named."""
    actor.need("inbox.configure")
    rules = {rule.pk: rule for rule in DeadlineRule.objects.filter(workspace=actor.workspace)}
    if sorted(rule_ids) != sorted(rules):
        raise Invalid(_("The rules have changed meanwhile. Please look again."))
    for position, rule_id in enumerate(rule_ids, start=1):
        DeadlineRule.objects.filter(pk=rule_id).update(position=position)
    _changed(actor, actor.workspace, "ordered deadline rules", now)


@transaction.atomic
def save_policy(
    *,
    actor: Actor,
    given: Given,
    warn_assignee: int,
    warn_team: int,
    warn_managers: int,
    now: datetime,
) -> DeadlinePolicy:
    """Set what is promised where no rule holds, and at which percentage of the time who is warned.

    Raises Invalid unless the percentages rise from 0 to at most 500.
    """
    actor.need("inbox.configure")
    if not 0 <= warn_assignee <= warn_team <= warn_managers <= 500:
        raise Invalid(
            _("The assignee is warned first, then the team, then the managers: 0 to 500 percent, rising."),
            field="warn_assignee",
        )
    policy, _is_new = DeadlinePolicy.objects.select_for_update().get_or_create(workspace=actor.workspace)
    _set_promise(policy, given)
    policy.warn_assignee, policy.warn_team, policy.warn_managers = warn_assignee, warn_team, warn_managers
    policy.save()
    _changed(actor, actor.workspace, "changed deadline policy", now)
    return policy


@transaction.atomic
def add_preset(*, actor: Actor, preset: str, now: datetime) -> DeadlineRule:
    """Make one of the ready rules of `PRESETS`. Raises NotFound, Conflict if it is there already."""
    if preset not in PRESETS:
        raise NotFound
    name, conditions, given = PRESETS[preset]
    return save_rule(actor=actor, name=str(name), conditions=conditions, given=given, now=now)


def _rule(actor: Actor, rule_id: int) -> DeadlineRule:
    rule = DeadlineRule.objects.select_for_update().filter(workspace=actor.workspace, pk=rule_id).first()
    if rule is None:
        raise NotFound(_("This rule does not exist (any more)."))
    return rule


def _changed(actor: Actor, subject: Model, verb: str, now: datetime) -> None:
    record(workspace_id=actor.workspace.pk, actor=actor.label, verb=verb, subject=subject, now=now)
    transaction.on_commit(lambda: cases.deadlines_changed(actor.workspace))


# --- in words


def in_words(promised: Promised) -> str:
    """A promise as a page says it, such as “within 4 hours of open time”."""
    if promised.promise != Promise.MINUTES:
        return str(Promise(promised.promise).label)
    hours, minutes = divmod(promised.minutes, 60)
    if minutes:
        text = ngettext_lazy("within %(n)d minute of open time", "within %(n)d minutes of open time", "n")
        return str(text % {"n": promised.minutes})
    text = ngettext_lazy("within %(n)d hour of open time", "within %(n)d hours of open time", "n")
    return str(text % {"n": hours})


def reason(case: Case, label_names: Collection[str]) -> str:
    """Why a case is due when it is: the rule and what of the case made it hold."""
    rule = case.rule
    if rule is None:
        return ""
    because = [
        *([case.channel.name] if rule.channels else []),
        *(sorted(label_names) if rule.labels else []),
        *([case.get_intent_display()] if rule.intents else []),
        *([case.get_priority_display()] if rule.priorities else []),
    ]
    promise = in_words(rule)
    return f"{rule.name}: {promise} ({', '.join(because)})" if because else f"{rule.name}: {promise}"
