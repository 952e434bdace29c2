"""The page with the team's labels and saved replies, and saved replies as files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.conf.locale import LANG_INFO
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import get_language_info, gettext_lazy, pgettext
from django.utils.translation import gettext as _

from kuemmerer.core import clock
from kuemmerer.core.errors import DeskError
from kuemmerer.inbox import library, query_string, reply_files
from kuemmerer.inbox.models import Label, SavedReply
from kuemmerer.inbox.pages import TONES
from kuemmerer.inbox.reply_files import BrokenFile, Existing
from kuemmerer.web.page import WorkspaceRequest, page

FORM = ("GET", "HEAD", "POST")
COLORS = (
    gettext_lazy("grey"),
    gettext_lazy("blue"),
    gettext_lazy("green"),
    gettext_lazy("amber"),
    gettext_lazy("red"),
    gettext_lazy("violet"),
    gettext_lazy("white"),
)
MOST_PROBLEMS = 50
"""So many wrong lines of a file are shown."""


def _languages() -> list[tuple[str, str]]:
    """All languages that a saved reply may have, by their names."""
    codes = [code for code, info in LANG_INFO.items() if len(code) <= 5 and "fallback" not in info]
    names = [(code, str(get_language_info(code)["name_translated"])) for code in codes]
    return [("", pgettext("language", "any")), *sorted(names, key=lambda pair: pair[1].casefold())]


def _library(request: WorkspaceRequest, status: int = 200, **extra: Any) -> HttpResponse:
    workspace = request.actor.workspace
    context = {
        "all_labels": [
            {"id": found.pk, "name": found.name, "color": found.color, "tone": TONES[found.color]}
            for found in Label.objects.filter(workspace=workspace)
        ],
        "colors": list(enumerate(COLORS)),
        "saved": SavedReply.objects.filter(workspace=workspace),
        "languages": _languages(),
        "existing": Existing.choices,
        "variables": library.VARIABLES.items(),
        "now": clock.now(),
        **extra,
    }
    return render(request, "inbox/library.html", context, status=status)


@page("inbox.configure", methods=FORM)
def texts(request: WorkspaceRequest) -> HttpResponse:
    """The team's labels and saved replies. `what` says what a form is for."""
    if request.method != "POST":
        return _library(request)
    try:
        _do(request, request.POST)
    except DeskError as error:
        return _library(request, error=str(error), typed=request.POST)
    messages.success(request, _("Saved."))
    return redirect("texts", request.actor.workspace.slug)


def _do(request: WorkspaceRequest, form: Mapping[str, str]) -> None:
    actor, now = request.actor, clock.now()
    number = query_string.number(form.get("id", ""))
    match form.get("what", ""):
        case "label":
            color = query_string.number(form.get("color", "")) or 0
            library.save_label(actor=actor, name=form.get("name", ""), color=color, label_id=number, now=now)
        case "delete-label":
            library.delete_label(actor=actor, label_id=number or 0, now=now)
        case "reply":
            library.save_reply(
                actor=actor,
                name=form.get("name", ""),
                text=form.get("text", ""),
                language=form.get("language", ""),
                reply_id=number,
                now=now,
            )
        case "delete-reply":
            library.delete_reply(actor=actor, reply_id=number or 0, now=now)


@page("inbox.configure", methods=("POST",))
def import_replies(request: WorkspaceRequest) -> HttpResponse:
    """Saved replies from a file; what is wrong with it is shown line by line, and nothing is stored then."""
    file = request.FILES.get("file")
    # One byte more than is possible is enough to see that it is too much.
    content = file.read(reply_files.MOST_BYTES + 1) if file else b""
    existing = request.POST.get("existing", "")
    try:
        done = reply_files.take_in(actor=request.actor, content=content, existing=existing, now=clock.now())
    except BrokenFile as error:
        lines = [problem for problem in error.problems if problem.line][:MOST_PROBLEMS]
        more = len([problem for problem in error.problems if problem.line]) - len(lines)
        return _library(request, 422, error=str(error), problems=lines, more_problems=more)
    said = _("Imported: %(added)d new, %(changed)d changed, %(left)d left as they were.")
    messages.success(request, said % vars(done))
    return redirect("texts", request.actor.workspace.slug)


@page("inbox.configure")
def export_replies(request: WorkspaceRequest) -> HttpResponse:
    """All saved replies as a CSV file. It begins with a mark that tells spreadsheets its encoding."""
    content = reply_files.written(request.actor).encode("utf-8-sig")
    name = f"{request.actor.workspace.slug}-saved-replies.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(content, content_type="text/csv; charset=utf-8", headers=headers)
