"""Mentioning a colleague in a note: offered when “@” is typed, chosen with keys or with a finger."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.desk import Desk
from tests.journeys.conftest import Open
from tests.journeys.test_layout import LAPTOP, PHONE, is_in_sight
from tests.journeys.visitor import MILLISECONDS, Visitor

pytestmark = [pytest.mark.servers, pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with Desk(tmp_path_factory.mktemp("mentions"), together=True) as desk:
        yield desk


def begins_a_note(page: Page) -> None:
    page.locator("#case-rows .case-link").first.click()
    page.locator("#reply-text").wait_for(timeout=MILLISECONDS)
    page.locator(".segmented label", has_text="Note").click()
    page.locator("#reply-text").click()


def test_colleagues_are_offered_and_chosen_with_keys(demo: Desk, open_page: Open) -> None:
    guest = Visitor(open_page(viewport=LAPTOP), demo)
    guest.looks_around()
    page = guest.page
    begins_a_note(page)
    text, people = page.locator("#reply-text"), page.locator("#mentions [role=option]:visible")
    page.keyboard.type("Ask jana@example.org or @")
    expect(people).to_have_count(3)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    first = people.first.get_attribute("id") or "?"
    expect(text).to_have_attribute("aria-activedescendant", first)
    assert is_in_sight(people.first)
    assert not Axe().run(page, "#reply").response["violations"]
    page.keyboard.type("MUR")
    expect(people).to_have_count(1)
    page.keyboard.press("Enter")
    expect(text).to_have_value("Ask jana@example.org or @Murat Aydın ")
    expect(people).to_have_count(0)
    page.keyboard.type("@ja")
    page.keyboard.press("Escape")
    expect(people).to_have_count(0)
    page.keyboard.press("Control+Enter")
    noted = page.locator(".message.note .mention")
    expect(noted.last).to_have_text("@Murat Aydın", timeout=MILLISECONDS)


def test_an_answer_offers_nobody(demo: Desk, open_page: Open) -> None:
    guest = Visitor(open_page(viewport=LAPTOP), demo)
    guest.looks_around()
    page = guest.page
    page.locator("#case-rows .case-link").first.click()
    page.locator("#reply-text").click(timeout=MILLISECONDS)
    page.keyboard.type("@")
    expect(page.locator("#mentions")).to_be_hidden()


def test_on_a_phone_a_finger_chooses(demo: Desk, open_page: Open) -> None:
    guest = Visitor(open_page(viewport=PHONE, has_touch=True), demo)
    guest.looks_around()
    page = guest.page
    begins_a_note(page)
    page.keyboard.type("@")
    person = page.locator("#mentions [role=option]", has_text="Jana")
    assert is_in_sight(person)
    person.tap()
    expect(page.locator("#reply-text")).to_have_value("@Jana Sommer ")
    guest.page_is_not_wider_than_the_screen()
