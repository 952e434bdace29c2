"""A program with a token, as the tests of the API use it."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime
from typing import Any

from django.http import HttpResponse
from django.test import Client

from kuemmerer.accounts import workspaces
from kuemmerer.accounts.access import Actor
from kuemmerer.accounts.models import ApiToken, Membership, User, Workspace, new_token
from kuemmerer.core import clock
from kuemmerer.jobs import sweeps
from kuemmerer.networks import registry

ROOT = "/api/v1"
MONDAY = datetime(2024, 5, 6, 9, 0, tzinfo=UTC)
_numbers = itertools.count(1)


class Program:
    """Calls the API with a token. Each method returns the parsed body and insists on the status."""

    def __init__(self, membership: Membership, secret: str) -> None:
        self.membership, self.secret = membership, secret
        self.http = Client(raise_request_exception=False)

    @property
    def actor(self) -> Actor:
        return Actor(
            user=self.membership.user, workspace=self.membership.workspace, membership=self.membership
        )

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> HttpResponse:
        """The raw answer. `path` begins behind the version."""
        return self.http.generic(
            method,
            ROOT + path,
            data=b"" if body is None else json.dumps(body).encode(),
            content_type="application/json",
            headers={"Authorization": f"Bearer {self.secret}", **headers},
        )

    def get(self, path: str, *, status: int = 200) -> Any:
        return parsed(self.call("GET", path), status)

    def post(self, path: str, body: Any = None, *, status: int = 201, **headers: str) -> Any:
        return parsed(self.call("POST", path, body, **headers), status)

    def put(self, path: str, body: Any = None, *, status: int = 200) -> Any:
        return parsed(self.call("PUT", path, body), status)

    def patch(self, path: str, body: Any, *, status: int = 200) -> Any:
        return parsed(self.call("PATCH", path, body), status)

    def delete(self, path: str, *, status: int = 204) -> Any:
        return parsed(self.call("DELETE", path), status)

    def all_of(self, path: str, **params: str | int) -> list[Any]:
        """All items of a list, page by page."""
        items: list[Any] = []
        after = ""
        while True:
            query = "&".join(f"{name}={value}" for name, value in params.items())
            page = self.get(f"{path}?{query}" + (f"&after={after}" if after else ""))
            items += page["items"]
            if page["next"] is None:
                return items
            after = page["next"]


def parsed(response: HttpResponse, status: int) -> Any:
    assert response.status_code == status, response.content.decode()
    return json.loads(response.content) if response.content else None


def program(role: str = "owner", workspace: Workspace | None = None) -> Program:
    """A program with the token of a member with `role`, in a workspace of its own unless one is given."""
    number = next(_numbers)
    user = User.objects.create_user(f"program{number}@example.org", None, name=f"Person {number}")
    if workspace is None:
        membership = workspaces.found(
            owner=user,
            name=f"Company {number}",
            country="DE",
            region="BE",
            time_zone="Europe/Berlin",
            language="de",
            now=clock.now(),
        )
        if role != membership.role:
            Membership.objects.filter(pk=membership.pk).update(role=role)
            membership.refresh_from_db()
    else:
        membership = Membership.objects.create(
            workspace=workspace, user=user, role=role, created_at=clock.now()
        )
    secret, token_hash = new_token("kmr")
    ApiToken.objects.create(
        workspace=membership.workspace,
        membership=membership,
        name="tests",
        token_hash=token_hash,
        hint=secret[:8],
        created_at=clock.now(),
    )
    return Program(membership, secret)


def playground() -> str:
    """The key of the network that lives in a file of the desk and needs no account."""
    return next(key for key, connector in registry.connectors().items() if connector.local_file)


def with_conversation(desk: Program) -> Any:
    """Connect the playground and let its past become cases; the channel."""
    channel = desk.post("/channels", {"network": playground(), "days": 30})
    sweeps.run_until_quiet(clock.now())
    return channel
