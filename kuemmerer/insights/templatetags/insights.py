"""How figures are written."""

from __future__ import annotations

from functools import lru_cache

from django import template
from django.template.loader import render_to_string
from django.utils.formats import number_format
from django.utils.safestring import SafeString
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from kuemmerer.insights.figures import Day

register = template.Library()

HOUR = 60
LONG = 10 * HOUR


@register.simple_tag
def charts(days: tuple[Day, ...]) -> SafeString:
    """The charts of these days with their tables."""
    return _charts(days, get_language())


# Hundreds of cells, which are the same until something is counted.
@lru_cache(maxsize=64)
def _charts(days: tuple[Day, ...], language: str | None) -> SafeString:
    return render_to_string("insights/_charts.html", {"days": days})


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
