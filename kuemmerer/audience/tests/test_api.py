"""Contacts and data protection for programs."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kuemmerer.api.tests.client import MONDAY, Program, program, with_conversation
from kuemmerer.channels.models import Author, DailyCount
from kuemmerer.core import clock
from kuemmerer.jobs import sweeps

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _at_nine(settings: Any, tmp_path: Path) -> Iterator[None]:
    settings.DATA_DIR = tmp_path
    with clock.frozen(MONDAY):
        yield


@pytest.fixture
def desk() -> Program:
    made = program()
    with_conversation(made)
    return made


def people(desk: Program) -> list[int]:
    """Two authors who wrote to the desk."""
    cases = desk.get("/cases?view=all&limit=50")["items"]
    return list(dict.fromkeys(case["author"]["id"] for case in cases))[:2]


def test_a_program_makes_a_contact_links_merges_and_takes_apart(desk: Program) -> None:
    first, second = people(desk)
    contact = desk.post("/contacts", {"author": first, "company": "Mühle"})
    assert contact["name"] == Author.objects.get(pk=first).name
    assert contact["figures"]["interactions"] > 0
    desk.put(f"/contacts/{contact['id']}/accounts/{second}")
    whole = desk.get(f"/contacts/{contact['id']}")
    assert {one["author"]["id"] for one in whole["accounts"]} == {first, second}
    assert desk.get(f"/authors/{second}")["contact_id"] == contact["id"]
    desk.delete(f"/contacts/{contact['id']}/accounts/{second}")
    other = desk.post("/contacts", {"author": second})
    merged = desk.post(f"/contacts/{contact['id']}/merge", {"contact": other["id"]}, status=200)
    assert len(merged["accounts"]) == 2
    assert desk.patch(f"/contacts/{contact['id']}", {"phone": "030 1"})["company"] == "Mühle"
    assert [one["id"] for one in desk.get("/contacts?q=m%C3%BChle")["items"]] == [contact["id"]]
    desk.delete(f"/contacts/{contact['id']}")
    assert desk.get("/contacts")["items"] == []


def test_a_history_is_read_page_by_page(desk: Program) -> None:
    first, second = people(desk)
    contact = desk.post("/contacts", {"author": first})["id"]
    desk.put(f"/contacts/{contact}/accounts/{second}")
    rows = desk.all_of(f"/contacts/{contact}/history", limit=1)
    assert len(rows) == desk.get(f"/contacts/{contact}")["figures"]["interactions"]
    assert [row["created_at"] for row in rows] == sorted((row["created_at"] for row in rows), reverse=True)
    alone = desk.all_of(f"/authors/{first}/history")
    assert 0 < len(alone) < len(rows)
    assert desk.get(f"/contacts/{contact}/history?channel=999999")["items"] == []


def test_a_program_finds_authors_and_says_who_is_not_the_same(desk: Program) -> None:
    first, second = people(desk)
    name = Author.objects.get(pk=first).name
    assert first in [one["author"]["id"] for one in desk.get(f"/authors?q={name}")["items"]]
    assert desk.get("/authors")["items"] == []
    desk.post(f"/authors/{first}/not-same", {"author": second}, status=200)
    assert desk.get(f"/authors/{first}/suggestions") == {"items": [], "next": None}


def test_a_program_exports_and_erases_a_person(desk: Program) -> None:
    author = people(desk)[0]
    counted = desk.get(f"/authors/{author}/inventory")["counts"]
    answer = desk.call("POST", f"/authors/{author}/export")
    assert answer["Content-Type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        data = json.loads(archive.read("data.json"))
    assert len(data["interactions"]) == counted["interactions"]
    assert desk.post(f"/authors/{author}/erase", {"sure": False}, status=400)["field"] == "sure"
    record = desk.post(f"/authors/{author}/erase", {"sure": True}, status=200)
    assert record["counts"] == counted
    desk.get(f"/authors/{author}", status=404)
    assert [one["kind"] for one in desk.get("/privacy-records")["items"]] == ["erasure", "export"]


def test_an_erased_person_of_a_living_network_does_not_come_back(desk: Program) -> None:
    author = Author.objects.get(pk=people(desk)[0])
    contact = desk.post("/contacts", {"author": author.pk})["id"]
    desk.post(f"/contacts/{contact}/erase", {"sure": True}, status=200)
    with clock.frozen(MONDAY.replace(month=6)):
        desk.post(f"/channels/{author.channel_id}/sync", status=200)
        sweeps.run_until_quiet(clock.now())
    assert not Author.objects.filter(remote_id=author.remote_id).exists()


def test_a_program_sets_a_retention_and_reads_the_numbers_that_stay(desk: Program) -> None:
    channel = desk.get("/channels")["items"][0]["id"]
    everything = len(desk.all_of("/interactions"))
    assert desk.get(f"/channels/{channel}/retention") == {"days": None, "raw_days": None}
    desk.patch(f"/channels/{channel}/retention", {"days": 0}, status=422)
    assert desk.patch(f"/channels/{channel}/retention", {"days": 20, "raw_days": 3})["days"] == 20
    sweeps.run_until_quiet(clock.now())
    counted = sum(one["interactions"] for one in desk.all_of("/daily-counts", channel=channel))
    assert counted == sum(DailyCount.objects.values_list("interactions", flat=True)) > 0
    assert len(desk.all_of("/interactions")) == everything - counted


def test_statistics_of_employees_are_the_owners_decision(desk: Program) -> None:
    assert desk.get("/personal-statistics") == {"personal": False}
    manager = program("manager", desk.membership.workspace)
    manager.patch("/personal-statistics", {"personal": True}, status=403)
    assert desk.patch("/personal-statistics", {"personal": True}) == {"personal": True}
    assert manager.get("/personal-statistics") == {"personal": True}
