"""Labels and saved replies for programs."""

from __future__ import annotations

from ninja import Query
from pydantic import Field

from kuemmerer.api import paging
from kuemmerer.api.fields import Answer, Input, Moment, PageInput, PageOf
from kuemmerer.api.operations import ApiRequest, Operations
from kuemmerer.core import clock
from kuemmerer.core.errors import NotFound
from kuemmerer.inbox import cases, library, reply_files
from kuemmerer.inbox.api.answers import LabelAnswer
from kuemmerer.inbox.automation import on_case
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
    used: int = Field(description="How many answers were written with it.")
    last_used_at: Moment | None

    @classmethod
    def of(cls, saved: SavedReply) -> SavedReplyAnswer:
        return cls(
            id=saved.pk,
            name=saved.name,
            language=saved.language,
            text=saved.text,
            used=saved.used,
            last_used_at=saved.last_used_at,
        )


class SavedReplyInput(Input):
    name: str
    text: str = Field(description="May hold the variables {first_name}, {name}, {company} and {agent}.")
    language: str = Field(
        default="", description="A code such as “de”; empty for any. A name may have one text a language."
    )


class SavedReplyChange(Input):
    name: str | None = None
    text: str | None = None
    language: str | None = None


class TextAnswer(Answer):
    text: str


class OfferAnswer(Answer):
    id: int
    name: str
    language: str
    text: str = Field(description="Its variables are filled in.")
    suggested: bool = Field(description="Whether an automation rule suggests it for the newest words.")


class SavedRepliesFileInput(Input):
    content: str = Field(description="The text of a CSV or JSON file with name, language and text.")
    existing: str = Field(
        default="skip", description="update or skip those of the same name and language that are there."
    )


class ImportedAnswer(Answer):
    added: int
    changed: int
    left: int = Field(description="Were there already and stay as they are.")


class FileAnswer(Answer):
    content: str


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
    kept = SavedReplyAnswer.of(present).model_dump(include={"name", "text", "language"})
    fields = kept | data.model_dump(exclude_none=True)
    saved = library.save_reply(actor=request.actor, reply_id=saved_reply_id, now=clock.now(), **fields)
    return SavedReplyAnswer.of(saved)


@operations.delete("/saved-replies/{int:saved_reply_id}", "inbox.configure")
def delete_saved_reply(request: ApiRequest, saved_reply_id: int) -> None:
    """Delete a saved reply"""
    library.delete_reply(actor=request.actor, reply_id=saved_reply_id, now=clock.now())


@operations.post("/saved-replies/import", "inbox.configure", ImportedAnswer)
def import_saved_replies(request: ApiRequest, data: SavedRepliesFileInput) -> ImportedAnswer:
    """Import saved replies from CSV or JSON, all or none

    If anything is wrong nothing is imported, and `problems` of the error names each wrong line (of JSON: each
    wrong entry).
    """
    done = reply_files.take_in(
        actor=request.actor, content=data.content.encode(), existing=data.existing, now=clock.now()
    )
    return ImportedAnswer(added=done.added, changed=done.changed, left=done.left)


@operations.get("/saved-replies/export", "inbox.configure", FileAnswer)
def export_saved_replies(request: ApiRequest) -> FileAnswer:
    """Get all saved replies as CSV, which can be imported again"""
    return FileAnswer(content=reply_files.written(request.actor))


@operations.get("/cases/{int:case_id}/saved-replies", "inbox.reply", PageOf[OfferAnswer])
def list_saved_replies_for_case(request: ApiRequest, case_id: int) -> PageOf[OfferAnswer]:
    """List the saved replies for a case, one for each name, in the language that fits

    What a rule suggests comes first, then what is used most.
    """
    case = cases.get(actor=request.actor, case_id=case_id)
    found = library.offers(actor=request.actor, case=case, suggestion=on_case.suggestion(case))
    return PageOf(items=[OfferAnswer(**vars(offer)) for offer in found], next=None)


@operations.get("/cases/{int:case_id}/saved-replies/{int:saved_reply_id}", "inbox.reply", TextAnswer)
def fill_in_saved_reply(request: ApiRequest, case_id: int, saved_reply_id: int) -> TextAnswer:
    """Get the text of a saved reply for a case, its variables filled in"""
    case = cases.get(actor=request.actor, case_id=case_id)
    saved = library.saved_reply(request.actor, saved_reply_id)
    return TextAnswer(text=library.filled_in(actor=request.actor, saved=saved, case=case))
