"""The contract, for Mastodon's API: on snac2 and on mastodon_mock."""

from __future__ import annotations

import pytest

from kuemmerer.networks.contract import ContractSuite
from kuemmerer.networks.mastodon import Mastodon, reading
from tests.networks.mastodon import SMALL_PAGE, mock_servers, mock_with_few, snac_servers, snac_with_few
from tests.networks.record import live, recorded


class Recorded(ContractSuite):
    @pytest.fixture(autouse=True)
    def _small_pages(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(reading, "PAGE", SMALL_PAGE)


class TestSnacRecorded(Recorded):
    world = recorded("mastodon_snac", Mastodon(), snac_with_few)
    # snac takes 100,000 characters: too much for a record, so only the live suite tries that.
    test_a_text_at_the_limit_is_taken_and_one_beyond_refused = None  # type: ignore[assignment]


class TestMockRecorded(Recorded):
    world = recorded("mastodon_mock", Mastodon(), mock_with_few)


@pytest.mark.servers
class TestSnacLive(ContractSuite):
    world = live(snac_servers)


@pytest.mark.servers
class TestMockLive(ContractSuite):
    world = live(mock_servers)
