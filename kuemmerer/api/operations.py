"""What an operation is: a function with a declared permission. One without cannot even be imported.

    operations = Operations("Cases")

    @operations.get("/cases", "inbox.view", PageOf[CaseAnswer])
    def list_cases(request: ApiRequest, page: Query[PageInput]) -> PageOf[CaseAnswer]:
        \"\"\"List cases

        The first line is the summary in the OpenAPI document, the rest the description.
        \"\"\"

The permission is checked after the token and before anything of the input is looked at.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from django.http import HttpRequest
from ninja import NinjaAPI, Router
from ninja.operation import Operation
from ninja.security import HttpBearer

from kuemmerer.accounts.access import ALL_PERMISSIONS, Actor, actor_for_token
from kuemmerer.core import clock

V = TypeVar("V", bound=Callable[..., Any])


class ApiRequest(HttpRequest):
    """A request with a token: `actor` is the member whose token it is."""

    actor: Actor


class Bearer(HttpBearer):
    """Lets a request pass whose token's member has `permission`."""

    def __init__(self, permission: str) -> None:
        if permission not in ALL_PERMISSIONS:
            raise LookupError(f"unknown permission {permission!r}")
        super().__init__()
        self.permission = permission

    def authenticate(self, request: HttpRequest, token: str) -> Actor | None:
        actor = actor_for_token(token.strip(), clock.now())
        if actor is not None:
            actor.need(self.permission)
            request.actor = actor  # type: ignore[attr-defined]
        return actor


class Operations:
    """The operations of one app, with which it declares them. `router` is mounted at the top."""

    def __init__(self, tag: str) -> None:
        self.router = Router(tags=[tag])

    def get(self, path: str, permission: str, answer: Any) -> Callable[[V], V]:
        return self._declare("GET", path, permission, answer, 200)

    def post(self, path: str, permission: str, answer: Any, *, status: int = 200) -> Callable[[V], V]:
        """`status` is 201 where something new comes to be."""
        return self._declare("POST", path, permission, answer, status)

    def put(self, path: str, permission: str, answer: Any) -> Callable[[V], V]:
        return self._declare("PUT", path, permission, answer, 200)

    def patch(self, path: str, permission: str, answer: Any) -> Callable[[V], V]:
        return self._declare("PATCH", path, permission, answer, 200)

    def delete(self, path: str, permission: str, answer: Any = None) -> Callable[[V], V]:
        return self._declare("DELETE", path, permission, answer, 204 if answer is None else 200)

    def _declare(self, method: str, path: str, permission: str, answer: Any, status: int) -> Callable[[V], V]:
        guard = Bearer(permission)

        def declare(view: V) -> V:
            summary, _, description = inspect.cleandoc(view.__doc__ or "").partition("\n")
            if not summary:
                raise LookupError(f"the operation {view.__name__} says nothing about itself")
            self.router.api_operation(
                [method],
                path,
                auth=guard,
                response={status: answer},
                operation_id=view.__name__,
                summary=summary.rstrip("."),
                description=description.strip() or summary,
                openapi_extra={"x-permission": permission},
            )(view)
            return view

        return declare


def operations_of(api: NinjaAPI) -> list[Operation]:
    """All operations mounted in `api`."""
    return [
        operation
        for router in api._get_bound_routers()
        for view in router.path_operations.values()
        for operation in view.operations
    ]


def permission_of(operation: Operation) -> str:
    """The permission that an operation declares. Raises LookupError for one without."""
    guards = [guard.permission for guard in operation.auth_callbacks if isinstance(guard, Bearer)]
    # Of several guards one would be enough to come in.
    if len(guards) != 1 or len(operation.auth_callbacks) != 1:
        raise LookupError(f"the operation {operation.view_func.__name__} declares no permission")
    return guards[0]
