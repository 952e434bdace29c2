"""The settings of a workspace: company and hours, members, API tokens, security."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy as _

from kuemmerer.accounts import people, workspaces
from kuemmerer.accounts.models import ApiToken, Invitation, Membership, Role
from kuemmerer.core import clock, mail
from kuemmerer.web.forms import InviteForm, TokenForm, WorkspaceForm, role_choices
from kuemmerer.web.page import WorkspaceRequest, page

FORM = ("GET", "HEAD", "POST")
POST = ("POST",)


@page("members.manage")
def index(request: WorkspaceRequest) -> HttpResponse:
    """To the first tab that the person may open."""
    first = "settings-general" if request.actor.can("workspace.manage") else "settings-members"
    return redirect(first, request.actor.workspace.slug)


@page("workspace.manage", methods=FORM)
def general(request: WorkspaceRequest) -> HttpResponse:
    """Name, place, language and business hours."""
    form = WorkspaceForm(request.POST or None, workspace=request.actor.workspace)
    if form.run(
        lambda: workspaces.change(
            actor=request.actor,
            name=form.cleaned_data["name"],
            language=form.cleaned_data["language"],
            calendar=form.calendar(),
            now=clock.now(),
        )
    ):
        messages.success(request, _("Saved."))
        return redirect("settings-general", request.actor.workspace.slug)
    return render(request, "settings/general.html", {"form": form}, status=form.status)


@page("members.manage", methods=FORM)
def members(request: WorkspaceRequest) -> HttpResponse:
    """Who belongs here, in which role, and who is invited. A new invitation's link is shown this once."""
    with_owner = request.actor.can("owners.manage")
    form = InviteForm(request.POST or None, with_owner=with_owner)
    link = form.run(lambda: workspaces.invite(actor=request.actor, now=clock.now(), **form.cleaned_data))
    context = {
        "form": InviteForm(with_owner=with_owner) if link else form,
        "link": link,
        "by_mail": mail.is_set_up(),
        "invited": form.cleaned_data["email"] if link else "",
        "roles": role_choices(with_owner=with_owner),
        "memberships": _memberships(request),
        "invitations": _open_invitations(request),
    }
    return render(request, "settings/members.html", context, status=form.status)


def _memberships(request: WorkspaceRequest) -> list[dict[str, Any]]:
    found = Membership.objects.filter(workspace=request.actor.workspace).select_related("user")
    may_touch_owners = request.actor.can("owners.manage")
    return [
        {
            "membership": membership,
            "is_self": membership.user_id == request.user.pk,
            "editable": may_touch_owners or membership.role != Role.OWNER,
        }
        for membership in found.order_by("user__name", "pk")
    ]


def _open_invitations(request: WorkspaceRequest) -> list[Invitation]:
    return list(
        Invitation.objects.filter(
            workspace=request.actor.workspace, accepted_at=None, expires_at__gt=clock.now()
        ).order_by("-expires_at", "-pk")
    )


@page("members.manage", methods=POST)
def change_role(request: WorkspaceRequest, membership_id: int) -> HttpResponse:
    membership = workspaces.change_role(
        actor=request.actor,
        membership_id=membership_id,
        role=request.POST.get("role", ""),
        now=clock.now(),
    )
    messages.success(
        request,
        _("%(name)s is now: %(role)s.") % {"name": membership.user, "role": membership.get_role_display()},
    )
    return _to_members(request, membership_id)


@page("members.manage", methods=POST)
def remove_member(request: WorkspaceRequest, membership_id: int) -> HttpResponse:
    workspaces.remove_member(actor=request.actor, membership_id=membership_id, now=clock.now())
    messages.success(request, _("The member was removed."))
    return _to_members(request, membership_id)


def _to_members(request: WorkspaceRequest, membership_id: int) -> HttpResponse:
    if membership_id == request.actor.membership.pk:
        # Who has just lost the right to see the list would only get an error there.
        return redirect("home")
    return redirect("settings-members", request.actor.workspace.slug)


@page("members.manage", methods=POST)
def withdraw_invitation(request: WorkspaceRequest, invitation_id: int) -> HttpResponse:
    workspaces.withdraw_invitation(actor=request.actor, invitation_id=invitation_id, now=clock.now())
    messages.success(request, _("The invitation was withdrawn; its link does not work any more."))
    return redirect("settings-members", request.actor.workspace.slug)


@page("tokens.manage", methods=FORM)
def tokens(request: WorkspaceRequest) -> HttpResponse:
    """The keys of other programs. A new secret is shown this once."""
    form = TokenForm(request.POST or None)
    made = form.run(lambda: workspaces.make_token(actor=request.actor, now=clock.now(), **form.cleaned_data))
    found = ApiToken.objects.filter(workspace=request.actor.workspace).select_related("membership__user")
    context = {
        "form": TokenForm() if made else form,
        "secret": made[1] if made else "",
        "tokens": found.order_by("-created_at", "-pk"),
    }
    return render(request, "settings/tokens.html", context, status=form.status)


@page("tokens.manage", methods=POST)
def revoke_token(request: WorkspaceRequest, token_id: int) -> HttpResponse:
    workspaces.revoke_token(actor=request.actor, token_id=token_id, now=clock.now())
    messages.success(request, _("The token was revoked."))
    return redirect("settings-tokens", request.actor.workspace.slug)


@page("members.manage")
def security(request: WorkspaceRequest) -> HttpResponse:
    """Who protects the login with a second factor, and the ways to one's own protection."""
    protected = people.with_second_factor(request.actor.workspace)
    found = Membership.objects.filter(workspace=request.actor.workspace).select_related("user")
    rows = [(one, one.user_id in protected) for one in found.order_by("user__name", "pk")]
    context = {"rows": rows, "own": request.user.pk in protected}
    return render(request, "settings/security.html", context)
