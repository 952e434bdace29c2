"""The demo network keeps the contract. It needs no server, so it is always tested live."""

from __future__ import annotations

from kuemmerer.networks.contract import ContractSuite
from tests.networks.demo import villages
from tests.networks.record import live


class TestDemo(ContractSuite):
    world = live(villages)
