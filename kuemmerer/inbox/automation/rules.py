"""The automation rules of a workspace. All writes of them by people are here."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeVar

from django.conf.locale import LANG_INFO
from django.db import transaction
from django.db.models import Count, Model
from django.utils.translation import gettext_lazy as _

from kuemmerer.accounts.access import Actor
from kuemmerer.accounts.models import Workspace
from kuemmerer.channels.models import Channel
from kuemmerer.core.errors import Conflict, Invalid, Message, NotFound
from kuemmerer.core.models import AuditRecord, forget, record
from kuemmerer.core.text import storable
from kuemmerer.inbox.automation.actions import Actions, Means
from kuemmerer.inbox.automation.conditions import Conditions, Hours, parsed
from kuemmerer.inbox.automation.run import label_of
from kuemmerer.inbox.models import AutomationRule, Intent, Priority, RuleHit, SpamMark

MOST_RULES = 100
MOST_VALUES = 100
"""Words or authors in one condition."""
LONGEST_VALUE = 100
COUNTED = timedelta(days=30)
"""The hits of so many days are counted on the page."""

T = TypeVar("T")


@transaction.atomic
def save(
    *,
    actor: Actor,
    name: str,
    conditions: Conditions,
    actions: Actions,
    now: datetime,
    active: bool = True,
    stop: bool = False,
    rule_id: int | None = None,
) -> AutomationRule:
    """Make an automation rule, the last one, or change one. Raises Invalid, Conflict, NotFound, Forbidden.

    Of a rule that is changed, what was deleted since it was made may stay.
    """
    actor.need("inbox.configure")
    rule = get(actor=actor, rule_id=rule_id) if rule_id else AutomationRule(workspace=actor.workspace)
    rule.name = _checked_name(actor, rule, name)
    rule.conditions = checked_conditions(actor, conditions, Conditions.of(rule.conditions)).stored()
    rule.actions = _checked_actions(actor, actions, Actions.of(rule.actions)).stored()
    rule.active, rule.stop = active, stop
    if not rule.actions and not stop:
        raise Invalid(_("Choose at least one thing that the rule does."), field="")
    if rule.pk is None:
        rule.position = _last_position(actor) + 1
        rule.save()
    else:
        # Whose turn it is belongs to those who take words in.
        rule.save(update_fields=["name", "conditions", "actions", "active", "stop"])
    _record(actor, rule, "saved automation rule", now)
    return rule


def _checked_name(actor: Actor, rule: AutomationRule, name: str) -> str:
    name = " ".join(storable(name).split())[:80]
    if not name:
        raise Invalid(_("Please give it a name."), field="name")
    others = AutomationRule.objects.filter(workspace=actor.workspace).exclude(pk=rule.pk)
    if others.filter(name__iexact=name).exists():
        raise Conflict(_("There is a rule of this name already."), field="name")
    if rule.pk is None and others.count() >= MOST_RULES:
        raise Invalid(_("A workspace has 100 automation rules at most."), field="name")
    return name


def _last_position(actor: Actor) -> int:
    positions = AutomationRule.objects.filter(workspace=actor.workspace).values_list("position", flat=True)
    return max(positions, default=0)


def checked_conditions(actor: Actor, given: Conditions, before: Conditions = Conditions()) -> Conditions:
    """The conditions as they are stored. Raises Invalid for what cannot hold, NotFound for a channel that
    does not exist and was not in `before`.
    """
    channels = set(Channel.objects.filter(workspace=actor.workspace).values_list("pk", flat=True))
    if set(given.channels) - channels - set(before.channels):
        raise NotFound(_("This channel does not exist (any more)."))
    _one_of(given.intents, Intent.values, _("There is no such intent."), "intents")
    _one_of(given.priorities, Priority.values, _("There is no such priority."), "priorities")
    _one_of(given.languages, LANG_INFO, _("There is no such language."), "languages")
    _one_of(given.weekdays, range(7), _("There is no such weekday."), "weekdays")
    _one_of([given.hours], ["", *Hours.values], _("There is no such time."), "hours")
    _check_followers(given)
    return replace(
        given,
        channels=_unique(given.channels),
        words=_checked_words(given.words),
        authors=_cleaned(given.authors, "authors"),
        languages=_unique(given.languages),
        intents=_unique(given.intents),
        priorities=_unique(given.priorities),
        weekdays=_unique(given.weekdays),
    )


def _one_of(given: Collection[T], known: Collection[object], message: Message, field: str) -> None:
    if any(value not in known for value in given):
        raise Invalid(message, field=field)


def _unique(values: Collection[T]) -> list[T]:
    return sorted(set(values))  # type: ignore[type-var]


def _check_followers(given: Conditions) -> None:
    bounds = [bound for bound in (given.at_least, given.at_most) if bound is not None]
    if any(not 0 <= bound < 2**63 for bound in bounds):
        raise Invalid(_("Please enter a number of followers from 0 on."), field="at_least")
    if bounds != sorted(bounds):
        raise Invalid(_("“At least” is more than “at most”: nobody has so many followers."), field="at_most")


def _cleaned(values: Sequence[str], field: str) -> list[str]:
    cleaned = list(dict.fromkeys(filter(None, (" ".join(storable(value).split()) for value in values))))
    if len(cleaned) > MOST_VALUES or any(len(value) > LONGEST_VALUE for value in cleaned):
        raise Invalid(_("At most 100 lines, each of at most 100 characters."), field=field)
    return cleaned


def _checked_words(values: Sequence[str]) -> list[str]:
    cleaned = _cleaned(values, "words")
    for value in cleaned:
        if not parsed(value):
            raise Invalid(_("“%(text)s” holds no word that could be found.") % {"text": value}, field="words")
    return cleaned


def _checked_actions(actor: Actor, given: Actions, before: Actions) -> Actions:
    means = Means(actor.workspace)
    if set(given.labels) - set(means.labels) - set(before.labels):
        raise NotFound(_("This label does not exist (any more)."))
    if given.priority is not None:
        _one_of([given.priority], Priority.values, _("There is no such priority."), "priority")
    if given.assign not in {None, before.assign, *means.people}:
        raise Invalid(_("This person is no member who answers."), field="assign")
    if given.team not in {None, before.team, *means.teams}:
        raise NotFound(_("This team does not exist (any more)."))
    if given.saved_reply not in {None, before.saved_reply, *means.saved_replies}:
        raise NotFound(_("This saved reply does not exist (any more)."))
    if given.assign is not None and given.in_turn:
        raise Invalid(_("Either one person gets the case or all in turn."), field="assign")
    team = given.team if given.in_turn else None
    return replace(given, labels=_unique(given.labels), team=team)


@transaction.atomic
def switch(*, actor: Actor, rule_id: int, on: bool, now: datetime) -> AutomationRule:
    """Switch a rule on or off. Raises NotFound, Forbidden."""
    actor.need("inbox.configure")
    rule = get(actor=actor, rule_id=rule_id)
    rule.active = on
    rule.save(update_fields=["active"])
    _record(actor, rule, "switched on automation rule" if on else "switched off automation rule", now)
    return rule


@transaction.atomic
def delete(*, actor: Actor, rule_id: int, now: datetime) -> None:
    """Delete a rule and its count of hits; what it did stays done. Raises NotFound, Forbidden."""
    actor.need("inbox.configure")
    rule = get(actor=actor, rule_id=rule_id)
    _record(actor, rule, "deleted automation rule", now)
    rule.delete()


@transaction.atomic
def order(*, actor: Actor, rule_ids: Sequence[int], now: datetime) -> None:
    """Let the rules run in this order. Raises Invalid unless all are named."""
    actor.need("inbox.configure")
    rules = AutomationRule.objects.filter(workspace=actor.workspace)
    if sorted(rule_ids) != sorted(rules.values_list("pk", flat=True)):
        raise Invalid(_("The rules have changed meanwhile. Please look again."))
    for position, rule_id in enumerate(rule_ids, start=1):
        rules.filter(pk=rule_id).update(position=position)
    record(
        workspace_id=actor.workspace.pk,
        actor=actor.label,
        verb="ordered automation rules",
        subject=actor.workspace,
        now=now,
    )


def move(*, actor: Actor, rule_id: int, step: int, now: datetime) -> None:
    """Move a rule up (`step` -1) or down (1) by one. Raises NotFound, Forbidden."""
    ids = list(AutomationRule.objects.filter(workspace=actor.workspace).values_list("pk", flat=True))
    if rule_id not in ids:
        raise NotFound(_("This rule does not exist (any more)."))
    place = ids.index(rule_id)
    ids.insert(max(0, place + step), ids.pop(place))
    order(actor=actor, rule_ids=ids, now=now)


def get(*, actor: Actor, rule_id: int) -> AutomationRule:
    """A rule of the actor's workspace. Raises NotFound, Forbidden."""
    actor.need("inbox.view")
    rule = AutomationRule.objects.filter(workspace=actor.workspace, pk=rule_id).first()
    if rule is None:
        raise NotFound(_("This rule does not exist (any more)."))
    return rule


