"""Cases, replies, notes, labels and saved replies for programs."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Annotated, Literal

from ninja import Header, Query
from pydantic import Field

from kuemmerer.accounts.access import Actor
from kuemmerer.api import paging
from kuemmerer.api.fields import Answer, Id, Input, Moment, PageInput, PageOf
from kuemmerer.api.operations import ApiRequest, Operations
from kuemmerer.api.workspace import PersonAnswer
from kuemmerer.channels.api import AuthorAnswer, InteractionAnswer
from kuemmerer.channels.models import Interaction
from kuemmerer.core import clock
from kuemmerer.core.errors import Invalid, NotFound
from kuemmerer.inbox import cases, conversation, library, lists, moderation, replies
from kuemmerer.inbox.models import Case, Label, Note, Reply, SavedReply
from kuemmerer.networks.base import Action

operations = Operations("Inbox")

NEWEST = PageInput(limit=100)

CaseStatus = Literal["open", "waiting", "snoozed", "closed"]


# --- what comes out -----------------------------------------------------------------------------------------


class LabelAnswer(Answer):
    id: int
    name: str
    color: int

    @classmethod
    def of(cls, label: Label) -> LabelAnswer:
        return cls(id=label.pk, name=label.name, color=label.color)


class CaseAnswer(Answer):
    id: int
    channel_id: int
    thread_id: int
    author: AuthorAnswer
    status: str
    kind: str
    excerpt: str
    assignee: PersonAnswer | None
    labels: list[LabelAnswer]
    opened_at: Moment
    last_at: Moment = Field(description="When the author last wrote.")
    unanswered_since: Moment | None
    due_at: Moment | None
    overdue: bool
    snoozed_until: Moment | None
    answered_at: Moment | None
    closed_at: Moment | None

    @classmethod
    def of(cls, case: Case, now: datetime) -> CaseAnswer:
        return cls(
            id=case.pk,
            channel_id=case.channel_id,
            thread_id=case.thread_id,
            author=AuthorAnswer.of(case.author),
            status=case.status,
            kind=case.kind,
            excerpt=case.excerpt,
            assignee=PersonAnswer.of(case.assignee) if case.assignee else None,
            labels=[LabelAnswer.of(label) for label in case.labels.all()],
            opened_at=case.opened_at,
            last_at=case.last_at,
            unanswered_since=case.unanswered_since,
            due_at=case.due_at,
            overdue=case.is_overdue(now),
            snoozed_until=case.snoozed_until,
            answered_at=case.answered_at,
            closed_at=case.closed_at,
        )


class ReplyProblem(Answer):
    code: str
    detail: str


class ReplyAnswer(Answer):
    id: int
    case_id: int
    interaction_id: int
    channel_id: int
    author: PersonAnswer | None
    text: str
    state: str = Field(description="pending, sending, delivered, rejected or unknown")
    needs_person: bool = Field(description="Whether it stands still until somebody decides.")
    problem: ReplyProblem | None
    close: bool
    written_at: Moment
    attempts: int
    next_at: Moment | None = Field(description="The next attempt, or the next question whether it arrived.")
    delivered_at: Moment | None
    remote_id: str
    url: str

    @classmethod
    def of(cls, reply: Reply) -> ReplyAnswer:
        return cls(
            id=reply.pk,
            case_id=reply.case_id,
            interaction_id=reply.interaction_id,
            channel_id=reply.channel_id,
            author=PersonAnswer.of(reply.author) if reply.author else None,
            text=reply.text,
            state=reply.state,
            needs_person=reply.needs_person,
            problem=ReplyProblem(code=reply.problem, detail=reply.problem_sentence)
            if reply.problem
            else None,
            close=reply.close_after,
            written_at=reply.written_at,
            attempts=reply.attempts,
            next_at=reply.next_at,
            delivered_at=reply.delivered_at,
            remote_id=reply.remote_id,
            url=reply.url,
        )


class NoteAnswer(Answer):
    id: int
    case_id: int
    author: PersonAnswer | None
    text: str
    created_at: Moment

    @classmethod
    def of(cls, note: Note) -> NoteAnswer:
        return cls(
            id=note.pk,
            case_id=note.case_id,
            author=PersonAnswer.of(note.author) if note.author else None,
            text=note.text,
            created_at=note.created_at,
        )


class CaseDetail(CaseAnswer):
    own_interaction_ids: list[int] = Field(description="Which interactions of the thread make up this case.")
    thread: PageOf[InteractionAnswer] = Field(
        description="The conversation, the newest first; `next` goes on at `GET /cases/{case_id}/thread`."
    )
    replies: list[ReplyAnswer] = Field(description="The newest 100.")
    notes: list[NoteAnswer] = Field(description="The newest 100.")
    earlier_cases: list[CaseAnswer] = Field(description="Other cases of the same author, the newest first.")
    opening: str = Field(description="What the network wants an answer to begin with, such as a mention.")
    most_units: int | None = Field(description="How long an answer may be, in the network's own units.")


def _thread(case: Case, page: PageInput) -> PageOf[InteractionAnswer]:
    rows = Interaction.objects.filter(thread=case.thread_id, kind__in=conversation.SHOWN_KINDS)
    found, following = paging.by_time(rows.select_related("author").defer("raw"), page, field="created_at")
    return PageOf(items=[InteractionAnswer.of(row) for row in found], next=following)


def _replies(case: Case, page: PageInput) -> PageOf[ReplyAnswer]:
    rows = Reply.objects.filter(case=case).select_related("author")
    found, following = paging.by_id(rows, page, newest_first=True)
    return PageOf(items=[ReplyAnswer.of(reply) for reply in found], next=following)


def _notes(case: Case, page: PageInput) -> PageOf[NoteAnswer]:
    rows = Note.objects.filter(case=case).select_related("author")
    found, following = paging.by_id(rows, page, newest_first=True)
    return PageOf(items=[NoteAnswer.of(note) for note in found], next=following)


def _case(actor: Actor, case_id: int) -> CaseAnswer:
    return CaseAnswer.of(cases.get(actor=actor, case_id=case_id), clock.now())


# --- lists --------------------------------------------------------------------------------------------------


class CaseFilter(PageInput):
    view: lists.View = lists.View.ALL
    status: CaseStatus | None = None
    assignee: Annotated[str, Field(pattern=r"^(me|none|[1-9][0-9]{0,17})$")] | None = Field(
        default=None, description="“me”, “none” or the id of a user; “none” is the view of the unassigned."
    )
    channel: Id | None = None
    label: Id | None = None
    search: str = Field(default="", max_length=200)


class CountsAnswer(Answer):
    open: int
    mine: int
    unassigned: int
    due: int
    overdue: int


@operations.get("/cases", "inbox.view", PageOf[CaseAnswer])
def list_cases(request: ApiRequest, wanted: Query[CaseFilter]) -> PageOf[CaseAnswer]:
    """List cases

    Views: mine, unassigned, due (today), overdue, all. Without a status all but “all” show what is open.
    Open cases come in the order of their deadlines, all others with the newest words first.
    """
    now = clock.now()
    view, assignee_id = _view_and_assignee(request.actor, wanted)
    found = lists.case_list(
        actor=request.actor,
        view=view,
        now=now,
        status=wanted.status,
        channel_id=wanted.channel,
        label_id=wanted.label,
        assignee_id=assignee_id,
        search=wanted.search.strip(),
        after=wanted.after or None,
        limit=wanted.limit,
    )
    items = [CaseAnswer.of(case, now) for case in lists.with_relations(found.cases)]
    return PageOf(items=items, next=found.next)


def _view_and_assignee(actor: Actor, wanted: CaseFilter) -> tuple[lists.View, int | None]:
    if wanted.assignee is None:
        return wanted.view, None
    if wanted.assignee == "me":
        return wanted.view, actor.user.pk
    if wanted.assignee != "none":
        return wanted.view, int(wanted.assignee)
    if wanted.view not in {lists.View.ALL, lists.View.UNASSIGNED}:
        raise Invalid("assignee=none is a view of its own; leave out `view`.", field="assignee")
    return lists.View.UNASSIGNED, None


@operations.get("/cases/counts", "inbox.view", CountsAnswer)
def count_cases(request: ApiRequest) -> CountsAnswer:
    """Count the open cases of each view

    Counted up to 100: that many or more.
    """
    now = clock.now()
    counts = lists.counts(actor=request.actor, now=now)
    return CountsAnswer(**{view.value: number for view, number in counts.items()})


@operations.get("/cases/{int:case_id}", "inbox.view", CaseDetail)
def get_case(request: ApiRequest, case_id: int) -> CaseDetail:
    """Get a case with its conversation, replies, notes and author"""
    now = clock.now()
    case = cases.get(actor=request.actor, case_id=case_id)
    own = Interaction.objects.filter(case_interaction__case=case).order_by("created_at", "pk")
    return CaseDetail(
        **CaseAnswer.of(case, now).model_dump(),
        own_interaction_ids=list(own.values_list("pk", flat=True)),
        thread=_thread(case, NEWEST),
        replies=list(_replies(case, NEWEST).items),
        notes=list(_notes(case, NEWEST).items),
        earlier_cases=[CaseAnswer.of(other, now) for other in conversation.earlier_cases(case)],
        opening=replies.opening(case),
        most_units=case.channel.limits.max_units,
    )


@operations.get("/cases/{int:case_id}/thread", "inbox.view", PageOf[InteractionAnswer])
def list_thread(request: ApiRequest, case_id: int, page: Query[PageInput]) -> PageOf[InteractionAnswer]:
    """List the conversation of a case, the newest first"""
    return _thread(cases.get(actor=request.actor, case_id=case_id), page)


# --- what is done with a case -------------------------------------------------------------------------------


class AssignInput(Input):
    assignee: Id | Literal["me"] | None = Field(description="The id of a user, “me”, or null for nobody.")


class SnoozeInput(Input):
    until: Moment


@operations.post("/cases/{int:case_id}/assign", "inbox.work", CaseAnswer)
def assign_case(request: ApiRequest, case_id: int, data: AssignInput) -> CaseAnswer:
    """Make somebody the owner of a case, or nobody"""
    user_id = request.actor.user.pk if data.assignee == "me" else data.assignee
    cases.assign(actor=request.actor, case_id=case_id, user_id=user_id, now=clock.now())
    return _case(request.actor, case_id)


@operations.post("/cases/{int:case_id}/close", "inbox.work", CaseAnswer)
def close_case(request: ApiRequest, case_id: int) -> CaseAnswer:
    """Close a case

    New words of its author open it again. While an answer is on its way it cannot be closed (409).
    """
    cases.close(actor=request.actor, case_id=case_id, now=clock.now())
    return _case(request.actor, case_id)


@operations.post("/cases/{int:case_id}/reopen", "inbox.work", CaseAnswer)
def reopen_case(request: ApiRequest, case_id: int) -> CaseAnswer:
    """Open a case again, with a deadline from now on"""
    cases.reopen(actor=request.actor, case_id=case_id, now=clock.now())
    return _case(request.actor, case_id)


@operations.post("/cases/{int:case_id}/snooze", "inbox.work", CaseAnswer)
def snooze_case(request: ApiRequest, case_id: int, data: SnoozeInput) -> CaseAnswer:
    """Put a case aside until a moment

    New words of its author bring it back sooner.
    """
    cases.snooze(actor=request.actor, case_id=case_id, until=data.until, now=clock.now())
    return _case(request.actor, case_id)


@operations.put("/cases/{int:case_id}/labels/{int:label_id}", "inbox.work", CaseAnswer)
def label_case(request: ApiRequest, case_id: int, label_id: int) -> CaseAnswer:
    """Put a label on a case"""
    cases.label(actor=request.actor, case_id=case_id, label_id=label_id, on=True, now=clock.now())
    return _case(request.actor, case_id)


@operations.delete("/cases/{int:case_id}/labels/{int:label_id}", "inbox.work", CaseAnswer)
def unlabel_case(request: ApiRequest, case_id: int, label_id: int) -> CaseAnswer:
    """Take a label off a case"""
    cases.label(actor=request.actor, case_id=case_id, label_id=label_id, on=False, now=clock.now())
    return _case(request.actor, case_id)


# --- notes --------------------------------------------------------------------------------------------------


class NoteInput(Input):
    text: str


@operations.get("/cases/{int:case_id}/notes", "inbox.view", PageOf[NoteAnswer])
def list_notes(request: ApiRequest, case_id: int, page: Query[PageInput]) -> PageOf[NoteAnswer]:
    """List the notes on a case, the newest first"""
    return _notes(cases.get(actor=request.actor, case_id=case_id), page)


@operations.post("/cases/{int:case_id}/notes", "inbox.note", NoteAnswer, status=201)
def add_note(request: ApiRequest, case_id: int, data: NoteInput) -> NoteAnswer:
    """Write an internal note, which never leaves the house"""
    note = cases.add_note(actor=request.actor, case_id=case_id, text=data.text, now=clock.now())
    return NoteAnswer.of(note)


# --- replies ------------------------------------------------------------------------------------------------


class ReplyInput(Input):
    text: str
    interaction: Id | None = Field(
        default=None, description="Which interaction of the case to answer; the newest if left out."
    )
    close: bool = Field(default=False, description="Whether to close the case when the answer has arrived.")


class SendAgainInput(Input):
    text: str | None = Field(default=None, description="Another text; the same if left out.")


class DecideInput(Input):
    arrived: bool = Field(description="True: it is there. False: it is not, so it goes out again.")


@operations.get("/cases/{int:case_id}/replies", "inbox.view", PageOf[ReplyAnswer])
def list_replies(request: ApiRequest, case_id: int, page: Query[PageInput]) -> PageOf[ReplyAnswer]:
    """List the answers to a case, the newest first"""
    return _replies(cases.get(actor=request.actor, case_id=case_id), page)


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
            description="Any text. The same key twice on one case is one answer: a request may be repeated.",
        ),
    ] = None,
) -> ReplyAnswer:
    """Answer a case

    Exactly this text is sent, once, by the worker. `GET /replies/{reply_id}` tells when it has arrived.
    """
    reply = replies.write(
        actor=request.actor,
        case_id=case_id,
        text=data.text,
        interaction_id=data.interaction,
        close=data.close,
        key=_key(case_id, idempotency_key),
        now=clock.now(),
    )
    return ReplyAnswer.of(reply)


def _key(case_id: int, idempotency_key: str | None) -> str:
    """The delivery key for a client's key: of the form that networks take, never the same for two cases."""
    if not idempotency_key:
        return ""
    return hashlib.sha256(f"{case_id}:{idempotency_key}".encode()).hexdigest()[:32]


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


