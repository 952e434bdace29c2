"""How figures are written."""

from __future__ import annotations

from django import template
from django.utils.formats import number_format
from django.utils.translation import gettext as _

register = template.Library()

HOUR = 60
LONG = 10 * HOUR


@register.filter
def duration(minutes: int | None) -> str:
    """Minutes as people say them: “45 min”, “3 h 20 min”, “31 h”; a dash for None."""
    if minutes is None:
        return "–"
    if minutes < HOUR:
        return _("%(minutes)s min") % {"minutes": minutes}
    hours, rest = divmod(minutes, HOUR)
    if minutes < LONG and rest:
        return _("%(hours)s h %(minutes)s min") % {"hours": hours, "minutes": rest}
    return _("%(hours)s h") % {"hours": number_format(round(minutes / HOUR), force_grouping=True)}
