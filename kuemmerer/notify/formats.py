"""An event as other programs want to read it: Standard Webhooks, or a message in a team's chat.

Sources: Standard Webhooks (github.com/standard-webhooks/standard-webhooks, spec/standard-webhooks.md); Slack
and Mattermost, incoming webhooks; Microsoft Teams, Workflows with an Adaptive Card as the one attachment.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from django.utils import translation
from django.utils.translation import gettext as _

from kuemmerer.notify.events import Event
from kuemmerer.notify.language import one_line
from kuemmerer.notify.models import Webhook

LONGEST_LINE = 600


def body(
    format_: str, event: Event, data: Mapping[str, Any], *, company: str, language: str, at: datetime
) -> bytes:
    """What is sent, the same bytes at each attempt. `at` is when it happened."""
    if format_ == Webhook.Format.JSON:
        return _json({"type": event.key, "timestamp": _iso(at), "data": dict(data)})
    with translation.override(language):
        sentence = one_line(str(event.sentence) % data, LONGEST_LINE)
        link = str(data.get("url", ""))
        return _json(_CHATS[format_](company, sentence, link))


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _slack(company: str, sentence: str, link: str) -> dict[str, Any]:
    # Slack's own escaping: these three, or “<!channel>” in a comment would ring for everybody.
    words = sentence.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    where = f" <{link}|{_('Open')}>" if link else ""
    return {"text": words + where, "unfurl_links": False}


def _mattermost(company: str, sentence: str, link: str) -> dict[str, Any]:
    # A zero-width space keeps “@channel” in a comment from ringing for everybody.
    words = re.sub(r"([\\`*_{}\[\]()#+!|<>~])", r"\\\1", sentence).replace("@", "@\u200b")
    return {"text": words + (f" [{_('Open')}]({link})" if link else ""), "username": "Kümmerer"}


def _teams(company: str, sentence: str, link: str) -> dict[str, Any]:
    card: dict[str, Any] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": [
            {"type": "TextBlock", "text": company, "isSubtle": True, "size": "Small"},
            # A text run shows what it is given; a text block would read it as Markdown.
            {"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": sentence}]},
        ],
    }
    if link:
        card["actions"] = [{"type": "Action.OpenUrl", "title": _("Open"), "url": link}]
    attachment = {
        "contentType": "application/vnd.microsoft.card.adaptive",
        "contentUrl": None,
        "content": card,
    }
    return {"type": "message", "attachments": [attachment]}


_CHATS: dict[str, Callable[[str, str, str], dict[str, Any]]] = {
    "slack": _slack,
    "mattermost": _mattermost,
    "teams": _teams,
}


def signed(message_id: str, content: bytes, keys: Sequence[str], now: datetime) -> dict[str, str]:
    """The three headers of Standard Webhooks, with a signature (v1, HMAC-SHA256) by each of `keys`."""
    stamp = str(int(now.timestamp()))
    told = f"{message_id}.{stamp}.".encode() + content
    signatures = [
        hmac.new(base64.b64decode(key.removeprefix("whsec_")), told, hashlib.sha256).digest() for key in keys
    ]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": stamp,
        "webhook-signature": " ".join("v1," + base64.b64encode(one).decode() for one in signatures),
    }
