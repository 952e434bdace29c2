"""The HTTP side of Mastodon's client API: addresses, the token, pages and their Link headers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import httpx

from kuemmerer.networks.errors import OutcomeUnknown, Rejected, TryLater
from kuemmerer.networks.session import SAFE_METHODS, Session, default_words, parse_json

Record = Mapping[str, Any]

# snac: ten digits that change when a status is edited, then what it is known by; the digits may be any.
_SNAC_ID = re.compile(r"\d{10}([0-9a-f]{32})")
_LINK = re.compile(r"<([^>]*)>\s*;[^,<]*?\brel=\"?(next|prev)\"?", re.IGNORECASE)


@dataclass(frozen=True)
class Page:
    """One page of a list, in the order of the server (newest first).

    `older` is the `max_id` that continues it; empty where nothing can follow.
    """

    records: list[Record]
    older: str = ""


class Api:
    """Calls to one server, with a token or without."""

    def __init__(self, session: Session, server: str = "", token: str | None = None) -> None:
        self.session = session
        self.server = (server or text(session.settings.get("server"))).rstrip("/")
        self.token = text(session.secret.get("token")) if token is None else token
        if not self.server:
            raise Rejected("bad_address")

    def request(self, method: str, path: str, **kwargs: Any) -> httpx.Response:
        headers = dict(kwargs.pop("headers", {}))
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        if self.session.settings.get("software") == "snac":
            # It closes connections without a word; on one used again nobody knows whether a post arrived.
            headers["Connection"] = "close"
        return self.session.request(method, self.server + path, headers=headers, words=words, **kwargs)

    def record(self, method: str, path: str, **kwargs: Any) -> Record:
        """The object in the answer. Anything but an object is an answer we cannot read."""
        response = self.request(method, path, **kwargs)
        safe = kwargs.get("safe", method in SAFE_METHODS)
        body = parse_json(response, safe=bool(safe))
        if not isinstance(body, Mapping):
            raise TryLater("bad_answer") if safe else OutcomeUnknown("cut")
        return body

    def page(self, path: str, **params: Any) -> Page:
        """One page of a list. What in it is no object is left out, the rest kept."""
        given = {key: value for key, value in params.items() if value not in ("", None)}
        response = self.request("GET", path, params=given)
        body = parse_json(response)
        if not isinstance(body, list):
            raise TryLater("bad_answer")
        records = [entry for entry in body if isinstance(entry, Mapping)]
        links = link_ids(response.headers.get("link", ""))
        ids = [ident(entry.get("id")) for entry in records if ident(entry.get("id"))]
        return Page(records, older=links.get("next") or (ids[-1] if ids else ""))

    def pages(self, path: str, *, most: int, **params: Any) -> Iterator[Page]:
        """Page after page, from new to old, at most `most` of them; ends at an empty or a repeated page."""
        older, seen = "", set[str]()
        for _number in range(most):
            page = self.page(path, **params, max_id=older)
            yield page
            fresh = {ident(entry.get("id")) for entry in page.records} - seen
            if not fresh or not page.older or page.older == older:
                return
            seen |= fresh
            older = page.older


def status_path(status_id: str, rest: str = "") -> str:
    return f"/api/v1/statuses/{quote(status_id, safe='')}{rest}"


def link_ids(header: str) -> dict[str, str]:
    """The ids in a Link header: `next` continues to older entries, `prev` to newer ones.

    Only the ids are taken, never the addresses: a header must not send us (and our token) to another host.
    """
    found: dict[str, str] = {}
    for address, relation in _LINK.findall(header[:8000]):
        try:
            query = parse_qs(urlsplit(address).query)
        except ValueError:
            continue
        for name in ("max_id",) if relation.lower() == "next" else ("min_id", "since_id"):
            if query.get(name):
                found.setdefault(relation.lower(), query[name][0])
    return found


def words(response: httpx.Response) -> str:
    """The server's own reason; GoToSocial and Pleroma word some of them as lists or objects."""
    found = default_words(response)
    if found:
        return found
    try:
        body = parse_json(response)
    except TryLater:
        return ""
    return _first_text(body.get("errors") or body.get("error")) if isinstance(body, Mapping) else ""


def _first_text(value: Any) -> str:
    while isinstance(value, (list, Mapping)) and value:
        value = value[0] if isinstance(value, list) else next(iter(value.values()))
    return value if isinstance(value, str) else ""


def ident(value: Any) -> str:
    """An id as an opaque string: some are larger than a float can hold, and some are no numbers at all."""
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return ""
    snac = _SNAC_ID.fullmatch(str(value))
    return f"{0:010}{snac.group(1)}" if snac else str(value)


def text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def part(record: Record, key: str) -> Record:
    """The object under `key`; an empty one where there is none."""
    value = record.get(key)
    return value if isinstance(value, Mapping) else {}


def parts(record: Record, key: str) -> list[Record]:
    """The objects in the list under `key`."""
    value = record.get(key)
    return [entry for entry in value if isinstance(entry, Mapping)] if isinstance(value, list) else []


def number(value: Any) -> int | None:
    """A count; None for what is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
