"""Ideas for programs."""

from __future__ import annotations

from typing import Literal

from ninja import Query
from pydantic import Field

from kuemmerer.api import paging
from kuemmerer.api.fields import Answer, Input, Moment, PageInput, PageOf
from kuemmerer.api.operations import ApiRequest, Operations
from kuemmerer.core import clock
from kuemmerer.publishing import ideas
from kuemmerer.publishing.models import Idea

operations = Operations("Ideas")

IdeaStatus = Literal["collected", "used", "dismissed"]


class IdeaAnswer(Answer):
    id: int
    title: str
    text: str
    url: str
    status: str
    interaction_id: int | None = Field(description="The feed entry that it was collected from.")
    created_at: Moment

    @classmethod
    def of(cls, idea: Idea) -> IdeaAnswer:
        return cls(
            id=idea.pk,
            title=idea.title,
            text=idea.text,
            url=idea.url,
            status=idea.status,
            interaction_id=idea.source_id,
            created_at=idea.created_at,
        )


class IdeaInput(Input):
    title: str
    text: str = ""
    url: str = ""


class IdeaChange(Input):
    status: IdeaStatus


class IdeaFilter(PageInput):
    status: IdeaStatus = "collected"


@operations.get("/ideas", "ideas.view", PageOf[IdeaAnswer])
def list_ideas(request: ApiRequest, wanted: Query[IdeaFilter]) -> PageOf[IdeaAnswer]:
    """List ideas of one status, the newest first"""
    rows = Idea.objects.filter(workspace=request.actor.workspace, status=wanted.status)
    found, following = paging.by_time(rows, wanted, field="created_at")
    return PageOf(items=[IdeaAnswer.of(idea) for idea in found], next=following)


@operations.post("/ideas", "ideas.edit", IdeaAnswer, status=201)
def write_down_idea(request: ApiRequest, data: IdeaInput) -> IdeaAnswer:
    """Write down an idea"""
    idea = ideas.write_down(
        actor=request.actor, title=data.title, text=data.text, url=data.url, now=clock.now()
    )
    return IdeaAnswer.of(idea)


@operations.patch("/ideas/{int:idea_id}", "ideas.edit", IdeaAnswer)
def change_idea(request: ApiRequest, idea_id: int, data: IdeaChange) -> IdeaAnswer:
    """Mark an idea as used or dismissed, or collect it again"""
    idea = ideas.set_status(actor=request.actor, idea_id=idea_id, status=data.status, now=clock.now())
    return IdeaAnswer.of(idea)
