"""Saved views for programs."""

from __future__ import annotations

from ninja import Query
from pydantic import Field

from kuemmerer.api import paging
from kuemmerer.api.fields import Answer, Id, Input, PageInput, PageOf
from kuemmerer.api.operations import ApiRequest, Operations
from kuemmerer.core import clock
from kuemmerer.inbox import lists, views
from kuemmerer.inbox.api.cases import CaseStatus
from kuemmerer.inbox.models import SavedView

operations = Operations("Inbox")


class SavedViewInput(Input):
    name: str
    shared: bool = Field(default=False, description="For the whole team; this needs `inbox.configure`.")
    view: lists.View = lists.View.ALL
    status: CaseStatus | None = None
    channel_id: Id | None = None
    label_id: Id | None = None
    assignee_id: Id | None = None
    search: str = Field(default="", max_length=200)


class SavedViewChange(SavedViewInput):
    name: str = ""


class SavedViewAnswer(Answer):
    id: int
    name: str
    shared: bool
    view: str
    status: str | None
    channel_id: int | None
    label_id: int | None
    assignee_id: int | None
    search: str

    @classmethod
    def of(cls, saved: SavedView) -> SavedViewAnswer:
        return cls(id=saved.pk, name=saved.name, shared=saved.owner_id is None, **views.filters_of(saved))


class SavedViewCount(Answer):
    id: int
    count: int = Field(description="Counted up to 100: that many or more.")
    more: bool = Field(description="Whether there are more than were counted.")


class SavedViewCounts(Answer):
    items: list[SavedViewCount]


@operations.get("/saved-views", "inbox.view", PageOf[SavedViewAnswer])
def list_saved_views(request: ApiRequest, page: Query[PageInput]) -> PageOf[SavedViewAnswer]:
    """List the saved views, the member's own and the team's"""
    found, following = paging.by_id(views.saved_views(actor=request.actor), page)
    return PageOf(items=[SavedViewAnswer.of(saved) for saved in found], next=following)


@operations.get("/saved-views/counts", "inbox.view", SavedViewCounts)
def count_saved_views(request: ApiRequest) -> SavedViewCounts:
    """Count the cases of each saved view"""
    found = views.counts(actor=request.actor, now=clock.now())
    return SavedViewCounts(
        items=[SavedViewCount(id=pk, count=count.number, more=count.more) for pk, count in found.items()]
    )


@operations.post("/saved-views", "views.save", SavedViewAnswer, status=201)
def make_saved_view(request: ApiRequest, data: SavedViewInput) -> SavedViewAnswer:
    """Keep filters and a search under a name"""
    saved = views.save(actor=request.actor, now=clock.now(), **data.model_dump())
    return SavedViewAnswer.of(saved)


@operations.patch("/saved-views/{int:view_id}", "views.save", SavedViewAnswer)
def change_saved_view(request: ApiRequest, view_id: int, data: SavedViewChange) -> SavedViewAnswer:
    """Change a saved view's name, filters, or whose it is

    A filter that is null is taken off.
    """
    present = SavedViewAnswer.of(views.get(actor=request.actor, view_id=view_id))
    fields = present.model_dump(exclude={"id"}) | data.model_dump(exclude_unset=True)
    saved = views.save(actor=request.actor, view_id=view_id, now=clock.now(), **fields)
    return SavedViewAnswer.of(saved)


@operations.delete("/saved-views/{int:view_id}", "views.save")
def delete_saved_view(request: ApiRequest, view_id: int) -> None:
    """Delete a saved view"""
    views.delete(actor=request.actor, view_id=view_id, now=clock.now())
