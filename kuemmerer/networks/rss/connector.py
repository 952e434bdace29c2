"""The connector for feeds: it only listens."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import httpx
from django.utils.translation import gettext_lazy as _

from kuemmerer.networks.base import (
    Batch,
    Capabilities,
    Connected,
    Connector,
    FormField,
    Item,
    Kind,
    Person,
)
from kuemmerer.networks.errors import Rejected, TryLater
from kuemmerer.networks.rss.feed import MAX_BYTES, MAX_ENTRIES, Entry, Feed, feeds_in_page, parse
from kuemmerer.networks.session import Session, base_address, reaching

ACCEPT = "application/atom+xml, application/rss+xml, application/rdf+xml, application/xml;q=0.9, */*;q=0.5"
PERMANENT = frozenset({301, 308})
UNCERTAIN = timedelta(minutes=1)


class Rss(Connector):
    """A feed: of the own blog, of the trade press, of a competitor."""

    key = "rss"
    label = _("RSS/Atom")
    summary = _("New entries of any website's feed, as ideas for posts.")
    icon = "rss"
    can = Capabilities(listen=True)
    form = (
        FormField(
            key="address",
            label=_("Address"),
            help=_("Of the feed, or of the website: its feed is found then."),
            placeholder="https://example.org/feed",
        ),
    )
    fastest_sync = 300
    slowest_sync = 3600

    def connect(self, session: Session, values: Mapping[str, str]) -> Connected:
        typed = values.get("address", "")
        with reaching(typed):
            address, feed = self._discover(session, typed_address(typed))
        return Connected(account=account_of(address, feed), secret={}, settings={"address": address})

    def check(self, session: Session) -> Person:
        address, feed = _load(session, str(session.settings.get("address", "")))
        if feed is None:
            raise TryLater("bad_answer")
        return account_of(str(session.account.get("remote_id") or address), feed)

    def _discover(self, session: Session, typed: str) -> tuple[str, Feed]:
        response = _ask(session, typed)
        address, feed = _moved(response, typed), _feed_of(response)
        if feed is not None:
            return address, feed
        page = response.content[:1_000_000].decode("utf-8", errors="replace")
        for link in feeds_in_page(page, str(response.url)):
            try:
                address, feed = _load(session, link)
            except Rejected:
                continue
            if feed is not None:
                return address, feed
        raise Rejected("not_this_network")

    def fetch(self, session: Session, cursor: Mapping[str, Any], *, since: datetime) -> Batch:
        address = str(cursor.get("address") or session.settings.get("address", ""))
        response = _ask(session, address, _conditions(cursor))
        if response.status_code == 304:
            return Batch(cursor=dict(cursor))
        feed = _feed_of(response)
        if feed is None:
            # Often a page that says "be back soon".
            raise TryLater("bad_answer")
        known = _known(cursor)
        author = _author(session, address, feed)
        items = []
        for entry in feed.entries:
            created = entry.created_at or session.now
            wanted = bool(cursor.get("seen") is not None) or created >= since.replace(microsecond=0)
            if wanted and known.get(_short(entry.id)) != entry.digest:
                items.append(_item(entry, author, created, feed))
        seen = {_short(entry.id): entry.digest for entry in feed.entries}
        # Entries that have slipped out of the feed stay known for a while: feeds are restored from backups.
        older = [(key, value) for key, value in known.items() if key not in seen]
        room = MAX_ENTRIES - len(seen)
        return Batch(
            items=items,
            cursor={
                "address": _moved(response, address),
                "seen": {**dict(older[-room:] if room > 0 else []), **seen},
                **_validators(response, session.now),
            },
        )


def typed_address(value: str) -> str:
    """What a person typed as a web address, query included. Raises Rejected("bad_address")."""
    base = base_address(value)
    query = urlsplit(value.strip()).query
    slash = "/" if urlsplit(value.strip()).path.endswith("/") or not urlsplit(base).path else ""
    return f"{base}{slash}{'?' + query if query else ''}"


def account_of(address: str, feed: Feed) -> Person:
    parts = urlsplit(address)
    return Person(
        remote_id=address,
        handle=parts.netloc.rpartition("@")[2],
        name=feed.title,
        url=feed.url or address,
        about=feed.about,
    )


def _ask(session: Session, address: str, headers: Mapping[str, str] | None = None) -> httpx.Response:
    response = session.request(
        "GET", address, headers={"Accept": ACCEPT, **(headers or {})}, follow_redirects=True, accept={404}
    )
    if response.status_code == 404:
        raise Rejected("gone") if headers is not None else Rejected("not_this_network")
    return response


def _load(session: Session, address: str) -> tuple[str, Feed | None]:
    response = _ask(session, address, {})
    return _moved(response, address), _feed_of(response)


def _feed_of(response: httpx.Response) -> Feed | None:
    if len(response.content) > MAX_BYTES:
        raise Rejected("too_large")
    return parse(
        response.content, address=str(response.url), content_type=response.headers.get("content-type", "")
    )


def _moved(response: httpx.Response, address: str) -> str:
    """The address to ask next time: the new one where all redirects on the way are meant for good."""
    if response.history and all(step.status_code in PERMANENT for step in response.history):
        return str(response.url)
    return address


def _conditions(cursor: Mapping[str, Any]) -> dict[str, str]:
    named = {"If-None-Match": cursor.get("etag"), "If-Modified-Since": cursor.get("modified")}
    return {name: value for name, value in named.items() if isinstance(value, str) and value}


def _validators(response: httpx.Response, now: datetime) -> dict[str, str]:
    """What makes the next request conditional.

    Not right after a change: these times have whole seconds, and blogs make their ETag of them too, so an
    entry published in the same second would stay unseen until the next one.
    """
    modified = response.headers.get("last-modified", "")
    if modified:
        try:
            changed = parsedate_to_datetime(modified)
        except ValueError:
            return {}
        if now - (changed if changed.tzinfo else changed.replace(tzinfo=UTC)) < UNCERTAIN:
            return {}
    return {"etag": response.headers.get("etag", ""), "modified": modified}


def _known(cursor: Mapping[str, Any]) -> dict[str, str]:
    seen = cursor.get("seen")
    return {str(key): str(value) for key, value in seen.items()} if isinstance(seen, Mapping) else {}


def _short(identity: str) -> str:
    return hashlib.blake2s(identity.encode("utf-8", "replace"), digest_size=6).hexdigest()


def _author(session: Session, address: str, feed: Feed) -> Person:
    account = account_of(address, feed)
    return Person(
        remote_id=str(session.account.get("remote_id") or session.settings.get("address") or address),
        handle=str(session.account.get("handle") or account.handle),
        name=account.name,
        url=account.url,
    )


def _item(entry: Entry, author: Person, created: datetime, feed: Feed) -> Item:
    return Item(
        kind=Kind.ENTRY,
        remote_id=entry.id,
        thread_id=entry.id,
        author=author,
        created_at=created,
        edited_at=entry.edited_at,
        title=entry.title,
        text=entry.text,
        url=entry.url,
        language=feed.language,
        ours=True,
        addressed=False,
        raw=entry.raw,
    )
