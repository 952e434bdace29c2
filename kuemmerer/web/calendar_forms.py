"""The form fields of a business calendar."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django import forms
from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext_lazy as _

from kuemmerer.accounts.hours import Spans, format_day, parse_day
from kuemmerer.accounts.models import Calendared
from kuemmerer.accounts.special_days import (
    format_closed_days,
    format_half_days,
    parse_closed_days,
    parse_half_days,
)
from kuemmerer.core.errors import Invalid


class WrittenField(forms.CharField):
    """Something people write in their own way; empty is an answer too.

    `written` makes the text of a stored value, `read` the opposite; it raises Invalid.
    """

    empty_values: Any = ()

    def __init__(self, *, written: Callable[[Any], str], read: Callable[[str], Any], **kwargs: Any) -> None:
        super().__init__(required=False, **kwargs)
        self._written, self._read = written, read

    def prepare_value(self, value: Any) -> Any:
        return value if value is None or isinstance(value, str) else self._written(value)

    def clean(self, value: Any) -> Any:
        try:
            return self._read(super().clean(value or ""))
        except Invalid as error:
            raise forms.ValidationError(str(error)) from error


def calendar_fields(owner: Calendared) -> dict[str, forms.Field]:
    """The form fields of a calendar: hours by weekday, closed days, half days."""
    days: dict[str, forms.Field] = {
        f"day_{day}": WrittenField(
            written=format_day,
            read=parse_day,
            label=label,
            max_length=100,
            widget=forms.TextInput({"autocomplete": "off", "placeholder": _("closed")}),
            initial=owner.hours.get(str(day), []),
        )
        for day, label in WEEKDAYS.items()
    }
    return days | {
        "closed_days": WrittenField(
            written=format_closed_days,
            read=parse_closed_days,
            label=_("Closed days"),
            help_text=_(
                "One a line, such as 27.12.2026–30.12.2026 Company holidays, or 11.11. for each year."
            ),
            max_length=20_000,
            widget=forms.Textarea({"rows": 4}),
            initial=owner.closed_days,
        ),
        "half_days": WrittenField(
            written=format_half_days,
            read=parse_half_days,
            label=_("Half days"),
            help_text=_("Days on which you close early, one a line: 24.12. 12:00"),
            max_length=10_000,
            widget=forms.Textarea({"rows": 3}),
            initial=owner.half_days,
        ),
    }


def entered_hours(cleaned: Mapping[str, Any]) -> dict[str, Spans]:
    """The hours that `calendar_fields` took in."""
    return {str(day): cleaned[f"day_{day}"] for day in WEEKDAYS}
