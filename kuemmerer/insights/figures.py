"""The figures of the last days: how long people waited for an answer, how much was open. Read from the counts
of days, so they cost the same whether there are a thousand cases or a million.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from kuemmerer.accounts.access import Actor
from kuemmerer.accounts.calendars import Calendar
from kuemmerer.accounts.models import Team, User
from kuemmerer.channels.models import Channel
from kuemmerer.channels.privacy import may_show_person
from kuemmerer.core.errors import Invalid, NotFound
from kuemmerer.insights import sketch
from kuemmerer.insights.models import DayCount, Mark, Wait
from kuemmerer.insights.sketch import Sketch

SPANS = (30, 90)
"""Days that can be looked back on, today included."""
MEDIAN, MOST = 0.5, 0.9


@dataclass(frozen=True, kw_only=True)
class Times:
    """How long people waited for an answer, in whole minutes, right to within a hundredth; None where nothing
    was answered. In business hours, which is what is promised; and by the clock, which is what they feel.
    """

    answered: int
    median: int | None
    most: int | None
    clock_median: int | None
    clock_most: int | None


@dataclass(frozen=True, kw_only=True)
class Day(Times):
    """A local day. `open`: how many cases waited for an answer at its end, snoozed ones too; today: now."""

    day: date
    closed: bool
    open: int
    began: int
    ended: int


@dataclass(frozen=True, kw_only=True)
class Share(Times):
    """The same of one team or person over all the days."""

    id: int
    name: str


@dataclass(frozen=True, kw_only=True)
class Figures(Times):
    """All the days together; `people` only where statistics may say who answered."""

    days: tuple[Day, ...]
    open: int
    teams: Sequence[Share]
    people: Sequence[Share] | None


def figures(
    *,
    actor: Actor,
    now: datetime,
    days: int = 30,
    channel_id: int | None = None,
    team_id: int | None = None,
) -> Figures:
    """The figures of the workspace, or of a channel or team of it. Raises Invalid for other spans than
    `SPANS`, NotFound, Forbidden.
    """
    actor.need("inbox.view")
    if days not in SPANS:
        raise Invalid(_("Choose 30 or 90 days."), field="days")
    team = _checked(actor, channel_id, team_id)
    last = now.astimezone(actor.workspace.zone).date()
    rows = DayCount.objects.filter(workspace=actor.workspace, day__gt=last - timedelta(days=days))
    running = Wait.objects.filter(workspace=actor.workspace, ended_at=None)
    marks = Mark.objects.filter(channel__workspace=actor.workspace).order_by("channel")
    if channel_id is not None:
        rows, running = rows.filter(channel=channel_id), running.filter(channel=channel_id)
    if team_id is not None:
        running = running.filter(team=team_id)
    calendar = Calendar.of(team if team is not None and team.own_calendar else actor.workspace)
    open_now = running.count()
    asked = _Asked(actor.workspace.pk, channel_id, team_id, last - timedelta(days=days))
    told = _told(asked, tuple(marks.values_list("stamp", flat=True)))
    return Figures(
        days=_days(told.days, last, days, open_now, calendar),
        open=open_now,
        teams=_teams(actor, rows) if team_id is None else [],
        people=_people(actor, rows) if team_id is None else None,
        **vars(told.all),
    )


def _checked(actor: Actor, channel_id: int | None, team_id: int | None) -> Team | None:
    if (
        channel_id is not None
        and not Channel.objects.filter(workspace=actor.workspace, pk=channel_id).exists()
    ):
        raise NotFound
    if team_id is None:
        return None
    team = Team.objects.filter(workspace=actor.workspace, pk=team_id).first()
    if team is None:
        raise NotFound
    return team


@dataclass(frozen=True, slots=True)
class _Row:
    began: int
    ended: int
    open_times: Sketch
    clock_times: Sketch


_COLUMNS = ("began", "ended", "open_times", "clock_times")


@dataclass(frozen=True, slots=True)
class _Asked:
    workspace_id: int
    channel_id: int | None
    team_id: int | None
    after: date


@dataclass(frozen=True, slots=True)
class _OfDay:
    began: int
    ended: int
    times: Times


@dataclass(frozen=True, slots=True)
class _Told:
    days: Mapping[date, _OfDay]
    all: Times


# An open page is looked at more often than something is counted, and adding up sketches takes a while.
@lru_cache(maxsize=256)
def _told(asked: _Asked, stamps: tuple[int, ...]) -> _Told:
    """The days that were asked for and all of them together. `stamps` are others as soon as a count is."""
    rows = DayCount.objects.filter(
        workspace=asked.workspace_id, day__gt=asked.after, team=asked.team_id, person=None
    )
    if asked.channel_id is not None:
        rows = rows.filter(channel=asked.channel_id)
    found: dict[date, list[_Row]] = defaultdict(list)
    for day, *values in rows.values_list("day", *_COLUMNS):
        found[day].append(_Row(*values))
    days = {day: _together(of) for day, of in found.items()}
    of_days = {day: _OfDay(row.began, row.ended, _times([row])) for day, row in days.items()}
    return _Told(days=of_days, all=_times(days.values()))


def _together(rows: Sequence[_Row]) -> _Row:
    return _Row(
        began=sum(row.began for row in rows),
        ended=sum(row.ended for row in rows),
        open_times=sketch.merged(row.open_times for row in rows),
        clock_times=sketch.merged(row.clock_times for row in rows),
    )


def _times(rows: Iterable[_Row]) -> Times:
    rows = list(rows)
    open_times = sketch.merged(row.open_times for row in rows)
    clock_times = sketch.merged(row.clock_times for row in rows)
    return Times(
        answered=sum(open_times.values()),
        median=sketch.quantile(open_times, MEDIAN),
        most=sketch.quantile(open_times, MOST),
        clock_median=sketch.quantile(clock_times, MEDIAN),
        clock_most=sketch.quantile(clock_times, MOST),
    )


_NOTHING = _OfDay(0, 0, Times(answered=0, median=None, most=None, clock_median=None, clock_most=None))


def _days(
    told: Mapping[date, _OfDay], last: date, days: int, open_now: int, calendar: Calendar
) -> tuple[Day, ...]:
    """The days in their order, counted back from now."""
    found: list[Day] = []
    still_open = open_now
    for back in range(days):
        day = last - timedelta(days=back)
        of = told.get(day, _NOTHING)
        closed = not calendar.open_spans(day)
        found.append(
            Day(day=day, closed=closed, open=still_open, began=of.began, ended=of.ended, **vars(of.times))
        )
        still_open -= of.began - of.ended
    return tuple(found[::-1])


def _teams(actor: Actor, rows: QuerySet[DayCount]) -> list[Share]:
    teams = dict(Team.objects.filter(workspace=actor.workspace).values_list("pk", "name"))
    return _shares(rows.filter(team__isnull=False), "team", teams) if teams else []


def _people(actor: Actor, rows: QuerySet[DayCount]) -> list[Share] | None:
    """By person, for those who manage and only where an owner has allowed it."""
    if not actor.can("members.manage") or not may_show_person(actor.workspace):
        return None
    members = User.objects.filter(memberships__workspace=actor.workspace)
    people = {user.pk: str(user) for user in members}
    return _shares(rows.filter(person__in=people), "person", people)


def _shares(rows: QuerySet[DayCount], what: str, names: dict[int, str]) -> list[Share]:
    found: dict[int, list[_Row]] = defaultdict(list)
    for pk, *values in rows.values_list(what, *_COLUMNS):
        found[pk].append(_Row(*values))
    shares = [Share(id=pk, name=names[pk], **vars(_times(of))) for pk, of in found.items()]
    return sorted(shares, key=lambda share: share.name)
