"""When an automation rule holds: for which words of whom, and when they were written."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import cached_property, lru_cache
from itertools import islice
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from kuemmerer.accounts.calendars import Calendar
from kuemmerer.accounts.models import Workspace
from kuemmerer.channels.models import Interaction
from kuemmerer.inbox.models import Case
from kuemmerer.inbox.search import words


class Hours(models.TextChoices):
    OPEN = "open", _("during business hours")
    CLOSED = "closed", _("outside business hours")


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """All that are given have to hold; of several values one is enough; an empty one holds for everything.

    `words` are words or phrases, compared by the stems of the search; a star stands for any letters
    ("liefer*", "*torte").
    `languages` are two or three letters. `authors` are handles or names. `at_least` and `at_most` count
    followers; who has an unknown number meets neither. `weekdays`: 0 is Monday. `hours` and `weekdays` ask
    when the words were written, in the workspace's time zone and calendar.
    """

    channels: Sequence[int] = ()
    words: Sequence[str] = ()
    languages: Sequence[str] = ()
    intents: Sequence[str] = ()
    priorities: Sequence[int] = ()
    authors: Sequence[str] = ()
    first_time: bool = False
    at_least: int | None = None
    at_most: int | None = None
    hours: str = ""
    weekdays: Sequence[int] = ()

    @staticmethod
    def of(stored: Mapping[str, Any]) -> Conditions:
        """What `stored` wrote."""
        return Conditions(**stored)

    def stored(self) -> dict[str, Any]:
        """As JSON, without what is empty."""
        return {name: value for name, value in asdict(self).items() if value not in ("", None, False, [], ())}

    @cached_property
    def phrases(self) -> Sequence[Phrase]:
        return [parsed(typed) for typed in self.words]

    @cached_property
    def people(self) -> frozenset[str]:
        return frozenset(map(plain_name, self.authors))


# --- words and phrases


@dataclass(frozen=True)
class Part:
    """One word of a phrase; open at an end where a star stood."""

    plain: str
    forms: frozenset[str]
    open_start: bool
    open_end: bool

    def fits(self, token: Token) -> bool:
        if self.open_start and self.open_end:
            return self.plain in token.plain
        if self.open_end:
            return token.plain.startswith(self.plain)
        if self.open_start:
            return any(theirs.endswith(form) for theirs in token.forms for form in self.forms)
        return not self.forms.isdisjoint(token.forms)


Phrase = tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Token:
    """A word of a text, and all under which it is found: its plain form, its German and its English stem."""

    plain: str
    forms: frozenset[str]


_SEAM = Token(words.SEAM, frozenset())


@lru_cache(maxsize=4096)
def parsed(typed: str) -> Phrase:
    """The words of what was typed into a rule; empty where there is none."""
    return tuple(
        Part(
            plain=word.plain,
            forms=_forms(typed[word.start : word.end]),
            open_start=typed[word.start - 1 : word.start] == "*",
            open_end=typed[word.end : word.end + 1] == "*",
        )
        for word in words.words(typed)
    )


@lru_cache(maxsize=50_000)
def _forms(word: str) -> frozenset[str]:
    return frozenset(filter(None, words.forms(word)))


def tokens(*texts: str) -> list[Token]:
    """The words of some texts; no phrase goes from one text into the next."""
    found: list[Token] = []
    for text in filter(None, texts):
        for word in islice(words.words(text), words.MOST):
            found.append(Token(word.plain, _forms(text[word.start : word.end])))
        found.append(_SEAM)
    return found


def says(phrase: Phrase, text: Sequence[Token]) -> bool:
    """Whether the words of a phrase stand side by side in a text."""
    return bool(phrase) and any(
        phrase[0].fits(text[place])
        and all(part.fits(token) for part, token in zip(phrase, text[place:], strict=False))
        for place in range(len(text) - len(phrase) + 1)
    )


def plain_name(name: str) -> str:
    """A handle or name as it is compared: no matter how it is written, with @ or without."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split()).removeprefix("@")


# --- whether a rule holds


class Heard:
    """Words that have come in, with what rules ask of them; each thing is worked out once, when first asked.

    `first`: whether their author had not written before.
    """

    def __init__(self, interaction: Interaction, workspace: Workspace, *, first: bool) -> None:
        self.interaction = interaction
        self.first = first
        self._workspace = workspace

    @cached_property
    def tokens(self) -> Sequence[Token]:
        return tokens(self.interaction.title, self.interaction.text)

    @cached_property
    def forms(self) -> frozenset[str]:
        return frozenset[str]().union(*(token.forms for token in self.tokens))

    @cached_property
    def written_at(self) -> datetime:
        """By the clock on the company's wall."""
        return self.interaction.created_at.astimezone(self._workspace.zone)

    @cached_property
    def while_open(self) -> bool:
        spans = Calendar.of(self._workspace).open_spans(self.written_at.date())
        return any(opens <= self.written_at < closes for opens, closes in spans)

    @cached_property
    def language(self) -> str:
        return self.interaction.language.replace("_", "-").split("-")[0].lower()

    @cached_property
    def names(self) -> frozenset[str]:
        author = self.interaction.author
        return frozenset(filter(None, (plain_name(author.handle), plain_name(author.name))))

    def say_one_of(self, phrases: Sequence[Phrase]) -> bool:
        return any(self._may_say(phrase) and says(phrase, self.tokens) for phrase in phrases)

    def _may_say(self, phrase: Phrase) -> bool:
        """False where one look at all the forms together tells that a phrase cannot be there."""
        whole = (part for part in phrase if not part.open_start and not part.open_end)
        return all(not part.forms.isdisjoint(self.forms) for part in whole)


def hold(wanted: Conditions, heard: Heard, case: Case) -> bool:
    """Whether all conditions hold for words in a case, as the case stands at this moment."""
    return (
        (not wanted.channels or heard.interaction.channel_id in wanted.channels)
        and (not wanted.intents or case.intent in wanted.intents)
        and (not wanted.priorities or case.priority in wanted.priorities)
        and (not wanted.first_time or heard.first)
        and (not wanted.languages or heard.language in wanted.languages)
        and (not wanted.authors or not wanted.people.isdisjoint(heard.names))
        and _followed(wanted, heard.interaction.author.followers)
        and (not wanted.weekdays or heard.written_at.weekday() in wanted.weekdays)
        and (not wanted.hours or heard.while_open == (wanted.hours == Hours.OPEN))
        and (not wanted.words or heard.say_one_of(wanted.phrases))
    )


def _followed(wanted: Conditions, followers: int | None) -> bool:
    if wanted.at_least is None and wanted.at_most is None:
        return True
    return followers is not None and (
        (wanted.at_least is None or followers >= wanted.at_least)
        and (wanted.at_most is None or followers <= wanted.at_most)
    )
