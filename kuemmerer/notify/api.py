"""Notices and how one wants to be told, for programs. A token speaks for the member who made it."""

from __future__ import annotations

from dataclasses import replace
from datetime import time
from typing import Any

from ninja import Query
from pydantic import Field

from kuemmerer.api import paging
from kuemmerer.api.fields import Answer, Input, Moment, PageInput, PageOf
from kuemmerer.api.operations import ApiRequest, Operations
from kuemmerer.core import clock
from kuemmerer.notify import notices, preferences, push
from kuemmerer.notify.kinds import Kind
from kuemmerer.notify.models import Notice, Preference, PushSubscription

operations = Operations("Notices")


class LineAnswer(Answer):
    text: str
    path: str


class NoticeAnswer(Answer):
    id: int
    kind: str
    title: str
    text: str
    lines: list[LineAnswer]
    path: str = Field(description="Where it leads to, on this desk.")
    created_at: Moment
    seen_at: Moment | None

    @classmethod
    def of(cls, notice: Notice) -> NoticeAnswer:
        return cls(
            id=notice.pk,
            kind=notice.kind,
            title=notice.title,
            text=notice.text,
            lines=[LineAnswer(**line) for line in notice.lines],
            path=notice.path,
            created_at=notice.created_at,
            seen_at=notice.seen_at,
        )


class NoticeFilter(PageInput):
    unseen: bool = Field(default=False, description="Only those that are not seen yet.")


class SeenAnswer(Answer):
    seen: int


@operations.get("/notices", "inbox.view", PageOf[NoticeAnswer])
def list_notices(request: ApiRequest, wanted: Query[NoticeFilter]) -> PageOf[NoticeAnswer]:
    """List what the token's member was told, the newest first"""
    rows = Notice.objects.filter(workspace=request.actor.workspace, user=request.actor.user)
    rows = rows.filter(seen_at=None) if wanted.unseen else rows
    found, following = paging.by_id(rows, wanted, newest_first=True)
    return PageOf(items=[NoticeAnswer.of(notice) for notice in found], next=following)


@operations.post("/notices/seen", "inbox.view", SeenAnswer)
def see_all_notices(request: ApiRequest) -> SeenAnswer:
    """Mark all notices as seen

    The answer says how many were not.
    """
    return SeenAnswer(seen=notices.see_all(actor=request.actor, now=clock.now()))


@operations.post("/notices/{int:notice_id}/seen", "inbox.view", NoticeAnswer)
def see_notice(request: ApiRequest, notice_id: int) -> NoticeAnswer:
    """Mark one notice as seen"""
    notice = notices.open_notice(actor=request.actor, notice_id=notice_id, now=clock.now())
    return NoticeAnswer.of(notice)


@operations.post("/notices/test", "inbox.view", NoticeAnswer, status=201)
def send_test_notice(request: ApiRequest) -> NoticeAnswer:
    """Send the token's member a test notice by mail and push"""
    return NoticeAnswer.of(notices.send_test(actor=request.actor, now=clock.now()))


# --- preferences


class KindAnswer(Answer):
    key: str
    label: str
    mail: bool
    push: bool
    waits: bool = Field(description="Whether it waits for the end of quiet hours and days off.")


class PreferencesAnswer(Answer):
    kinds: list[KindAnswer]
    quiet_from: time | None = Field(description="Local time; both or neither.")
    quiet_to: time | None
    days_off: list[int] | None = Field(description="Weekdays, 0 is Monday; null: the company's closed days.")
    time_zone: str = Field(description="Empty: the company's.")
    digest_time: time
    digest_empty: bool = Field(description="Send the summary also when there is nothing to say.")

    @classmethod
    def of(cls, preference: Preference, offered: list[Kind]) -> PreferencesAnswer:
        return cls(
            kinds=[
                KindAnswer(
                    key=kind.key,
                    label=str(kind.label),
                    mail=preference.wants(kind, "mail"),
                    push=preference.wants(kind, "push"),
                    waits=kind.quiet,
                )
                for kind in offered
            ],
            quiet_from=preference.quiet_from,
            quiet_to=preference.quiet_to,
            days_off=preference.days_off,
            time_zone=preference.time_zone,
            digest_time=preference.digest_time,
            digest_empty=preference.digest_empty,
        )


