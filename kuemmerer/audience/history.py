"""What a person wrote and did on all channels, newest first, and the figures of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Max, Min, QuerySet

from kuemmerer.channels.models import Author, Channel, Interaction


@dataclass(frozen=True, kw_only=True)
class OnChannel:
    """How much a person wrote on one channel."""

    channel: Channel
    interactions: int


@dataclass(frozen=True, kw_only=True)
class Figures:
    first_seen_at: datetime | None
    last_seen_at: datetime | None
    interactions: int
    channels: tuple[OnChannel, ...]


def history(authors: Sequence[Author], *, channel_id: int | None = None) -> QuerySet[Interaction]:
    """All interactions of these authors, on one channel or on all; to be paged by `api.paging.by_time`."""
    wanted = [a.pk for a in authors if channel_id is None or a.channel_id == channel_id]
    found = Interaction.objects.filter(author__in=wanted)
    return found.select_related("channel", "author").defer("raw")


def figures(authors: Sequence[Author]) -> Figures:
    """Since when and how much these authors, who are one person, have written."""
    rows = (
        Interaction.objects.filter(author__in=[author.pk for author in authors])
        .values("author")
        .annotate(number=Count("pk"), first=Min("created_at"), last=Max("created_at"))
    )
    found = {row["author"]: row for row in rows}
    channels: dict[int, OnChannel] = {}
    for author in authors:
        number = found[author.pk]["number"] if author.pk in found else 0
        before = channels.get(author.channel_id)
        channels[author.channel_id] = OnChannel(
            channel=author.channel, interactions=number + (before.interactions if before else 0)
        )
    seen = [author.first_seen_at for author in authors] + [row["first"] for row in found.values()]
    return Figures(
        first_seen_at=min(seen, default=None),
        last_seen_at=max((row["last"] for row in found.values()), default=None),
        interactions=sum(row["number"] for row in found.values()),
        channels=tuple(sorted(channels.values(), key=lambda one: -one.interactions)),
    )
