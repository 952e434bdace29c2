"""Web and worker as one group: started together, ended together, replaced when one of them dies."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from types import FrameType

from kuemmerer.config import Config

STOP_SECONDS = 30.0
LONGEST_PAUSE = 30.0
_PR_SET_PDEATHSIG = 1


class _Child:
    """One process of the group. Dies it at once again and again, the pauses before its replacement grow."""

    def __init__(self, command: str, *options: str) -> None:
        self.command = command
        self.options = options
        self.process: subprocess.Popen[bytes] | None = None
        self.started = 0.0
        self.pause = 1.0
        self.start_at = 0.0

    def start(self) -> None:
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "kuemmerer", self.command, *self.options], preexec_fn=_die_with_parent
        )

    def look_after(self) -> None:
        """Notice a death, and start anew when its pause is over."""
        now = time.monotonic()
        if self.process is not None and self.process.poll() is not None:
            code = self.process.returncode
            self.pause = 1.0 if now - self.started > 60 else min(self.pause * 2, LONGEST_PAUSE)
            print(
                f"kuemmerer: {self.command} ended with {code}; starting it again in {self.pause:.0f} s",
                file=sys.stderr,
            )
            self.process, self.start_at = None, now + self.pause
        if self.process is None and now >= self.start_at:
            self.start()

    def stop(self, deadline: float) -> None:
        if self.process is None:
            return
        try:
            self.process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def _die_with_parent() -> None:
    # Ctrl-C goes to the whole terminal group; only the supervisor shall hear it and end the others in order.
    os.setpgrp()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def supervise(config: Config) -> int:
    """Run the group until SIGINT or SIGTERM. Returns the exit code.

    The web server comes first and prepares the database; the worker follows once there is one.
    """
    if _answers(config):
        print(
            f"kuemmerer: something answers at {config.bind}:{config.port} already. "
            "Stop it, or choose another address with KUEMMERER_BIND.",
            file=sys.stderr,
        )
        return 1
    stopping = False

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    web = _Child("web", "--migrate")
    web.start()
    while not stopping and not _answers(config):
        if web.process is not None and web.process.poll() is not None:
            return web.process.returncode
        time.sleep(0.1)
    children = [web, _Child("worker")]
    if not stopping:
        print(f"Kümmerer runs at {config.base_url}  (Ctrl-C stops it)", flush=True)
    while not stopping:
        for child in children:
            child.look_after()
        time.sleep(0.5)
    for child in children:
        if child.process is not None:
            child.process.terminate()
    deadline = time.monotonic() + STOP_SECONDS
    for child in children:
        child.stop(deadline)
    return 0


def _answers(config: Config) -> bool:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(config.bind, config.bind)  # noqa: S104 - compared, not bound
    host = f"[{host}]" if ":" in host else host
    try:
        with urllib.request.urlopen(f"http://{host}:{config.port}/static/web/mark.svg", timeout=2):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
