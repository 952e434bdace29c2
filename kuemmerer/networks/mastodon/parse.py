"""From the server's records to the desk's types. Whatever is missing or odd in a record, the rest is kept."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from kuemmerer.networks.base import Item, Kind, Person, Visibility
from kuemmerer.networks.mastodon.api import Record, ident, number, part, parts, text
from kuemmerer.networks.text import plain, tidy

_VISIBILITY = {
    "public": Visibility.PUBLIC,
    "unlisted": Visibility.UNLISTED,
    "private": Visibility.FOLLOWERS,
    "direct": Visibility.DIRECT,
}
VISIBILITY_NAME = {value: key for key, value in _VISIBILITY.items()}

REACTIONS = {
    "favourite": Kind.LIKE,
    "pleroma:emoji_reaction": Kind.LIKE,
    "reblog": Kind.SHARE,
    "follow": Kind.FOLLOW,
    "follow_request": Kind.FOLLOW,
}
MENTION, QUOTE = "mention", "quote"
HEARD = frozenset({MENTION, QUOTE, *REACTIONS})
"""The types of notification that become items."""

# What is worth keeping of a status: enough for the curious, small enough for a million of them.
_KEPT = [
    "id",
    "uri",
    "visibility",
    "in_reply_to_id",
    "in_reply_to_account_id",
    "spoiler_text",
    "sensitive",
    "replies_count",
    "reblogs_count",
    "favourites_count",
    "favourited",
    "reblogged",
]
LONGEST = 2000
"""How many characters of one field are kept."""


@dataclass(frozen=True, kw_only=True)
class Me:
    """The channel's own account, as its server names it."""

    account_id: str = ""
    username: str = ""
    domain: str = ""
    on_snac: bool = False
    """snac leaves our own account out of the mentions, says `private` for what only those mentioned may read,
    and calls every text English."""

    @property
    def address(self) -> str:
        return f"{self.username}@{self.domain}".casefold()

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Me:
        """As `login` wrote it into the channel's settings."""
        return cls(
            account_id=text(settings.get("account_id")),
            username=text(settings.get("username")),
            domain=text(settings.get("domain")),
            on_snac=settings.get("software") == "snac",
        )

    def is_author(self, status: Record) -> bool:
        return self.is_me(part(status, "account"))

    def is_mentioned(self, status: Record) -> bool:
        if any(self.is_me(mention) for mention in parts(status, "mentions")):
            return True
        return self.on_snac and bool(
            re.search(
                rf"(?<![\w@/.])@{re.escape(self.username)}(?:@{re.escape(self.domain)}(?![\w.-])|(?![\w@]))",
                content(status),
                re.IGNORECASE,
            )
        )

    def is_me(self, account: Record) -> bool:
        """Whether an account or a mention of one is ours. By its address: snac numbers mentions from 0."""
        return bool(self.username) and person(account, self.domain).remote_id == self.address

    def is_answered(self, status: Record) -> bool:
        """Whether the status answers one of ours."""
        return bool(self.account_id) and ident(status.get("in_reply_to_account_id")) == self.account_id


def person(account: Record, domain: str) -> Person:
    """An account as a person. The full address is unique in the whole network, an id only on one server."""
    acct = (text(account.get("acct")) or text(account.get("username"))).lstrip("@")
    full = acct if "@" in acct or not acct else f"{acct}@{domain}"
    about = account.get("note")
    return Person(
        remote_id=full.casefold() or f"unknown:{ident(account.get('id'))}",
        handle=full,
        name=tidy(text(account.get("display_name")) or text(account.get("username"))),
        url=web(account.get("url")),
        avatar_url=web(account.get("avatar_static")) or web(account.get("avatar")),
        about=plain(about) if isinstance(about, str) else "",
        followers=number(account.get("followers_count")),
    )


def item(
    status: Record,
    me: Me,
    *,
    thread_id: str,
    now: datetime,
    since: datetime | None = None,
    notified: str = "",
) -> Item:
    """A status as an item. `notified` is the type of the notification that brought it, if one did.

    What stands in a conversation from before `since` is there to be read, not to be answered.
    """
    ours = me.is_author(status)
    created = moment(status.get("created_at")) or now
    mentioned = me.is_mentioned(status) or notified == MENTION
    recent = since is None or created >= since
    seen_by = visibility(status)
    if me.on_snac and seen_by is Visibility.FOLLOWERS:
        seen_by = Visibility.DIRECT
    return Item(
        kind=(
            Kind.MESSAGE
            if seen_by is Visibility.DIRECT
            else _kind(status, me, mentioned=mentioned, quoting=notified == QUOTE)
        ),
        remote_id=ident(status.get("id")),
        thread_id=thread_id,
        author=person(part(status, "account"), me.domain),
        created_at=created,
        text=content(status),
        title=tidy(text(status.get("spoiler_text"))),
        parent_id=ident(status.get("in_reply_to_id")) or (quoted_id(status) if notified == QUOTE else ""),
        url=web(status.get("url")) or web(status.get("uri")),
        language="" if me.on_snac else text(status.get("language")),
        edited_at=moment(status.get("edited_at")),
        visibility=seen_by,
        ours=ours,
        addressed=not ours and (bool(notified) or (recent and (mentioned or me.is_answered(status)))),
        raw=raw(status, me),
    )


