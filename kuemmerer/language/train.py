"""Training the shipped model from nothing, the same bytes each time. Needs scikit-learn.

For each language and label a logistic regression and an NB-SVM (Wang and Manning 2012, "Baselines and
Bigrams") are fitted to the same features, and the mean of their log-odds is one column of a matrix. How sure
a score is, and from where an intent counts, is learned on texts that the columns have not seen: folds that
keep a branch of business together, as the next customer's trade is none of those.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sparse
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score

from kuemmerer.language import foreign
from kuemmerer.language.corpora import Example
from kuemmerer.language.features import BATCH, BUCKETS, Floats, extract
from kuemmerer.language.model import COLUMNS, Model, Scorer
from kuemmerer.language.verdict import INTENTS, LANGUAGES, TASKS

FOLDS = 4
RAREST = 2
"""Features that fewer texts have say more of those texts than of a label."""
PLAIN_C, BAYES_C, BAYES_ALPHA = 16.0, 4.0, 0.3
SHARES = {"banking77": 0.15, "davidson_en": 0.3, "gahd": 0.5, "potts_cgsa": 0.7}
"""What a text of a set weighs against one of the project's, whose labels mean exactly ours."""


@dataclass(frozen=True, kw_only=True)
class _Column:
    """What one label learns from: rows of the matrix, whether each has it, its weight and its fold."""

    rows: NDArray[np.int64]
    given: NDArray[np.bool_]
    weights: Floats
    folds: NDArray[np.int64]


_shared: Any = None
"""The matrix of features, for the processes that fit columns; forked, so that it is there only once."""


def train(
    examples: Sequence[Example], *, version: str, about: Mapping[str, Any], processes: int = 2
) -> Model:
    """A model of these examples; `about` goes into it. Takes minutes."""
    idf = _idf(examples)
    language, language_scale, language_bias = _languages(examples, idf)
    scorers, figures = {}, {}
    for name in ("de", "en"):
        some = [one for one in examples if one.language == name]
        scorers[name], figures[name] = _scorer(some, idf, processes)
    return Model(
        version=version,
        about={**about, "unseen": figures},
        idf=idf,
        language=language,
        language_scale=language_scale,
        language_bias=language_bias,
        scorers=scorers,
    )


def _idf(examples: Sequence[Example]) -> Floats:
    """How rare each bucket is, in steps that compress well."""
    counts = np.zeros(BUCKETS)
    for start in range(0, len(examples), BATCH):
        found = extract([one.text for one in examples[start : start + BATCH]])
        keys = np.unique(found.doc * BUCKETS + found.bucket)
        counts += np.bincount(keys % BUCKETS, minlength=BUCKETS)
    raw = np.log((1 + len(examples)) / (1 + counts)) + 1
    return (np.round(raw * 8) / 8).astype(np.float32)


def design(examples: Sequence[Example], idf: Floats) -> Any:
    """The matrix of features: a row for each example, a column for each bucket."""
    rows, columns, values = [], [], []
    for start in range(0, len(examples), BATCH):
        some = examples[start : start + BATCH]
        doc, bucket, value = extract([one.text for one in some], [one.parent for one in some]).matrix(idf)
        rows.append(doc + start)
        columns.append(bucket)
        values.append(value)
    place = np.concatenate(rows), np.concatenate(columns)
    return sparse.csr_matrix((np.concatenate(values), place), shape=(len(examples), BUCKETS))


def _fold(example: Example) -> int:
    name = example.group or example.text
    return int.from_bytes(hashlib.sha256(f"{example.source} {name}".encode()).digest()[:4]) % FOLDS


def _column(examples: Sequence[Example], task: str, label: str) -> _Column:
    rows, given = [], []
    for row, example in enumerate(examples):
        if task == "intent" and label in example.labels:
            rows.append(row)
            given.append(bool(example.labels[label]))
        elif task in example.labels:
            value = example.labels[task]
            rows.append(row)
            given.append(label in value if task == "intent" else label == value)
    some = [examples[row] for row in rows]
    return _Column(
        rows=np.array(rows, np.int64),
        given=np.array(given, bool),
        weights=np.array([SHARES.get(one.source, 1.0) for one in some], np.float32),
        folds=np.array([_fold(one) for one in some], np.int64),
    )


