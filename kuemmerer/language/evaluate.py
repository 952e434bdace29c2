"""How good verdicts are, measured with labelled texts."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kuemmerer.language.model import Model
from kuemmerer.language.verdict import INTENTS, LANGUAGES, MEASURED, OFFENCES, SENTIMENTS, Verdict

_BINS = 10
_OFFENCE_NAMES = {
    "OTHER": "none",
    "OFFENSE": "offence",
    "INSULT": "insult",
    "ABUSE": "hate",
    "PROFANITY": "insult",
    "neither": "none",
    "offensive": "insult",
    "0": "none",
    "1": "offence",
    "False": "none",
    "True": "offence",
}
_YES, _NO = {"1", "true", "yes", "ja"}, {"0", "false", "no", "nein", "ham", "none", "other", ""}


def evaluate(task: str, rows: Sequence[Mapping[str, Any]], model: Model) -> dict[str, Any]:
    """Figures of a task on rows with `text`, `label` and perhaps `parent`.

    Labels are the task's own; for `intent` a list or one of them; for spam, question, complaint and praise
    also true and false; for offence also OFFENSE and OTHER, which then count all offences as one. Returns
    accuracy (for intents: all right), macro and micro F1, precision, recall and F1 by class, the calibration
    error (Guo et al. 2017, ten bins of equal width) and texts per second of one process. Raises ValueError
    for a task or label that there is not.
    """
    if task not in MEASURED:
        raise ValueError(f"{task} is not measured: {', '.join(MEASURED)}")
    start = time.perf_counter()
    verdicts = model.classify([row["text"] for row in rows], [row.get("parent") for row in rows])
    seconds = time.perf_counter() - start
    labels = [row["label"] for row in rows]
    if task == "intent":
        figures = _several(labels, verdicts)
    elif task in INTENTS:
        figures = _one_intent(task, labels, verdicts)
    else:
        figures = _one_label(task, list(map(str, labels)), verdicts)
    return {
        "task": task,
        "texts": len(rows),
        **figures,
        "texts_per_second": round(len(rows) / max(seconds, 1e-9)),
        "model": model.version,
    }


def _one_label(task: str, labels: Sequence[str], verdicts: Sequence[Verdict]) -> dict[str, Any]:
    known: tuple[str, ...] = {"sentiment": SENTIMENTS, "offence": OFFENCES, "language": LANGUAGES}[task]
    found = [getattr(verdict, task) for verdict in verdicts]
    p = np.array([getattr(verdict, f"{task}_p") for verdict in verdicts])
    if task == "offence":
        labels = [_OFFENCE_NAMES.get(label, label) for label in labels]
        if "offence" in labels:
            known = ("none", "offence")
            found = ["none" if label == "none" else "offence" for label in found]
            labels = ["none" if label == "none" else "offence" for label in labels]
    if wrong := set(labels) - set(known):
        raise ValueError(f"{', '.join(sorted(wrong))}: not among {', '.join(known)}")
    classes = [name for name in known if name in labels or name in found]
    by_class = {name: _class([x == name for x in labels], [x == name for x in found]) for name in classes}
    right = np.array(labels) == np.array(found)
    return {
        "accuracy": _rounded(right.mean()),
        "macro_f1": _macro(by_class),
        "micro_f1": _rounded(right.mean()),
        "classes": by_class,
        "calibration_error": calibration_error(right, p),
    }


def _one_intent(task: str, labels: Sequence[Any], verdicts: Sequence[Verdict]) -> dict[str, Any]:
    truth = np.array([_holds(task, label) for label in labels])
    found = np.array([task in verdict.intent for verdict in verdicts])
    p = np.array([verdict.intent_p[task] for verdict in verdicts])
    by_class = {task: _class(truth, found), f"no {task}": _class(~truth, ~found)}
    right = truth == found
    return {
        "accuracy": _rounded(right.mean()),
        "macro_f1": _macro(by_class),
        "micro_f1": _rounded(right.mean()),
        "classes": by_class,
        "recall_at_precision_90": recall_at(0.9, truth, p),
        "calibration_error": calibration_error(truth, p),
    }


def _holds(task: str, label: Any) -> bool:
    if isinstance(label, list):
        return task in label
    name = str(label).lower()
    if name in _YES or name == task:
        return True
    if name in _NO or name in INTENTS or name in {f"no {task}", f"no_{task}", f"not_{task}", f"non-{task}"}:
        return False
    raise ValueError(f"{label}: neither {task} nor its opposite")


def _several(labels: Sequence[Any], verdicts: Sequence[Verdict]) -> dict[str, Any]:
    truth = [frozenset([label] if isinstance(label, str) else label) for label in labels]
    if wrong := frozenset[str]().union(*truth) - set(INTENTS):
        raise ValueError(f"{', '.join(sorted(wrong))}: not among {', '.join(INTENTS)}")
    given = np.array([[name in each for name in INTENTS] for each in truth])
    found = np.array([[name in verdict.intent for name in INTENTS] for verdict in verdicts])
    p = np.array([[verdict.intent_p[name] for name in INTENTS] for verdict in verdicts])
    by_class = {
        name: {
            **_class(given[:, at], found[:, at]),
            "recall_at_precision_90": recall_at(0.9, given[:, at], p[:, at]),
            "calibration_error": calibration_error(given[:, at], p[:, at]),
        }
        for at, name in enumerate(INTENTS)
        if given[:, at].any() or found[:, at].any()
    }
    micro = _class(given.ravel(), found.ravel())
    return {
        "accuracy": _rounded((given == found).all(axis=1).mean()),
        "macro_f1": _macro(by_class),
        "micro_f1": micro["f1"],
        "classes": by_class,
        "calibration_error": calibration_error(given.ravel(), p.ravel()),
    }


def _class(truth: Any, found: Any) -> dict[str, Any]:
    truth, found = np.asarray(truth, bool), np.asarray(found, bool)
    hits = float((truth & found).sum())
    return {
        "precision": _rounded(hits / max(1, found.sum())),
        "recall": _rounded(hits / max(1, truth.sum())),
        "f1": _rounded(2 * hits / max(1, truth.sum() + found.sum())),
        "texts": int(truth.sum()),
    }


def _macro(by_class: Mapping[str, Mapping[str, Any]]) -> float:
    return _rounded(float(np.mean([each["f1"] for each in by_class.values()]))) if by_class else 0.0


def _rounded(value: Any) -> float:
    return round(float(value), 4)


def calibration_error(right: NDArray[np.bool_], p: NDArray[np.float64]) -> float:
    """The mean distance between probability and frequency over ten bins, weighted by their texts."""
    at = np.minimum((p * _BINS).astype(int), _BINS - 1)
    gaps = [
        abs(right[at == place].mean() - p[at == place].mean()) * (at == place).sum()
        for place in range(_BINS)
        if (at == place).any()
    ]
    return _rounded(sum(gaps) / max(1, len(p)))


def recall_at(precision: float, truth: NDArray[np.bool_], p: NDArray[np.float64]) -> float:
    """The largest share of the true ones that is found by any threshold whose precision is at least this."""
    order = np.argsort(-p, kind="stable")
    hits = np.cumsum(truth[order])
    good = hits / np.arange(1, len(hits) + 1) >= precision
    return _rounded(hits[good].max() / max(1, truth.sum())) if good.any() else 0.0
