"""Posts and comments out: sent once, found again."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from kuemmerer.networks.base import Absent, Delivered, Draft, Media, Target
from kuemmerer.networks.errors import OutcomeUnknown, Rejected, TryLater
from kuemmerer.networks.wordpress.markup import (
    comment_html,
    comparable,
    exactly,
    post_html,
    readable,
    roughly,
)
from kuemmerer.networks.wordpress.reading import utc
from kuemmerer.networks.wordpress.records import text, web_address
from kuemmerer.networks.wordpress.site import BRIEF, Site, error_code, number, refusal, words

SKEW = timedelta(hours=2)
"""How far the blog's clock may be off, an hour of summer time included."""
_GERMAN = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})
_NO_FILE = frozenset({400, 413, 415, 422, 500})


# ---- answers


def publish_reply(site: Site, draft: Draft, target: Target) -> Delivered:
    """Comment as the blog's user under the post or comment of `target`."""
    post, parent = _place(target)
    if parent:
        _must_be_there(site, parent)
    content = comment_html(_with_link(draft))
    response = site.post(
        "wp/v2/comments", {"post": post, "parent": parent, "content": content}, accept=frozenset({409})
    )
    if response.status_code == 409:
        # The very words are there already. If we wrote them just now, an earlier attempt did arrive.
        found = find_reply(site, draft, target) if error_code(response) == "comment_duplicate" else None
        if isinstance(found, Delivered):
            return found
        raise refusal(response)
    return _comment_delivered(site.created(response))


def find_reply(site: Site, draft: Draft, target: Target) -> Delivered | Absent | None:
    """Our own comment with these words at this place, written since the draft."""
    post, parent = _place(target)
    query: dict[str, Any] = {
        "post": post,
        "parent": parent,
        "after": utc(draft.written_at - SKEW),
        "orderby": "id",
        "order": "desc",
        "per_page": 100,
        "_fields": "id,author,parent,link,content,status,date_gmt",
    }
    if site.edits:
        query |= {"status": "any", "author": site.user_id}
    if site.moderates:
        query["context"] = "edit"
    page = site.page("wp/v2/comments", query)
    for row in page.rows:
        if _is_ours(site, row, parent) and _same_words(row, _with_link(draft)):
            return _comment_delivered(row)
    # Who may not see what is held cannot prove absence; nor does a list that goes on, or has no total.
    proved = site.edits and page.total is not None and page.total <= len(page.rows)
    return Absent() if proved else None


def _place(target: Target) -> tuple[int, int]:
    post = number(target.thread_id) if target.thread_id.startswith("post-") else 0
    parent = number(target.remote_id) if target.remote_id.startswith("comment-") else 0
    if not post:
        raise Rejected("gone")
    return post, parent


def _must_be_there(site: Site, comment: int) -> None:
    """WordPress takes an answer to a comment that is gone, and shows it nowhere sensible. So look before."""
    query = {"_fields": "id,status", **({"context": "edit"} if site.moderates else {})}
    if text(site.get(f"wp/v2/comments/{comment}", query).get("status")) in {"trash", "post-trashed"}:
        raise Rejected("gone")


def _is_ours(site: Site, row: Mapping[str, Any], parent: int) -> bool:
    return (
        bool(number(row.get("id")))
        and number(row.get("author")) == site.user_id
        and number(row.get("parent")) == parent
        and text(row.get("status")) not in {"trash", "post-trashed"}
    )


def _same_words(row: Mapping[str, Any], wanted: str) -> bool:
    content = row.get("content")
    fields = content if isinstance(content, Mapping) else {}
    if isinstance(fields.get("raw"), str):
        approved = readable(comment_html(wanted), raw=True)
        return comparable(readable(fields["raw"], raw=True)) == comparable(approved)
    return roughly(readable(text(fields.get("rendered")), raw=False)) == roughly(wanted)


def _comment_delivered(row: Mapping[str, Any]) -> Delivered:
    return Delivered(remote_id=f"comment-{number(row.get('id'))}", url=web_address(row.get("link")))


