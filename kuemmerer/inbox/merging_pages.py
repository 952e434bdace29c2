"""Merging cases of a person, and splitting one."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django_htmx.http import push_url

from kuemmerer.channels.models import Interaction
from kuemmerer.core import clock
from kuemmerer.core.errors import Invalid
from kuemmerer.inbox import cases, merging, pages, query_string
from kuemmerer.inbox.models import Case, Note, Reply
from kuemmerer.web.page import WorkspaceRequest, page

SHOWN = 3
"""Words of a case that are shown before a merger: enough to tell what it is about."""


@page("inbox.work", methods=("GET", "HEAD", "POST"))
def merge(request: WorkspaceRequest, case_id: int) -> HttpResponse:
    """Which of the person's other cases becomes a part of this one, both shown before it is done."""
    case = cases.get(actor=request.actor, case_id=case_id)
    asked = request.POST if request.method == "POST" else request.GET
    chosen = query_string.number(asked.get("case", ""))
    if request.method == "POST":
        if chosen is None:
            raise Invalid(_("Choose another case."))
        made = merging.merge(actor=request.actor, case_id=chosen, into_id=case.pk, now=clock.now())
        messages.success(request, _("The two cases are one now."))
        return redirect("case", request.actor.workspace.slug, made.pk)
    offered = merging.offered(case)
    other = cases.get(actor=request.actor, case_id=chosen) if chosen else None
    context = {
        "case": case,
        "offered": offered,
        "other": other if other in offered else None,
        "both": [_outline(one) for one in (case, other)] if other in offered and other else [],
        "now": clock.now(),
    }
    return render(request, "inbox/merge.html", context)


def _outline(case: Case) -> dict[str, Any]:
    words = Interaction.objects.filter(case_interaction__case=case).order_by("-created_at", "-pk")
    return {
        "case": case,
        "words": list(words.defer("raw")[:SHOWN])[::-1],
        "count": words.count(),
        "replies": Reply.objects.filter(case=case).count(),
        "notes": Note.objects.filter(case=case).count(),
    }


@page("inbox.work", methods=("POST",))
def split(request: WorkspaceRequest, case_id: int, interaction_id: int) -> HttpResponse:
    """From an interaction on, the words of a case become a case of their own."""
    chosen = merging.from_here_on(actor=request.actor, case_id=case_id, interaction_id=interaction_id)
    made = merging.split(actor=request.actor, case_id=case_id, interaction_ids=chosen, now=clock.now())
    messages.success(request, _("This is a case of its own now."))
    if not request.htmx:
        return redirect("case", request.actor.workspace.slug, made.pk)
    return push_url(
        pages.show(request, made.pk), reverse("case", args=[request.actor.workspace.slug, made.pk])
    )