class WaysInput(Input):
    mail: bool | None = None
    push: bool | None = None


class PreferencesChange(Input):
    kinds: dict[str, WaysInput] | None = Field(
        default=None, description='By kind, such as {"assigned": {"mail": false}}.'
    )
    quiet_from: time | None = None
    quiet_to: time | None = None
    days_off: list[int] | None = Field(default=None, max_length=7)
    time_zone: str | None = None
    digest_time: time | None = None
    digest_empty: bool | None = None


@operations.get("/notice-preferences", "inbox.view", PreferencesAnswer)
def get_notice_preferences(request: ApiRequest) -> PreferencesAnswer:
    """Get what the token's member wants to be told, and when"""
    return _answer(request, preferences.of(request.actor.membership))


@operations.patch("/notice-preferences", "inbox.view", PreferencesAnswer)
def change_notice_preferences(request: ApiRequest, data: PreferencesChange) -> PreferencesAnswer:
    """Change what the token's member wants to be told, and when

    What is left out stays as it is. null ends the quiet hours (both), and makes the days off the company's.
    """
    present = preferences.wishes(preferences.of(request.actor.membership))
    changed = preferences.change(
        actor=request.actor, wishes=replace(present, **_given(data)), now=clock.now()
    )
    return _answer(request, changed)


def _given(data: PreferencesChange) -> dict[str, Any]:
    given = data.model_dump(exclude_unset=True, exclude={"kinds"})
    nullable = {"quiet_from", "quiet_to", "days_off"}
    fields = {name: value for name, value in given.items() if value is not None or name in nullable}
    fields["choices"] = {key: ways.model_dump(exclude_none=True) for key, ways in (data.kinds or {}).items()}
    return fields


def _answer(request: ApiRequest, preference: Preference) -> PreferencesAnswer:
    return PreferencesAnswer.of(preference, preferences.offered(request.actor))


# --- browsers


class BrowserAnswer(Answer):
    id: int
    label: str
    host: str = Field(description="Of the push service.")
    created_at: Moment

    @classmethod
    def of(cls, found: PushSubscription) -> BrowserAnswer:
        return cls(id=found.pk, label=found.label, host=found.host, created_at=found.created_at)


class PushKeyAnswer(Answer):
    public_key: str


class BrowserInput(Input):
    endpoint: str = Field(description="As the browser's PushSubscription has it; so are the keys.")
    p256dh: str
    auth: str
    label: str = ""


@operations.get("/push-key", "inbox.view", PushKeyAnswer)
def get_push_key(request: ApiRequest) -> PushKeyAnswer:
    """Get the key for `pushManager.subscribe` (VAPID, RFC 8292)"""
    return PushKeyAnswer(public_key=push.public_key())


@operations.get("/push-subscriptions", "inbox.view", PageOf[BrowserAnswer])
def list_push_subscriptions(request: ApiRequest, wanted: Query[PageInput]) -> PageOf[BrowserAnswer]:
    """List the browsers in which the token's member gets notices"""
    rows = PushSubscription.objects.filter(user=request.actor.user)
    found, following = paging.by_id(rows, wanted)
    return PageOf(items=[BrowserAnswer.of(one) for one in found], next=following)


@operations.post("/push-subscriptions", "inbox.view", BrowserAnswer, status=201)
def subscribe_to_push(request: ApiRequest, data: BrowserInput) -> BrowserAnswer:
    """Let notices of the token's member go to a browser"""
    return BrowserAnswer.of(push.subscribe(user=request.actor.user, now=clock.now(), **data.model_dump()))


@operations.delete("/push-subscriptions/{int:subscription_id}", "inbox.view")
def end_push_subscription(request: ApiRequest, subscription_id: int) -> None:
    """Send no more notices to a browser"""
    push.unsubscribe(user=request.actor.user, subscription_id=subscription_id, now=clock.now())
