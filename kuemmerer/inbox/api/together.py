"""The same done to many cases, and taken back, for programs."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from kuemmerer.api.fields import Answer, Id, Input, Moment
from kuemmerer.api.operations import ApiRequest, Operations
from kuemmerer.core import clock
from kuemmerer.inbox import bulk
from kuemmerer.inbox.bulk import Do, Order
from kuemmerer.inbox.models import BulkRun

operations = Operations("Inbox")


class BulkInput(Input):
    do: Literal["assign", "label", "unlabel", "priority", "team", "snooze", "close", "reopen"]
    cases: list[Id] = Field(min_length=1, max_length=bulk.MOST, description="Ids, 1,000 at most.")
    value: Id | None = Field(
        default=None,
        description="assign: the id of a user, null for nobody. label, unlabel: the id of a label. priority: "
        "1 (low) to 4 (urgent). team: the id of a team, null for none.",
    )
    until: Moment | None = Field(default=None, description="snooze: until when.")
    seen_at: Moment | None = Field(
        default=None,
        description="When the list was looked at: cases whose author has written since are neither closed "
        "nor snoozed.",
    )


class BulkAnswer(Answer):
    id: int
    done: int
    unchanged: int = Field(description="Cases that were so already.")
    skipped: dict[str, int] = Field(
        description="How many were left out and why: `on_its_way` (an answer to it is on its way, so it is "
        "not closed), `new_words` (since `seen_at`), `gone` (no such case)."
    )
    undo_until: datetime
    undone_at: datetime | None

    @classmethod
    def of(cls, run: BulkRun) -> BulkAnswer:
        return cls(
            id=run.pk,
            done=run.done,
            unchanged=run.unchanged,
            skipped=run.skipped,
            undo_until=run.created_at + bulk.UNDO_FOR,
            undone_at=run.undone_at,
        )


class UndoneAnswer(Answer):
    restored: int = Field(description="Cases that are as they were.")
    left: int = Field(description="Cases that were changed meanwhile, and left as they are.")


@operations.post("/cases/together", "inbox.work", BulkAnswer, status=201)
def change_cases_together(request: ApiRequest, data: BulkInput) -> BulkAnswer:
    """Do the same to many cases at once

    By the rules of the single operations; what cannot be done to one case leaves that one out. For an hour
    all of it can be undone.
    """
    value = data.until if data.do == "snooze" else data.value
    made = bulk.run(
        actor=request.actor,
        order=Order(do=Do(data.do), value=value),
        case_ids=data.cases,
        now=clock.now(),
        seen_at=data.seen_at,
    )
    return BulkAnswer.of(made)


@operations.post("/cases/together/{int:run_id}/undo", "inbox.work", UndoneAnswer)
def undo_cases_together(request: ApiRequest, run_id: int) -> UndoneAnswer:
    """Undo what was done to many cases

    Each is again what it was, with the deadline that it would have; what somebody has changed since is left.
    Possible for an hour (409 later). A second call changes nothing.
    """
    done = bulk.undo(actor=request.actor, run_id=run_id, now=clock.now())
    return UndoneAnswer(restored=done.restored, left=done.left)