def _fit(matrix: Any, given: NDArray[np.bool_], weights: Floats) -> tuple[NDArray[np.float64], float]:
    """One column: weights by bucket, and bias. Where all or none have the label nothing is learned."""
    if given.all() or not given.any():
        return np.zeros(BUCKETS), 0.0
    kept = np.flatnonzero(np.bincount(matrix.indices, minlength=BUCKETS) >= RAREST)
    some = matrix[:, kept]
    column, bias = np.zeros(BUCKETS), 0.0
    for ratio, strength in ((np.ones(len(kept)), PLAIN_C), (_ratios(some, given, weights), BAYES_C)):
        fitted = LogisticRegression(C=strength, solver="liblinear", tol=1e-3, random_state=0)
        fitted.fit(some.multiply(ratio).tocsr(), given, sample_weight=weights)
        column[kept] += fitted.coef_[0] * ratio / 2
        bias += float(fitted.intercept_[0]) / 2
    return column, bias


def _ratios(matrix: Any, given: NDArray[np.bool_], weights: Floats) -> NDArray[np.float64]:
    """The log of how much more frequent each feature is with the label than without."""
    there = (matrix > 0).astype(np.float64)
    with_, without = (
        BAYES_ALPHA + np.asarray((there[at].T @ weights[at]).ravel(), np.float64) for at in (given, ~given)
    )
    found: NDArray[np.float64] = np.log(with_ / with_.sum()) - np.log(without / without.sum())
    return found


def _work(order: tuple[_Column, int | None]) -> tuple[NDArray[np.float64], float]:
    """Fit a column without one fold, or with all; of a fold, the scores of its own texts."""
    column, fold = order
    learn = np.ones(len(column.rows), bool) if fold is None else column.folds != fold
    weights, bias = _fit(_shared[column.rows[learn]], column.given[learn], column.weights[learn])
    if fold is None:
        return weights, bias
    return _shared[column.rows[~learn]] @ weights + bias, 0.0


def _scorer(examples: Sequence[Example], idf: Floats, processes: int) -> tuple[Scorer, dict[str, Any]]:
    """A language's columns, and how good they are on texts that they have not seen."""
    global _shared  # noqa: PLW0603 - see there
    _shared = design(examples, idf)
    columns = [_column(examples, task, label) for task, label in COLUMNS]
    orders = [(column, fold) for column in columns for fold in (None, *range(FOLDS))]
    with ProcessPoolExecutor(processes) as pool:
        found = list(pool.map(_work, orders))
    _shared = None
    weights = np.zeros((BUCKETS, len(COLUMNS)))
    bias = np.zeros(len(COLUMNS))
    unseen = np.full((len(examples), len(COLUMNS)), np.nan)
    for number, column in enumerate(columns):
        start = number * (FOLDS + 1)
        weights[:, number], bias[number] = found[start]
        for fold in range(FOLDS):
            unseen[column.rows[column.folds == fold], number] = found[start + 1 + fold][0]
    small, scale = _small(weights)
    slopes, offsets, thresholds = _intents(columns, unseen)
    scorer = Scorer(
        weights=small,
        scale=scale,
        bias=bias.astype(np.float32),
        mix={task: _mix(task, columns, unseen) for task in TASKS if task != "intent"},
        slopes=slopes,
        offsets=offsets,
        thresholds=thresholds,
    )
    return scorer, _figures(examples, columns, scorer, unseen)


def _figures(
    examples: Sequence[Example], columns: Sequence[_Column], scorer: Scorer, unseen: NDArray[np.float64]
) -> dict[str, Any]:
    """Accuracy and macro F1 by task and set, for intents F1, each on folds that were left out."""
    p = scorer.probabilities(np.nan_to_num(unseen).astype(np.float32))
    sources = np.array([one.source for one in examples])
    found: dict[str, Any] = {}
    for task, labels in TASKS.items():
        at = [COLUMNS.index((task, label)) for label in labels]
        if task == "intent":
            for number, label in zip(at, labels, strict=True):
                rows = columns[number].rows
                own = sources[rows] == "own"
                hit = p[task][rows, number - at[0]] >= scorer.thresholds[number - at[0]]
                found[f"intent {label}"] = round(
                    _f1(columns[number].given[own], hit[own], np.ones(own.sum(), np.float32)), 3
                )
            continue
        rows = columns[at[0]].rows
        truth = np.argmax([columns[number].given for number in at], axis=0)
        guess = p[task][rows].argmax(axis=1)
        for source in sorted(set(sources[rows])):
            here = sources[rows] == source
            found[f"{task} {source}"] = {
                "texts": int(here.sum()),
                "accuracy": round(float((truth[here] == guess[here]).mean()), 3),
                "macro_f1": round(float(f1_score(truth[here], guess[here], average="macro")), 3),
            }
    return found


