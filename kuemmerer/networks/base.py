"""What a connector is: the types that go in and out, and the class each network derives from.

Text limits, capabilities and the login form are declared, so that pages, composer and coach never ask which
network this is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

from django.utils.functional import Promise

from kuemmerer.networks.errors import Rejected, Unsupported
from kuemmerer.networks.session import Session

Text = str | Promise


class Kind(StrEnum):
    """What an item is. `POST` is the network's word for a root that we or others wrote, `ENTRY` one of a
    feed.
    """

    COMMENT = "comment"
    MENTION = "mention"
    MESSAGE = "message"
    REVIEW = "review"
    QUOTE = "quote"
    LIKE = "like"
    SHARE = "share"
    FOLLOW = "follow"
    POST = "post"
    ENTRY = "entry"


class Visibility(StrEnum):
    PUBLIC = "public"
    UNLISTED = "unlisted"
    FOLLOWERS = "followers"
    DIRECT = "direct"


class Status(StrEnum):
    """How the network shows an item."""

    SHOWN = "shown"
    HELD = "held"
    HIDDEN = "hidden"
    SPAM = "spam"
    TRASH = "trash"


class Action(StrEnum):
    """What the desk can do with an item beside answering it."""

    LIKE = "like"
    UNLIKE = "unlike"
    SHARE = "share"
    HIDE = "hide"
    APPROVE = "approve"
    SPAM = "spam"
    TRASH = "trash"


@dataclass(frozen=True, kw_only=True)
class Person:
    """A remote account. `remote_id` is stable and unique within the network (for WordPress: its address or
    name).
    """

    remote_id: str
    handle: str = ""
    name: str = ""
    url: str = ""
    avatar_url: str = ""
    about: str = ""
    followers: int | None = None


@dataclass(frozen=True, kw_only=True)
class Item:
    """One thing that was written or done at the network.

    `remote_id` is unique within the channel, reactions included: build it from parts where the network gives
    none. `thread_id` is the remote id of the root. `text` is plain text with line breaks, never HTML. `ours`:
    written by the channel's own account. `addressed` is False for what is fetched only so that a conversation
    can be read in full; such an item opens no case. `raw` is the network's own record, for the curious.
    """

    kind: Kind
    remote_id: str
    thread_id: str
    author: Person
    created_at: datetime
    text: str = ""
    title: str = ""
    parent_id: str = ""
    url: str = ""
    language: str = ""
    stars: int | None = None
    edited_at: datetime | None = None
    status: Status = Status.SHOWN
    visibility: Visibility = Visibility.PUBLIC
    ours: bool = False
    addressed: bool = True
    raw: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Batch:
    """The result of one fetch.

    `cursor` is what the next fetch gets (JSON-serialisable). `more`: ask again at once. `gone` are remote ids
    that no longer exist. `reached` is how far back a backfill has come, for its progress bar.
    """

    items: Sequence[Item] = ()
    gone: Sequence[str] = ()
    cursor: Mapping[str, Any] = field(default_factory=dict)
    more: bool = False
    reached: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Media:
    content: bytes
    content_type: str
    alt: str = ""
    name: str = "image"


@dataclass(frozen=True, kw_only=True)
class Target:
    """What an answer or an action refers to: a stored item, as the connector itself once described it."""

    remote_id: str
    thread_id: str
    author: Person
    kind: Kind = Kind.COMMENT
    visibility: Visibility = Visibility.PUBLIC
    url: str = ""
    raw: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Draft:
    """What is to be published: a post, or an answer where `reply_to` is set.

    `written_at` never changes between attempts, so a connector may derive ids and search windows from it.
    `publish` False leaves it as a draft at networks that know such a thing.
    """

    text: str
    written_at: datetime
    title: str = ""
    reply_to: Target | None = None
    media: Sequence[Media] = ()
    language: str = ""
    link: str = ""
    visibility: Visibility | None = None
    publish: bool = True


@dataclass(frozen=True, kw_only=True)
class Delivered:
    """It is there. `remote_id` is what a later fetch will call it, so that it is recognised as the same."""

    remote_id: str
    url: str = ""


@dataclass(frozen=True)
class Absent:
    """Proof that an attempt never arrived: it may be sent again."""


@dataclass(frozen=True, kw_only=True)
class Connected:
    """A login that worked. `secret` is stored encrypted, everything else in the clear."""

    account: Person
    secret: Mapping[str, Any]
    settings: Mapping[str, Any]
    expires_at: datetime | None = None
    name: str = ""
    """What to call the channel, where the account's name does not tell: that of a blog."""


@dataclass(frozen=True, kw_only=True)
class OAuthStart:
    """Where to send the person, and what to keep (encrypted) until they come back."""

    url: str
    keep: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Capabilities:
    publish: bool = False
    reply: bool = False
    media: bool = False
    listen: bool = False
    delete: bool = False
    refresh: bool = False
    actions: frozenset[Action] = frozenset()


