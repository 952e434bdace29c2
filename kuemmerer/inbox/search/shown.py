"""What a list shows of a text that was found: the part around the words, and which words these are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from kuemmerer.inbox.models import Passage
from kuemmerer.inbox.search.finding import Hit
from kuemmerer.inbox.search.query import Query
from kuemmerer.inbox.search.words import words

LOOKED_AT = 20_000
"""Characters of a text in which words are marked."""
BEFORE, LENGTH = 25, 160
"""Characters before the first marked word and altogether: what two lines of a row hold."""


Kind = Literal["interaction", "reply", "note"]


@dataclass(frozen=True)
class Part:
    """A piece of text; `marked`: it was looked for."""

    text: str
    marked: bool


@dataclass(frozen=True, kw_only=True)
class Match:
    """Why a case was found: the text (`kind` is interaction, reply or note), and the part of it to be
    shown, on one line.
    """

    kind: Kind
    id: int
    parts: Sequence[Part]
    author: Sequence[Part]

    @property
    def anchor(self) -> str:
        """The id of the element on the case's page."""
        return f"{self.kind}-{self.id}"


def matches(hits: Iterable[Hit], query: Query, authors: Mapping[int, str]) -> dict[int, Match]:
    """What to show of each hit, by case; `authors` are the names of the cases' authors."""
    passages = Passage.objects.filter(pk__in=[hit.passage_id for hit in hits]).select_related(
        "link__interaction", "reply", "note"
    )
    found = {}
    for passage in passages.only(
        "case_id",
        "link__interaction__title",
        "link__interaction__text",
        "reply__text",
        "note__text",
    ):
        kind, pk, texts = _text(passage)
        found[passage.case_id] = Match(
            kind=kind,
            id=pk,
            parts=part(texts, query),
            author=_marked(authors.get(passage.case_id, ""), query),
        )
    return found


def _text(passage: Passage) -> tuple[Kind, int, Sequence[str]]:
    if passage.link is not None:
        interaction = passage.link.interaction
        return "interaction", interaction.pk, (interaction.text, interaction.title)
    if passage.reply is not None:
        return "reply", passage.reply.pk, (passage.reply.text,)
    if passage.note is not None:
        return "note", passage.note.pk, (passage.note.text,)
    raise LookupError(f"{passage} belongs to nothing")


def part(texts: Sequence[str], query: Query) -> Sequence[Part]:
    """Of the first text with a marked word the part around it; without any, how the first one begins."""
    lines = [" ".join(text[:LOOKED_AT].split()) for text in texts]
    for line in lines:
        spans = _spans(line, query)
        if spans:
            return _cut(line, spans)
    return _cut(next(filter(None, lines), ""), [])


def _spans(line: str, query: Query) -> list[tuple[int, int]]:
    return [(word.start, word.end) for word in words(line) if query.marks(line[word.start : word.end])]


def _cut(line: str, spans: Sequence[tuple[int, int]]) -> Sequence[Part]:
    start = 0
    if spans and spans[0][1] > 2 * BEFORE:
        start = line.find(" ", max(0, spans[0][0] - BEFORE), spans[0][0]) + 1 or spans[0][0]
    end = min(len(line), start + LENGTH)
    parts = [Part("…", marked=False)] if start else []
    parts += _parts(line, [(a, min(b, end)) for a, b in spans if start <= a < end], start, end)
    return [*parts, Part("…", marked=False)] if end < len(line) else parts


def _marked(line: str, query: Query) -> Sequence[Part]:
    return _parts(line, _spans(line, query), 0, len(line))


def _parts(line: str, spans: Sequence[tuple[int, int]], start: int, end: int) -> list[Part]:
    found = []
    for a, b in spans:
        found += [Part(line[start:a], marked=False), Part(line[a:b], marked=True)]
        start = b
    found.append(Part(line[start:end], marked=False))
    return [piece for piece in found if piece.text]
