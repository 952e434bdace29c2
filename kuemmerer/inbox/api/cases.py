"""Lists of cases, one case, and what is done with it."""

from __future__ import annotations

from typing import Annotated, Literal

from ninja import Query
from pydantic import Field

from kuemmerer.accounts.access import Actor
from kuemmerer.api import paging
from kuemmerer.api.fields import Answer, Id, Input, Moment, PageInput, PageOf
from kuemmerer.api.operations import ApiRequest, Operations
from kuemmerer.channels.api import InteractionAnswer
from kuemmerer.channels.models import Interaction
from kuemmerer.core import clock
from kuemmerer.core.errors import Invalid
from kuemmerer.inbox import cases, conversation, lists, merging, replies
from kuemmerer.inbox.api.answers import CaseAnswer, NoteAnswer, ReplyAnswer, page_of_notes, page_of_replies
from kuemmerer.inbox.models import Case

operations = Operations("Inbox")

NEWEST = PageInput(limit=100)

CaseStatus = Literal["open", "waiting", "snoozed", "closed"]


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
    threads = merging.thread_ids(case)
    rows = Interaction.objects.filter(thread__in=threads, kind__in=conversation.SHOWN_KINDS)
    found, following = paging.by_time(rows.select_related("author").defer("raw"), page, field="created_at")
    return PageOf(items=[InteractionAnswer.of(row) for row in found], next=following)


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
    search: str = Field(
        default="",
        max_length=200,
        description="Words that must all be there, in interactions, replies, notes or the author’s name; "
        "“exact phrases” in quotes, -exclusions, beginnings* with a star. The newest match comes first, and "
        "a page may hold fewer cases than there are: go on while there is a `next`.",
    )


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
    items = [
        CaseAnswer.of(case, now, found.matches.get(case.pk)) for case in lists.with_relations(found.cases)
    ]
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
        replies=list(page_of_replies(case, NEWEST).items),
        notes=list(page_of_notes(case, NEWEST).items),
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


class ClassifyInput(Input):
    intent: str | None = Field(
        default=None,
        description="question, complaint, compensation, praise, suggestion, application, business, spam, "
        "chatter, or empty for none.",
    )
    priority: int | None = Field(default=None, description="1 (low) to 4 (urgent)")
    team: Id | None = None


class SnoozeInput(Input):
    until: Moment


class MergeCasesInput(Input):
    case: Id = Field(description="The id of the case that becomes a part of this one.")


class SplitInput(Input):
    from_interaction: Id | None = Field(default=None, description="This one and all later ones of the case.")
    interactions: list[Id] | None = Field(default=None, max_length=1000, description="Or just these.")


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


@operations.post("/cases/{int:case_id}/classify", "inbox.work", CaseAnswer)
def classify_case(request: ApiRequest, case_id: int, data: ClassifyInput) -> CaseAnswer:
    """Say what a case is about, how urgent it is and which team looks after it

    What is left out stays as it is; `team` null takes it from its team. The deadline follows the rules.
    """
    now = clock.now()
    if data.intent is not None or data.priority is not None:
        cases.classify(
            actor=request.actor, case_id=case_id, intent=data.intent, priority=data.priority, now=now
        )
    if "team" in data.model_fields_set:
        cases.hand_to_team(actor=request.actor, case_id=case_id, team_id=data.team, now=now)
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


@operations.post("/cases/{int:case_id}/merge", "inbox.work", CaseAnswer)
def merge_case(request: ApiRequest, case_id: int, data: MergeCasesInput) -> CaseAnswer:
    """Make another case of the same author a part of this one

    It brings its words, answers, notes and labels; its id leads here from now on. Only cases of the same
    author on the same channel can be merged (409).
    """
    made = merging.merge(actor=request.actor, case_id=data.case, into_id=case_id, now=clock.now())
    return _case(request.actor, made.pk)


@operations.post("/cases/{int:case_id}/split", "inbox.work", CaseAnswer, status=201)
def split_case(request: ApiRequest, case_id: int, data: SplitInput) -> CaseAnswer:
    """Make a new case of some of the words of a case

    Their answers go along, notes stay. New words of the conversation come to the new case.
    """
    cases.get(actor=request.actor, case_id=case_id)
    if (data.from_interaction is None) == (data.interactions is None):
        raise Invalid("Give either `from_interaction` or `interactions`.", field="from_interaction")
    chosen = data.interactions or []
    if data.from_interaction is not None:
        chosen = merging.from_here_on(
            actor=request.actor, case_id=case_id, interaction_id=data.from_interaction
        )
    made = merging.split(actor=request.actor, case_id=case_id, interaction_ids=chosen, now=clock.now())
    return _case(request.actor, made.pk)
