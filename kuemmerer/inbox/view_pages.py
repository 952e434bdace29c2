"""Saved views beside the lists."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from kuemmerer.accounts.access import Actor
from kuemmerer.core import clock
from kuemmerer.inbox import lists, query_string, views
from kuemmerer.web.page import WorkspaceRequest, page


def tabs(
    actor: Actor, filters: Mapping[str, Any], counts: Mapping[int, lists.Count] | None = None
) -> list[dict[str, Any]]:
    """The saved views as tabs; the one with exactly these filters is the current one."""
    base = reverse("inbox", args=[actor.workspace.slug])
    found = []
    for saved in views.shown(actor=actor):
        own = views.filters_of(saved)
        found.append(
            {
                "id": saved.pk,
                "label": saved.name,
                "url": f"{base}?{urlencode(query_string.address(own))}",
                "current": own == dict(filters),
                "shared": saved.owner_id is None,
                "may_change": views.may_change(actor, saved),
                "count": str(counts[saved.pk]) if counts and saved.pk in counts else "",
            }
        )
    return found


@page("inbox.view")
def saved(request: WorkspaceRequest) -> HttpResponse:
    """The tabs with their counts, for the page that has shown them without."""
    actor = request.actor
    counts = views.counts(actor=actor, now=clock.now())
    context = {
        "saved_views": tabs(actor, query_string.filters(request.GET), counts),
        "counted": True,
    }
    return render(request, "inbox/_saved.html", context)


@page("views.save", methods=("POST",))
def save(request: WorkspaceRequest) -> HttpResponse:
    """Keep the list that is open under a name."""
    form = request.POST
    saved = views.save(
        actor=request.actor,
        name=form.get("name", ""),
        shared=form.get("shared") == "1",
        now=clock.now(),
        **query_string.filters(form),
    )
    messages.success(request, _("The view is saved."))
    query = urlencode(query_string.address(views.filters_of(saved)))
    return redirect(f"{reverse('inbox', args=[request.actor.workspace.slug])}?{query}")


@page("views.save", methods=("POST",))
def delete(request: WorkspaceRequest, view_id: int) -> HttpResponse:
    views.delete(actor=request.actor, view_id=view_id, now=clock.now())
    messages.success(request, _("The view is deleted."))
    return redirect("inbox", request.actor.workspace.slug)
