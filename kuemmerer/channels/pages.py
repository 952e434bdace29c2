"""Channels: what is connected, how it does, connecting another one."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from kuemmerer.accounts.access import Actor, actor_for
from kuemmerer.channels import connections
from kuemmerer.channels.models import Channel, Credential
from kuemmerer.channels.sweeps import EXPIRES_SOON, SILENT_AFTER, expires_soon, unsynced
from kuemmerer.core import clock
from kuemmerer.core.errors import DeskError
from kuemmerer.core.prepared import Prepared
from kuemmerer.networks.base import Connector
from kuemmerer.networks.registry import connectors
from kuemmerer.web.page import LOGIN, WorkspaceRequest, page
from kuemmerer.web.shell import Banner, add_banners


class ConnectForm(forms.Form):
    """The login form that a connector declares, with a name for the channel and how far back to fetch."""

    def __init__(self, connector: Connector, *args: Any, only: set[str] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in connector.form:
            if field.key == connector.local_file:
                continue
            widget = (
                # Typed once is enough: an error brings it back, in an answer that no browser keeps.
                forms.PasswordInput(render_value=self.is_bound, attrs={"autocomplete": "off"})
                if field.secret
                else forms.TextInput(
                    attrs={"placeholder": field.placeholder, "autocomplete": "off", "spellcheck": "false"}
                )
            )
            self.fields[field.key] = forms.CharField(
                label=str(field.label),
                help_text=str(field.help),
                required=field.required and (only is None or field.key in only),
                max_length=2000,
                widget=widget,
            )
        self.fields["days"] = forms.IntegerField(
            label=_("Fetch the last … days"),
            initial=connections.BACKFILL_DAYS,
            min_value=0,
            max_value=connections.MOST_BACKFILL_DAYS,
            required=False,
        )
        self.fields["name"] = forms.CharField(
            label=_("Name of the channel"),
            help_text=_("What your team calls it. Left empty, it gets the name of the account."),
            required=False,
            max_length=100,
        )

    def add_desk_error(self, error: DeskError) -> None:
        self.add_error(error.field if error.field in self.fields else None, str(error))

    def values(self) -> dict[str, str]:
        return {k: v for k, v in self.cleaned_data.items() if k not in {"days", "name"}}

    def extras(self) -> dict[str, Any]:
        days = self.cleaned_data.get("days")
        return {
            "name": self.cleaned_data.get("name", ""),
            "days": connections.BACKFILL_DAYS if days is None else days,
        }


@page("channels.view")
def channels(request: WorkspaceRequest) -> HttpResponse:
    """All channels with their state."""
    now = clock.now()
    rows = (
        Channel.objects.filter(workspace=request.actor.workspace)
        .select_related("credential")
        .order_by("name")
    )
    context = {
        "cards": [_card(channel, now) for channel in rows],
        "can_manage": request.actor.can("channels.manage"),
        "can_protect": request.actor.can("privacy.manage"),
    }
    template = "channels/_cards.html" if request.htmx else "channels/channels.html"
    return render(request, template, context)


def _card(channel: Channel, now: datetime) -> dict[str, Any]:
    credential: Credential | None = getattr(channel, "credential", None)
    expires = credential.expires_at if credential else None
    return {
        "channel": channel,
        "connector": channel.connector,
        "home": channel.connector.home(channel.settings),
        "state": _state(channel, credential, now),
        "backfill": channel.backfill_share(now),
        "backfill_days": (channel.connected_at - channel.backfill_from).days,
        "connected": credential is not None,
        "expires_at": expires,
        "expires_soon": expires is not None and expires - now < EXPIRES_SOON,
        "rate": channel.rate_limit if channel.rate_limit.get("limit") else None,
    }


def _state(channel: Channel, credential: Credential | None, now: datetime) -> tuple[str, str]:
    """The class and the word of a channel's state."""
    if credential is None:
        return "idle", _("Disconnected")
    if channel.state == Channel.State.RECONNECT:
        return "bad", _("Please reconnect")
    if channel.state == Channel.State.PAUSED:
        return "idle", _("Paused")
    if channel.problem:
        return ("bad" if now - (channel.synced_at or channel.connected_at) > SILENT_AFTER else "warn"), _(
            "Trouble"
        )
    if channel.backfilled_at is None:
        return "warn", _("Fetching older messages")
    return "ok", _("Working")


