"""Errors: `application/problem+json` (RFC 9457), with a stable code and a sentence for people."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.core.serializers.json import DjangoJSONEncoder
from django.http import Http404, HttpRequest, HttpResponse, UnreadablePostError
from django.utils.translation import gettext as _
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError
from pydantic import BaseModel, Field

from kuemmerer.core.errors import DeskError, NotFound

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"


class FieldProblem(BaseModel):
    field: str = Field(description="The input it is about; parts of nested input are joined by dots.")
    code: str
    detail: str


class Problem(BaseModel):
    """What went wrong. `code` is stable and for programs, `detail` a sentence in the language asked for."""

    type: str = Field(description="A URN that ends in the code.")
    title: str = Field(description="The name of the HTTP status.")
    status: int
    detail: str
    code: str
    field: str | None = Field(default=None, description="The input that is wrong, if it is one.")
    errors: list[FieldProblem] | None = Field(default=None, description="All wrong inputs (status 422).")


def problem(
    status: int,
    code: str,
    detail: str,
    *,
    field: str = "",
    headers: Mapping[str, str] | None = None,
    **more: Any,
) -> HttpResponse:
    """The answer for an error. `more` are further members, where they take no standard one's place."""
    body = more | {
        "type": f"urn:kuemmerer:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
    }
    if field:
        body["field"] = field
    return HttpResponse(
        json.dumps(body, cls=DjangoJSONEncoder),
        status=status,
        content_type=MEDIA_TYPE,
        headers=dict(headers or {}),
    )


def not_found() -> HttpResponse:
    return _desk(None, NotFound())


def too_large() -> HttpResponse:
    return problem(413, "too_large", _("This request is too large."))


def method_not_allowed(allow: str) -> HttpResponse:
    return problem(
        405, "method_not_allowed", _("This address does not know this method."), headers={"Allow": allow}
    )


def add_handlers(api: NinjaAPI) -> None:
    """Let `api` answer every exception with a problem."""
    api.add_exception_handler(DeskError, _desk)
    api.add_exception_handler(AuthenticationError, _unauthenticated)
    api.add_exception_handler(ValidationError, _invalid)
    api.add_exception_handler(HttpError, _unreadable)
    api.add_exception_handler(UnreadablePostError, _unreadable)
    api.add_exception_handler(RequestDataTooBig, lambda request, error: too_large())
    api.add_exception_handler(Http404, lambda request, error: not_found())
    api.add_exception_handler(Exception, _fault)


def _desk(request: HttpRequest | None, error: Any) -> HttpResponse:
    if error.status >= 500:
        log.error("The API answers %s", error.code, exc_info=error)
    return problem(error.status, error.code, str(error.message), field=error.field, **error.extra)


def _unauthenticated(request: HttpRequest, error: Any) -> HttpResponse:
    given = "Authorization" in request.headers
    challenge = 'Bearer realm="kuemmerer"' + (', error="invalid_token"' if given else "")
    detail = (
        _("This token is not valid (any more).") if given else _("Send a token: “Authorization: Bearer …”.")
    )
    return problem(401, "unauthenticated", detail, headers={"WWW-Authenticate": challenge})


def _invalid(request: HttpRequest, error: Any) -> HttpResponse:
    errors = [_field_problem(one) for one in error.errors]
    detail = _("Some of the input is missing or wrong.")
    return problem(422, "invalid_input", detail, field=errors[0]["field"], errors=errors)


def _field_problem(error: Mapping[str, Any]) -> dict[str, str]:
    missing = error["type"] == "missing"
    return {
        "field": _name(error["loc"]),
        "code": str(error["type"]),
        "detail": _("Please fill this in.") if missing else str(error["msg"]).removeprefix("Value error, "),
    }


def _name(loc: Sequence[str | int]) -> str:
    """`("body", "data", "settings", "url")` as `settings.url`: without where it was sent and our own name."""
    parts = [str(part) for part in loc]
    if parts and parts[0] in {"body", "query", "path", "header"}:
        parts = parts[1:]
    return ".".join(parts[1:] if parts[:1] == ["data"] else parts)


def _unreadable(request: HttpRequest, error: Any) -> HttpResponse:
    return problem(400, "bad_body", _("The body of the request is not readable as JSON."))


def _fault(request: HttpRequest, error: Any) -> HttpResponse:
    # Whatever it is, its words are for the log: they may hold names, addresses, parts of secrets.
    log.error("%s %s failed", request.method, request.path, exc_info=error)
    return problem(500, "internal", _("Something went wrong here. It has been written to the log."))
