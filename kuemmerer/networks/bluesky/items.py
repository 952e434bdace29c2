"""From the network's views of posts and people to the desk's items."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from kuemmerer.networks.base import Item, Kind, Person
from kuemmerer.networks.bluesky.identifiers import (
    FIRST_POST,
    is_did,
    is_handle,
    parse_time,
    parse_uri,
    post_url,
    profile_url,
)
from kuemmerer.networks.bluesky.records import alternative, dig, mentioned, number, quoted, raw, text
from kuemmerer.networks.text import tidy

REACTIONS = {"like": Kind.LIKE, "repost": Kind.SHARE, "follow": Kind.FOLLOW}
CONVERSATION = {"reply": Kind.COMMENT, "mention": Kind.MENTION, "quote": Kind.QUOTE}


def person(view: Any) -> Person | None:
    """The account a view describes, None if it has no DID."""
    did, handle = text(view, "did"), text(view, "handle")
    if not is_did(did):
        return None
    handle = handle if is_handle(handle) else ""
    return Person(
        remote_id=did,
        handle=handle,
        name=tidy(text(view, "displayName"))[:200],
        url=profile_url(handle if handle and not handle.endswith(".invalid") else did),
        avatar_url=_picture(text(view, "avatar")),
        about=tidy(text(view, "description"))[:2000],
        followers=number(view, "followersCount"),
    )


def _picture(url: str) -> str:
    return url if url.startswith(("https://", "http://")) and len(url) <= 1000 else ""


def written_at(view: Mapping[str, Any], now: datetime) -> datetime:
    """When it was written: by the author's clock, if that is neither ahead of the network's nor absurd."""
    seen = min(parse_time(dig(view, "indexedAt")) or now, now)
    said = parse_time(dig(view, "record", "createdAt"))
    return said if said is not None and FIRST_POST <= said <= seen else seen


@dataclass(frozen=True)
class Reader:
    """Turns views into items, as seen by the account `did`."""

    did: str
    now: datetime
    profiles: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def is_ours(self, uri: str) -> bool:
        return uri.startswith(f"at://{self.did}/")

    def post(self, view: Mapping[str, Any], *, addressed: bool = False, reason: str = "") -> Item | None:
        """A post or answer; None if the view is too broken to be one.

        `reason` is the network's when it notified us; `addressed` says that it concerns us in any case.
        """
        uri, author = text(view, "uri"), person(dig(view, "author"))
        if parse_uri(uri) is None or author is None:
            return None
        record = dig(view, "record")
        parent = _address(record, "parent")
        ours = author.remote_id == self.did
        languages = dig(record, "langs")
        return Item(
            kind=self._kind(record, parent, ours, reason),
            remote_id=uri,
            thread_id=_address(record, "root") or parent or uri,
            parent_id=parent,
            author=author,
            created_at=written_at(view, self.now),
            text=tidy(text(record, "text")) or tidy(alternative(record)),
            url=post_url(uri, author.handle),
            language=_language(languages),
            ours=ours,
            addressed=not ours and (addressed or bool(reason) or self.concerns_us(record)),
            raw=raw(view),
        )

    def concerns_us(self, record: Any) -> bool:
        """Whether a post answers, mentions or quotes us, or stands in a thread that we began."""
        return (
            self.is_ours(_address(record, "parent"))
            or self.is_ours(_address(record, "root"))
            or self.is_ours(quoted(record))
            or self.did in mentioned(record)
        )

    def _kind(self, record: Any, parent: str, ours: bool, reason: str) -> Kind:
        if parent:
            return Kind.COMMENT
        if not ours and (self.is_ours(quoted(record)) or reason == "quote"):
            return Kind.QUOTE
        if not ours and (self.did in mentioned(record) or reason == "mention"):
            return Kind.MENTION
        return Kind.POST

    def reaction(self, note: Mapping[str, Any], subject: Mapping[str, Any] | None) -> Item | None:
        """A like, repost or follow; `subject` is the view of the post it refers to, where it is known."""
        kind = REACTIONS.get(text(note, "reason"))
        uri, author = text(note, "uri"), person(dig(note, "author"))
        if kind is None or parse_uri(uri) is None or author is None:
            return None
        about = text(note, "reasonSubject") if kind is not Kind.FOLLOW else ""
        about = about if parse_uri(about) is not None else ""
        root = _address(dig(subject, "record"), "root")
        return Item(
            kind=kind,
            remote_id=uri,
            thread_id=root or about or uri,
            parent_id=about,
            author=author,
            created_at=written_at(note, self.now),
            url=post_url(about, text(subject, "author", "handle")) if about else author.url,
            ours=author.remote_id == self.did,
            raw=raw(note),
        )

    def detailed(self, item: Item) -> Item:
        """The item with what the author's profile says beyond the view (followers)."""
        profile = person(self.profiles.get(item.author.remote_id))
        return item if profile is None else replace(item, author=profile)


def _address(record: Any, end: str) -> str:
    """The address of the post that this one answers (`parent`) or that its thread began with (`root`)."""
    uri = text(record, "reply", end, "uri")
    return uri if parse_uri(uri) is not None else ""


def _language(languages: Any) -> str:
    first = languages[0] if isinstance(languages, list) and languages else ""
    return first[:35] if isinstance(first, str) else ""
