from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuemmerer.networks.mastodon.counting import letters, mastodon_length, unified

WORDS = st.text(alphabet="abcdefgh ijklmnop äöüß", max_size=60)
LINKS = st.from_regex(r"\Ahttps://[a-z]{2,12}\.(de|org|example)(/[a-z0-9]{0,80})?\Z")
PEOPLE = st.tuples(st.from_regex(r"\A[a-z][a-z0-9_]{0,12}\Z"), st.from_regex(r"\A[a-z]{2,12}\.[a-z]{2,5}\Z"))


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("", 0),
        ("Grüße", 5),
        ("👩‍👩‍👧‍👦🎉", 2),
        ("e\u0301", 1),
        ("🇩🇪", 1),
        ("https://example.org", 23),
        ("https://example.org/" + 300 * "x", 23),
        ("Siehe https://example.org/a.", 6 + 23 + 1),
        ("(https://example.org/a_(b))", 25),
        ("https://müller.example/grüße", 23),
        ("http://localhost/not-counted", 28),
        ("@erna", 5),
        ("@erna@far.example Hallo", 11),
        ("@erna@far.example:8090 Hallo", 11),
        ("mail@example.org", 16),
        ("https://example.org/@erna@far.example", 23),
        ("مرحبا", 5),
        ("a\nb", 3),
    ],
)
def test_a_text_is_as_long_as_mastodon_says(text: str, length: int) -> None:
    assert mastodon_length(text) == length


@given(WORDS, LINKS, WORDS)
def test_a_link_counts_the_same_however_long_it_is(before: str, link: str, after: str) -> None:
    rest = len(f"{before}  {after}")
    assert mastodon_length(f"{before} {link} {after}") == rest + 23
    assert mastodon_length(f"{before} {link} {after}", url_length=32) == rest + 32


@given(WORDS, PEOPLE)
def test_the_server_of_a_mention_is_free(text: str, someone: tuple[str, str]) -> None:
    name, server = someone
    assert mastodon_length(f"@{name}@{server} {text}") == mastodon_length(f"@{name} {text}")


@given(st.text(max_size=200))
def test_any_text_has_a_length(text: str) -> None:
    assert 0 <= mastodon_length(text) <= 23 * len(text)


@given(WORDS, PEOPLE)
def test_a_shortened_mention_and_other_spaces_are_the_same_text(text: str, someone: tuple[str, str]) -> None:
    name, server = someone
    assert unified(f"@{name}@{server}  {text} ") == unified(f"@{name} \n{text}")


@given(st.text(max_size=100))
def test_unifying_twice_changes_nothing_more(text: str) -> None:
    assert letters(letters(text)) == letters(text)
