"""Short ways to tell somebody something."""

from __future__ import annotations

from typing import Any

from kuemmerer.accounts.access import Actor
from kuemmerer.core import clock
from kuemmerer.notify import notices
from kuemmerer.notify.models import Notice


def tell(who: Actor, **fields: Any) -> Notice | None:
    """Tell `who` that a case was given to them, unless `fields` say otherwise."""
    usual: dict[str, Any] = {
        "kind": "assigned",
        "title": "A case for you",
        "text": "Bis wann habt ihr offen?",
        "path": f"/w/{who.workspace.slug}/inbox/",
        "key": "case:1",
    }
    return notices.tell(workspace=who.workspace, user=who.user, now=clock.now(), **usual | fields)
