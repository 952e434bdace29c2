"""What happens to cases: they open, get answered, snoozed, closed, labelled. All writes of cases are here."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils.translation import gettext_lazy as _

from kuemmerer.accounts.access import Actor
from kuemmerer.accounts.models import Membership, Team, User, Workspace
from kuemmerer.channels import interactions
from kuemmerer.channels.delivery import State
from kuemmerer.channels.models import WORDS, Channel, Interaction
from kuemmerer.core import clock, rows
from kuemmerer.core.errors import Conflict, Invalid, NotFound
from kuemmerer.core.models import record
from kuemmerer.core.prepared import PreparedRows
from kuemmerer.inbox import deadlines, telling
from kuemmerer.inbox.automation.run import Pass
from kuemmerer.inbox.deadlines import RuleBook
from kuemmerer.inbox.models import (
    Case,
    CaseInteraction,
    CaseLabel,
    DeadlinePolicy,
    Intent,
    Label,
    MergedCase,
    Priority,
    ReadMark,
    Reply,
    Route,
    Status,
)
from kuemmerer.jobs import sweeps

BATCH = 500
RECOUNTED = 2000
"""Cases whose deadline is counted anew in one transaction."""
OLD = timedelta(days=7)
"""What was written so long before a channel was connected is history: its case comes closed."""


def get(*, actor: Actor, case_id: int) -> Case:
    """A case of the actor's workspace; by the id of a merged one, the case that it is in now. Raises
    NotFound, Forbidden.
    """
    actor.need("inbox.view")
    known = _case(workspace=actor.workspace.pk, pk=case_id)
    return known[0] if known else found(_with_all(), actor, case_id)


def _with_all() -> QuerySet[Case]:
    return Case.objects.select_related("channel", "author", "thread", "assignee")


_case = PreparedRows(lambda workspace, pk: _with_all().filter(workspace=workspace, pk=pk))


def found(rows: QuerySet[Case], actor: Actor, case_id: int) -> Case:
    """One of these cases by its id, or by the id of a case that was merged into it. Raises NotFound."""
    rows = rows.filter(workspace=actor.workspace)
    case = rows.filter(pk=case_id).first() or rows.filter(merged__old_id=case_id).first()
    if case is None:
        raise NotFound(_("This case does not exist (any more)."))
    return case


# --- from interactions to cases


def open_from_channel(channel: Channel) -> int:
    """Make cases of what is new in `channel`; returns the number of interactions looked at.

    The mark moves on in the same transaction and only from where it was read, so of two workers one does the
    work.
    """
    done = 0
    while True:
        with transaction.atomic():
            mark, _created = ReadMark.objects.select_for_update().get_or_create(channel=channel)
            batch = list(
                Interaction.objects.changed_since(channel, mark.seq).select_related("author")[:BATCH]
            )
            if not batch:
                return done
            _take_in(channel, batch)
            ReadMark.objects.filter(pk=mark.pk).update(seq=batch[-1].seq)
        done += len(batch)
        if len(batch) < BATCH:
            return done


def _take_in(channel: Channel, batch: Sequence[Interaction]) -> None:
    known = set(
        CaseInteraction.objects.filter(interaction__in=batch).values_list("interaction_id", flat=True)
    )
    words = [i for i in batch if _opens_case(i) and i.pk not in known]
    fresh: dict[tuple[int, int], list[Interaction]] = defaultdict(list)
    for interaction in words:
        fresh[interaction.thread_id, interaction.author_id].append(interaction)
    cases = _cases_for(channel, fresh)
    book = RuleBook(channel.workspace)
    labels = deadlines.labels_of(cases.values()) if book.needs_labels else {}
    ours = _last_replies(case.pk for case in cases.values() if case.answered_at is not None)
    now = clock.now()
    automation = Pass(channel, words, now)
    opened: list[tuple[Case, int]] = []
    closed: list[Case] = []
    by_case = _by_case(fresh, cases)
    for case, new in by_case:
        open_words = _add_words(case, new, channel, ours.get(case.pk))
        if open_words and automation.run(case, open_words):
            closed += [case] if case.status != Status.CLOSED else []
            _close(case, now=now)
        elif open_words:
            if case.status != Status.OPEN:
                opened.append((case, max(i.pk for i in new)))
            # The clock cannot have run before the desk could know of it.
            since = max(min(i.created_at for i in open_words), channel.connected_at)
            label_ids = labels.get(case.pk, set()) | automation.labels_for(case)
            _wait_for_answer(case, new, since=since, book=book, label_ids=label_ids)
    touched = [case for case, _new in by_case]
    interactions.save_all(Case, [case for case in touched if case.pk is not None], _WORDS_CHANGE)
    Case.objects.bulk_create([case for case in touched if case.pk is None], batch_size=500)
    CaseInteraction.objects.bulk_create(
        [CaseInteraction(case=cases[i.thread_id, i.author_id], interaction=i) for i in words], batch_size=500
    )
    given = automation.store()
    _own_answers(
        channel,
        [*_earlier_answers(channel, words, touched), *(i for i in batch if i.ours)],
        just_opened={case.pk for case, _word in opened},
    )
    withdraw([i for i in batch if i.pk in known and _is_withdrawn(i)])
    _edited([i for i in batch if i.pk in known and not _is_withdrawn(i)])
    telling.opened(opened, now=now)
    telling.assigned(given, by=None, now=now)
    telling.all_closed(closed, now=now)


def _by_case(
    fresh: Mapping[tuple[int, int], Sequence[Interaction]], cases: Mapping[tuple[int, int], Case]
) -> list[tuple[Case, list[Interaction]]]:
    """Each case once, with its new words: several conversations may come into one."""
    found: dict[int, tuple[Case, list[Interaction]]] = {}
    for key, new in fresh.items():
        found.setdefault(id(cases[key]), (cases[key], []))[1].extend(new)
    return list(found.values())


def _opens_case(interaction: Interaction) -> bool:
    return (
        not interaction.ours
        and interaction.addressed
        and interaction.deleted_at is None
        and interaction.kind in WORDS
        and interaction.status in {Interaction.Status.SHOWN, Interaction.Status.HELD}
    )


def _is_withdrawn(interaction: Interaction) -> bool:
    return interaction.deleted_at is not None or interaction.status in {
        Interaction.Status.SPAM,
        Interaction.Status.TRASH,
    }


_WORDS_CHANGE = [
    "status",
    "kind",
    "excerpt",
    "last_at",
    "snoozed_until",
    "closed_at",
    "assignee",
    "priority",
    "revision",
    *deadlines.CLOCK_FIELDS,
]


def _cases_for(
    channel: Channel, fresh: Mapping[tuple[int, int], Sequence[Interaction]]
) -> dict[tuple[int, int], Case]:
    """The case of each (thread, author): where a route leads, else the newest part of the conversation; a
    new one, not yet stored, where there is none.
    """
    threads = {thread for thread, _author in fresh}
    authors = {author for _thread, author in fresh}
    here = Case.objects.filter(thread__in=threads, author__in=authors)
    routed = {
        (thread, author): case
        for thread, author, case in Route.objects.filter(thread__in=threads, author__in=authors).values_list(
            "thread", "author", "case"
        )
    }
    if routed:
        here = Case.objects.filter(pk__in={*here.values_list("pk", flat=True), *routed.values()})
    known = {case.pk: case for case in here.select_for_update().order_by("pk")}
    found = {
        (case.thread_id, case.author_id): case
        for case in sorted(known.values(), key=lambda case: case.part)
        if (case.thread_id, case.author_id) in fresh
    }
    found |= {key: known[pk] for key, pk in routed.items() if key in fresh}
    for (thread, author), new in fresh.items():
        if (thread, author) not in found:
            found[thread, author] = Case(
                workspace_id=channel.workspace_id,
                channel=channel,
                thread_id=thread,
                author_id=author,
                kind=new[0].kind,
                opened_at=min(i.created_at for i in new),
                last_at=new[0].created_at,
                status=Status.CLOSED,
            )
    return found


def _last_replies(case_ids: Iterable[int | None]) -> dict[int, Reply]:
    """The newest delivered reply of each case."""
    delivered = Reply.objects.filter(case__in=[pk for pk in case_ids if pk], state=State.DELIVERED)
    return {reply.case_id: reply for reply in delivered.select_related("interaction").order_by("written_at")}


def _is_unanswered(word: Interaction, answered_at: datetime | None, reply: Reply | None) -> bool:
    """Whether `word` still waits, given when our side last answered and the newest reply from here."""
    if answered_at is None or word.created_at > answered_at:
        return True
    if reply is None or reply.written_at < answered_at:
        return False
    # Words come in late, and the network's clock may be behind ours: who wrote the reply had not seen them.
    return word.fetched_at > reply.written_at and word.created_at > reply.interaction.created_at


def _add_words(
    case: Case, new: Sequence[Interaction], channel: Channel, reply: Reply | None
) -> list[Interaction]:
    """Show the newest words in the list; returns the words that wait for an answer."""
    case.revision += 1
    newest = max(new, key=lambda i: i.created_at)
    if newest.created_at >= case.last_at or not case.excerpt:
        case.last_at, case.excerpt, case.kind = (
            newest.created_at,
            excerpt(newest.text or newest.title),
            newest.kind,
        )
    recent = [i for i in new if i.created_at > channel.connected_at - OLD]
    # What our own side has answered already (also at the network itself) needs no second answer.
    open_words = [i for i in recent if _is_unanswered(i, case.answered_at, reply)]
    if not open_words and case.status == Status.CLOSED and case.closed_at is None:
        case.closed_at = case.last_at
    return open_words


def _wait_for_answer(
    case: Case, new: Sequence[Interaction], *, since: datetime, book: RuleBook, label_ids: Collection[int]
) -> None:
    """The case opens (again), and its clock runs."""
    case.status, case.snoozed_until, case.closed_at = Status.OPEN, None, None
    if case.paused_at is not None:
        came_at = max(i.created_at for i in new)
        deadlines.resume(case, now=max(came_at, case.paused_at), book=book, label_ids=label_ids)
    deadlines.start(case, since=since, book=book, label_ids=label_ids)


def excerpt(text: str) -> str:
    """The first words of a text, on one line, 200 characters at most."""
    line = " ".join(text[:1000].split())
    return line if len(line) <= 200 else line[:199] + "…"


def _earlier_answers(
    channel: Channel, words: Sequence[Interaction], touched: Sequence[Case]
) -> list[Interaction]:
    """What our side had written at the network when these words came in, and may answer them: a backfill goes
    backwards, and networks are late.
    """
    if not words:
        return []
    ours = Interaction.objects.filter(channel=channel, ours=True)
    found = list(ours.filter(parent_remote_id__in=[i.remote_id for i in words]))
    regrouped = [case.pk for case in touched if case.regrouped]
    if regrouped:
        # Of the others `answered_at` tells what was answered in the conversation.
        beside = Interaction.objects.filter(
            case_interaction__case__in=regrouped, thread__in={i.thread_id for i in words}
        )
        found += ours.filter(
            parent_remote_id__in=beside.values("remote_id"), created_at__gt=min(i.created_at for i in words)
        )
    return found


def _own_answers(channel: Channel, ours: Sequence[Interaction], *, just_opened: Collection[int]) -> None:
    """Somebody answered at the network itself: the cases it answers need no second answer. Of those that are
    `just_opened` nobody knows yet, so that they were answered is no news.
    """
    wanted = [i for i in ours if i.parent_remote_id and i.deleted_at is None]
    by_parent = {i.parent_remote_id: i for i in sorted(wanted, key=lambda i: i.created_at)}
    if not by_parent:
        return
    _recognise(channel, by_parent)
    sent_by_us = set(
        Reply.objects.filter(
            channel=channel, remote_id__in=[i.remote_id for i in by_parent.values()]
        ).values_list("remote_id", flat=True)
    )
    parents = CaseInteraction.objects.filter(
        interaction__channel=channel, interaction__remote_id__in=list(by_parent)
    ).select_related("interaction")
    for parent in parents:
        answer = by_parent[parent.interaction.remote_id]
        if answer.remote_id not in sent_by_us:
            _changed(Case.objects.filter(pk=parent.case_id))
            answered(
                case_id=parent.case_id,
                written_at=answer.created_at,
                close=False,
                now=answer.created_at,
                is_news=parent.case_id not in just_opened,
                thread_id=parent.interaction.thread_id,
                elsewhere=True,
            )


def _recognise(channel: Channel, by_parent: Mapping[str, Interaction]) -> None:
    """What a person declared to have arrived has no id yet; now that it came in, it gets its own."""
    nameless = Reply.objects.filter(
        channel=channel, remote_id="", state=State.DELIVERED, interaction__remote_id__in=list(by_parent)
    ).select_related("interaction")
    for reply in nameless:
        seen = by_parent[reply.interaction.remote_id]
        if seen.text.split() == reply.text.split():
            Reply.objects.filter(pk=reply.pk).update(remote_id=seen.remote_id, url=seen.url)


def withdraw(gone: Sequence[Interaction]) -> None:
    """Words that their author has deleted, or that turned out to be spam, leave their case; an empty one
    closes.

    Should they come back, they are new words again.
    """
    by_id = {interaction.pk: interaction for interaction in gone}
    links = CaseInteraction.objects.filter(interaction__in=by_id)
    withdrawn = dict(links.values_list("case_id", "interaction_id"))
    links.delete()
    for case_id, interaction_id in sorted(withdrawn.items()):
        case = (
            Case.objects.select_for_update(of=("self",))
            .select_related("workspace", "channel")
            .get(pk=case_id)
        )
        case.revision += 1
        newest = _words(case).order_by("-created_at", "-id").first()
        if newest is not None:
            case.excerpt = excerpt(newest.text or newest.title)
        if newest is None and case.status != Status.CLOSED:
            last = by_id[interaction_id]
            case.status, case.closed_at = Status.CLOSED, last.deleted_at or last.fetched_at
            case.snoozed_until = None
            deadlines.stop(case)
            telling.closed(case, now=case.closed_at)
        elif case.unanswered_since is not None:
            _still_waits(case)
        case.save()


def _words(case: Case) -> QuerySet[Interaction]:
    """What the author wrote in this case and an answer may refer to."""
    return Interaction.objects.filter(case_interaction__case=case, deleted_at=None)


def _still_waits(case: Case) -> None:
    """Set since when the case waits for an answer, if it still does."""
    _wait_since(case, first_waiting(case))


def first_waiting(case: Case) -> datetime | None:
    """When the oldest words were written that still wait for an answer."""
    return next((words.created_at for words in waiting_words(case)), None)


def waiting_words(case: Case) -> Iterator[Interaction]:
    """What its author wrote that would still wait for an answer if the case does, oldest first, without the
    texts.
    """
    words = _words(case).filter(created_at__gt=case.channel.connected_at - OLD)
    words = words.filter(case_interaction__settled=False)
    reply = None
    if case.answered_at is not None:
        reply = _last_replies([case.pk]).get(case.pk)
        seen = min(case.answered_at, reply.interaction.created_at) if reply else case.answered_at
        words = words.filter(created_at__gt=seen)
    for word in words.order_by("created_at").defer("raw", "text"):
        if _is_unanswered(word, case.answered_at, reply):
            yield word


def _wait_since(case: Case, first: datetime | None) -> None:
    """Let the clock run from the first words that wait; None: nothing waits."""
    if first is not None:
        since = max(first, case.channel.connected_at)
        if since != case.unanswered_since:
            # Other words than the ones the clock ran for: it starts afresh.
            deadlines.stop(case)
            _run_clock(case, since=since)
            if case.status == Status.SNOOZED:
                deadlines.pause(case, now=since)
        return
    deadlines.stop(case)
    if case.status in {Status.OPEN, Status.SNOOZED}:
        case.status, case.snoozed_until = Status.WAITING, None


def _edited(changed: Sequence[Interaction]) -> None:
    """The list shows the newest words as they are now."""
    edited = [i for i in changed if i.edited_at is not None]
    _changed(Case.objects.filter(case_interactions__interaction__in=edited))
    for link in CaseInteraction.objects.filter(interaction__in=changed).select_related("interaction", "case"):
        if link.interaction.created_at >= link.case.last_at:
            Case.objects.filter(pk=link.case_id).update(
                excerpt=excerpt(link.interaction.text or link.interaction.title)
            )


def _changed(cases: QuerySet[Case]) -> None:
    """Who has one of these open has not seen all of it any more."""
    # By ids: an UPDATE cannot join.
    Case.objects.filter(pk__in=set(cases.values_list("pk", flat=True))).update(revision=F("revision") + 1)


def answered(
    *,
    case_id: int,
    written_at: datetime,
    close: bool,
    now: datetime,
    is_news: bool = True,
    thread_id: int,
    elsewhere: bool = False,
) -> None:
    """An answer written at `written_at`, in this thread, has arrived; `elsewhere`: at the network itself.
    Words that its writer had not seen still wait for theirs. Programs are told if it `is_news`.
    """
    case = Case.objects.select_for_update(of=("self",)).select_related("workspace", "channel").get(pk=case_id)
    waited = case.unanswered_since is not None
    here = CaseInteraction.objects.filter(case=case, interaction__thread=thread_id)
    if elsewhere and case.regrouped:
        # Who answers in another app sees one conversation, and neither the case nor what else is in it.
        here.filter(interaction__created_at__lte=written_at).update(settled=True)
    elif _merged_in_since(case, written_at, thread_id):
        here.filter(interaction__fetched_at__lte=written_at).update(settled=True)
    else:
        case.answered_at = max(case.answered_at or written_at, written_at)
    if waited:
        _still_waits(case)
    elif case.status == Status.SNOOZED:
        case.status, case.snoozed_until = Status.WAITING, None
    is_closed = close and case.unanswered_since is None and case.status != Status.CLOSED
    if is_closed:
        case.status, case.closed_at, case.snoozed_until = Status.CLOSED, now, None
    case.save(update_fields=["answered_at", "status", "snoozed_until", "closed_at", *deadlines.CLOCK_FIELDS])
    if is_news and waited and case.unanswered_since is None:
        telling.answered(case, written_at=written_at, now=now)
    if is_closed:
        telling.closed(case, now=now)


def _merged_in_since(case: Case, written_at: datetime, thread_id: int) -> bool:
    """Whether words wait that came into the case only after this answer had been written, by a merger with
    another conversation: it does not answer them.
    """
    if not case.regrouped or case.unanswered_since is None:
        return False
    if not MergedCase.objects.filter(case=case, merged_at__gte=written_at).exists():
        return False
    return any(words.thread_id != thread_id for words in waiting_words(case))


def wake_snoozed(now: datetime) -> int:
    """Open the cases whose snooze is over; who put one aside wants to be reminded, so it is due again."""
    count = 0
    sleeping = Case.objects.filter(status=Status.SNOOZED, snoozed_until__lte=now)
    for pk in list(sleeping.values_list("pk", flat=True)[:BATCH]):
        with transaction.atomic():
            case = sleeping.select_for_update(of=("self",)).select_related("workspace").filter(pk=pk).first()
            if case is not None:
                _open(case, now=now)
                record(
                    workspace_id=case.workspace_id,
                    actor="inbox.wake_snoozed",
                    verb="woken",
                    subject=case,
                    now=now,
                )
                count += 1
    return count


def _open(case: Case, *, now: datetime) -> None:
    """Open a case that was put aside or closed; without words that wait, the clock runs from now."""
    case.status, case.closed_at, case.snoozed_until = Status.OPEN, None, None
    _run_clock(case, since=case.unanswered_since or now, now=now)
    case.save(update_fields=["status", "closed_at", "snoozed_until", *deadlines.CLOCK_FIELDS])


def _run_clock(case: Case, *, since: datetime, now: datetime | None = None) -> None:
    book = RuleBook(case.workspace)
    label_ids = deadlines.labels_of([case])[case.pk] if book.needs_labels else set()
    if now is not None and case.paused_at is not None:
        deadlines.resume(case, now=now, book=book, label_ids=label_ids)
    deadlines.start(case, since=since, book=book, label_ids=label_ids)


# --- what people do


def _locked(actor: Actor, case_id: int, permission: str) -> Case:
    actor.need(permission)
    return found(Case.objects.select_for_update(of=("self",)), actor, case_id)


def _log(actor: Actor, case: Case, verb: str, now: datetime, **details: object) -> None:
    record(workspace_id=case.workspace_id, actor=actor.label, verb=verb, subject=case, now=now, **details)


@transaction.atomic
def assign(*, actor: Actor, case_id: int, user_id: int | None, now: datetime) -> Case:
    """Make somebody the owner of a case, or nobody. Raises NotFound, Forbidden, Invalid."""
    case = _locked(actor, case_id, "inbox.work")
    if (
        user_id is not None
        and not Membership.objects.filter(workspace=actor.workspace, user_id=user_id).exists()
    ):
        raise Invalid(_("This person is not a member of the workspace."), field="assignee")
    give(case, user_id, by=actor.user, now=now)
    _log(actor, case, "assigned", now, user=user_id)
    return case


def give(case: Case, user_id: int | None, *, by: User | None, now: datetime) -> None:
    """Write down who looks after a locked case, a member or nobody; who was not its owner is told.

    `by` is who decided it, None for a rule. Every way by which a case gets an owner goes through here.
    """
    is_new = user_id is not None and user_id != case.assignee_id
    case.assignee_id = user_id
    case.save(update_fields=["assignee"])
    if is_new:
        telling.assigned([case], by=by, now=now)


@transaction.atomic
def close(*, actor: Actor, case_id: int, now: datetime) -> Case:
    """Close a case: nothing more is to be done. Raises Conflict while an answer is on its way."""
    case = _locked(actor, case_id, "inbox.work")
    if case.replies.filter(state__in=["pending", "sending", "unknown"]).exists():
        raise Conflict(_("An answer is still on its way. Wait until it has arrived, or withdraw it."))
    _close(case, now=now)
    case.save(update_fields=["status", "closed_at", "snoozed_until", *deadlines.CLOCK_FIELDS])
    _log(actor, case, "closed", now)
    telling.closed(case, now=now)
    return case


def _close(case: Case, *, now: datetime) -> None:
    case.status, case.closed_at, case.snoozed_until = Status.CLOSED, now, None
    deadlines.stop(case)


@transaction.atomic
def reopen(*, actor: Actor, case_id: int, now: datetime) -> Case:
    """Open a case again, with a deadline from now on."""
    case = _locked(actor, case_id, "inbox.work")
    was_open = case.status == Status.OPEN
    _open(case, now=now)
    _log(actor, case, "reopened", now)
    if not was_open:
        telling.opened([(case, f"again-{now:%Y%m%d%H%M%S%f}")], now=now)
    return case


@transaction.atomic
def snooze(*, actor: Actor, case_id: int, until: datetime, now: datetime) -> Case:
    """Put a case aside until a moment; new words bring it back sooner. Raises Invalid for a moment in the
    past.
    """
    case = _locked(actor, case_id, "inbox.work")
    if until <= now:
        raise Invalid(_("Choose a time in the future."), field="until")
    case.status, case.snoozed_until, case.closed_at = Status.SNOOZED, until, None
    deadlines.pause(case, now=now)
    case.save(update_fields=["status", "snoozed_until", "closed_at", *deadlines.CLOCK_FIELDS])
    _log(actor, case, "snoozed", now, until=until.isoformat())
    return case


@transaction.atomic
def label(*, actor: Actor, case_id: int, label_id: int, on: bool, now: datetime) -> Case:
    """Put a label on a case or take it off. Raises NotFound."""
    case = _locked(actor, case_id, "inbox.work")
    found = Label.objects.filter(workspace=actor.workspace, pk=label_id).first()
    if found is None:
        raise NotFound(_("This label does not exist (any more)."))
    if on:
        CaseLabel.objects.get_or_create(case=case, label=found)
    else:
        CaseLabel.objects.filter(case=case, label=found).delete()
    _count_anew(case)
    _log(actor, case, "labelled" if on else "unlabelled", now, label=found.name)
    return case


def _count_anew(case: Case) -> None:
    """Another rule may hold now."""
    if case.unanswered_since is not None:
        _run_clock(case, since=case.unanswered_since)
        case.save(update_fields=deadlines.CLOCK_FIELDS)


@transaction.atomic
def classify(
    *, actor: Actor, case_id: int, now: datetime, intent: str | None = None, priority: int | None = None
) -> Case:
    """Say what a case is about and how urgent it is; None leaves as it is. Raises Invalid, NotFound."""
    case = _locked(actor, case_id, "inbox.work")
    if intent is not None and intent not in ("", *Intent.values):
        raise Invalid(_("There is no such intent."), field="intent")
    if priority is not None and priority not in Priority.values:
        raise Invalid(_("There is no such priority."), field="priority")
    case.intent = case.intent if intent is None else intent
    case.priority = case.priority if priority is None else priority
    case.save(update_fields=["intent", "priority"])
    _count_anew(case)
    _log(actor, case, "classified", now, intent=case.intent, priority=case.priority)
    return case


@transaction.atomic
def hand_to_team(*, actor: Actor, case_id: int, team_id: int | None, now: datetime) -> Case:
    """Give a case to a team, whose calendar then counts, or to none. Raises NotFound, Forbidden."""
    case = _locked(actor, case_id, "inbox.work")
    if team_id is not None and not Team.objects.filter(workspace=actor.workspace, pk=team_id).exists():
        raise NotFound(_("This team does not exist (any more)."))
    case.team_id = team_id
    case.save(update_fields=["team"])
    _count_anew(case)
    _log(actor, case, "handed to team", now, team=team_id)
    return case


# --- counting deadlines anew


def deadlines_changed(workspace: Workspace) -> None:
    """The calendar or the rules have changed: all running clocks are counted anew, soon and bit by bit."""
    DeadlinePolicy.objects.update_or_create(workspace=workspace, defaults={"recount_from": 0})
    sweeps.wake("inbox.recount_deadlines")


def recount_deadlines(policy: DeadlinePolicy) -> int:
    """Count the deadlines of a workspace anew, from where the last run stopped; returns how many changed."""
    count = 0
    while True:
        with transaction.atomic():
            policy = (
                DeadlinePolicy.objects.select_for_update(of=("self",))
                .select_related("workspace")
                .get(pk=policy.pk)
            )
            if policy.recount_from is None:
                return count
            running = Case.objects.select_for_update().filter(
                workspace=policy.workspace, unanswered_since__isnull=False, pk__gte=policy.recount_from
            )
            batch = list(running.only(*deadlines.NEEDED).order_by("pk")[:RECOUNTED])
            changed = deadlines.recount(RuleBook(policy.workspace), batch)
            rows.update(changed, ["due_at", "rule_id", "escalate_at"])
            count += len(changed)
            policy.recount_from = batch[-1].pk + 1 if len(batch) == RECOUNTED else None
            policy.save(update_fields=["recount_from"])
