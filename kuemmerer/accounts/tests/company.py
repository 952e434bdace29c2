"""People and companies for tests."""

from __future__ import annotations

from datetime import UTC, datetime

from django.test import Client

from kuemmerer.accounts import people, workspaces
from kuemmerer.accounts.access import Actor
from kuemmerer.accounts.models import Membership, Role, User

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
PASSWORD = "eine lange Nacht am Tresen"


def person(name: str = "Jana Winkler", **fields: str) -> User:
    email = fields.pop("email", f"{name.split()[0].lower()}@holz.example")
    return people.register(email=email, name=name, password=PASSWORD, **fields)


def owner(company: str = "Holzwerk Lindner", name: str = "Jana Winkler", user: User | None = None) -> Actor:
    """The owner of a new company."""
    membership = workspaces.found(
        owner=user or person(name),
        name=company,
        country="DE",
        region="BY",
        time_zone="Europe/Berlin",
        language="de",
        now=NOW,
    )
    return as_actor(membership)


def member(of: Actor, role: Role, name: str = "Tobias Kern") -> Actor:
    """A further member of the company that `of` belongs to."""
    return as_actor(
        Membership.objects.create(workspace=of.workspace, user=person(name), role=role, created_at=NOW)
    )


def as_actor(membership: Membership) -> Actor:
    return Actor(user=membership.user, workspace=membership.workspace, membership=membership)


def browser(actor: Actor | User | None = None, language: str = "en") -> Client:
    """A browser in which that person is signed in."""
    client = Client(headers={"accept-language": language})
    if actor is not None:
        client.force_login(actor.user if isinstance(actor, Actor) else actor)
    return client
