"""Automation rules for programs."""

from __future__ import annotations

from ninja import Query
from pydantic import Field

from kuemmerer.api import paging
from kuemmerer.api.fields import Answer, Id, Input, Moment, PageInput, PageOf
from kuemmerer.api.operations import ApiRequest, Operations
from kuemmerer.core import clock
from kuemmerer.inbox import cases
from kuemmerer.inbox.automation import rules, trial
from kuemmerer.inbox.automation.actions import Actions
from kuemmerer.inbox.automation.conditions import Conditions
from kuemmerer.inbox.models import AutomationRule, RuleHit

operations = Operations("Inbox")


class ConditionsInput(Input):
    channels: list[Id] = Field(default=[], description="Ids; empty for all, as with all conditions.")
    words: list[str] = Field(
        default=[], description="Words or phrases with usual endings, one is enough; “bestell*”, “*torte”."
    )
    languages: list[str] = Field(default=[], description="Codes such as “de”.")
    intents: list[str] = Field(default=[], description="As the case has it when the words come in.")
    priorities: list[int] = Field(default=[], description="1 (low) to 4 (urgent)")
    authors: list[str] = Field(default=[], description="Handles or names.")
    first_time: bool = Field(default=False, description="Whether the author must not have written before.")
    at_least: int | None = Field(default=None, description="Followers of the author.")
    at_most: int | None = Field(default=None, description="Followers of the author.")
    hours: str = Field(default="", description="open or closed: whether it was written in business hours.")
    weekdays: list[int] = Field(default=[], description="0 is Monday.")

    def conditions(self) -> Conditions:
        return Conditions(**self.model_dump())


class ActionsInput(Input):
    labels: list[Id] = Field(default=[], description="Ids of labels to put on.")
    priority: int | None = Field(default=None, description="1 (low) to 4 (urgent)")
    assign: Id | None = Field(default=None, description="The user who gets a case that nobody has yet.")
    in_turn: bool = Field(default=False, description="Give it to all who answer, in turn.")
    team: Id | None = Field(default=None, description="With `in_turn`: to the members of this team only.")
    saved_reply: Id | None = Field(default=None, description="What the composer offers first.")
    spam: bool = Field(default=False, description="Hide the words at their network.")
    close: bool = Field(default=False, description="Close the case, unless older words wait in it.")


class AutomationRuleInput(Input):
    name: str
    active: bool = True
    conditions: ConditionsInput = ConditionsInput()
    actions: ActionsInput = ActionsInput()
    stop: bool = Field(default=False, description="No later rule sees words for which this one held.")


class AutomationRuleAnswer(AutomationRuleInput):
    id: int
    hits: int = Field(description="How often it has held in the last 30 days.")

    @classmethod
    def of(cls, rule: AutomationRule, hits: int = 0) -> AutomationRuleAnswer:
        return cls(
            id=rule.pk,
            name=rule.name,
            active=rule.active,
            conditions=ConditionsInput(**rule.conditions),
            actions=ActionsInput(**rule.actions),
            stop=rule.stop,
            hits=hits,
        )


class AutomationOrderInput(Input):
    rule_ids: list[Id]


class TrialInput(Input):
    conditions: ConditionsInput
    days: int = Field(default=30, description="1 to 365")


class ExampleAnswer(Answer):
    case_id: int
    interaction_id: int


class TrialAnswer(Answer):
    hits: int
    looked_at: int = Field(description="On how many words, the newest ones, it was tried; 2000 at most.")
    all_of_them: bool = Field(description="Whether these were all of that time.")
    examples: list[ExampleAnswer] = Field(description="The newest hits, five at most.")


class RuleHitAnswer(Answer):
    id: int
    rule_id: int
    rule: str
    interaction_id: int
    suggested_reply_id: int | None
    at: Moment


def _rules(request: ApiRequest) -> PageOf[AutomationRuleAnswer]:
    counts = rules.hits(actor=request.actor, now=clock.now())
    found = AutomationRule.objects.filter(workspace=request.actor.workspace)
    items = [AutomationRuleAnswer.of(rule, counts.get(rule.pk, 0)) for rule in found]
    return PageOf(items=items, next=None)