def _with_link(draft: Draft) -> str:
    if not draft.link or draft.link in draft.text:
        return draft.text
    return f"{draft.text}\n\n{draft.link}"


# ---- posts


def publish_post(site: Site, draft: Draft, key: str) -> Delivered:
    """A post of the blog. Its address carries the key, so a second attempt finds what the first one made."""
    found = find_post(site, draft, key)
    if isinstance(found, Delivered):
        return found
    pictures = [_upload(site, media, key, place) for place, media in enumerate(draft.media)]
    content = post_html(_with_link(draft))
    content = "\n\n".join(part for part in (content, *(_figure(picture) for picture in pictures[1:])) if part)
    body: dict[str, Any] = {
        "title": exactly(draft.title),
        "content": content,
        "slug": slug(draft, key),
        "status": "publish" if draft.publish else "draft",
    }
    if pictures:
        body["featured_media"] = number(pictures[0].get("id"))
    return _post_delivered(site.created(site.post("wp/v2/posts", body)))


def find_post(site: Site, draft: Draft, key: str) -> Delivered | Absent | None:
    """The post whose address carries the key, whatever became of it."""
    wanted = slug(draft, key)
    query: dict[str, Any] = {"slug": f"{wanted},{wanted}__trashed", "_fields": "id,slug,link,status"}
    if site.edits:
        query["status"] = "any,trash"
    page = site.page("wp/v2/posts", query)
    for row in page.rows:
        if number(row.get("id")) and text(row.get("slug")) in {wanted, f"{wanted}__trashed"}:
            return _post_delivered(row)
    return Absent() if site.edits and page.total == 0 else None


def slug(draft: Draft, key: str) -> str:
    """The last part of the post's address: readable words, then what makes it ours."""
    plain = unicodedata.normalize("NFKD", draft.title.lower().translate(_GERMAN))
    named = re.sub(r"[^a-z0-9]+", "-", plain.encode("ascii", "ignore").decode()).strip("-")[:60].strip("-")
    return f"{named}-{key[:12]}" if named else key[:12]


def _post_delivered(row: Mapping[str, Any]) -> Delivered:
    return Delivered(remote_id=f"post-{number(row.get('id'))}", url=web_address(row.get("link")))


# ---- pictures


def _upload(site: Site, media: Media, key: str, place: int) -> dict[str, Any]:
    """The picture in the blog's library, named after the key: a second attempt uses what the first left."""
    name = f"{key[:16]}-{place}"
    kept = site.page("wp/v2/media", {"slug": name, "_fields": "id,slug,source_url,alt_text"}).rows
    if kept and number(kept[0].get("id")):
        return kept[0]
    subtype = media.content_type.rpartition("/")[2].partition("+")[0]
    ending = re.sub(r"[^a-z0-9]", "", subtype.lower()) or "bin"
    headers = {
        "Content-Type": media.content_type,
        "Content-Disposition": f'attachment; filename="{name}.{ending}"',
    }
    try:
        response = site.call(
            "POST",
            "wp/v2/media",
            {"_fields": BRIEF},
            content=media.content,
            headers=headers,
            accept=_NO_FILE,
            safe=False,
        )
        if not response.is_success:
            raise Rejected("bad_media", words(response))
        picture = site.created(response)
        described = {"alt_text": media.alt, "title": media.name}
        site.post(f"wp/v2/media/{number(picture.get('id'))}", described, safe=True)
    except OutcomeUnknown as error:
        if error.code != "cut":
            raise
        # Nothing that anyone sees has been published yet: it may be tried again without a doubt.
        raise TryLater("unreachable", error.words) from error
    return {**picture, "alt_text": media.alt}


def _figure(picture: Mapping[str, Any]) -> str:
    address = web_address(picture.get("source_url"))
    if not address:
        return ""
    alt = exactly(text(picture.get("alt_text")))
    return f'<figure class="wp-block-image"><img src="{html.escape(address)}" alt="{alt}" /></figure>'
