"""Somebody asks what is stored, and then wants it gone: from the case to the proof that nothing is left."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.desk import Desk
from tests.journeys.conftest import Open
from tests.journeys.visitor import MILLISECONDS, Visitor

pytestmark = [pytest.mark.servers, pytest.mark.browser, pytest.mark.slow]


def test_a_person_is_handed_their_data_and_then_erased(tmp_path: Path, open_page: Open) -> None:
    with Desk(tmp_path, together=True) as desk:
        owner = Visitor(open_page(), desk)
        owner.looks_around()
        owner.looks_at("All")
        page = owner.page
        page.locator("#case-rows .case-link").first.click()
        name = page.locator("#case-title").inner_text()
        case = page.url.split("?")[0]
        opens_the_person(page)
        expect(page.get_by_role("heading", name=name, exact=True)).to_be_visible(timeout=MILLISECONDS)
        makes_a_contact(page, notes="Kommt samstags, plantednote")
        downloads_everything(page, "plantednote")
        erases_everything(page, name)
        answer = page.goto(case)
        assert answer is not None
        assert answer.status == 404
        page.go_back()
        keeps_a_record(owner)
        finds_nobody(owner, name)


def test_erasing_works_without_javascript_and_asks_first(tmp_path: Path, open_page: Open) -> None:
    with Desk(tmp_path, together=True) as desk:
        owner = Visitor(open_page(java_script_enabled=False), desk, scripts=False)
        owner.looks_around()
        owner.looks_at("All")
        page = owner.page
        page.locator("#case-rows .case-link").first.click()
        name = page.locator("#case-title").inner_text()
        opens_the_person(page)
        erases_everything(page, name)
        finds_nobody(owner, name)


def opens_the_person(page: Page) -> None:
    page.locator(".aside").get_by_role("link", name="Everything from this person").click()
    expect(page.get_by_role("heading", name="History")).to_be_visible(timeout=MILLISECONDS)


def makes_a_contact(page: Page, *, notes: str) -> None:
    page.get_by_role("button", name="Make a contact").click()
    page.locator("[name=notes]").fill(notes)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text(notes)).to_be_visible(timeout=MILLISECONDS)


def downloads_everything(page: Page, words: str) -> None:
    with page.expect_download() as download:
        page.get_by_role("button", name="Export data").click()
    with zipfile.ZipFile(io.BytesIO(Path(download.value.path()).read_bytes())) as archive:
        assert words in archive.read("data.json").decode()
        assert words in archive.read("index.html").decode()


def erases_everything(page: Page, name: str) -> None:
    page.get_by_role("link", name="Erase everything").click()
    expect(page.get_by_role("heading", name=f"Erase everything about {name}")).to_be_visible()
    expect(page.locator("dl.facts")).to_contain_text("Comments, messages and reactions")
    page.get_by_label("Yes, erase all of this.").check()
    page.get_by_role("button", name="Erase everything").click()
    expect(page.get_by_text("Everything about this person has been erased.")).to_be_visible(
        timeout=MILLISECONDS
    )


def keeps_a_record(owner: Visitor) -> None:
    owner.goes_to("Settings")
    page = owner.page
    page.locator(".tabs").get_by_role("link", name="Data protection").click()
    rows = page.get_by_role("region", name="Requests of people").get_by_role("row")
    expect(rows.filter(has_text="Erased")).to_have_count(1)
    expect(rows.filter(has_text="Handed out")).to_have_count(1)


def finds_nobody(owner: Visitor, name: str) -> None:
    owner.goes_to("Contacts")
    owner.page.locator("#contact-search").fill(name)
    owner.page.locator("#contact-search").press("Enter")
    expect(owner.page.get_by_text("No contact found")).to_be_visible(timeout=MILLISECONDS)
    expect(owner.page.get_by_role("heading", name="Accounts without a contact")).to_have_count(0)
    owner.looks_at("All")
    expect(owner.page.locator("#case-rows .case-link").first).to_be_visible(timeout=MILLISECONDS)
    expect(owner.page.locator("#case-rows .case-link", has_text=name)).to_have_count(0)
