"""The features of a text, against a slow count, word by word."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kuemmerer.language.features import BATCH, CHARS, WORDS, Features, extract
from kuemmerer.language.normal import LONGEST, MENTION, URL, folded, visible

TEXTS = st.text(
    st.one_of(
        st.sampled_from("abc äöüß ?!.,  \n nicht"),
        st.characters(exclude_categories=["Cs"], max_codepoint=0x1FFFF),
    ),
    max_size=60,
)


def plain(text: str) -> str:
    return folded(visible(text))


def spans(features: Features, doc: int, group: int) -> Counter[tuple[int, int]]:
    at = (features.doc == doc) & (features.group == group)
    return Counter(zip(features.start[at].tolist(), features.end[at].tolist(), strict=True))


def words(text: str) -> list[tuple[int, int]]:
    """Letters and digits in a row are a word, every other sign is one."""
    found: list[tuple[int, int]] = []
    open_ = False
    for at, letter in enumerate(text):
        if letter.isspace() or letter < " ":
            open_ = False
        elif letter.isalnum() if ord(letter) < 0x3000 else False:
            if open_:
                found[-1] = (found[-1][0], at + 1)
            else:
                found.append((at, at + 1))
            open_ = True
        else:
            found.append((at, at + 1))
            open_ = False
    return found


@given(st.lists(TEXTS, min_size=1, max_size=5))
@settings(max_examples=60, deadline=None)
def test_words_and_their_neighbours_are_found_where_they_stand(texts: list[str]) -> None:
    features = extract(texts)
    for doc, text in enumerate(texts):
        found = spans(features, doc, WORDS)
        single = words(plain(text))
        for length in (1, 2, 3):
            for first, last in zip(single, single[length - 1 :], strict=False):
                assert found[first[0], last[1]] >= 1, (text, first, last)


@given(st.lists(TEXTS, min_size=1, max_size=5))
@settings(max_examples=60, deadline=None)
def test_pieces_of_characters_are_counted_as_a_loop_counts_them(texts: list[str]) -> None:
    features = extract(texts)
    for doc, text in enumerate(texts):
        padded = f" {plain(text)} "
        blank = [letter.isspace() or letter < " " for letter in padded]
        expected = Counter(
            (at - 1, at + length - 1)
            for length in range(2, 7)
            for at in range(len(padded) - length + 1)
            if not any(blank[at + 1 : at + length - 1]) and not (length == 2 and blank[at] and blank[at + 1])
        )
        assert spans(features, doc, CHARS) == expected


@given(st.lists(TEXTS, min_size=2, max_size=6))
@settings(max_examples=60, deadline=None)
def test_the_neighbours_in_a_batch_change_nothing(texts: list[str]) -> None:
    together = extract(texts)
    for doc, text in enumerate(texts):
        alone = extract([text])
        here = together.of(np.array([doc]))
        assert sorted(zip(here.group, here.bucket, strict=True)) == sorted(
            zip(alone.group, alone.bucket, strict=True)
        )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Grüße aus Köln", "Gruesse aus Koeln"),
        ("soooooo lecker", "soo lecker"),
        ("Danke 👍🏽", "Danke 👍"),
        ("Kolleg*innen", "KollegInnen"),
        ("Z̷̛͝a̵͠l̶g̴o̸", "Zalgo"),
        ("&uuml;ber&nbsp;uns", "über uns"),
        ("<b>fett</b>", " fett "),
        ("Bestellung 4711", "Bestellung 9023"),
    ],
)
def test_one_thing_spelled_in_two_ways_is_one_thing(one: str, other: str) -> None:
    assert plain(one).split() == plain(other).split()


def test_addresses_and_handles_are_marked() -> None:
    assert plain("Hallo @baecker, siehe https://example.org/a?b=1 und example.de").split() == [
        "hallo",
        f"{MENTION}baecker,",
        "siehe",
        URL,
        "und",
        URL,
    ]


def test_of_a_very_long_text_the_beginning_and_the_end_are_seen() -> None:
    text = "Anfang " + "x " * 200_000 + "Ende"
    assert len(visible(text)) <= LONGEST + 1
    assert visible(text).startswith("Anfang")
    assert visible(text).endswith("Ende")


def test_a_whole_batch_of_the_longest_texts_fits() -> None:
    for piece in ("ab ", "…a", "äö", "ﷺ "):
        texts = [piece * LONGEST] * BATCH
        assert extract(texts, texts).count == BATCH
