"""What tests begin with: people, a channel in a small village, and the strangers who write there.

The other side is the demo network: a real connector with a network in a local file. The desk's clock stands
still and goes forward when the test says so.
"""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from kuemmerer.accounts import workspaces
from kuemmerer.accounts.access import Actor
from kuemmerer.accounts.models import Membership, Role, User, Workspace
from kuemmerer.channels import connections, sync
from kuemmerer.channels.models import Channel, Interaction
from kuemmerer.core import clock
from kuemmerer.inbox import cases, replies, sweeps
from kuemmerer.inbox.models import Case, Reply
from kuemmerer.networks.base import Connected, Person
from kuemmerer.networks.demo import Demo
from kuemmerer.networks.demo.story import Story
from kuemmerer.networks.demo.village import SUFFIX, Village

MONDAY = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
"""Ten o'clock in Berlin, an ordinary working day."""

STORY = Story(
    company={"key": "baker", "handle": "baker", "name": "Bäckerei Probe", "about": "Brot"},
    people=[
        {"key": "ada", "handle": "ada", "name": "Ada Krüger", "followers": 12},
        {"key": "bert", "handle": "bert", "name": "Bert Öztürk", "followers": 3},
        {"key": "cleo", "handle": "cleo", "name": "Cleo"},
    ],
)
_numbers = itertools.count(1)


class Clock:
    """The desk's clock in a test."""

    def __init__(self, stack: ExitStack, start: datetime) -> None:
        self._stack = stack
        self.to(start)

    @property
    def now(self) -> datetime:
        return clock.now()

    def to(self, moment: datetime) -> datetime:
        self._stack.enter_context(clock.frozen(moment))
        return moment

    def forward(self, **span: float) -> datetime:
        return self.to(clock.now() + timedelta(**span))


def user(name: str = "", **fields: Any) -> User:
    number = next(_numbers)
    return User.objects.create_user(
        fields.pop("email", f"person{number}@example.org"), None, name=name or f"Person {number}", **fields
    )


def actor(role: str = Role.OWNER, workspace: Workspace | None = None, name: str = "", **fields: Any) -> Actor:
    """A member with `role`, of a new workspace unless one is given."""
    somebody = user(name)
    if workspace is None:
        place = {"country": "DE", "region": "BE", "time_zone": "Europe/Berlin", "language": "de", **fields}
        membership = workspaces.found(
            owner=somebody, name=f"Company {next(_numbers)}", now=clock.now(), **place
        )
        if role != membership.role:
            Membership.objects.filter(pk=membership.pk).update(role=role)
            membership.refresh_from_db()
    else:
        membership = Membership.objects.create(
            workspace=workspace, user=somebody, role=role, created_at=clock.now()
        )
    return Actor(user=membership.user, workspace=membership.workspace, membership=membership)


class Desk:
    """A workspace with one channel in a village of its own, and what is done on both sides."""

    def __init__(
        self, folder: Path, *, owner: Actor | None = None, days: int = 30, age: timedelta | None = None
    ) -> None:
        self.now = clock.now
        self.actor = owner or actor()
        self.file = folder / f"{uuid.uuid4().hex}{SUFFIX}"
        self.village = Village.found(self.file, STORY, now=self.now())
        self.channel = connections.keep(
            actor=self.actor,
            connector=Demo(),
            connected=self.login(),
            name="",
            days=days,
            now=self.now(),
            connected_at=self.now() - age if age else None,
        )
        self.post = self.village.write("post", by="baker", text="Frisch aus dem Ofen", now=self.now())

    def login(self) -> Connected:
        """What logging in with the village's present token brings."""
        return Connected(
            account=Person(remote_id="baker", handle="baker", name="Bäckerei Probe"),
            secret={"token": self.village.token},
            settings={"file": str(self.file)},
        )

    # --- the strangers

    def says(
        self,
        text: str = "Bis wann habt ihr offen?",
        *,
        by: str = "ada",
        kind: str = "",
        to: str | None = None,
        at: datetime | None = None,
        **more: Any,
    ) -> str:
        """Somebody writes: a comment under the company's post unless said otherwise. Returns its id there."""
        kind = kind or "comment"
        to = (self.post if kind in {"comment", "like", "share"} else "") if to is None else to
        return self.village.write(kind, by=by, text=text, now=at or self.now(), to=to, **more)

    def answers(self, uid: str) -> list[str]:
        return self.village.answers_to(uid)

    # --- the desk

    def fetch(self) -> int:
        """Let the channel be synced and its cases be made, whenever the next sync would be due."""
        Channel.objects.filter(pk=self.channel.pk).update(next_sync_at=self.now())
        moved = sync.sync_due(self.now())
        sweeps.open_cases(self.now())
        sweeps.index(self.now())
        return moved

    def deliver(self) -> int:
        return sweeps.deliver(self.now())

    def interaction(self, uid: str) -> Interaction:
        return Interaction.objects.get(channel=self.channel, remote_id=uid)

    def case(self, uid: str) -> Case:
        return Case.objects.get(case_interactions__interaction=self.interaction(uid))

    def asked(self, text: str = "Bis wann habt ihr offen?", **more: Any) -> tuple[str, Case]:
        """Somebody writes and the case is there."""
        uid = self.says(text, **more)
        self.fetch()
        return uid, self.case(uid)

    def reply(self, case: Case, text: str = "Bis 18 Uhr.", *, by: Actor | None = None, **more: Any) -> Reply:
        return replies.write(actor=by or self.actor, case_id=case.pk, text=text, now=self.now(), **more)

    def member(self, role: str) -> Actor:
        return actor(role, self.actor.workspace)

    @property
    def state(self) -> Channel:
        """The channel as it is now."""
        return Channel.objects.get(pk=self.channel.pk)


def due(case: Case) -> datetime | None:
    return Case.objects.get(pk=case.pk).due_at


def fresh(row: Any) -> Any:
    """The row as the database has it now."""
    return type(row)._default_manager.get(pk=row.pk)


def close(case: Case, by: Actor) -> None:
    cases.close(actor=by, case_id=case.pk, now=clock.now())


@pytest.fixture
def time() -> Iterator[Clock]:
    """The desk's clock, standing still on a Monday at ten."""
    with ExitStack() as stack:
        yield Clock(stack, MONDAY)


@pytest.fixture
def desk(db: None, time: Clock, tmp_path: Path) -> Iterator[Desk]:
    """A workspace with one channel in a village."""
    made = Desk(tmp_path)
    yield made
    made.village.close()


@pytest.fixture
def busy_desk(transactional_db: None, time: Clock, tmp_path: Path) -> Iterator[Desk]:
    """The same for tests with several workers, whose threads must see what is committed."""
    made = Desk(tmp_path)
    yield made
    made.village.close()
