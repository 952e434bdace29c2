"""The tags every page uses: icons, times, avatars and form fields."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from functools import lru_cache
from typing import Any
from zlib import crc32

from django import template
from django.forms import BoundField, CheckboxInput
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import escape, format_html, linebreaks, urlize
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext, ngettext

register = template.Library()

TONES = 6
MINUTE, HOUR = 60, 3600


@register.simple_tag
@lru_cache(maxsize=512)
def icon(name: str, extra: str = "") -> SafeString:
    """A Lucide icon; it is decoration, so the text beside it has to say what it means."""
    return format_html(
        '<svg class="icon{}" aria-hidden="true" focusable="false"><use href="{}#{}"/></svg>',
        f" {extra}" if extra else "",
        static("web/vendor/icons.svg"),
        name,
    )


@register.simple_tag
def when(moment: datetime | None, now: datetime | None = None, full: bool = False) -> SafeString:
    """How long ago or how soon, with the full date as the tooltip; `full` shows the date itself."""
    if moment is None:
        return SafeString("")
    if timezone.is_naive(moment):
        moment = timezone.make_aware(moment)
    present = (now or timezone.now()).replace(second=0, microsecond=0)
    return _when(moment, present, full, get_language(), timezone.get_current_timezone())


# Lists look for news by themselves again and again, and say the same of the same moments for a minute.
@lru_cache(maxsize=8192)
def _when(moment: datetime, now: datetime, full: bool, language: str | None, zone: tzinfo) -> SafeString:
    local = moment.astimezone(zone)
    exact = date_format(local, "DATETIME_FORMAT")
    rough = relative(local, now.astimezone(zone))
    shown, tooltip = (exact, rough) if full else (rough, exact)
    iso = moment.isoformat(timespec="seconds")
    return format_html('<time datetime="{}" title="{}">{}</time>', iso, tooltip, shown)


def relative(moment: datetime, now: datetime) -> str:
    """Both in the same zone; short enough for a list."""
    seconds = (moment - now).total_seconds()
    days = (moment.date() - now.date()).days
    if abs(seconds) < MINUTE:
        return gettext("now")
    if abs(seconds) < HOUR:
        return _minutes(round(abs(seconds) / MINUTE), future=seconds > 0)
    if days == 0 or abs(seconds) < 6 * HOUR:
        return _hours(round(abs(seconds) / HOUR), future=seconds > 0)
    if days == -1:
        return gettext("yesterday")
    if days == 1:
        return gettext("tomorrow")
    if 0 < abs(days) < 7:
        return date_format(moment, "l")
    return date_format(moment, _day_format(moment.date(), now.date()))


def _day_format(day: date, today: date) -> str:
    return "MONTH_DAY_FORMAT" if day.year == today.year else "SHORT_DATE_FORMAT"


def _minutes(count: int, *, future: bool) -> str:
    if future:
        return ngettext("in %(count)d min", "in %(count)d min", count) % {"count": count}
    return ngettext("%(count)d min ago", "%(count)d min ago", count) % {"count": count}


def _hours(count: int, *, future: bool) -> str:
    if future:
        return ngettext("in %(count)d h", "in %(count)d h", count) % {"count": count}
    return ngettext("%(count)d h ago", "%(count)d h ago", count) % {"count": count}


@dataclass(frozen=True, kw_only=True, slots=True)
class CaseRow:
    """What a line of an inbox shows; see web/_case_row.html."""

    id: int
    url: str
    author: str
    text: str
    at: datetime
    unread: bool
    current: bool
    channel: str
    channel_icon: str
    labels: tuple[tuple[str, str], ...]
    owner: str
    due_at: datetime | None
    due_state: str
    state: str
    match: Any = None
    pick: bool = False


@register.simple_tag
def case_row(row: CaseRow, now: datetime) -> SafeString:
    """A line of an inbox."""
    minute = now.replace(second=0, microsecond=0)
    if row.match is not None:
        return _case_row.__wrapped__(row, minute)
    return _case_row(row, minute, get_language(), timezone.get_current_timezone())


# An open list looks for news every few seconds, for everybody who has it open, and most rows are the same.
@lru_cache(maxsize=4096)
def _case_row(
    row: CaseRow, now: datetime, language: str | None = None, zone: tzinfo | None = None
) -> SafeString:
    return render_to_string("web/_case_row.html", {"row": row, "now": now})


_LINKED = re.compile(r"://|www\.|@|\.(?:com|edu|gov|int|mil|net|org)\b", re.IGNORECASE)
"""What `urlize` can make a link of. It takes every text apart word by word, and few hold one of these."""


@register.filter
@lru_cache(maxsize=1024)
def prose(text: str) -> SafeString:
    """What somebody wrote, as paragraphs; addresses in it are links."""
    escaped = urlize(text, nofollow=True, autoescape=True) if _LINKED.search(text) else escape(text)
    return SafeString(linebreaks(escaped))


@register.simple_tag
def avatar(name: object, size: str = "") -> SafeString:
    """Initials in a circle; the name itself has to stand beside it. `size`: "tiny", "small", "large"."""
    return _avatar(str(name or "").strip(), size)


@lru_cache(maxsize=4096)
def _avatar(text: str, size: str) -> SafeString:
    tone = crc32(text.encode()) % TONES + 1
    classes = f"avatar tone-{tone} {size}".strip()
    return format_html('<span class="{}" aria-hidden="true">{}</span>', classes, initials(text))


def initials(name: str) -> str:
    words = [word for word in name.lstrip("@").replace(".", " ").split() if word[0].isalnum()]
    if not words:
        return "?"
    picked = words[:1] if len(words) == 1 else [words[0], words[-1]]
    return "".join(word[0] for word in picked).upper()


@register.simple_tag
def field(bound: BoundField, hint: str = "", placeholder: bool = True) -> SafeString:
    """Label, control, help and errors of one form field, tied together for screen readers.

    `placeholder=False` leaves out a placeholder that only repeats the label.
    """
    described = []
    if bound.help_text or hint:
        described.append(f"{bound.auto_id}_help")
    if bound.errors:
        described.append(f"{bound.auto_id}_errors")
    attrs: dict[str, Any] = {"aria-describedby": " ".join(described)} if described else {}
    if not placeholder:
        attrs["placeholder"] = False
    widget = bound.field.widget
    check = isinstance(widget, CheckboxInput)
    optional = not (bound.field.required or check or widget.attrs.get("readonly") or bound.field.disabled)
    context = {
        "field": bound,
        "control": bound.as_widget(attrs=attrs),
        "help": hint or bound.help_text,
        "check": check,
        "group": bound.use_fieldset,
        "optional": optional,
    }
    return SafeString(render_to_string("web/_field.html", context))
