"""How django-allauth is bent to the desk: nobody signs up alone, people come by setup or invitation."""

from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from django.conf import settings
from django.http import HttpRequest

from kuemmerer.core import encryption

log = logging.getLogger(__name__)

_NO_ACCOUNT = "account/email/unknown_account"


class Adapter(DefaultAccountAdapter):  # type: ignore[misc]
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def populate_username(self, request: HttpRequest, user: Any) -> None:
        """Users have no names to log in with."""

    def format_email_subject(self, subject: str) -> str:
        return f"{settings.EMAIL_SUBJECT_PREFIX}{subject}"

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Send a mail whose links lead to the desk's own address.

        allauth takes the Host header for them: strangers could let somebody's reset link lead elsewhere.
        """
        if template_prefix == _NO_ACCOUNT:
            # It would write to any address that a stranger types in, and invite to sign up.
            return
        host = urlsplit(settings.BASE_URL).netloc
        ours = {key: _at_home(value) if key.endswith("url") else value for key, value in context.items()}
        ours["current_site"] = SimpleNamespace(name="Kümmerer", domain=host)
        try:
            super().send_mail(template_prefix, email, ours)
        except OSError:
            # What was done stays done: a mail server that is down must not break the page.
            log.exception("a mail (%s) could not be sent", template_prefix)


def _at_home(url: Any) -> Any:
    if not isinstance(url, str) or not urlsplit(url).netloc:
        return url
    return settings.BASE_URL + urlsplit(url)._replace(scheme="", netloc="").geturl()


class SecondFactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    def encrypt(self, text: str) -> str:
        return encryption.encrypt({"text": text})

    def decrypt(self, encrypted_text: str) -> str:
        return str(encryption.decrypt(encrypted_text)["text"])
