"""Lists a page at a time: each is one walk along an index from where the one before ended, never an OFFSET.

Rows that are added or taken away meanwhile neither repeat nor hide others.
"""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any, TypeVar

from django.db import models
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from kuemmerer.api.fields import LARGEST_ID, PageInput
from kuemmerer.core.errors import Invalid

M = TypeVar("M", bound=models.Model)


class BadCursor(Invalid):
    """`after` is not what we gave out."""

    code = "bad_cursor"

    def __init__(self) -> None:
        super().__init__(_("This page mark is not valid."), field="after")


def encode(*values: Any) -> str:
    """A cursor that holds `values`: numbers, texts, moments."""
    plain = [value.isoformat() if isinstance(value, datetime) else value for value in values]
    return base64.urlsafe_b64encode(json.dumps(plain).encode()).decode().rstrip("=")


def decode(cursor: str, *types: type) -> list[Any]:
    """The values in a cursor. Raises BadCursor unless they are of `types`."""
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        values = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        return [_value(value, wanted) for value, wanted in zip(values, types, strict=True)]
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise BadCursor from error


def _value(value: Any, wanted: type) -> Any:
    if wanted is datetime:
        return datetime.fromisoformat(value).astimezone(UTC)
    if type(value) is not wanted or (isinstance(value, int) and not 0 <= value <= LARGEST_ID):
        raise ValueError(value)
    return value


def by_id(rows: QuerySet[M], page: PageInput, *, newest_first: bool = False) -> tuple[list[M], str | None]:
    """A page of `rows` in the order of their ids, and the mark of the next."""
    if page.after:
        (pk,) = decode(page.after, int)
        rows = rows.filter(pk__lt=pk) if newest_first else rows.filter(pk__gt=pk)
    found = list(rows.order_by("-pk" if newest_first else "pk")[: page.limit + 1])
    return cut(found, page.limit, lambda row: encode(row.pk))


def by_time(rows: QuerySet[M], page: PageInput, *, field: str) -> tuple[list[M], str | None]:
    """A page of `rows`, the latest by `field` first, and the mark of the next."""
    if page.after:
        moment, pk = decode(page.after, datetime, int)
        # Not "earlier, or at the same time with a smaller id": over an OR no database walks along one index.
        rows = rows.filter(Q(**{f"{field}__lte": moment}) & ~Q(**{field: moment, "pk__gte": pk}))
    found = list(rows.order_by(f"-{field}", "-pk")[: page.limit + 1])
    return cut(found, page.limit, lambda row: encode(getattr(row, field), row.pk))


def cut(found: list[M], limit: int, mark: Any) -> tuple[list[M], str | None]:
    """Of `limit` + 1 rows the first `limit`, and the last one's mark if one was left over."""
    return found[:limit], mark(found[limit - 1]) if len(found) > limit else None
