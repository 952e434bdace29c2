"""Notes for programs."""

from __future__ import annotations

from ninja import Query

from kuemmerer.api.fields import Input, PageInput, PageOf
from kuemmerer.api.operations import ApiRequest, Operations
from kuemmerer.core import clock
from kuemmerer.inbox import cases, notes
from kuemmerer.inbox.api.answers import NoteAnswer, page_of_notes

operations = Operations("Inbox")


class NoteInput(Input):
    text: str


@operations.get("/cases/{int:case_id}/notes", "inbox.view", PageOf[NoteAnswer])
def list_notes(request: ApiRequest, case_id: int, page: Query[PageInput]) -> PageOf[NoteAnswer]:
    """List the notes on a case, the newest first"""
    return page_of_notes(cases.get(actor=request.actor, case_id=case_id), page)


@operations.post("/cases/{int:case_id}/notes", "inbox.note", NoteAnswer, status=201)
def add_note(request: ApiRequest, case_id: int, data: NoteInput) -> NoteAnswer:
    """Write an internal note, which never leaves the house

    Members who are mentioned in it (“@Jana Sommer”, “@jana”, or as in the e-mail address) are told.
    """
    note = notes.add(actor=request.actor, case_id=case_id, text=data.text, now=clock.now())
    return NoteAnswer.of(note)
