"""What a page is: a function with a declared permission. A test walks the URLconf and proves it."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Protocol

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django_htmx.middleware import HtmxDetails

from kuemmerer.accounts.access import ALL_PERMISSIONS, Actor, actor_for
from kuemmerer.accounts.models import User
from kuemmerer.core.errors import DeskError

PUBLIC = "public"
"""Everybody, without login. For the few pages that must be: login, health, invitation."""
LOGIN = "login"
"""Everybody who is logged in, outside any workspace."""

View = Callable[..., HttpResponse]


class Page(Protocol):
    permission: str

    def __call__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse: ...


class WorkspaceRequest(HttpRequest):
    """A request inside a workspace: `request.actor` is set by `@page`."""

    actor: Actor
    user: User
    htmx: HtmxDetails


def page(permission: str, *, methods: tuple[str, ...] = ("GET", "HEAD")) -> Callable[[View], Page]:
    """Declare a view's permission and methods.

    Inside a workspace (`<slug:workspace>` in the URL) the view gets `request.actor` and no `workspace`
    argument; who is no member gets 404. An operation's DeskError becomes an error page (GET), or a message on
    the page that the form came from (POST); what was typed stays in the form because htmx does not swap it.
    """
    if permission not in {PUBLIC, LOGIN} | ALL_PERMISSIONS:
        raise LookupError(f"unknown permission {permission!r}")

    def declare(view: View) -> Page:
        @never_cache
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if permission != PUBLIC and not request.user.is_authenticated:
                return _to_login(request)
            try:
                if permission not in {PUBLIC, LOGIN}:
                    request.actor = actor_for(request.user, kwargs.pop("workspace"))  # type: ignore[attr-defined]
                    # Before the method is looked at: a stranger must not even learn that the address exists.
                    request.actor.need(permission)  # type: ignore[attr-defined]
                    timezone.activate(request.actor.workspace.zone)  # type: ignore[attr-defined]
                    _remember(request, request.actor.workspace.slug)  # type: ignore[attr-defined]
                if request.method not in methods:
                    return HttpResponseNotAllowed(methods)
                return view(request, *args, **kwargs)
            except DeskError as error:
                return error_response(request, error)

        guarded.permission = permission  # type: ignore[attr-defined]
        return guarded  # type: ignore[return-value]

    return declare


def _remember(request: HttpRequest, slug: str) -> None:
    """Where the home page leads to. Written only when it changes, not with every request."""
    if request.session.get("workspace") != slug:
        request.session["workspace"] = slug


def _to_login(request: HttpRequest) -> HttpResponse:
    response: HttpResponse = redirect_to_login(request.get_full_path())
    if getattr(request, "htmx", False):
        # Otherwise the login page would be swapped into a corner of the page.
        return HttpResponse(status=204, headers={"HX-Redirect": response["Location"]})
    return response


def error_response(request: HttpRequest, error: DeskError) -> HttpResponse:
    """How a page shows an operation's error."""
    alone = request.method in {"GET", "HEAD"} or error.status == 403
    if error.status == 404 or (alone and not getattr(request, "htmx", False)):
        name = {404: "404.html", 403: "403.html"}.get(error.status, "400.html")
        return render(request, name, {"message": str(error)}, status=error.status)
    if getattr(request, "htmx", False):
        messages.error(request, str(error))
        response = render(request, "web/_messages.html")
        response.headers["HX-Retarget"] = "#messages"
        response.headers["HX-Reswap"] = "beforeend"
        return response
    messages.error(request, str(error))
    return back(request)


def back(request: HttpRequest, fallback: str = "/") -> HttpResponseRedirect:
    """Back to where the form was sent from: its `next` field, else the referring page, on this host only."""
    for target in (request.POST.get("next", ""), request.headers.get("Referer", "")):
        if target and url_has_allowed_host_and_scheme(
            target, {request.get_host()}, require_https=request.is_secure()
        ):
            return HttpResponseRedirect(target)
    return redirect(fallback)
