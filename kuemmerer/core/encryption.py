"""Secrets at rest: Fernet with a key derived from the secret key."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Mapping
from functools import lru_cache
from hashlib import sha256
from typing import Any

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from kuemmerer.core.errors import DeskError


class Unreadable(DeskError):
    """The secret was encrypted with another key."""

    status = 500
    code = "unreadable_secret"


@lru_cache(maxsize=4)
def _fernet(secret_key: str) -> Fernet:
    key = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"kuemmerer credentials").derive(
        secret_key.encode()
    )
    return Fernet(base64.urlsafe_b64encode(key))


def encrypt(value: Mapping[str, Any]) -> str:
    """`value` (JSON-serialisable) as an encrypted token."""
    return _fernet(settings.SECRET_KEY).encrypt(json.dumps(dict(value)).encode()).decode()


def decrypt(token: str) -> dict[str, Any]:
    """The value behind `token`; an empty token is an empty value. Raises Unreadable for another key."""
    if not token:
        return {}
    try:
        value: dict[str, Any] = json.loads(_fernet(settings.SECRET_KEY).decrypt(token.encode()))
    except InvalidToken as error:
        raise Unreadable(
            _(
                "The stored access cannot be read: the secret key has changed. "
                "Put the old key back or reconnect the channel."
            )
        ) from error
    return value


def fingerprint(*parts: object) -> str:
    """64 hex digits that are the same for the same parts, and from which nobody without the secret key can
    learn or confirm what they were.
    """
    message = json.dumps([str(part) for part in parts]).encode()
    return hmac.new(_fingerprint_key(settings.SECRET_KEY), message, sha256).hexdigest()


@lru_cache(maxsize=4)
def _fingerprint_key(secret_key: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=b"kuemmerer fingerprints").derive(
        secret_key.encode()
    )
