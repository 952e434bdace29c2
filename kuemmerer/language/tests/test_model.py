"""The model as a file, and training one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kuemmerer.language import commands, corpora, foreign
from kuemmerer.language.model import BrokenModel, Model, load, shipped
from kuemmerer.language.train import train

CORPUS = commands.CORPUS


@pytest.fixture(scope="module")
def some() -> Iterator[list[corpora.Example]]:
    """A few texts of each language: training has the same steps with all of them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(foreign, "EACH", 5)
        yield corpora.own(CORPUS)[::40]


@pytest.fixture(scope="module")
def small(some: list[corpora.Example]) -> Model:
    return train(some, version="small", about={}, processes=1)


def test_training_twice_gives_the_same_bytes(
    small: Model, some: list[corpora.Example], tmp_path: Path
) -> None:
    again = train(some, version="small", about={}, processes=2)
    small.save(tmp_path / "one.npz")
    again.save(tmp_path / "two.npz")
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()


def test_a_model_that_was_saved_gives_the_same_verdicts(small: Model, tmp_path: Path) -> None:
    small.save(tmp_path / "model.npz")
    texts = ["Wo bleibt mein Paket?", "What a lovely place!", "😡", "Le pain est bon, merci beaucoup à vous"]
    assert load(tmp_path / "model.npz").classify(texts) == small.classify(texts)


def test_a_few_hundred_texts_teach_something(small: Model) -> None:
    assert "question" in small.classify(["Wann habt ihr morgen geöffnet?"])[0].intent


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04nonsense", b"{}", b"\x93NUMPY"])
def test_a_broken_model_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.npz"
    path.write_bytes(content)
    with pytest.raises(BrokenModel, match=r"broken\.npz"):
        load(path)


def test_a_foreign_model_is_named(tmp_path: Path) -> None:
    import numpy as np

    np.savez(tmp_path / "foreign.npz", weights=np.zeros(3))
    with pytest.raises(BrokenModel, match=r"foreign\.npz"):
        load(tmp_path / "foreign.npz")


def test_the_shipped_model_is_small_and_names_licences_that_allow_it() -> None:
    model = shipped()
    assert set(model.scorers) == {"de", "en"}
    size = sum(path.stat().st_size for path in Path(corpora.__file__).parent.glob("model.npz"))
    assert size < 15_000_000
    assert {each["licence"] for each in model.about["texts"]} <= {"CC BY 4.0", "MIT", "as Kümmerer"}
