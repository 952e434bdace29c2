"""`kuemmerer language`."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from kuemmerer.cli import main
from kuemmerer.language.bench import figures
from kuemmerer.language.model import BrokenModel


def told(capsys: pytest.CaptureFixture[str], *order: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as end:
        main(["language", *order])
    out = capsys.readouterr()
    return int(end.value.code or 0), out.out, out.err


def test_one_verdict_a_line_in_the_order_of_the_texts(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    lines = ["Wann habt ihr offen?", '{"text": "Nein", "parent": "War alles gut?"}', "{kein JSON", ""]
    (tmp_path / "texts").write_text("\n".join(lines) + "\n", encoding="utf-8")
    code, out, _ = told(capsys, "classify", "--json", str(tmp_path / "texts"))
    found = [json.loads(line) for line in out.splitlines()]
    assert (code, len(found)) == (0, 4)
    assert found[0]["intent"] == ["question"]
    assert {
        "language",
        "sentiment",
        "sentiment_p",
        "intent",
        "intent_p",
        "offence",
        "offence_p",
        "urgency",
    } <= set(found[0])


def test_texts_come_from_standard_input_too(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("Danke, super! 👍\n".encode())))
    code, out, _ = told(capsys, "classify", "--why")
    assert code == 0
    assert "positive" in out
    assert "praise: " in out


def test_figures_are_printed_as_json(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    rows = [{"text": "Super!", "label": "positive"}, {"text": "Furchtbar.", "label": "negative"}]
    (tmp_path / "set.jsonl").write_text("\n".join(map(json.dumps, rows)))
    code, out, _ = told(capsys, "evaluate", "--task", "sentiment", str(tmp_path / "set.jsonl"))
    figures = json.loads(out)
    assert code == 0
    assert {"accuracy", "macro_f1", "micro_f1", "classes", "calibration_error", "texts_per_second"} <= set(
        figures
    )


@pytest.mark.parametrize(
    ("content", "complaint"),
    [("{", "line 1"), ('{"text": "a"}', "label"), ('{"text": "a", "label": "fine"}', "fine")],
)
def test_what_is_wrong_with_a_file_is_said_in_one_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, content: str, complaint: str
) -> None:
    (tmp_path / "set.jsonl").write_text(content)
    code, _, err = told(capsys, "evaluate", "--task", "sentiment", str(tmp_path / "set.jsonl"))
    assert (code, err.count("\n")) == (2, 1)
    assert complaint in err


def test_a_broken_shipped_model_is_said_in_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def broken() -> None:
        raise BrokenModel("model.npz is not a model that can be read")

    monkeypatch.setattr("kuemmerer.language.model.shipped", broken)
    (tmp_path / "texts").write_text("Hallo\n")
    code, _, err = told(capsys, "classify", str(tmp_path / "texts"))
    assert (code, err.count("\n")) == (2, 1)
    assert "model.npz" in err


def test_figures_outside_of_a_checkout_say_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="checkout"):
        figures(tmp_path / "corpus")


def test_a_missing_file_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = told(capsys, "classify", "/nowhere/at/all")
    assert code == 2
    assert "/nowhere/at/all" in err


def test_a_broken_model_is_named_and_the_shipped_one_is_used(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "model.npz").write_bytes(b"no model")
    (tmp_path / "texts").write_text("Hallo, wann habt ihr offen?\n")
    code, out, err = told(
        capsys, "classify", "--json", "--model", str(tmp_path / "model.npz"), str(tmp_path / "texts")
    )
    assert code == 0
    assert "model.npz" in err
    assert json.loads(out)["language"] == "de"
