"""The recorder, and the contract's part about HTTP, on a network in memory."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from kuemmerer.networks.base import Batch, Delivered, Draft
from kuemmerer.networks.contract import ContractSuite
from kuemmerer.networks.errors import AuthExpired
from kuemmerer.networks.scene import Scene
from kuemmerer.networks.session import Session
from kuemmerer.networks.world import World
from tests.networks.record import Drift, Recording, Replay, live
from tests.networks.toy import Toy, ToyWorld, toys

AGAIN = "KUEMMERER_RECORD=1 pytest"


class TestToy(ContractSuite):
    world = live(toys)


def conversation(world: World) -> Delivered:
    with Scene(world, "conversation") as scene:
        item = scene.stranger_asks("Habt ihr „Körner“?")
        draft = scene.draft(scene.text("Ja"), to=item)
        delivered = scene.connector.publish(scene.session(), draft, key=scene.key("reply"))
        scene.sync()
        return delivered


def recorded_conversation(path: Path, talk: Callable[[World], object] = conversation) -> Path:
    recording = Recording(ToyWorld())
    talk(recording)
    recording.save(path / "test.json")
    return path / "test.json"


def test_a_replay_gives_what_was_recorded(tmp_path: Path) -> None:
    recording = Recording(ToyWorld())
    delivered = conversation(recording)
    recording.save(tmp_path / "test.json")
    replay = Replay(Toy(), tmp_path / "test.json", again=AGAIN)
    assert conversation(replay) == delivered
    replay.tape.must_be_at_the_end()


def test_a_contract_test_passes_on_its_record(tmp_path: Path) -> None:
    def talk(world: World) -> None:
        with Scene(world, "lost") as scene:
            ContractSuite().test_an_answer_whose_confirmation_was_lost_is_found(scene=scene, quick=None)

    replay = Replay(Toy(), recorded_conversation(tmp_path, talk), again=AGAIN)
    talk(replay)
    replay.tape.must_be_at_the_end()


def test_no_secret_is_written_down(tmp_path: Path) -> None:
    text = recorded_conversation(tmp_path).read_text(encoding="utf-8")
    server = ToyWorld().server
    assert server.password not in text
    assert server.token not in text
    assert "redacted-secret-01" in text
    assert "Körner" in text


def test_another_request_is_a_drift(tmp_path: Path) -> None:
    class Curious(Toy):
        def fetch(self, session: Session, cursor: dict[str, object], *, since: object) -> Batch:
            self._call(session, "GET", "/me")
            return super().fetch(session, cursor, since=since)

    replay = Replay(Curious(), recorded_conversation(tmp_path), again=AGAIN)
    with pytest.raises(
        Drift, match=r"(?s)recorded: .*GET .*/news.*now: .*GET .*/me.*record again with:.*pytest"
    ):
        conversation(replay)


def test_another_body_is_a_drift(tmp_path: Path) -> None:
    class Loud(Toy):
        def publish(self, session: Session, draft: Draft, *, key: str) -> Delivered:
            shouted = Draft(text=draft.text.upper(), written_at=draft.written_at, reply_to=draft.reply_to)
            return super().publish(session, shouted, key=key)

    with pytest.raises(Drift, match="POST"):
        conversation(Replay(Loud(), recorded_conversation(tmp_path), again=AGAIN))


def test_what_is_no_longer_asked_is_a_drift(tmp_path: Path) -> None:
    replay = Replay(Toy(), recorded_conversation(tmp_path), again=AGAIN)
    replay.salt()
    with pytest.raises(Drift, match="the test is over"):
        replay.tape.must_be_at_the_end()


def test_a_missing_record_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(Drift, match="KUEMMERER_RECORD=1"):
        Replay(Toy(), tmp_path / "none.json", again=AGAIN)


def test_claims_of_a_jwt_survive_and_its_signature_does_not(tmp_path: Path) -> None:
    jwt = "eyJhbGciOiJIUzI1NiJ9.eyJleHAiOjE3MDAwMDAwMDB9.c2lnbmF0dXJlLXNpZ25hdHVyZQ"

    class JwtWorld(ToyWorld):
        def __init__(self) -> None:
            super().__init__()
            self.server.token = jwt

    recording = Recording(JwtWorld())
    conversation(recording)
    recording.save(tmp_path / "test.json")
    text = (tmp_path / "test.json").read_text(encoding="utf-8")
    assert jwt.rpartition(".")[0] in text
    assert jwt.rpartition(".")[2] not in text


def test_a_broken_line_is_recorded_too(tmp_path: Path) -> None:
    class BrokenWorld(ToyWorld):
        def transport(self) -> httpx.BaseTransport:
            return httpx.MockTransport(self.breaks)

        def breaks(self, request: httpx.Request) -> httpx.Response:
            raise httpx.ReadTimeout("slow", request=request)

    recording = Recording(BrokenWorld())
    for world in (recording, None):
        if world is None:
            recording.save(tmp_path / "test.json")
            world = Replay(Toy(), tmp_path / "test.json", again=AGAIN)
        with Scene(world, "broken") as scene, pytest.raises(Exception, match="timeout"):
            _ = scene.connected


def test_equal_answers_are_written_once(tmp_path: Path) -> None:
    def talk(world: World) -> None:
        with Scene(world, "again") as scene:
            scene.stranger_asks("Eine lange Frage " * 20)
            for _ in range(5):
                scene.forget()
                scene.sync()

    path = recorded_conversation(tmp_path, talk)
    assert sum("same" in event for event in json.loads(path.read_text(encoding="utf-8"))) >= 4
    talk(Replay(Toy(), path, again=AGAIN))


def test_the_suite_notices_a_connector_that_sends_twice() -> None:
    class Twice(Toy):
        def publish(self, session: Session, draft: Draft, *, key: str) -> Delivered:
            super().publish(session, draft, key=key[::-1])
            return super().publish(session, draft, key=key)

    with Scene(_world_with(Twice()), "twice") as scene, pytest.raises(AssertionError, match="2 times"):
        ContractSuite().test_an_answer_reaches_the_stranger_once(scene=scene)


def test_the_suite_notices_a_connector_that_trips_over_nonsense(monkeypatch: pytest.MonkeyPatch) -> None:
    class Naive(Toy):
        def fetch(self, session: Session, cursor: dict[str, object], *, since: object) -> Batch:
            page = self._call(session, "GET", "/news", params={"after": 0, "since": 0})
            return Batch(items=[self._item(session, row) for row in page["rows"]])

    monkeypatch.setattr("kuemmerer.networks.session.SAFE_RETRIES", 0)
    with Scene(_world_with(Naive()), "naive") as scene, pytest.raises(AssertionError, match="KeyError"):
        ContractSuite().test_each_trouble_while_fetching_is_one_of_the_five_errors(scene=scene, quick=None)


def _world_with(connector: Toy) -> ToyWorld:
    world = ToyWorld()
    world.connector = connector
    return world


def test_the_toy_knows_an_old_token() -> None:
    world = ToyWorld()
    with Scene(world, "old") as scene:
        scene.session()
        world.revoke()
        with pytest.raises(AuthExpired):
            scene.connector.check(scene.session(later=timedelta(0)))
