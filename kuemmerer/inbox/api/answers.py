"""How cases, replies and notes look to programs."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from kuemmerer.api import paging
from kuemmerer.api.fields import Answer, Moment, PageInput, PageOf
from kuemmerer.api.workspace import PersonAnswer
from kuemmerer.channels.api import AuthorAnswer
from kuemmerer.inbox.models import Case, Label, Note, Reply
from kuemmerer.inbox.search import Match


class LabelAnswer(Answer):
    id: int
    name: str
    color: int

    @classmethod
    def of(cls, label: Label) -> LabelAnswer:
        return cls(id=label.pk, name=label.name, color=label.color)


class PartAnswer(Answer):
    text: str
    marked: bool = Field(description="Whether this was looked for.")


class MatchAnswer(Answer):
    kind: Literal["interaction", "reply", "note"]
    id: int = Field(description="The id of the interaction, reply or note.")
    parts: list[PartAnswer] = Field(description="The part of the text around the words, on one line.")

    @classmethod
    def of(cls, match: Match) -> MatchAnswer:
        parts = [PartAnswer(text=part.text, marked=part.marked) for part in match.parts]
        return cls(kind=match.kind, id=match.id, parts=parts)


class CaseAnswer(Answer):
    id: int
    channel_id: int
    thread_id: int
    author: AuthorAnswer
    status: str
    kind: str
    excerpt: str
    assignee: PersonAnswer | None
    team_id: int | None
    intent: str
    priority: int
    labels: list[LabelAnswer]
    opened_at: Moment
    last_at: Moment = Field(description="When the author last wrote.")
    revision: int = Field(description="Goes up with each word of the author and each answer of ours.")
    unanswered_since: Moment | None
    due_at: Moment | None
    deadline_rule_id: int | None = Field(description="The rule behind `due_at`; null for the policy.")
    overdue: bool
    snoozed_until: Moment | None
    answered_at: Moment | None
    closed_at: Moment | None
    match: MatchAnswer | None = Field(
        default=None, description="Of a search: the newest text of this case that fits."
    )

    @classmethod
    def of(cls, case: Case, now: datetime, match: Match | None = None) -> CaseAnswer:
        return cls(
            match=MatchAnswer.of(match) if match else None,
            id=case.pk,
            channel_id=case.channel_id,
            thread_id=case.thread_id,
            author=AuthorAnswer.of(case.author),
            status=case.status,
            kind=case.kind,
            excerpt=case.excerpt,
            assignee=PersonAnswer.of(case.assignee) if case.assignee else None,
            labels=[LabelAnswer.of(label) for label in case.labels.all()],
            team_id=case.team_id,
            intent=case.intent,
            priority=case.priority,
            opened_at=case.opened_at,
            last_at=case.last_at,
            revision=case.revision,
            unanswered_since=case.unanswered_since,
            due_at=case.due_at,
            deadline_rule_id=case.rule_id,
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
    approval: str = Field(description="waiting, approved, returned, or empty where none is asked for")
    remark: str = Field(description="Why it was returned.")
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
            approval=reply.approval,
            remark=reply.remark,
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


def page_of_replies(case: Case, page: PageInput) -> PageOf[ReplyAnswer]:
    rows = Reply.objects.filter(case=case).select_related("author")
    found, following = paging.by_id(rows, page, newest_first=True)
    return PageOf(items=[ReplyAnswer.of(reply) for reply in found], next=following)


def page_of_notes(case: Case, page: PageInput) -> PageOf[NoteAnswer]:
    rows = Note.objects.filter(case=case).select_related("author")
    found, following = paging.by_id(rows, page, newest_first=True)
    return PageOf(items=[NoteAnswer.of(note) for note in found], next=following)
