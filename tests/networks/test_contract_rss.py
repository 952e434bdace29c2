"""The contract, kept by RSS/Atom.

A feed has no login, no conversations and nobody to answer; the tests about these say so instead.
"""

from __future__ import annotations

import pytest

from kuemmerer.networks.base import Kind
from kuemmerer.networks.contract import ContractSuite
from kuemmerer.networks.rss import Rss
from kuemmerer.networks.scene import Scene
from tests.networks.record import live, recorded
from tests.networks.rss import servers


class FeedSuite(ContractSuite):
    def test_a_withdrawn_login_asks_to_reconnect(self, scene: Scene) -> None:
        """There is no login to withdraw."""
        assert not [field for field in scene.connector.form if field.secret]
        assert not scene.connected.secret

    def test_a_strangers_answer_arrives(self, scene: Scene) -> None:
        """What arrives is an entry, to be read and not to be answered."""
        text = scene.text("Was der Frühling bringt")
        item = scene.appears(scene.world.stranger_writes(text))
        assert item.kind == Kind.ENTRY
        assert text in item.text
        assert item.title == "Neues"
        assert item.thread_id == item.remote_id
        assert item.url.startswith("http")
        assert not item.addressed

    def test_an_answer_to_an_answer_keeps_parent_and_root(self, scene: Scene) -> None:
        """Each entry stands for itself."""
        first = scene.appears(scene.world.stranger_writes(scene.text("Eins")))
        second = scene.appears(scene.world.stranger_writes(scene.text("Zwei"), to=first.remote_id))
        assert (first.parent_id, second.parent_id) == ("", "")
        assert first.thread_id != second.thread_id

    def test_a_deep_conversation_has_one_root(self, scene: Scene) -> None:
        """There are no conversations."""


class TestRssRecorded(FeedSuite):
    world = recorded("rss", Rss(), servers)


@pytest.mark.servers
class TestRssLive(FeedSuite):
    world = live(servers)
