"""Secrets at rest, the audit log, the clock, errors, what people type."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils.translation import override

from kuemmerer.core import clock, encryption
from kuemmerer.core.encryption import Unreadable
from kuemmerer.core.errors import Conflict, DeskError, Forbidden, Invalid, NotFound
from kuemmerer.core.models import AuditRecord, record
from kuemmerer.core.text import storable
from tests.factories import MONDAY, actor


def test_a_secret_comes_back_and_cannot_be_read_in_between() -> None:
    secret = {"token": "geheim und länger", "n": 1, "nested": {"a": [None]}}
    sealed = encryption.encrypt(secret)
    assert "geheim" not in sealed
    assert encryption.decrypt(sealed) == secret
    assert encryption.encrypt(secret) != sealed, "never the same twice"


def test_no_secret_is_an_empty_one() -> None:
    assert encryption.decrypt("") == {}


@pytest.mark.parametrize("damage", ["key", "bits", "nonsense"])
def test_a_secret_sealed_with_another_key_is_a_clear_error(settings: Any, damage: str) -> None:
    sealed = encryption.encrypt({"token": "x"})
    if damage == "key":
        settings.SECRET_KEY = "another key, thirty-two characters long or more"
    elif damage == "bits":
        sealed = sealed[:-5] + "AAAA="
    else:
        sealed = "ä\x00"
    with pytest.raises(Unreadable, match="reconnect the channel") as refused:
        encryption.decrypt(sealed)
    assert (refused.value.status, refused.value.code) == (500, "unreadable_secret")


def test_a_deed_and_its_record_happen_together_or_not_at_all(db: None) -> None:
    somebody = actor()

    def deed(fails: bool) -> None:
        with transaction.atomic():
            record(workspace_id=1, actor="a@b", verb="did", subject=somebody.workspace, now=MONDAY, why="so")
            if fails:
                raise Conflict("no")

    with pytest.raises(Conflict):
        deed(fails=True)
    assert not AuditRecord.objects.filter(verb="did").exists()
    deed(fails=False)
    found = AuditRecord.objects.get(verb="did")
    assert (found.subject_type, found.subject_id) == ("workspace", somebody.workspace.pk)
    assert (found.details, found.at) == ({"why": "so"}, MONDAY)
    assert str(found) == f"2026-03-02 09:00 a@b did workspace {somebody.workspace.pk}"


def test_the_clock_stands_still_and_goes_on() -> None:
    assert clock.now().tzinfo is UTC
    with clock.frozen(MONDAY):
        assert clock.now() == MONDAY
        with clock.frozen(MONDAY + timedelta(days=1)):
            assert clock.now() == MONDAY + timedelta(days=1)
        assert clock.now() == MONDAY
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(seconds=5)


def test_errors_have_a_status_a_code_and_a_sentence_in_the_readers_language() -> None:
    for kind, status, code in ((Forbidden, 403, "forbidden"), (NotFound, 404, "not_found")):
        error: DeskError = kind()
        assert (error.status, error.code) == (status, code)
        with override("en"):
            english = str(error)
        assert english.endswith(".")
    error = Invalid("So nicht.", field="name", code="special", extra={"limit": 3})
    assert (error.status, error.code, error.field, error.extra) == (400, "special", "name", {"limit": 3})


def test_what_no_database_takes_is_left_out_and_nothing_else() -> None:
    assert storable("a\x00b\ud800c\udfff") == "abc"
    kept = "Zeile\nnoch eine\t🥨 \u200f שלום"
    assert storable(kept) == kept
