"""Outgoing webhooks in the settings: addresses, what they are told, and what became of it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy as _

from kuemmerer.core import clock
from kuemmerer.notify import events, webhooks
from kuemmerer.notify.models import Webhook
from kuemmerer.web.forms import DeskForm
from kuemmerer.web.page import WorkspaceRequest, page

FORM = ("GET", "HEAD", "POST")
POST = ("POST",)
SHOWN = 50


class WebhookForm(DeskForm):
    """A webhook, new or known; the address of a known one is not shown again."""

    name = forms.CharField(label=_("Name"), max_length=100, widget=forms.TextInput({"autocomplete": "off"}))
    format = forms.ChoiceField(label=_("Format"), choices=Webhook.Format.choices)
    address = forms.CharField(
        label=_("Address"),
        max_length=2000,
        widget=forms.URLInput({"autocomplete": "off", "placeholder": "https://"}),
    )
    events = forms.MultipleChoiceField(
        label=_("Tell it when …"),
        choices=lambda: [(event.key, event.label) for event in events.every()],
        widget=forms.CheckboxSelectMultiple,
    )

    def __init__(self, *args: Any, webhook: Webhook | None = None, **kwargs: Any) -> None:
        if webhook is not None:
            kwargs["initial"] = {"name": webhook.name, "format": webhook.format, "events": webhook.events}
        super().__init__(*args, **kwargs)
        if webhook is not None:
            self.fields["address"].required = False
            self.fields["address"].help_text = _("Left empty, it stays the one at %(host)s.") % {
                "host": webhook.host
            }

    def values(self) -> dict[str, Any]:
        values = self.cleaned_data
        return {
            "name": values["name"],
            "format_": values["format"],
            "address": values["address"],
            "wanted": values["events"],
        }


@page("webhooks.manage", methods=FORM)
def webhooks_page(request: WorkspaceRequest) -> HttpResponse:
    """All webhooks, and a form for a new one. The key is shown this once."""
    form = WebhookForm(request.POST or None)
    made = form.run(lambda: webhooks.make(actor=request.actor, now=clock.now(), **form.values()))
    context = {
        "form": WebhookForm() if made else form,
        "made": made[0] if made else None,
        "secret": made[1] if made else "",
        "webhooks": Webhook.objects.filter(workspace=request.actor.workspace).order_by("name", "pk"),
    }
    return render(request, "notify/webhooks.html", context, status=form.status)


@page("webhooks.manage", methods=FORM)
def webhook(request: WorkspaceRequest, webhook_id: int) -> HttpResponse:
    """One webhook: its form, its buttons and the log of its deliveries."""
    hook = webhooks.get(actor=request.actor, webhook_id=webhook_id)
    form = WebhookForm(request.POST or None, webhook=hook)
    if form.run(
        lambda: webhooks.change(
            actor=request.actor, webhook_id=hook.pk, active=hook.active, now=clock.now(), **form.values()
        )
    ):
        messages.success(request, _("Saved."))
        return redirect("webhook", request.actor.workspace.slug, hook.pk)
    return _show(request, hook, form)


def _show(request: WorkspaceRequest, hook: Webhook, form: WebhookForm, secret: str = "") -> HttpResponse:
    context = {
        "form": form,
        "webhook": hook,
        "secret": secret,
        "deliveries": hook.deliveries.order_by("-pk")[:SHOWN],
        "labels": {event.key: event.label for event in [*events.every(), events.TEST]},
    }
    return render(request, "notify/webhook.html", context, status=form.status)


@page("webhooks.manage", methods=POST)
def deed(request: WorkspaceRequest, webhook_id: int) -> HttpResponse:
    """The buttons of a webhook: `do` is test, on, off, key or delete."""
    actor, now = request.actor, clock.now()
    hook = webhooks.get(actor=actor, webhook_id=webhook_id)
    match request.POST.get("do", ""):
        case "test":
            webhooks.send_test(actor=actor, webhook_id=hook.pk, now=now)
            messages.info(request, _("A test is on its way. Reload the page to see its answer."))
        case "on" | "off" as what:
            webhooks.change(
                actor=actor,
                webhook_id=hook.pk,
                name=hook.name,
                address="",
                format_=hook.format,
                wanted=hook.events,
                active=what == "on",
                now=now,
            )
        case "key":
            secret = webhooks.renew_key(actor=actor, webhook_id=hook.pk, now=now)
            return _show(request, hook, WebhookForm(webhook=hook), secret)
        case "delete":
            webhooks.delete(actor=actor, webhook_id=hook.pk, now=now)
            messages.success(request, _("%(name)s was deleted.") % {"name": hook.name})
            return redirect("webhooks", actor.workspace.slug)
    return redirect("webhook", actor.workspace.slug, hook.pk)


@page("webhooks.manage", methods=POST)
def send_again(request: WorkspaceRequest, webhook_id: int, delivery_id: int) -> HttpResponse:
    webhooks.send_again(actor=request.actor, webhook_id=webhook_id, delivery_id=delivery_id, now=clock.now())
    messages.info(request, _("It is being sent again."))
    return redirect("webhook", request.actor.workspace.slug, webhook_id)
