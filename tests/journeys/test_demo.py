"""Looking around in the demo company: it lives, and the keyboard is enough."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.desk import Desk
from tests.journeys.conftest import Open
from tests.journeys.visitor import MILLISECONDS, Visitor

pytestmark = [pytest.mark.servers, pytest.mark.browser, pytest.mark.slow]

LIVE = "Gerade angeschnitten. Das Geräusch allein"
"""What somebody in the demo's story comments twenty seconds after the company was founded."""


def test_a_visitor_sees_a_comment_arrive_and_answers_it(tmp_path: Path, open_page: Open) -> None:
    with Desk(tmp_path, together=True) as desk:
        guest = Visitor(open_page(), desk)
        guest.looks_around()
        guest.looks_at("All")
        expect(guest.row(LIVE)).to_have_count(0)
        guest.opens_the_case(LIVE)
        guest.writes("Danke, das freut die ganze Backstube!")
        guest.sends()
        guest.sees_it_delivered("die ganze Backstube")


def test_a_visitor_needs_no_mouse(tmp_path: Path, open_page: Open) -> None:
    with Desk(tmp_path, together=True) as desk:
        guest = Visitor(open_page(), desk)
        guest.looks_around()
        guest.looks_at("Unassigned")
        page = guest.page
        expect(page.locator("#case-rows .case-link").nth(1)).to_be_visible(timeout=MILLISECONDS)
        opens_the_second_case_by_keys(page)
        assigns_by_keys(page)
        answers_by_keys(guest)
        snoozes_by_keys(page)
        closes_by_keys(page)
        searches_by_keys(page)


def opens_the_second_case_by_keys(page: Page) -> None:
    page.keyboard.press("j")
    first = focused_row(page)
    page.keyboard.press("j")
    second = focused_row(page)
    assert first != second
    page.keyboard.press("k")
    assert focused_row(page) == first
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.locator("#thread")).to_be_visible(timeout=MILLISECONDS)
    expect(page).to_have_url(re.compile(rf"/inbox/{second.rpartition('-')[2]}/"), timeout=MILLISECONDS)


def focused_row(page: Page) -> str:
    return str(page.evaluate("document.activeElement.closest('.case-row')?.id ?? ''"))


def assigns_by_keys(page: Page) -> None:
    page.keyboard.press("a")
    page.keyboard.press("Enter")
    chosen = page.locator("[data-key=a]")
    expect(chosen).not_to_have_text(re.compile("Nobody"), timeout=MILLISECONDS)


def answers_by_keys(guest: Visitor) -> None:
    page = guest.page
    page.keyboard.press("r")
    expect(page.locator("#reply-text")).to_be_focused()
    # Letters typed into a text are letters.
    page.keyboard.type("Gerne, bis morgen! ajeks")
    page.keyboard.press("Control+Enter")
    guest.sees_it_delivered("Gerne, bis morgen! ajeks")


def snoozes_by_keys(page: Page) -> None:
    leaves_the_field(page)
    page.keyboard.press("s")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator("#case .case-title .chip", has_text="Snoozed")).to_be_visible(timeout=MILLISECONDS)


def closes_by_keys(page: Page) -> None:
    leaves_the_field(page)
    page.keyboard.press("e")
    expect(page.locator("#case .case-title .chip", has_text="Closed")).to_be_visible(timeout=MILLISECONDS)


def searches_by_keys(page: Page) -> None:
    leaves_the_field(page)
    page.keyboard.press("/")
    expect(page.locator("#q")).to_be_focused()
    leaves_the_field(page)
    page.keyboard.press("?")
    expect(page.locator("#help-dialog")).to_be_visible(timeout=MILLISECONDS)
    page.keyboard.press("Escape")
    expect(page.locator("#help-dialog")).to_be_hidden()


def leaves_the_field(page: Page) -> None:
    """As a click beside it would."""
    page.evaluate("document.activeElement?.matches('textarea, input') && document.activeElement.blur()")
