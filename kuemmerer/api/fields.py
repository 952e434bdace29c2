"""What goes in and out: base classes and types that every operation uses."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, TypeVar

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, field_validator

LARGEST_ID = 2**63 - 1
_SURROGATE = re.compile(r"[\ud800-\udfff]")

T = TypeVar("T")


def _utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("out of range") from error


Moment = Annotated[AwareDatetime, AfterValidator(_utc)]
"""A moment in UTC, written as ISO 8601 with Z. As input it may have any offset, but must have one."""

Id = Annotated[int, Field(ge=1, le=LARGEST_ID)]


class Answer(BaseModel):
    """Something that an operation gives back."""


class _Words(BaseModel):
    """Input whose texts every database can store."""

    @field_validator("*", mode="after")
    @classmethod
    def _storable(cls, value: Any) -> Any:
        words = _strings(value)
        if "\x00" in words or _SURROGATE.search(words):
            raise ValueError("must not hold NUL or half of a surrogate pair")
        return value


class Input(_Words):
    """The body of a request. What is not known is refused: a misspelt name must not pass in silence."""

    model_config = ConfigDict(extra="forbid")


def _strings(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        return "".join(_strings(part) for pair in value.items() for part in pair)
    return "".join(map(_strings, value)) if isinstance(value, list) else ""


class PageOf(Answer, Generic[T]):
    """A page of a list. While `next` is not null there is more: send it as `after`."""

    items: Sequence[T]
    next: str | None = Field(description="Send this as `after` to get the next page; null on the last one.")


class PageInput(_Words):
    """The query of a list."""

    after: str = Field(default="", max_length=500, description="The `next` of the page before.")
    limit: int = Field(default=50, ge=1, le=100, description="How many items at most.")
