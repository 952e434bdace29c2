"""Putting the operations together: one API, one OpenAPI document, every answer JSON."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import URLPattern, URLResolver, re_path
from django.views.decorators.csrf import csrf_exempt
from ninja import NinjaAPI
from ninja.openapi.schema import OpenAPISchema

from kuemmerer.api import problems
from kuemmerer.api.operations import Operations, operations_of, permission_of

MOST_BYTES = 1_000_000
"""How large a request may be. The longest text that the desk takes has 20,000 characters."""

Urls = tuple[list[URLPattern | URLResolver], str, str]


class Api(NinjaAPI):
    """The operations under one version prefix."""

    def __init__(self, *, title: str, version: str, description: str, prefix: str) -> None:
        super().__init__(title=title, version=version, description=description, docs_url=None)
        self.prefix = prefix
        problems.add_handlers(self)

    def mount(self, parts: Sequence[Operations]) -> None:
        """Add operations. Raises LookupError for one without a permission or with a name taken twice."""
        for part in parts:
            self.add_router("", part.router)
        names: set[str] = set()
        for operation in operations_of(self):
            permission_of(operation)
            name = operation.operation_id or ""
            if not name or name in names:
                raise LookupError(f"the operation id {name!r} is empty or taken twice")
            names.add(name)

    @property
    def document(self) -> dict[str, Any]:
        """The OpenAPI document, with the problem that any operation may answer with."""
        found: dict[str, Any] = dict(self.get_openapi_schema(path_prefix=self.prefix))
        schemas = found["components"]["schemas"]
        described = problems.Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas |= described.pop("$defs") | {"Problem": described}
        found["components"]["schemas"] = dict(sorted(schemas.items()))
        answer = {
            "description": "Problem",
            "content": {problems.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for methods in found["paths"].values():
            for operation in methods.values():
                operation["responses"] = {
                    str(status): value for status, value in operation["responses"].items()
                } | {"default": answer}
        return found

    def get_openapi_schema(
        self, *, path_prefix: str | None = None, path_params: dict[str, Any] | None = None
    ) -> OpenAPISchema:
        return super().get_openapi_schema(path_prefix=path_prefix or self.prefix, path_params=path_params)

    @property
    def guarded_urls(self) -> Urls:
        """For `path(…)`. What ninja leaves to Django's HTML (unknown address, wrong method) is JSON too."""
        patterns, app, namespace = self.urls
        for pattern in patterns:
            if isinstance(pattern, URLPattern):
                pattern.callback = _guarded(
                    self._show_document if pattern.name == "openapi-json" else pattern.callback
                )
        # Before the last one, which is ninja's root and knows no more than its own name.
        patterns.insert(-1, re_path("", _guarded(csrf_exempt(_unknown)), name="unknown"))
        return patterns, app, namespace

    def _show_document(self, request: HttpRequest) -> HttpResponse:
        return self.create_response(request, self.document, status=200)


def _unknown(request: HttpRequest) -> HttpResponse:
    return problems.not_found()


def _guarded(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response = problems.too_large() if _is_too_large(request) else view(request, *args, **kwargs)
        if response.status_code == 405:
            response = problems.method_not_allowed(response.headers.get("Allow", ""))
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    return guarded


def _is_too_large(request: HttpRequest) -> bool:
    length = str(request.META.get("CONTENT_LENGTH") or "0")
    return not length.isdigit() or int(length) > MOST_BYTES
