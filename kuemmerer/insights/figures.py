"""The figures of the last days: how long people waited for an answer, how much was open. Read from the counts
of days, so they cost the same whether there are a thousand cases or a million.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from kuemmerer.accounts.access import Actor
from kuemmerer.accounts.calendars import Calendar
from kuemmerer.accounts.models import Team, User
from kuemmerer.channels.models import Channel
from kuemmerer.channels.privacy import may_show_person
from kuemmerer.core.errors import Invalid, NotFound
from kuemmerer.insights import sketch
from kuemmerer.insights.models import DayCount, Wait
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

    days: Sequence[Day]
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
    if channel_id is not None:
        rows, running = rows.filter(channel=channel_id), running.filter(channel=channel_id)
    if team_id is not None:
        running = running.filter(team=team_id)
    counted = rows.filter(team=team_id, person=None)
    calendar = Calendar.of(team if team is not None and team.own_calendar else actor.workspace)
    open_now = running.count()
    by_day = _by_day(counted)
    of_days = _days(by_day, last, days, open_now, calendar)
    return Figures(
        days=of_days,
        open=open_now,
        teams=_teams(actor, rows) if team_id is None else [],
        people=_people(actor, rows) if team_id is None else None,
        **vars(_times(row for found in by_day.values() for row in found)),
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


def _by_day(rows: QuerySet[DayCount]) -> dict[date, list[_Row]]:
    found: dict[date, list[_Row]] = defaultdict(list)
    for day, *values in rows.values_list("day", *_COLUMNS):
        found[day].append(_Row(*values))
    return found


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


def _days(
    by_day: dict[date, list[_Row]], last: date, days: int, open_now: int, calendar: Calendar
) -> list[Day]:
    """The days in their order, counted back from now."""
    found: list[Day] = []
    still_open = open_now
    for back in range(days):
        day = last - timedelta(days=back)
        rows = by_day.get(day, [])
        began, ended = sum(row.began for row in rows), sum(row.ended for row in rows)
        found.append(
            Day(
                day=day,
                closed=not calendar.open_spans(day),
                open=still_open,
                began=began,
                ended=ended,
                **vars(_times(rows)),
            )
        )
        still_open -= began - ended
    return found[::-1]


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
