"""What the inbox's templates say about actions at the networks."""

from __future__ import annotations

from collections.abc import Sequence

from django import template
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from kuemmerer.networks.base import Action

register = template.Library()

SHORT = 4000
"""Characters of one message that a page shows; the rest is at the network."""

_QUICK = frozenset({Action.LIKE, Action.UNLIKE, Action.APPROVE})
_ICONS = {
    Action.LIKE: "heart",
    Action.UNLIKE: "heart-off",
    Action.SHARE: "repeat-2",
    Action.HIDE: "eye-off",
    Action.APPROVE: "eye",
    Action.SPAM: "shield-ban",
    Action.TRASH: "trash-2",
}
_NAMES: dict[Action, str | Promise] = {
    Action.LIKE: pgettext_lazy("verb", "Like"),
    Action.UNLIKE: _("Unlike"),
    Action.SHARE: pgettext_lazy("verb", "Share"),
    Action.HIDE: _("Hide"),
    Action.APPROVE: _("Approve"),
    Action.SPAM: _("Mark as spam"),
    Action.TRASH: _("Move to the bin"),
}


@register.filter
def action_icon(action: Action) -> str:
    return _ICONS[action]


@register.filter
def action_name(action: Action) -> str:
    return str(_NAMES[action])


@register.filter
def short(text: str) -> str:
    """The text, cut where it is endless: five megabytes of comment must not freeze a browser."""
    return text if len(text) <= SHORT else text[:SHORT] + " …"


@register.filter
def quick(actions: Sequence[Action]) -> list[Action]:
    """The actions that are a button of their own."""
    return [action for action in actions if action in _QUICK]


@register.filter
def slow(actions: Sequence[Action]) -> list[Action]:
    """The actions that wait in a menu, since they change what others see."""
    return [action for action in actions if action not in _QUICK]