def _small(weights: NDArray[np.float64]) -> tuple[NDArray[np.int8], Floats]:
    """Each column in 255 steps; what goes beyond three times its largest hundredth is cut off."""
    scale = np.array(
        [np.percentile(np.abs(column[column != 0]), 99.9) if column.any() else 1 for column in weights.T]
    )
    scale /= 127
    return np.clip(np.round(weights / scale), -127, 127).astype(np.int8), scale.astype(np.float32)


def _mix(task: str, columns: Sequence[_Column], unseen: NDArray[np.float64]) -> Floats:
    """What makes calibrated log-odds of a task's scores: a matrix, and a last row that is added."""
    at = np.array([COLUMNS.index((task, label)) for label in TASKS[task]])
    rows = columns[at[0]].rows
    truth = np.argmax([columns[number].given for number in at], axis=0)
    fitted = LogisticRegression(C=10.0, max_iter=1000)
    fitted.fit(unseen[np.ix_(rows, at)], truth, sample_weight=columns[at[0]].weights)
    return np.vstack([fitted.coef_.T, fitted.intercept_]).astype(np.float32)


def _intents(columns: Sequence[_Column], unseen: NDArray[np.float64]) -> tuple[Floats, Floats, Floats]:
    """For each intent slope and offset of its calibration (Platt 1999), and the best threshold by F1."""
    slopes, offsets, thresholds = [], [], []
    for label in INTENTS:
        number = COLUMNS.index(("intent", label))
        column = columns[number]
        scores = unseen[column.rows, number]
        fitted = LogisticRegression(C=10.0).fit(scores[:, None], column.given, sample_weight=column.weights)
        slope, offset = float(fitted.coef_[0, 0]), float(fitted.intercept_[0])
        p = 1 / (1 + np.exp(-(scores * slope + offset)))
        steps = np.arange(0.15, 0.7, 0.01)
        best = [_f1(column.given, p >= step, column.weights) for step in steps]
        slopes.append(slope)
        offsets.append(offset)
        thresholds.append(steps[int(np.argmax(best))])
    return np.array(slopes, np.float32), np.array(offsets, np.float32), np.array(thresholds, np.float32)


def _f1(given: NDArray[np.bool_], found: NDArray[np.bool_], weights: Floats) -> float:
    hits = float(weights[given & found].sum())
    return 2 * hits / max(1e-9, float(weights[given].sum() + weights[found].sum()))


def _languages(examples: Sequence[Example], idf: Floats) -> tuple[NDArray[np.int8], Floats, Floats]:
    """What tells German and English from all else, learned from whole texts and from their first words."""
    some = [one for one in examples if any(map(str.isalpha, one.text))]
    some = [one for number, one in enumerate(some) if one.source == "own" or number % 3 == 0]
    texts = [*((one.text, one.language) for one in some), *((text, "other") for text in foreign.texts())]
    cut = [(" ".join(text.split()[: 2 + number % 5]), name) for number, (text, name) in enumerate(texts)]
    everything = [*texts, *cut]
    matrix = design([Example(text=t, language=n, source="", labels={}) for t, n in everything], idf)
    names = np.array([name for _, name in everything])
    weights, bias = np.zeros((BUCKETS, len(LANGUAGES))), np.zeros(len(LANGUAGES))
    for number, name in enumerate(LANGUAGES):
        fitted = LogisticRegression(C=16.0, solver="liblinear", tol=1e-3, random_state=0)
        fitted.fit(matrix, names == name)
        weights[:, number], bias[number] = fitted.coef_[0], fitted.intercept_[0]
    weights[np.bincount(matrix.indices, minlength=BUCKETS) < 2 * RAREST] = 0
    small, scale = _small(weights)
    return small, scale, bias.astype(np.float32)
