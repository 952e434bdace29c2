"""How a part comes onto the machine: Debian packages, npm packages, PyPI packages in a venv of their own.

Every helper looks first and does nothing when the part is there. A finished folder carries a stamp with the
recipe's version, so a changed recipe is built again and a half-built folder never counts.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from . import Missing, cache_dir

TRIXIE = "trixie"

_one_thread = threading.RLock()
_held: list[bool] = []


def command(
    argv: Sequence[object],
    *,
    cwd: Path | None = None,
    env: dict[str, str] | None = None,
    within: float = 900.0,
    say: str | None = None,
) -> str:
    """Run a command to its end and return its output; Missing with the last lines when it fails."""
    try:
        done = subprocess.run(
            [str(part) for part in argv],
            cwd=cwd,
            env={**os.environ, **(env or {})},
            input=say or "",
            text=True,
            errors="replace",
            capture_output=True,
            timeout=within,
        )
    except FileNotFoundError as error:
        raise Missing(f"{argv[0]} is not on this machine") from error
    except subprocess.TimeoutExpired as error:
        raise Missing(f"{argv[0]} took longer than {within:g} s") from error
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip()).splitlines()[-4:]
        raise Missing(f"{Path(str(argv[0])).name} failed with {done.returncode}: {' / '.join(last)}")
    return done.stdout


@contextmanager
def alone() -> Iterator[None]:
    """Only one installation at a time; a second one waits and then finds everything done. May be nested."""
    with _one_thread:
        if _held:
            yield
            return
        with (cache_dir() / "install.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            _held.append(True)
            try:
                yield
            finally:
                _held.clear()


def built(name: str, version: str, build: Callable[[Path], None]) -> Path:
    """The folder ``cache/name``, built by ``build`` unless it carries this version's stamp."""
    folder = cache_dir() / name
    stamp = folder / ".built"
    if stamp.is_file() and stamp.read_text() == version:
        return folder
    with alone():
        if stamp.is_file() and stamp.read_text() == version:
            return folder
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        build(folder)
        stamp.write_text(version)
    return folder


def lacking(packages: Sequence[str]) -> list[str]:
    """Which of these Debian packages are not installed."""
    try:
        asked = subprocess.run(
            ["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n", *packages],
            capture_output=True,
            text=True,
        )
    except FileNotFoundError as error:
        raise Missing("not a Debian machine: dpkg-query is not there") from error
    there = {line.split()[0] for line in asked.stdout.splitlines() if line.endswith(" installed")}
    return [name for name in packages if name not in there]


def debian(*packages: str) -> None:
    """Install Debian packages if some are lacking, as root or by a sudo that asks nothing."""
    if not lacking(packages):
        return
    with alone():
        wanted = lacking(packages)
        if not wanted:
            return
        quiet = {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}  # 1: start no service
        root = as_root()
        install = [*root, "apt-get", "install", "-y", "-q", "--no-install-recommends", *wanted]
        try:
            command(install, env=quiet)
        except Missing:  # perhaps the package lists are old
            command([*root, "apt-get", "update", "-q"], env=quiet)
            command(install, env=quiet)


def as_root() -> list[str]:
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo") and not subprocess.run(["sudo", "-n", "true"], capture_output=True).returncode:
        return ["sudo", "-n", "--preserve-env=DEBIAN_FRONTEND,RUNLEVEL"]
    raise Missing("Debian packages are lacking and this user may not install them")


def from_trixie(folder: Path, *, packages: Sequence[str] = (), sources: Sequence[str] = ()) -> None:
    """Download Debian 13 packages or sources; the machine's own package lists stay as they are.

    The mirror is the one this machine already uses.
    """
    with tempfile.TemporaryDirectory(prefix="trixie-") as scratch:
        state = Path(scratch)
        (state / "lists" / "partial").mkdir(parents=True)
        (state / "cache" / "archives" / "partial").mkdir(parents=True)
        mirror = debian_mirror()
        keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"
        kinds = (["deb"] if packages else []) + (["deb-src"] if sources else [])
        (state / "sources.list").write_text(
            "".join(f"{kind} [signed-by={keyring}] {mirror} {TRIXIE} main\n" for kind in kinds)
        )
        options = {
            "Dir::Etc::sourcelist": str(state / "sources.list"),
            "Dir::Etc::sourceparts": "-",
            "Dir::Etc::preferences": "-",
            "Dir::Etc::preferencesparts": "-",
            "Dir::State::lists": str(state / "lists"),
            "Dir::Cache": str(state / "cache"),
            "Acquire::Languages": "none",
            "APT::Sandbox::User": "root",
            "APT::Default-Release": "",
        }
        apt = ["apt-get", "-q", *(f"-o{key}={value}" for key, value in options.items())]
        command([*apt, "update"], cwd=folder)
        if packages:
            command([*apt, "download", *packages], cwd=folder)
        if sources:
            command([*apt, "source", "--download-only", *sources], cwd=folder)


def debian_mirror() -> str:
    listed = command(
        ["apt-get", "indextargets", "--format", "$(ORIGIN)|$(LABEL)|$(REPO_URI)", "Created-By: Packages"]
    )
    for line in listed.splitlines():
        origin, label, uri = line.split("|", 2)
        if origin == label == "Debian":
            return uri
    raise Missing("apt knows no Debian mirror: run apt-get update first")


def npm(folder: Path, *packages: str) -> None:
    """Install npm packages into ``folder/node_modules``."""
    need_node()
    (folder / "package.json").write_text('{"private": true}\n')
    # A package that has to be compiled wants Node's headers; without this npm would try to download them.
    prefix = Path(shutil.which("node") or "/usr/bin/node").resolve().parent.parent
    headers = {"npm_config_nodedir": str(prefix)} if (prefix / "include" / "node").is_dir() else {}
    command(
        ["npm", "install", "--no-audit", "--no-fund", "--loglevel=error", *packages], cwd=folder, env=headers
    )


def npm_pack(folder: Path, package: str) -> Path:
    """Download one npm package without its dependencies; returns the archive."""
    need_node()
    command(["npm", "pack", "--silent", package], cwd=folder)
    return next(folder.glob("*.tgz"))


def need_node() -> None:
    if not shutil.which("npm"):
        raise Missing("npm is not on this machine (Node.js 20 or newer is needed)")


def venv(folder: Path, *packages: str) -> None:
    """A virtual environment in ``folder`` with these PyPI packages."""
    command([sys.executable, "-m", "venv", folder])
    command([folder / "bin" / "python", "-m", "pip", "install", "-q", *packages])
