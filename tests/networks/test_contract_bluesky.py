"""Bluesky passes the contract, on records and on a real network."""

from __future__ import annotations

import pytest

from kuemmerer.networks.bluesky import Bluesky
from kuemmerer.networks.contract import ContractSuite
from tests.networks.bluesky import servers
from tests.networks.record import live, recorded


class TestBlueskyRecorded(ContractSuite):
    world = recorded("bluesky", Bluesky(), servers)


@pytest.mark.servers
class TestBlueskyLive(ContractSuite):
    world = live(servers)
