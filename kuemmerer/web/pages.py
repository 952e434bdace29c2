"""Pages that belong to no app: the way in, health, errors."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render

from kuemmerer.accounts.workspaces import is_fresh
from kuemmerer.core import clock
from kuemmerer.jobs import health
from kuemmerer.web.page import PUBLIC, page
from kuemmerer.web.shell import last_actor


@page(PUBLIC)
def home(request: HttpRequest) -> HttpResponse:
    """To the day page of the user's workspace; on the very first visit to the setup."""
    if not request.user.is_authenticated:
        return redirect("setup" if is_fresh() else "account_login")
    actor = last_actor(request)
    if actor is None:
        return redirect("setup") if is_fresh() else render(request, "web/homeless.html", status=404)
    return redirect("today", actor.workspace.slug)


@page(PUBLIC)
def healthz(request: HttpRequest) -> HttpResponse:
    """200 when the work gets done, 503 with the reasons when it does not. Holds no names of customers."""
    problems = health.problems(clock.now())
    body = {
        "status": "ok" if not problems else "failing",
        "problems": [{"code": p.code, "details": p.details} for p in problems],
    }
    return JsonResponse(body, status=200 if not problems else 503)
