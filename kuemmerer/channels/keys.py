"""Remote ids as they are stored and compared."""

from __future__ import annotations

import re

from kuemmerer.networks import base

UNSTORABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


def clean(text: str) -> str:
    """Without what a database refuses: one such character must not stop a channel for good."""
    return text if text.isprintable() else UNSTORABLE.sub("", text)


def cut(remote_id: str) -> str:
    return clean(remote_id)[:1000]


def author_key(person: base.Person) -> str:
    return clean(person.remote_id or person.handle or "?")[:512]
