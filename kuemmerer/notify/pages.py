"""The bell: what a person was told, how they want to be told, and the way out of mails."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.csrf import csrf_exempt

from kuemmerer.accounts.access import Actor
from kuemmerer.accounts.models import Membership, User
from kuemmerer.api import paging
from kuemmerer.api.fields import PageInput
from kuemmerer.core import clock
from kuemmerer.core.errors import NotFound
from kuemmerer.core.prepared import Prepared
from kuemmerer.notify import mail, notices, preferences, push
from kuemmerer.notify.forms import PreferencesForm
from kuemmerer.notify.leases import State
from kuemmerer.notify.models import Mail, MailTrouble, Notice, PushSubscription
from kuemmerer.web.page import LOGIN, PUBLIC, WorkspaceRequest, page
from kuemmerer.web.shell import Banner, add_banners

FORM = ("GET", "HEAD", "POST")
POST = ("POST",)
ROWS = 50
REFUSED_RECENTLY = timedelta(days=7)


@page("inbox.view")
def notices_page(request: WorkspaceRequest) -> HttpResponse:
    """What the person was told here, the newest first."""
    wanted = PageInput(after=request.GET.get("after", "")[:500], limit=ROWS)
    own = Notice.objects.filter(workspace=request.actor.workspace, user=request.user)
    found, following = paging.by_id(own, wanted, newest_first=True)
    context = {"notices": found, "following": following, "unseen": notices.unseen(request.actor)}
    return render(request, "notify/_rows.html" if request.htmx else "notify/notices.html", context)


@page("inbox.view")
def notice(request: WorkspaceRequest, notice_id: int) -> HttpResponse:
    """To what the notice is about. Mails lead here, so what was read there is seen here too."""
    return redirect(notices.open_notice(actor=request.actor, notice_id=notice_id, now=clock.now()).path)


@page("inbox.view", methods=POST)
def see_all(request: WorkspaceRequest) -> HttpResponse:
    notices.see_all(actor=request.actor, now=clock.now())
    return redirect("notices", request.actor.workspace.slug)


@page("inbox.view", methods=FORM)
def preferences_page(request: WorkspaceRequest) -> HttpResponse:
    """What the person wants to be told by mail and push, and when not."""
    actor = request.actor
    form = PreferencesForm(
        request.POST or None,
        preference=preferences.of(actor.membership),
        offered=preferences.offered(actor),
    )
    if form.run(lambda: preferences.change(actor=actor, wishes=form.wishes(), now=clock.now())):
        messages.success(request, _("Saved."))
        return redirect("notice-preferences", actor.workspace.slug)
    context = {
        "form": form,
        "has_mail_server": mail.is_set_up(),
        "browsers": PushSubscription.objects.filter(user=actor.user).order_by("pk"),
        "push_key": push.public_key(),
        "refused": _last_refused(actor, clock.now()),
    }
    return render(request, "notify/preferences.html", context, status=form.status)


def _last_refused(actor: Actor, now: datetime) -> Mail | None:
    """The last mail to this person that their mail server refused for good, if that is not long ago."""
    rows = Mail.objects.filter(
        notice__user=actor.user, state=State.FAILED, done_at__gt=now - REFUSED_RECENTLY
    )
    return rows.order_by("-done_at").first()


@page("inbox.view", methods=POST)
def send_test(request: WorkspaceRequest) -> HttpResponse:
    """A notice to oneself, to see where it comes out."""
    notices.send_test(actor=request.actor, now=clock.now())
    messages.success(request, _("A test notice is on its way."))
    return redirect("notice-preferences", request.actor.workspace.slug)


@page(LOGIN)
def to_preferences(request: HttpRequest) -> HttpResponse:
    """From the pages of one's account to the notices of the workspace where one was last."""
    assert isinstance(request.user, User)  # noqa: S101 - said by @page, told to the type checker
    mine = Membership.objects.filter(user=request.user).select_related("workspace")
    chosen = mine.filter(workspace__slug=request.session.get("workspace"))
    membership = chosen.first() or mine.order_by("workspace__name").first()
    if membership is None:
        return redirect("home")
    return redirect("notice-preferences", membership.workspace.slug)


@csrf_exempt
@page(PUBLIC, methods=FORM)
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """The link in each mail. A mailbox's one click is a POST without login or cookie (RFC 8058)."""
    found = mail.unsubscribing(token)
    if found is None:
        raise NotFound
    member, kind = found
    if request.method == "POST":
        preferences.switch_off(membership=member, kind=kind.key, way="mail", now=clock.now())
    context = {"member": member, "kind": kind, "done": request.method == "POST"}
    return render(request, "notify/unsubscribe.html", context)


_failing = Prepared(lambda: MailTrouble.objects.filter(attempts__gt=1).values_list("words")[:1])


@add_banners
def _mail_trouble(actor: Actor, now: datetime) -> list[Banner]:
    """The mail server is down: told to those who can do something about it."""
    if not actor.can("members.manage"):
        return []
    text = _("The mail server does not take mails: %(words)s. They wait and go out once it works again.")
    return [Banner(level="warning", text=text % {"words": words.rstrip(".")}) for (words,) in _failing()]
