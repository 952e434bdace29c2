"""snac2, a small real Fediverse server with Mastodon's API, built from Debian's sources.

Measured on two cores: installation 10 s, a start with two tokens from its OAuth pages 1.0 s, 12 MB. A mention
is in the notifications after 0.5 s (``brisk=False``: 3 to 14 s), a reply reaches another instance in 0.5 s.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import Missing, Process, free_port
from ._mastodon_api import Person, oauth_token
from ._parts import built, command, debian, from_trixie

RECIPE = "2 brisk, ports"
BUILD = ("gcc", "make", "libc6-dev", "libssl-dev", "libcurl4-openssl-dev", "xz-utils", "dpkg-dev")

CHANGES = (
    ("httpd.c", "poll(NULL, 0, 3 * 1000)", "poll(NULL, 0, 100)"),
    (
        "activitypub.c",
        r"(@[A-Za-z0-9_]+(@[A-Za-z0-9\\.-]+)?|",
        r"(@[A-Za-z0-9_]+(@[A-Za-z0-9\\.-]+(:[0-9]+)?)?|",
    ),
)


def install() -> Path:
    """The folder with ``snac`` as it is and ``snac-brisk``.

    The brisk one differs in two lines: its queue rests 0.1 s instead of 3 s, and the server in a mention
    (``@desk@localhost:8090``) may have a port, without which two instances on one machine cannot mention
    each other.
    """
    debian(*BUILD)
    return built("snac", RECIPE, _build)


def _build(folder: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="snac-") as scratch:
        work = Path(scratch)
        from_trixie(work, sources=["snac2"])
        command(["tar", "xJf", next(work.glob("*.orig.tar.xz"))], cwd=work)
        source = next(path for path in work.glob("snac2-*") if path.is_dir())
        command(["make"], cwd=source)
        shutil.copy(source / "snac", folder / "snac")
        for name, old, new in CHANGES:
            text = (source / name).read_text()
            if text.count(old) != 1:
                raise Missing(f"snac's {name} looks different: adapt CHANGES")
            (source / name).write_text(text.replace(old, new))
        command(["make", "clean"], cwd=source)
        command(["make", "CPPFLAGS=-DUSE_POLL_FOR_SLEEP"], cwd=source)
        shutil.copy(source / "snac", folder / "snac-brisk")


@dataclass(frozen=True)
class Server:
    """One instance with the company's account ``desk`` and somebody else's, ``stranger``."""

    url: str
    desk: Person
    stranger: Person
    data: Path = field(repr=False)
    process: Process = field(repr=False)

    @property
    def host(self) -> str:
        return self.url.removeprefix("http://")

    def address(self, name: str = "desk") -> str:
        """The Fediverse address, as one mentions it."""
        return f"@{name}@{self.host}"

    def stranger_mentions(self, text: str) -> str:
        return self.stranger.says(f"@desk {text}")

    def stranger_replies(self, to_id: str, text: str) -> str:
        return self.stranger.says(f"@desk {text}", to=to_id)

    def stranger_favourites(self, status_id: str) -> None:
        self.stranger.post(f"v1/statuses/{status_id}/favourite")

    def stranger_boosts(self, status_id: str) -> None:
        self.stranger.post(f"v1/statuses/{status_id}/reblog")

    def thread(self, status_id: str) -> dict[str, list[dict[str, Any]]]:
        return self.stranger.thread(status_id)

    def replies_to(self, status_id: str) -> list[dict[str, Any]]:
        """What a stranger sees as replies to this status."""
        return self.stranger.replies_to(status_id)

    def person(self, name: str) -> Person:
        """A further account on this instance."""
        return _sign_in(self.url, name, _add(self.data, name))


def _add(data: Path, name: str) -> str:
    printed = command([install() / "snac", "adduser", data, name])
    return printed.partition("password is ")[2].split()[0]


def _sign_in(url: str, name: str, password: str) -> Person:
    token = oauth_token(url, {"login": name, "passwd": password}, "/oauth/x-snac-login")
    return Person(url, name, token, password)


@contextmanager
def run(folder: Path, *, name: str = "snac", port: int | None = None, brisk: bool = True) -> Iterator[Server]:
    """A fresh instance in ``folder/name``; call it twice for two instances that federate.

    ``brisk=False`` takes snac exactly as Debian has it.
    """
    binaries = install()
    data = folder / name
    port = port or free_port()
    url = f"http://localhost:{port}"
    command([binaries / "snac", "init", data], say=f"127.0.0.1\n{port}\nlocalhost:{port}\n\n\n\n")
    settings = json.loads((data / "server.json").read_text())
    settings["protocol"] = "http"
    # It delivers to itself by HTTP: where all threads send, nobody is left to answer for six seconds, and
    # what failed would be sent again after two minutes.
    settings["num_threads"], settings["queue_retry_minutes"] = 64, 0
    (data / "server.json").write_text(json.dumps(settings))
    passwords = {who: _add(data, who) for who in ("desk", "stranger")}
    argv: list[object] = [binaries / ("snac-brisk" if brisk else "snac"), "httpd", data]
    with Process(argv, folder=folder, name=name) as process:
        process.wait_for_port(port)
        desk, stranger = (_sign_in(url, who, password) for who, password in passwords.items())
        yield Server(url, desk, stranger, data, process)


@contextmanager
def pair(folder: Path, *, brisk: bool = True) -> Iterator[tuple[Server, Server]]:
    """Two instances that federate: ours, and the one where the strangers live."""
    with run(folder, name="ours", brisk=brisk) as ours, run(folder, name="theirs", brisk=brisk) as theirs:
        yield ours, theirs
