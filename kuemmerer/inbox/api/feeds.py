"""The secret addresses of what is due, for programs."""

from __future__ import annotations

from pydantic import Field

from kuemmerer.api.fields import Answer, Moment
from kuemmerer.api.operations import ApiRequest, Operations
from kuemmerer.core import clock
from kuemmerer.inbox import feeds

operations = Operations("Inbox")


class FeedAnswer(Answer):
    created_at: Moment | None = Field(description="null: there are no addresses.")
    read_at: Moment | None = Field(description="When a program last looked, to the hour.")


class NewFeedAnswer(Answer):
    calendar: str = Field(description="iCalendar. Both show only one's own with `?mine=1`.")
    reader: str = Field(description="For feed readers.")


@operations.get("/case-feed", "inbox.view", FeedAnswer)
def get_case_feed(request: ApiRequest) -> FeedAnswer:
    """Get whether the token's member has addresses for what is due

    The addresses themselves are shown only when they are made.
    """
    found = feeds.of(request.actor)
    return FeedAnswer(
        created_at=found.created_at if found else None, read_at=found.read_at if found else None
    )


@operations.post("/case-feed", "inbox.view", NewFeedAnswer, status=201)
def make_case_feed(request: ApiRequest) -> NewFeedAnswer:
    """Make addresses at which the token's member's calendar and feed reader find what is due

    Those from before are not valid any more. Whoever knows them can read them.
    """
    return NewFeedAnswer(**feeds.addresses(feeds.make(actor=request.actor, now=clock.now())))


@operations.delete("/case-feed", "inbox.view")
def revoke_case_feed(request: ApiRequest) -> None:
    """Revoke the addresses for what is due"""
    feeds.revoke(actor=request.actor, now=clock.now())
