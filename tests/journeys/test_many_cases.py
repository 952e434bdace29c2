"""Many cases at once, and two that become one, in a real browser."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.desk import Desk
from tests.journeys.conftest import Open
from tests.journeys.visitor import MILLISECONDS, Visitor

pytestmark = [pytest.mark.servers, pytest.mark.browser, pytest.mark.slow]

PHONE = {"width": 360, "height": 740}


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with Desk(tmp_path_factory.mktemp("demo"), together=True) as desk:
        yield desk


def ids(page: Page) -> list[str]:
    return [box.get_attribute("value") or "" for box in page.locator("#case-rows .pick").all()]


def row(page: Page, pk: str) -> str:
    return f"#case-rows #case-row-{pk}"


def test_three_cases_are_closed_at_once_and_it_is_undone(demo: Desk, open_page: Open) -> None:
    guest = Visitor(open_page(), demo)
    guest.looks_around()
    page = guest.page
    expect(page.locator("#bulk")).to_be_hidden()
    shown = ids(page)
    page.locator(f"#pick-{shown[0]}").click()
    page.locator(f"#pick-{shown[2]}").click(modifiers=["Shift"])
    expect(page.locator("[data-picked]")).to_have_text("3")
    # News come into the list; what is ticked stays ticked.
    with page.expect_response(re.compile("rows=1")):
        page.evaluate("htmx.trigger(document.body, 'cases-changed')")
    expect(page.locator(".pick:checked")).to_have_count(3)
    page.locator("#bulk").get_by_role("button", name="Close").click()
    message = page.locator(".toast").filter(has_text="3 cases closed.")
    expect(message).to_be_visible(timeout=MILLISECONDS)
    expect(page.locator("#bulk")).to_be_hidden(timeout=MILLISECONDS)
    for pk in shown[:3]:
        expect(page.locator(row(page, pk))).to_have_count(0, timeout=MILLISECONDS)
    message.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("Undone: 3 cases are as they were.")).to_be_visible(timeout=MILLISECONDS)
    for pk in shown[:3]:
        expect(page.locator(row(page, pk))).to_be_visible(timeout=MILLISECONDS)
    assert ids(page)[:3] == shown[:3]


def test_by_keyboard_one_goes_and_ticks(demo: Desk, open_page: Open) -> None:
    guest = Visitor(open_page(), demo)
    guest.looks_around()
    page = guest.page
    for key in ("j", "x", "j", "x"):
        page.keyboard.press(key)
    expect(page.locator(".pick:checked")).to_have_count(2)
    page.keyboard.press("x")
    expect(page.locator(".pick:checked")).to_have_count(1)
    page.get_by_role("button", name="Tick none").click()
    expect(page.locator("#bulk")).to_be_hidden()


def test_on_a_phone_a_long_press_shows_the_boxes(demo: Desk, open_page: Open) -> None:
    phone = Visitor(open_page(viewport=PHONE, has_touch=True, is_mobile=True), demo)
    phone.looks_around()
    page = phone.page
    expect(page.locator(".pick").first).to_be_hidden()
    place = page.locator("#case-rows .case-text").first.bounding_box()
    assert place is not None
    touch = page.context.new_cdp_session(page)
    at = [{"x": place["x"] + 20, "y": place["y"] + 5}]
    touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": at})
    page.wait_for_timeout(800)
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    expect(page.locator(".pick:checked")).to_have_count(1)
    expect(page.locator("#case-rows")).to_be_visible()
    page.locator(".pick").nth(1).tap()
    expect(page.locator("[data-picked]")).to_have_text("2")
    phone.page_is_not_wider_than_the_screen()
    page.get_by_role("button", name="Tick none").tap()
    expect(page.locator(".pick").first).to_be_hidden()
    page.locator("[data-pick-mode]").tap()
    expect(page.locator(".pick").first).to_be_visible()


def test_without_javascript_the_same_form_works(demo: Desk, open_page: Open) -> None:
    guest = Visitor(open_page(java_script_enabled=False), demo, scripts=False)
    guest.looks_around()
    page = guest.page
    shown = ids(page)
    page.locator(f"#pick-{shown[0]}").check()
    page.locator("#bulk").get_by_role("button", name="Close").click()
    expect(page.get_by_text("1 case closed.")).to_be_visible(timeout=MILLISECONDS)
    expect(page.locator(row(page, shown[0]))).to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(row(page, shown[0]))).to_be_visible(timeout=MILLISECONDS)


def test_two_cases_of_a_person_become_one_and_the_old_link_leads_there(demo: Desk, open_page: Open) -> None:
    guest = Visitor(open_page(), demo)
    guest.looks_around()
    guest.looks_at("All")
    page = guest.page
    opened = _a_case_with_another_one(page)
    page.get_by_role("link", name="Merge …").click()
    page.locator("[name=case]").first.check()
    other = page.locator("[name=case]").first.get_attribute("value")
    page.get_by_role("button", name="Show both").click()
    expect(page.get_by_role("heading", name="Comes into it")).to_be_visible(timeout=MILLISECONDS)
    page.get_by_role("button", name="Merge", exact=True).click()
    expect(page.get_by_text("The two cases are one now.")).to_be_visible(timeout=MILLISECONDS)
    page.goto(re.sub(r"/inbox/\d+/", f"/inbox/{other}/", opened))
    expect(page).to_have_url(opened)
    # And apart again.
    page.locator("#thread .message.theirs [aria-label='Split here']").last.click()
    page.locator("#confirm-dialog [data-confirm-yes]").click()
    expect(page.get_by_text("This is a case of its own now.")).to_be_visible(timeout=MILLISECONDS)
    expect(page).not_to_have_url(opened)


def _a_case_with_another_one(page: Page) -> str:
    """Open cases until one is there whose author has another one on the channel; returns its address."""
    addresses = [link.get_attribute("href") or "" for link in page.locator("#case-rows .case-link").all()]
    origin = page.url.split("/w/")[0]
    for address in addresses:
        with page.expect_response(re.compile("/earlier/")):
            page.goto(origin + address)
        page.wait_for_load_state("networkidle")
        if page.get_by_role("link", name="Merge …").count():
            return page.url.split("?")[0]
    raise AssertionError("nobody in the demo has two cases")
