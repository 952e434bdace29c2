"""The figures for programs."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from typing import Literal

from ninja import Query
from pydantic import Field

from kuemmerer.api.fields import Answer, Id, Input
from kuemmerer.api.operations import ApiRequest, Operations
from kuemmerer.core import clock
from kuemmerer.insights import figures

operations = Operations("Statistics")


class TimesAnswer(Answer):
    answered: int = Field(description="Answers that ended a wait.")
    median: int | None = Field(description="Minutes of business hours within which half of them came.")
    most: int | None = Field(description="Minutes of business hours within which 9 of 10 came.")
    clock_median: int | None = Field(description="`median` by the clock.")
    clock_most: int | None = Field(description="`most` by the clock.")


class DayAnswer(TimesAnswer):
    day: date = Field(description="A local day of the workspace; answers count on the day they arrived.")
    closed: bool = Field(description="Whether there were no business hours.")
    open: int = Field(description="Cases that waited for an answer at the end of the day; of today, now.")
    began: int = Field(description="Waits that began.")
    ended: int = Field(description="Waits that ended, with an answer or without.")


class ShareAnswer(TimesAnswer):
    id: int
    name: str


class StatisticsAnswer(TimesAnswer):
    open: int = Field(description="Cases that wait for an answer now, snoozed ones included.")
    days: list[DayAnswer]
    teams: list[ShareAnswer]
    people: list[ShareAnswer] | None = Field(
        description="By who answered, the id is the user's; null unless an owner has allowed personal "
        "statistics and the token's member manages members."
    )


class StatisticsInput(Input):
    days: Literal[30, 90] = Field(default=30, description="So many days, today included.")
    channel_id: Id | None = None
    team_id: Id | None = None


@operations.get("/statistics", "inbox.view", StatisticsAnswer)
def get_statistics(request: ApiRequest, query: Query[StatisticsInput]) -> StatisticsAnswer:
    """Tell how long people waited for an answer and how much was open

    Minutes are right to within a hundredth of themselves. What was counted stays when cases are erased.
    """
    found = figures.figures(actor=request.actor, now=clock.now(), **query.model_dump())
    return StatisticsAnswer.model_validate(asdict(found))
