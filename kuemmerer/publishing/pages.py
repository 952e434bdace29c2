"""The ideas: collected from feeds or written down."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from kuemmerer.core import clock
from kuemmerer.core.errors import DeskError
from kuemmerer.publishing import ideas
from kuemmerer.publishing.models import Idea
from kuemmerer.web.page import WorkspaceRequest, page

SHOWN = 100


@page("ideas.view", methods=("GET", "HEAD", "POST"))
def ideas_page(request: WorkspaceRequest) -> HttpResponse:
    """The ideas of one status, newest first; a form to note another one."""
    error, typed = "", {}
    if request.method == "POST":
        typed = {key: request.POST.get(key, "") for key in ("title", "text", "url")}
        try:
            ideas.write_down(actor=request.actor, now=clock.now(), **typed)
        except DeskError as refused:
            error = str(refused)
        else:
            messages.success(request, _("The idea is noted."))
            return redirect("ideas", request.actor.workspace.slug)
    status = request.GET.get("status", "")
    status = status if status in Idea.Status.values else Idea.Status.COLLECTED
    found = Idea.objects.filter(workspace=request.actor.workspace, status=status)
    context = {
        "ideas": found.select_related("source__channel").order_by("-created_at")[:SHOWN],
        "status": status,
        "statuses": Idea.Status.choices,
        "error": error,
        "typed": typed,
        "can_edit": request.actor.can("ideas.edit"),
    }
    return render(request, "publishing/ideas.html", context, status=422 if error else 200)


@page("ideas.edit", methods=("POST",))
def decide(request: WorkspaceRequest, idea_id: int) -> HttpResponse:
    ideas.set_status(
        actor=request.actor, idea_id=idea_id, status=request.POST.get("status", ""), now=clock.now()
    )
    return redirect("ideas", request.actor.workspace.slug)
