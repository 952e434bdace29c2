"""``python -m tests.servers install [name…]``: fetch what the tests with real servers need.

A second call finds everything and takes less than a second. Exit status 3: some part cannot be had here.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from . import Missing, bluesky, mastodon_mock, postgres, snac, wordpress
from ._parts import alone, debian, lacking


@dataclass(frozen=True)
class Part:
    install: Callable[[], object]
    packages: tuple[str, ...] = ()


def only(*packages: str) -> Part:
    return Part(lambda: debian(*packages), packages)


PARTS = {
    "gettext": only("gettext"),
    "chromium": only("chromium"),
    "redis": only("redis-server"),
    "postgresql": Part(postgres.install, postgres.PACKAGES),
    "wordpress": Part(wordpress.install, wordpress.PHP),
    "snac": Part(snac.install, snac.BUILD),
    "mastodon_mock": Part(mastodon_mock.install),
    "bluesky": Part(bluesky.install, bluesky.PACKAGES),
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.servers", description=__doc__)
    parser.add_argument("what", choices=["install"])
    parser.add_argument("names", nargs="*", metavar="name", help=", ".join(PARTS))
    asked = parser.parse_args()
    names = asked.names or list(PARTS)
    unknown = [name for name in names if name not in PARTS]
    if unknown:
        parser.error(f"unknown: {', '.join(unknown)}; there are {', '.join(PARTS)}")
    together({package for name in names for package in PARTS[name].packages})
    results = [ready(name) for name in names]
    return 0 if all(results) else 3


def together(packages: set[str]) -> None:
    """All Debian packages in one go; if that fails, each part tries for itself and tells why."""
    try:
        if lacking(sorted(packages)):
            with alone():
                debian(*sorted(packages))
    except Missing:
        pass


def ready(name: str) -> bool:
    start = time.monotonic()
    try:
        PARTS[name].install()
    except Missing as error:
        print(f"{name}: missing: {error}", flush=True)
        return False
    print(f"{name}: ready ({time.monotonic() - start:.1f} s)", flush=True)
    return True


if __name__ == "__main__":
    sys.exit(main())
