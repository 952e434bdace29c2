from __future__ import annotations

import pytest

from kuemmerer.language.lexicon import KINDS, Lexicon, shipped
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


def test_the_shipped_lists_say_only_what_is_known() -> None:
    assert shipped() is shipped()
