"""Pages with which a person's data are handed out and erased."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from kuemmerer.audience import contacts
from kuemmerer.channels import privacy
from kuemmerer.channels.export import Export, export
from kuemmerer.channels.privacy import Subject
from kuemmerer.core import clock
from kuemmerer.web.page import WorkspaceRequest, page

FORM = ("GET", "HEAD", "POST")


def zip_response(made: Export) -> HttpResponse:
    """The ZIP as a download."""
    return HttpResponse(
        made.content,
        content_type="application/zip",
        headers={
            "Content-Disposition": f'attachment; filename="{made.filename}"',
            "Content-Language": made.language,
        },
    )


@page("privacy.manage", methods=("POST",))
def export_contact(request: WorkspaceRequest, contact_id: int) -> HttpResponse:
    subject = contacts.subject_of(actor=request.actor, contact_id=contact_id)
    return zip_response(export(actor=request.actor, subject=subject, now=clock.now()))


@page("privacy.manage", methods=("POST",))
def export_author(request: WorkspaceRequest, author_id: int) -> HttpResponse:
    subject = contacts.subject_of_author(actor=request.actor, author_id=author_id)
    return zip_response(export(actor=request.actor, subject=subject, now=clock.now()))


@page("privacy.manage", methods=FORM)
def erase_contact(request: WorkspaceRequest, contact_id: int) -> HttpResponse:
    """What would go, counted; then it goes."""
    found = contacts.get(actor=request.actor, contact_id=contact_id)
    subject = contacts.subject_of(actor=request.actor, contact_id=contact_id)
    back = reverse("contact", args=[request.actor.workspace.slug, contact_id])
    return _erase(request, subject, {"name": found.name, "back": back})


@page("privacy.manage", methods=FORM)
def erase_author(request: WorkspaceRequest, author_id: int) -> HttpResponse:
    """The same for a single account."""
    subject = contacts.subject_of_author(actor=request.actor, author_id=author_id)
    back = reverse("author", args=[request.actor.workspace.slug, author_id])
    return _erase(request, subject, {"name": str(subject.authors[0]), "back": back})


def _erase(request: WorkspaceRequest, subject: Subject, context: dict[str, Any]) -> HttpResponse:
    if request.method == "POST" and request.POST.get("sure") == "yes":
        privacy.erase(actor=request.actor, subject=subject, sure=True, now=clock.now())
        messages.success(request, _("Everything about this person has been erased."))
        return redirect("contacts", request.actor.workspace.slug)
    words = privacy.labels()
    found = privacy.inventory(actor=request.actor, subject=subject)
    context |= {
        "counts": [(words[key], number) for key, number in found.items()],
        "authors": subject.authors,
        "unsure": request.method == "POST",
    }
    return render(request, "audience/erase.html", context)
