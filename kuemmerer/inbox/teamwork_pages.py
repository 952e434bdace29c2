"""Working together: who else is at a case, and who reads an answer before it goes out."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from kuemmerer.core import clock
from kuemmerer.core.errors import DeskError, Invalid
from kuemmerer.inbox import approvals, cases, pages, presence, query_string, replies
from kuemmerer.inbox.models import Label
from kuemmerer.web.forms import DeskForm
from kuemmerer.web.page import WorkspaceRequest, page


@page("inbox.view", methods=("POST",))
def presence_of(request: WorkspaceRequest, case_id: int) -> HttpResponse:
    """Report that somebody has a case open; answers with who else does, or with nothing if that is known."""
    if request.POST.get("leave"):
        presence.leave(actor=request.actor, case_id=case_id)
        return HttpResponse(status=204)
    typing = request.POST.get("typing") == "1"
    visitors = presence.report(actor=request.actor, case_id=case_id, typing=typing, now=clock.now())
    known = ",".join(f"{visitor.user.pk}{'w' if visitor.typing else ''}" for visitor in visitors)
    if known == request.POST.get("known"):
        # Swapped in again, a screen reader would read it again.
        return HttpResponse(status=204)
    return render(request, "inbox/_visitors.html", {"visitors": visitors, "known": known})


# --- four eyes


@page("inbox.approve", methods=("POST",))
def decide(request: WorkspaceRequest, case_id: int, reply_id: int) -> HttpResponse:
    """Approve an answer that waits, or return it: `do` is approve or return."""
    found = cases.get(actor=request.actor, case_id=case_id)
    replies.get(actor=request.actor, reply_id=reply_id)
    data, now = request.POST, clock.now()
    if data.get("do") == "approve":
        approvals.approve(
            actor=request.actor,
            reply_id=reply_id,
            text=data.get("text", ""),
            revision=query_string.number(data.get("revision", "")),
            now=now,
        )
        messages.success(request, _("Approved. The answer is being sent."))
    elif data.get("do") == "return":
        approvals.give_back(actor=request.actor, reply_id=reply_id, remark=data.get("remark", ""), now=now)
        messages.success(request, _("Returned to the writer."))
    else:
        raise Invalid(_("This is not possible here."))
    return pages.after(request, found.pk)


@page("inbox.view")
def waiting(request: WorkspaceRequest) -> HttpResponse:
    """The answers that wait for approval."""
    context = {"waiting": approvals.waiting(actor=request.actor), "now": clock.now()}
    name = "inbox/_waiting.html" if request.htmx else "inbox/waiting.html"
    return render(request, name, context)


class PolicyForm(DeskForm):
    agents = forms.BooleanField(
        label=gettext_lazy("All answers of agents"),
        help_text=gettext_lazy("Managers and owners approve them."),
        required=False,
    )

    def __init__(self, *args: Any, labels: QuerySet[Label], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["labels"] = forms.ModelMultipleChoiceField(
            queryset=labels,
            label=gettext_lazy("Everybody's answers in cases with one of these labels"),
            help_text=gettext_lazy("A manager's or owner's answer is then approved by another one."),
            required=False,
            widget=forms.CheckboxSelectMultiple,
        )


@page("inbox.configure", methods=("GET", "HEAD", "POST"))
def settings(request: WorkspaceRequest) -> HttpResponse:
    """Whose answers somebody else reads first."""
    actor = request.actor
    stored = approvals.policy(actor.workspace)
    initial = {"agents": stored.agents, "labels": stored.labels.all() if stored.pk else []}
    labels = Label.objects.filter(workspace=actor.workspace)
    form = PolicyForm(request.POST or None, initial=initial, labels=labels)
    if request.method == "POST" and form.is_valid():
        try:
            approvals.set_policy(
                actor=actor,
                agents=form.cleaned_data["agents"],
                label_ids=[label.pk for label in form.cleaned_data["labels"]],
                now=clock.now(),
            )
        except DeskError as error:
            form.add_error(error.field or None, str(error))
        else:
            messages.success(request, _("Saved."))
            return redirect("settings-approval", actor.workspace.slug)
    return render(request, "inbox/approval_settings.html", {"form": form})
