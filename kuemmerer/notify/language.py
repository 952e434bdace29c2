"""Words in the language of the person who will read them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.utils import timezone, translation
from django.utils.functional import Promise

from kuemmerer.accounts.models import Membership

Text = str | Promise | Callable[[], str]
"""Plain words, lazy ones, or a function that is called in the reader's language."""


@contextmanager
def language_of(member: Membership) -> Iterator[None]:
    """Speak as this member reads: in their language, else the company's, and with its clocks."""
    language = member.user.language or member.workspace.language
    with translation.override(language), timezone.override(member.workspace.zone):
        yield


def said(words: Text) -> str:
    """`words` in the language that is spoken at the moment."""
    return str(words() if callable(words) and not isinstance(words, Promise) else words)


def one_line(words: str, most: int = 200) -> str:
    """`words` on one line, cut to `most` characters."""
    line = " ".join(words.split())
    return line if len(line) <= most else line[: most - 1] + "…"
