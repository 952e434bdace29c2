"""The inbox for programs."""

from __future__ import annotations

from kuemmerer.inbox.api import (
    automation,
    cases,
    deadlines,
    feeds,
    interactions,
    library,
    notes,
    replies,
    teamwork,
    together,
    views,
)

OPERATIONS = [
    module.operations
    for module in (
        cases,
        together,
        views,
        notes,
        replies,
        teamwork,
        interactions,
        library,
        deadlines,
        automation,
        feeds,
    )  # in the order of the OpenAPI document
]
