"""WordPress' records as the desk's items. Whatever a plugin left out or bent, nothing here raises."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from django.utils.translation import gettext

from kuemmerer.networks.base import Item, Kind, Person, Status
from kuemmerer.networks.session import Session
from kuemmerer.networks.wordpress.markup import readable
from kuemmerer.networks.wordpress.site import number

# No pictures of authors: WordPress points to Gravatar, which would learn who reads what. Parts of a field
# (`content.raw`) cannot be asked for here: the whole field would be missing then.
COMMENT_FIELDS = (
    "id,post,parent,author,author_name,author_email,author_url,date,date_gmt,content,link,status,type"
)
POST_FIELDS = "id,author,date_gmt,link,title,content,status,type"
POST_TEXT = 5_000

# Other types are no comments: order notes of a shop, editors' notes, logs.
_KINDS = {
    "": Kind.COMMENT,
    "comment": Kind.COMMENT,
    "review": Kind.REVIEW,
    "pingback": Kind.MENTION,
    "trackback": Kind.MENTION,
}
_COMMENT_STATUS = {
    "approved": Status.SHOWN,
    "approve": Status.SHOWN,
    "hold": Status.HELD,
    "spam": Status.SPAM,
    "trash": Status.TRASH,
    "post-trashed": Status.TRASH,
}
_POST_STATUS = {"publish": Status.SHOWN, "trash": Status.TRASH}


def text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def moment(record: Mapping[str, Any], fallback: datetime) -> datetime:
    """`date_gmt`, which is UTC without saying so. Drafts and broken imports have none or the year 0."""
    for key in ("date_gmt", "date"):
        try:
            found = datetime.fromisoformat(text(record.get(key)))
        except ValueError:
            continue
        if found.year > 1990:
            return found if found.tzinfo else found.replace(tzinfo=UTC)
    return fallback


def prose(value: Any, *, typed: bool = False) -> str:
    """A field as plain text. `typed`: from what was typed, where we may see it, not from what is shown."""
    if isinstance(value, str):
        return readable(value, raw=False)
    if not isinstance(value, Mapping):
        return ""
    if typed and isinstance(value.get("raw"), str):
        return readable(value["raw"], raw=True)
    return readable(text(value.get("rendered")), raw=False)


def status_of(record: Mapping[str, Any]) -> Status:
    return _COMMENT_STATUS.get(text(record.get("status")) or "approved", Status.HIDDEN)


def kind_of(record: Mapping[str, Any]) -> Kind | None:
    """None for what is no comment at all."""
    return _KINDS.get(text(record.get("type")))


def digest(record: Mapping[str, Any]) -> str:
    """Differs when something changed that the desk shows."""
    seen = [
        record.get(key)
        for key in ("status", "content", "parent", "post", "author_name", "author_url", "type")
    ]
    shown = json.dumps(seen, sort_keys=True, default=str)
    return hashlib.blake2s(shown.encode("utf-8", "replace"), digest_size=5).hexdigest()


def web_address(value: Any) -> str:
    """`value` if it is a web address: strangers may type anything, `javascript:` included."""
    try:
        return value if isinstance(value, str) and urlsplit(value).scheme in {"http", "https"} else ""
    except ValueError:
        return ""


def _identity(record: Mapping[str, Any]) -> str:
    """One stranger, one id: from the e-mail address they had to give, which is not for everyone to see."""
    user = number(record.get("author"))
    if user:
        return str(user)
    email = text(record.get("author_email")).strip().lower()
    name = text(record.get("author_name")).strip().casefold()
    if kind_of(record) is Kind.MENTION:
        name = urlsplit(web_address(record.get("author_url"))).netloc.lower() or name
    letter, value = ("e", email) if email else ("n", name)
    return f"{letter}-{hashlib.sha256(value.encode('utf-8', 'replace')).hexdigest()[:24]}"


def author_of(record: Mapping[str, Any]) -> Person:
    return Person(
        remote_id=_identity(record),
        name=readable(text(record.get("author_name")), raw=False) or gettext("Anonymous"),
        url=web_address(record.get("author_url")),
    )


def person_of(user: Mapping[str, Any]) -> Person:
    """A user of the blog, as `users/me` describes them."""
    return Person(
        remote_id=str(number(user.get("id"))),
        handle=text(user.get("username")) or text(user.get("slug")),
        name=readable(text(user.get("name")), raw=False),
        url=web_address(user.get("link")),
        about=readable(text(user.get("description")), raw=False),
    )


def own_account(session: Session) -> Person:
    return Person(
        remote_id=str(session.account.get("remote_id") or session.settings.get("user_id") or ""),
        handle=str(session.account.get("handle") or session.settings.get("user") or ""),
        name=str(session.settings.get("name") or ""),
    )


def comment_item(record: Mapping[str, Any], session: Session, *, post_author: int = 0) -> Item | None:
    """The item of a comment; None for what is none.

    `post_author` wrote the post above: what they say is the house's own answer and needs none.
    """
    identity, kind = number(record.get("id")), kind_of(record)
    if not identity or kind is None:
        return None
    post, parent, user = (number(record.get(key)) for key in ("post", "parent", "author"))
    status = status_of(record)
    remote_id = f"comment-{identity}"
    thread_id = f"post-{post}" if post else remote_id
    ours = bool(user) and user == number(session.settings.get("user_id"))
    author = own_account(session) if ours else author_of(record)
    from_the_house = ours or (bool(user) and user == post_author)
    return Item(
        kind=kind,
        remote_id=remote_id,
        thread_id=thread_id,
        parent_id=f"comment-{parent}" if parent else (thread_id if post else ""),
        author=author,
        created_at=moment(record, session.now),
        text=prose(record.get("content"), typed=True),
        url=web_address(record.get("link")),
        status=status,
        ours=ours,
        addressed=not from_the_house and status in {Status.SHOWN, Status.HELD},
        raw=dict(record),
    )


def post_item(record: Mapping[str, Any], session: Session) -> Item | None:
    """The root of a conversation. Whoever of the house wrote it: on its blog the company speaks."""
    identity = number(record.get("id"))
    if not identity:
        return None
    body = prose(record.get("content"))
    return Item(
        kind=Kind.POST,
        remote_id=f"post-{identity}",
        thread_id=f"post-{identity}",
        author=own_account(session),
        created_at=moment(record, session.now),
        title=prose(record.get("title")),
        text=body if len(body) <= POST_TEXT else body[: POST_TEXT - 1] + "…",
        url=web_address(record.get("link")),
        status=_POST_STATUS.get(text(record.get("status")) or "publish", Status.HIDDEN),
        ours=True,
        addressed=False,
        raw={key: value for key, value in record.items() if key != "content"},
    )
