"""All connectors, one line each. The only place outside a network's folder that names it."""

from __future__ import annotations

from functools import cache
from importlib import import_module

from kuemmerer.networks.base import Connector
from kuemmerer.networks.errors import Unsupported

_CONNECTORS = (
    "kuemmerer.networks.mastodon.Mastodon",
    "kuemmerer.networks.bluesky.Bluesky",
    "kuemmerer.networks.wordpress.WordPress",
    "kuemmerer.networks.rss.Rss",
    "kuemmerer.networks.demo.Demo",
)


@cache
def connectors() -> dict[str, Connector]:
    """Every connector by its key, in the order in which the connect page shows them."""
    found: dict[str, Connector] = {}
    for path in _CONNECTORS:
        module, name = path.rsplit(".", 1)
        connector: Connector = getattr(import_module(module), name)()
        found[connector.key] = connector
    return found


def get(key: str) -> Connector:
    """The connector with this key. Raises Unsupported for a network that is not known."""
    try:
        return connectors()[key]
    except KeyError:
        raise Unsupported from None
