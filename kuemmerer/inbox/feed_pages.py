"""The secret addresses of what is due: what programs read there, and where a person makes them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.cache import get_conditional_response
from django.utils.feedgenerator import RssFeed
from django.utils.translation import gettext as _

from kuemmerer.accounts.access import Actor
from kuemmerer.core import clock
from kuemmerer.core.errors import NotFound
from kuemmerer.inbox import feeds
from kuemmerer.inbox.models import Case
from kuemmerer.notify.language import language_of
from kuemmerer.web.page import PUBLIC, WorkspaceRequest, page

Written = Callable[[Actor, Sequence[Case]], bytes | str]


@page("inbox.view", methods=("GET", "HEAD", "POST"))
def case_feed(request: WorkspaceRequest) -> HttpResponse:
    """Make addresses, anew if there are some, or revoke them. They are shown this once."""
    actor, secret = request.actor, ""
    if request.method == "POST":
        if request.POST.get("do") == "revoke":
            feeds.revoke(actor=actor, now=clock.now())
            messages.success(request, _("The addresses are revoked."))
            return redirect("case-feed", actor.workspace.slug)
        secret = feeds.make(actor=actor, now=clock.now())
    context = {"feed": feeds.of(actor), "addresses": feeds.addresses(secret) if secret else {}}
    return render(request, "inbox/case_feed.html", context)


@page(PUBLIC)
def calendar(request: HttpRequest, secret: str) -> HttpResponse:
    """What is due, as a calendar. The secret in the address is the key; `?mine=1` shows one's own only."""
    return _answer(request, secret, feeds.calendar, "text/calendar; charset=utf-8")


@page(PUBLIC)
def reader(request: HttpRequest, secret: str) -> HttpResponse:
    """What is due, as RSS. The secret in the address is the key; `?mine=1` shows one's own only."""
    return _answer(request, secret, feeds.feed, RssFeed.content_type)


def _answer(request: HttpRequest, secret: str, written: Written, content_type: str) -> HttpResponse:
    who = feeds.reader_of(secret, clock.now())
    if who is None:
        raise NotFound
    with language_of(who.membership):
        cases = feeds.due_cases(who, mine=request.GET.get("mine") == "1")
        content = written(who, cases)
    response = HttpResponse(content, content_type=content_type)
    response.headers["X-Robots-Tag"] = "noindex"
    response.headers["ETag"] = f'"{hashlib.sha256(response.content).hexdigest()[:32]}"'
    return get_conditional_response(request, etag=response.headers["ETag"], response=response) or response
