"""mastodon_mock, a stateful third-party imitation of Mastodon 4.6, from PyPI.

It keeps what snac2 lacks: idempotency keys, follows, edits and deletions by API, rate limits, faults.
Measured on two cores: installation 20 s, a start 2.0 s, 90 MB.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import Process, client, free_port, new_password
from ._mastodon_api import Person
from ._parts import built, venv

VERSION = "0.6.1"
DESK_TOKEN, STRANGER_TOKEN = "token-of-the-desk", "token-of-a-stranger"


def install() -> Path:
    return built("mastodon_mock", VERSION, lambda folder: venv(folder / "venv", f"mastodon_mock=={VERSION}"))


@dataclass(frozen=True)
class Server:
    url: str
    desk: Person
    stranger: Person
    process: Process = field(repr=False)

    # ---- strangers

    def stranger_mentions(self, text: str, *, visibility: str = "public") -> str:
        """``visibility="direct"`` makes it a private message."""
        return self.stranger.says(f"@desk {text}", visibility=visibility)

    def stranger_replies(self, to_id: str, text: str) -> str:
        return self.stranger.says(f"@desk {text}", to=to_id)

    def stranger_favourites(self, status_id: str) -> None:
        self.stranger.post(f"v1/statuses/{status_id}/favourite")

    def stranger_boosts(self, status_id: str) -> str:
        return str(self.stranger.post(f"v1/statuses/{status_id}/reblog")["id"])

    def stranger_follows(self) -> None:
        self.stranger.post(f"v1/accounts/{self._id_of_desk()}/follow")

    def edit(self, status_id: str, text: str) -> None:
        """The stranger changes a status of theirs."""
        self.stranger.call("PUT", f"v1/statuses/{status_id}", data={"status": text})

    def delete(self, status_id: str) -> None:
        """The stranger deletes a status of theirs."""
        self.stranger.call("DELETE", f"v1/statuses/{status_id}")

    def person(self, name: str) -> Person:
        """A further account."""
        made = self._mock("POST", "dev_user", json={"username": name})
        return Person(self.url, name, made["access_token"])

    # ---- looking from the outside

    def statuses_by_desk(self) -> list[dict[str, Any]]:
        """Newest first, boosts and replies included, as a stranger sees them."""
        seen: list[dict[str, Any]] = self.stranger.get(
            f"v1/accounts/{self._id_of_desk()}/statuses", limit="40"
        )
        return seen

    def thread(self, status_id: str) -> dict[str, list[dict[str, Any]]]:
        return self.stranger.thread(status_id)

    def replies_to(self, status_id: str) -> list[dict[str, Any]]:
        return self.stranger.replies_to(status_id)

    # ---- access and faults

    def new_desk_token(self) -> str:
        return str(self._mock("POST", "login", json={"username": "desk"})["access_token"])

    def revoke(self, token: str) -> None:
        """The next call with this token gets 401."""
        with client(self.url) as http:
            http.post("/oauth/revoke", data={"token": token}).raise_for_status()

    def fail(
        self,
        path_regex: str,
        *,
        status: int = 500,
        methods: tuple[str, ...] | None = None,
        body: Any = None,
        headers: dict[str, str] | None = None,
        count: int | None = 1,
    ) -> str:
        """Answer the next ``count`` matching calls with ``status`` and do nothing; returns the rule's id."""
        effect = {"type": "status", "status": status, "body": body, "headers": headers or {}}
        return self._rule(path_regex, methods, effect, count)

    def limit_rate(self, path_regex: str, *, retry_after: int = 300, count: int | None = 1) -> str:
        headers = {"Retry-After": str(retry_after)}
        return self._rule(path_regex, None, {"type": "ratelimit", "headers": headers}, count)

    def delay(self, path_regex: str, seconds: float, *, count: int | None = 1) -> str:
        """Do as asked, but late."""
        effect = {"type": "latency", "delay_ms": int(seconds * 1000)}
        return self._rule(path_regex, None, effect, count)

    def garble(self, path_regex: str, *, count: int | None = 1) -> str:
        """Answer 200 with half a JSON object and do nothing."""
        return self._rule(path_regex, None, {"type": "malformed"}, count)

    def hang(self, path_regex: str, *, count: int | None = 1) -> str:
        """Keep the client waiting for 30 s, then do as asked."""
        return self._rule(path_regex, None, {"type": "timeout"}, count)

    def faults(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._mock("GET", "faults")
        return found

    def clear_faults(self) -> None:
        self._mock("DELETE", "faults")

    def reset(self) -> None:
        """Forget everything; the two accounts and their tokens are there again."""
        self._mock("POST", "reset")

    def _rule(
        self, path_regex: str, methods: tuple[str, ...] | None, effect: dict[str, Any], count: int | None
    ) -> str:
        match = {"path_regex": path_regex, "methods": list(methods) if methods else None}
        return str(
            self._mock("POST", "faults", json={"match": match, "effect": effect, "count": count})["id"]
        )

    def _mock(self, method: str, path: str, **options: Any) -> Any:
        with client(self.url, token=new_password()) as http:  # each call its own bucket of the rate limit
            answer = http.request(method, f"/api/v1/_mock/{path}", **options)
        answer.raise_for_status()
        return answer.json()

    def _id_of_desk(self) -> str:
        return str(self.stranger.get("v1/accounts/lookup", acct="desk")["id"])


@contextmanager
def run(
    folder: Path,
    *,
    name: str = "mastodon_mock",
    port: int | None = None,
    rate_limit: int | None = None,
    rate_window: int = 300,
    enforce_scopes: bool = False,
) -> Iterator[Server]:
    """A fresh server with accounts ``desk`` and ``stranger``.

    ``rate_limit`` allows so many calls for each token in ``rate_window`` seconds, the stranger's included.
    """
    python = install() / "venv" / "bin" / "python"
    port = port or free_port()
    settings = folder / f"{name}.toml"
    settings.write_text(
        f"[auth]\nenforce_scopes = {json.dumps(enforce_scopes)}\n"
        f"[ratelimit]\nenabled = {json.dumps(rate_limit is not None)}\n"
        f"limit = {rate_limit or 300}\nwindow_seconds = {rate_window}\n"
        + "".join(
            f'[[seed.accounts]]\nusername = "{who}"\ndisplay_name = "{shown}"\naccess_token = "{token}"\n'
            for who, shown, token in (
                ("desk", "Muster GmbH", DESK_TOKEN),
                ("stranger", "Erna Fremd", STRANGER_TOKEN),
            )
        )
    )
    argv: list[object] = [python, "-m", "mastodon_mock", "serve", "--config", settings, "--in-memory"]
    argv += ["--host", "127.0.0.1", "--port", str(port), "--log-level", "warning"]
    url = f"http://127.0.0.1:{port}"
    media = folder / f"{name}-media"
    media.mkdir()
    with Process(argv, folder=folder, name=name, env={"TMPDIR": str(media)}) as process:
        process.wait_for_port(port)
        yield Server(url, Person(url, "desk", DESK_TOKEN), Person(url, "stranger", STRANGER_TOKEN), process)
