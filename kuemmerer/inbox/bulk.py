"""The same done to many cases at once, and taken back: each by the rules of the single deed in `cases`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from kuemmerer.accounts.access import Actor
from kuemmerer.accounts.models import Membership, Team
from kuemmerer.channels import interactions
from kuemmerer.channels.delivery import State
from kuemmerer.channels.privacy import pieces
from kuemmerer.core.errors import Conflict, Invalid, NotFound
from kuemmerer.core.models import record_all
from kuemmerer.core.rows import insert
from kuemmerer.inbox import deadlines, telling
from kuemmerer.inbox.deadlines import RuleBook
from kuemmerer.inbox.models import (
    BulkRun,
    BulkStep,
    Case,
    CaseInteraction,
    CaseLabel,
    Label,
    Priority,
    ReadMark,
    Reply,
    Status,
)

MOST = 1_000
"""Cases in one run."""
UNDO_FOR = timedelta(hours=1)
KEPT = timedelta(days=1)
"""How long a run is kept: who comes too late for undoing it is told so."""

Do = BulkRun.Do

ON_ITS_WAY = "on_its_way"
NEW_WORDS = "new_words"
GONE = "gone"
REASONS = (ON_ITS_WAY, NEW_WORDS, GONE)
"""Why a case was left out: an answer to it is on its way, its author wrote meanwhile, it does not exist."""

_VERBS = {
    Do.ASSIGN: "assigned",
    Do.LABEL: "labelled",
    Do.UNLABEL: "unlabelled",
    Do.PRIORITY: "set priority",
    Do.TEAM: "handed to team",
    Do.SNOOZE: "snoozed",
    Do.CLOSE: "closed",
    Do.REOPEN: "reopened",
}
_COLUMN = {Do.ASSIGN: "assignee_id", Do.PRIORITY: "priority", Do.TEAM: "team_id"}
_STATE = ("status", "snoozed_until", "closed_at", "unanswered_since", "paused_at", "paused")
_SEEN = ("answered_at", "last_at")
"""What tells besides that a case went on since: nobody sets it by a bulk run."""
_SETTLED = "settled"
_SAVED = ("assignee", "priority", "team", "status", "snoozed_until", "closed_at", *deadlines.CLOCK_FIELDS)


@dataclass(frozen=True, kw_only=True)
class Order:
    """What is to be done. `value` is the id of a user (None: nobody), label or team (None: no team), a
    priority, or the moment until which to snooze; closing and reopening have none.
    """

    do: BulkRun.Do
    value: int | datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Undone:
    """How many cases are as they were, and how many were left because they had been changed meanwhile."""

    restored: int
    left: int


@transaction.atomic
def run(
    *, actor: Actor, order: Order, case_ids: Collection[int], now: datetime, seen_at: datetime | None = None
) -> BulkRun:
    """Do it to these cases. What cannot be done to one of them leaves that one out; `skipped` says why.

    `seen_at`: when the person saw the list. Cases whose author has written since are then neither closed nor
    snoozed. Raises Invalid (no case, more than `MOST`, no such value), NotFound (label, team), Forbidden.
    """
    actor.need("inbox.work")
    label = _checked(actor, order, now)
    ids = sorted(set(case_ids))
    if not ids:
        raise Invalid(_("Tick at least one case."), field="cases")
    if len(ids) > MOST:
        raise Invalid(_("At most 1,000 cases can be changed at once."), field="cases")
    cases = _locked(actor, ids)
    left_out = _left_out(order, cases, seen_at) | {pk: GONE for pk in ids if pk not in cases}
    todo = [case for case in cases.values() if case.pk not in left_out]
    book, labels = RuleBook(actor.workspace), deadlines.labels_of(todo)
    steps = []
    for case in todo:
        before = _facts(order.do, order.value, case, labels[case.pk])
        if _do(order, case, labels[case.pk], book, now):
            steps.append((case, before, _facts(order.do, order.value, case, labels[case.pk])))
    _save([case for case, _before, _after in steps], order.do)
    if order.do in {Do.LABEL, Do.UNLABEL}:
        _put_label(int(label.pk), [case.pk for case, _b, _a in steps], on=order.do == Do.LABEL)  # type: ignore[union-attr]
    made = BulkRun.objects.create(
        workspace=actor.workspace,
        user=actor.user,
        do=order.do,
        value=_text(order.value),
        created_at=now,
        done=len(steps),
        unchanged=len(todo) - len(steps),
        skipped=dict(Counter(left_out.values())),
    )
    insert(
        BulkStep,
        [
            {"run_id": made.pk, "case_id": case.pk, "before": before, "after": after}
            for case, before, after in steps
        ],
    )
    _record(actor, made, _VERBS[order.do], [case.pk for case, _b, _a in steps], now, label)
    _tell(actor, [case for case, _b, _a in steps], order.do, now)
    return made


@transaction.atomic
def undo(*, actor: Actor, run_id: int, now: datetime) -> Undone:
    """Make the cases of a run what they were before it, with the deadlines that they would have without it.
    Those that were changed in the same respect since stay as they are.

    A second call changes nothing and returns the same. Raises Conflict an hour after the run, NotFound,
    Forbidden.
    """
    actor.need("inbox.work")
    made = BulkRun.objects.select_for_update().filter(workspace=actor.workspace, pk=run_id).first()
    if made is None:
        raise NotFound
    if made.undone_at is None:
        if now - made.created_at > UNDO_FOR:
            raise Conflict(_("This was done more than an hour ago and can no longer be undone at once."))
        made.restored, made.undone_at = _undo(actor, made, now), now
        made.save(update_fields=["restored", "undone_at"])
    return Undone(restored=made.restored, left=made.done - made.restored)


def tidy(now: datetime) -> int:
    """Forget runs that cannot be undone any more; returns how many."""
    old = list(BulkRun.objects.filter(created_at__lt=now - KEPT).values_list("pk", flat=True)[:100])
    BulkRun.objects.filter(pk__in=old).delete()
    return len(old)


# --- before


def _checked(actor: Actor, order: Order, now: datetime) -> Label | None:
    """The label that an order is about. Raises if its value is none."""
    value = order.value
    match order.do:
        case Do.ASSIGN:
            if value is not None and value not in _members(actor):
                raise Invalid(_("This person is not a member of the workspace."), field="user")
        case Do.PRIORITY:
            if value not in Priority.values:
                raise Invalid(_("There is no such priority."), field="priority")
        case Do.TEAM:
            if value is not None and value not in _teams(actor):
                raise NotFound(_("This team does not exist (any more)."))
        case Do.SNOOZE:
            if not isinstance(value, datetime) or value <= now:
                raise Invalid(_("Choose a time in the future."), field="until")
        case Do.LABEL | Do.UNLABEL:
            number = value if isinstance(value, int) else 0
            found = Label.objects.filter(workspace=actor.workspace, pk=number).first()
            if found is None:
                raise NotFound(_("This label does not exist (any more)."))
            return found
    return None


def _members(actor: Actor) -> set[int]:
    return set(Membership.objects.filter(workspace=actor.workspace).values_list("user_id", flat=True))


def _teams(actor: Actor) -> set[int]:
    return set(Team.objects.filter(workspace=actor.workspace).values_list("pk", flat=True))


def _locked(actor: Actor, ids: Sequence[int]) -> dict[int, Case]:
    """The cases, locked. First the marks of their channels and then the cases by their ids, as who makes
    cases of new words does it: so nobody waits in a circle.
    """
    rows = Case.objects.filter(workspace=actor.workspace)
    channels = {
        pk
        for some in pieces(ids)
        for pk in rows.filter(pk__in=some).values_list("channel", flat=True).distinct()
    }
    marks = ReadMark.objects.select_for_update().filter(channel__in=channels).order_by("channel")
    list(marks.values_list("pk", flat=True))
    found = [
        case for some in pieces(ids) for case in rows.select_for_update().filter(pk__in=some).order_by("pk")
    ]
    return {case.pk: case for case in found}


def _left_out(order: Order, cases: Mapping[int, Case], seen_at: datetime | None) -> dict[int, str]:
    """What this cannot be done to, and why."""
    found: dict[int, str] = {}
    for some in pieces(cases):
        if seen_at is not None and order.do in {Do.CLOSE, Do.SNOOZE}:
            words = CaseInteraction.objects.filter(case__in=some, interaction__fetched_at__gt=seen_at)
            found |= dict.fromkeys(words.values_list("case", flat=True), NEW_WORDS)
        if order.do == Do.CLOSE:
            under_way = [State.PENDING, State.SENDING, State.UNKNOWN]
            replies = Reply.objects.filter(case__in=some, state__in=under_way)
            found |= dict.fromkeys(replies.values_list("case", flat=True), ON_ITS_WAY)
    return found


# --- what is done to one case


def _do(order: Order, case: Case, labels: set[int], book: RuleBook, now: datetime) -> bool:
    """Do it to a case in memory; returns whether that changes anything."""
    match order.do:
        case Do.ASSIGN | Do.PRIORITY | Do.TEAM:
            if getattr(case, _COLUMN[order.do]) == order.value:
                return False
            setattr(case, _COLUMN[order.do], order.value)
        case Do.LABEL | Do.UNLABEL:
            if (order.value in labels) == (order.do == Do.LABEL):
                return False
            labels ^= {order.value}  # type: ignore[arg-type]
        case Do.SNOOZE:
            if (case.status, case.snoozed_until) == (Status.SNOOZED, order.value):
                return False
            case.status, case.snoozed_until, case.closed_at = Status.SNOOZED, order.value, None  # type: ignore[assignment]
            deadlines.pause(case, now=now)
            return True
        case Do.CLOSE:
            if case.status == Status.CLOSED:
                return False
            case.status, case.closed_at, case.snoozed_until = Status.CLOSED, now, None
            deadlines.stop(case)
            return True
        case Do.REOPEN:
            if case.status == Status.OPEN:
                return False
            case.status, case.closed_at, case.snoozed_until = Status.OPEN, None, None
            deadlines.resume(case, now=now, book=book, label_ids=labels)
            deadlines.start(case, since=case.unanswered_since or now, book=book, label_ids=labels)
            return True
    if order.do != Do.ASSIGN:
        book.set_due(case, labels)
    return True


def _save(cases: Sequence[Case], do: str) -> None:
    if do == Do.ASSIGN:
        fields: tuple[str, ...] = ("assignee",)
    elif do in {Do.SNOOZE, Do.CLOSE, Do.REOPEN}:
        fields = ("status", "snoozed_until", "closed_at", *deadlines.CLOCK_FIELDS)
    else:
        fields = (
            *({"priority": ["priority"], "team": ["team"]}.get(do, [])),
            "due_at",
            "rule",
            "escalate_at",
        )
    interactions.save_all(Case, cases, fields)


def _put_label(label_id: int, case_ids: Iterable[int], *, on: bool) -> None:
    for some in pieces(case_ids):
        if on:
            rows = [CaseLabel(case_id=pk, label_id=label_id) for pk in some]
            CaseLabel.objects.bulk_create(rows, ignore_conflicts=True)
        else:
            CaseLabel.objects.filter(label=label_id, case__in=some).delete()


def _record(
    actor: Actor, made: BulkRun, verb: str, case_ids: Sequence[int], now: datetime, label: Label | None = None
) -> None:
    details: dict[str, Any] = {"bulk": made.pk, "did": made.do}
    if label is not None:
        details["label"] = label.name
    elif made.do in {Do.ASSIGN, Do.TEAM}:
        details["user" if made.do == Do.ASSIGN else "team"] = int(made.value) if made.value else None
    elif made.do == Do.PRIORITY:
        details["priority"] = int(made.value)
    elif made.do == Do.SNOOZE:
        details["until"] = made.value
    record_all(
        workspace_id=actor.workspace.pk,
        actor=actor.label,
        verb=verb,
        subject_type="case",
        subject_ids=case_ids,
        now=now,
        **details,
    )


def _tell(actor: Actor, cases: Sequence[Case], do: str, now: datetime) -> None:
    """The new owner is told once of all, programs of each."""
    if do == Do.ASSIGN:
        rows = Case.objects.select_related("workspace", "author").filter(assignee__isnull=False)
        given = [case for some in pieces([case.pk for case in cases]) for case in rows.filter(pk__in=some)]
        telling.assigned(given, by=actor.user, now=now)
    elif do == Do.CLOSE:
        telling.all_closed(cases, now=now)
    elif do == Do.REOPEN:
        telling.opened([(case, f"again-{now:%Y%m%d%H%M%S%f}") for case in cases], now=now)


# --- what a case was, and taking it back


def _facts(do: str, value: object, case: Case, labels: Collection[int]) -> dict[str, Any]:
    """What a run of this kind changes in a case, as JSON."""
    if do in {Do.LABEL, Do.UNLABEL}:
        return {"label": value in labels}
    if do in _COLUMN:
        column = _COLUMN[BulkRun.Do(do)]
        return {column: getattr(case, column)}
    names = (*_STATE, "escalated", *_SEEN)
    facts = {name: _json(getattr(case, name)) for name in names}
    if case.regrouped:
        # What is answered at the network itself does not move `answered_at` there.
        facts[_SETTLED] = CaseInteraction.objects.filter(case=case, settled=True).count()
    return facts


def _json(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return value // timedelta(microseconds=1) if isinstance(value, timedelta) else value


def _text(value: object) -> str:
    return "" if value is None else value.isoformat() if isinstance(value, datetime) else str(value)


def _undo(actor: Actor, made: BulkRun, now: datetime) -> int:
    steps = {step.case_id: step for step in made.steps.all()}
    cases = _locked(actor, sorted(steps)).values()
    labels = deadlines.labels_of(cases)
    value = int(made.value) if made.do in {Do.LABEL, Do.UNLABEL} else None
    # Labels, members and teams may be gone meanwhile; what they were on stays as it is now.
    known = _known(actor, made, value)
    back = []
    for case in cases:
        step = steps[case.pk]
        is_now = _facts(made.do, value, case, labels[case.pk])
        if _same(is_now, step.after) and known(step.before):
            _restore(case, step.before)
            if value is not None:
                labels[case.pk] ^= {value}
            back.append(case)
    _count_anew(actor, back, labels)
    interactions.save_all(Case, back, _SAVED)
    if value is not None:
        _put_label(value, [case.pk for case in back], on=made.do == Do.UNLABEL)
    _record(actor, made, "undid", [case.pk for case in back], now)
    # Who had been the owner before knows of it.
    if made.do in {Do.SNOOZE, Do.CLOSE, Do.REOPEN}:
        closed = [case for case in back if case.status == Status.CLOSED]
        opened = [case for case in back if case.status == Status.OPEN]
        _tell(actor, closed, Do.CLOSE, now)
        _tell(actor, opened if made.do != Do.SNOOZE else [], Do.REOPEN, now)
    return len(back)


def _known(actor: Actor, made: BulkRun, label_id: int | None) -> Any:
    if label_id is not None:
        there = Label.objects.filter(workspace=actor.workspace, pk=label_id).exists()
        return lambda before: there
    if made.do in {Do.ASSIGN, Do.TEAM}:
        ids = {None, *(_members(actor) if made.do == Do.ASSIGN else _teams(actor))}
        return lambda before: ids >= set(before.values())
    return lambda before: True


def _same(is_now: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Whether nobody has changed it since. A warning that went out changes nothing."""
    return all(is_now.get(name) == value for name, value in after.items() if name != "escalated")


def _restore(case: Case, before: Mapping[str, Any]) -> None:
    for name, value in before.items():
        if name in {"snoozed_until", "closed_at", "unanswered_since", "paused_at"}:
            value = datetime.fromisoformat(value) if value else None
        elif name == "paused":
            value = timedelta(microseconds=value)
        if name not in {"label", _SETTLED, *_SEEN}:
            setattr(case, name, value)


def _count_anew(actor: Actor, cases: Sequence[Case], labels: Mapping[int, set[int]]) -> None:
    """The deadlines follow from what the cases are again, by the rules and calendars of now."""
    book = RuleBook(actor.workspace)
    for case in cases:
        if case.unanswered_since is None:
            deadlines.stop(case)
        else:
            book.set_due(case, labels[case.pk])
