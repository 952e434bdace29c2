"""What a page shows lies where one can see and reach it, at a desk and on a small phone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.desk import Desk
from tests.journeys.conftest import Open
from tests.journeys.visitor import MILLISECONDS, Visitor

pytestmark = [pytest.mark.servers, pytest.mark.browser, pytest.mark.slow]

PHONE = {"width": 360, "height": 740}
LAPTOP = {"width": 1280, "height": 800}
SIZES = pytest.mark.parametrize("size", [PHONE, LAPTOP], ids=["phone", "laptop"])

UNCOVERED = """element => {
    const box = element.getBoundingClientRect();
    const [x, y] = [(box.left + box.right) / 2, (box.top + box.bottom) / 2];
    return [[box.left + 3, y], [box.right - 3, y], [x, box.top + 3], [x, box.bottom - 3]].every(
        ([x, y]) => element.contains(document.elementFromPoint(x, y)));
}"""


SAME_NUMBER = """async () => {
    const address = document.querySelector("#case-rows").getAttribute("hx-get");
    const answer = await (await fetch(address, { headers: { "HX-Request": "true" } })).text();
    const now = answer.match(/data-count='inbox'\\]">([^<]*)</)[1];
    return document.querySelector("#sidebar [data-count=inbox]").textContent.trim() === now.trim();
}"""


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with Desk(tmp_path_factory.mktemp("layout"), together=True) as desk:
        yield desk


def guest(demo: Desk, open_page: Open, size: dict[str, int]) -> Page:
    """Somebody who looks around in German, whose words are the longer ones."""
    somebody = Visitor(open_page(viewport=size, locale="de-DE", has_touch=size is PHONE), demo)
    somebody.looks_around()
    return somebody.page


def is_in_sight(element: Locator) -> bool:
    """Whether nothing lies over its sides, and no edge cuts them off."""
    return bool(element.evaluate(UNCOVERED))


def middle(element: Locator) -> float:
    box = element.bounding_box()
    assert box
    return box["y"] + box["height"] / 2


@SIZES
def test_the_menus_of_a_channel_and_of_oneself_are_in_sight(
    size: dict[str, int], demo: Desk, open_page: Open
) -> None:
    page = guest(demo, open_page, size)
    page.goto(f"{page.url.split('/inbox/')[0]}/channels/")
    card = page.locator(".state-card").first
    card.locator(".menu > summary").click()
    inside = card.locator(".menu-body")
    assert is_in_sight(inside)
    room, around = inside.bounding_box(), card.bounding_box()
    assert room
    assert around
    assert room["x"] >= around["x"]
    page.keyboard.press("Escape")
    if size is PHONE:
        page.locator(".tabbar button").click()
    page.locator(".sidebar-foot .menu > summary").click()
    assert is_in_sight(page.locator(".sidebar-foot .menu-body"))


def test_a_card_that_looks_for_news_leaves_its_open_menu_alone(demo: Desk, open_page: Open) -> None:
    page = guest(demo, open_page, LAPTOP)
    page.goto(f"{page.url.split('/inbox/')[0]}/channels/")
    menu = page.locator(".state-card .menu")
    menu.locator("summary").click()
    page.wait_for_timeout(11_000)
    expect(menu).to_have_attribute("open", "")
    page.keyboard.press("Escape")
    with page.expect_response(lambda answer: answer.url.endswith("/channels/"), timeout=MILLISECONDS):
        pass


@SIZES
def test_every_list_can_be_seen_and_chosen(size: dict[str, int], demo: Desk, open_page: Open) -> None:
    page = guest(demo, open_page, size)
    page.goto(f"{page.url.split('?')[0]}?view=all")
    tabs = page.locator(".tabs > a").all()
    assert len(tabs) == 6
    assert all(is_in_sight(tab) for tab in tabs)


@SIZES
def test_a_case_opens_at_what_is_asked_with_the_buttons_side_by_side(
    size: dict[str, int], demo: Desk, open_page: Open
) -> None:
    page = guest(demo, open_page, size)
    page.goto(f"{page.url.split('?')[0]}?view=unassigned")
    for number in range(4):
        link = page.locator("#case-rows .case-link").nth(number)
        case = str(link.get_attribute("id")).rpartition("-")[2]
        link.click()
        expect(page.locator(f"#reply[action*='/inbox/{case}/']")).to_be_visible(timeout=MILLISECONDS)
        expect(page.locator("#thread .message.theirs .bubble").last).to_be_in_viewport()
        actions = page.locator(".case-actions > *").all()
        assert max(map(middle, actions)) - min(map(middle, actions)) < 4
        send = page.locator("#reply .composer-send > button").all()
        assert len(send) == 2
        assert abs(middle(send[0]) - middle(send[1])) < 4
        if size is LAPTOP:
            expect(page.locator("#reply-text")).to_be_in_viewport()
        else:
            page.go_back()
            expect(page.locator("#case-rows")).to_be_visible(timeout=MILLISECONDS)


def test_what_is_sent_and_closed_shows_everywhere_at_once(demo: Desk, open_page: Open) -> None:
    """The header, the list and the numbers: not when the list looks for news by itself the next time."""
    page = guest(demo, open_page, LAPTOP)
    page.goto(f"{page.url.split('?')[0]}?view=unassigned")
    link = page.locator("#case-rows .case-link").last
    row = page.locator(f"#{link.evaluate('element => element.closest(`li`).id')}")
    link.click()
    expect(page.locator("#thread")).to_be_visible(timeout=MILLISECONDS)
    page.locator("#reply-text").fill("Danke, wird erledigt!")
    page.locator("#reply [name=then][value=close]").click()
    sent = page.locator("#thread .message.ours").last
    expect(sent).to_contain_text("Danke, wird erledigt!", timeout=MILLISECONDS)
    reopen = page.locator(".case-actions").get_by_role("button", name="Wieder öffnen")
    expect(reopen).to_be_visible(timeout=MILLISECONDS)
    expect(page.locator(".case-actions form[action*='/close/']")).to_have_count(0)
    # The list looks for news by itself every twenty seconds only.
    expect(row).to_have_count(0, timeout=10_000)
    # The village goes on talking, so the number is compared with what the desk says of now.
    page.wait_for_function(SAME_NUMBER, timeout=10_000, polling=500)
