"""One WordPress REST API: where it is, how to call it, and what its refusals mean."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import httpx
from django.utils.translation import gettext_lazy as _

from kuemmerer.networks.errors import (
    SENTENCES,
    AuthExpired,
    NetworkError,
    OutcomeUnknown,
    Rejected,
    TryLater,
)
from kuemmerer.networks.session import Session, base_address, default_words
from kuemmerer.networks.text import plain

SENTENCES.update(
    {
        "wordpress_needs_https": _(
            "This blog takes application passwords only over https. Write its address with https://, "
            "or ask whoever runs the blog for a certificate."
        ),
        "wordpress_no_application_passwords": _(
            "This blog does not offer application passwords: they are switched off, often by a security "
            "plugin, or WordPress is older than 5.6. Whoever runs the blog can allow them."
        ),
    }
)

REFUSALS = frozenset({400, 403, 404, 405, 406, 409, 410, 413, 414, 415, 422, 501})
BRIEF = "id,link,status,source_url"
FLOOD_WAIT = timedelta(seconds=20)
_CODES = {
    "comment_duplicate": "duplicate",
    "rest_comment_closed": "comments_closed",
    "rest_comment_draft_post": "gone",
    "rest_comment_trash_post": "gone",
    "rest_comment_invalid_post_id": "gone",
    "rest_comment_invalid_id": "gone",
    "rest_post_invalid_id": "gone",
    "comment_content_column_length": "too_long",
    "rest_no_route": "not_this_network",
}
_BY_STATUS = {403: "no_permission", 404: "gone", 410: "gone", 413: "too_long"}
_API_LINK = "https://api.w.org/"
_LINK_TAG = re.compile(r"<link\b[^<>]{0,500}>", re.IGNORECASE)
_HREF = re.compile(r"""href\s*=\s*["']?([^"'\s>]+)""", re.IGNORECASE)
_TYPED_TOO_MUCH = re.compile(r"/(?:wp-admin|wp-json|wp-login\.php|xmlrpc\.php|index\.php)(?:/.*)?$")


def words(response: httpx.Response) -> str:
    """WordPress' own reason, without the HTML that it likes to put in."""
    return plain(default_words(response)).removeprefix("Error:").strip()


def decode(response: httpx.Response) -> Any:
    """The JSON in an answer, also behind a byte order mark or the warnings of PHP. Raises ValueError."""
    text = response.content.decode("utf-8", errors="replace").lstrip("\ufeff \r\n\t")
    try:
        return json.loads(text)
    except ValueError:
        start = re.search(r'^(?:\{"|\[\{"|\[\]\s*$)', text, re.MULTILINE)
        if start is None or start.start() == 0:
            raise
        return json.loads(text[start.start() :])


def error_code(response: httpx.Response) -> str:
    try:
        body = decode(response)
    except ValueError:
        return ""
    code = body.get("code") if isinstance(body, dict) else None
    return code if isinstance(code, str) else ""


def _lacks_login(response: httpx.Response) -> bool:
    """Whether a parameter was refused because nobody is logged in: WordPress calls that a bad request."""
    try:
        found = decode(response)["data"]["details"].values()
        return any(detail["data"]["status"] == 401 for detail in found)
    except (ValueError, KeyError, TypeError, AttributeError):
        return False


def refusal(response: httpx.Response) -> NetworkError:
    """The error behind an answer with one of `REFUSALS`."""
    code, said = error_code(response), words(response)
    if _lacks_login(response):
        return AuthExpired("revoked", said)
    if code == "comment_flood":
        return TryLater("flood", said, retry_after=FLOOD_WAIT)
    return Rejected(_CODES.get(code) or _BY_STATUS.get(response.status_code, "refused"), said)


def address(root: str, path: str, query: Mapping[str, Any] | None = None) -> str:
    """The URL of a route, for sites with pretty permalinks and without (`…/?rest_route=/`)."""
    where = root.rstrip("/") + "/" + quote(path)
    if not query:
        return where
    return f"{where}{'&' if 'rest_route=' in root else '?'}{urlencode(query)}"


@dataclass(frozen=True)
class Page:
    rows: list[dict[str, Any]]
    total: int | None
    """How many rows there are in all; None if the server does not say."""


class Site:
    """The calls to one blog. `session` brings root, user and password."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.root = str(session.settings.get("root", ""))
        self.moderates = bool(session.settings.get("moderate_comments"))
        self.edits = bool(session.settings.get("edit_posts"))
        self._auth = (str(session.settings.get("user", "")), str(session.secret.get("password", "")))

    @property
    def user_id(self) -> int:
        return number(self.session.settings.get("user_id"))

    def call(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any] | None = None,
        *,
        accept: frozenset[int] = frozenset(),
        **more: Any,
    ) -> httpx.Response:
        """One call as the blog's user. Refusals not in `accept` are raised as what WordPress' code means."""
        # A redirected POST would become a GET, whose list looks like success.
        follow = method == "GET"
        response = self.session.request(
            method,
            address(self.root, path, query),
            auth=self._auth,
            follow_redirects=follow,
            accept=REFUSALS | accept,
            words=words,
            **more,
        )
        if response.is_success or response.status_code in accept:
            return response
        raise refusal(response)

    def get(self, path: str, query: Mapping[str, Any] | None = None) -> dict[str, Any]:
        body = self._body(self.call("GET", path, query))
        if not isinstance(body, dict):
            raise TryLater("bad_answer")
        return body

    def page(self, path: str, query: Mapping[str, Any]) -> Page:
        """A list; rows that are no objects are left out."""
        response = self.call("GET", path, query)
        body = self._body(response)
        if not isinstance(body, list):
            raise TryLater("bad_answer")
        total = response.headers.get("x-wp-total", "")
        return Page([row for row in body if isinstance(row, dict)], int(total) if total.isdigit() else None)

    def post(
        self, path: str, body: Mapping[str, Any], *, accept: frozenset[int] = frozenset(), safe: bool = False
    ) -> httpx.Response:
        """The answer is cut down to what is needed: WordPress would send the whole text back, twice."""
        return self.call("POST", path, {"_fields": BRIEF}, json=body, accept=accept, safe=safe)

    def created(self, response: httpx.Response) -> dict[str, Any]:
        """The record in the answer to a POST. An unreadable one leaves open what happened."""
        try:
            body = decode(response)
        except ValueError as error:
            raise OutcomeUnknown("cut") from error
        if not isinstance(body, dict) or not number(body.get("id")):
            raise OutcomeUnknown("cut")
        return body

    def me(self) -> dict[str, Any]:
        return self.get("wp/v2/users/me", {"context": "edit"})

    @staticmethod
    def _body(response: httpx.Response) -> Any:
        try:
            return decode(response)
        except ValueError as error:
            raise TryLater("bad_answer") from error


def number(value: Any) -> int:
    """A positive id out of a number, a numeric text or `comment-12`; 0 for anything else."""
    if isinstance(value, bool):
        return 0
    if isinstance(value, int):
        return max(value, 0)
    digits = str(value or "").rpartition("-")[2]
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 19 else 0


# ---- finding and logging in


@dataclass(frozen=True, kw_only=True)
class Found:
    root: str
    name: str
    offers_passwords: bool | None
    """Whether the index lists application passwords; None where the index may not be read without a login."""


def discover(session: Session, typed: str) -> Found:
    """The REST API of the blog at an address that a person typed. Raises Rejected("not_this_network")."""
    site = _TYPED_TOO_MUCH.sub("", base_address(typed))
    said = ""
    for root in _candidates(session, site):
        index = address(root, "", {"_fields": "name,namespaces,authentication"})
        response = session.request("GET", index, follow_redirects=True, accept=REFUSALS | {401}, words=words)
        try:
            body = decode(response)
        except ValueError:
            continue
        if not isinstance(body, dict):
            continue
        spaces = body.get("namespaces")
        if isinstance(spaces, list) and "wp/v2" in spaces:
            offered = body.get("authentication")
            return Found(
                root=_moved(root, response),
                name=plain(str(body.get("name") or "")),
                offers_passwords=isinstance(offered, dict) and "application-passwords" in offered,
            )
        if error_code(response) and response.status_code in {401, 403}:
            return Found(root=_moved(root, response), name="", offers_passwords=None)
        said = said or words(response)
    raise Rejected("not_this_network", said)


def _candidates(session: Session, site: str) -> list[str]:
    """Where the API may be: as the site's header says, as its page says, and at the two usual places."""
    found: list[str] = []
    final = site
    for method in ("HEAD", "GET"):
        try:
            page = session.request(
                method, site + "/", follow_redirects=True, accept=REFUSALS | {401}, words=words
            )
        except Rejected as error:
            if error.code != "too_large":
                raise
            break
        final = str(page.url.copy_with(query=None, fragment=None)).rstrip("/")
        found = [link for link in (_header_link(page), _tag_link(page)) if link]
        if found:
            break
    for base in dict.fromkeys((final, site)):
        found += [f"{base}/wp-json/", f"{base}/?rest_route=/"]
    return list(dict.fromkeys(found))


def _header_link(page: httpx.Response) -> str:
    return _root_of(str(page.links.get(_API_LINK, {}).get("url", "")))


def _tag_link(page: httpx.Response) -> str:
    for tag in _LINK_TAG.findall(page.content[:500_000].decode("utf-8", errors="replace")):
        href = _HREF.search(tag)
        if _API_LINK in tag and href:
            return _root_of(href.group(1))
    return ""


def _root_of(link: str) -> str:
    try:
        parts = urlsplit(link)
    except ValueError:
        return ""
    return link if parts.scheme in {"http", "https"} and parts.netloc else ""


def _moved(root: str, response: httpx.Response) -> str:
    """The root after a redirect (to https, to www), so that the password is never sent to the old place."""
    return re.split(r"[?&]_fields=", str(response.url))[0] if response.history else root


def log_in(session: Session, found: Found, user: str, password: str) -> dict[str, Any]:
    """The user's own record. Raises what tells best why a login does not work."""
    if found.root.startswith("http://") and found.offers_passwords is False:
        # Asked before the password goes over the wire in the clear.
        raise Rejected("wordpress_needs_https")
    response = session.request(
        "GET",
        address(found.root, "wp/v2/users/me", {"context": "edit"}),
        auth=(user, password),
        accept=REFUSALS | {401},
        words=words,
    )
    if response.status_code == 401:
        off = error_code(response).startswith("application_passwords_disabled")
        if off or found.offers_passwords is False:
            raise Rejected("wordpress_no_application_passwords", words(response))
        raise AuthExpired("wrong_login")
    if not response.is_success:
        raise refusal(response)
    try:
        body = decode(response)
    except ValueError as error:
        raise Rejected("not_this_network") from error
    if not isinstance(body, dict) or not number(body.get("id")):
        raise Rejected("not_this_network")
    return body
