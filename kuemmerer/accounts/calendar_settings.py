"""What decides when a house is open: its place, hours, closed days and half days."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from kuemmerer.accounts.hours import ClosedDays, HalfDays, Hours, checked_hours
from kuemmerer.accounts.models import Calendared, Country
from kuemmerer.accounts.regions import regions, time_zones
from kuemmerer.accounts.special_days import checked_closed_days, checked_half_days
from kuemmerer.core.errors import Invalid


@dataclass(frozen=True, kw_only=True)
class CalendarSettings:
    """The settings of a workspace's or team's calendar, as somebody entered them."""

    country: str
    region: str
    time_zone: str
    hours: Hours
    closed_days: ClosedDays
    half_days: HalfDays

    @classmethod
    def of(cls, owner: Calendared) -> CalendarSettings:
        return cls(
            country=owner.country,
            region=owner.region,
            time_zone=owner.time_zone,
            hours=owner.hours,
            closed_days=owner.closed_days,
            half_days=owner.half_days,
        )

    def write_to(self, owner: Calendared) -> bool:
        """Set the fields of a workspace or team; returns whether its calendar changes. Raises Invalid."""
        before = CalendarSettings.of(owner)
        fields = checked_place(self.country, self.region, self.time_zone) | {
            "hours": checked_hours(self.hours),
            "closed_days": checked_closed_days(self.closed_days),
            "half_days": checked_half_days(self.half_days),
        }
        for name, value in fields.items():
            setattr(owner, name, value)
        return CalendarSettings.of(owner) != before


def checked_place(country: str, region: str, time_zone: str) -> dict[str, Any]:
    """The fields of a place. Raises Invalid (fields country, region, time_zone)."""
    if country not in Country.values:
        raise Invalid(_("This country is not known."), field="country")
    if region and region not in regions(country):
        raise Invalid(_("This region does not belong to the country."), field="region")
    if time_zone not in time_zones():
        raise Invalid(_("This time zone is not known."), field="time_zone")
    return {"country": country, "region": region, "time_zone": time_zone}
