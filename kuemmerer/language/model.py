"""The trained model: loading it, and from features to verdicts.

For each language one matrix has a column for each label. A score is a sum over the features of a text, so a
verdict can be taken apart again: every word has its share in it.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kuemmerer.language import identify
from kuemmerer.language.features import BATCH, BUCKETS, Features, Floats, extract
from kuemmerer.language.verdict import ALONE, INTENTS, LANGUAGES, TASKS, Verdict

SHIPPED = Path(__file__).with_name("model.npz")
FORMAT = 1
COLUMNS = tuple((task, label) for task, labels in TASKS.items() for label in labels)


class BrokenModel(Exception):
    """A model file that cannot be used; says which and why."""


@dataclass(frozen=True, kw_only=True)
class Scorer:
    """The columns of one language. `weights` are whole numbers, times `scale` they are log-odds."""

    weights: NDArray[np.int8]
    scale: Floats
    bias: Floats
    mix: Mapping[str, Floats]
    """For each task but intent: how the scores of its labels become log-odds that are calibrated."""
    slopes: Floats
    offsets: Floats
    """The same for each intent alone."""
    thresholds: Floats
    """From which probability on an intent is given."""

    def scores(self, features: Features, idf: Floats) -> Floats:
        """A row for each text, a column for each label."""
        doc, bucket, value = features.matrix(idf)
        return _summed(doc, value[:, None] * self.weights[bucket], features.count) * self.scale + self.bias

    def probabilities(self, scores: Floats) -> dict[str, Floats]:
        """For each task a row for each text, a column for each label; rows add up to 1 but for intents."""
        found = {}
        for task, labels in TASKS.items():
            at = COLUMNS.index((task, labels[0]))
            own = scores[:, at : at + len(labels)]
            if task == "intent":
                found[task] = 1 / (1 + np.exp(-(own * self.slopes + self.offsets)))
            else:
                found[task] = _softmax(own @ self.mix[task][:-1] + self.mix[task][-1])
        return found


@dataclass(frozen=True, kw_only=True)
class Model:
    version: str
    about: Mapping[str, Any]
    """What it was trained on, with which licences, and its figures."""
    idf: Floats
    language: NDArray[np.int8]
    language_scale: Floats
    language_bias: Floats
    scorers: Mapping[str, Scorer]

    def classify(self, texts: Sequence[str], parents: Sequence[str | None] | None = None) -> list[Verdict]:
        """A verdict for each text, in their order."""
        found: list[Verdict] = []
        for start in range(0, len(texts), BATCH):
            end = start + BATCH
            found += self._batch(texts[start:end], parents[start:end] if parents else None)
        return found

    def languages(self, texts: Sequence[str], features: Features) -> Floats:
        """For each text the probabilities of German, English and another language."""
        doc, bucket, value = features.matrix(self.idf)
        scores = _summed(doc, value[:, None] * self.language[bucket], features.count)
        return identify.settle(texts, _softmax(scores * self.language_scale + self.language_bias))

    def _batch(self, texts: Sequence[str], parents: Sequence[str | None] | None) -> list[Verdict]:
        features = extract(texts, parents)
        languages = self.languages(texts, features)
        chosen = languages.argmax(axis=1)
        found: list[Verdict | None] = [None] * len(texts)
        for number, language in enumerate(LANGUAGES):
            at = np.flatnonzero(chosen == number)
            scorer = self.scorers.get(language)
            if scorer is None or not len(at):
                for place in at:
                    found[place] = _no_guess(float(languages[place, number]), self.version)
                continue
            some = features if len(at) == len(texts) else features.of(at)
            p = scorer.probabilities(scorer.scores(some, self.idf))
            for row, place in enumerate(at):
                each = {task: values[row] for task, values in p.items()}
                found[place] = self._verdict(language, float(languages[place, number]), each, scorer)
        return [verdict for verdict in found if verdict is not None]

    def _verdict(self, language: str, p: float, each: Mapping[str, Floats], scorer: Scorer) -> Verdict:
        best = {task: int(each[task].argmax()) for task in ("sentiment", "offence", "urgency")}
        return Verdict(
            language=language,
            language_p=p,
            sentiment=TASKS["sentiment"][best["sentiment"]],
            sentiment_p=float(each["sentiment"][best["sentiment"]]),
            intent=chosen_intents(each["intent"], scorer.thresholds),
            intent_p=dict(zip(INTENTS, map(float, each["intent"]), strict=True)),
            offence=TASKS["offence"][best["offence"]],
            offence_p=float(each["offence"][best["offence"]]),
            urgency=TASKS["urgency"][best["urgency"]],
            urgency_p=float(each["urgency"][best["urgency"]]),
            model=self.version,
        )

    def save(self, path: Path) -> None:
        """Write it; the same model gives the same bytes."""
        arrays: dict[str, Any] = {
            "idf": self.idf,
            "language": self.language,
            "language_scale": self.language_scale,
            "language_bias": self.language_bias,
        }
        for name, scorer in self.scorers.items():
            used = np.flatnonzero(scorer.weights.any(axis=1))
            arrays[f"{name}.rows"] = used.astype(np.uint32)
            arrays[f"{name}.weights"] = np.ascontiguousarray(scorer.weights[used].T)
            for field in ("scale", "bias", "slopes", "offsets", "thresholds"):
                arrays[f"{name}.{field}"] = getattr(scorer, field)
            for task, mix in scorer.mix.items():
                arrays[f"{name}.mix.{task}"] = mix
        head = {"format": FORMAT, "version": self.version, "about": self.about}
        arrays["head"] = np.frombuffer(json.dumps(head, sort_keys=True).encode(), np.uint8)
        np.savez_compressed(path, **arrays)


def load(path: Path = SHIPPED) -> Model:
    """The model in this file. Raises BrokenModel."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as found:
            arrays = {name: found[name] for name in found.files}
        head = json.loads(arrays["head"].tobytes())
        if head["format"] != FORMAT:
            raise BrokenModel(f"{path} is of format {head['format']}, this version reads {FORMAT}")
        return Model(
            version=head["version"],
            about=head["about"],
            idf=_sized(arrays["idf"]),
            language=_sized(arrays["language"]),
            language_scale=arrays["language_scale"],
            language_bias=arrays["language_bias"],
            scorers={name: _scorer(arrays, name) for name in LANGUAGES if f"{name}.rows" in arrays},
        )
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, IndexError, TypeError) as error:
        raise BrokenModel(f"{path} is not a model that can be read: {error}") from error


