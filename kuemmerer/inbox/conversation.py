"""A case as it is read: the thread with our answers and notes in the order of time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from django.db.models import Q, QuerySet

from kuemmerer.accounts.access import Actor
from kuemmerer.audience import contacts
from kuemmerer.channels.delivery import State
from kuemmerer.channels.models import WORDS, Interaction
from kuemmerer.core.prepared import Prepared, PreparedRows
from kuemmerer.inbox import merging, moderation, timeline
from kuemmerer.inbox.models import Case, CaseInteraction, Note, Reply, Route
from kuemmerer.networks.base import Action, Kind

NEWEST = 30
"""Of a long thread the newest so many are shown at first; the author's own words and the root always."""
MOST = 1000
SHOWN_KINDS = [*WORDS, Kind.POST]


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One line of the conversation: an interaction, a reply of ours, a note, or what somebody did with the
    case. `kind` is the CSS class of its bubble.
    """

    at: datetime
    kind: str
    interaction: Interaction | None = None
    reply: Reply | None = None
    note: Note | None = None
    event: timeline.Event | None = None
    actions: Sequence[Action] = ()
    splits: bool = False
    """Whether a case of its own can begin here."""
    answers_to: str = ""
    day: date | None = None


@dataclass(kw_only=True)
class Conversation:
    entries: list[Entry] = field(default_factory=list)
    earlier: bool = False
    """Whether older parts of the thread are left out."""
    under_way: bool = False
    """Whether an answer is on its way, so that the page should look again soon."""

    def since(self, mark: str) -> list[Entry]:
        """What the author wrote and our side answered since a page was shown at `mark`."""
        interaction, _dot, reply = mark.partition(".")
        newest = (int(interaction or 0), int(reply or 0)) if mark.replace(".", "").isdecimal() else (0, 0)
        return [
            entry
            for entry in self.entries
            if (entry.interaction and entry.interaction.pk > newest[0] and entry.kind in {"theirs", "ours"})
            or (entry.reply and entry.reply.pk > newest[1] and not entry.answers_to)
        ]

    @property
    def mark(self) -> str:
        """The newest entries, for `since`."""
        interactions = [entry.interaction.pk for entry in self.entries if entry.interaction]
        replies = [entry.reply.pk for entry in self.entries if entry.reply]
        return f"{max(interactions, default=0)}.{max(replies, default=0)}"


def conversation(*, actor: Actor, case: Case, whole: bool = False) -> Conversation:
    """The conversation of a case. `whole`: the thread from its beginning, at most 1,000 entries."""
    actor.need("inbox.view")
    interactions, earlier = _interactions(case, MOST if whole else NEWEST)
    replies = list(_replies(case))
    own = _own(case)
    begins = (
        min((i.created_at, i.pk) for i in interactions if own(i)) if any(map(own, interactions)) else None
    )
    ours = {reply.remote_id for reply in replies if reply.remote_id}
    names = {i.remote_id: str(i.author) for i in interactions}
    entries = [
        _interaction_entry(case, i, own=own(i), names=names, splits=(i.created_at, i.pk) != begins)
        # What we sent is shown as the reply, with its state, and not once more as the network shows it.
        for i in interactions
        if i.remote_id not in ours
    ]
    entries += [
        Entry(
            at=r.delivered_at or r.written_at,
            kind="ours",
            reply=r,
            answers_to=str(r.interaction.author) if r.case_id != case.pk else "",
        )
        for r in replies
    ]
    entries += [Entry(at=note.created_at, kind="note", note=note) for note in _notes(case=case.pk)]
    entries += [Entry(at=event.at, kind="event", event=event) for event in timeline.events(case)]
    entries.sort(key=lambda entry: entry.at)
    return Conversation(
        entries=_with_days(entries, actor),
        earlier=earlier,
        under_way=any(_moves(r) for r in replies if r.case_id == case.pk),
    )


_notes = PreparedRows(lambda case: Note.objects.filter(case=case).select_related("author"))
_routes = Prepared(lambda thread: Route.objects.filter(thread=thread).values_list("case"))


def _replies(case: Case) -> Iterable[Reply]:
    """Our answers in the conversations of a case, also to others; and in others' cases that came there."""
    threads = merging.thread_ids(case)
    came = [case_id for thread in threads for (case_id,) in _routes(thread=thread)]
    if not came and not case.regrouped:
        return _replies_in(thread=case.thread_id)
    elsewhere = Q(case=case) | Q(case__in=came, interaction__thread__in=threads)
    return _as_shown(Reply.objects.filter(Q(case__thread__in=threads) | elsewhere))


