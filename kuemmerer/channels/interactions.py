"""Storing what was fetched: each thing once, edits and deletions followed, every change numbered."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import models, transaction

from kuemmerer.channels import erased
from kuemmerer.channels.keys import UNSTORABLE, author_key, clean, cut
from kuemmerer.channels.models import Author, Channel, Interaction, Thread
from kuemmerer.core.rows import insert
from kuemmerer.networks import base
from kuemmerer.networks.text import tidy

CLOCK_SKEW = timedelta(minutes=5)
_IN_JSON = re.compile(r"\\u(?:0000|[dD][89a-fA-F][0-9a-fA-F]{2})|NaN|Infinity")
_MOST_FOLLOWERS = 2**63 - 1
_SQL_VARIABLES = 500
"""Ids in one IN (…): well below what any SQLite build allows, and small enough for a good query plan."""


@dataclass(frozen=True, kw_only=True)
class Stored:
    new: int
    changed: int


@transaction.atomic
def store(*, channel: Channel, items: Sequence[base.Item], gone: Sequence[str] = (), now: datetime) -> Stored:
    """Write what a connector fetched. Storing the same thing twice changes nothing.

    The caller holds no assumption on order; within the channel changes are numbered in the order of `items`.
    """
    # Locks the channel's row until the commit: change numbers become visible in their own order.
    locked = (
        Channel.objects.select_for_update()
        .only("id", "seq", "fetched", "workspace_id", "retention_days", "has_erased")
        .get(pk=channel.pk)
    )
    unique = list({cut(item.remote_id): item for item in items}.values())
    if locked.has_erased:
        unique = erased.without_erased(channel, unique)
    known = _by_remote_id(channel, [item.remote_id for item in unique] + list(gone))
    if (since := locked.keeps_since(now)) is not None:
        # A feed goes on listing what is older than we may keep.
        unique = [item for item in unique if item.created_at >= since or cut(item.remote_id) in known]
    authors = _authors(channel, unique, now)
    threads = _threads(channel, unique)
    seq = locked.seq
    new: dict[str, dict[str, Any]] = {}
    changed: dict[str, Interaction] = {}
    for item in unique:
        present = known.get(cut(item.remote_id))
        if present is None:
            seq += 1
            row = _new(channel, item, now)
            row["author_id"] = authors[author_key(item.author)].pk
            row["thread_id"] = threads[cut(item.thread_id)].pk
            new[row["remote_id"]] = {**row, "seq": seq}
        elif _update(present, item, now):
            seq += 1
            present.seq = seq
            changed[present.remote_id] = present
    for remote_id in dict.fromkeys(cut(remote_id) for remote_id in gone):
        lost = known.get(remote_id)
        if lost is not None and lost.deleted_at is None:
            seq += 1
            lost.deleted_at, lost.seq = now, seq
            changed[lost.remote_id] = lost
        elif remote_id in new:
            new[remote_id]["deleted_at"] = now
    insert(Interaction, list(new.values()))
    save_all(Interaction, list(changed.values()), _CHANGEABLE)
    fields: dict[str, object] = {"seq": seq, "fetched": locked.fetched + len(new)}
    if any(not row["ours"] for row in new.values()):
        fields["news_at"] = now
    if new or changed:
        Channel.objects.filter(pk=channel.pk).update(**fields)
        channel.seq, channel.fetched = seq, locked.fetched + len(new)
    return Stored(new=len(new), changed=len(changed))


_CHANGEABLE = [
    "title",
    "text",
    "url",
    "stars",
    "status",
    "edited_at",
    "deleted_at",
    "raw",
    "seq",
    "addressed",
    "kind",
]


def save_all(model: type[models.Model], rows: Sequence[models.Model], fields: Sequence[str]) -> None:
    """Write `fields` of many stored rows at once."""
    # Not bulk_update: its CASE WHEN for each row and field takes Django longer to build than all else
    # together.
    model._default_manager.bulk_create(
        rows, batch_size=500, update_conflicts=True, unique_fields=["id"], update_fields=fields
    )


def _raw(record: Mapping[str, Any]) -> dict[str, Any]:
    """The network's own record, less what PostgreSQL's JSON does not take."""
    text = json.dumps(dict(record))
    return _storable(dict(record)) if _IN_JSON.search(text) else dict(record)


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace").replace("\x00", "")
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {_storable(str(name)): _storable(part) for name, part in value.items()}
    return [_storable(part) for part in value] if isinstance(value, list | tuple) else value


def _authors(channel: Channel, items: Sequence[base.Item], now: datetime) -> dict[str, Author]:
    """The authors by remote id, created or brought up to date."""
    wanted = {author_key(item.author): item.author for item in items}
    first: dict[str, datetime] = {}
    for item in items:
        key = author_key(item.author)
        first[key] = min(first.get(key, now), item.created_at)
    found: dict[str, Author] = {}
    keys = list(wanted)
    for start in range(0, len(keys), _SQL_VARIABLES):
        part = keys[start : start + _SQL_VARIABLES]
        found |= {a.remote_id: a for a in Author.objects.filter(channel=channel, remote_id__in=part)}
    missing = [
        Author(
            workspace_id=channel.workspace_id,
            channel=channel,
            remote_id=key,
            first_seen_at=first[key],
            **_profile(person),
        )
        for key, person in wanted.items()
        if key not in found
    ]
    Author.objects.bulk_create(missing, batch_size=500)
    known = dict(found)
    found |= {author.remote_id: author for author in missing}
    stale = []
    for key, author in known.items():
        person = wanted[key]
        # A network that leaves something out this time must not make us forget what it said before.
        fresh = {name: value for name, value in _profile(person).items() if value not in ("", None)}
        if first[key] < author.first_seen_at:
            # The past comes in backwards.
            fresh["first_seen_at"] = first[key]
        if any(getattr(author, name) != value for name, value in fresh.items()):
            for name, value in fresh.items():
                setattr(author, name, value)
            stale.append(author)
    save_all(Author, stale, ["handle", "name", "url", "avatar_url", "about", "followers", "first_seen_at"])
    return found


def _profile(person: base.Person) -> dict[str, object]:
    return {
        "handle": tidy(person.handle)[:255],
        "name": tidy(person.name)[:255],
        "url": _web(person.url, 1000),
        "avatar_url": _web(person.avatar_url, 1000),
        "about": tidy(person.about)[:5000],
        "followers": None if person.followers is None else max(0, min(person.followers, _MOST_FOLLOWERS)),
    }


def _web(url: str, longest: int) -> str:
    """Only addresses that are safe as a link: a network may say `javascript:…`."""
    good = url.startswith(("https://", "http://")) and len(url) <= longest and not UNSTORABLE.search(url)
    return url if good else ""


def _threads(channel: Channel, items: Sequence[base.Item]) -> dict[str, Thread]:
    first: dict[str, datetime] = {}
    for item in items:
        key = cut(item.thread_id)
        first[key] = min(first.get(key, item.created_at), item.created_at)
    found: dict[str, Thread] = {}
    keys = list(first)
    for start in range(0, len(keys), _SQL_VARIABLES):
        part = keys[start : start + _SQL_VARIABLES]
        found |= {t.remote_id: t for t in Thread.objects.filter(channel=channel, remote_id__in=part)}
    missing = [
        Thread(workspace_id=channel.workspace_id, channel=channel, remote_id=key, created_at=at)
        for key, at in first.items()
        if key not in found
    ]
    Thread.objects.bulk_create(missing, batch_size=500)
    return found | {thread.remote_id: thread for thread in missing}


def _by_remote_id(channel: Channel, remote_ids: Sequence[str]) -> dict[str, Interaction]:
    keys = list(dict.fromkeys(cut(remote_id) for remote_id in remote_ids))
    found: dict[str, Interaction] = {}
    for start in range(0, len(keys), _SQL_VARIABLES):
        part = keys[start : start + _SQL_VARIABLES]
        found |= {i.remote_id: i for i in Interaction.objects.filter(channel=channel, remote_id__in=part)}
    return found


def _content(item: base.Item) -> dict[str, object]:
    return {
        "title": tidy(item.title)[:500],
        "text": tidy(item.text),
        "url": _web(item.url, 2000),
        "stars": item.stars,
        "status": item.status,
    }


def _new(channel: Channel, item: base.Item, now: datetime) -> dict[str, Any]:
    """The row of a new interaction, but for author, thread and number."""
    return {
        "workspace_id": channel.workspace_id,
        "channel_id": channel.pk,
        "kind": item.kind,
        "remote_id": cut(item.remote_id),
        "parent_remote_id": cut(item.parent_id),
        "language": clean(item.language)[:16],
        "visibility": item.visibility,
        "ours": item.ours,
        "addressed": item.addressed,
        # A clock that runs ahead at the other side must not put words into our future.
        "created_at": min(item.created_at, now + CLOCK_SKEW),
        "edited_at": item.edited_at,
        "deleted_at": None,
        "fetched_at": now,
        "raw": _raw(item.raw),
        **_content(item),
    }


def _update(present: Interaction, item: base.Item, now: datetime) -> bool:
    """Bring a stored interaction up to date; True if something that people see has changed."""
    fresh = _content(item)
    text_changed = present.text != fresh["text"]
    different = any(getattr(present, name) != value for name, value in fresh.items())
    # What came along as context first and turns out to be addressed to us becomes ours to answer, never the
    # reverse.
    promoted = item.addressed and not present.addressed
    if not different and not promoted and present.deleted_at is None:
        return False
    for name, value in fresh.items():
        setattr(present, name, value)
    if promoted:
        present.addressed, present.kind = True, item.kind
    if text_changed:
        present.edited_at = item.edited_at or now
    present.deleted_at = None
    present.raw = _raw(item.raw)
    return True


@transaction.atomic
def changed_by_us(interaction: Interaction, **fields: object) -> None:
    """Note what the desk has done with an interaction at the network: status, liked, shared."""
    channel = Channel.objects.select_for_update().only("id", "seq").get(pk=interaction.channel_id)
    Channel.objects.filter(pk=channel.pk).update(seq=channel.seq + 1)
    Interaction.objects.filter(pk=interaction.pk).update(seq=channel.seq + 1, **fields)
    interaction.refresh_from_db()
