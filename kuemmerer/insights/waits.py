"""Keeping the waits and the counts of days in step with the cases. All writes of this app are here.

What changed is read from the channels' change feed and from what the cases say of now; the waits of a case
are then told anew from what happened in it. So it makes no difference when, how often or in which order this
runs. A wait that has ended stays as it was counted unless something contradicts it: the words it is about may
have been erased since.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet

from kuemmerer.accounts.models import Workspace
from kuemmerer.channels.delivery import State
from kuemmerer.channels.models import Channel, Interaction
from kuemmerer.channels.privacy import may_show_person, pieces
from kuemmerer.inbox.deadlines import RuleBook
from kuemmerer.inbox.models import Case, CaseInteraction, Reply, Status
from kuemmerer.insights.days import Tally
from kuemmerer.insights.models import DayCount, Ending, Mark, Wait
from kuemmerer.insights.runs import Answer, Run, runs

BATCH = 500
BUDGET_SECONDS = 20
PERSONAL_DAYS = 90
"""So far back who answered is counted when an owner allows it."""


def count_channel(channel: Channel, now: datetime) -> int:
    """Count what has changed in a channel, for at most some seconds; returns how many cases were looked at.

    The counts of a channel are written only while the row of its mark is locked.
    """
    end = time.monotonic() + BUDGET_SECONDS
    Mark.objects.get_or_create(channel=channel)
    count = 0
    while time.monotonic() < end:
        done = _read_on(channel, now)
        if done is None:
            break
        count += done
    return count + _follow_cases(channel, now)


@transaction.atomic
def _read_on(channel: Channel, now: datetime) -> int | None:
    """Look at the cases of the next changes; None when all have been looked at."""
    mark = Mark.objects.select_for_update().get(channel=channel)
    known = Channel.objects.filter(pk=channel.pk).values_list("inbox_mark__seq", flat=True).first() or 0
    feed = Interaction.objects.changed_since(channel, mark.seq).filter(seq__lte=known)
    batch = list(feed.only("pk", "seq", "ours", "parent_remote_id")[:BATCH])
    if not batch:
        return None
    parents = [i.parent_remote_id for i in batch if i.ours and i.parent_remote_id]
    links = CaseInteraction.objects.filter(
        Q(interaction__in=[i.pk for i in batch])
        | Q(interaction__channel=channel, interaction__remote_id__in=parents)
    )
    case_ids = set(links.values_list("case", flat=True))
    _Counter(channel, mark, now).recount(case_ids)
    mark.seq = batch[-1].seq
    mark.save(update_fields=["seq"])
    return len(case_ids)


@transaction.atomic
def _follow_cases(channel: Channel, now: datetime) -> int:
    """Let the waits that go on be those of the cases that wait; let those go whose case is erased."""
    mark = Mark.objects.select_for_update().get(channel=channel)
    counter = _Counter(channel, mark, now)
    counter.bury()
    counter.name_people(allowed=may_show_person(channel.workspace))
    case_ids = {
        *_out_of_step().filter(channel=channel, case__isnull=False).values_list("case_id", flat=True),
        *_missing(channel.workspace_id).filter(channel=channel).values_list("pk", flat=True),
    }
    for some in pieces(sorted(pk for pk in case_ids if pk)):
        counter.recount(some)
    return len(case_ids)


def _out_of_step() -> QuerySet[Wait]:
    """Waits that go on although their case waits for nothing, or for other words, or has another team."""
    since, whose = F("since_at"), F("team")
    other_clock = (
        Q(case__unanswered_since=None)
        | Q(case__unanswered_since__lt=since)
        | Q(case__unanswered_since__gt=since)
    )
    other_team = (
        Q(team=None, case__team__isnull=False)
        | Q(team__isnull=False, case__team=None)
        | Q(case__team__lt=whose)
        | Q(case__team__gt=whose)
    )
    return Wait.objects.filter(other_clock | other_team, ended_at=None)


def _missing(workspace_id: int) -> QuerySet[Case]:
    """Cases that wait and are not known to."""
    waiting = Case.objects.filter(
        workspace=workspace_id, status__in=[Status.OPEN, Status.SNOOZED], unanswered_since__isnull=False
    )
    return waiting.exclude(Exists(Wait.objects.filter(case=OuterRef("pk"), ended_at=None)))


def behind() -> QuerySet[Channel]:
    """The channels in which something is to be counted, as far as one sees without a look at all cases."""
    unread = Q(insights_mark=None, inbox_mark__seq__gt=0) | Q(insights_mark__seq__lt=F("inbox_mark__seq"))
    allowed = Q(workspace__data_protection__personal_statistics=True)
    changed = allowed & Q(insights_mark__personal=False) | ~allowed & Q(insights_mark__personal=True)
    ids = {
        *Channel.objects.filter(unread | changed).values_list("pk", flat=True),
        *_out_of_step().values_list("channel", flat=True).distinct(),
        *Wait.objects.filter(case=None).values_list("channel", flat=True).distinct(),
    }
    return Channel.objects.select_related("workspace").filter(pk__in=ids).order_by("pk")


def reopened() -> list[Channel]:
    """The channels with cases that wait again although nobody wrote, such as those that somebody reopened."""
    ids: set[int] = set()
    for workspace_id in Workspace.objects.values_list("pk", flat=True):
        ids.update(_missing(workspace_id).values_list("channel", flat=True).distinct())
    return list(Channel.objects.select_related("workspace").filter(pk__in=ids).order_by("pk"))


@dataclass
class _Facts:
    """What happened in one case."""

    words: list[datetime] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    counted: list[Wait] = field(default_factory=list)


class _Counter:
    """Counts the waits of one channel; the channel's mark is locked by the caller."""

    def __init__(self, channel: Channel, mark: Mark, now: datetime) -> None:
        self._channel, self._mark, self._now = channel, mark, now
        self._zone = channel.workspace.zone
        self._book = RuleBook(channel.workspace)

    def recount(self, case_ids: Iterable[int]) -> None:
        """Tell the waits of these cases anew."""
        cases = list(Case.objects.filter(pk__in=list(case_ids), channel=self._channel))
        facts = self._facts([case.pk for case in cases])
        tally = Tally(self._channel)
        dropped: list[int] = []
        added: list[Wait] = []
        for case in cases:
            old, new = self._changes(case, facts[case.pk])
            for wait in old:
                tally.add(wait, -1)
                dropped.append(wait.pk)
            for wait in new:
                tally.add(wait)
            added += new
        Wait.objects.filter(pk__in=dropped).delete()
        Wait.objects.bulk_create(added, batch_size=500)
        tally.save()

    def _facts(self, case_ids: Sequence[int]) -> Mapping[int, _Facts]:
        facts: dict[int, _Facts] = defaultdict(_Facts)
        by_remote: dict[str, int] = {}
        words = CaseInteraction.objects.filter(case__in=case_ids, interaction__deleted_at=None)
        for case_id, at, remote_id in words.values_list(
            "case", "interaction__created_at", "interaction__remote_id"
        ):
            facts[case_id].words.append(at)
            by_remote[remote_id] = case_id
        sent = set()
        replies = Reply.objects.filter(case__in=case_ids, state=State.DELIVERED, delivered_at__isnull=False)
        for reply in replies.only("case_id", "written_at", "delivered_at", "author_id", "remote_id"):
            sent.add(reply.remote_id)
            arrived = reply.delivered_at or reply.written_at
            answer = Answer(written_at=reply.written_at, arrived_at=arrived, person_id=reply.author_id)
            facts[reply.case_id].answers.append(answer)
        remotes = sorted(by_remote)
        for start in range(0, len(remotes), BATCH):
            ours = Interaction.objects.filter(
                channel=self._channel,
                ours=True,
                deleted_at=None,
                parent_remote_id__in=remotes[start : start + BATCH],
            )
            for parent, at, remote_id in ours.values_list("parent_remote_id", "created_at", "remote_id"):
                if remote_id not in sent:
                    facts[by_remote[parent]].answers.append(Answer(written_at=at, arrived_at=at))
        for wait in Wait.objects.filter(case__in=case_ids):
            facts[wait.case_id or 0].counted.append(wait)
        return facts

    def _changes(self, case: Case, facts: _Facts) -> tuple[list[Wait], list[Wait]]:
        """Which of the counted waits are no longer right, and which are to be counted instead."""
        closings = [w.ended_at for w in facts.counted if w.ending == Ending.CLOSED and w.ended_at]
        if case.status == Status.CLOSED and case.closed_at is not None:
            closings.append(case.closed_at)
        told = runs(
            words=[*facts.words, *_begun(facts, self._channel.connected_at)],
            answers=facts.answers,
            closings=closings,
            running_since=case.unanswered_since,
            connected_at=self._channel.connected_at,
        )
        counted = {_run(wait): wait for wait in facts.counted}
        new = [run for run in told if not _is_counted(run, counted, case)]
        old = [wait for run, wait in counted.items() if not _stays(run, wait, told, case)]
        waits = [self._wait(case, run) for run in new]
        for wait in old:
            if wait.ended_at is None and not any(run.covers(wait.since_at) for run in told):
                waits.append(self._gone(case, wait, told))
        return old, waits

    def _wait(self, case: Case, run: Run) -> Wait:
        wait = Wait(
            workspace_id=case.workspace_id,
            channel=self._channel,
            case=case,
            team_id=case.team_id,
            since_at=run.since,
            since_day=run.since.astimezone(self._zone).date(),
        )
        self._end(wait, run.ended, run.ending)
        if run.ended is not None and run.ending == Ending.ANSWERED:
            wait.person_id = run.person_id if self._mark.personal else None
            open_time = self._book.calendar(case.team_id).open_time(run.since, run.ended)
            wait.open_minutes = open_time // timedelta(minutes=1)
            wait.clock_minutes = (run.ended - run.since) // timedelta(minutes=1)
        return wait

    def _gone(self, case: Case | None, wait: Wait, told: Sequence[Run] = ()) -> Wait:
        """Nothing says any more that somebody waited, but until now somebody did, or until the next wait."""
        closed = case.closed_at if case is not None and case.status == Status.CLOSED else None
        ends = [closed or self._now, self._now, *(run.since for run in told if run.since > wait.since_at)]
        gone = Wait(
            workspace_id=wait.workspace_id,
            channel=self._channel,
            case=case,
            team_id=wait.team_id,
            since_at=wait.since_at,
            since_day=wait.since_day,
        )
        self._end(gone, max(wait.since_at, min(ends)), Ending.GONE)
        return gone

    def _end(self, wait: Wait, ended: datetime | None, ending: str) -> None:
        wait.ended_at, wait.ending = ended, ending
        wait.ended_day = ended.astimezone(self._zone).date() if ended else None

    def bury(self) -> None:
        """Waits whose case is erased: what is counted of them stays, they themselves go."""
        orphans = list(Wait.objects.filter(channel=self._channel, case=None))
        if not orphans:
            return
        tally = Tally(self._channel)
        for wait in orphans:
            if wait.ended_at is None:
                tally.add(wait, -1)
                tally.add(self._gone(None, wait))
        tally.save()
        Wait.objects.filter(pk__in=[wait.pk for wait in orphans]).delete()

    def name_people(self, *, allowed: bool) -> None:
        """Count who answered as soon as that is allowed, and forget it when it is not any more."""
        if allowed == self._mark.personal:
            return
        if allowed:
            self._count_people()
        else:
            DayCount.objects.filter(channel=self._channel, person__isnull=False).delete()
            Wait.objects.filter(channel=self._channel, person__isnull=False).update(person=None)
        self._mark.personal = allowed
        self._mark.save(update_fields=["personal"])

    def _count_people(self) -> None:
        first = self._now.astimezone(self._zone).date() - timedelta(days=PERSONAL_DAYS)
        waits = Wait.objects.filter(
            channel=self._channel, ending=Ending.ANSWERED, ended_day__gte=first, case__isnull=False
        )
        found = list(waits)
        facts = self._facts([pk for pk in {wait.case_id for wait in found} if pk])
        tally = Tally(self._channel)
        for wait in found:
            people = {answer.arrived_at: answer.person_id for answer in facts[wait.case_id or 0].answers}
            person_id = people.get(wait.ended_at) if wait.ended_at else None
            if person_id is not None:
                tally.add(wait, -1)
                wait.person_id = person_id
                tally.add(wait)
        Wait.objects.bulk_update(found, ["person"], batch_size=500)
        tally.save()


