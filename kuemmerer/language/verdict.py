"""What the desk knows of a comment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

LANGUAGES = ("de", "en", "other")
SENTIMENTS = ("negative", "neutral", "positive")
INTENTS = (
    "question",
    "complaint",
    "compensation",
    "praise",
    "suggestion",
    "application",
    "business",
    "spam",
    "chatter",
)
OFFENCES = ("none", "insult", "hate")
URGENCIES = ("low", "normal", "high")

TASKS: Mapping[str, tuple[str, ...]] = {
    "sentiment": SENTIMENTS,
    "intent": INTENTS,
    "offence": OFFENCES,
    "urgency": URGENCIES,
}
MEASURED = ("sentiment", "offence", "intent", "language", "spam", "question", "complaint", "praise")
"""What can be measured with labelled texts."""

ALONE = frozenset({"spam", "chatter"})
"""Intents that stand alone."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The labels of one text with calibrated probabilities: of the label chosen, for intents of each one.

    A text in a language that is neither German nor English gets no guess: no intents, and `neutral`, `none`
    and `normal` with probability 0.
    """

    language: str
    language_p: float
    sentiment: str
    sentiment_p: float
    intent: tuple[str, ...]
    intent_p: Mapping[str, float]
    offence: str
    offence_p: float
    urgency: str
    urgency_p: float
    model: str

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON, probabilities to four digits."""
        found = asdict(self)
        found["intent"] = list(self.intent)
        found["intent_p"] = {name: round(p, 4) for name, p in self.intent_p.items()}
        return {name: round(value, 4) if isinstance(value, float) else value for name, value in found.items()}


@dataclass(frozen=True, kw_only=True)
class Reason:
    """A word of the text that spoke for a label, and how much: the share of its log-odds."""

    label: str
    start: int
    end: int
    weight: float
