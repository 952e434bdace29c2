"""Python's garbage collector, for a process that answers people."""

from __future__ import annotations

import gc

YOUNG = 20_000
"""New objects before the youngest are looked at; Python's own 700 means dozens of times for each page."""


def settle() -> None:
    """Leave what is loaded out of every later collection. To be called once, when the process is ready.

    Modules, models and URLs live as long as the process. A full collection that walks through them takes
    tens of milliseconds, and hits the page that happens to be rendered.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, 10, 10)
