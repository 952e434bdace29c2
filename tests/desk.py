"""The desk as its users run it: real processes, a data folder of its own, a free port.

    with Desk(tmp_path) as desk:
        desk.start_worker()
        channel = desk.api.connect("wordpress", {...})

``Desk(folder, together=True)`` starts ``kuemmerer run``, the whole group with one command. Otherwise the web
server starts alone, and workers come and go as the test wants. Nothing survives the ``with`` block: every
process ends by its own pid.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar

import httpx

from kuemmerer.config import LEASE_MARGIN
from tests.servers import Missing, Process, client, eventually, free_port

ROOT = Path(__file__).resolve().parents[1]
EMAIL, PASSWORD, COMPANY = "petra@muster.example", "Werkbank-und-Kaffee-7", "Muster GmbH"
PATIENCE = 90.0
"""Seconds that anything may take on a machine with other work to do."""


class Api:
    """A thin client of ``/api/v1``. An answer that is no success raises with the server's own words."""

    def __init__(self, url: str, token: str) -> None:
        self.url, self.token = f"{url}/api/v1", token

    def call(self, method: str, path: str, **options: Any) -> Any:
        with client(self.url, token=self.token, timeout=60) as http:
            answer = http.request(method, f"{self.url}{path}", **options)
        if not answer.is_success:
            raise httpx.HTTPStatusError(
                f"{method} {path}: {answer.status_code} {answer.text[:500]}",
                request=answer.request,
                response=answer,
            )
        return answer.json() if answer.content else None

    def get(self, path: str, **query: Any) -> Any:
        return self.call("GET", path, params=query)

    def post(self, path: str, **body: Any) -> Any:
        return self.call("POST", path, json=body)

    def all(self, path: str, **query: Any) -> list[dict[str, Any]]:
        """The items of all pages."""
        found: list[dict[str, Any]] = []
        following: dict[str, str] = {}
        while True:
            page = self.get(path, limit=100, **query, **following)
            found += page["items"]
            if page["next"] is None:
                return found
            following = {"after": page["next"]}

    # ---- what a test does over and over

    def connect(self, network: str, settings: Mapping[str, str], *, days: int = 7) -> int:
        made = self.post("/channels", network=network, settings=dict(settings), days=days)
        return int(made["id"])

    def sync(self, channel: int) -> None:
        self.post(f"/channels/{channel}/sync")

    def channel(self, channel: int) -> dict[str, Any]:
        found: dict[str, Any] = self.get(f"/channels/{channel}")
        return found

    def interactions(self, channel: int) -> list[dict[str, Any]]:
        return self.all("/interactions", channel=channel)

    def arrives(self, channel: int, remote_id: str) -> dict[str, Any]:
        """Wait for this interaction, asking for a sync from time to time."""
        asked = 0.0

        def look() -> dict[str, Any] | None:
            nonlocal asked
            if time.monotonic() - asked > 2:
                self.sync(channel)
                asked = time.monotonic()
            return next((one for one in self.interactions(channel) if one["remote_id"] == remote_id), None)

        try:
            return eventually(look, within=PATIENCE, every=0.5)
        except TimeoutError as error:
            error.add_note(f"{len(self.interactions(channel))} others came; {self.channel(channel)}")
            raise

    def case_of(self, interaction: Mapping[str, Any]) -> dict[str, Any]:
        """Wait for the case that these words opened; with its conversation."""

        def look() -> dict[str, Any] | None:
            for case in self.all("/cases", channel=interaction["channel_id"]):
                if case["author"]["id"] == interaction["author"]["id"]:
                    whole: dict[str, Any] = self.get(f"/cases/{case['id']}")
                    if interaction["id"] in whole["own_interaction_ids"]:
                        return whole
            return None

        return eventually(look, within=PATIENCE, every=0.5)

    def reply(self, case: int, text: str, *, interaction: int | None = None) -> int:
        return int(self.post(f"/cases/{case}/replies", text=text, interaction=interaction)["id"])

    def reply_state(self, reply: int) -> str:
        return str(self.get(f"/replies/{reply}")["state"])

    def until_delivered(self, replies: Sequence[int], *, within: float = PATIENCE) -> None:
        """Wait until these replies have arrived; says what hinders them if not."""
        waiting: dict[int, dict[str, Any]] = {reply: {} for reply in replies}

        def look() -> bool:
            for reply in list(waiting):
                waiting[reply] = self.get(f"/replies/{reply}")
                if waiting[reply]["state"] == "delivered":
                    del waiting[reply]
            return not waiting

        try:
            eventually(look, within=within, every=0.5)
        except TimeoutError as error:
            error.add_note(f"not delivered: {list(waiting.values())[:3]}")
            raise


