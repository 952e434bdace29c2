"""The labelled texts that a model is trained on and measured with.

The project's own texts are in `corpus/`; the public sets are read from where they lie, and only those whose
licence allows a derived model take part in training (`SETS`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kuemmerer.language.normal import folded, visible


@dataclass(frozen=True, kw_only=True)
class Example:
    """A text with the labels that its source gives; a task without a label does not learn from it."""

    text: str
    language: str
    source: str
    labels: Mapping[str, Any]
    """For intents a set, for all other tasks one label."""
    parent: str | None = None
    group: str = field(default="")
    """Texts of one group are never on both sides of a fold; empty: a group of its own."""


@dataclass(frozen=True, kw_only=True)
class PublicSet:
    folder: str
    files: tuple[str, ...]
    language: str
    licence: str
    origin: str


SETS = (
    PublicSet(
        folder="mobasa",
        files=("dev.jsonl",),
        language="de",
        licence="CC BY 4.0",
        origin="MobASA, DFKI-NLP/sim3s-corpus",
    ),
    PublicSet(
        folder="potts_cgsa",
        files=("train.jsonl", "dev.jsonl"),
        language="de",
        licence="MIT",
        origin="PotTS, WladimirSidorenko/PotTS",
    ),
    PublicSet(
        folder="emotions_de",
        files=("all.jsonl",),
        language="de",
        licence="MIT",
        origin="oliverguhr/german-sentiment",
    ),
    PublicSet(
        folder="germeval2018",
        files=("train.jsonl",),
        language="de",
        licence="CC BY 4.0",
        origin="GermEval 2018 task on offensive language, uds-lsv/GermEval-2018-Data",
    ),
    PublicSet(
        folder="gahd",
        files=("train.jsonl", "dev.jsonl"),
        language="de",
        licence="CC BY 4.0",
        origin="GAHD, jagol/gahd",
    ),
    PublicSet(
        folder="davidson_en",
        files=("all.jsonl",),
        language="en",
        licence="MIT",
        origin="t-davidson/hate-speech-and-offensive-language",
    ),
    PublicSet(
        folder="banking77",
        files=("train.jsonl",),
        language="en",
        licence="CC BY 4.0",
        origin="BANKING77, PolyAI-LDN/task-specific-datasets",
    ),
)

_OFFENCES: dict[object, str] = {
    "OTHER": "none",
    "INSULT": "insult",
    "PROFANITY": "insult",
    "ABUSE": "hate",
    "neither": "none",
    "offensive": "insult",
    "hate": "hate",
    0: "none",
    1: "hate",
}


def own(folder: Path) -> list[Example]:
    """The project's texts, with the labels that hold; `corpus/README.md` says how they came about."""
    return [
        Example(
            text=row["text"],
            parent=row.get("parent"),
            language=path.parent.name,
            source="own",
            group=path.stem,
            labels={
                "sentiment": row["sentiment"],
                "intent": frozenset(row["intent"]),
                "offence": row["offence"],
                "urgency": row["urgency"],
            },
        )
        for language in ("de", "en")
        for path in sorted((folder / language).glob("*.jsonl"))
        for row in rows(path)
    ]


def public(folder: Path, sets: Iterable[PublicSet] = SETS) -> list[Example]:
    """The public sets that may train a shipped model. Raises FileNotFoundError."""
    return [
        Example(text=row["text"], language=each.language, source=each.folder, labels=labels)
        for each in sets
        for name in each.files
        for row in rows(folder / each.folder / name)
        if (labels := _labels(each.folder, row))
    ]


def _labels(source: str, row: Mapping[str, Any]) -> dict[str, Any]:
    if source == "banking77":
        # Customers' enquiries all of them, but which ones complain nobody has said.
        return {"question": True, "spam": False, "application": False}
    if row.get("sentiment") in {"negative", "neutral", "positive"}:
        return {"sentiment": row["sentiment"]}
    offence = row.get("fine", row.get("cls", row.get("label")))
    return {"offence": _OFFENCES[offence]} if offence in _OFFENCES else {}


def rows(path: Path) -> Iterator[dict[str, Any]]:
    """The lines of a file of JSON lines. Raises ValueError, naming the line, for one that is none."""
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                try:
                    yield json.loads(line)
                except ValueError as error:
                    raise ValueError(f"{path}, line {number}: {error}") from error


def distinct(examples: Iterable[Example]) -> list[Example]:
    """Without texts that another one repeats; public sets are full of copies."""
    seen: set[tuple[str, str]] = set()
    kept = []
    for example in examples:
        key = example.source, "".join(filter(str.isalpha, folded(visible(example.text)))) or example.text
        if key not in seen:
            seen.add(key)
            kept.append(example)
    return kept
