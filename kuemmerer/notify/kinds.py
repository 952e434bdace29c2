"""The kinds of notices. Apps above register theirs in `AppConfig.ready`; each person chooses among them.

kinds.register(kinds.Kind(key="assigned", label=_("A case was given to me"), mail=True))
"""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True, kw_only=True)
class Kind:
    """What somebody may be told of. `mail` and `push` are what holds until the person chooses."""

    key: str
    label: str | Promise
    """What happened, as a row of the preferences says it."""
    mail: bool = True
    push: bool = True
    quiet: bool = True
    """Whether it waits for the end of quiet hours and days off."""
    optional: bool = True
    """Whether a person can switch it off; what they cannot has no link to unsubscribe."""
    permission: str = ""
    """Offered only to members with this permission; empty: to all."""
    order: int = 50


_kinds: dict[str, Kind] = {}


def register(*new: Kind) -> None:
    """Add kinds. Raises LookupError for a key that is taken."""
    for kind in new:
        if kind.key in _kinds:
            raise LookupError(f"the kind of notice {kind.key!r} is registered twice")
        _kinds[kind.key] = kind


def get(key: str) -> Kind:
    """Raises LookupError for a kind that nobody registered."""
    if key not in _kinds:
        raise LookupError(f"unknown kind of notice {key!r}")
    return _kinds[key]


def find(key: str) -> Kind | None:
    """The kind of a stored notice; None when the app that knew it is gone."""
    return _kinds.get(key)


def every() -> list[Kind]:
    return sorted(_kinds.values(), key=lambda kind: (kind.order, kind.key))


FIRST = (
    Kind(key="assigned", label=_("A case was given to me"), order=10),
    Kind(key="mentioned", label=_("Somebody mentions me in a note"), order=20),
    Kind(key="near_breach", label=_("One of my cases will soon be overdue"), order=30),
    Kind(key="breached", label=_("One of my cases is overdue"), order=40),
    Kind(
        key="escalated",
        label=_("A case of the team is overdue and nobody has acted"),
        permission="inbox.configure",
        order=50,
    ),
    Kind(key="channel_trouble", label=_("A channel is in trouble"), permission="channels.manage", order=60),
    # Its hour is chosen, so no other hours hold it back; days off are looked at when it is written.
    Kind(key="digest", label=_("The day's summary"), push=False, quiet=False, order=70),
    Kind(key="webhook_off", label=_("A webhook was switched off"), permission="webhooks.manage", order=65),
    Kind(key="test", label=_("A test"), quiet=False, optional=False, order=90),
)
