"""Browsers in which a person wants notices, and the script that shows them there."""

from __future__ import annotations

from pathlib import Path

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _

from kuemmerer.accounts.models import User
from kuemmerer.core import clock
from kuemmerer.notify import push
from kuemmerer.web.page import LOGIN, PUBLIC, page

_WORKER = Path(__file__).parent / "static/notify/push-worker.js"
_BROWSERS = ("Edg", "OPR", "Firefox", "Chrome", "Safari")
_SYSTEMS = ("Android", "iPhone", "iPad", "Windows", "Macintosh", "Linux")


@page(PUBLIC)
def worker(request: HttpRequest) -> HttpResponse:
    """The service worker. It may only look after what lies below its own address, so it lies at the root."""
    return HttpResponse(_WORKER.read_bytes(), content_type="text/javascript; charset=utf-8")


@page(LOGIN, methods=("POST",))
def subscribe(request: HttpRequest) -> HttpResponse:
    """Notices come to this browser from now on; the fields are those of its PushSubscription."""
    assert isinstance(request.user, User)  # noqa: S101 - said by @page, told to the type checker
    fields = {name: request.POST.get(name, "") for name in ("endpoint", "p256dh", "auth")}
    label = describe(request.headers.get("User-Agent", ""))
    push.subscribe(user=request.user, label=label, now=clock.now(), **fields)
    messages.success(request, _("Notices come to this browser from now on."))
    return redirect("notice-preferences-home")


@page(LOGIN, methods=("POST",))
def unsubscribe(request: HttpRequest, subscription_id: int) -> HttpResponse:
    assert isinstance(request.user, User)  # noqa: S101 - said by @page, told to the type checker
    push.unsubscribe(user=request.user, subscription_id=subscription_id, now=clock.now())
    messages.success(request, _("No more notices come to that browser."))
    return redirect("notice-preferences-home")


def describe(agent: str) -> str:
    """A browser's name as people know it, such as “Firefox, Linux”; empty if it says none that we know."""
    browser = next((name for name in _BROWSERS if name in agent), "")
    system = next((name for name in _SYSTEMS if name in agent), "")
    names = {"Edg": "Edge", "OPR": "Opera", "Macintosh": "macOS"}
    return ", ".join(names.get(part, part) for part in (browser, system) if part)
