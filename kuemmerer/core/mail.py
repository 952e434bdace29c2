"""Whether mails leave the house."""

from __future__ import annotations

from django.conf import settings


def is_set_up() -> bool:
    """Whether there is a mail server. Without one mails become files, and files nobody reads."""
    backend: str = settings.EMAIL_BACKEND
    return not backend.endswith(".filebased.EmailBackend")
