"""Teams and absences for programs."""

from __future__ import annotations

from datetime import date

from ninja import Query
from pydantic import Field

from kuemmerer.accounts import teams
from kuemmerer.accounts.calendar_settings import CalendarSettings
from kuemmerer.accounts.models import Absence, Team, default_half_days
from kuemmerer.api import paging
from kuemmerer.api.fields import Answer, Id, Input, PageInput, PageOf
from kuemmerer.api.operations import ApiRequest, Operations
from kuemmerer.core import clock

operations = Operations("Workspace")


class CalendarInput(Input):
    country: str
    region: str = ""
    time_zone: str
    hours: dict[str, list[list[str]]]
    closed_days: list[dict[str, str]] = []
    half_days: dict[str, str] = Field(default_factory=default_half_days)


class TeamInput(Input):
    name: str
    member_ids: list[int] = Field(default=[], description="Ids of members, not of users.")
    calendar: CalendarInput | None = Field(
        default=None, description="Hours of its own; null keeps the workspace's. Written as in `/workspace`."
    )


class TeamAnswer(Answer):
    id: int
    name: str
    member_ids: list[int]
    calendar: CalendarInput | None

    @classmethod
    def of(cls, team: Team) -> TeamAnswer:
        fields = CalendarInput.model_fields
        own = CalendarInput(**{name: getattr(team, name) for name in fields}) if team.own_calendar else None
        members = sorted(member.pk for member in team.members.all())
        return cls(id=team.pk, name=team.name, member_ids=members, calendar=own)


class AbsenceInput(Input):
    member_id: Id
    first_day: date
    last_day: date = Field(description="The last day away, included.")
    deputy_id: Id | None = Field(default=None, description="The member who stands in.")


class AbsenceAnswer(Answer):
    id: int
    member_id: int
    first_day: date
    last_day: date
    deputy_id: int | None

    @classmethod
    def of(cls, absence: Absence) -> AbsenceAnswer:
        return cls(
            id=absence.pk,
            member_id=absence.membership_id,
            first_day=absence.first_day,
            last_day=absence.last_day,
            deputy_id=absence.deputy_id,
        )


def _saved(request: ApiRequest, data: TeamInput, team_id: int | None = None) -> TeamAnswer:
    calendar = CalendarSettings(**data.calendar.model_dump()) if data.calendar else None
    team = teams.save_team(
        actor=request.actor,
        name=data.name,
        member_ids=data.member_ids,
        calendar=calendar,
        team_id=team_id,
        now=clock.now(),
    )
    return TeamAnswer.of(team)


@operations.get("/teams", "inbox.view", PageOf[TeamAnswer])
def list_teams(request: ApiRequest, page: Query[PageInput]) -> PageOf[TeamAnswer]:
    """List the teams"""
    found = Team.objects.filter(workspace=request.actor.workspace).prefetch_related("members")
    rows, following = paging.by_id(found, page)
    return PageOf(items=[TeamAnswer.of(row) for row in rows], next=following)


@operations.post("/teams", "teams.manage", TeamAnswer, status=201)
def make_team(request: ApiRequest, data: TeamInput) -> TeamAnswer:
    """Make a team"""
    return _saved(request, data)


@operations.put("/teams/{int:team_id}", "teams.manage", TeamAnswer)
def change_team(request: ApiRequest, team_id: int, data: TeamInput) -> TeamAnswer:
    """Replace a team's name, members and calendar"""
    return _saved(request, data, team_id)


@operations.delete("/teams/{int:team_id}", "teams.manage")
def delete_team(request: ApiRequest, team_id: int) -> None:
    """Dissolve a team"""
    teams.delete_team(actor=request.actor, team_id=team_id, now=clock.now())


@operations.get("/absences", "inbox.view", PageOf[AbsenceAnswer])
def list_absences(request: ApiRequest, page: Query[PageInput]) -> PageOf[AbsenceAnswer]:
    """List who is away when, and who stands in"""
    found = Absence.objects.filter(membership__workspace=request.actor.workspace)
    rows, following = paging.by_id(found, page)
    return PageOf(items=[AbsenceAnswer.of(row) for row in rows], next=following)


@operations.post("/absences", "absences.own", AbsenceAnswer, status=201)
def add_absence(request: ApiRequest, data: AbsenceInput) -> AbsenceAnswer:
    """Note that a member is away

    Everybody may do so for themselves, who manages members for everybody.
    """
    absence = teams.add_absence(
        actor=request.actor,
        membership_id=data.member_id,
        first_day=data.first_day,
        last_day=data.last_day,
        deputy_id=data.deputy_id,
        now=clock.now(),
    )
    return AbsenceAnswer.of(absence)


@operations.delete("/absences/{int:absence_id}", "absences.own")
def remove_absence(request: ApiRequest, absence_id: int) -> None:
    """Take an absence back"""
    teams.remove_absence(actor=request.actor, absence_id=absence_id, now=clock.now())
