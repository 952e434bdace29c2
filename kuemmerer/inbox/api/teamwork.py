"""Approval and the timeline for programs."""

from __future__ import annotations

from pydantic import Field

from kuemmerer.api.fields import Answer, Id, Input, Moment, PageOf
from kuemmerer.api.operations import ApiRequest, Operations
from kuemmerer.core import clock
from kuemmerer.inbox import approvals, cases, replies, timeline
from kuemmerer.inbox.api.answers import ReplyAnswer
from kuemmerer.inbox.models import ApprovalPolicy

operations = Operations("Inbox")


class ApproveInput(Input):
    text: str = Field(description="The text that was read: exactly this one is approved.")
    revision: int | None = Field(
        default=None, description="The case's `revision` that was read; refused (409) if it has moved on."
    )


class ReturnInput(Input):
    remark: str = Field(description="What should be changed.")


class ReviseInput(Input):
    text: str


class ApprovalPolicyInput(Input):
    agents: bool = Field(description="Whether all answers of agents are approved first.")
    labels: list[Id] = Field(default=[], description="Everybody's answers in cases with one of these labels.")


class ApprovalPolicyAnswer(Answer):
    agents: bool
    labels: list[int]

    @classmethod
    def of(cls, policy: ApprovalPolicy) -> ApprovalPolicyAnswer:
        labels = policy.labels.values_list("pk", flat=True) if policy.pk else []
        return cls(agents=policy.agents, labels=list(labels))


class CaseEventAnswer(Answer):
    id: int
    at: Moment
    text: str = Field(description="What happened, as a sentence in your language.")


@operations.get("/cases/{int:case_id}/events", "inbox.view", PageOf[CaseEventAnswer])
def list_events(request: ApiRequest, case_id: int) -> PageOf[CaseEventAnswer]:
    """List what a case went through, the oldest first

    What people and rules did with it, at most the newest 100; what was said is in its interactions, replies
    and notes.
    """
    case = cases.get(actor=request.actor, case_id=case_id)
    events = [CaseEventAnswer(id=e.id, at=e.at, text=e.text) for e in timeline.events(case)]
    return PageOf(items=events, next=None)


@operations.get("/approvals", "inbox.view", PageOf[ReplyAnswer])
def list_approvals(request: ApiRequest) -> PageOf[ReplyAnswer]:
    """List the answers that wait for approval, the oldest first, at most 200"""
    waiting = approvals.waiting(actor=request.actor)
    return PageOf(items=[ReplyAnswer.of(reply) for reply in waiting], next=None)


@operations.post("/replies/{int:reply_id}/approve", "inbox.approve", ReplyAnswer)
def approve_reply(request: ApiRequest, reply_id: int, data: ApproveInput) -> ReplyAnswer:
    """Approve an answer that somebody else wrote; it is sent"""
    reply = approvals.approve(
        actor=request.actor, reply_id=reply_id, text=data.text, revision=data.revision, now=clock.now()
    )
    return ReplyAnswer.of(reply)


@operations.post("/replies/{int:reply_id}/return", "inbox.approve", ReplyAnswer)
def return_reply(request: ApiRequest, reply_id: int, data: ReturnInput) -> ReplyAnswer:
    """Return an answer to its writer, with a word on what to change"""
    reply = approvals.give_back(actor=request.actor, reply_id=reply_id, remark=data.remark, now=clock.now())
    return ReplyAnswer.of(reply)


@operations.post("/replies/{int:reply_id}/revise", "inbox.reply", ReplyAnswer)
def revise_reply(request: ApiRequest, reply_id: int, data: ReviseInput) -> ReplyAnswer:
    """Change an answer that waits for approval or was returned"""
    reply = replies.revise(actor=request.actor, reply_id=reply_id, text=data.text, now=clock.now())
    return ReplyAnswer.of(reply)


@operations.get("/approval-policy", "inbox.view", ApprovalPolicyAnswer)
def get_approval_policy(request: ApiRequest) -> ApprovalPolicyAnswer:
    """Get whose answers are approved before they go out"""
    return ApprovalPolicyAnswer.of(approvals.policy(request.actor.workspace))


@operations.put("/approval-policy", "inbox.configure", ApprovalPolicyAnswer)
def set_approval_policy(request: ApiRequest, data: ApprovalPolicyInput) -> ApprovalPolicyAnswer:
    """Say whose answers are approved before they go out"""
    policy = approvals.set_policy(
        actor=request.actor, agents=data.agents, label_ids=data.labels, now=clock.now()
    )
    return ApprovalPolicyAnswer.of(policy)
