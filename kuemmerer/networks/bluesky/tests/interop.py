"""The protocol's own files of valid and invalid identifiers, from the shared folder beside the checkout."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[4]


def lines(name: str) -> Sequence[str]:
    """The cases of one file. Where the folder is missing: a failure under CI, else the test is left out."""
    shared = Path(os.environ.get("KUEMMERER_SHARED") or CHECKOUT.parent / "shared")
    path = shared / "specs" / "bluesky" / "interop-test-files" / "syntax" / f"{name}.txt"
    if not path.is_file():
        left_out = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        left_out(f"left out: {path} is not there (set KUEMMERER_SHARED)")
    read = path.read_text(encoding="utf-8").split("\n")
    cases = [line for line in read if line and not line.startswith("#")]
    assert cases
    return cases
