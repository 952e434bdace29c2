"""Why a text got its labels: which words spoke for them."""

from __future__ import annotations

import re
from collections import defaultdict

from kuemmerer.language.features import Floats, Ints, extract
from kuemmerer.language.model import COLUMNS, Model
from kuemmerer.language.normal import folded, visible
from kuemmerer.language.verdict import Reason, Verdict

_WORD = re.compile(r"\S+")
_AT_MOST = 5
_LEAST_SHARE = 0.08
"""Of what speaks for a label all in all; less decides nothing."""


def explained(text: str, model: Model, parent: str | None = None) -> tuple[Verdict, list[Reason]]:
    """The verdict, and for each of its labels the words that spoke for it most, by their place in `text`.

    A word's weight is the sum of its features' shares in the label's log-odds. Labels that say that nothing
    is there (`neutral`, `none`, `normal`) have no reasons.
    """
    verdict = model.classify([text], [parent])[0]
    scorer = model.scorers.get(verdict.language)
    if scorer is None:
        return verdict, []
    places, owners = _aligned(text)
    features = extract([places], [parent])
    _, bucket, value = features.matrix(model.idf)
    found = []
    for task, label in _labels(verdict):
        column = COLUMNS.index((task, label))
        shares = value * scorer.weights[bucket, column] * scorer.scale[column]
        found += _strongest(label, shares, features.start, features.end, owners)
    return verdict, found


def _labels(verdict: Verdict) -> list[tuple[str, str]]:
    told = [("intent", label) for label in verdict.intent if label != "chatter"]
    if verdict.sentiment != "neutral":
        told.append(("sentiment", verdict.sentiment))
    if verdict.offence != "none":
        told.append(("offence", verdict.offence))
    if verdict.urgency == "high":
        told.append(("urgency", verdict.urgency))
    return told


def _aligned(text: str) -> tuple[str, list[tuple[int, int]]]:
    """The text folded word by word, and for each character of that the word's place in the text."""
    words, owners = [], []
    for found in _WORD.finditer(text):
        plain = folded(visible(found[0])).strip()
        if plain:
            words.append(plain)
            owners += [found.span()] * (len(plain) + 1)
    return " ".join(words), owners


def _strongest(
    label: str,
    shares: Floats,
    start: Ints,
    end: Ints,
    owners: list[tuple[int, int]],
) -> list[Reason]:
    by_word: dict[tuple[int, int], float] = defaultdict(float)
    for share, first, last in zip(shares.tolist(), start.tolist(), end.tolist(), strict=True):
        covered = list(dict.fromkeys(owners[max(first, 0) : last])) if last > first else []
        for span in covered:
            by_word[span] += share / len(covered)
    total = sum(share for share in by_word.values() if share > 0)
    ranked = sorted(by_word.items(), key=lambda item: -item[1])[:_AT_MOST]
    return [
        Reason(label=label, start=span[0], end=span[1], weight=round(share, 3))
        for span, share in ranked
        if share > total * _LEAST_SHARE
    ]
