from __future__ import annotations

import pytest

from kuemmerer.language.lexicon import FILES, FOLDER, KINDS, Lexicon, shipped
from kuemmerer.language.normal import folded, visible
from kuemmerer.language.tokens import tokens

lexicon = Lexicon(
    [
        ("enttäusch*", "-2"),
        ("*chaos", "-3"),
        ("gut", "2"),
        ("geht gar nicht", "-3"),
        ("geht", "1"),
        ("😡", "-3"),
        (":(", "-2"),
    ]
)


def kinds(text: str) -> list[str]:
    return [KINDS[kind] for kind in lexicon.find(tokens([folded(visible(text))]))[2]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Enttäuschend und enttaeuscht", ["-2", "-2"]),
        ("Das Bahnchaos", ["-3"]),
        ("Gutschein", []),
        ("gut, GUT!", ["2", "2"]),
        ("Das geht gar nicht", ["-3"]),
        ("Es geht gut", ["1", "2"]),
        ("😡 :(", ["-3", "-2"]),
        ("", []),
    ],
)
def test_words_stems_endings_and_phrases_are_found(text: str, expected: list[str]) -> None:
    assert kinds(text) == expected


def test_a_phrase_does_not_reach_into_the_next_text() -> None:
    assert not len(lexicon.find(tokens(["das geht gar", "nicht"]))[0][1:])


@pytest.mark.parametrize("name", FILES)
def test_each_line_of_the_shipped_lists_is_a_form_and_what_it_says(name: str) -> None:
    lines = (FOLDER / name).read_text(encoding="utf-8").splitlines()
    entries = [line.split("\t") for line in lines]
    assert [line for line, parts in zip(lines, entries, strict=True) if len(parts) != 2 or not parts[0]] == []
    assert {value for _form, value in entries} <= set(KINDS)
    forms = [form for form, _value in entries]
    assert len(set(forms)) == len(forms)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Ich bin begeistert", {"1", "2", "3"}),
        ("völlig enttäuscht", {"-1", "-2", "-3"}),
        ("ihr Idioten", {"insult"}),
    ],
)
def test_the_shipped_lists_know_common_words(text: str, expected: set[str]) -> None:
    found = shipped().find(tokens([folded(visible(text))]))[2]
    assert {KINDS[kind] for kind in found} & expected
