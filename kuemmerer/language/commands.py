"""`kuemmerer language …`: verdicts, figures and training on the command line.

What computes is imported when it is needed: every command of the desk reads this file.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kuemmerer.language.verdict import MEASURED

if TYPE_CHECKING:
    from kuemmerer.language.model import Model

ROOT = Path(__file__).resolve().parents[2]
CORPUS = ROOT / "corpus"
SHARED = ROOT.parent / "shared" / "corpora"


def add(parser: argparse.ArgumentParser) -> None:
    """Add the commands below `kuemmerer language`; `run` carries them out."""
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND", dest="what")
    classify = commands.add_parser("classify", help="read texts, one a line, and print a verdict for each")
    classify.add_argument("file", nargs="?", help="read from standard input if left out")
    classify.add_argument("--json", action="store_true", help="one JSON object a line")
    classify.add_argument("--why", action="store_true", help="with the words that decided")
    evaluate = commands.add_parser("evaluate", help="print the figures of a task on labelled texts as JSON")
    evaluate.add_argument("file", help="JSON lines with text and label, perhaps parent")
    evaluate.add_argument("--task", required=True, choices=MEASURED)
    train = commands.add_parser("train", help="train the shipped model anew (for developers)")
    train.add_argument("--corpus", type=Path, default=CORPUS, help="the project's own texts")
    train.add_argument("--public", type=Path, default=SHARED, help="the public sets")
    train.add_argument("--out", type=Path, help="the shipped model if left out")
    for each in (classify, evaluate):
        each.add_argument("--model", type=Path, help="another model file")


def run(arguments: argparse.Namespace) -> int:
    """Carry out a command; returns its exit code. What is wrong is said in one line."""
    from kuemmerer.language.model import BrokenModel

    try:
        if arguments.what == "train":
            return _train(arguments)
        model = _model(arguments.model)
        if arguments.what == "evaluate":
            return _evaluate(arguments, model)
        return _classify(arguments, model)
    except (OSError, ValueError, BrokenModel) as error:
        print(f"kuemmerer language: {error}", file=sys.stderr)
        return 2


def _model(path: Path | None) -> Model:
    """The model of that file, or the shipped one if it cannot be used."""
    from kuemmerer.language.model import BrokenModel, load, shipped

    if path is not None:
        try:
            return load(path)
        except BrokenModel as error:
            print(f"kuemmerer language: {error}. The shipped model is used.", file=sys.stderr)
    return shipped()


def _classify(arguments: argparse.Namespace, model: Model) -> int:
    if arguments.file:
        with Path(arguments.file).open(encoding="utf-8", errors="replace") as file:
            return _told(file, arguments, model)
    sys.stdin.reconfigure(encoding="utf-8", errors="replace")  # type: ignore[union-attr]
    return _told(sys.stdin, arguments, model)


def _told(lines: Iterable[str], arguments: argparse.Namespace, model: Model) -> int:
    from kuemmerer.language.features import BATCH
    from kuemmerer.language.reasons import explained

    texts = _texts(lines)
    while batch := list(islice(texts, BATCH)):
        verdicts = model.classify([text for text, _ in batch], [parent for _, parent in batch])
        for (text, parent), verdict in zip(batch, verdicts, strict=True):
            found = verdict.as_dict()
            if arguments.why:
                reasons = explained(text, model, parent)[1]
                found["why"] = [
                    {"label": one.label, "words": text[one.start : one.end], "weight": one.weight}
                    for one in reasons
                ]
            print(json.dumps(found, ensure_ascii=False) if arguments.json else _plain(text, found))
    return 0


def _texts(lines: Iterable[str]) -> Iterator[tuple[str, str | None]]:
    for line in lines:
        row: Any = None
        if line.lstrip().startswith("{"):
            try:
                row = json.loads(line)
            except ValueError:
                row = None  # somebody's text that begins with a brace
        if isinstance(row, dict) and isinstance(row.get("text"), str):
            yield row["text"], row.get("parent")
        else:
            yield line.rstrip("\n"), None


def _plain(text: str, found: dict[str, Any]) -> str:
    labels = [found["language"], found["sentiment"], *found["intent"]]
    labels += [found["offence"]] * (found["offence"] != "none")
    labels += ["urgent"] * (found["urgency"] == "high")
    why = "".join(f"\n    {one['label']}: {one['words']}" for one in found.get("why", ()))
    return f"{', '.join(labels)}: {text}{why}"


def _evaluate(arguments: argparse.Namespace, model: Model) -> int:
    from kuemmerer.language.corpora import rows
    from kuemmerer.language.evaluate import evaluate

    found = list(rows(Path(arguments.file)))
    for number, row in enumerate(found, start=1):
        if missing := {"text", "label"} - row.keys():
            raise ValueError(f"{arguments.file}, row {number}: no {' and no '.join(sorted(missing))}")
    figures = evaluate(arguments.task, found, model)
    print(json.dumps(figures, indent=2, ensure_ascii=False))
    return 0


def _train(arguments: argparse.Namespace) -> int:
    from kuemmerer.language import card, corpora
    from kuemmerer.language.model import SHIPPED
    from kuemmerer.language.train import train

    start = time.monotonic()
    own = corpora.distinct(corpora.own(arguments.corpus))
    public = corpora.distinct(corpora.public(arguments.public))
    examples = [*own, *public]
    model = train(examples, version=card.version(examples), about=card.about(examples))
    out = arguments.out or SHIPPED
    model.save(out)
    print(f"{out}: {out.stat().st_size / 1e6:.1f} MB, {time.monotonic() - start:.0f} s")
    return 0
