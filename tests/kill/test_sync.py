"""A sync that is torn off in the middle: afterwards every interaction is there, and there once."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path

import pytest

from kuemmerer.networks.world import World
from tests.conftest import on
from tests.desk import PATIENCE, Desk, Seed
from tests.kill.scenes import Scene, scene
from tests.servers import eventually

pytestmark = [pytest.mark.servers, pytest.mark.slow]

EVERYWHERE = ("wordpress", "snac", "mastodon_mock", "bluesky")


@on(*EVERYWHERE)
def test_a_worker_killed_between_two_pages_loses_and_doubles_nothing(
    world: World, seed: Seed, tmp_path: Path
) -> None:
    with Desk(tmp_path, seed=seed, http_seconds=20) as desk, scene(world, desk) as place:
        asked = stuck_on_the_second_page(place)
        desk.kill_worker()
        desk.start_worker()
        all_there_once(place, asked)


@on("wordpress", "mastodon_mock")
def test_a_power_cut_during_a_sync_leaves_a_sound_database(world: World, seed: Seed, tmp_path: Path) -> None:
    with Desk(tmp_path, seed=seed, together=True, http_seconds=20) as desk, scene(world, desk) as place:
        asked = stuck_on_the_second_page(place)
        desk.kill_everything()
        assert sound(desk.data / "kuemmerer.sqlite3")
        desk.start()
        all_there_once(place, asked)


@on("wordpress", "mastodon_mock")
def test_a_worker_killed_again_and_again_gets_there(world: World, seed: Seed, tmp_path: Path) -> None:
    with Desk(tmp_path, seed=seed) as desk, scene(world, desk) as place:
        asked = many_questions(world)
        desk.start_worker()
        place.connect()
        for _ in range(3):
            known = len(place.between.requests())
            eventually(
                lambda known=known: len(place.between.requests()) > known + 1, within=PATIENCE, every=0.02
            )
            desk.kill_worker()
            desk.start_worker()
        all_there_once(place, asked)


def many_questions(world: World) -> Sequence[str]:
    """Surely more than one page of the network's list."""
    world.start()
    return [world.stranger_writes(f"Frage Nummer {n}: geht das auch?") for n in range(world.many)]


def stuck_on_the_second_page(place: Scene) -> Sequence[str]:
    """A first sync whose second page never comes."""
    asked = many_questions(place.world)
    place.between.passes(place.lists, method="GET")
    place.between.hang_after(place.lists, PATIENCE * 2, method="GET")
    if not place.desk.together:
        place.desk.start_worker()
    place.connect()
    eventually(lambda: not place.between.pending_orders(), within=PATIENCE)
    return asked


def all_there_once(place: Scene, asked: Sequence[str]) -> None:
    api = place.desk.api

    def fetched() -> list[str]:
        return [one["remote_id"] for one in api.interactions(place.channel) if "Frage Nummer" in one["text"]]

    eventually(lambda: set(fetched()) >= set(asked), within=PATIENCE, every=1)
    # A further sync changes nothing.
    before = api.channel(place.channel)["synced_at"]
    api.sync(place.channel)
    eventually(lambda: api.channel(place.channel)["synced_at"] != before, within=PATIENCE, every=1)
    assert sorted(fetched()) == sorted(asked)
    last = next(one for one in api.interactions(place.channel) if one["remote_id"] == asked[-1])
    case = api.case_of(last)
    eventually(
        lambda: len(api.get(f"/cases/{case['id']}")["own_interaction_ids"]) >= len(asked), within=PATIENCE
    )
    assert len(api.get(f"/cases/{case['id']}")["own_interaction_ids"]) == len(asked)


def sound(database: Path) -> bool:
    """What SQLite says of its own file, once it has taken in what the journal still holds."""
    opened = sqlite3.connect(database)
    try:
        return opened.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    finally:
        opened.close()
