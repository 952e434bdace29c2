"""Answering for programs."""

from __future__ import annotations

from typing import Annotated

from ninja import Header, Query
from pydantic import Field

from kuemmerer.api.fields import Id, Input, PageInput, PageOf
from kuemmerer.api.operations import ApiRequest, Operations
from kuemmerer.core import clock
from kuemmerer.inbox import cases, replies
from kuemmerer.inbox.api.answers import ReplyAnswer, page_of_replies

operations = Operations("Inbox")


class ReplyInput(Input):
    text: str
    interaction: Id | None = Field(
        default=None, description="Which interaction of the case to answer; the newest if left out."
    )
    close: bool = Field(default=False, description="Whether to close the case when the answer has arrived.")
    revision: int | None = Field(
        default=None,
        description=(
            "The case's `revision` that the writer has read. If new words or another answer have come since, "
            "the answer is refused (409, `case_changed`)."
        ),
    )
    saved_replies: list[Id] = Field(
        default=[], description="The saved replies that it was written with; counted as used."
    )


class SendAgainInput(Input):
    text: str | None = Field(default=None, description="Another text; the same if left out.")


class DecideInput(Input):
    arrived: bool = Field(description="True: it is there. False: it is not, so it goes out again.")


@operations.get("/cases/{int:case_id}/replies", "inbox.view", PageOf[ReplyAnswer])
def list_replies(request: ApiRequest, case_id: int, page: Query[PageInput]) -> PageOf[ReplyAnswer]:
    """List the answers to a case, the newest first"""
    return page_of_replies(cases.get(actor=request.actor, case_id=case_id), page)


@operations.post("/cases/{int:case_id}/replies", "inbox.reply", ReplyAnswer, status=201)
def write_reply(
    request: ApiRequest,
    case_id: int,
    data: ReplyInput,
    idempotency_key: Annotated[
        str | None,
        Header(
            default=None,
            alias="Idempotency-Key",
            max_length=255,
            description=(
                "Any text. The same key twice on one case is one answer: a request may be repeated. "
                "With other content, or when the answer was withdrawn, it is refused (409)."
            ),
        ),
    ] = None,
) -> ReplyAnswer:
    """Answer a case

    Exactly this text is sent, once, by the worker; where somebody has to approve it, after that.
    `GET /replies/{reply_id}` tells when it has arrived.
    """
    reply = replies.write(
        actor=request.actor,
        case_id=case_id,
        text=data.text,
        interaction_id=data.interaction,
        close=data.close,
        saved_ids=data.saved_replies,
        key=idempotency_key or "",
        revision=data.revision,
        now=clock.now(),
    )
    return ReplyAnswer.of(reply)


@operations.get("/replies/{int:reply_id}", "inbox.view", ReplyAnswer)
def get_reply(request: ApiRequest, reply_id: int) -> ReplyAnswer:
    """Get an answer and how far it has come"""
    return ReplyAnswer.of(replies.get(actor=request.actor, reply_id=reply_id))


@operations.post("/replies/{int:reply_id}/send-again", "inbox.reply", ReplyAnswer)
def send_reply_again(request: ApiRequest, reply_id: int, data: SendAgainInput) -> ReplyAnswer:
    """Send an answer again that the network refused"""
    reply = replies.send_again(actor=request.actor, reply_id=reply_id, text=data.text, now=clock.now())
    return ReplyAnswer.of(reply)


@operations.post("/replies/{int:reply_id}/decide", "inbox.reply", ReplyAnswer)
def decide_reply(request: ApiRequest, reply_id: int, data: DecideInput) -> ReplyAnswer:
    """Decide whether an uncertain answer has arrived

    For an answer that was sent while the network gave no sign, after somebody has looked there.
    """
    reply = replies.decide(actor=request.actor, reply_id=reply_id, arrived=data.arrived, now=clock.now())
    return ReplyAnswer.of(reply)


@operations.delete("/replies/{int:reply_id}", "inbox.reply")
def withdraw_reply(request: ApiRequest, reply_id: int) -> None:
    """Take back an answer that has not gone out"""
    replies.withdraw(actor=request.actor, reply_id=reply_id, now=clock.now())
