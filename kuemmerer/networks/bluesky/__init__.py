"""Bluesky and every other server of the AT protocol."""

from kuemmerer.networks.bluesky.connector import Bluesky

__all__ = ["Bluesky"]
