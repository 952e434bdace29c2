"""`kuemmerer` with a clock that a test can put forward, in processes of its own.

    python -m tests.shifted web

The offset in seconds stands in the data folder's file `clock`; without one the time is the real one.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from kuemmerer.cli import main
from kuemmerer.core import clock

FILE = "clock"


def put_forward(data: Path, span: timedelta) -> None:
    """From now on the clock of the desk with this data folder goes so much before the real one."""
    fresh = data / f"{FILE}.new"
    fresh.write_text(str(span.total_seconds()))
    fresh.replace(data / FILE)


def _now() -> datetime:
    file = Path(os.environ["KUEMMERER_DATA"]) / FILE
    seconds = float(file.read_text()) if file.exists() else 0.0
    return datetime.now(UTC) + timedelta(seconds=seconds)


if __name__ == "__main__":
    clock.now = _now
    main()
