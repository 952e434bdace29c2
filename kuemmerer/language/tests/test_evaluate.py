from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from kuemmerer.language import evaluate as measure
from kuemmerer.language.model import shipped

PAIRS = st.lists(st.tuples(st.booleans(), st.floats(0, 1)), min_size=1, max_size=60)


@given(PAIRS)
def test_recall_at_a_precision_is_the_best_of_all_thresholds(pairs: list[tuple[bool, float]]) -> None:
    truth, p = np.array([t for t, _ in pairs]), np.array([x for _, x in pairs])
    if len(set(p)) < len(p) or not truth.any():
        return
    best = max(
        (
            truth[p >= step].sum() / truth.sum()
            for step in p
            if truth[p >= step].sum() / (p >= step).sum() >= 0.9
        ),
        default=0.0,
    )
    assert measure.recall_at(0.9, truth, p) == pytest.approx(best, abs=1e-4)


@given(PAIRS)
def test_a_probability_that_is_kept_costs_nothing(pairs: list[tuple[bool, float]]) -> None:
    truth = np.array([t for t, _ in pairs])
    assert measure.calibration_error(truth, np.full(len(truth), truth.mean())) == pytest.approx(0, abs=1e-4)
    assert measure.calibration_error(truth, 1.0 - truth) == pytest.approx(1)


def test_the_figures_are_those_of_scikit_learn() -> None:
    texts = [
        "Super!",
        "Total kaputt, ich bin sauer.",
        "Wann habt ihr offen?",
        "Danke, sehr lecker",
        "Mist",
        "Hm",
    ]
    labels = ["positive", "negative", "neutral", "positive", "neutral", "neutral"]
    rows = [{"text": text, "label": label} for text, label in zip(texts, labels, strict=True)]
    found = [one.sentiment for one in shipped().classify(texts)]
    figures = measure.evaluate("sentiment", rows, shipped())
    assert figures["accuracy"] == pytest.approx(metrics.accuracy_score(labels, found), abs=1e-4)
    seen = sorted({*labels, *found})
    assert figures["macro_f1"] == pytest.approx(
        metrics.f1_score(labels, found, average="macro", labels=seen, zero_division=0), abs=1e-4
    )


@pytest.mark.parametrize(
    ("task", "label"), [("sentiment", "happy"), ("intent", ["question", "gossip"]), ("spam", "maybe")]
)
def test_a_label_that_there_is_not_is_named(task: str, label: object) -> None:
    with pytest.raises(ValueError, match=r"happy|gossip|maybe"):
        measure.evaluate(task, [{"text": "x", "label": label}], shipped())


@pytest.mark.parametrize("label", [True, 1, "1", "spam", ["spam"], "SPAM"])
def test_one_intent_may_be_labelled_in_many_ways(label: object) -> None:
    figures = measure.evaluate(
        "spam", [{"text": "Buy followers now! http://x.example", "label": label}], shipped()
    )
    assert figures["classes"]["spam"]["texts"] == 1


def test_where_a_set_knows_only_offence_all_kinds_of_it_are_one() -> None:
    rows = [{"text": "Ihr Idioten!", "label": "OFFENSE"}, {"text": "Schönes Wetter", "label": "OTHER"}]
    assert set(measure.evaluate("offence", rows, shipped())["classes"]) <= {"none", "offence"}