@dataclass(frozen=True)
class Seed:
    """A data folder with the tables, one owner, one workspace and a token, to be copied."""

    data: Path
    token: str

    @classmethod
    def make(cls, folder: Path) -> Seed:
        """In that folder, unless another test process has made it there already."""
        data, token = folder / "data", folder / "token"
        folder.mkdir(exist_ok=True)
        with (folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not token.exists():
                token.write_text(create_user(environment(data)))
        return cls(data, token.read_text())


def environment(data: Path, **more: str) -> dict[str, str]:
    """What a person would set; everything that this test run has set for itself is blanked."""
    ours = {name: "" for name in os.environ if name.startswith("KUEMMERER_")}
    return {
        **ours,
        "DJANGO_SETTINGS_MODULE": "kuemmerer.settings",
        "PYTHONUNBUFFERED": "1",
        "PYTHONFAULTHANDLER": "1",
        "KUEMMERER_DATA": str(data),
        "KUEMMERER_ALLOW_PRIVATE_ADDRESSES": "1",
        **more,
    }


def create_user(env: Mapping[str, str]) -> str:
    """``kuemmerer createuser``; the token it prints."""
    order = ["createuser", "--email", EMAIL, "--name", "Petra Muster", "--password", PASSWORD]
    done = subprocess.run(
        [sys.executable, "-m", "kuemmerer", *order, "--workspace", COMPANY, "--token"],
        cwd=ROOT,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert done.returncode == 0, f"createuser failed: {done.stdout}{done.stderr}"
    return done.stdout.split()[-1]


class Desk:
    """One installation. ``token`` is empty until somebody has set it up."""

    running: ClassVar[list[Desk]] = []

    def __init__(
        self,
        folder: Path,
        *,
        together: bool = False,
        seed: Seed | None = None,
        database_url: str = "",
        http_seconds: int = 10,
        module: str = "kuemmerer",
    ) -> None:
        self.folder = folder
        self.data = folder / "desk-data"
        self.together = together
        self.module = module
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.environment = environment(
            self.data,
            KUEMMERER_BIND=f"127.0.0.1:{self.port}",
            KUEMMERER_DATABASE_URL=database_url,
            # As short as it may be: what a killed worker held is taken over when it ends.
            KUEMMERER_LEASE_SECONDS=str(http_seconds + LEASE_MARGIN),
            KUEMMERER_HTTP_SECONDS=str(http_seconds),
        )
        self.token = seed.token if seed else ""
        if seed:
            shutil.copytree(seed.data, self.data)
        self._processes: list[Process] = []
        self.workers: list[Process] = []

    @property
    def api(self) -> Api:
        return Api(self.url, self.token)

    # ---- starting

    def __enter__(self) -> Desk:
        Desk.running.append(self)
        try:
            self.start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def start(self) -> None:
        """The group, or the web server alone; ready when it answers."""
        if not self.together and not self.data.exists():
            self.token = create_user(self.environment)
        process = self._process("run" if self.together else "web")
        try:
            process.wait_for_url(f"{self.url}/accounts/login/", within=2 * PATIENCE, give_up=self._show_where)
        except Missing as error:  # our own program, not a part of the machine
            raise AssertionError(str(error)) from error

    def _show_where(self) -> None:
        """Have our programs write into their logs where each of their threads stands. It ends them."""
        for pid in reversed([pid for process in self._processes for pid in self._pids(process.pid)]):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGABRT)
            eventually(lambda pid=pid: not _alive(pid), within=10)

    def start_worker(self) -> Process:
        worker = self._process("worker")
        self.workers.append(worker)
        return worker

    def _process(self, command: str) -> Process:
        process = Process(
            [sys.executable, "-m", self.module, command],
            folder=self.folder,
            name=f"desk-{command}-{len(self._processes)}",
            env=self.environment,
            cwd=ROOT,
            grace=35.0,
        )
        self._processes.append(process)
        return process

    # ---- killing

    def kill_worker(self, worker: Process | None = None) -> None:
        """SIGKILL for one worker, by its own pid. In a group the supervisor will replace it."""
        above = [worker] if worker else [process for process in self._processes if process.alive()]
        (pid, *more) = [pid for process in above for pid in self._pids(process.pid, "worker")]
        assert not more, "several workers run: say which"
        os.kill(pid, signal.SIGKILL)
        eventually(lambda: not _alive(pid), within=10)
        if worker or self.workers:
            ended = worker or self.workers[0]
            ended.stop()
            self.workers.remove(ended)

    def kill_everything(self) -> None:
        """SIGKILL for all processes of the desk at once, as when the power is cut."""
        pids = [pid for process in self._processes for pid in self._pids(process.pid)]
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        eventually(lambda: not any(_alive(pid) for pid in pids), within=10)
        self._stop_all()

    def _pids(self, keeper: int, command: str = "") -> list[int]:
        """Our programs below a keeper: the supervisor before its children."""
        return [pid for pid in _below(keeper) if _command(pid).startswith(command) and _command(pid)]

    # ---- ending

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            error.add_note(self.logs())
        self._stop_all()
        Desk.running.remove(self)

    def _stop_all(self) -> None:
        pids = [pid for process in self._processes for pid in _below(process.pid)]
        for process in reversed(self._processes):
            process.stop()
        for pid in pids:
            if _command(pid):  # still one of ours: it outlived the grace period
                os.kill(pid, signal.SIGKILL)
        self._processes.clear()
        self.workers.clear()

    # ---- looking

    def run(self, *order: str) -> str:
        """Another command of the program, in the same data folder."""
        done = subprocess.run(
            [sys.executable, "-m", "kuemmerer", *order],
            cwd=ROOT,
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            timeout=180,
        )
        return done.stdout + done.stderr

    def logs(self, lines: int = 40) -> str:
        """The last lines of every process, for a failed test."""
        parts = []
        for log in sorted(self.folder.glob("desk-*.log")):
            last = log.read_text(errors="replace").splitlines()[-lines:]
            parts.append(f"--- {log.name}\n" + "\n".join(last))
        return "\n".join(parts)

    def healthy(self) -> bool:
        with client(timeout=30) as http:
            return http.get(f"{self.url}/healthz").status_code == 200


def _below(pid: int) -> list[int]:
    """The pids of all descendants, parents before children."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    found: list[int] = []
    for child in map(int, children):
        found += [child, *_below(child)]
    return found


def _command(pid: int) -> str:
    """Which of our commands a process runs; empty for any other process, also for one that has ended."""
    try:
        parts = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return ""
    ours = len(parts) > 3 and parts[1] == "-m" and parts[2] in {"kuemmerer", "tests.shifted"}
    return parts[3] if ours else ""


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


__all__ = ["COMPANY", "EMAIL", "PASSWORD", "PATIENCE", "Api", "Desk", "Seed", "create_user"]
