"""A reply on its way while things go wrong: exactly one arrives."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kuemmerer.networks.world import World
from tests.conftest import on
from tests.desk import PATIENCE, Desk, Seed
from tests.kill.scenes import Held, Scene, scene
from tests.servers import eventually, postgres, proxy

pytestmark = [pytest.mark.servers, pytest.mark.slow]

EVERYWHERE = ("wordpress", "snac", "mastodon_mock", "bluesky")
TEXT = "Ja, samstags bis 14 Uhr – bis dann!"
MANY = 30


@pytest.fixture
def place(world: World, seed: Seed, tmp_path: Path) -> Iterator[Scene]:
    """A connected channel and a worker, with time enough to kill it before anything times out."""
    with Desk(tmp_path, seed=seed, http_seconds=20) as desk, scene(world, desk) as found:
        world.start()
        desk.start_worker()
        found.connect()
        yield found


@pytest.fixture
def impatient(world: World, seed: Seed, tmp_path: Path) -> Iterator[Scene]:
    """The same with a worker that gives a server three seconds for its answer."""
    with Desk(tmp_path, seed=seed, http_seconds=3) as desk, scene(world, desk) as found:
        world.start()
        desk.start_worker()
        found.connect()
        yield found


@on(*EVERYWHERE)
def test_a_worker_killed_before_sending_sends_once_after_its_restart(place: Scene) -> None:
    asked, case = place.question("Habt ihr samstags offen?")
    held = Held(place.between, place.sends, "POST")
    text = place.words(case, TEXT)
    reply = place.desk.api.reply(case["id"], text)
    held.wait()
    place.desk.kill_worker()
    assert place.desk.api.reply_state(reply) == "sending"
    assert list(place.world.answers(asked)) == []
    place.desk.start_worker()
    place.desk.api.until_delivered([reply])
    place.answers_exactly(asked, text)


@on(*EVERYWHERE)
def test_a_worker_killed_after_sending_does_not_send_again(place: Scene) -> None:
    asked, case = place.question("Habt ihr sonntags offen?")
    place.between.hang_after(place.sends, PATIENCE * 2, method="POST")
    text = place.words(case, TEXT)
    reply = place.desk.api.reply(case["id"], text)
    eventually(lambda: place.world.answers(asked), within=PATIENCE)
    assert place.desk.api.reply_state(reply) == "sending"
    place.desk.kill_worker()
    place.desk.start_worker()
    place.desk.api.until_delivered([reply])
    assert len(sent(place)) == 0, "the first request hangs in the proxy for ever, and no second one was made"
    place.answers_exactly(asked, text)


@on(*EVERYWHERE)
def test_a_line_cut_after_sending_brings_no_second_answer(impatient: Scene) -> None:
    asked, case = impatient.question("Und feiertags?")
    impatient.between.cut_after(impatient.sends, method="POST")
    text = impatient.words(case, TEXT)
    reply = impatient.desk.api.reply(case["id"], text)
    impatient.desk.api.until_delivered([reply])
    assert len(sent(impatient)) == 1
    impatient.answers_exactly(asked, text)


@on(*EVERYWHERE)
def test_an_answer_that_comes_too_late_brings_no_second_answer(impatient: Scene) -> None:
    asked, case = impatient.question("Und abends?")
    impatient.between.hang_after(impatient.sends, 8, method="POST")
    text = impatient.words(case, TEXT)
    reply = impatient.desk.api.reply(case["id"], text)
    impatient.desk.api.until_delivered([reply])
    impatient.answers_exactly(asked, text)


@on(*EVERYWHERE)
def test_a_server_error_after_the_answer_was_taken_brings_no_second_answer(
    world: World, seed: Seed, tmp_path: Path
) -> None:
    # The inner proxy cuts after forwarding; the outer one makes a 502 of that, as a real front server would.
    with (
        Desk(tmp_path, seed=seed) as desk,
        scene(world, desk) as inner,
        proxy.run(inner.between.url) as outer,
    ):
        world.start()
        desk.start_worker()
        place = Scene(world, desk, outer)
        place.connect()
        asked, case = place.question("Liefert ihr auch?")
        inner.between.cut_after(place.sends, method="POST")
        text = place.words(case, TEXT)
        reply = desk.api.reply(case["id"], text)
        desk.api.until_delivered([reply])
        assert [seen.status for seen in sent(place)] == [502]
        place.answers_exactly(asked, text)


@on(*EVERYWHERE)
def test_a_busy_server_gets_the_answer_when_it_asked_for_it(impatient: Scene) -> None:
    asked, case = impatient.question("Kann man reservieren?")
    impatient.between.answer(impatient.sends, 429, headers={"Retry-After": "4"}, method="POST", count=2)
    text = impatient.words(case, TEXT)
    reply = impatient.desk.api.reply(case["id"], text)
    impatient.desk.api.until_delivered([reply])
    assert [seen.status for seen in sent(impatient)][:2] == [429, 429]
    assert len(sent(impatient)) == 3
    impatient.answers_exactly(asked, text)


@on(*EVERYWHERE)
def test_two_workers_with_thirty_replies_send_each_once(world: World, seed: Seed, tmp_path: Path) -> None:
    with Desk(tmp_path, seed=seed) as desk:
        race(world, desk, tmp_path)


@on("wordpress")
def test_two_workers_on_postgresql_send_each_once(world: World, tmp_path: Path) -> None:
    with postgres.run(tmp_path) as database, Desk(tmp_path, database_url=database.url) as desk:
        race(world, desk, tmp_path)


def race(world: World, desk: Desk, folder: Path) -> None:
    """Thirty replies wait; two workers begin at once; halfway one of them is killed and replaced."""
    with scene(world, desk) as place:
        world.start()
        asked = [world.stranger_writes(f"Frage Nummer {n}: wie geht das?") for n in range(MANY)]
        first = desk.start_worker()
        place.connect()
        found = [desk.api.arrives(place.channel, remote_id) for remote_id in asked]
        case = desk.api.case_of(found[-1])
        eventually(
            lambda: len(desk.api.get(f"/cases/{case['id']}")["own_interaction_ids"]) == MANY, within=PATIENCE
        )
        desk.kill_worker(first)
        texts = {remote_id: place.words(case, f"Antwort auf {n}.") for n, remote_id in enumerate(asked)}
        replies = [
            desk.api.reply(case["id"], texts[one["remote_id"]], interaction=one["id"]) for one in found
        ]
        workers = [desk.start_worker(), desk.start_worker()]
        eventually(
            lambda: sum(desk.api.reply_state(reply) == "delivered" for reply in replies) >= MANY // 3,
            within=PATIENCE,
        )
        desk.kill_worker(workers[0])
        desk.start_worker()
        desk.api.until_delivered(replies, within=2 * PATIENCE)
        for remote_id in asked:
            place.answers_exactly(remote_id, texts[remote_id])


def sent(place: Scene) -> list[proxy.Seen]:
    """The requests that carried an answer, as far as they have ended."""
    return place.between.requests(place.sends, method="POST")
