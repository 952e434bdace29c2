"""Who was erased does not come back with the next sync: keyed hashes are kept, and `interactions.store` skips
what they match.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from kuemmerer.channels.keys import author_key, cut
from kuemmerer.channels.models import Channel, Erased
from kuemmerer.core.encryption import fingerprint
from kuemmerer.networks.base import Item

_TOGETHER = 500
PSEUDONYM = "erased:"


def account_of(channel: Channel) -> str:
    """The hash of the account that the channel is. It outlives the channel: who connects the same account
    again does not get back whom they erased.
    """
    return fingerprint("account", channel.workspace_id, channel.network, channel.remote_id)


def author_hash(account: str, remote_id: str) -> str:
    return _hash(account, "author", remote_id)


def _item_hash(account: str, remote_id: str) -> str:
    return _hash(account, "item", remote_id)


def _hash(account: str, kind: str, remote_id: str) -> str:
    return fingerprint(account, kind, remote_id)


def thread_pseudonym(channel: Channel, remote_id: str) -> str:
    """What a thread is called whose root was erased, while others still write in it."""
    return PSEUDONYM + _item_hash(account_of(channel), remote_id)[:40]


def remember(
    channel: Channel,
    *,
    now: datetime,
    authors: Iterable[str] = (),
    items: Iterable[str] = (),
    redacted: Iterable[str] = (),
    bared: Iterable[str] = (),
) -> None:
    """Keep the hashes of remote ids: of erased authors and what they wrote, of others' words in which they
    were redacted (these are not brought up to date any more), and of those whose raw record went.
    """
    account = account_of(channel)
    hashes = [author_hash(account, remote_id) for remote_id in authors]
    hashes += [_item_hash(account, remote_id) for remote_id in items]
    hashes += [_hash(account, "redacted", remote_id) for remote_id in redacted]
    hashes += [_hash(account, "bared", remote_id) for remote_id in bared]
    Erased.objects.bulk_create(
        [
            Erased(workspace_id=channel.workspace_id, account=account, hash=one, erased_at=now)
            for one in dict.fromkeys(hashes)
        ],
        ignore_conflicts=True,
        batch_size=_TOGETHER,
    )
    Channel.objects.filter(pk=channel.pk).update(has_erased=True)


def is_remembered(channel: Channel) -> bool:
    """Whether somebody was erased from this account, be it under an earlier channel."""
    return Erased.objects.filter(account=account_of(channel)).exists()


def without_erased(channel: Channel, items: Sequence[Item]) -> list[Item]:
    """`items` without those of erased people and our answers to them; where others write around them, without
    the ids that lead back to them.
    """
    account = account_of(channel)
    own = {item.remote_id: _Own.of(account, item) for item in items}
    ids = {cut(one) for item in items for one in (item.remote_id, item.parent_id, item.thread_id) if one}
    hashes = {one: _item_hash(account, one) for one in ids}
    known = _known([one for hashed in own.values() for one in hashed] + list(hashes.values()))
    gone = {one for one, found in hashes.items() if found in known}
    result = []
    for item in items:
        marks = own[item.remote_id]
        answers_them = cut(item.parent_id) in gone
        is_theirs = marks.author in known or cut(item.remote_id) in gone or (item.ours and answers_them)
        if is_theirs or marks.redacted in known:
            continue
        thread = cut(item.thread_id)
        if answers_them or thread in gone or marks.bared in known:
            item = replace(
                item,
                parent_id="" if answers_them else item.parent_id,
                thread_id=thread_pseudonym(channel, thread) if thread in gone else item.thread_id,
                raw={},
            )
        result.append(item)
    return result


class _Own(NamedTuple):
    """The hashes under which an item itself may be remembered."""

    author: str
    redacted: str
    bared: str

    @classmethod
    def of(cls, account: str, item: Item) -> _Own:
        remote_id = cut(item.remote_id)
        return cls(
            author=author_hash(account, author_key(item.author)),
            redacted=_hash(account, "redacted", remote_id),
            bared=_hash(account, "bared", remote_id),
        )


def _known(hashes: Sequence[str]) -> set[str]:
    unique = list(dict.fromkeys(hashes))
    found: set[str] = set()
    for start in range(0, len(unique), _TOGETHER):
        part = unique[start : start + _TOGETHER]
        found |= set(Erased.objects.filter(hash__in=part).values_list("hash", flat=True))
    return found
