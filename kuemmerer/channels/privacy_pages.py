"""Data protection in the settings, and how long a channel's contents are kept."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from kuemmerer.channels import connections, privacy, retention
from kuemmerer.channels.models import Channel, PrivacyRecord
from kuemmerer.core import clock
from kuemmerer.web.forms import DeskForm
from kuemmerer.web.page import WorkspaceRequest, page

SHOWN = 100


class RetentionForm(DeskForm):
    """For how many days what a channel brings is kept."""

    days = forms.IntegerField(
        label=gettext_lazy("Erase what is older than … days"),
        help_text=gettext_lazy(
            "Messages with their cases, answers and notes. Left empty, they are kept. "
            "What still waits for us stays until its case is closed; the numbers stay for ever."
        ),
        required=False,
        min_value=1,
        max_value=retention.MOST_DAYS,
    )
    raw_days = forms.IntegerField(
        label=gettext_lazy("Erase the networks’ records after … days"),
        help_text=gettext_lazy(
            "Beside the text the desk keeps what the network sent along. Left empty, it goes with the text."
        ),
        required=False,
        min_value=1,
        max_value=retention.MOST_DAYS,
    )


@page("privacy.manage", methods=("GET", "HEAD", "POST"))
def retention_page(request: WorkspaceRequest, channel_id: int) -> HttpResponse:
    """How long what a channel brings is kept; before something goes, how much that is."""
    actor, now = request.actor, clock.now()
    channel = connections.get(actor=actor, channel_id=channel_id)
    initial = {"days": channel.retention_days, "raw_days": channel.raw_days}
    form = RetentionForm(request.POST or None, initial=initial)
    would_go = _would_go(channel, form) if form.is_bound and form.is_valid() else 0
    if would_go and request.POST.get("sure") != "yes":
        context = {"form": form, "channel": channel, "would_go": would_go}
        return render(request, "channels/retention.html", context, status=422)
    if form.run(
        lambda: retention.set_retention(actor=actor, channel_id=channel_id, now=now, **form.cleaned_data)
    ):
        messages.success(request, _("Saved."))
        return redirect("settings-privacy", actor.workspace.slug)
    context = {"form": form, "channel": channel, "would_go": 0}
    return render(request, "channels/retention.html", context, status=form.status)


def _would_go(channel: Channel, form: RetentionForm) -> int:
    days = form.cleaned_data["days"]
    return retention.would_erase(channel, days, clock.now()) if days else 0


@page("privacy.manage")
def data_protection(request: WorkspaceRequest) -> HttpResponse:
    """What is kept how long, what was handed out and erased, and whether statistics may name employees."""
    workspace = request.actor.workspace
    words = privacy.labels()
    context = {
        "channels": Channel.objects.filter(workspace=workspace).order_by("name"),
        "records": [
            {"record": one, "counts": _counts(one, words)}
            for one in PrivacyRecord.objects.filter(workspace=workspace).order_by("-id")[:SHOWN]
        ],
        "personal": privacy.may_show_person(workspace),
        "may_switch": request.actor.can("workspace.manage"),
    }
    return render(request, "channels/data_protection.html", context)


def _counts(made: PrivacyRecord, words: dict[str, Any]) -> str:
    return ", ".join(f"{made.counts[key]} {words[key]}" for key in words if made.counts.get(key))


@page("workspace.manage", methods=("POST",))
def statistics(request: WorkspaceRequest) -> HttpResponse:
    """The switch for statistics by employee."""
    privacy.set_personal_statistics(actor=request.actor, on=request.POST.get("on") == "yes", now=clock.now())
    messages.success(request, _("Saved."))
    return redirect("settings-privacy", request.actor.workspace.slug)
