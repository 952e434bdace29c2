"""Real servers for tests: what they share.

Each module of this package knows one server: ``install()`` fetches it once into the cache folder,
``run(folder)`` starts a throw-away instance on loopback and yields a small object. The methods on that object
act as a *stranger* and look at the result from the outside, so a test can judge Kümmerer's work without
Kümmerer's code.

Nothing here imports Django or Kümmerer. Install everything with ``python -m tests.servers install``.
"""

from __future__ import annotations

import json
import os
import random
import secrets
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TypeVar

import httpx

__all__ = [
    "TLS",
    "Missing",
    "Process",
    "cache_dir",
    "client",
    "eventually",
    "free_port",
    "new_password",
]

T = TypeVar("T")

KEEPER = Path(__file__).with_name("_keeper.py")
TLS = ssl.create_default_context()
"""One for all clients: reading the certificates anew takes longer than most calls do."""


class Missing(Exception):
    """A server cannot be installed or started on this machine; the message says why."""


def cache_dir() -> Path:
    """Where installed servers live between test runs."""
    chosen = os.environ.get("KUEMMERER_TEST_CACHE")
    folder = Path(chosen) if chosen else Path.home() / ".cache" / "kuemmerer-tests"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def free_port() -> int:
    """A loopback port nobody listens on, outside the range the kernel gives to outgoing connections."""
    picker = random.SystemRandom()
    for _ in range(200):
        port = picker.randrange(18000, 32000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise Missing("no free port between 18000 and 32000")


def new_password() -> str:
    return secrets.token_urlsafe(12)


def client(base_url: str = "", *, token: str | None = None, timeout: float = 15.0) -> httpx.Client:
    """A plain client which ignores proxy settings of the environment and follows no redirects.

    It keeps no connections: snac closes each one after its answer without saying so.
    """
    return httpx.Client(
        base_url=base_url,
        headers={"Authorization": f"Bearer {token}"} if token else {},
        timeout=timeout,
        trust_env=False,
        verify=TLS,
        limits=httpx.Limits(max_keepalive_connections=0),
    )


def eventually(look: Callable[[], T | None], *, within: float = 20.0, every: float = 0.2) -> T:
    """Call ``look`` until it returns something true; the servers here answer many things a little later."""
    end = time.monotonic() + within
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > end:
            raise TimeoutError(f"nothing seen within {within:g} s")
        time.sleep(every)


class Process:
    """A child in its own process group, logging to ``folder/name.log``, which never outlives the test run.

    Between us and the child stands ``_keeper.py``. It holds the read end of a pipe of ours: when this process
    ends, however it ends, the pipe closes and the keeper ends the whole group, grandchildren included. (A
    parent-death signal alone would miss forked workers, and would fire early when the *thread* that started
    the child ends.)
    """

    def __init__(
        self,
        argv: Sequence[object],
        *,
        folder: Path,
        name: str,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        user: str | None = None,
        grace: float = 5.0,
    ) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self.grace = grace
        order = json.dumps({"argv": [str(part) for part in argv], "user": user, "grace": grace})
        with self.log.open("ab") as log:
            self._child = subprocess.Popen(
                [sys.executable, "-I", "-S", str(KEEPER), order],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=cwd or folder,
                env={**os.environ, **(env or {})},
                start_new_session=True,
            )
        self.pid = self._child.pid

    def alive(self) -> bool:
        return self._child.poll() is None

    def wait_for_port(self, port: int, *, host: str = "127.0.0.1", within: float = 60.0) -> None:
        def open_now() -> bool:
            with socket.socket() as probe:
                probe.settimeout(1)
                return probe.connect_ex((host, port)) == 0

        self.wait_until(open_now, what=f"port {port}", within=within)

    def wait_for_url(
        self, url: str, *, within: float = 60.0, give_up: Callable[[], None] | None = None
    ) -> None:
        """Wait until the address answers below 500. ``give_up`` is called before Missing is raised."""
        with client(timeout=within) as http:

            def answers() -> bool:
                try:
                    return http.get(url).status_code < 500
                except httpx.TransportError:
                    return False

            self.wait_until(answers, what=url, within=within, give_up=give_up)

    def wait_until(
        self,
        ready: Callable[[], bool],
        *,
        what: str,
        within: float,
        give_up: Callable[[], None] | None = None,
    ) -> None:
        end = time.monotonic() + within
        while not ready():
            if not self.alive():
                self.stop()
                raise Missing(f"{self.name} ended with {self._child.returncode}: {self.tail()}")
            if time.monotonic() > end:
                if give_up:
                    give_up()
                self.stop()
                raise Missing(f"{self.name}: {what} did not answer within {within:g} s: {self.tail()}")
            time.sleep(0.03)

    def tail(self, lines: int = 60) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def stop(self) -> None:
        """SIGTERM for the group, SIGKILL after the grace period."""
        if self._child.stdin and not self._child.stdin.closed:
            self._child.stdin.close()
        try:
            self._child.wait(self.grace + 2)
        except subprocess.TimeoutExpired:
            os.killpg(self.pid, signal.SIGKILL)
            self._child.wait()

    def __enter__(self) -> Process:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