@page("channels.manage")
def choose(request: WorkspaceRequest) -> HttpResponse:
    """Which network?"""
    return render(request, "channels/choose.html", {"connectors": connectors().values()})


@page("channels.manage", methods=("GET", "HEAD", "POST"))
def connect(request: WorkspaceRequest, network: str) -> HttpResponse:
    """Connect a channel with the connector's form; by sign-in at the network where it offers that."""
    return _login_page(request, connections.connector_of(network), channel=None)


@page("channels.manage", methods=("GET", "HEAD", "POST"))
def reconnect(request: WorkspaceRequest, channel_id: int) -> HttpResponse:
    """Renew a channel's login. Nothing that was fetched or is waiting gets lost."""
    channel = connections.get(actor=request.actor, channel_id=channel_id)
    return _login_page(request, channel.connector, channel=channel)


def _login_page(request: WorkspaceRequest, connector: Connector, *, channel: Channel | None) -> HttpResponse:
    by_sign_in = connector.oauth and request.POST.get("how") == "sign-in"
    only = set(connector.oauth_fields) if by_sign_in else None
    known = {k: v for k, v in (channel.settings if channel else {}).items() if isinstance(v, str)}
    form = ConnectForm(connector, request.POST or None, only=only, initial=known)
    if channel is not None:
        del form.fields["days"], form.fields["name"]
    if request.method == "POST" and form.is_valid():
        try:
            if by_sign_in:
                return redirect(_start_sign_in(request, connector, form, channel))
            return _logged_in(request, connector, form, channel)
        except DeskError as error:
            form.add_desk_error(error)
    status = 422 if form.errors else 200
    # Where one signs in at the network, what only the other way needs is put aside.
    aside = {f.key for f in connector.form} - set(connector.oauth_fields) if connector.oauth else set()
    context = {
        "form": form,
        "connector": connector,
        "channel": channel,
        "fields": [field for field in form if field.name not in aside],
        "token_fields": [field for field in form if field.name in aside],
        "token_tried": request.POST.get("how") == "form",
    }
    return render(request, "channels/connect.html", context, status=status)


def _start_sign_in(
    request: WorkspaceRequest, connector: Connector, form: ConnectForm, channel: Channel | None
) -> str:
    return connections.start_sign_in(
        actor=request.actor,
        network=connector.key,
        values=form.values(),
        redirect_uri=_redirect_uri(request),
        now=clock.now(),
        channel_id=channel.pk if channel else None,
        **(form.extras() if channel is None else {}),
    )


def _redirect_uri(request: HttpRequest) -> str:
    return request.build_absolute_uri(reverse("channel-signed-in"))


def _logged_in(
    request: WorkspaceRequest, connector: Connector, form: ConnectForm, channel: Channel | None
) -> HttpResponse:
    now = clock.now()
    if channel is None:
        channel = connections.connect(
            actor=request.actor, network=connector.key, values=form.values(), now=now, **form.extras()
        )
    else:
        connections.reconnect(actor=request.actor, channel_id=channel.pk, values=form.values(), now=now)
    messages.success(
        request, _("%(name)s is connected. Comments arrive in a moment.") % {"name": channel.name}
    )
    return redirect("channels", request.actor.workspace.slug)


@page(LOGIN)
def signed_in(request: HttpRequest) -> HttpResponse:
    """Where a network sends people back to after they signed in there."""
    assert request.user.is_authenticated  # noqa: S101 - said by @page, told to the type checker
    state, now = request.GET.get("state", ""), clock.now()
    slug = connections.workspace_of_sign_in(state, request.user.pk, now)
    actor = actor_for(request.user, slug)
    if "code" not in request.GET:
        messages.warning(request, _("The sign-in was cancelled. Nothing has changed."))
        return redirect("channels", slug)
    try:
        channel = connections.finish_sign_in(
            actor=actor, state=state, code=request.GET["code"], redirect_uri=_redirect_uri(request), now=now
        )
    except DeskError as error:
        messages.error(request, str(error))
        return redirect("channel-choose", slug)
    messages.success(
        request, _("%(name)s is connected. Comments arrive in a moment.") % {"name": channel.name}
    )
    return redirect("channels", slug)