def _begun(facts: _Facts, connected_at: datetime) -> list[datetime]:
    """When people waited from without words that say so: somebody opened the case again, or the words are
    erased. What a wait ended with has to be there still.
    """
    known = {*facts.words, connected_at}
    arrived = {answer.arrived_at for answer in facts.answers}
    return [
        wait.since_at
        for wait in facts.counted
        if wait.since_at not in known
        and (wait.ended_at is None or wait.ending == Ending.CLOSED or wait.ended_at in arrived)
    ]


def _run(wait: Wait) -> Run:
    return Run(since=wait.since_at, ended=wait.ended_at, ending=wait.ending)


def _plain(run: Run) -> Run:
    return Run(since=run.since, ended=run.ended, ending=run.ending)


def _is_counted(run: Run, counted: Mapping[Run, Wait], case: Case) -> bool:
    wait = counted.get(_plain(run))
    return wait is not None and (wait.ended_at is not None or wait.team_id == case.team_id)


def _stays(run: Run, wait: Wait, told: Sequence[Run], case: Case) -> bool:
    """Whether a counted wait is still right, or nothing contradicts it."""
    if wait.ending == Ending.GONE:
        return not any(other.covers(wait.since_at) for other in told)
    if run in map(_plain, told):
        return wait.ended_at is not None or wait.team_id == case.team_id
    return wait.ended_at is not None and not any(run.meets(other) for other in told)
