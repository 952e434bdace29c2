"""`kuemmerer bench language`: how good the model is on texts it has not seen, how fast and how large."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kuemmerer.language.commands import CORPUS, SHARED
from kuemmerer.language.corpora import rows
from kuemmerer.language.evaluate import evaluate
from kuemmerer.language.features import BATCH
from kuemmerer.language.model import SHIPPED, Model, load

_ONE_BY_ONE = 200
_WORDS = (3, 6, 12, 30)


def figures(corpus: Path = CORPUS, public: Path = SHARED) -> dict[str, Any]:
    """All figures, on the project's test texts and on those public sets that nothing was trained on.

    Public sets that are not there are left out. Raises SystemExit outside of a checkout, where no texts are.
    """
    if not (corpus / "test").is_dir():
        raise SystemExit(f"kuemmerer bench: the test texts are not in {corpus}; this needs a checkout.")
    start = time.perf_counter()
    model = load()
    seconds = time.perf_counter() - start
    tests = list(rows(corpus / "test" / "de_company_pages.jsonl"))
    return {
        "model": model.version,
        "megabytes": round(SHIPPED.stat().st_size / 1e6, 1),
        "load_seconds": round(seconds, 2),
        "load_megabytes": _memory(),
        **_speed(model, [row["text"] for row in tests]),
        "own_test": {
            task: _short(evaluate(task, [{**row, "label": row[task]} for row in tests], model))
            for task in ("sentiment", "intent", "offence")
        },
        "language": _languages(model, corpus),
        "unchanged_by_spelling": _invariance(model, corpus),
        "public": {name: _short(evaluate(task, found, model)) for name, task, found in _public(public)},
    }


def _short(found: dict[str, Any]) -> dict[str, Any]:
    kept = ("texts", "accuracy", "macro_f1", "micro_f1", "calibration_error", "recall_at_precision_90")
    classes = {
        name: {key: each[key] for key in ("f1", "recall_at_precision_90") if key in each}
        for name, each in found["classes"].items()
    }
    return {**{name: found[name] for name in kept if name in found}, "classes": classes}


def _speed(model: Model, texts: list[str]) -> dict[str, Any]:
    many = (texts * (10 * BATCH // len(texts) + 1))[: 10 * BATCH]
    model.classify(many[:BATCH])
    start = time.process_time()
    model.classify(many)
    rate = len(many) / (time.process_time() - start)
    single = []
    for text in texts[:_ONE_BY_ONE]:
        start = time.perf_counter()
        model.classify([text])
        single.append((time.perf_counter() - start) * 1000)
    return {"texts_per_second": round(rate), "one_text_ms": round(statistics.median(single), 2)}


def _memory() -> int:
    """How many megabytes larger a process is that has loaded the model than one that has not."""
    sizes = []
    for code in ("import numpy", "from kuemmerer.language.model import shipped; shipped()"):
        told = f"{code}\nprint(open('/proc/self/status').read().split('VmHWM:')[1].split()[0])"
        done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
        sizes.append(int(done.stdout))
    return (sizes[1] - sizes[0]) // 1024


def _languages(model: Model, corpus: Path) -> dict[str, Any]:
    """Accuracy on whole texts and on their first words."""
    found: dict[str, Any] = {}
    texts = [(row["text"], row["label"]) for row in rows(corpus / "test" / "languages.jsonl")]
    for words in _WORDS:
        some = [(" ".join(text.split()[:words]), label) for text, label in texts]
        verdicts = model.classify([text for text, _ in some])
        right = sum(verdict.language == label for verdict, (_, label) in zip(verdicts, some, strict=True))
        found[f"{words} words"] = round(right / len(some), 4)
    return found


def _invariance(model: Model, corpus: Path) -> dict[str, Any]:
    pairs = list(rows(corpus / "test" / "pairs.jsonl"))
    one = model.classify([row["one"] for row in pairs])
    other = model.classify([row["other"] for row in pairs])
    same = [
        (a.language, a.sentiment, set(a.intent), a.offence, a.urgency)
        == (b.language, b.sentiment, set(b.intent), b.offence, b.urgency)
        for a, b in zip(one, other, strict=True)
    ]
    return {"pairs": len(pairs), "unchanged": round(sum(same) / max(1, len(same)), 4)}


def _public(folder: Path) -> Iterator[tuple[str, str, list[dict[str, Any]]]]:
    """Public sets that train nothing, each with its task."""
    moods = {"negative", "neutral", "positive"}
    for name, task, files, label in (
        ("sb10k_cgsa", "sentiment", ("train.jsonl", "dev.jsonl"), "sentiment"),
        ("tweeteval_sent_en", "sentiment", ("val.jsonl",), "sentiment"),
        ("germeval2019", "offence", ("train.jsonl",), "coarse"),
        (
            "youtube_spam",
            "spam",
            tuple(f"{n}.jsonl" for n in ("eminem", "katyperry", "lmfao", "psy", "shakira")),
            "spam",
        ),
    ):
        if (folder / name).is_dir():
            found = [
                {"text": row["text"], "label": row[label]}
                for file in files
                for row in rows(folder / name / file)
            ]
            yield name, task, [row for row in found if task != "sentiment" or row["label"] in moods]
