"""`make test`: everything, with what it needs installed where that is allowed.

Stages: install (servers, browser), check (lint, types, layers, migrations), unit (SQLite), postgres (the same
on PostgreSQL), servers (real servers and the browser). `python -m tests check unit` runs just these. What had
to be left out is said at the end, with the reason; with CI=true that is a failure.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.servers import Missing

ROOT = Path(__file__).resolve().parent.parent
SHARED = os.environ.get("KUEMMERER_TEST_SHARED") or str(ROOT.parent / "shared")
PYTEST = ["-m", "pytest", "-q", "-ra", "--no-header", "-o", "tmp_path_retention_policy=failed"]
QUICK = [*PYTEST, "-n", "2", "--dist", "worksteal", "-m", "not servers and not browser"]
WAITING = 6
"""Processes for the tests with servers and browsers, which wait more than they compute."""
REAL = [*PYTEST, "-n", str(WAITING), "--dist", "loadgroup", "-m", "servers or browser"]
LEFT_OUT: list[str] = []


def run(*command: str, **env: str) -> bool:
    """Run a Python command in the project's folder; whether it succeeded."""
    done = subprocess.run([sys.executable, *command], cwd=ROOT, env={**os.environ, **env}, check=False)
    return done.returncode == 0


def install() -> bool:
    if not run("-m", "tests.servers", "install"):
        LEFT_OUT.append("some servers could not be installed (see above); their tests were left out")
    return True


def check() -> bool:
    tools = Path(sys.executable).parent
    commands = {
        "ruff": [str(tools / "ruff"), "check", "--quiet", "kuemmerer", "tests", "tools"],
        "format": [str(tools / "ruff"), "format", "--quiet", "--check", "kuemmerer", "tests", "tools"],
        "mypy": [str(tools / "mypy"), "--no-error-summary"],
        "layers": [str(tools / "lint-imports"), "--no-logo"],
        "migrations": [sys.executable, "-m", "django", "makemigrations", "--check", "--dry-run"],
    }
    good = True
    for name, command in commands.items():
        env = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings", "PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True, env=env)
        print(f"{name}: {'ok' if done.returncode == 0 else 'failed'}", flush=True)
        if done.returncode:
            print(done.stdout + done.stderr)
            good = False
    return good


def unit() -> bool:
    return run(*QUICK)


def postgres() -> bool:
    from tests.servers import postgres as server

    try:
        with tempfile.TemporaryDirectory() as folder, server.run(Path(folder)) as database:
            # Connectors and language know no database: what is told of them on SQLite holds here too.
            pure = ("kuemmerer/networks", "tests/networks", "kuemmerer/language")
            without = [word for folder in pure for word in ("--ignore", folder)]
            return run(*QUICK, *without, KUEMMERER_TEST_DATABASE_URL=database.url)
    except Missing as missing:
        LEFT_OUT.append(f"PostgreSQL: {missing}")
        return True


def servers() -> bool:
    return run(*REAL, "tests")


STAGES: dict[str, Callable[[], bool]] = {
    "install": install,
    "check": check,
    "unit": unit,
    "postgres": postgres,
    "servers": servers,
}


def main(wanted: list[str]) -> int:
    for name in [name for name in os.environ if name.startswith("KUEMMERER_") and "TEST" not in name]:
        del os.environ[name]
    os.environ.setdefault("KUEMMERER_TEST_SHARED", SHARED)
    failed = []
    folder = Path(tempfile.mkdtemp(prefix="kuemmerer-tests-"))
    folder.chmod(0o1777)  # as /tmp is: PostgreSQL runs as a user of its own
    # For every process of the run, so that nothing stays behind, not even of one that was killed.
    os.environ["TMPDIR"] = tempfile.tempdir = str(folder)
    os.environ["KUEMMERER_DATA"] = str(folder / "data")
    try:
        for name in wanted or STAGES:
            started = time.monotonic()
            print(f"── {name}", flush=True)
            if not STAGES[name]():
                failed.append(name)
            print(f"── {name}: {time.monotonic() - started:.0f} s", flush=True)
    finally:
        if failed:
            print(f"what the tests left is in {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    for reason in LEFT_OUT:
        print(f"left out: {reason}")
    if failed:
        print(f"failed: {', '.join(failed)}")
    return 1 if failed or (LEFT_OUT and os.environ.get("CI")) else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
