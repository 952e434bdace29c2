"""Errors as a program meets them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from kuemmerer.api.root import MOST_BYTES
from kuemmerer.api.tests.client import ROOT, program
from kuemmerer.api.workspace import WorkspaceAnswer

pytestmark = pytest.mark.django_db

MEMBERS = {"type", "title", "status", "detail", "code"}


def test_an_error_of_an_operation_is_a_problem_with_its_field() -> None:
    body = program().post("/ideas", {"title": " "}, status=400)
    assert body == {
        "type": "urn:kuemmerer:problem:invalid",
        "title": "Bad Request",
        "status": 400,
        "detail": "Please give a title of at most 500 characters.",
        "code": "invalid",
        "field": "title",
    }


def test_every_wrong_input_is_listed() -> None:
    body = program().post("/channels", {"days": "many", "settings": {"url": 5}, "colour": "red"}, status=422)
    assert body["code"] == "invalid_input"
    assert {(one["field"], one["code"]) for one in body["errors"]} == {
        ("network", "missing"),
        ("days", "int_parsing"),
        ("settings.url", "string_type"),
        ("colour", "extra_forbidden"),
    }
    assert all(one["detail"] for one in body["errors"])


def test_what_was_typed_is_not_sent_back() -> None:
    response = program().call("POST", "/channels", {"network": "x", "settings": {"password": ["hunter2"]}})
    assert response.status_code == 422
    assert b"hunter2" not in response.content


@pytest.mark.parametrize(
    ("query", "field"),
    [("limit=0", "limit"), ("limit=101", "limit"), ("limit=x", "limit"), ("view=none", "view")],
)
def test_a_wrong_parameter_is_named(query: str, field: str) -> None:
    body = program().get(f"/cases?{query}", status=422)
    assert [one["field"] for one in body["errors"]] == [field]


@pytest.mark.parametrize("raw", [b"{", b"\xff\xfe", b"nope", b'{"title": "x"', b"[" * 100_000])
def test_a_body_that_is_no_json_is_refused(raw: bytes) -> None:
    desk = program()
    response = desk.http.generic(
        "POST", f"{ROOT}/ideas", raw, "application/json", headers={"Authorization": f"Bearer {desk.secret}"}
    )
    assert (response.status_code, response.json()["code"]) == (400, "bad_body")


@pytest.mark.parametrize("body", [[], "text", 5, {}, {"title": "a\x00b"}, {"title": "\ud800"}])
def test_a_body_of_the_wrong_kind_is_refused(body: Any) -> None:
    assert program().post("/ideas", body, status=422)["code"] == "invalid_input"


def test_a_missing_body_is_refused() -> None:
    assert program().post("/ideas", status=422)["code"] == "invalid_input"


def test_a_body_that_is_too_large_is_refused() -> None:
    body = program().post("/ideas", {"title": "x" * MOST_BYTES}, status=413)
    assert (body["code"], body["title"]) == ("too_large", "Request Entity Too Large")


def test_an_unknown_address_is_a_problem_too() -> None:
    for method in ("GET", "POST", "DELETE"):
        response = Client(enforce_csrf_checks=True).generic(method, f"{ROOT}/nothing/here")
        assert response.status_code == 404
        assert response["Content-Type"] == "application/problem+json"
        assert set(response.json()) == MEMBERS


def test_a_number_that_no_database_holds_is_simply_not_found() -> None:
    desk = program()
    for number in ("0", "9" * 30, "-1", "abc", "1e3"):
        assert desk.get(f"/cases/{number}", status=404)["code"] == "not_found"
    assert desk.get(f"/cases?channel={'9' * 30}", status=422)["errors"][0]["field"] == "channel"


def test_a_wrong_method_is_a_problem_that_names_the_right_ones() -> None:
    response = program().call("PUT", "/channels", {})
    assert response.status_code == 405
    assert set(response["Allow"].split(", ")) == {"GET", "POST"}
    assert response.json()["code"] == "method_not_allowed"


def test_a_fault_of_ours_shows_nothing_of_the_inside(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*args: Any) -> WorkspaceAnswer:
        raise RuntimeError("password=hunter2")

    desk = program()
    monkeypatch.setattr(WorkspaceAnswer, "of", broken)
    response = desk.call("GET", "/workspace")
    assert response.status_code == 500
    assert response["Content-Type"] == "application/problem+json"
    assert response.json()["code"] == "internal"
    assert b"hunter2" not in response.content
    assert "GET /api/v1/workspace failed" in caplog.text


def test_an_answer_is_never_kept_by_a_cache_and_speaks_the_language_asked_for() -> None:
    response = program().call("GET", "/cases/1", **{"Accept-Language": "de"})
    assert response["Cache-Control"] == "no-store"
    assert response["Content-Language"] == "de"


def test_an_error_text_is_text_and_no_markup() -> None:
    body = json.dumps(program().post("/ideas", {"title": "x", "url": "<script>"}, status=400))
    assert "<script>" not in body
