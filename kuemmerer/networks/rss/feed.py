"""From the bytes of a feed to entries. Nothing here asks the network, and no input makes it raise."""

from __future__ import annotations

import calendar
import hashlib
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urljoin, urlsplit

import feedparser

from kuemmerer.networks.text import MAX_CHARACTERS, plain, tidy

MAX_BYTES = 5_000_000
"""Parsing takes a second or two for each megabyte."""
MAX_ENTRIES = 500
MAX_TEXT = 2_000
MAX_ID = 400
_DECLARES = re.compile(rb"<!ENTITY", re.IGNORECASE)
_IS_A_FEED = re.compile(rb"<(?:\w+:)?(?:rss|feed|rdf)\b", re.IGNORECASE)
_LINK_TAG = re.compile(r"<link\b[^<>]{1,2000}>", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"""([a-z-]+)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""", re.IGNORECASE)
_FEED_TYPES = {"application/rss+xml", "application/atom+xml", "application/rdf+xml"}
# Blogs put pictures in the place of emoji; the sign itself is in `alt`.
_EMOJI = re.compile(r"<img\b[^<>]{0,1000}(?:emoji|smiley)[^<>]{0,1000}>")
_ALT = re.compile(r'\balt="([^"]{1,100})"')
_SPACE = re.compile(r"\s+")


@dataclass(frozen=True, kw_only=True)
class Entry:
    id: str
    title: str
    text: str
    url: str
    created_at: datetime | None
    edited_at: datetime | None
    digest: str
    raw: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Feed:
    title: str
    about: str
    url: str
    language: str
    entries: list[Entry]


def parse(content: bytes, *, address: str, content_type: str = "") -> Feed | None:
    """The feed in these bytes, however badly made; None if it is none."""
    if content[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        content = re.sub(
            r"^<\?xml[^>]*\?>", "", content.decode("utf-16", "replace").lstrip("\ufeff")
        ).encode()
        content_type = "application/xml; charset=utf-8"
    if not _IS_A_FEED.search(content[:20_000]):
        return None
    # Entities that a document declares for itself are the classic bomb; those of HTML are known without.
    content = _DECLARES.sub(b"<!ELEMENT", content)
    # Without our own address: feedparser would make every id an address under it, new ones after each move.
    headers = {"content-type": content_type} if content_type else {}
    try:
        # As a stream: given bytes, feedparser takes them for the name of a file first.
        found = feedparser.parse(io.BytesIO(content), response_headers=headers, sanitize_html=False)
    except Exception:  # noqa: BLE001 - whatever stops the parser, the feed cannot be read
        return None
    head = found.get("feed") or {}
    entries = found.get("entries") or []
    if not found.get("version") and not entries:
        return None
    read = [_entry(entry, address) for entry in entries if isinstance(entry, Mapping)]
    return Feed(
        title=line(head.get("title")) or line(urlsplit(address).hostname),
        about=words(head.get("subtitle"), 500),
        url=_absolute(head.get("link"), address),
        language=line(head.get("language")).lower()[:16],
        entries=_newest([entry for entry in read if entry]),
    )


def _newest(entries: list[Entry]) -> list[Entry]:
    """Each entry once, the newest `MAX_ENTRIES`, oldest first. Feeds without dates have the newest on top."""
    unique = list({entry.id: entry for entry in reversed(entries)}.values())
    floor = datetime.min.replace(tzinfo=UTC)
    if any(entry.created_at for entry in unique):
        unique.sort(key=lambda entry: entry.created_at or floor)
    return unique[-MAX_ENTRIES:]


def _entry(found: Mapping[str, Any], address: str) -> Entry | None:
    title, link = line(found.get("title")), found.get("link")
    # An RSS id counts as a link unless it says otherwise, and few say so.
    url = "" if link == found.get("id") and not web_address(link) else _absolute(link, address)
    markup = _longest_text(found)
    identity = str(found.get("id") or "").strip() or url or title
    if not identity or not (title or markup or url):
        return None
    if len(identity) > MAX_ID:
        identity = hashlib.sha256(identity.encode("utf-8", "replace")).hexdigest()
    text = words(markup, MAX_TEXT)
    published, updated = moment(found, "published_parsed"), moment(found, "updated_parsed")
    shown = "\0".join((title, text, url))
    return Entry(
        id=tidy(identity),
        title=title,
        text=text,
        url=url,
        created_at=published or updated,
        edited_at=updated if published and updated and updated > published else None,
        digest=hashlib.blake2s(shown.encode("utf-8", "replace"), digest_size=5).hexdigest(),
        raw={"author": line(found.get("author")), "tags": _tags(found), "feed": address},
    )


def _absolute(link: Any, address: str) -> str:
    try:
        return web_address(urljoin(address, link.strip())) if isinstance(link, str) and link.strip() else ""
    except ValueError:
        return ""


def _longest_text(found: Mapping[str, Any]) -> str:
    """The full content where a feed brings it, else the summary."""
    contents = found.get("content")
    values = (
        [part.get("value") for part in contents if isinstance(part, Mapping)]
        if isinstance(contents, list)
        else []
    )
    texts = [value for value in (*values, found.get("summary")) if isinstance(value, str) and value.strip()]
    return texts[0] if texts else ""


def _tags(found: Mapping[str, Any]) -> list[str]:
    tags = found.get("tags")
    terms = [tag.get("term") for tag in tags if isinstance(tag, Mapping)] if isinstance(tags, list) else []
    return [line(term)[:100] for term in terms[:20] if isinstance(term, str)]


def moment(found: Mapping[str, Any], key: str) -> datetime | None:
    # Past feedparser's own `get`, which passes a publication off as an update.
    parsed = dict.get(found, key) if isinstance(found, dict) else None
    try:
        return datetime.fromtimestamp(calendar.timegm(parsed), UTC) if parsed else None
    except (TypeError, ValueError, OverflowError, OSError):
        return None


def words(markup: Any, length: int) -> str:
    """Plain text of a feed's HTML, cut at `length` characters."""
    if not isinstance(markup, str):
        return ""
    markup = _EMOJI.sub(_sign, markup[: 4 * MAX_CHARACTERS])
    flat = _SPACE.sub(" ", markup) if "<" in markup else markup
    paragraphs = re.sub(r"(</(?:p|blockquote|pre|ul|ol|h[1-6])\s*>)\s*", r"\1\n", flat, flags=re.IGNORECASE)
    text = re.sub(r"\n ", "\n", plain(paragraphs))
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def _sign(image: re.Match[str]) -> str:
    alt = _ALT.search(image.group())
    return alt.group(1) if alt else ""


def line(value: Any) -> str:
    """One line of plain text."""
    return _SPACE.sub(" ", words(value, 500)).strip()


def web_address(value: Any) -> str:
    try:
        return value if isinstance(value, str) and urlsplit(value).scheme in {"http", "https"} else ""
    except ValueError:
        return ""


def feeds_in_page(page: str, address: str) -> list[str]:
    """The feeds that a web page names, in its order: those of the posts come before those of the comments."""
    found = []
    for tag in _LINK_TAG.findall(page[:1_000_000]):
        named = {name.lower(): a or b or c for name, a, b, c in _ATTRIBUTE.findall(tag)}
        kind = named.get("type", "").lower().partition(";")[0].strip()
        if "alternate" in named.get("rel", "").lower().split() and kind in _FEED_TYPES and named.get("href"):
            try:
                link = web_address(urljoin(address, named["href"].replace("&amp;", "&").strip()))
            except ValueError:
                continue
            found += [link] if link else []
    return list(dict.fromkeys(found))[:5]
