"""Teams, and who stands in for whom: all writes of both."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from kuemmerer.accounts.access import Actor
from kuemmerer.accounts.calendar_settings import CalendarSettings
from kuemmerer.accounts.calendars import Calendar
from kuemmerer.accounts.models import Absence, Membership, Team, User, Workspace
from kuemmerer.accounts.workspaces import checked_name, tell_hours_changed
from kuemmerer.core.errors import Conflict, Forbidden, Invalid, NotFound
from kuemmerer.core.models import record

MOST_TEAMS = 100


def calendar_for(workspace: Workspace, team: Team | None) -> Calendar:
    """The calendar that counts for a team's work: its own, else the workspace's."""
    return Calendar.of(team if team is not None and team.own_calendar else workspace)


@transaction.atomic
def save_team(
    *,
    actor: Actor,
    name: str,
    member_ids: Iterable[int],
    calendar: CalendarSettings | None,
    now: datetime,
    team_id: int | None = None,
) -> Team:
    """Make a team or change one. `member_ids` are memberships; without `calendar` the workspace's counts.

    Raises Invalid, Conflict (the name is taken), NotFound, Forbidden.
    """
    actor.need("teams.manage")
    team = _team(actor, team_id) if team_id else Team(workspace=actor.workspace)
    team.name = checked_name(name)
    teams = Team.objects.filter(workspace=actor.workspace)
    if teams.filter(name__iexact=team.name).exclude(pk=team.pk).exists():
        raise Conflict(_("There is a team of this name already."), field="name")
    if team.pk is None and teams.count() >= MOST_TEAMS:
        raise Invalid(_("A workspace has 100 teams at most."), field="name")
    members = list(Membership.objects.filter(workspace=actor.workspace, pk__in=member_ids))
    if len(members) != len(set(member_ids)):
        raise Invalid(_("This person is not a member of the workspace."), field="members")
    team.own_calendar = calendar is not None
    if calendar is not None:
        calendar.write_to(team)
    team.save()
    team.members.set(members)
    record(workspace_id=team.workspace_id, actor=actor.label, verb="saved team", subject=team, now=now)
    transaction.on_commit(lambda: tell_hours_changed(actor.workspace))
    return team


@transaction.atomic
def delete_team(*, actor: Actor, team_id: int, now: datetime) -> None:
    """Dissolve a team; its cases belong to no team then. Raises NotFound, Forbidden."""
    actor.need("teams.manage")
    team = _team(actor, team_id)
    record(workspace_id=team.workspace_id, actor=actor.label, verb="deleted team", subject=team, now=now)
    team.delete()
    transaction.on_commit(lambda: tell_hours_changed(actor.workspace))


def _team(actor: Actor, team_id: int) -> Team:
    team = Team.objects.select_for_update().filter(workspace=actor.workspace, pk=team_id).first()
    if team is None:
        raise NotFound(_("This team does not exist (any more)."))
    return team


# --- absences


@transaction.atomic
def add_absence(
    *,
    actor: Actor,
    membership_id: int,
    first_day: date,
    last_day: date,
    deputy_id: int | None,
    now: datetime,
) -> Absence:
    """Note that a member is away from the first day to the last one, and which member stands in.

    Everybody may do so for themselves, who manages members for everybody. Raises Invalid, NotFound and
    Forbidden.
    """
    actor.need("absences.own")
    member = _member(actor, membership_id)
    deputy = _member(actor, deputy_id, yourself=True) if deputy_id else None
    if deputy == member:
        raise Invalid(_("Nobody can stand in for himself."), field="deputy")
    if last_day < first_day:
        raise Invalid(_("The absence ends before it begins."), field="last_day")
    absence = Absence.objects.create(membership=member, first_day=first_day, last_day=last_day, deputy=deputy)
    record(workspace_id=member.workspace_id, actor=actor.label, verb="added absence", subject=member, now=now)
    return absence


@transaction.atomic
def remove_absence(*, actor: Actor, absence_id: int, now: datetime) -> None:
    """Take an absence back. Raises NotFound, Forbidden."""
    actor.need("absences.own")
    absence = Absence.objects.filter(membership__workspace=actor.workspace, pk=absence_id).first()
    if absence is None:
        raise NotFound(_("This absence does not exist (any more)."))
    member = _member(actor, absence.membership_id)
    record(
        workspace_id=member.workspace_id, actor=actor.label, verb="removed absence", subject=member, now=now
    )
    absence.delete()


def _member(actor: Actor, membership_id: int, *, yourself: bool = False) -> Membership:
    member = Membership.objects.filter(workspace=actor.workspace, pk=membership_id).first()
    if member is None:
        raise NotFound(_("This person is not a member of the workspace."))
    if not yourself and member.pk != actor.membership.pk and not actor.can("members.manage"):
        raise Forbidden
    return member


def present(members: Sequence[Membership], day: date) -> list[User]:
    """The people who are there on a local day: for who is away the deputy, or the deputy's deputy.

    Nobody twice; who is away without anybody to stand in is left out.
    """
    away = _absences(members, day)
    found: dict[int, User] = {}
    for member in members:
        seen: set[int] = set()
        stand_in: Membership | None = member
        while stand_in is not None and stand_in.pk in away and stand_in.pk not in seen:
            seen.add(stand_in.pk)
            stand_in = away[stand_in.pk].deputy
        if stand_in is not None and stand_in.pk not in away:
            found[stand_in.user_id] = stand_in.user
    return list(found.values())


def _absences(members: Sequence[Membership], day: date) -> dict[int, Absence]:
    if not members:
        return {}
    absences = Absence.objects.filter(
        membership__workspace=members[0].workspace_id, first_day__lte=day, last_day__gte=day
    ).select_related("deputy__user")
    return {absence.membership_id: absence for absence in absences}
