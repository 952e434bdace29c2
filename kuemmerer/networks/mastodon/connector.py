"""The connector for Mastodon's client API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, ClassVar

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
    OAuthStart,
    Person,
    Status,
    Target,
    Text,
    TextLimits,
    Visibility,
)
from kuemmerer.networks.errors import Rejected, Unsupported
from kuemmerer.networks.mastodon import login, reading, writing
from kuemmerer.networks.mastodon.api import Api, number
from kuemmerer.networks.mastodon.counting import URL_LENGTH, mastodon_length
from kuemmerer.networks.mastodon.parse import Me, is_status, person
from kuemmerer.networks.session import Session

LENGTH = 500
"""What Mastodon allows, for servers that name no figure."""


class Mastodon(Connector):
    key = "mastodon"
    label = "Mastodon"
    summary: ClassVar[Text] = _("Mastodon, GoToSocial, Pleroma, Friendica, snac and others of the Fediverse")
    icon = "at-sign"
    can = Capabilities(
        publish=True,
        reply=True,
        media=True,
        listen=True,
        delete=True,
        refresh=True,
        actions=frozenset({Action.LIKE, Action.UNLIKE, Action.SHARE}),
    )
    form = (
        FormField(
            key="server",
            label=_("Server"),
            help=_("The address of the server where the account is."),
            placeholder="https://mastodon.social",
        ),
        FormField(
            key="token",
            label=_("Access token"),
            help=_(
                "Made at the server under Preferences → Development, with the rights to read and to write."
            ),
            secret=True,
        ),
    )
    oauth = True
    oauth_fields = ("server",)
    settle_seconds = 15

    def limits(self, settings: Mapping[str, Any]) -> TextLimits:
        known = _limits(settings)
        url_length = number(known.get("characters_reserved_per_url")) or URL_LENGTH
        return TextLimits(
            max_units=number(known.get("max_characters")) or LENGTH,
            count=partial(mastodon_length, url_length=url_length),
        )

    def connect(self, session: Session, values: Mapping[str, str]) -> Connected:
        return login.connect(session, values.get("server", ""), values.get("token", ""))

    def oauth_start(
        self, session: Session, values: Mapping[str, str], *, redirect_uri: str, state: str
    ) -> OAuthStart:
        return login.oauth_start(session, values.get("server", ""), redirect_uri=redirect_uri, state=state)

    def oauth_finish(
        self, session: Session, keep: Mapping[str, Any], *, code: str, redirect_uri: str
    ) -> Connected:
        return login.oauth_finish(session, keep, code=code, redirect_uri=redirect_uri)

    def check(self, session: Session) -> Person:
        return person(login.account(Api(session)), Me.of(session.settings).domain)

    def disconnect(self, session: Session) -> None:
        login.revoke(session)

    def fetch(self, session: Session, cursor: Mapping[str, Any], *, since: datetime) -> Batch:
        return reading.fetch(session, cursor, since=since)

    def refresh(self, session: Session, remote_ids: Sequence[str]) -> Batch:
        return reading.refresh(session, remote_ids)

    def publish(self, session: Session, draft: Draft, *, key: str) -> Delivered:
        if not draft.publish or (draft.reply_to is not None and not is_status(draft.reply_to.remote_id)):
            raise Unsupported
        self.check_text(draft, session.settings)
        return writing.publish(session, draft, key=key)

    def find(self, session: Session, draft: Draft, *, key: str) -> Delivered | Absent | None:
        return writing.find(session, draft)

    def delete(self, session: Session, remote_id: str) -> None:
        if not is_status(remote_id):
            raise Unsupported
        writing.delete(session, remote_id)

    def act(self, session: Session, action: Action, target: Target) -> Status | None:
        writing.act(session, action, target)
        return None

    def reply_text(self, target: Target, text: str) -> str:
        prefix = writing.answer_prefix(target)
        return text if text.startswith(prefix.strip()) else prefix + text

    def check_text(self, draft: Draft, settings: Mapping[str, Any]) -> None:
        full = writing.full_text(draft)
        if not full.strip() and not draft.media:
            raise Rejected("empty")
        if not self.limits(settings).fits(full):
            raise Rejected("too_long")
        target = draft.reply_to
        private = target is not None and target.visibility == Visibility.DIRECT
        if target is not None and private and f"@{target.author.handle}".lower() not in full.lower():
            raise Rejected("no_recipient")
        _check_media(draft, _limits(settings))


def _limits(settings: Mapping[str, Any]) -> Mapping[str, Any]:
    known = settings.get("limits")
    return known if isinstance(known, Mapping) else {}


def _check_media(draft: Draft, limits: Mapping[str, Any]) -> None:
    """Raise Rejected("bad_media") for pictures that the server would refuse, as far as it told us."""
    most = number(limits.get("max_media_attachments"))
    size = number(limits.get("image_size_limit"))
    longest = number(limits.get("description_limit"))
    kinds = limits.get("mime_types")
    for position, media in enumerate(draft.media, start=1):
        if (
            (most is not None and position > most)
            or (size is not None and len(media.content) > size)
            or (longest is not None and len(media.alt) > longest)
            or (isinstance(kinds, list) and kinds and media.content_type not in kinds)
        ):
            raise Rejected("bad_media")
