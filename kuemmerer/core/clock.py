"""The time. Operations get it passed in; pages, sweeps and commands ask here, so that a test can set it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

_frozen: datetime | None = None


def now() -> datetime:
    """The present moment in UTC."""
    if _frozen is not None:
        return _frozen
    return datetime.now(UTC)


@contextmanager
def frozen(at: datetime) -> Iterator[None]:
    """Let the clock stand at `at` in this process (tests)."""
    global _frozen  # noqa: PLW0603 - one process has one clock
    before, _frozen = _frozen, at
    try:
        yield
    finally:
        _frozen = before
