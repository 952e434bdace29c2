"""RSS and Atom feeds: their entries are ideas for posts."""

from kuemmerer.networks.rss.connector import Rss

__all__ = ["Rss"]
