"""Merging cases of the same author, and splitting one: what hangs on a case goes along, and new words of a
conversation come to where people have put it.

Both lock in this order: the channel's read mark (as who makes cases of new words), the answers (as who
delivers them), the cases by their ids. An answer stays, so its lock leaves others free to refer to it: the
search index does, under the locks of the cases.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import models, transaction
from django.utils.translation import gettext_lazy as _

from kuemmerer.accounts.access import Actor
from kuemmerer.channels.models import Interaction
from kuemmerer.core.errors import Conflict, Invalid, NotFound
from kuemmerer.core.models import record
from kuemmerer.inbox import cases, deadlines
from kuemmerer.inbox.deadlines import RuleBook
from kuemmerer.inbox.models import (
    NEGATIVE,
    BulkStep,
    Case,
    CaseInteraction,
    CaseLabel,
    Escalation,
    MergedCase,
    Passage,
    ReadMark,
    Reply,
    Route,
    RuleHit,
    SpamMark,
    Status,
)

ATTEMPTS = 5
MOST_OFFERED = 30
"""Other cases of an author that a page offers to merge."""

_FOLLOWING = (Status.OPEN, Status.SNOOZED, Status.WAITING, Status.CLOSED)
"""Of two cases the status that comes first here is that of both together."""


_WAS = ("status", "snoozed_until", "paused_at", "paused", "escalated")


class _AnswerCameInBetween(Exception):
    """An answer was written between the two locks; it has to be locked first."""


def merge(*, actor: Actor, case_id: int, into_id: int, now: datetime) -> Case:
    """Make a case a part of another one of the same author on the same channel; returns that one.

    It gets the words, answers (also those under way), notes, labels and warnings. It is due when the sooner
    of both was, and open if one of both was. The old id leads there. Raises Conflict for cases of different
    authors or channels, NotFound, Forbidden.
    """
    actor.need("inbox.work")
    return _again_and_again(lambda: _merge(actor, case_id, into_id, now))


def split(*, actor: Actor, case_id: int, interaction_ids: Collection[int], now: datetime) -> Case:
    """Make a new case of some of the words of a case; returns it. Their answers go along, notes stay. New
    words of the conversation come to the new one.

    Owner, team, labels and urgency are those of the old one. Raises Invalid unless these are words of the
    case and some are left, NotFound, Forbidden.
    """
    actor.need("inbox.work")
    return _again_and_again(lambda: _split(actor, case_id, set(interaction_ids), now))


def from_here_on(*, actor: Actor, case_id: int, interaction_id: int) -> list[int]:
    """This interaction of a case and those that its author wrote later. Raises NotFound, Forbidden."""
    case = cases.get(actor=actor, case_id=case_id)
    own = Interaction.objects.filter(case_interaction__case=case).order_by("created_at", "pk")
    ids = list(own.values_list("pk", flat=True))
    if interaction_id not in ids:
        raise NotFound(_("This does not belong to the case (any more)."))
    return ids[ids.index(interaction_id) :]


def offered(case: Case) -> list[Case]:
    """The other cases of the same author on the same channel, the newest words first."""
    others = Case.objects.filter(author=case.author_id, channel=case.channel_id).exclude(pk=case.pk)
    return list(others.order_by("-last_at")[:MOST_OFFERED])


def all_ids(case: Case) -> list[int]:
    """The ids under which the case is and was known: its own and those that were merged into it."""
    return [case.pk, *MergedCase.objects.filter(case=case).values_list("old_id", flat=True)]


def ids_of_words(case_ids: Sequence[int]) -> dict[int, list[int]]:
    """For each case the ids under which something in it may have been told of: its own, and where its author
    has merged or split cases, those of them all.
    """
    found = {pk: [pk] for pk in case_ids}
    regrouped = Case.objects.filter(pk__in=case_ids, regrouped=True)
    for pk, author in regrouped.values_list("pk", "author"):
        others = Case.objects.filter(author=author).values_list("pk", flat=True)
        merged = MergedCase.objects.filter(case__author=author).values_list("old_id", flat=True)
        found[pk] = sorted({*others, *merged})
    return found


def thread_ids(case: Case) -> list[int]:
    """The conversations that the words of a case stand in."""
    if not case.regrouped:
        return [case.thread_id]
    found = Interaction.objects.filter(case_interaction__case=case).values_list("thread", flat=True)
    return sorted({case.thread_id, *found.order_by().distinct()})


# --- locking


def _again_and_again(deed: Any) -> Case:
    for _attempt in range(ATTEMPTS):
        try:
            with transaction.atomic():
                return deed()  # type: ignore[no-any-return]
        except _AnswerCameInBetween:
            continue
    raise Conflict(_("Somebody is just answering here. Please try again."))


def _locked(actor: Actor, ids: Sequence[int]) -> list[Case]:
    rows = Case.objects.filter(workspace=actor.workspace)
    known = [cases.found(rows.only("pk", "channel_id"), actor, pk) for pk in ids]
    marks = ReadMark.objects.select_for_update().filter(channel__in={case.channel_id for case in known})
    list(marks.order_by("channel").values_list("pk", flat=True))
    pks = [case.pk for case in known]
    replies = Reply.objects.filter(case__in=pks).order_by("pk")
    locked = set(replies.select_for_update(no_key=True).values_list("pk", flat=True))
    found = {case.pk: case for case in rows.select_for_update().filter(pk__in=pks).order_by("pk")}
    if set(replies.values_list("pk", flat=True)) - locked:
        raise _AnswerCameInBetween
    if len(found) < len(set(pks)):
        raise NotFound(_("This case does not exist (any more)."))
    return [found[pk] for pk in pks]


# --- which words wait


def _waiting(case: Case) -> list[Interaction]:
    return [] if case.unanswered_since is None else list(cases.waiting_words(case))


def _let_wait(case: Case, waiting: Collection[int]) -> None:
    """Let of the words of a case exactly these wait: what was said in another conversation answers none of
    them, and what was answered there waits for no second answer.
    """
    own = Interaction.objects.filter(case_interaction__case=case, pk__in=waiting).order_by("created_at")
    first = own.values_list("created_at", flat=True).first()
    if first is not None and case.answered_at is not None:
        case.answered_at = min(case.answered_at, first - timedelta(microseconds=1))
    settled = [word.pk for word in cases.waiting_words(case) if word.pk not in waiting]
    CaseInteraction.objects.filter(interaction__in=settled).update(settled=True)


# --- merging


def _merge(actor: Actor, case_id: int, into_id: int, now: datetime) -> Case:
    source, target = _locked(actor, [case_id, into_id])
    if case_id == into_id:
        raise Invalid(_("Choose another case."), field="case")
    if source.pk == target.pk:
        return target
    if (source.author_id, source.channel_id) != (target.author_id, target.channel_id):
        raise Conflict(
            _(
                "Only cases of the same person on the same channel can be merged. "
                "If these are accounts of one person, bring them together as a contact."
            )
        )
    both = source, target
    waiting = {word.pk for case in both for word in _waiting(case)}
    answered = [case.answered_at for case in both if case.answered_at is not None]
    _move_all(source, target)
    MergedCase.objects.create(old_id=source.pk, case=target, merged_at=now)
    Route.objects.get_or_create(
        thread_id=source.thread_id, author_id=source.author_id, defaults={"case": target}
    )
    target.regrouped = True
    # Who was writing in one of both has not seen the other.
    target.revision = max(source.revision, target.revision) + 1
    _take_over(source, target)
    target.answered_at = max(answered, default=None)
    _let_wait(target, waiting)
    _one_clock(source, target, now)
    for case, verb, other in ((target, "merged", source), (source, "merged into", target)):
        record(
            workspace_id=case.workspace_id,
            actor=actor.label,
            verb=verb,
            subject=case,
            now=now,
            case=other.pk,
        )
    Case.objects.filter(pk=source.pk).delete()
    target.save()
    return target


def _move_all(source: Case, target: Case) -> None:
    """Let everything that refers to a case refer to the other one, in whatever table."""
    for relation in Case._meta.get_fields(include_hidden=True):
        if not relation.auto_created or not (relation.one_to_many or relation.one_to_one):
            continue
        model: Any = relation.related_model
        if model is not BulkStep:  # what the case was before a bulk run is no state of the other one
            _move(model, relation.field.name, source, target)  # type: ignore[union-attr]


def _move(model: Any, name: str, source: Case, target: Case) -> None:
    """What the other case has too, such as a label, stays behind and goes with the row of its case."""
    rows = model._default_manager.filter(**{name: source})
    there = model._default_manager.filter(**{name: target})
    for condition, others in _unique_beside(model, name):
        known = {tuple(row[:-1]) for row in there.filter(condition).values_list(*others, "pk")}
        mine = rows.filter(condition).values_list(*others, "pk")
        rows = rows.exclude(pk__in=[row[-1] for row in mine if tuple(row[:-1]) in known])
    rows.update(**{name: target})


def _unique_beside(model: Any, name: str) -> list[tuple[models.Q, tuple[str, ...]]]:
    """The columns with which this one is unique together, and for which rows."""
    together = [
        (constraint.condition or models.Q(), constraint.fields)
        for constraint in model._meta.constraints
        if isinstance(constraint, models.UniqueConstraint) and name in constraint.fields
    ]
    alone = [(models.Q(), (name,))] if model._meta.get_field(name).unique else []
    return [
        (condition, tuple(field for field in fields if field != name))
        for condition, fields in [*together, *alone]
    ]


def _take_over(source: Case, target: Case) -> None:
    """What is known of one of both is known of both."""
    if source.last_at > target.last_at:
        target.last_at, target.excerpt, target.kind = source.last_at, source.excerpt, source.kind
    target.opened_at = min(source.opened_at, target.opened_at)
    target.assignee_id = target.assignee_id or source.assignee_id
    target.team_id = target.team_id or source.team_id
    target.priority = max(source.priority, target.priority)
    if not target.intent or (source.intent in NEGATIVE and target.intent not in NEGATIVE):
        target.intent = source.intent


def _one_clock(source: Case, target: Case, now: datetime) -> None:
    """The clock of the words that have waited longest goes on, as the status of both together has it."""
    both = source, target
    status = next(status for status in _FOLLOWING if status in {case.status for case in both})
    waiting = [case for case in both if case.unanswered_since is not None]
    first = min(waiting, key=lambda case: (case.unanswered_since, case is source), default=None)
    closed = [case.closed_at for case in both if case.closed_at is not None]
    asleep = [case.snoozed_until for case in both if case.snoozed_until is not None]
    target.status = status
    target.closed_at = max(closed, default=None) if status == Status.CLOSED else None
    target.snoozed_until = min(asleep, default=None) if status == Status.SNOOZED else None
    if first is None:
        deadlines.stop(target)
        return
    for name in ("unanswered_since", "paused_at", "paused", "escalated"):
        setattr(target, name, getattr(first, name))
    if status == Status.SNOOZED:
        deadlines.pause(target, now=now)
    _set_due(target, now)


def _set_due(case: Case, now: datetime) -> None:
    book = RuleBook(case.workspace)
    labels = set(CaseLabel.objects.filter(case=case).values_list("label_id", flat=True))
    if case.status == Status.OPEN:
        deadlines.resume(case, now=now, book=book, label_ids=labels)
    else:
        book.set_due(case, labels)


# --- splitting


def _split(actor: Actor, case_id: int, chosen: set[int], now: datetime) -> Case:
    (old,) = _locked(actor, [case_id])
    words = {i.pk: i for i in Interaction.objects.filter(case_interaction__case=old).defer("raw")}
    if not chosen or chosen - words.keys():
        raise Invalid(_("Choose words that belong to this case."), field="interactions")
    if chosen == words.keys():
        raise Invalid(_("Some words have to stay in the case."), field="interactions")
    moved = sorted((words[pk] for pk in chosen), key=lambda i: (i.created_at, i.pk))
    left = sorted((i for pk, i in words.items() if pk not in chosen), key=lambda i: (i.created_at, i.pk))
    waited, waiting = old.unanswered_since, {word.pk for word in _waiting(old)}
    was = {name: getattr(old, name) for name in _WAS}
    new = _new_part(old, moved)
    _give(old, new, moved)
    _show(old, left)
    at_home(old, left)
    old.regrouped, old.revision = True, old.revision + 1
    for case in (old, new):
        _let_wait(case, waiting)
        _own_clock(case, waited, was)
    if waited is not None and old.unanswered_since is None and new.unanswered_since is None:
        # Opened again by hand: no words wait, and yet somebody wants it done.
        old.snoozed_until = was["snoozed_until"]
        _keep_clock(old, waited, waited, was)
    for case in (old, new):
        _set_due(case, now)
        case.save()
    for case, verb, other in ((old, "split", new), (new, "split from", old)):
        record(
            workspace_id=case.workspace_id,
            actor=actor.label,
            verb=verb,
            subject=case,
            now=now,
            case=other.pk,
        )
    return new


def at_home(case: Case, words: Sequence[Interaction]) -> None:
    """Let a case stand in a conversation in which it has words, so that it does not go with another one."""
    if case.thread_id not in {i.thread_id for i in words}:
        case.part = _next_part(words[0].thread_id, case.author_id)
        case.thread_id = words[0].thread_id


def _next_part(thread_id: int, author_id: int) -> int:
    parts = Case.objects.filter(thread=thread_id, author=author_id).order_by("-part")
    newest = parts.values_list("part", flat=True).first()
    return 0 if newest is None else newest + 1


def _new_part(old: Case, moved: Sequence[Interaction]) -> Case:
    first = moved[0]
    new = Case(
        workspace_id=old.workspace_id,
        channel_id=old.channel_id,
        thread_id=first.thread_id,
        author_id=old.author_id,
        part=_next_part(first.thread_id, old.author_id),
        regrouped=True,
        revision=old.revision + 1,
        assignee_id=old.assignee_id,
        team_id=old.team_id,
        intent=old.intent,
        priority=old.priority,
        opened_at=first.created_at,
        last_at=first.created_at,
        answered_at=old.answered_at,
        status=Status.CLOSED,
        closed_at=old.closed_at,
        snoozed_until=old.snoozed_until,
    )
    _show(new, moved)
    new.save()
    return new


def _show(case: Case, words: Iterable[Interaction]) -> None:
    newest = list(words)[-1]
    case.last_at, case.kind = newest.created_at, newest.kind
    case.excerpt = cases.excerpt(newest.text or newest.title)


def _give(old: Case, new: Case, moved: Sequence[Interaction]) -> None:
    """Words, their answers and index entries. The callers' keys of the answers stay: who repeats a call
    repeats it at the old case.
    """
    ids = [i.pk for i in moved]
    for start in range(0, len(ids), 500):
        some = ids[start : start + 500]
        Passage.objects.filter(case=old, link__interaction__in=some).update(case=new)
        Passage.objects.filter(case=old, reply__interaction__in=some).update(case=new)
        CaseInteraction.objects.filter(case=old, interaction__in=some).update(case=new)
        Reply.objects.filter(case=old, interaction__in=some).update(case=new)
        RuleHit.objects.filter(case=old, interaction__in=some).update(case=new)
        SpamMark.objects.filter(case=old, interaction__in=some).update(case=new)
    for thread in {i.thread_id for i in moved}:
        Route.objects.update_or_create(thread_id=thread, author_id=old.author_id, defaults={"case": new})
    labels = CaseLabel.objects.filter(case=old).values_list("label_id", flat=True)
    CaseLabel.objects.bulk_create([CaseLabel(case=new, label_id=pk) for pk in labels])
    Escalation.objects.bulk_create(
        [
            Escalation(case=new, clock=one.clock, step=one.step, at=one.at)
            for one in Escalation.objects.filter(case=old, clock=old.unanswered_since)
        ]
        if old.unanswered_since
        else []
    )


def _own_clock(case: Case, waited: datetime | None, was: dict[str, Any]) -> None:
    """Each part waits since its own first words without an answer, if it does."""
    first = cases.first_waiting(case) if waited is not None else None
    deadlines.stop(case)
    case.status = was["status"]
    if waited is not None and first is not None:
        _keep_clock(case, max(first, case.channel.connected_at, waited), waited, was)
    elif waited is not None:
        case.status, case.snoozed_until = Status.WAITING, None


def _keep_clock(case: Case, since: datetime, waited: datetime, was: dict[str, Any]) -> None:
    case.unanswered_since, case.status, case.paused_at = since, was["status"], was["paused_at"]
    if since == waited:
        case.paused, case.escalated = was["paused"], was["escalated"]
