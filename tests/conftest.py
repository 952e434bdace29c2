"""What the tests with real servers share: the servers, a ready desk, and what to do without them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from kuemmerer.networks.world import World
from tests.desk import Desk, Seed
from tests.networks import bluesky, mastodon, wordpress
from tests.servers import Missing
from tests.spread import Spread, in_order

WORLDS = {
    "wordpress": wordpress.servers,
    "snac": mastodon.snac_servers,
    "mastodon_mock": mastodon.mock_servers,
    "bluesky": bluesky.servers,
}


class Servers:
    """The real servers of one test process: each starts when it is first asked for, and runs to the end."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._open = ExitStack()
        self._makers: dict[str, Callable[[], World] | Missing] = {}

    def world(self, name: str) -> World:
        """Fresh accounts (WordPress: a fresh blog) on that server. Raises Missing, each time it is asked."""
        if name not in self._makers:
            folder = self.folder / name
            folder.mkdir()
            try:
                self._makers[name] = self._open.enter_context(WORLDS[name](folder))
            except Missing as error:
                self._makers[name] = error
        made = self._makers[name]
        if isinstance(made, Missing):
            raise Missing(*made.args)
        return made()

    def close(self) -> None:
        self._open.close()


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    running = Servers(tmp_path_factory.mktemp("servers"))
    yield running
    running.close()


@pytest.fixture
def world(servers: Servers, request: pytest.FixtureRequest) -> World:
    """Our account and a stranger's on the server that the test is parametrized with (`on`)."""
    return servers.world(request.param)


def on(*names: str) -> pytest.MarkDecorator:
    """Run the test on each of these servers."""
    return pytest.mark.parametrize("world", names, indirect=True)


@pytest.fixture(scope="session")
def seed(tmp_path_factory: pytest.TempPathFactory) -> Seed:
    """A desk that was set up once; each test copies its data folder."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:  # the folder above is common to all processes of the run
        folder = folder.parent
    return Seed.make(folder / "seed")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if getattr(config.option, "loadgroup", False):  # in a process of such a run
        items[:] = in_order(items)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    return Spread(config, log) if config.getvalue("dist") == "loadgroup" else None


# ---- without a server: on a person's machine left out with the reason, in CI a failure


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[None]:
    try:
        yield
    except Missing as error:
        _left_out(error)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    try:
        yield
    except Missing as error:
        _left_out(error)


def _left_out(error: Missing) -> None:
    if os.environ.get("CI", "").lower() in {"", "0", "false", "no"}:
        pytest.skip(f"left out: {error}")
    pytest.fail(f"missing in CI: {error}", pytrace=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    report = yield
    if report.failed:
        for desk in Desk.running:
            report.sections.append((f"desk at {desk.url}", desk.logs()))
    return report
