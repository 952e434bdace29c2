"""Outgoing webhooks for programs."""

from __future__ import annotations

from typing import Any, Literal

from ninja import Query
from pydantic import Field

from kuemmerer.api import paging
from kuemmerer.api.fields import Answer, Input, Moment, PageInput, PageOf
from kuemmerer.api.operations import ApiRequest, Operations
from kuemmerer.core import clock
from kuemmerer.notify import events, webhooks
from kuemmerer.notify.models import Webhook, WebhookDelivery

operations = Operations("Webhooks")

Format = Literal["json", "slack", "mattermost", "teams"]


class EventAnswer(Answer):
    key: str
    label: str
    example: dict[str, Any] = Field(description="The data of an imaginary one; real ones have the same keys.")


class WebhookAnswer(Answer):
    id: int
    name: str
    host: str = Field(description="Of the address; the address itself is a secret.")
    format: str
    events: list[str]
    active: bool
    off_because: str = Field(description="gone, failing, or nothing when a person did it.")
    failing_since: Moment | None
    worked_at: Moment | None
    created_at: Moment

    @classmethod
    def of(cls, hook: Webhook) -> WebhookAnswer:
        return cls(**{name: getattr(hook, name) for name in WebhookAnswer.model_fields})


class NewWebhookAnswer(WebhookAnswer):
    key: str = Field(description="To check signatures with (Standard Webhooks); shown this once.")


class KeyAnswer(Answer):
    key: str


class WebhookInput(Input):
    name: str
    address: str
    format: Format = "json"
    events: list[str] = Field(default_factory=lambda: [event.key for event in events.every()], max_length=100)


class WebhookChange(Input):
    name: str | None = None
    address: str | None = None
    format: Format | None = None
    events: list[str] | None = Field(default=None, max_length=100)
    active: bool | None = None


class AttemptAnswer(Answer):
    at: Moment
    status: int | None
    ms: int
    answer: str
    problem: str


class DeliveryAnswer(Answer):
    id: int
    event: str
    message_id: str = Field(description="The webhook-id, the same at each attempt.")
    state: str = Field(description="waiting, done, failed or dropped.")
    attempts: list[AttemptAnswer]
    created_at: Moment
    next_at: Moment | None

    @classmethod
    def of(cls, row: WebhookDelivery) -> DeliveryAnswer:
        return cls(
            id=row.pk,
            event=row.event,
            message_id=row.message_id,
            state=row.state,
            attempts=[AttemptAnswer(**entry) for entry in row.log],
            created_at=row.created_at,
            next_at=row.next_at,
        )


@operations.get("/webhook-events", "webhooks.manage", PageOf[EventAnswer])
def list_webhook_events(request: ApiRequest) -> PageOf[EventAnswer]:
    """List the events that a webhook can be told of"""
    found = [EventAnswer(key=e.key, label=str(e.label), example=dict(e.example)) for e in events.every()]
    return PageOf(items=found, next=None)


@operations.get("/webhooks", "webhooks.manage", PageOf[WebhookAnswer])
def list_webhooks(request: ApiRequest, wanted: Query[PageInput]) -> PageOf[WebhookAnswer]:
    """List the webhooks of the workspace"""
    rows = Webhook.objects.filter(workspace=request.actor.workspace)
    found, following = paging.by_id(rows, wanted)
    return PageOf(items=[WebhookAnswer.of(hook) for hook in found], next=following)


@operations.post("/webhooks", "webhooks.manage", NewWebhookAnswer, status=201)
def make_webhook(request: ApiRequest, data: WebhookInput) -> NewWebhookAnswer:
    """Make a webhook

    The answer has the key with which the target checks signatures; it is shown this once.
    """
    hook, key = webhooks.make(
        actor=request.actor,
        name=data.name,
        address=data.address,
        format_=data.format,
        wanted=data.events,
        now=clock.now(),
    )
    return NewWebhookAnswer(**WebhookAnswer.of(hook).model_dump(), key=key)


@operations.patch("/webhooks/{int:webhook_id}", "webhooks.manage", WebhookAnswer)
def change_webhook(request: ApiRequest, webhook_id: int, data: WebhookChange) -> WebhookAnswer:
    """Change a webhook, or switch it on and off

    What is left out stays as it is.
    """
    hook = webhooks.get(actor=request.actor, webhook_id=webhook_id)
    changed = webhooks.change(
        actor=request.actor,
        webhook_id=hook.pk,
        name=hook.name if data.name is None else data.name,
        address=data.address or "",
        format_=data.format or hook.format,
        wanted=hook.events if data.events is None else data.events,
        active=hook.active if data.active is None else data.active,
        now=clock.now(),
    )
    return WebhookAnswer.of(changed)


@operations.post("/webhooks/{int:webhook_id}/key", "webhooks.manage", KeyAnswer, status=201)
def renew_webhook_key(request: ApiRequest, webhook_id: int) -> KeyAnswer:
    """Make a new key

    The old one signs too for a day, so that the target can change over.
    """
    return KeyAnswer(key=webhooks.renew_key(actor=request.actor, webhook_id=webhook_id, now=clock.now()))


@operations.post("/webhooks/{int:webhook_id}/test", "webhooks.manage", DeliveryAnswer, status=201)
def test_webhook(request: ApiRequest, webhook_id: int) -> DeliveryAnswer:
    """Send a test"""
    return DeliveryAnswer.of(webhooks.send_test(actor=request.actor, webhook_id=webhook_id, now=clock.now()))


@operations.get("/webhooks/{int:webhook_id}/deliveries", "webhooks.manage", PageOf[DeliveryAnswer])
def list_webhook_deliveries(
    request: ApiRequest, webhook_id: int, wanted: Query[PageInput]
) -> PageOf[DeliveryAnswer]:
    """List what was sent, the newest first, with every attempt"""
    hook = webhooks.get(actor=request.actor, webhook_id=webhook_id)
    found, following = paging.by_id(hook.deliveries.all(), wanted, newest_first=True)
    return PageOf(items=[DeliveryAnswer.of(row) for row in found], next=following)


@operations.post(
    "/webhooks/{int:webhook_id}/deliveries/{int:delivery_id}/again", "webhooks.manage", DeliveryAnswer
)
def send_webhook_again(request: ApiRequest, webhook_id: int, delivery_id: int) -> DeliveryAnswer:
    """Send something again, with the same id"""
    row = webhooks.send_again(
        actor=request.actor, webhook_id=webhook_id, delivery_id=delivery_id, now=clock.now()
    )
    return DeliveryAnswer.of(row)


@operations.delete("/webhooks/{int:webhook_id}", "webhooks.manage")
def delete_webhook(request: ApiRequest, webhook_id: int) -> None:
    """Delete a webhook with its log"""
    webhooks.delete(actor=request.actor, webhook_id=webhook_id, now=clock.now())
