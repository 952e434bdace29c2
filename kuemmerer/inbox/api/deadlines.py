"""Deadline rules and policy for programs."""

from __future__ import annotations

from pydantic import Field

from kuemmerer.api.fields import Answer, Input, PageOf
from kuemmerer.api.operations import ApiRequest, Operations
from kuemmerer.core import clock
from kuemmerer.inbox import promises
from kuemmerer.inbox.models import DeadlinePolicy, DeadlineRule
from kuemmerer.inbox.promises import Conditions, Given

operations = Operations("Inbox")


class RuleInput(Input):
    name: str
    promise: str = Field(description="minutes, day (same time on the next business day) or next_day_end")
    minutes: int = Field(default=480, description="Of open time; counts for the promise “minutes” only.")
    channels: list[int] = Field(default=[], description="Ids; empty for all.")
    labels: list[int] = Field(default=[], description="Ids; one of them is enough, empty for all.")
    intents: list[str] = Field(default=[], description="Empty for all.")
    priorities: list[int] = Field(default=[], description="1 (low) to 4 (urgent); empty for all.")


class RuleAnswer(RuleInput):
    id: int

    @classmethod
    def of(cls, rule: DeadlineRule) -> RuleAnswer:
        return cls(**{name: getattr(rule, name) for name in cls.model_fields})


class PolicyInput(Input):
    promise: str = Field(description="What is promised where no rule holds: minutes, day or next_day_end.")
    minutes: int = 480
    warn_assignee: int = Field(default=75, description="Percent of the promised time.")
    warn_team: int = 90
    warn_managers: int = 100


class PolicyAnswer(Answer):
    promise: str
    minutes: int
    warn_assignee: int
    warn_team: int
    warn_managers: int

    @classmethod
    def of(cls, policy: DeadlinePolicy) -> PolicyAnswer:
        return cls(**{name: getattr(policy, name) for name in cls.model_fields})


class OrderInput(Input):
    rule_ids: list[int]


def _rules(request: ApiRequest) -> PageOf[RuleAnswer]:
    rules = DeadlineRule.objects.filter(workspace=request.actor.workspace)
    return PageOf(items=[RuleAnswer.of(rule) for rule in rules], next=None)


def _saved(request: ApiRequest, data: RuleInput, rule_id: int | None = None) -> RuleAnswer:
    rule = promises.save_rule(
        actor=request.actor,
        name=data.name,
        conditions=Conditions(
            channels=data.channels, labels=data.labels, intents=data.intents, priorities=data.priorities
        ),
        given=Given(promise=data.promise, minutes=data.minutes),
        rule_id=rule_id,
        now=clock.now(),
    )
    return RuleAnswer.of(rule)


@operations.get("/deadline-rules", "inbox.view", PageOf[RuleAnswer])
def list_deadline_rules(request: ApiRequest) -> PageOf[RuleAnswer]:
    """List the deadline rules, the deciding one first

    The first rule whose conditions all hold for a case decides; where none does, the policy.
    """
    return _rules(request)


@operations.post("/deadline-rules", "inbox.configure", RuleAnswer, status=201)
def make_deadline_rule(request: ApiRequest, data: RuleInput) -> RuleAnswer:
    """Make a deadline rule; it becomes the last one"""
    return _saved(request, data)


@operations.put("/deadline-rules/{int:rule_id}", "inbox.configure", RuleAnswer)
def change_deadline_rule(request: ApiRequest, rule_id: int, data: RuleInput) -> RuleAnswer:
    """Replace a deadline rule; open deadlines are counted anew"""
    return _saved(request, data, rule_id)


@operations.delete("/deadline-rules/{int:rule_id}", "inbox.configure")
def delete_deadline_rule(request: ApiRequest, rule_id: int) -> None:
    """Delete a deadline rule"""
    promises.delete_rule(actor=request.actor, rule_id=rule_id, now=clock.now())


@operations.put("/deadline-rules", "inbox.configure", PageOf[RuleAnswer])
def order_deadline_rules(request: ApiRequest, data: OrderInput) -> PageOf[RuleAnswer]:
    """Put the deadline rules into an order; all have to be named"""
    promises.order_rules(actor=request.actor, rule_ids=data.rule_ids, now=clock.now())
    return _rules(request)


@operations.get("/deadline-policy", "inbox.view", PolicyAnswer)
def get_deadline_policy(request: ApiRequest) -> PolicyAnswer:
    """Get what is promised where no rule holds, and who is warned when"""
    policy = DeadlinePolicy.objects.filter(workspace=request.actor.workspace).first()
    return PolicyAnswer.of(policy or DeadlinePolicy())


@operations.put("/deadline-policy", "inbox.configure", PolicyAnswer)
def change_deadline_policy(request: ApiRequest, data: PolicyInput) -> PolicyAnswer:
    """Set what is promised where no rule holds, and at which share of the time who is warned"""
    policy = promises.save_policy(
        actor=request.actor,
        given=Given(promise=data.promise, minutes=data.minutes),
        warn_assignee=data.warn_assignee,
        warn_team=data.warn_team,
        warn_managers=data.warn_managers,
        now=clock.now(),
    )
    return PolicyAnswer.of(policy)
