"""The OpenAPI document in the repository is the one that is served."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from django.test import Client

from kuemmerer.api.fields import Answer, Input

pytestmark = pytest.mark.django_db

KEPT = Path(__file__).parents[3] / "docs" / "api" / "openapi.json"
WRITE = "KUEMMERER_TEST_WRITE_OPENAPI"
HOW = (
    f"The API has changed. If that was meant, write the document anew and look at the difference:\n"
    f"  {WRITE}=1 .venv/bin/python -m pytest kuemmerer/api/tests/test_openapi.py"
)


def test_the_document_in_the_repository_is_the_one_that_is_served() -> None:
    served = Client().get("/api/v1/openapi.json", headers={"Accept-Language": "de"})
    text = json.dumps(served.json(), ensure_ascii=False, indent=1) + "\n"
    if os.environ.get(WRITE):
        KEPT.parent.mkdir(parents=True, exist_ok=True)
        KEPT.write_text(text, encoding="utf-8")
    assert KEPT.exists(), HOW
    assert KEPT.read_text(encoding="utf-8") == text, HOW


def test_the_document_is_the_only_page_beside_the_operations() -> None:
    for path in ("", "docs", "redoc", "schema"):
        response = Client().get(f"/api/v1/{path}")
        assert response.status_code == 404
        assert response["Content-Type"] == "application/problem+json"


def test_no_two_shapes_have_the_same_name() -> None:
    """Of two, the document would describe one and say it of both."""
    Client().get("/api/v1/openapi.json")
    modules: dict[str, set[str]] = {}
    waiting: list[type] = [Answer, Input]
    while waiting:
        for shape in waiting.pop().__subclasses__():
            modules.setdefault(shape.__name__, set()).add(shape.__module__)
            waiting.append(shape)
    assert {name: found for name, found in modules.items() if len(found) > 1} == {}


def test_operation_ids_are_words_that_a_client_generator_can_use() -> None:
    document = Client().get("/api/v1/openapi.json").json()
    names = [o["operationId"] for methods in document["paths"].values() for o in methods.values()]
    assert len(set(names)) == len(names)
    assert all(name.isidentifier() and name == name.lower() for name in names)
