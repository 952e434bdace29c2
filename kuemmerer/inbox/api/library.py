"""Labels and saved replies for programs."""

from __future__ import annotations

from ninja import Query
from pydantic import Field

from kuemmerer.api import paging
from kuemmerer.api.fields import Answer, Input, PageInput, PageOf
from kuemmerer.api.operations import ApiRequest, Operations
from kuemmerer.core import clock
from kuemmerer.core.errors import NotFound
from kuemmerer.inbox import cases, library
from kuemmerer.inbox.api.answers import LabelAnswer
from kuemmerer.inbox.models import Label, SavedReply

operations = Operations("Inbox")


# --- labels -------------------------------------------------------------------------------------------------


class LabelInput(Input):
    name: str
    color: int = Field(default=0, description="The number of one of seven chip colours, 0 to 6.")


class LabelChange(Input):
    name: str | None = None
    color: int | None = None


@operations.get("/labels", "inbox.view", PageOf[LabelAnswer])
def list_labels(request: ApiRequest, page: Query[PageInput]) -> PageOf[LabelAnswer]:
    """List the labels"""
    found, following = paging.by_id(Label.objects.filter(workspace=request.actor.workspace), page)
    return PageOf(items=[LabelAnswer.of(label) for label in found], next=following)


@operations.post("/labels", "inbox.configure", LabelAnswer, status=201)
def make_label(request: ApiRequest, data: LabelInput) -> LabelAnswer:
    """Make a label"""
    label = library.save_label(actor=request.actor, name=data.name, color=data.color, now=clock.now())
    return LabelAnswer.of(label)


@operations.patch("/labels/{int:label_id}", "inbox.configure", LabelAnswer)
def change_label(request: ApiRequest, label_id: int, data: LabelChange) -> LabelAnswer:
    """Rename a label or change its colour"""
    present = Label.objects.filter(workspace=request.actor.workspace, pk=label_id).first()
    if present is None:
        raise NotFound
    label = library.save_label(
        actor=request.actor,
        label_id=label_id,
        name=present.name if data.name is None else data.name,
        color=present.color if data.color is None else data.color,
        now=clock.now(),
    )
    return LabelAnswer.of(label)


@operations.delete("/labels/{int:label_id}", "inbox.configure")
def delete_label(request: ApiRequest, label_id: int) -> None:
    """Delete a label and take it off all cases"""
    library.delete_label(actor=request.actor, label_id=label_id, now=clock.now())


# --- saved replies ------------------------------------------------------------------------------------------


class SavedReplyAnswer(Answer):
    id: int
    name: str
    language: str
    text: str

    @classmethod
    def of(cls, saved: SavedReply) -> SavedReplyAnswer:
        return cls(id=saved.pk, name=saved.name, language=saved.language, text=saved.text)


class SavedReplyInput(Input):
    name: str
    text: str = Field(description="May hold the variables {first_name}, {name}, {company} and {agent}.")
    language: str = ""


class SavedReplyChange(Input):
    name: str | None = None
    text: str | None = None
    language: str | None = None


class TextAnswer(Answer):
    text: str


@operations.get("/saved-replies", "inbox.view", PageOf[SavedReplyAnswer])
def list_saved_replies(request: ApiRequest, page: Query[PageInput]) -> PageOf[SavedReplyAnswer]:
    """List the saved replies"""
    found, following = paging.by_id(SavedReply.objects.filter(workspace=request.actor.workspace), page)
    return PageOf(items=[SavedReplyAnswer.of(saved) for saved in found], next=following)


@operations.post("/saved-replies", "inbox.configure", SavedReplyAnswer, status=201)
def make_saved_reply(request: ApiRequest, data: SavedReplyInput) -> SavedReplyAnswer:
    """Save a text for repeated use"""
    saved = library.save_reply(actor=request.actor, now=clock.now(), **data.model_dump())
    return SavedReplyAnswer.of(saved)


@operations.patch("/saved-replies/{int:saved_reply_id}", "inbox.configure", SavedReplyAnswer)
def change_saved_reply(request: ApiRequest, saved_reply_id: int, data: SavedReplyChange) -> SavedReplyAnswer:
    """Change a saved reply"""
    present = SavedReply.objects.filter(workspace=request.actor.workspace, pk=saved_reply_id).first()
    if present is None:
        raise NotFound
    fields = SavedReplyAnswer.of(present).model_dump(exclude={"id"}) | data.model_dump(exclude_none=True)
    saved = library.save_reply(actor=request.actor, reply_id=saved_reply_id, now=clock.now(), **fields)
    return SavedReplyAnswer.of(saved)


@operations.delete("/saved-replies/{int:saved_reply_id}", "inbox.configure")
def delete_saved_reply(request: ApiRequest, saved_reply_id: int) -> None:
    """Delete a saved reply"""
    library.delete_reply(actor=request.actor, reply_id=saved_reply_id, now=clock.now())


@operations.get("/cases/{int:case_id}/saved-replies/{int:saved_reply_id}", "inbox.reply", TextAnswer)
def fill_in_saved_reply(request: ApiRequest, case_id: int, saved_reply_id: int) -> TextAnswer:
    """Get the text of a saved reply for a case, its variables filled in"""
    case = cases.get(actor=request.actor, case_id=case_id)
    saved = library.saved_reply(request.actor, saved_reply_id)
    return TextAnswer(text=library.filled_in(actor=request.actor, saved=saved, case=case))
