"""The way in: first setup, invitations, further workspaces; and one's own preferences."""

from __future__ import annotations

from allauth.account.utils import perform_login
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from kuemmerer.accounts import people, workspaces
from kuemmerer.accounts.models import Invitation, Membership, User
from kuemmerer.core import clock
from kuemmerer.core.errors import Conflict, Forbidden, NotFound
from kuemmerer.web.forms import (
    AUTOMATIC,
    DeskForm,
    JoinForm,
    PlaceForm,
    PreferencesForm,
    SetupForm,
    guess_place,
)
from kuemmerer.web.page import LOGIN, PUBLIC, page

FORM = ("GET", "HEAD", "POST")


@page(PUBLIC, methods=FORM)
def setup(request: HttpRequest) -> HttpResponse:
    """The owner and the first workspace, or a look around; gone as soon as somebody has done it."""
    if not workspaces.is_fresh():
        raise NotFound
    form = SetupForm(request.POST or None, initial=guess_place(request))
    membership = form.run(lambda: _set_up(form))
    if membership:
        return _welcome(request, membership)
    return render(request, "setup/setup.html", {"form": form}, status=form.status)


def _set_up(form: SetupForm) -> Membership:
    values = form.cleaned_data
    return people.set_up(
        email=values["email"],
        person=values["person"],
        password=values["password"],
        # Who picks another language than the browser's wants to read it as well.
        user_language="" if values["language"] == get_language() else values["language"],
        now=clock.now(),
        **form.place(),
    )


def _welcome(request: HttpRequest, membership: Membership) -> HttpResponse:
    """Log a new member in and go to the workspace."""
    response: HttpResponse = perform_login(request, membership.user, redirect_url="/")
    request.session["workspace"] = membership.workspace.slug
    return response


@page(PUBLIC, methods=FORM)
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """What an invitation is for, and how to accept it: as a new person or as one who is known."""
    try:
        found = workspaces.open_invitation(token=token, now=clock.now())
    except NotFound:
        return render(request, "setup/invitation_gone.html", status=404)
    if _is_somebody(request):
        return _accept(request, found, token)
    if User.objects.filter(email=found.email).exists():
        return _show_invitation(request, found)
    return _join(request, found, token)


def _is_somebody(request: HttpRequest) -> bool:
    # Who looks around in the demo company is nobody yet.
    return request.user.is_authenticated and not request.user.is_demo


def _accept(request: HttpRequest, found: Invitation, token: str) -> HttpResponse:
    if request.method != "POST":
        return _show_invitation(request, found)
    assert isinstance(request.user, User)  # noqa: S101 - for the type checker
    try:
        workspaces.accept(token=token, user=request.user, now=clock.now())
    except Conflict as error:
        messages.info(request, str(error))
    request.session["workspace"] = found.workspace.slug
    return redirect("home")


def _join(request: HttpRequest, found: Invitation, token: str) -> HttpResponse:
    form = JoinForm(request.POST or None)
    membership = form.run(lambda: people.join(token=token, now=clock.now(), **form.cleaned_data))
    if membership:
        return _welcome(request, membership)
    return _show_invitation(request, found, form)


def _show_invitation(request: HttpRequest, found: Invitation, form: DeskForm | None = None) -> HttpResponse:
    context = {"invitation": found, "form": form, "somebody": _is_somebody(request)}
    return render(request, "setup/invitation.html", context, status=form.status if form else 200)


@page(LOGIN, methods=FORM)
def new_workspace(request: HttpRequest) -> HttpResponse:
    """A further workspace, for those who look after several companies."""
    user = request.user
    assert isinstance(user, User)  # noqa: S101 - for the type checker
    if user.is_demo:
        raise Forbidden(_("This is the demo company. Sign out and set up your own desk first."))
    form = PlaceForm(request.POST or None, initial=guess_place(request))
    membership = form.run(lambda: workspaces.found(owner=user, now=clock.now(), **form.place()))
    if membership:
        request.session["workspace"] = membership.workspace.slug
        return redirect("home")
    return render(request, "setup/new_workspace.html", {"form": form}, status=form.status)


@page(LOGIN, methods=FORM)
def preferences(request: HttpRequest) -> HttpResponse:
    """One's own name and language."""
    user = request.user
    assert isinstance(user, User)  # noqa: S101 - for the type checker
    form = PreferencesForm(
        request.POST or None, initial={"person": user.name, "language": user.language or AUTOMATIC}
    )
    if form.run(lambda: people.change_preferences(user=user, now=clock.now(), **form.cleaned_data)):
        messages.success(request, _("Saved."))
        return redirect("preferences")
    return render(request, "settings/preferences.html", {"form": form}, status=form.status)
