"""The URL walk: every page of ours declares its permission, and so does every operation of the API."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pytest
from django.urls import URLPattern, URLResolver, get_resolver

from kuemmerer.accounts.access import ALL_PERMISSIONS, PERMISSIONS, Actor
from kuemmerer.accounts.models import Role
from kuemmerer.api.operations import operations_of, permission_of
from kuemmerer.api_v1 import api
from kuemmerer.core.errors import Forbidden
from kuemmerer.web.page import LOGIN, PUBLIC, page
from tests.factories import actor

THIRD_PARTY = ("accounts/",)
"""django-allauth's views: login, password, second factor, sessions. They guard themselves."""
API = "api/v1/"


@dataclass(frozen=True)
class Route:
    path: str
    name: str
    view: Any

    @property
    def permission(self) -> str | None:
        return getattr(self.view, "permission", None)


def routes(resolver: URLResolver | None = None, prefix: str = "") -> Iterator[Route]:
    """All routes of the URLconf, however deep."""
    for pattern in (resolver or get_resolver()).url_patterns:
        path = prefix + str(pattern.pattern)
        if isinstance(pattern, URLPattern):
            yield Route(path, pattern.name or "", pattern.callback)
        else:
            yield from routes(pattern, path)


OURS = [route for route in routes() if not route.path.startswith((*THIRD_PARTY, API))]


def test_every_page_of_ours_declares_a_permission() -> None:
    assert [route.path for route in OURS if route.permission is None] == []
    assert {route.permission for route in OURS} <= ALL_PERMISSIONS | {PUBLIC, LOGIN}
    assert len(OURS) > 30


def test_every_page_has_a_name_of_its_own() -> None:
    names = [route.name for route in OURS]
    assert "" not in names
    assert len(names) == len(set(names))


def test_only_these_pages_are_for_everybody() -> None:
    public = {route.path for route in OURS if route.permission == PUBLIC}
    assert public == {
        "",
        "healthz",
        "setup/",
        "invitation/<str:token>/",
        "unsubscribe/<str:token>/",
        "push-worker.js",
        "feeds/<str:secret>/due.ics",
        "feeds/<str:secret>/due.xml",
        "demo/",
    }


def test_a_page_asks_for_a_permission_in_a_workspace_and_only_there() -> None:
    for route in OURS:
        inside = "<slug:workspace>" in route.path
        assert inside == (route.permission not in {PUBLIC, LOGIN}), route.path


def test_what_is_third_party_is_third_party() -> None:
    for route in routes():
        if route.path.startswith(THIRD_PARTY):
            assert route.view.__module__.startswith(("allauth.", "django.")), route.path


def test_nobody_can_sign_up_alone(client: Any, db: None) -> None:
    assert b"<form" not in client.get("/accounts/signup/").content.split(b"<main")[1].split(b"</main")[0]
    client.post("/accounts/signup/", {"email": "a@example.org", "password1": "eine lange Nacht"})
    from kuemmerer.accounts.models import User

    assert not User.objects.exists()


def test_every_operation_of_the_api_declares_a_permission() -> None:
    found = [permission_of(operation) for operation in operations_of(api)]
    assert len(found) > 30
    assert set(found) <= ALL_PERMISSIONS


def test_every_permission_is_asked_for_somewhere_and_the_owner_has_them_all() -> None:
    asked = {route.permission for route in OURS} | {permission_of(o) for o in operations_of(api)}
    assert ALL_PERMISSIONS - asked <= {"owners.manage"}
    assert PERMISSIONS[Role.OWNER] == ALL_PERMISSIONS
    assert set(PERMISSIONS) == set(Role.values)


def test_who_rises_loses_nothing() -> None:
    ladder = [PERMISSIONS[role] for role in (Role.GUEST, Role.AUTHOR, Role.AGENT, Role.MANAGER, Role.OWNER)]
    assert all(lower < higher for lower, higher in pairwise(ladder))


def test_a_permission_that_does_not_exist_is_noticed_at_once(db: None) -> None:
    with pytest.raises(LookupError):
        page("inbox.everything")
    somebody: Actor = actor(Role.GUEST)
    with pytest.raises(LookupError):
        somebody.need("inbox.everything")
    with pytest.raises(Forbidden):
        somebody.need("inbox.work")
