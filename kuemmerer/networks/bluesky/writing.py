"""Publishing, deleting, liking and sharing: every write under a record key that we choose.

A record key takes one record. The server answers a second create with a fault of its own (500), so before and
after each create we ask what stands there; a write repeated for whatever reason never shows twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from kuemmerer.networks.base import Absent, Delivered, Draft, Media, Target, Visibility
from kuemmerer.networks.bluesky import facets
from kuemmerer.networks.bluesky.api import LIKE, POST, REPOST, Api
from kuemmerer.networks.bluesky.identifiers import (
    action_rkey,
    draft_rkey,
    is_did,
    is_language,
    parse_uri,
    post_url,
)
from kuemmerer.networks.bluesky.records import dig, text
from kuemmerer.networks.bluesky.xrpc import Refusal, ServerFault
from kuemmerer.networks.errors import NetworkError, OutcomeUnknown, Rejected, Unsupported

MAX_IMAGES = 4
MAX_IMAGE_BYTES = 2_000_000
"""What the network takes today; older servers take half of that and say so themselves."""
MAX_UNITS, MAX_BYTES = 300, 3000


def clean(written: str) -> str:
    """The text as it can be sent: without halves of characters that UTF-8 cannot say."""
    return written.encode("utf-8", "ignore").decode()


def full_text(draft: Draft) -> str:
    """The text as it will stand there. Beside pictures there is no room for a link's card, so it is added."""
    written = clean(draft.text).strip()
    if draft.link and draft.media and draft.link not in written:
        return f"{written}\n\n{draft.link}".strip()
    return written


def check(draft: Draft) -> None:
    """Raise Rejected or Unsupported for what the network would refuse or could not keep to itself."""
    if not draft.publish or draft.visibility not in {None, Visibility.PUBLIC}:
        # There are neither drafts nor narrower circles here: it would be seen by everyone.
        raise Unsupported
    written = full_text(draft)
    if not written and not draft.media and not draft.link:
        raise Rejected("empty")
    if facets.length(written) > MAX_UNITS or len(written.encode()) > MAX_BYTES:
        raise Rejected("too_long")
    if len(draft.media) > MAX_IMAGES or not all(_is_picture(media) for media in draft.media):
        raise Rejected("bad_media")


def _is_picture(media: Media) -> bool:
    return media.content_type.startswith("image/") and 0 < len(media.content) <= MAX_IMAGE_BYTES


def publish(api: Api, draft: Draft, *, key: str) -> Delivered:
    check(draft)
    rkey = draft_rkey(draft.written_at, key)
    existing = find(api, draft, key=key)
    if isinstance(existing, Delivered):
        return existing
    record = _record(api, draft)
    try:
        _create(api, POST, rkey, record)
    except (ServerFault, Refusal) as error:
        # This is also how a server says that the key is taken: another worker may just have been faster.
        with suppress(NetworkError):
            found = find(api, draft, key=key)
            if isinstance(found, Delivered):
                return found
        raise _explained(error, draft) from error
    return _delivered(api, f"at://{api.did}/{POST}/{rkey}")


def find(api: Api, draft: Draft, *, key: str) -> Delivered | Absent:
    """Look under the key of this delivery."""
    rkey = draft_rkey(draft.written_at, key)
    there = api.record(POST, rkey)
    if there is None:
        return Absent()
    value = dig(there, "value")
    answered = draft.reply_to.remote_id if draft.reply_to else ""
    if text(value, "text") != full_text(draft) or text(value, "reply", "parent", "uri") != answered:
        # Two deliveries with one key: never seen, but the other one's text must not pass for ours.
        raise Rejected("duplicate")
    return _delivered(api, f"at://{api.did}/{POST}/{rkey}")


def _delivered(api: Api, uri: str) -> Delivered:
    return Delivered(remote_id=uri, url=post_url(uri, api.handle))


def _explained(error: NetworkError, draft: Draft) -> NetworkError:
    """The server says what it dislikes in a record only in words."""
    if not isinstance(error, Refusal):
        return error
    said = error.words.lower()
    if "grapheme" in said or "$.record.text" in said:
        return Rejected("too_long", error.words)
    return Rejected("bad_media", error.words) if draft.media and "embed" in said else error


def _create(api: Api, collection: str, rkey: str, record: Mapping[str, Any]) -> None:
    body = {"repo": api.did, "collection": collection, "rkey": rkey, "record": record}
    answer = api.call("com.atproto.repo.createRecord", body)
    if text(answer, "uri") != f"at://{api.did}/{collection}/{rkey}":
        raise OutcomeUnknown("cut")