@cache
def shipped() -> Model:
    """The model of this version."""
    return load()


def _scorer(arrays: Mapping[str, Any], name: str) -> Scorer:
    weights = np.zeros((BUCKETS, len(COLUMNS)), np.int8)
    weights[arrays[f"{name}.rows"]] = arrays[f"{name}.weights"].T
    return Scorer(
        weights=weights,
        mix={task: arrays[f"{name}.mix.{task}"] for task in TASKS if task != "intent"},
        **{
            field: arrays[f"{name}.{field}"] for field in ("scale", "bias", "slopes", "offsets", "thresholds")
        },
    )


def _sized(array: NDArray[Any]) -> NDArray[Any]:
    if len(array) != BUCKETS:
        raise ValueError(f"{len(array)} rows instead of {BUCKETS}")
    return array


def _summed(doc: NDArray[np.int64], values: Floats, count: int) -> Floats:
    bounds = np.searchsorted(doc, np.arange(count))
    return np.add.reduceat(values, bounds, axis=0)


def _softmax(scores: Floats) -> Floats:
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    found: Floats = powers / powers.sum(axis=1, keepdims=True)
    return found


def chosen_intents(p: Floats, thresholds: Floats) -> tuple[str, ...]:
    """The intents that are likely enough, the likeliest first, at most three; always at least one."""
    measured = p / thresholds
    order = np.argsort(-measured, kind="stable")
    if INTENTS[order[0]] in ALONE:
        return (INTENTS[order[0]],)
    likely = [INTENTS[place] for place in order[:5] if measured[place] >= 1]
    return tuple([name for name in likely if name not in ALONE][:3]) or (INTENTS[order[0]],)


def _no_guess(p: float, version: str) -> Verdict:
    return Verdict(
        language="other",
        language_p=p,
        sentiment="neutral",
        sentiment_p=0.0,
        intent=(),
        intent_p=dict.fromkeys(INTENTS, 0.0),
        offence="none",
        offence_p=0.0,
        urgency="normal",
        urgency_p=0.0,
        model=version,
    )
