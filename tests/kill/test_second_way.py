"""Somebody answers in the network's own app: the desk notices and asks nobody for a second answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from kuemmerer.networks.world import World
from tests.conftest import on
from tests.desk import PATIENCE, Desk, Seed
from tests.kill.scenes import scene
from tests.servers import eventually

pytestmark = [pytest.mark.servers, pytest.mark.slow]


@on("wordpress", "snac", "mastodon_mock", "bluesky")
def test_an_answer_given_at_the_network_itself_answers_the_case(
    world: World, seed: Seed, tmp_path: Path
) -> None:
    with Desk(tmp_path, seed=seed) as desk, scene(world, desk) as place:
        world.start()
        desk.start_worker()
        place.connect()
        asked, case = place.question("Seid ihr umgezogen?")
        assert case["status"] == "open"
        place.answers_at_the_network(asked, "Ja, in die Mühlgasse 4.")

        def settled() -> bool:
            desk.api.sync(place.channel)
            return desk.api.get(f"/cases/{case['id']}")["status"] != "open"

        eventually(settled, within=PATIENCE / 2, every=3)
        answered = desk.api.get(f"/cases/{case['id']}")
        assert (answered["status"], answered["unanswered_since"], answered["due_at"]) == (
            "waiting",
            None,
            None,
        )
        assert len(world.answers(asked)) == 1
