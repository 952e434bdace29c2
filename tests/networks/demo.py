"""The demo network as a World."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kuemmerer.networks.base import Status
from kuemmerer.networks.demo import Demo
from kuemmerer.networks.demo.story import read
from kuemmerer.networks.demo.village import SUFFIX, Village
from kuemmerer.networks.world import World

SMALL_STORY = """
[company]
key = "baker"
name = "Bäckerei Probe"
handle = "probe"
about = "Nur zum Testen"

[[people]]
key = "stranger"
name = "Erika Fremd"
handle = "erika"
followers = 7
about = "Isst Brot"
"""


class DemoWorld(World):
    """A village of its own for each test."""

    connector = Demo()
    handle = "probe"
    stranger = "erika"
    reactions = True
    mentions = True
    edits = True
    honours_keys = True
    many = 450
    http = False

    def __init__(self, folder: Path, number: int) -> None:
        story = folder / "story.toml"
        story.write_text(SMALL_STORY, encoding="utf-8")
        self.file = folder / f"village{number}{SUFFIX}"
        self.values = {"file": str(self.file)}
        Village.found(self.file, read(story, start=self.now()), now=self.now()).close()
        self.root = ""

    def village(self) -> Village:
        return Village(self.file)

    def start(self) -> str:
        with self.village() as village:
            self.root = village.write("post", by="baker", text="Frisch gebacken", now=self.now())
        return self.root

    def stranger_writes(self, text: str, *, to: str = "") -> str:
        with self.village() as village:
            return village.write("comment", by="stranger", text=text, to=to or self.root, now=self.now())

    def stranger_mentions(self, text: str) -> str:
        with self.village() as village:
            return village.write("mention", by="stranger", text=text, now=self.now())

    def stranger_reacts(self, kind: str, to: str) -> None:
        with self.village() as village:
            village.react(kind, by="stranger", to="" if kind == "follow" else to, now=self.now())

    def stranger_edits(self, remote_id: str, text: str) -> None:
        with self.village() as village:
            village.edit(remote_id, text, now=self.now())

    def stranger_deletes(self, remote_id: str) -> None:
        with self.village() as village:
            village.remove(remote_id, now=self.now())

    def answers(self, remote_id: str) -> Sequence[str]:
        with self.village() as village:
            return village.answers_to(remote_id)

    def posts(self) -> Sequence[str]:
        with self.village() as village:
            return village.posts()

    def state(self, remote_id: str) -> Mapping[str, Any]:
        with self.village() as village:
            entry = village.entry(remote_id)
            likes, shares = village.reactions("like", remote_id), village.reactions("share", remote_id)
        return {
            "exists": entry is not None and not entry["deleted"],
            "status": Status(entry["status"]) if entry else "",
            "liked_by_us": "baker" in likes,
            "shared_by_us": "baker" in shares,
            "likes": len(likes),
            "shares": len(shares),
        }

    def revoke(self) -> None:
        with self.village() as village:
            village.new_token()


@contextmanager
def villages(folder: Path) -> Iterator[Callable[[], World]]:
    count = iter(range(10_000))
    yield lambda: DemoWorld(folder, next(count))
