"""Notices as mails: how they are written, and how they get out though the mail server is down now and then.

A mail whose sending was cut off between the server's taking it and our noting so goes out again: SMTP cannot
be asked (RFC 5321, 6.1, and RFC 1047 describe the gap). Both copies have the same Message-ID, by which
mailboxes recognise the second.
"""

from __future__ import annotations

import logging
import smtplib
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from django.conf import settings
from django.core import signing
from django.core.mail import EmailMultiAlternatives, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.db.models import F
from django.template.loader import render_to_string
from django.urls import reverse

from kuemmerer.accounts.models import Membership, User
from kuemmerer.core import clock
from kuemmerer.core.mail import is_set_up as is_set_up
from kuemmerer.notify import kinds, leases
from kuemmerer.notify.language import language_of
from kuemmerer.notify.leases import State
from kuemmerer.notify.models import Mail, MailTrouble, Notice

log = logging.getLogger(__name__)

GIVE_UP_AFTER = timedelta(days=5)
"""So long a mailbox may put a mail off; RFC 5321, 4.5.4.1 asks for four to five days at least."""
FIRST_PAUSE, LONGEST_PAUSE = timedelta(minutes=1), timedelta(hours=2)
FIRST_RETRY, LONGEST_RETRY = timedelta(seconds=15), timedelta(minutes=10)
"""Between two attempts to reach a server that is down."""
ASIDE = timedelta(minutes=5)
"""A mail at which the server broke off lets the others go first."""
BUDGET_SECONDS = 20
SALT = "notify.unsubscribe"


class ServerDown(Exception):
    """The server takes no mails at all at the moment. `began` if it broke off in the middle of one."""

    def __init__(self, error: Exception, *, began: bool) -> None:
        super().__init__(_words(error))
        self.began = began


class Refused(Exception):
    """The server does not take this mail: for now, or `for_good`."""

    def __init__(self, words: str, *, for_good: bool) -> None:
        super().__init__(words)
        self.for_good = for_good


def can_reach(user: User) -> bool:
    """Whether notices to `user` can go by mail. The people of the demo company do not exist."""
    return is_set_up() and not user.is_demo


def send_due(now: datetime) -> int:
    """Send the mails that are due; returns how many were sent or given up."""
    if not is_set_up() or MailTrouble.objects.filter(next_at__gt=now).exists():
        return 0
    moved = 0
    end = time.monotonic() + BUDGET_SECONDS
    with _Postman() as postman:
        while time.monotonic() < end:
            moment = max(now, clock.now())
            row = leases.claim(leases.due(Mail, moment), moment)
            if row is None:
                break
            try:
                _send(postman, row)
            except ServerDown as error:
                _server_down(row, error)
                break
            moved += 1
    return moved


def _send(postman: _Postman, row: Mail) -> None:
    notice = Notice.objects.select_related("user", "workspace").get(pk=row.notice_id)
    member = Membership.objects.filter(workspace=notice.workspace_id, user=notice.user_id).first()
    if member is None or not notice.user.is_active:
        leases.finish(row, state=State.DROPPED)
        return
    try:
        postman.send(written(notice, member))
    except ServerDown:
        raise
    except Refused as error:
        _refused(row, error)
    except Exception as error:
        log.exception("The mail %s could not be written", row.pk)
        _refused(row, Refused(type(error).__name__, for_good=False))
    else:
        leases.finish(row, state=State.DONE, done_at=clock.now(), problem="")


def _refused(row: Mail, error: Refused) -> None:
    now = clock.now()
    if error.for_good or now - row.created_at > GIVE_UP_AFTER:
        leases.finish(row, state=State.FAILED, problem=str(error), done_at=now)
        return
    pause = min(FIRST_PAUSE * 2 ** min(row.attempts - 1, 10), LONGEST_PAUSE)
    leases.finish(row, next_at=now + leases.jittered(pause), problem=str(error))


def _server_down(row: Mail, error: ServerDown) -> None:
    """Nothing is the mail's fault: it stays due, and the whole post rests for a while."""
    now = clock.now()
    leases.finish(row, next_at=now + ASIDE if error.began else row.next_at, attempts=row.attempts - 1)
    trouble, is_new = MailTrouble.objects.get_or_create(
        pk=1, defaults={"since": now, "next_at": now + FIRST_RETRY, "words": str(error)}
    )
    if not is_new:
        pause = min(FIRST_RETRY * 2 ** min(trouble.attempts, 10), LONGEST_RETRY)
        MailTrouble.objects.filter(pk=1).update(
            attempts=F("attempts") + 1, next_at=now + leases.jittered(pause), words=str(error)
        )
    log.warning("The mail server does not take mails: %s", error)


