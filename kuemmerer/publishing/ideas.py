"""Ideas are collected from feeds, or written down by hand."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from kuemmerer.accounts.access import Actor
from kuemmerer.channels.models import Channel, Interaction
from kuemmerer.core.errors import Invalid, NotFound
from kuemmerer.core.models import record
from kuemmerer.core.text import storable
from kuemmerer.networks.base import Kind
from kuemmerer.publishing.models import Idea, ReadMark

BATCH = 500


def collect_from_channel(channel: Channel, now: datetime) -> int:
    """Make ideas of new feed entries in `channel`; returns how many. Safe to run twice at once."""
    count = 0
    while True:
        with transaction.atomic():
            mark, _created = ReadMark.objects.select_for_update().get_or_create(channel=channel)
            batch = list(Interaction.objects.changed_since(channel, mark.seq)[:BATCH])
            if not batch:
                return count
            entries = [i for i in batch if i.kind == Kind.ENTRY and i.deleted_at is None]
            known = set(Idea.objects.filter(source__in=entries).values_list("source_id", flat=True))
            new = [
                Idea(
                    workspace_id=channel.workspace_id,
                    title=(entry.title or entry.text[:80] or entry.url)[:500],
                    text=entry.text,
                    url=entry.url,
                    source=entry,
                    created_at=entry.created_at,
                )
                for entry in entries
                if entry.pk not in known
            ]
            Idea.objects.bulk_create(new)
            ReadMark.objects.filter(pk=mark.pk).update(seq=batch[-1].seq)
        count += len(new)


@transaction.atomic
def write_down(*, actor: Actor, title: str, text: str, now: datetime, url: str = "") -> Idea:
    """Note an idea by hand. Raises Invalid, Forbidden."""
    actor.need("ideas.edit")
    title, text, url = " ".join(storable(title).split()), storable(text), storable(url).strip()
    if not title or len(title) > 500:
        raise Invalid(_("Please give a title of at most 500 characters."), field="title")
    if url and not url.startswith(("https://", "http://")):
        raise Invalid(_("This is no web address."), field="url")
    idea = Idea.objects.create(
        workspace=actor.workspace, title=title, text=text.strip()[:20_000], url=url[:2000], created_at=now
    )
    record(workspace_id=actor.workspace.pk, actor=actor.label, verb="noted", subject=idea, now=now)
    return idea


@transaction.atomic
def set_status(*, actor: Actor, idea_id: int, status: str, now: datetime) -> Idea:
    """Mark an idea as used, dismissed or collected again. Raises Invalid, NotFound, Forbidden."""
    actor.need("ideas.edit")
    idea = Idea.objects.filter(workspace=actor.workspace, pk=idea_id).first()
    if idea is None:
        raise NotFound
    if status not in Idea.Status.values:
        raise Invalid(_("There is no such status."), field="status")
    idea.status = status
    idea.save(update_fields=["status"])
    record(workspace_id=actor.workspace.pk, actor=actor.label, verb=status, subject=idea, now=now)
    return idea
