"""The day begins: what hurts most stands at the top and goes when it is answered; charts and their tables."""

from __future__ import annotations

import re
import secrets
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from kuemmerer.networks.world import World
from tests.conftest import on
from tests.desk import Desk, Seed
from tests.journeys.conftest import Open
from tests.journeys.visitor import MILLISECONDS, Visitor

pytestmark = [pytest.mark.servers, pytest.mark.browser, pytest.mark.slow]

ALWAYS = {str(day): [["00:00", "24:00"]] for day in range(7)}


@on("mastodon_mock")
@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_an_overdue_complaint_is_on_top_of_the_day_until_it_is_answered(
    world: World, seed: Seed, tmp_path: Path, open_page: Open, scripts: bool
) -> None:
    world.start()
    with Desk(tmp_path, seed=seed, together=True) as desk:
        api = desk.api
        api.call("PATCH", "/workspace", json={"hours": ALWAYS, "country": "DE", "closed_days": []})
        api.post("/deadline-rules", name="Sofort", promise="minutes", minutes=0, intents=["complaint"])
        channel = api.connect(world.connector.key, world.values)
        words = f"Das Brot war schimmlig ({secrets.token_hex(3)})"
        case = api.case_of(api.arrives(channel, world.stranger_writes(words)))
        api.post(f"/cases/{case['id']}/classify", intent="complaint")

        petra = Visitor(open_page(java_script_enabled=scripts), desk, scripts=scripts)
        petra.comes_in()
        page = petra.page
        complaint = page.locator("#day-complaints .case-row").filter(has_text=words)
        expect(complaint).to_contain_text("Overdue", timeout=MILLISECONDS)
        page.locator("#day-start").click()
        expect(page.locator("#thread")).to_contain_text(words, timeout=MILLISECONDS)
        petra.writes("Das tut uns sehr leid. Bitte kommen Sie vorbei.")
        petra.sends()
        petra.sees_it_delivered("Das tut uns sehr leid")

        page.locator(".nav-item[href$='/today/']").locator("visible=true").first.click()
        petra.sees(lambda: page.locator("#day-quiet"))
        expect(page.get_by_text("A quiet day")).to_be_visible()
        expect(page.locator("#day-complaints")).to_have_count(0)


def test_the_charts_are_drawn_from_tables_that_say_the_same(tmp_path: Path, open_page: Open) -> None:
    with Desk(tmp_path, together=True) as desk:
        guest = Visitor(open_page(locale="de-DE", color_scheme="light"), desk)
        guest.looks_around()
        page = guest.page
        page.goto(re.sub(r"/inbox/.*", "/today/", page.url))
        expect(page.locator(".chart-plot canvas")).to_have_count(2, timeout=MILLISECONDS)
        assert all(is_drawn(page, place) for place in range(2))
        hidden = page.locator(".chart-plot").evaluate_all("all => all.map(one => one.ariaHidden)")
        assert hidden == ["true", "true"]
        page.get_by_text("Als Tabelle zeigen").first.click()
        expect(page.locator("#chart-times tbody tr")).to_have_count(30)
        page.locator("#figures-days").select_option("90")
        expect(page.locator("#chart-open tbody tr")).to_have_count(90, timeout=MILLISECONDS)
        expect(page.locator(".chart-plot canvas")).to_have_count(2, timeout=MILLISECONDS)
        follows_the_room_and_the_light(page)


def is_drawn(page: Page, place: int) -> bool:
    """Whether there is something of the lines' colour on a chart."""
    return bool(
        page.locator(".chart-plot canvas")
        .nth(place)
        .evaluate(
            """canvas => {
                const probe = document.createElement("span");
                probe.style.color = "var(--accent)";
                document.body.append(probe);
                const wanted = getComputedStyle(probe).color.match(/\\d+/g).slice(0, 3).map(Number);
                probe.remove();
                const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
                for (let i = 0; i < data.length; i += 4)
                    if (wanted.every((part, n) => data[i + n] === part) && data[i + 3] === 255) return true;
                return false;
            }"""
        )
    )


def follows_the_room_and_the_light(page: Page) -> None:
    canvas = page.locator(".chart-plot canvas").first
    wide = canvas.bounding_box()
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 360, "height": 740})
    page.wait_for_timeout(500)
    narrow = page.locator(".chart-plot canvas").first.bounding_box()
    assert wide
    assert narrow
    assert narrow["width"] < wide["width"]
    assert narrow["x"] + narrow["width"] <= 360
    assert is_drawn(page, 0)