@dataclass(frozen=True, kw_only=True)
class TextLimits:
    """`count` gives the length of a text in the network's own units; `max_units` None means no limit.

    `max_bytes` is a second limit on the UTF-8 bytes where a network has one.
    """

    max_units: int | None = None
    count: Callable[[str], int] = len
    max_bytes: int | None = None

    def fits(self, text: str) -> bool:
        if self.max_units is not None and self.count(text) > self.max_units:
            return False
        return self.max_bytes is None or len(text.encode()) <= self.max_bytes


@dataclass(frozen=True, kw_only=True)
class FormField:
    """One field of the login form. `secret` values are typed hidden and never shown again."""

    key: str
    label: Text
    help: Text = ""
    placeholder: str = ""
    required: bool = True
    secret: bool = False


class Connector:
    """The code for one network. Stateless: everything a call needs is in its `Session`.

    Methods raise only `NetworkError`s. They never sleep and never repeat an unsafe call by themselves.
    """

    key: ClassVar[str]
    label: ClassVar[Text]
    summary: ClassVar[Text] = ""
    icon: ClassVar[str] = "globe"
    can: ClassVar[Capabilities] = Capabilities()
    form: ClassVar[Sequence[FormField]] = ()
    oauth: ClassVar[bool] = False
    """Whether `oauth_start`/`oauth_finish` work; the form then holds what is needed before (an address)."""
    oauth_fields: ClassVar[Sequence[str]] = ()
    """Keys of `form` that the sign-in at the network needs; the others are only for the token login."""
    local_file: ClassVar[str] = ""
    """Key of a `form` value that names a file of the desk's own. The desk fills it in; nobody can type it."""
    local_suffix: ClassVar[str] = ""
    settle_seconds: ClassVar[int] = 10
    """How long after an attempt `find` may be trusted to prove absence (0: ids chosen by us, no doubt)."""
    fastest_sync: ClassVar[int] = 20
    slowest_sync: ClassVar[int] = 900

    def home(self, settings: Mapping[str, Any]) -> str:
        """Where the account lives, for the eye, if its handle does not tell: the address of a blog."""
        return ""

    def limits(self, settings: Mapping[str, Any]) -> TextLimits:
        """The text limits of one channel, given its stored settings."""
        return TextLimits()

    def connect(self, session: Session, values: Mapping[str, str]) -> Connected:
        """Log in with the values of `form`. Raises Rejected, AuthExpired or TryLater with a code for why."""
        raise Unsupported

    def oauth_start(
        self, session: Session, values: Mapping[str, str], *, redirect_uri: str, state: str
    ) -> OAuthStart:
        raise Unsupported

    def oauth_finish(
        self, session: Session, keep: Mapping[str, Any], *, code: str, redirect_uri: str
    ) -> Connected:
        raise Unsupported

    def check(self, session: Session) -> Person:
        """Prove that the stored credential still works: the account as the network describes it now."""
        raise Unsupported

    def disconnect(self, session: Session) -> None:
        """Withdraw our access at the network where it can be withdrawn (sign out, revoke a token)."""

    def fetch(self, session: Session, cursor: Mapping[str, Any], *, since: datetime) -> Batch:
        """What is new. With an empty cursor: everything back to `since` (the backfill), page by page via
        `more`.
        """
        raise Unsupported

    def refresh(self, session: Session, remote_ids: Sequence[str]) -> Batch:
        """The present state of known items (edited, held, gone). At most 25 ids a call."""
        raise Unsupported

    def publish(self, session: Session, draft: Draft, *, key: str) -> Delivered:
        """Publish once. `key` is the same for every attempt of one delivery: 32 hexadecimal digits."""
        raise Unsupported

    def find(self, session: Session, draft: Draft, *, key: str) -> Delivered | Absent | None:
        """Did an attempt of unknown outcome arrive? None: neither presence nor absence can be proved."""
        raise Unsupported

    def delete(self, session: Session, remote_id: str) -> None:
        """Delete something of our own. That it is gone already is no error."""
        raise Unsupported

    def act(self, session: Session, action: Action, target: Target) -> Status | None:
        """Carry out `action`, idempotently. Returns the item's new status where the action changes it."""
        raise Unsupported

    def reply_text(self, target: Target, text: str) -> str:
        """What an answer to `target` begins with in the composer (e.g. the mention some networks want)."""
        return text

    def check_text(self, draft: Draft, settings: Mapping[str, Any]) -> None:
        """Raise Rejected for a text the network would refuse, before anything is sent."""
        if not draft.text.strip() and not draft.media:
            raise Rejected("empty")
        if not self.limits(settings).fits(draft.text):
            raise Rejected("too_long")
