"""WordPress through its REST API, logged in with an application password."""

from kuemmerer.networks.wordpress.connector import WordPress

__all__ = ["WordPress"]
