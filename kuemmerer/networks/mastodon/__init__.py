"""Every server that speaks Mastodon's client API: Mastodon, GoToSocial, snac, Pleroma, Friendica …"""

from kuemmerer.networks.mastodon.connector import Mastodon

__all__ = ["Mastodon"]
