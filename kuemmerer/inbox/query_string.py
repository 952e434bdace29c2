"""A case list in an address: its filters, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from kuemmerer.core.errors import Invalid
from kuemmerer.inbox import lists

KEPT = frozenset({"view", "status", "channel", "label", "assignee", "q"})
"""What of a query string makes up a list."""


def number(value: str) -> int | None:
    """A typed id; None for everything that is none, also for digits of other scripts and endless ones."""
    return int(value) if value.isascii() and value.isdigit() and len(value) <= 18 else None


def filters(query: Mapping[str, str]) -> dict[str, Any]:
    """The filters of a list from the query string; nonsense is an error with a sentence, never a crash."""

    def chosen(name: str) -> int | None:
        value = query.get(name, "")
        found = number(value)
        if value and found is None:
            raise Invalid(_("There is no such filter."))
        return found

    return {
        "view": query.get("view") or lists.View.OPEN,
        "status": query.get("status") or None,
        "channel_id": chosen("channel"),
        "label_id": chosen("label"),
        "assignee_id": chosen("assignee"),
        "search": query.get("q", "").strip(),
    }


def address(filters: Mapping[str, Any]) -> dict[str, str]:
    """The query string's values for filters."""
    names = {"channel_id": "channel", "label_id": "label", "assignee_id": "assignee", "search": "q"}
    return {names.get(name, name): str(value) for name, value in filters.items() if value}
