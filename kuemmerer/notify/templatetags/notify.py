"""Why a webhook did not arrive, in words."""

from __future__ import annotations

from django import template
from django.utils.translation import gettext_lazy as _

register = template.Library()

PROBLEMS = {
    "private_address": _("The address lies inside the own house; that is refused"),
    "timeout": _("No answer in time"),
    "unreadable_secret": _("The address cannot be read: the secret key has changed"),
    "invalid_address": _("This is no web address."),
}


@register.simple_tag
def webhook_problem(code: str) -> str:
    """The sentence for a problem that we know, else the network's own words."""
    return str(PROBLEMS.get(code, code))
