"""From hostile HTML to plain text, in reasonable time."""

from __future__ import annotations

import time

import pytest

from kuemmerer.networks.text import MAX_CHARACTERS, plain, tidy


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("<p>Eins</p><p>Zwei<br>Drei</p>", "Eins\nZwei\nDrei"),
        ("Hallo <b>Welt</b> &amp; <i>alle</i>", "Hallo Welt & alle"),
        ("<script>alert(1)</script>Gut", "Gut"),
        ("<SCRIPT SRC=//evil.example></SCRIPT>Gut", "Gut"),
        ("<style>p{}</style>Gut", "Gut"),
        ("<img src=x onerror=alert(1)>Gut", "Gut"),
        ("<a href='javascript:alert(1)'>Klick</a>", "Klick"),
        ("1 &lt; 2", "1 < 2"),
        ("&lt;script&gt;alert(1)&lt;/script&gt;", "<script>alert(1)</script>"),
        ("<ul><li>a</li><li>b</li></ul>", "a\nb"),
        ("<!-- heimlich -->Gut", "Gut"),
        ("", ""),
        ("🥨 <b>\u05e9\u05dc\u05d5\u05dd</b> \u200d", "🥨 \u05e9\u05dc\u05d5\u05dd \u200d"),
    ],
)
def test_markup_becomes_plain_text(markup: str, text: str) -> None:
    assert plain(markup) == text


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("a\r\nb\rc", "a\nb\nc"),
        ("a\x00b\x07c\ud800d", "abcd"),
        ("a   \n\n\n\n\nb", "a\n\nb"),
        ("  a\tb  ", "a\tb"),
        ("a \u00a0\nb", "a\nb"),
        ("x" * (MAX_CHARACTERS + 1), "x" * (MAX_CHARACTERS - 1) + "…"),
    ],
)
def test_text_is_tidied(raw: str, text: str) -> None:
    assert tidy(raw) == text


HOSTILE = [
    "<div>" * 80_000,
    "<b>" * 130_000,
    "<a href=x>" * 40_000,
    "<p><table><svg><math>" * 20_000,
    "<" * 400_000,
    "<!--" * 100_000,
    "<script>" * 50_000,
    "< " * 200_000,
    "<br" * 130_000,
    "</p" + " " * 400_000,
    "a" + " " * 400_000 + "b\n",
    "a" + "\u00a0" * 400_000 + "b",
    "\n" * 400_000 + "x",
    " \n" * 200_000 + "x",
    "&" * 400_000,
    "&#x41;" * 60_000,
    "\x00" * 400_000,
    "<p>Hallo</p>" * 450_000,
]


@pytest.mark.parametrize("markup", HOSTILE, ids=range(len(HOSTILE)))
def test_no_comment_however_hostile_holds_a_worker(markup: str) -> None:
    started = time.process_time()
    found = plain(markup)
    tidy(markup)
    assert time.process_time() - started < 15
    assert len(found) <= MAX_CHARACTERS


@pytest.mark.parametrize("markup", ["<script>alert(1)</script>", "<style>x{}</style>", "<SCRIPT\n>alert(1)"])
def test_code_is_cut_out_of_endless_markup_too(markup: str) -> None:
    assert "alert" not in plain("<i>x</i>" * 3000 + markup)
    assert plain("<i>x</i>" * 3000) == "x" * 3000