def _kind(status: Record, me: Me, *, mentioned: bool, quoting: bool) -> Kind:
    if quoting and not me.is_author(status):
        return Kind.QUOTE
    if not ident(status.get("in_reply_to_id")):
        return Kind.MENTION if mentioned and not me.is_author(status) else Kind.POST
    if mentioned and not me.is_answered(status) and not me.is_author(status):
        return Kind.MENTION
    return Kind.COMMENT


def reaction(notification: Record, me: Me, *, thread_id: str, now: datetime) -> Item:
    """A favourite, a boost, a follower. Its id is who and what, so that doing it twice is still one item."""
    kind = REACTIONS[text(notification.get("type"))]
    account = part(notification, "account")
    status = real(part(notification, "status"))
    about = ident(status.get("id")) or ident(notification.get("id"))
    remote_id = ":".join((kind.value, ident(account.get("id")), about))
    return Item(
        kind=kind,
        remote_id=remote_id,
        thread_id=thread_id or remote_id,
        author=person(account, me.domain),
        created_at=moment(notification.get("created_at")) or now,
        text=tidy(text(notification.get("emoji"))),
        parent_id=ident(status.get("id")),
        url=web(account.get("url")),
        raw={"id": ident(notification.get("id")), "type": text(notification.get("type"))},
    )


def lost_mention(notification: Record, me: Me, *, now: datetime) -> Item:
    """A mention whose status the server no longer shows: that somebody wrote is all that can be kept."""
    remote_id = f"mention:{ident(notification.get('id'))}"
    return Item(
        kind=Kind.MENTION,
        remote_id=remote_id,
        thread_id=remote_id,
        author=person(part(notification, "account"), me.domain),
        created_at=moment(notification.get("created_at")) or now,
        raw={"id": ident(notification.get("id")), "type": text(notification.get("type"))},
    )


def is_status(remote_id: str) -> bool:
    """Whether a remote id is that of a status; reactions and lost mentions have made-up ones."""
    return not remote_id.startswith(("like:", "share:", "follow:", "mention:"))


def real(status: Record) -> Record:
    """The status itself where the server wraps it into a boost of it."""
    inner = status.get("reblog")
    return inner if isinstance(inner, Mapping) and ident(inner.get("id")) else status


def quoted_id(status: Record) -> str:
    quote = part(status, "quote")
    return ident(part(quote, "quoted_status").get("id")) or ident(quote.get("quoted_status_id"))


def content(status: Record) -> str:
    markup = status.get("content")
    return plain(markup) if isinstance(markup, str) else ""


def visibility(status: Record) -> Visibility:
    """An unknown word (`local`, `mutuals_only`) means followers only: too narrow harms less than too wide."""
    return _VISIBILITY.get(text(status.get("visibility")), Visibility.FOLLOWERS)


def raw(status: Record, me: Me) -> dict[str, Any]:
    """The part of the record that is kept. `answer_to` is whom an answer addresses, the author first."""
    kept: dict[str, Any] = {key: status[key] for key in _KEPT if isinstance(status.get(key), (int, bool))}
    kept |= {key: tidy(status[key][:LONGEST]) for key in _KEPT if isinstance(status.get(key), str)}
    people = [part(status, "account"), *parts(status, "mentions")]
    accts = [text(someone.get("acct")).lstrip("@") for someone in people if not me.is_me(someone)]
    kept["answer_to"] = list(dict.fromkeys(acct for acct in accts if acct))
    media = [
        {key: tidy(text(entry.get(key))) for key in ("type", "url", "description")}
        for entry in parts(status, "media_attachments")
    ]
    return kept | ({"media": media} if media else {})


def moment(value: Any) -> datetime | None:
    """A time, in UTC if it names no zone; None for what is no time."""
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    if found is None:
        return None
    try:
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except OverflowError:
        return None


def web(value: Any) -> str:
    """A web address; empty for anything else (`javascript:` included)."""
    return value if isinstance(value, str) and value.startswith(("https://", "http://")) else ""
