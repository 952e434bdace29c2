"""What somebody typed into the search field, taken apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import regex
from django.utils.translation import gettext_lazy as _

from kuemmerer.core.errors import Invalid
from kuemmerer.core.text import storable
from kuemmerer.inbox.search import words

LONGEST = 200
"""Characters of a search."""
_QUOTES = '"“”„‟«»'
_PART = regex.compile(rf"(?<minus>-?)[{_QUOTES}](?<phrase>[^{_QUOTES}]*)[{_QUOTES}]|(?<word>[^\s{_QUOTES}]+)")


@dataclass(frozen=True)
class Form:
    """One form of a word; `open`: also what begins with it."""

    text: str
    open: bool

    def fits(self, form: str) -> bool:
        return form.startswith(self.text) if self.open else form == self.text


Choice = tuple[Form, ...]
"""Forms of which one is enough."""


@dataclass(frozen=True)
class Query:
    """All of `wanted` and of `phrases` must be there, none of `unwanted` and of `unwanted_phrases`.

    A phrase is its plain words with a space before and after each.
    """

    wanted: Sequence[Choice]
    phrases: Sequence[str] = ()
    unwanted: Sequence[Sequence[Choice]] = ()
    unwanted_phrases: Sequence[str] = ()

    @property
    def exact(self) -> bool:
        """Whether words have to be looked at beside their forms."""
        return bool(self.phrases or self.unwanted_phrases)

    def marks(self, word: str) -> bool:
        """Whether a word of a text is one that was looked for."""
        if any(form.fits(known) for choice in self.wanted for form in choice for known in words.forms(word)):
            return True
        return any(f" {words.fold(word)} " in phrase for phrase in self.phrases)


def parse(text: str) -> Query:
    """The query in `text`: words, "phrases in quotes", -exclusions, and prefix* (which words of four letters
    on are anyway).

    Whatever else is typed separates words. Raises Invalid (field `search`) where nothing is left to be
    looked for, and for an endless text.
    """
    text = storable(text)
    if len(text) > LONGEST:
        raise Invalid(_("This is too long to search for. Please use at most 200 characters."), field="search")
    wanted: list[Choice] = []
    phrases: list[str] = []
    unwanted: list[Sequence[Choice]] = []
    unwanted_phrases: list[str] = []
    for part in _PART.finditer(text):
        if (phrase := part["phrase"]) is not None:
            plain = [word.plain for word in words.words(phrase)]
            if plain and part["minus"]:
                unwanted_phrases.append(f" {' '.join(plain)} ")
            elif plain:
                phrases.append(f" {' '.join(plain)} ")
                wanted += [(Form(word, open=False),) for word in plain]
            continue
        choices = _choices(part["word"])
        if choices and part["word"].startswith("-"):
            unwanted.append(choices)
        else:
            wanted += choices
    if not wanted:
        raise Invalid(
            _("There is nothing to look for in this. Type at least one word that is to be found.")
            if not unwanted and not unwanted_phrases
            else _("Only what is to be left out is named. Add a word that is to be found."),
            field="search",
        )
    return Query(tuple(dict.fromkeys(wanted)), tuple(phrases), tuple(unwanted), tuple(unwanted_phrases))


def _choices(typed: str) -> list[Choice]:
    """The words in what was typed without a space: an address or a compound with hyphens has several."""
    found = list(words.words(typed))
    return [
        _choice(typed[word.start : word.end], starred=typed[word.end : word.end + 1] == "*") for word in found
    ]


def _choice(word: str, *, starred: bool) -> Choice:
    plain = words.fold(word)
    # The plain form is not asked for by itself where a stem, its beginning, finds the same and more.
    wanted = [plain] if starred else sorted(words.forms(word), key=len)
    kept: list[Form] = []
    for text in wanted:
        form = Form(text, open=len(text) >= (words.SHORTEST_TYPED if starred else words.SHORTEST_PREFIX))
        if text and not any(known.fits(text) for known in kept):
            kept.append(form)
    return tuple(kept)
