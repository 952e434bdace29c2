"""Data protection for programs: retention, the numbers that stay, records, statistics of employees."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from ninja import Query
from pydantic import Field

from kuemmerer.api import paging
from kuemmerer.api.fields import Answer, Id, Input, Moment, PageInput, PageOf
from kuemmerer.api.operations import ApiRequest, Operations
from kuemmerer.channels import connections, privacy, retention
from kuemmerer.channels.models import Channel, DailyCount, PrivacyRecord
from kuemmerer.core import clock

operations = Operations("Data protection")

Days = Annotated[int, Field(ge=1, le=retention.MOST_DAYS)]


class RetentionAnswer(Answer):
    days: int | None = Field(description="For how long messages are kept; null is for ever.")
    raw_days: int | None = Field(description="The same for the networks' own records of them.")

    @classmethod
    def of(cls, channel: Channel) -> RetentionAnswer:
        return cls(days=channel.retention_days, raw_days=channel.raw_days)


class RetentionInput(Input):
    days: Days | None = Field(description="Null keeps messages for ever.")
    raw_days: Days | None = Field(default=None, description="Null keeps the records as long as the messages.")


@operations.get("/channels/{int:channel_id}/retention", "channels.view", RetentionAnswer)
def get_retention(request: ApiRequest, channel_id: int) -> RetentionAnswer:
    """Get how long what a channel brings is kept"""
    return RetentionAnswer.of(connections.get(actor=request.actor, channel_id=channel_id))


@operations.patch("/channels/{int:channel_id}/retention", "privacy.manage", RetentionAnswer)
def set_retention(request: ApiRequest, channel_id: int, data: RetentionInput) -> RetentionAnswer:
    """Set how long what a channel brings is kept

    What is older is erased at once and for good, with its cases, answers and notes; but not what still waits
    for an answer of ours. The numbers stay: `GET /daily-counts`.
    """
    changed = retention.set_retention(
        actor=request.actor,
        channel_id=channel_id,
        days=data.days,
        raw_days=data.raw_days,
        now=clock.now(),
    )
    return RetentionAnswer.of(changed)


class DailyCountAnswer(Answer):
    channel_id: int
    day: date = Field(description="By the workspace's time zone.")
    kind: str
    ours: bool
    interactions: int
    answered: int
    answer_minutes: int = Field(description="The sum over the answered, by the clock.")
    answer_times: list[int] = Field(
        description=f"How many were answered within {', '.join(map(str, retention.BOUNDS))} minutes, each "
        "counted once, and how many later."
    )

    @classmethod
    def of(cls, row: DailyCount) -> DailyCountAnswer:
        return cls(**{name: getattr(row, name) for name in cls.model_fields})


class CountFilter(PageInput):
    channel: Id | None = None


@operations.get("/daily-counts", "channels.view", PageOf[DailyCountAnswer])
def list_daily_counts(request: ApiRequest, wanted: Query[CountFilter]) -> PageOf[DailyCountAnswer]:
    """List the numbers of what a retention has erased"""
    rows = DailyCount.objects.filter(workspace=request.actor.workspace)
    if wanted.channel is not None:
        rows = rows.filter(channel=wanted.channel)
    found, following = paging.by_id(rows, wanted)
    return PageOf(items=[DailyCountAnswer.of(row) for row in found], next=following)


class RecordAnswer(Answer):
    id: int
    kind: str = Field(description="export or erasure")
    actor: str
    at: Moment
    counts: dict[str, int]

    @classmethod
    def of(cls, made: PrivacyRecord) -> RecordAnswer:
        return cls(id=made.pk, kind=made.kind, actor=made.actor, at=made.at, counts=made.counts)


@operations.get("/privacy-records", "privacy.manage", PageOf[RecordAnswer])
def list_privacy_records(request: ApiRequest, page: Query[PageInput]) -> PageOf[RecordAnswer]:
    """List what was handed out and erased on request, the newest first"""
    rows = PrivacyRecord.objects.filter(workspace=request.actor.workspace)
    found, following = paging.by_id(rows, page, newest_first=True)
    return PageOf(items=[RecordAnswer.of(row) for row in found], next=following)


class PersonalStatisticsAnswer(Answer):
    personal: bool = Field(description="Whether statistics may name single employees; else teams only.")


class PersonalStatisticsInput(Input):
    personal: bool


@operations.get("/personal-statistics", "inbox.view", PersonalStatisticsAnswer)
def get_personal_statistics(request: ApiRequest) -> PersonalStatisticsAnswer:
    """Get whether statistics may name single employees"""
    return PersonalStatisticsAnswer(personal=privacy.may_show_person(request.actor.workspace))


@operations.patch("/personal-statistics", "workspace.manage", PersonalStatisticsAnswer)
def set_personal_statistics(request: ApiRequest, data: PersonalStatisticsInput) -> PersonalStatisticsAnswer:
    """Allow or forbid statistics of single employees

    In Germany they need a reason (§ 26 BDSG) and the consent of a works council (§ 87 Abs. 1 Nr. 6 BetrVG).
    """
    now = clock.now()
    on = privacy.set_personal_statistics(actor=request.actor, on=data.personal, now=now)
    return PersonalStatisticsAnswer(personal=on)
