"""Bluesky passes the contract, on records and on a real network; and what only the real network can show."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from threading import Barrier, Thread

import pytest

from kuemmerer.networks.base import Action, Delivered, Draft
from kuemmerer.networks.bluesky import Bluesky
from kuemmerer.networks.bluesky.notifications import PAGE
from kuemmerer.networks.contract import ContractSuite
from kuemmerer.networks.errors import Rejected
from kuemmerer.networks.scene import Scene, target_of
from tests.networks.bluesky import POST, BlueskyWorld, servers
from tests.networks.record import live, recorded


class TestBlueskyRecorded(ContractSuite):
    world = recorded("bluesky", Bluesky(), servers)


@pytest.mark.servers
class TestBlueskyLive(ContractSuite):
    world = live(servers)

    @pytest.mark.slow
    def test_a_conversation_of_two_hundred_levels_arrives_whole(self, scene: Scene) -> None:
        world = in_person(scene)
        root = {"root": world.server.ref(world.start())}
        parent, uris = root["root"], {root["root"]["uri"]}
        for level in range(200):
            who = world.server.desk if level % 2 else world.server.stranger
            uri = who.writes(POST, text=f"Ebene {level}", reply={**root, "parent": parent})
            parent = world.server.ref(uri)
            uris.add(uri)
        world.server.settle()
        scene.sync()
        assert uris <= set(scene.seen)
        assert {scene.seen[uri].thread_id for uri in uris} == {root["root"]["uri"]}

    def test_equal_and_wrong_times_lose_nothing(self, scene: Scene) -> None:
        world = in_person(scene)
        root = world.server.ref(world.start())
        now = datetime.now(UTC)
        moments = [now] * (PAGE + 5) + [now + timedelta(days=2)]
        scene.since -= timedelta(days=1)
        uris = [answer_at(world, root, moment) for moment in moments[: PAGE - 3]]
        world.server.settle()
        scene.sync()
        uris += [answer_at(world, root, moment) for moment in moments[PAGE - 3 :]]
        uris += [answer_at(world, root, now - timedelta(hours=9))]
        world.server.settle()
        scene.sync()
        assert set(uris) <= set(scene.seen)
        assert all(scene.seen[uri].created_at <= datetime.now(UTC) for uri in uris)

    def test_two_workers_sending_at_once_write_one_post(self, scene: Scene) -> None:
        text = scene.text("Zugleich")
        draft, key = scene.draft(text), scene.key("race")
        sessions = [scene.session(scene.world.transport()) for _ in range(4)]
        barrier, results = Barrier(len(sessions)), []

        def send(number: int) -> None:
            barrier.wait()
            results.append(scene.connector.publish(sessions[number], draft, key=key))

        threads = [Thread(target=send, args=(number,)) for number in range(len(sessions))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(results) == len(sessions)
        assert len({delivered.remote_id for delivered in results}) == 1
        scene.exactly_one(lambda: scene.posts_with(text), "the post")

    def test_two_workers_renewing_at_once_both_go_on(self, scene: Scene) -> None:
        sessions = [scene.session(scene.world.transport(), later=timedelta(hours=3)) for _ in range(3)]
        threads = [Thread(target=scene.connector.check, args=(session,)) for session in sessions]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for session in sessions:
            assert scene.connector.check(session).handle == scene.world.handle

    def test_a_thread_closed_to_answers_takes_none(self, scene: Scene) -> None:
        world = in_person(scene)
        uri = world.server.stranger_mentions(scene.text("Nur für mich"))
        item = scene.appears(uri)
        world.server.stranger.post(
            "com.atproto.repo.createRecord",
            repo=world.server.stranger.did,
            collection="app.bsky.feed.threadgate",
            rkey=uri.rpartition("/")[2],
            record={
                "$type": "app.bsky.feed.threadgate",
                "post": uri,
                "allow": [],
                "createdAt": datetime.now(UTC).isoformat(),
            },
        )
        world.server.settle()
        with pytest.raises(Rejected) as caught:
            scene.connector.publish(scene.session(), scene.draft("Doch", to=item), key=scene.key("closed"))
        assert caught.value.code == "comments_closed"

    def test_one_who_blocks_us_is_neither_gone_nor_answered(self, scene: Scene) -> None:
        world = in_person(scene)
        item = scene.stranger_asks()
        world.server.stranger.writes("app.bsky.graph.block", subject=world.server.desk.did)
        world.server.settle()
        batch = scene.refresh(item.remote_id)
        assert not batch.gone
        with pytest.raises(Rejected) as caught:
            scene.connector.publish(scene.session(), scene.draft("Hallo", to=item), key=scene.key("blocked"))
        assert caught.value.code == "gone"

    def test_marks_reach_the_network_and_the_person_mentioned(self, scene: Scene) -> None:
        world = in_person(scene)
        text = (
            f"Grüße 👩‍👩‍👧‍👦 an @{world.stranger}, mehr auf https://example.org/ä #Öffnung und @niemand.test"
        )
        now = scene.world.now()
        draft = Draft(text=text, written_at=now, language="de", link="https://example.org/neu")
        delivered = scene.connector.publish(scene.session(), draft, key=scene.key("marks"))
        record = world.server.record(delivered.remote_id)["value"]
        marked = [
            text.encode()[facet["index"]["byteStart"] : facet["index"]["byteEnd"]].decode()
            for facet in record["facets"]
        ]
        assert marked == [f"@{world.stranger}", "https://example.org/ä", "#Öffnung"]
        world.server.settle()
        notes = world.server.stranger.get("app.bsky.notification.listNotifications")["notifications"]
        assert [(note["uri"], note["reason"]) for note in notes] == [(delivered.remote_id, "mention")]
        assert isinstance(scene.connector.find(scene.session(), draft, key=scene.key("marks")), Delivered)

    def test_a_like_made_in_the_app_is_known_here(self, scene: Scene) -> None:
        world = in_person(scene)
        target = target_of(scene.stranger_asks())
        world.server.desk.writes("app.bsky.feed.like", subject=world.server.ref(target.remote_id))
        world.server.settle()
        scene.connector.act(scene.session(), Action.LIKE, target)
        assert scene.world.state(target.remote_id)["likes"] == 1


def in_person(scene: Scene) -> BlueskyWorld:
    """The world itself, for deeds that the suite does not know."""
    assert isinstance(scene.world, BlueskyWorld)
    return scene.world


def answer_at(world: BlueskyWorld, root: dict[str, str], moment: datetime) -> str:
    reply = {"root": root, "parent": root}
    return world.server.stranger.writes(POST, text="Takt", reply=reply, createdAt=moment.isoformat())
