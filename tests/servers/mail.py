"""A mail server that keeps what it gets: aiosmtpd in a thread, started in 0.1 s."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from . import Missing, free_port


@dataclass(frozen=True)
class Letter:
    """One delivered mail: the envelope and the parsed message."""

    sender: str
    recipients: tuple[str, ...]
    message: EmailMessage

    @property
    def subject(self) -> str:
        return str(self.message["subject"])

    @property
    def text(self) -> str:
        body = self.message.get_body(("plain", "html"))
        return str(body.get_content()) if body else ""


@dataclass
class Server:
    host: str
    port: int
    user: str | None
    password: str | None = field(repr=False)
    letters: list[Letter] = field(default_factory=list)
    refuse_next: list[str] = field(default_factory=list)
    _arrived: threading.Condition = field(default_factory=threading.Condition, repr=False)

    @property
    def url(self) -> str:
        """As django-environ's EMAIL_URL wants it."""
        login = f"{self.user}:{self.password}@" if self.user else ""
        return f"smtp://{login}{self.host}:{self.port}"

    def wait(self, count: int = 1, *, within: float = 10.0) -> list[Letter]:
        """The letters, once there are ``count``; TimeoutError with what came instead."""
        end = time.monotonic() + within
        with self._arrived:
            while len(self.letters) < count:
                if not self._arrived.wait(max(0.0, end - time.monotonic())):
                    raise TimeoutError(f"{len(self.letters)} of {count} letters within {within:g} s")
            return list(self.letters)

    def refuse(self, answer: str = "451 4.3.0 Try again later", *, count: int = 1) -> None:
        """Refuse the next recipients with this SMTP answer."""
        self.refuse_next += [answer] * count

    # ---- called by aiosmtpd

    async def handle_MAIL(  # noqa: N802
        self, server: Any, session: Any, envelope: Any, sender: str, options: list[str]
    ) -> str:
        if self.user and not session.authenticated:
            return "530 5.7.0 Authentication required"
        envelope.mail_from = sender
        return "250 OK"

    async def handle_RCPT(  # noqa: N802
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        if self.refuse_next:
            return self.refuse_next.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        parsed = message_from_bytes(envelope.content, policy=policy.default)
        with self._arrived:
            self.letters.append(Letter(envelope.mail_from, tuple(envelope.rcpt_tos), parsed))
            self._arrived.notify_all()
        return "250 OK"


@contextmanager
def run(*, port: int | None = None, user: str | None = None, password: str | None = None) -> Iterator[Server]:
    """A server on loopback; with ``user`` and ``password`` it demands them (without TLS)."""
    try:
        from aiosmtpd.controller import Controller
        from aiosmtpd.smtp import AuthResult
    except ImportError as error:
        raise Missing("aiosmtpd is not installed") from error

    server = Server("127.0.0.1", port or free_port(), user, password)
    demands: dict[str, Any] = {}
    if user:

        def check(_server: Any, _session: Any, _envelope: Any, _mechanism: str, given: Any) -> Any:
            right = (user.encode(), (password or "").encode())
            return AuthResult(success=(given.login, given.password) == right, handled=False)

        demands = {"authenticator": check, "auth_require_tls": False}
    controller = Controller(server, hostname=server.host, port=server.port, **demands)
    controller.start()
    try:
        yield server
    finally:
        controller.stop()


def install() -> None:
    """Nothing to do: aiosmtpd is one of the project's development dependencies."""
