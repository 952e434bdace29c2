"""Mentions of colleagues in notes: “@Jana Sommer”, “@jana” or “@j.sommer” as in her e-mail address."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from django.utils.html import escape, format_html, linebreaks
from django.utils.safestring import SafeString

from kuemmerer.accounts.access import PERMISSIONS
from kuemmerer.accounts.models import Membership, User, Workspace

# Behind no letter (a mail address), “@” or “/” (an account at a network), and not the beginning of one.
_BEFORE, _AFTER = r"(?<![\w@/])@", r"(?!\w|[.@-]\w)"
_SPELT = {"ae": "(?:ae|ä)", "oe": "(?:oe|ö)", "ue": "(?:ue|ü)", "ss": "(?:ss|ß)", " ": r"[ \t\u00a0]+"}
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue"})


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """Somebody who can be mentioned; `handle` is what to write behind the “@”."""

    user: User
    handle: str

    @property
    def names(self) -> str:
        """The words by which somebody looks for them."""
        return f"{self.user} {_mailbox(self.user)}"


class Names:
    """How the members of a workspace are mentioned. A name that fits several people mentions nobody."""

    def __init__(self, members: Iterable[Membership]) -> None:
        users = [
            member.user
            for member in members
            if member.user.is_active and "inbox.view" in PERMISSIONS[member.role]
        ]
        self.candidates: list[Candidate] = []
        """Everybody who can be mentioned, by name; whose every name is somebody else's too cannot be."""
        self._by_name: dict[str, User] = {}
        self._learn(users)
        # The longest first: “@Jana Sommer” is not “@Jana” with a word behind it.
        names = "|".join(_pattern(name) for name in sorted(self._by_name, key=len, reverse=True))
        self._regex = re.compile(f"{_BEFORE}({names}){_AFTER}", re.IGNORECASE) if names else None

    @classmethod
    def of(cls, workspace: Workspace) -> Names:
        return cls(Membership.objects.filter(workspace=workspace).select_related("user"))

    def mentioned(self, text: str) -> list[User]:
        """Who is mentioned in a text, each once, in the order of the text."""
        return list({user.pk: user for _start, _end, user in self._found(_composed(text))}.values())

    def marked(self, text: str, reader: User) -> SafeString:
        """A note as HTML: mentions stand out, those of the reader more than others."""
        text, html, last = _composed(text), "", 0
        for start, end, user in self._found(text):
            tone = "mention me" if user.pk == reader.pk else "mention"
            html += escape(text[last:start])
            html += format_html('<span class="{}">{}</span>', tone, text[start:end])
            last = end
        return SafeString(linebreaks(html + escape(text[last:])))

    def _found(self, text: str) -> Iterator[tuple[int, int, User]]:
        if self._regex is None or "@" not in text:
            return
        for match in self._regex.finditer(text):
            yield match.start(), match.end(), self._by_name[_folded(match[1])]

    def _learn(self, users: Sequence[User]) -> None:
        """Full names come before the short ones, which are mailboxes and first names."""
        handles: dict[int, str] = {}
        taken: set[str] = set()
        for ways in _FULL, _SHORT:
            fitting: dict[str, dict[int, tuple[User, str]]] = defaultdict(dict)
            for user, way in product(users, ways):
                fitting[_folded(way(user))][user.pk] = user, way(user)
            for name, people in fitting.items():
                if name and name not in taken and len(people) == 1:
                    ((user, written),) = people.values()
                    self._by_name[name] = user
                    handles.setdefault(user.pk, written)
            taken |= fitting.keys()
        by_name = sorted(users, key=lambda user: _folded(str(user)))
        self.candidates = [
            Candidate(user=user, handle=handles[user.pk]) for user in by_name if user.pk in handles
        ]


def _mailbox(user: User) -> str:
    return user.email.partition("@")[0]


def _first_name(user: User) -> str:
    return str(user).partition(" ")[0]


_FULL: Sequence[Callable[[User], str]] = (str,)
_SHORT: Sequence[Callable[[User], str]] = (_mailbox, _first_name)


def _composed(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def _folded(name: str) -> str:
    """One spelling for names that are written alike: “Jörg” is “joerg”."""
    return " ".join(_composed(name).casefold().translate(_UMLAUTS).split())


def _pattern(folded: str) -> str:
    parts = re.split("(ae|oe|ue|ss| )", folded)
    return "".join(_SPELT.get(part) or re.escape(part) for part in parts)
