"""The WordPress connector: what it can do, and how it logs in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from django.utils.translation import gettext_lazy as _

from kuemmerer.networks.base import (
    Absent,
    Action,
    Batch,
    Capabilities,
    Connected,
    Connector,
    Delivered,
    Draft,
    FormField,
    Person,
    Status,
    Target,
    TextLimits,
)
from kuemmerer.networks.errors import TryLater, Unsupported
from kuemmerer.networks.session import Session, reaching
from kuemmerer.networks.wordpress import writing
from kuemmerer.networks.wordpress.markup import comment_html
from kuemmerer.networks.wordpress.reading import Reader
from kuemmerer.networks.wordpress.records import person_of, status_of
from kuemmerer.networks.wordpress.site import Site, discover, log_in, number, words

MAX_COMMENT_BYTES = 65_525
_RIGHTS = ("moderate_comments", "edit_posts", "publish_posts", "upload_files")
_NEW_STATUS = {
    Action.APPROVE: ("approve", Status.SHOWN),
    Action.HIDE: ("hold", Status.HELD),
    Action.SPAM: ("spam", Status.SPAM),
    Action.TRASH: ("trash", Status.TRASH),
}


def encoded_length(value: str) -> int:
    """The bytes of the HTML that is sent: what WordPress measures."""
    return len(comment_html(value).encode())


def _host(root: str) -> str:
    """The blog's address as people say it: without scheme and without the API's path."""
    parts = urlsplit(root)
    return f"{parts.netloc}{parts.path.removesuffix('/').removesuffix('/wp-json')}".rstrip("/")


class WordPress(Connector):
    """A blog, as one of its users sees it."""

    key = "wordpress"
    label = "WordPress"
    summary = _("The comments of your blog: read, answer and moderate them.")
    icon = "pen-line"
    can = Capabilities(
        publish=True,
        reply=True,
        media=True,
        listen=True,
        delete=True,
        refresh=True,
        actions=frozenset(_NEW_STATUS),
    )
    form = (
        FormField(
            key="site",
            label=_("Address of the blog"),
            help=_("As you type it into the browser."),
            placeholder="https://blog.example.org",
        ),
        FormField(
            key="user",
            label=_("User name"),
            help=_("A user who may moderate comments and publish posts: an editor or administrator."),
        ),
        FormField(
            key="password",
            label=_("Application password"),
            help=_(
                "Not the password you log in with. In the blog, under Users → Profile → Application "
                "Passwords, type a name such as Kümmerer, choose “Add Application Password”, and copy "
                "what is shown. Spaces do not matter."
            ),
            placeholder="abcd EFGH 1234 ijkl MNOP 5678",
            secret=True,
        ),
    )
    settle_seconds = 10

    def home(self, settings: Mapping[str, Any]) -> str:
        return _host(str(settings.get("root", "")))

    def limits(self, settings: Mapping[str, Any]) -> TextLimits:
        return TextLimits(max_units=MAX_COMMENT_BYTES, count=encoded_length)

    # ---- login

    def connect(self, session: Session, values: Mapping[str, str]) -> Connected:
        user, password = values.get("user", "").strip(), values.get("password", "").strip()
        typed = values.get("site", "")
        with reaching(typed):
            found = discover(session, typed)
        record = log_in(session, found, user, password)
        rights = record.get("capabilities")
        granted = rights if isinstance(rights, Mapping) else {}
        account = person_of(record)
        return Connected(
            account=account,
            name=found.name or _host(found.root),
            secret={"password": password},
            settings={
                "root": found.root,
                "blog": found.name,
                "user": user,
                "user_id": number(record.get("id")),
                "name": account.name,
                **{right: bool(granted.get(right)) for right in _RIGHTS},
            },
        )

    def check(self, session: Session) -> Person:
        return person_of(Site(session).me())

    # ---- reading

    def fetch(self, session: Session, cursor: Mapping[str, Any], *, since: datetime) -> Batch:
        return Reader(Site(session)).fetch(cursor, since)

    def refresh(self, session: Session, remote_ids: Sequence[str]) -> Batch:
        return Reader(Site(session)).refresh(remote_ids)

    # ---- writing

    def publish(self, session: Session, draft: Draft, *, key: str) -> Delivered:
        self.check_text(draft, session.settings)
        site = Site(session)
        if draft.reply_to is not None:
            return writing.publish_reply(site, draft, draft.reply_to)
        return writing.publish_post(site, draft, key)

    def find(self, session: Session, draft: Draft, *, key: str) -> Delivered | Absent | None:
        site = Site(session)
        if draft.reply_to is not None:
            return writing.find_reply(site, draft, draft.reply_to)
        return writing.find_post(site, draft, key)

    def delete(self, session: Session, remote_id: str) -> None:
        base = {"comment": "comments", "post": "posts"}.get(remote_id.partition("-")[0])
        if base is None or not number(remote_id):
            raise Unsupported
        site, path = Site(session), f"wp/v2/{base}/{number(remote_id)}"
        response = site.call("DELETE", path, accept=frozenset({404, 410, 501}), safe=True)
        if response.status_code == 501:
            # This blog has no bin.
            site.call("DELETE", path, {"force": "true"}, accept=frozenset({404, 410}), safe=True)

    def act(self, session: Session, action: Action, target: Target) -> Status | None:
        if action not in _NEW_STATUS or not target.remote_id.startswith("comment-"):
            raise Unsupported
        wanted, status = _NEW_STATUS[action]
        site, path = Site(session), f"wp/v2/comments/{number(target.remote_id)}"
        # Some versions answer 500 where nothing had to be changed.
        response = site.post(path, {"status": wanted}, accept=frozenset({500}), safe=True)
        if not response.is_success and status_of(site.get(path, {"_fields": "id,status"})) is not status:
            raise TryLater("server_error", words(response))
        return status
