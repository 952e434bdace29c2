"""Kümmerer: a self-hosted desk with which a company looks after its social networks properly."""

__version__ = "0.1.0"