@page("channels.manage", methods=("POST",))
def deed(request: WorkspaceRequest, channel_id: int) -> HttpResponse:
    """The buttons of a channel's card: `do` is test, sync, pause, resume or rename."""
    actor, now = request.actor, clock.now()
    match request.POST.get("do", ""):
        case "test":
            person = connections.test(actor=actor, channel_id=channel_id, now=now)
            messages.success(
                request, _("The connection works: %(name)s.") % {"name": person.handle or person.name}
            )
        case "sync":
            connections.sync_now(actor=actor, channel_id=channel_id, now=now)
            messages.info(request, _("The channel is being synced."))
        case "pause" | "resume" as what:
            connections.pause(actor=actor, channel_id=channel_id, paused=what == "pause", now=now)
        case "rename":
            connections.rename(actor=actor, channel_id=channel_id, name=request.POST.get("name", ""), now=now)
    return redirect("channels", actor.workspace.slug)


@page("channels.manage", methods=("GET", "HEAD", "POST"))
def disconnect(request: WorkspaceRequest, channel_id: int) -> HttpResponse:
    """Disconnect, with a clear choice: keep what was fetched, or erase it."""
    channel = connections.get(actor=request.actor, channel_id=channel_id)
    choice = request.POST.get("what", "")
    if request.method == "POST" and choice in {"keep", "erase"}:
        connections.disconnect(
            actor=request.actor, channel_id=channel.pk, erase=choice == "erase", now=clock.now()
        )
        messages.success(request, _("%(name)s is disconnected.") % {"name": channel.name})
        return redirect("channels", request.actor.workspace.slug)
    return render(
        request, "channels/disconnect.html", {"channel": channel, "unchosen": request.method == "POST"}
    )


_LOST = Q(state=Channel.State.RECONNECT)


def _troubled(workspace: int, now: datetime) -> QuerySet[Channel]:
    mine = Channel.objects.filter(workspace=workspace, credential__isnull=False)
    return mine.filter(_LOST | unsynced(now) | expires_soon(now))


_is_troubled = Prepared(lambda workspace, now: _troubled(workspace, now).values_list("pk")[:1])


@add_banners
def _banners(actor: Actor, now: datetime) -> list[Banner]:
    """Channels in trouble, on every page."""
    if not actor.can("channels.view"):
        return []
    url = reverse("channels", args=[actor.workspace.slug])
    # Every page asks, and mostly all is well.
    if not _is_troubled(workspace=actor.workspace.pk, now=now):
        return []
    named = (
        _troubled(actor.workspace.pk, now)
        .order_by("name")
        .annotate(lost=_LOST, silent=unsynced(now), expiring=expires_soon(now))
        .values("name", "lost", "silent", "expiring")
    )
    lost, silent, soon = (
        [channel["name"] for channel in named if channel[kind]][:5] for kind in ("lost", "silent", "expiring")
    )
    found = []
    if lost:
        text = ngettext(
            "%(names)s is no longer connected: nothing is fetched or sent there.",
            "%(names)s are no longer connected: nothing is fetched or sent there.",
            len(lost),
        )
        found.append(_banner("danger", text, lost, url, gettext_lazy("Reconnect")))
    if silent:
        text = ngettext(
            "%(names)s has not been synced for half an hour.",
            "%(names)s have not been synced for half an hour.",
            len(silent),
        )
        found.append(_banner("danger", text, silent, url, gettext_lazy("Have a look")))
    if soon:
        text = ngettext(
            "The access to %(names)s expires within a week.",
            "The accesses to %(names)s expire within a week.",
            len(soon),
        )
        found.append(_banner("warning", text, soon, url, gettext_lazy("Reconnect")))
    return found


def _banner(level: str, text: str, names: list[str], url: str, action: Any) -> Banner:
    return Banner(
        level=level, text=text % {"names": ", ".join(names)}, url=url, action=action, part="channels"
    )