def _as_shown(replies: QuerySet[Reply]) -> QuerySet[Reply]:
    # Whom another case's reply answers is asked for where there is one: joined in, it costs every page.
    return replies.select_related("author").order_by("id")


_replies_in = PreparedRows(lambda thread: _as_shown(Reply.objects.filter(case__thread=thread)))


def _own(case: Case) -> Callable[[Interaction], bool]:
    """What of the author's words belongs to this case."""
    if not case.regrouped:
        return lambda i: i.author_id == case.author_id
    links = CaseInteraction.objects.filter(interaction__author=case.author_id)
    elsewhere = set(
        links.filter(interaction__thread__in=merging.thread_ids(case))
        .exclude(case=case)
        .values_list("interaction", flat=True)
    )
    return lambda i: i.author_id == case.author_id and i.pk not in elsewhere


def _moves(reply: Reply) -> bool:
    return reply.state == State.SENDING or (
        reply.state in {State.PENDING, State.UNKNOWN} and reply.next_at is not None
    )


def _shown_in(thread_ids: Sequence[int]) -> QuerySet[Interaction]:
    found = Interaction.objects.filter(thread__in=thread_ids, kind__in=SHOWN_KINDS)
    return found.select_related("author").defer("raw")


_newest = PreparedRows(lambda thread: _shown_in([thread]).order_by("-created_at", "-id")[: NEWEST + 1])


def _interactions(case: Case, limit: int) -> tuple[list[Interaction], bool]:
    if limit == NEWEST and not case.regrouped:
        newest = _newest(thread=case.thread_id)
        if len(newest) <= limit:
            return newest, False
    thread = _shown_in(merging.thread_ids(case))
    newest = list(thread.order_by("-created_at", "-id")[: limit + 1])
    found = {i.pk: i for i in newest[:limit]}
    if len(newest) > limit:
        own = thread.filter(author=case.author_id)
        found |= {i.pk: i for i in own.order_by("-created_at")[:limit]}
        found |= {i.pk: i for i in thread.order_by("created_at", "id")[:1]}
    return list(found.values()), len(newest) > limit


def _interaction_entry(
    case: Case, interaction: Interaction, *, own: bool, names: dict[str, str], splits: bool
) -> Entry:
    return Entry(
        at=interaction.created_at,
        kind="ours" if interaction.ours and interaction.kind != Kind.POST else "theirs" if own else "context",
        interaction=interaction,
        # What others say around it has cases of its own.
        actions=moderation.possible(case.channel, interaction) if own else (),
        splits=splits and own and interaction.addressed and interaction.deleted_at is None,
        answers_to=_answers_to(case, interaction, names),
    )


def _answers_to(case: Case, interaction: Interaction, names: dict[str, str]) -> str:
    """Whom an item inside a thread answers, where that is not plain to see."""
    parent = interaction.parent_remote_id
    if not parent or parent == case.thread.remote_id or interaction.kind == Kind.MESSAGE:
        return ""
    name = names.get(parent, "")
    return "" if name == str(interaction.author) else name


def _with_days(entries: list[Entry], actor: Actor) -> list[Entry]:
    """The first entry of each local day carries the date for the divider."""
    result: list[Entry] = []
    last: date | None = None
    for entry in entries:
        day = entry.at.astimezone(actor.workspace.zone).date()
        result.append(replace(entry, day=day if day != last else None))
        last = day
    return result


def earlier_cases(case: Case) -> list[Case]:
    """The other cases of the same person, on all channels, newest first."""
    return list(
        Case.objects.select_related("channel")
        .filter(author__in=contacts.same_person(case.author_id))
        .exclude(pk=case.pk)
        .order_by("-last_at")[:8]
    )