def hits(*, actor: Actor, now: datetime) -> Mapping[int, int]:
    """How often each rule has held in the last `COUNTED` time, by its id; 0 is left out."""
    actor.need("inbox.view")
    recent = RuleHit.objects.filter(rule__workspace=actor.workspace, at__gt=now - COUNTED)
    return dict(recent.order_by().values_list("rule").annotate(number=Count("pk")))


def redact(workspace: Workspace, redacted: Callable[[str], str]) -> None:
    """Take a person out of all rules. A rule that named one is switched off: without it, it would mean
    something else.
    """
    for rule in AutomationRule.objects.filter(workspace=workspace):
        wanted = Conditions.of(rule.conditions)
        kept = replace(
            wanted,
            words=[text for text in wanted.words if redacted(text) == text],
            authors=[text for text in wanted.authors if redacted(text) == text],
        )
        old, name = rule.name, redacted(rule.name)
        if kept.stored() != rule.conditions:
            rule.active = False
        elif name == rule.name:
            continue
        rule.name, rule.conditions = (name if name == rule.name else f"{name[:60]} {rule.pk}"), kept.stored()
        rule.save(update_fields=["name", "conditions", "active"])
        if rule.name != old:
            _forget_name(rule, old)


def _forget_name(rule: AutomationRule, old: str) -> None:
    """What a rule did stays in the audit log, under its new name and without details."""
    records = AuditRecord.objects.filter(workspace_id=rule.workspace_id)
    records.filter(actor=label_of(old)).update(actor=label_of(rule.name), details={})
    forget(workspace_id=rule.workspace_id, subject_type="automationrule", subject_ids=[rule.pk])
    SpamMark.objects.filter(rule=rule).update(rule_name=rule.name)


def _record(actor: Actor, subject: Model, verb: str, now: datetime) -> None:
    name = str(subject)
    record(workspace_id=actor.workspace.pk, actor=actor.label, verb=verb, subject=subject, now=now, name=name)