class _Postman:
    """A connection for several mails, after trouble a fresh one. A mail that gets out ends an outage."""

    def __init__(self) -> None:
        self._connection: BaseEmailBackend | None = None
        self._works = False

    def __enter__(self) -> _Postman:
        return self

    def __exit__(self, *error: object) -> None:
        self._close()

    def send(self, message: EmailMultiAlternatives) -> None:
        """Raises ServerDown, Refused."""
        connection = self._open()
        try:
            connection.send_messages([message])
        except smtplib.SMTPRecipientsRefused as error:
            self._close()
            code, words = next(iter(error.recipients.values()))
            raise Refused(_answer(code, words), for_good=500 <= code < 600) from error
        except smtplib.SMTPDataError as error:
            self._close()
            for_good = 500 <= error.smtp_code < 600
            raise Refused(_answer(error.smtp_code, error.smtp_error), for_good=for_good) from error
        except (smtplib.SMTPException, OSError) as error:
            self._close()
            raise ServerDown(error, began=True) from error
        if not self._works:
            self._works = True
            MailTrouble.objects.all().delete()

    def _open(self) -> BaseEmailBackend:
        if self._connection is None:
            self._connection = get_connection()
            try:
                self._connection.open()
            except (smtplib.SMTPException, OSError) as error:
                self._close()
                raise ServerDown(error, began=False) from error
        return self._connection

    def _close(self) -> None:
        if self._connection is not None:
            try:
                self._connection.close()
            except (smtplib.SMTPException, OSError):
                log.debug("The mail server was gone before we said goodbye", exc_info=True)
            self._connection = None


def _words(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        return _answer(error.smtp_code, error.smtp_error)
    said = error.strerror if isinstance(error, OSError) else ""
    return (said or str(error) or type(error).__name__)[:500]


def _answer(code: int, words: bytes | str) -> str:
    text = words.decode(errors="replace") if isinstance(words, bytes) else words
    return f"{code} {' '.join(text.split())}"[:500]


# --- how a mail is written


@dataclass(frozen=True, kw_only=True)
class _Link:
    text: str
    url: str


def written(notice: Notice, member: Membership) -> EmailMultiAlternatives:
    """The mail of a notice, in the person's language. The same notice always makes the same Message-ID."""
    kind = kinds.find(notice.kind)
    away = unsubscribe_url(member, notice.kind) if kind is not None and kind.optional else ""
    context = {
        "notice": notice,
        "workspace": notice.workspace,
        "lines": [_Link(text=line["text"], url=_url(line["path"])) for line in notice.lines],
        "url": settings.BASE_URL + reverse("notice", args=[notice.workspace.slug, notice.pk]),
        "unsubscribe_url": away,
        "preferences_url": settings.BASE_URL + reverse("notice-preferences", args=[notice.workspace.slug]),
        "kind": kind,
    }
    with language_of(member):
        message = EmailMultiAlternatives(
            subject=notice.title,
            body=render_to_string("notify/mail.txt", context),
            to=[notice.user.email],
            headers=_headers(notice, away),
        )
        message.attach_alternative(render_to_string("notify/mail.html", context), "text/html")
    return message


def _headers(notice: Notice, away: str) -> dict[str, str]:
    host = urlsplit(settings.BASE_URL).hostname or "localhost"
    headers = {
        "Message-ID": f"<notice-{notice.pk}.{int(notice.created_at.timestamp())}@{host}>",
        # RFC 3834: nobody's absence note shall answer.
        "Auto-Submitted": "auto-generated",
    }
    if away:
        headers["List-Unsubscribe"] = f"<{away}>"
        if away.startswith("https://"):
            # RFC 8058 knows one click only by https.
            headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    return headers


def _url(path: str) -> str:
    return settings.BASE_URL + path if path else ""


def unsubscribe_url(member: Membership, kind: str) -> str:
    token = signing.Signer(salt=SALT).sign_object([member.pk, kind])
    return settings.BASE_URL + reverse("notice-unsubscribe", args=[token])


def unsubscribing(token: str) -> tuple[Membership, kinds.Kind] | None:
    """Who no longer wants what, by the link in a mail; None for a link that is not ours or leads nowhere."""
    try:
        member_id, key = signing.Signer(salt=SALT).unsign_object(token)
    except (signing.BadSignature, ValueError, TypeError):
        return None
    kind = kinds.find(str(key))
    member = Membership.objects.select_related("user", "workspace").filter(pk=member_id).first()
    return None if kind is None or member is None or not kind.optional else (member, kind)
