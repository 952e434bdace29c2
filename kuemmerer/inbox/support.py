"""Questions of those who help users: when would an answer be due?"""

from __future__ import annotations

import zoneinfo
from datetime import datetime, timedelta

from django.utils.translation import gettext as _

from kuemmerer.accounts.calendar_settings import checked_place
from kuemmerer.accounts.calendars import Calendar
from kuemmerer.accounts.hours import parse_week
from kuemmerer.accounts.models import default_half_days
from kuemmerer.core.errors import Invalid

MOST_MINUTES = 1_000_000
"""Some eight years of open time."""


def deadline(
    *, region: str, time_zone: str, hours: str, minutes: int, start: str, half_days: bool = False
) -> str:
    """The moment at which `minutes` of open time have passed since `start`, as local ISO time.

    `region` is a country or region such as DE-NW, `hours` as `parse_week` takes them, `start` an ISO time,
    local unless it has an offset. Raises Invalid.
    """
    country, _dash, part = region.upper().partition("-")
    checked_place(country, part, time_zone)
    if not 0 <= minutes <= MOST_MINUTES:
        raise Invalid(_("Choose between 0 and 1,000,000 minutes."), field="minutes")
    zone = zoneinfo.ZoneInfo(time_zone)
    calendar = Calendar(
        hours=parse_week(hours),
        zone=zone,
        country=country,
        region=part,
        half_days=default_half_days() if half_days else None,
    )
    try:
        moment = datetime.fromisoformat(start)
    except ValueError as error:
        raise Invalid(_("“%(text)s” is no time like 2026-06-03T16:30.") % {"text": start[:40]}) from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone)
    due = calendar.after(moment, timedelta(minutes=minutes)).astimezone(zone)
    return due.isoformat(timespec="auto" if due.second or due.microsecond else "minutes")