def _record(api: Api, draft: Draft) -> dict[str, Any]:
    written = full_text(draft)
    # The time of sending, not of writing: a post planned a week ago would be sorted a week down.
    record: dict[str, Any] = {"$type": POST, "text": written, "createdAt": _stamp(api.session.now)}
    if is_language(draft.language):
        record["langs"] = [draft.language]
    if draft.reply_to is not None:
        record["reply"] = _reply(api, draft.reply_to)
    marks = facets.facets(written, lambda handle: _did_of(api, handle))
    if marks:
        record["facets"] = marks
    if draft.media:
        images = [_image(api, media) for media in draft.media]
        record["embed"] = {"$type": "app.bsky.embed.images", "images": images}
    elif draft.link:
        title = draft.title or urlsplit(draft.link).netloc or draft.link
        external = {"uri": draft.link, "title": title[:300], "description": ""}
        record["embed"] = {"$type": "app.bsky.embed.external", "external": external}
    return record


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _image(api: Api, media: Media) -> dict[str, Any]:
    return {"alt": clean(media.alt), "image": api.upload(media.content, media.content_type)}


def _did_of(api: Api, handle: str) -> str:
    """The account behind a handle; empty if nobody has it, so that the mention stays plain text."""
    try:
        did = text(api.query("com.atproto.identity.resolveHandle", handle=handle), "did")
    except Refusal:
        return ""
    return did if is_did(did) else ""


def _reply(api: Api, target: Target) -> dict[str, Any]:
    """The references of an answer: to the post itself and to the root that this post names."""
    uri, cid, record, view = _present(api, target.remote_id)
    if dig(view, "viewer", "replyDisabled") is True:
        # The server would take the answer, and the network would hide it from everyone.
        raise Rejected("comments_closed")
    parent = {"uri": uri, "cid": cid}
    root = {"uri": text(record, "reply", "root", "uri"), "cid": text(record, "reply", "root", "cid")}
    return {"parent": parent, "root": root if all(root.values()) else parent}


def _present(api: Api, uri: str) -> tuple[str, str, Any, Mapping[str, Any]]:
    """Address, version, record and view of a post as it is now. Raises Rejected("gone")."""
    parts = parse_uri(uri)
    if parts is None or parts.collection != POST:
        raise Rejected("gone")
    view = api.posts([uri]).get(uri, {})
    if text(view, "cid"):
        return uri, text(view, "cid"), dig(view, "record"), view
    # Our own server knows a post of ours before the network behind it does.
    there = api.record(POST, parts.rkey) if parts.authority == api.did else None
    if there is None or not text(there, "cid"):
        raise Rejected("gone")
    return uri, text(there, "cid"), dig(there, "value"), {}


def delete(api: Api, uri: str) -> None:
    """Delete a record of our own; the server does not mind if there is none."""
    parts = parse_uri(uri)
    if parts is None or not parts.rkey:
        return
    if parts.authority != api.did:
        raise Rejected("no_permission")
    body = {"repo": api.did, "collection": parts.collection, "rkey": parts.rkey}
    # Twice is as good as once, so a cut connection is only a reason to come back.
    api.call("com.atproto.repo.deleteRecord", body, safe=True)


def react(api: Api, collection: str, uri: str) -> None:
    """Like or repost a post. A second one finds the first, also one made in another app."""
    subject, cid, _record, view = _present(api, uri)
    if parse_uri(dig(view, "viewer", "like" if collection == LIKE else "repost")) is not None:
        return
    record = {
        "$type": collection,
        "subject": {"uri": subject, "cid": cid},
        "createdAt": _stamp(api.session.now),
    }
    rkey = action_rkey(subject)
    if _stands(api, collection, rkey, subject):
        return
    try:
        _create(api, collection, rkey, record)
    except (ServerFault, Refusal):
        with suppress(NetworkError):
            if _stands(api, collection, rkey, subject):
                return
        raise


def _stands(api: Api, collection: str, rkey: str, subject: str) -> bool:
    there = api.record(collection, rkey)
    return there is not None and text(there, "value", "subject", "uri") == subject


def withdraw(api: Api, collection: str, uri: str) -> None:
    """Take back a like or repost, whichever app made it."""
    delete(api, f"at://{api.did}/{collection}/{action_rkey(uri)}")
    view = api.posts([uri]).get(uri)
    made = text(view, "viewer", "like" if collection == LIKE else "repost")
    parts = parse_uri(made)
    if parts is not None and parts.authority == api.did and parts.rkey != action_rkey(uri):
        delete(api, made)


__all__ = ["LIKE", "REPOST", "check", "clean", "delete", "find", "publish", "react", "withdraw"]
