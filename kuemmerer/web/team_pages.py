"""The settings tab “Teams”: teams with their calendars, and who is away."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from kuemmerer.accounts import teams
from kuemmerer.accounts.access import Actor
from kuemmerer.accounts.calendar_settings import CalendarSettings
from kuemmerer.accounts.models import Absence, Membership, Team
from kuemmerer.core import clock
from kuemmerer.web.calendar_forms import calendar_fields, entered_hours
from kuemmerer.web.forms import DeskForm, region_choices
from kuemmerer.web.page import WorkspaceRequest, page

FORM = ("GET", "HEAD", "POST")


def _members(actor: Actor) -> list[tuple[str, str]]:
    found = Membership.objects.filter(workspace=actor.workspace).select_related("user")
    return [(str(member.pk), str(member.user)) for member in found.order_by("user__name", "pk")]


class TeamForm(DeskForm):
    name = forms.CharField(label=gettext_lazy("Name"), max_length=60)
    own_calendar = forms.BooleanField(
        label=gettext_lazy("This team has hours of its own"),
        help_text=gettext_lazy("Otherwise the company's hours count for its cases."),
        required=False,
    )

    def __init__(self, *args: Any, actor: Actor, team: Team | None = None, **kwargs: Any) -> None:
        calendar = team if team and team.own_calendar else actor.workspace
        kwargs["initial"] = {
            "name": team.name if team else "",
            "own_calendar": bool(team and team.own_calendar),
            "members": [str(pk) for pk in team.members.values_list("pk", flat=True)] if team else [],
            "place": f"{calendar.country}:{calendar.region}" if calendar.region else "",
        }
        kwargs["auto_id"] = f"team-{team.pk}-%s" if team else "team-%s"
        super().__init__(*args, **kwargs)
        self._workspace = actor.workspace
        self.fields["members"] = forms.MultipleChoiceField(
            label=gettext_lazy("Members"),
            choices=_members(actor),
            required=False,
            widget=forms.CheckboxSelectMultiple,
        )
        self.fields["place"] = forms.ChoiceField(
            label=gettext_lazy("Public holidays of"), choices=region_choices(), required=False
        )
        self.fields |= calendar_fields(calendar)

    def days(self) -> list[forms.BoundField]:
        return [self[name] for name in self.fields if name.startswith("day_")]

    def calendar(self) -> CalendarSettings | None:
        values = self.cleaned_data
        if not values["own_calendar"]:
            return None
        country, _colon, region = (values["place"] or self._workspace.country).partition(":")
        return CalendarSettings(
            country=country,
            region=region,
            time_zone=self._workspace.time_zone,
            hours=entered_hours(values),
            closed_days=values["closed_days"],
            half_days=values["half_days"],
        )


class AbsenceForm(DeskForm):
    first_day = forms.DateField(label=gettext_lazy("Away from"), widget=forms.DateInput({"type": "date"}))
    last_day = forms.DateField(label=gettext_lazy("up to and with"), widget=forms.DateInput({"type": "date"}))

    def __init__(self, *args: Any, actor: Actor, **kwargs: Any) -> None:
        kwargs["auto_id"] = "absence-%s"
        super().__init__(*args, **kwargs)
        everybody = _members(actor)
        own = [choice for choice in everybody if choice[0] == str(actor.membership.pk)]
        self.fields["member"] = forms.ChoiceField(
            label=gettext_lazy("Who"),
            choices=everybody if actor.can("members.manage") else own,
            initial=str(actor.membership.pk),
        )
        self.fields["deputy"] = forms.ChoiceField(
            label=gettext_lazy("Who stands in"), choices=[("", _("nobody")), *everybody], required=False
        )
        self.order_fields(["member", "first_day", "last_day", "deputy"])


@page("teams.manage", methods=FORM)
def team_settings(request: WorkspaceRequest) -> HttpResponse:
    """Make, change and dissolve teams. `do` is save or delete."""
    actor, now, data = request.actor, clock.now(), request.POST
    if request.method != "POST":
        return _show_teams(request)
    team_id = _number(data.get("team", ""))
    if data.get("do") == "delete":
        teams.delete_team(actor=actor, team_id=team_id, now=now)
    else:
        team = Team.objects.filter(workspace=actor.workspace, pk=team_id).first()
        form = TeamForm(data, actor=actor, team=team)
        saved = form.run(
            lambda: teams.save_team(
                actor=actor,
                name=form.cleaned_data["name"],
                member_ids=[int(pk) for pk in form.cleaned_data["members"]],
                calendar=form.calendar(),
                team_id=team_id or None,
                now=now,
            )
        )
        if saved is None:
            return _show_teams(request, edited=form, edited_id=team_id)
    messages.success(request, _("Saved."))
    return redirect("settings-teams", actor.workspace.slug)


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0


def _show_teams(
    request: WorkspaceRequest, edited: TeamForm | None = None, edited_id: int = 0
) -> HttpResponse:
    actor = request.actor
    found = Team.objects.filter(workspace=actor.workspace).prefetch_related("members__user")
    rows = [
        {
            "team": team,
            "form": edited if edited and edited_id == team.pk else TeamForm(actor=actor, team=team),
            "is_open": edited_id == team.pk,
        }
        for team in found
    ]
    context = {"teams": rows, "new_form": edited if edited and not edited_id else TeamForm(actor=actor)}
    return render(request, "settings/teams.html", context, status=edited.status if edited else 200)


@page("inbox.view", methods=FORM)
def absences(request: WorkspaceRequest) -> HttpResponse:
    """Who is away, and who stands in. Everybody may enter their own. `do` is add or remove."""
    actor, now, data = request.actor, clock.now(), request.POST
    form = AbsenceForm(data if data.get("do") == "add" else None, actor=actor)
    if request.method == "POST":
        if data.get("do") == "remove":
            teams.remove_absence(actor=actor, absence_id=_number(data.get("absence", "")), now=now)
            return redirect("absences", actor.workspace.slug)
        added = form.run(
            lambda: teams.add_absence(
                actor=actor,
                membership_id=int(form.cleaned_data["member"]),
                first_day=form.cleaned_data["first_day"],
                last_day=form.cleaned_data["last_day"],
                deputy_id=int(form.cleaned_data["deputy"] or 0) or None,
                now=now,
            )
        )
        if added is not None:
            messages.success(request, _("Saved."))
            return redirect("absences", actor.workspace.slug)
    today = now.astimezone(actor.workspace.zone).date()
    present = Absence.objects.filter(membership__workspace=actor.workspace, last_day__gte=today)
    context = {
        "form": form,
        "absences": [
            {
                "absence": absence,
                "removable": actor.can("members.manage") or absence.membership_id == actor.membership.pk,
            }
            for absence in present.select_related("membership__user", "deputy__user")
        ],
        "today": today,
        "may_enter": actor.can("absences.own"),
    }
    return render(request, "settings/absences.html", context, status=form.status)
