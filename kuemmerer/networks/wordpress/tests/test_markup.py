"""HTML to text and back."""

from __future__ import annotations

import html
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuemmerer.networks.wordpress.markup import comment_html, exactly, linked, post_html, readable


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("Eins\nZwei\n\nDrei", "Eins\nZwei\n\nDrei"),
        ("Eins<br />\nZwei<br>Drei", "Eins\nZwei\nDrei"),
        ("5 &lt; 6 &amp; &quot;so&quot; &#8211; <b>fett</b>", '5 < 6 & "so" – fett'),
        ('<a href="https://a.example/?x=1&amp;y=2">hier</a>', "hier (https://a.example/?x=1&y=2)"),
        ('<a href="https://a.example/">https://a.example</a>', "https://a.example"),
        ('<a href="javascript:alert(1)">hier</a>', "hier"),
        ('Na <img class="wp-smiley" src="x" alt="🙂"> dann', "Na 🙂 dann"),
        ("<script>alert(1)</script>weg", "weg"),
        ("", ""),
    ],
)
def test_what_was_typed_is_read(raw: str, text: str) -> None:
    assert readable(raw, raw=True) == text


def test_what_is_rendered_is_read() -> None:
    markup = "<p>Eins<br />\nZwei</p>\n\n<ul>\n<li>a</li>\n<li>b</li>\n</ul>\n<p>Drei\nvier</p>\n"
    assert readable(markup, raw=False) == "Eins\nZwei\n\na\nb\n\nDrei vier"


@pytest.mark.parametrize(
    "bomb", ["<a href=x>" * 40_000, "<img alt=" * 40_000, "<" * 100_000, "<br>" * 100_000]
)
def test_hostile_markup_is_read_in_time(bomb: str) -> None:
    began = time.monotonic()
    readable(bomb, raw=True)
    readable(bomb, raw=False)
    assert time.monotonic() - began < 15


@given(st.text())
def test_escaping_loses_nothing(text: str) -> None:
    assert html.unescape(exactly(text)) == html.unescape(exactly(html.unescape(exactly(text))))
    assert not re.search("[<>\"']", re.sub(r'</?a(?: href="[^"<>]*")?>', "", linked(text)))


@given(st.text(alphabet="ab -.:;x5()[]'\"&<>`🙂www.tm/https://"))
def test_a_browser_shows_the_text_itself(text: str) -> None:
    assert html.unescape(re.sub(r"<[^>]*>", "", linked(text))) == text


def test_web_addresses_become_links_without_the_full_stop() -> None:
    assert linked("Siehe https://a.example/b_(c).") == (
        'Siehe <a href="https://a.example/b_(c)">https://a.example/b_(c)</a>.'
    )
    assert "<a" not in linked("javascript:alert(1) und www.a.example")


def test_characters_that_old_tables_cannot_hold_are_spelled_out() -> None:
    assert comment_html("Ja 😀") == "Ja &#128512;"


def test_paragraphs_of_a_post() -> None:
    assert post_html("Eins\nzwei\r\n\r\n\n<b>drei</b>") == (
        "<p>Eins<br />\nzwei</p>\n\n<p>&#60;b&#62;drei&#60;/b&#62;</p>"
    )