# --- interactions -------------------------------------------------------------------------------------------


class ActionInput(Input):
    action: Action


class ActionsAnswer(Answer):
    actions: list[Action]


@operations.get("/interactions/{int:interaction_id}/actions", "inbox.view", ActionsAnswer)
def list_actions(request: ApiRequest, interaction_id: int) -> ActionsAnswer:
    """List what can be done with an interaction at its network now"""
    found = (
        Interaction.objects.filter(workspace=request.actor.workspace, pk=interaction_id)
        .select_related("channel")
        .first()
    )
    if found is None:
        raise NotFound
    return ActionsAnswer(actions=moderation.possible(found.channel, found))


@operations.post("/interactions/{int:interaction_id}/actions", "inbox.moderate", InteractionAnswer)
def act_on_interaction(request: ApiRequest, interaction_id: int, data: ActionInput) -> InteractionAnswer:
    """Like, hide, approve … an interaction at its network

    All actions may be repeated.
    """
    found = moderation.act(
        actor=request.actor, interaction_id=interaction_id, action=data.action, now=clock.now()
    )
    return InteractionAnswer.of(found)


# --- labels -------------------------------------------------------------------------------------------------


class LabelInput(Input):
    name: str
    color: int = Field(default=0, description="The number of one of eight chip colours, 0 to 7.")


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
