"""Every page: nothing for axe to find, in light and dark; nothing wider than a small phone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.desk import Desk, Seed
from tests.journeys.conftest import Open
from tests.journeys.places import addresses, known_parts_of_the_demo
from tests.journeys.visitor import MILLISECONDS, Visitor

pytestmark = [pytest.mark.servers, pytest.mark.browser, pytest.mark.slow]

PHONE = {"width": 360, "height": 740}
BEFORE_LOGIN = ("accounts/login/", "accounts/password/reset/", "invitation/no-such-token/", "no-such-page/")
SEVERAL = 12
"""The pages that there must be at the least: a walk that finds none proves nothing."""


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A desk where somebody has looked around; the tests here only read."""
    with Desk(tmp_path_factory.mktemp("demo"), together=True) as desk:
        yield desk


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_any_page(scheme: str, demo: Desk, open_page: Open) -> None:
    guest = Visitor(open_page(bypass_csp=True, color_scheme=scheme), demo)
    found = violations(guest, demo)
    assert not found, "\n".join(found)


def test_axe_finds_nothing_on_the_pages_of_an_empty_desk(seed: Seed, tmp_path: Path, open_page: Open) -> None:
    """Without a channel or case; and what a guest of the demo may not see."""
    with Desk(tmp_path, seed=seed) as desk:
        owner = Visitor(open_page(bypass_csp=True), desk)
        owner.signs_in()
        owner.proves_who_they_are()
        workspace = owner.page.url.split("/w/")[1].split("/")[0]
        paths = addresses(owner.page, {"workspace": workspace, "network": "bluesky"})
        assert {"workspaces/new/", "accounts/reauthenticate/", "accounts/2fa/totp/activate/"} <= set(paths)
        found = []
        for path in paths:
            owner.page.goto(f"{desk.url}/{path}")
            found += checked(owner.page)
        assert not found, "\n".join(found)


def violations(guest: Visitor, demo: Desk) -> list[str]:
    page, found = guest.page, []
    page.goto(f"{demo.url}/setup/")
    found += checked(page)
    for path in BEFORE_LOGIN:
        page.goto(f"{demo.url}/{path}")
        found += checked(page)
    guest.looks_around()
    for path in pages_of(guest):
        page.goto(f"{demo.url}/{path}")
        found += checked(page)
    return found


def checked(page: Page) -> list[str]:
    """What axe says of the page as it stands, and again with every menu open."""
    page.wait_for_load_state("load")
    said = reported(page)
    if page.locator("details").count():
        page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
        said += [one for one in reported(page) if one not in said]
    return said


def reported(page: Page) -> list[str]:
    return [
        f"{page.url}: {one['id']} ({one['impact']}): {one['nodes'][0]['html'][:150]}"
        f" {one['nodes'][0].get('failureSummary', '')[:300]}"
        for one in Axe().run(page).response["violations"]
    ]


@pytest.mark.parametrize("locale", ["de-DE", "en-GB"])
def test_no_page_is_wider_than_a_small_phone(locale: str, demo: Desk, open_page: Open) -> None:
    wide = Visitor(open_page(), demo)
    wide.looks_around()
    paths = pages_of(wide)
    phone = Visitor(open_page(viewport=PHONE, locale=locale, has_touch=True, is_mobile=True), demo)
    for path in ("setup/", *BEFORE_LOGIN):
        phone.page.goto(f"{demo.url}/{path}")
        phone.page_is_not_wider_than_the_screen()
    phone.looks_around()
    for path in paths:
        phone.page.goto(f"{demo.url}/{path}")
        phone.page_is_not_wider_than_the_screen()


def test_a_case_is_answered_on_a_small_phone(demo: Desk, open_page: Open) -> None:
    phone = Visitor(open_page(viewport=PHONE, locale="de-DE", has_touch=True, is_mobile=True), demo)
    phone.looks_around()
    page = phone.page
    page.goto(f"{page.url.split('?')[0]}?view=unassigned")
    page.locator("#case-rows .case-link").first.tap()
    expect(page.locator("#thread")).to_be_visible(timeout=MILLISECONDS)
    expect(page.locator("#case-rows")).to_be_hidden()
    phone.page_is_not_wider_than_the_screen()
    phone.writes("Gern geschehen, bis bald! Vom Telefon aus.")
    page.locator("#reply .primary").tap()
    phone.sees_it_delivered("Vom Telefon aus.")
    phone.page_is_not_wider_than_the_screen()
    page.locator(".case-head .back").tap()
    expect(page.locator("#case-rows")).to_be_visible(timeout=MILLISECONDS)


def pages_of(guest: Visitor) -> Sequence[str]:
    guest.looks_at("All")
    found = addresses(guest.page, known_parts_of_the_demo(guest))
    assert len(found) >= SEVERAL, found
    return found