def _saved(
    request: ApiRequest, data: AutomationRuleInput, rule_id: int | None = None
) -> AutomationRuleAnswer:
    now = clock.now()
    rule = rules.save(
        actor=request.actor,
        name=data.name,
        active=data.active,
        conditions=data.conditions.conditions(),
        actions=Actions(**data.actions.model_dump()),
        stop=data.stop,
        rule_id=rule_id,
        now=now,
    )
    return AutomationRuleAnswer.of(rule, rules.hits(actor=request.actor, now=now).get(rule.pk, 0))


@operations.get("/automation-rules", "inbox.view", PageOf[AutomationRuleAnswer])
def list_automation_rules(request: ApiRequest) -> PageOf[AutomationRuleAnswer]:
    """List the automation rules in the order in which they run

    Each new comment or message goes through all of them once. A rule sees what the ones before it have done
    and sets off none again.
    """
    return _rules(request)


@operations.post("/automation-rules", "inbox.configure", AutomationRuleAnswer, status=201)
def make_automation_rule(request: ApiRequest, data: AutomationRuleInput) -> AutomationRuleAnswer:
    """Make an automation rule; it becomes the last one"""
    return _saved(request, data)


@operations.put("/automation-rules", "inbox.configure", PageOf[AutomationRuleAnswer])
def order_automation_rules(request: ApiRequest, data: AutomationOrderInput) -> PageOf[AutomationRuleAnswer]:
    """Put the automation rules into an order; all have to be named"""
    rules.order(actor=request.actor, rule_ids=data.rule_ids, now=clock.now())
    return _rules(request)


@operations.put("/automation-rules/{int:automation_rule_id}", "inbox.configure", AutomationRuleAnswer)
def change_automation_rule(
    request: ApiRequest, automation_rule_id: int, data: AutomationRuleInput
) -> AutomationRuleAnswer:
    """Replace an automation rule; it holds for what comes in from now on"""
    return _saved(request, data, automation_rule_id)


@operations.delete("/automation-rules/{int:automation_rule_id}", "inbox.configure")
def delete_automation_rule(request: ApiRequest, automation_rule_id: int) -> None:
    """Delete an automation rule; what it has done stays"""
    rules.delete(actor=request.actor, rule_id=automation_rule_id, now=clock.now())


@operations.post("/automation-rules/test", "inbox.configure", TrialAnswer)
def test_automation_rule(request: ApiRequest, data: TrialInput) -> TrialAnswer:
    """Count how often conditions would have held for what came in before

    Nothing is changed. Intent and priority are asked as the cases have them today.
    """
    tried = trial.would_have_held(
        actor=request.actor, conditions=data.conditions.conditions(), days=data.days, now=clock.now()
    )
    return TrialAnswer(
        hits=tried.hits,
        looked_at=tried.looked_at,
        all_of_them=tried.all_of_them,
        examples=[
            ExampleAnswer(case_id=link.case_id, interaction_id=link.interaction_id) for link in tried.examples
        ],
    )


@operations.get("/cases/{int:case_id}/rule-hits", "inbox.view", PageOf[RuleHitAnswer])
def list_rule_hits(request: ApiRequest, case_id: int, page: Query[PageInput]) -> PageOf[RuleHitAnswer]:
    """List which automation rules have held in a case, the newest first"""
    case = cases.get(actor=request.actor, case_id=case_id)
    rows = RuleHit.objects.filter(case=case).select_related("rule")
    found, following = paging.by_id(rows, page, newest_first=True)
    items = [
        RuleHitAnswer(
            id=hit.pk,
            rule_id=hit.rule_id,
            rule=hit.rule.name,
            interaction_id=hit.interaction_id,
            suggested_reply_id=hit.suggested_id,
            at=hit.at,
        )
        for hit in found
    ]
    return PageOf(items=items, next=following)
