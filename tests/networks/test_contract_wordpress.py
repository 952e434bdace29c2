"""The contract, kept by WordPress."""

from __future__ import annotations

import pytest

from kuemmerer.networks.contract import ContractSuite
from kuemmerer.networks.wordpress import WordPress
from tests.networks.record import live, recorded
from tests.networks.wordpress import servers


class TestWordPressRecorded(ContractSuite):
    world = recorded("wordpress", WordPress(), servers)


@pytest.mark.servers
class TestWordPressLive(ContractSuite):
    world = live(servers)
