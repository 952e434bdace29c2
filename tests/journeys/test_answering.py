"""From the first visit to the stranger who reads the answer, on each network."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest
from playwright.sync_api import expect

from kuemmerer.networks.world import World
from tests.conftest import on
from tests.desk import PATIENCE, Desk
from tests.journeys.conftest import Open
from tests.journeys.visitor import MILLISECONDS, Visitor
from tests.networks.mastodon import SnacWorld
from tests.servers import eventually

pytestmark = [pytest.mark.servers, pytest.mark.browser, pytest.mark.slow]

ANSWER = "Ja, immer bis 14 Uhr. Schöne Grüße – und bis Samstag! 🥨"


@on("wordpress", "mastodon_mock", "bluesky")
def test_a_new_company_answers_its_first_comment(world: World, tmp_path: Path, open_page: Open) -> None:
    world.start()
    with Desk(tmp_path, together=True) as desk:
        petra = Visitor(open_page(), desk)
        petra.sets_up()
        petra.connects(world.connector.key, world.values)
        answers_a_stranger(petra, world)


@on("wordpress")
def test_the_same_without_javascript(world: World, tmp_path: Path, open_page: Open) -> None:
    world.start()
    with Desk(tmp_path, together=True) as desk:
        petra = Visitor(open_page(java_script_enabled=False), desk, scripts=False)
        petra.sets_up()
        petra.connects(world.connector.key, world.values)
        answers_a_stranger(petra, world)


@on("snac")
def test_a_company_signs_in_at_its_server_and_answers(world: World, tmp_path: Path, open_page: Open) -> None:
    assert isinstance(world, SnacWorld)
    world.start()
    with Desk(tmp_path, together=True) as desk:
        petra = Visitor(open_page(), desk)
        petra.sets_up()
        petra.opens_the_form_of(world.connector.key)
        petra.page.locator("[name=server]").fill(world.values["server"])
        petra.page.get_by_role("button", name="Sign in at the network").click()
        # Now at the other server, on its own page.
        petra.page.locator("[name=login]").fill(world.us.name)
        petra.page.locator("[name=passwd]").fill(world.us.password)
        petra.page.locator("[type=submit]").click()
        petra.is_told_of_the_connection()
        answers_a_stranger(petra, world)


def answers_a_stranger(petra: Visitor, world: World) -> None:
    question = f"Habt ihr samstags offen? ({secrets.token_hex(3)})"
    asked = world.stranger_writes(question)
    petra.syncs_now()
    petra.looks_at("Unassigned")
    petra.opens_the_case(question)
    expect(petra.page.get_by_text("Delivered")).to_have_count(0)
    text = petra.writes(ANSWER)
    petra.sends()
    petra.sees_it_delivered(ANSWER)
    eventually(lambda: world.answers(asked), within=PATIENCE)
    assert list(world.answers(asked)) == [text]
    petra.looks_at("Unassigned")
    expect(petra.row(question)).to_have_count(0, timeout=MILLISECONDS)
