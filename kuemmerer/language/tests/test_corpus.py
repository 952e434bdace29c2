"""The project's own texts."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path

import pytest

from kuemmerer.language.commands import CORPUS
from kuemmerer.language.corpora import rows
from kuemmerer.language.normal import folded
from kuemmerer.language.verdict import ALONE, INTENTS, OFFENCES, SENTIMENTS, URGENCIES

OTHERS = {"pairs", "languages"}
FILES = sorted(
    path
    for part in ("de", "en", "test")
    for path in (CORPUS / part).glob("*.jsonl")
    if path.stem not in OTHERS
)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_text_has_labels_that_the_guide_knows(path: Path) -> None:
    for row in rows(path):
        assert row["text"].strip()
        assert row["sentiment"] in SENTIMENTS, row
        assert row["offence"] in OFFENCES, row
        assert row["urgency"] in URGENCIES, row
        assert row["intent"], row
        assert set(row["intent"]) <= set(INTENTS), row
        assert len(row["intent"]) == 1 or not ALONE & set(row["intent"]), row


def test_there_are_as_many_as_promised() -> None:
    counts = {
        part: sum(1 for path in (CORPUS / part).glob("*.jsonl") for _ in rows(path)) for part in ("de", "en")
    }
    assert counts["de"] >= 6_000
    assert counts["en"] >= 2_500


def test_no_text_is_the_near_copy_of_another() -> None:
    """Of two texts that answer the same, no more than two thirds of the threes of words are the same."""
    known: dict[tuple[str, ...], list[int]] = defaultdict(list)
    texts: list[tuple[str, set[tuple[str, ...]], str | None]] = []
    copies = []
    for path in FILES:
        for row in rows(path):
            words = folded(row["text"]).split()
            threes = {tuple(words[at : at + 3]) for at in range(len(words) - 2)}
            shared = Counter(other for three in threes for other in known[three])
            for other, count in shared.items():
                same_post = texts[other][2] == row.get("parent")
                if same_post and count > 2 and count / len(threes | texts[other][1]) > 2 / 3:
                    copies.append((row["text"], texts[other][0]))
            for three in threes:
                known[three].append(len(texts))
            texts.append((row["text"], threes, row.get("parent")))
    assert not copies, copies[:5]


def test_the_second_pass_names_lines_that_are_there() -> None:
    for path in sorted((CORPUS / "second").glob("*.tsv")):
        (first,) = (each for each in FILES if each.stem == path.stem)
        count = sum(1 for _ in rows(first))
        numbers = [int(line.split()[0]) for line in path.read_text().splitlines()]
        assert len(set(numbers)) == len(numbers), path.stem
        assert set(numbers) <= set(range(1, count + 1)), path.stem
        assert len(numbers) > count * 0.9, path.stem


def test_a_line_that_is_no_json_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text('{"text": "a"}\nnonsense\n')
    with pytest.raises(ValueError, match="line 2"):
        list(rows(tmp_path / "x.jsonl"))
