"""Verdicts of the shipped model."""

from __future__ import annotations

import time

import pytest

from kuemmerer import language
from kuemmerer.language.model import shipped
from kuemmerer.language.verdict import INTENTS, OFFENCES, SENTIMENTS, URGENCIES


@pytest.mark.parametrize(
    ("text", "label", "intent"),
    [
        ("Wann habt ihr am Sonntag offen?", "neutral", "question"),
        ("Ich warte seit drei Wochen auf meine Bestellung, das ist eine Frechheit!", "negative", "complaint"),
        ("Vielen Dank, ihr seid die Besten, alles super gelaufen!", "positive", "praise"),
        ("When do you open on Sundays?", "neutral", "question"),
        ("Still no refund after four weeks, terrible service.", "negative", "complaint"),
        ("Thank you so much, the cake was absolutely lovely!", "positive", "praise"),
    ],
)
def test_what_everybody_understands_is_understood(text: str, label: str, intent: str) -> None:
    verdict = language.classify([text])[0]
    assert (verdict.sentiment, intent in verdict.intent) == (label, True), verdict


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Das Brot war gestern leider ganz trocken", "de"),
        ("The bread was rather dry yesterday", "en"),
        ("Le pain était malheureusement très sec hier", "other"),
        ("El pan estaba muy seco ayer por la tarde", "other"),
        ("Вчера хлеб был очень сухой", "other"),
        ("昨日のパンはとても乾いていました", "other"),
    ],
)
def test_the_language_is_named(text: str, expected: str) -> None:
    assert language.classify([text])[0].language == expected


def test_of_a_language_that_it_does_not_know_nothing_is_guessed() -> None:
    verdict = language.classify(["Le pain était malheureusement très sec hier, je suis déçu"])[0]
    assert (verdict.intent, verdict.sentiment_p, verdict.offence, verdict.urgency) == (
        (),
        0,
        "none",
        "normal",
    )


NASTY = [
    "",
    " ",
    "\n\n",
    "👍",
    "😡" * 5_000,
    "x" * 100_000,
    "Das ist toll. " * 8_000,
    "Z̷̢̛͎a̵͜͠l̶̡͠g̴̕͜o̸͝ ist hier" * 50,
    "مرحبا، متى تفتحون أبوابكم؟",
    "SGFsbG8gV2VsdCwgZGFzIGlzdCBCYXNlNjQ=" * 30,
    "<script>alert('x')</script><b>Wo ist mein Paket?</b>",
    "\x00\x01\x02",
    "\ud800",
    "?!?!?!",
    "1234567890",
    "https://example.org/",
]


@pytest.mark.parametrize("text", NASTY, ids=range(len(NASTY)))
def test_anything_may_be_a_text(text: str) -> None:
    verdict = language.classify([text])[0]
    assert verdict.sentiment in SENTIMENTS
    assert set(verdict.intent) <= set(INTENTS)
    assert (verdict.offence in OFFENCES, verdict.urgency in URGENCIES) == (True, True)
    for p in (verdict.sentiment_p, verdict.offence_p, verdict.urgency_p, *verdict.intent_p.values()):
        assert 0 <= p <= 1
    found, reasons = language.explain(text)
    assert found == verdict
    assert all(0 <= reason.start < reason.end <= len(text) for reason in reasons)


def test_nobody_s_verdict_depends_on_the_neighbours() -> None:
    together = language.classify(NASTY)
    for text, verdict in zip(NASTY, together, strict=True):
        alone = language.classify([text])[0]
        assert alone.intent == verdict.intent
        assert alone.sentiment_p == pytest.approx(verdict.sentiment_p, abs=1e-5)


def test_what_is_answered_is_taken_into_account() -> None:
    alone = language.classify(["Ja, immer noch nicht."])[0]
    answering = language.classify(["Ja, immer noch nicht."], ["Ist Ihre Lieferung inzwischen angekommen?"])[0]
    assert alone.intent_p != answering.intent_p


def test_the_words_that_decided_are_shown_where_they_stand() -> None:
    text = "Hallo zusammen, leider war die Ware völlig kaputt."
    verdict, reasons = language.explain(text)
    assert "complaint" in verdict.intent
    shown = {text[one.start : one.end] for one in reasons if one.label == "complaint"}
    assert shown & {"leider", "kaputt.", "völlig"}
    assert all(one.weight > 0 for one in reasons)


def test_a_small_batch_is_there_at_once() -> None:
    shipped()
    language.classify(["warm"])
    texts = ["Wo bleibt mein Paket? Ich warte seit einer Woche darauf."] * 20
    start = time.process_time()
    for text in texts:
        language.classify([text])
    assert (time.process_time() - start) / len(
        texts
    ) < 0.05  # measured 0.002; this only keeps it from being silly
