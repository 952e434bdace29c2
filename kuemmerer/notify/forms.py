"""The form with which people choose what they are told, and when."""

from __future__ import annotations

from datetime import time
from typing import Any

from django import forms
from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext_lazy as _

from kuemmerer.notify import kinds, preferences
from kuemmerer.notify.models import Preference
from kuemmerer.web.forms import DeskForm, time_zone_choices


class _Clock(forms.TimeInput):
    input_type = "time"

    def __init__(self) -> None:
        super().__init__(format="%H:%M")


def _clock_field(label: Any, *, required: bool = False) -> forms.TimeField:
    formats = ["%H:%M", "%H:%M:%S"]
    return forms.TimeField(label=label, required=required, widget=_Clock(), input_formats=formats)


class PreferencesForm(DeskForm):
    """All kinds by mail and push, quiet hours, days off, and the day's summary."""

    quiet_from = _clock_field(_("Quiet from"))
    quiet_to = _clock_field(_("Quiet until"))
    company_days = forms.BooleanField(
        label=_("Days off are the days on which the company is closed"), required=False
    )
    days_off = forms.MultipleChoiceField(
        label=_("My own days off"),
        choices=[(str(day), name) for day, name in WEEKDAYS.items()],
        widget=forms.CheckboxSelectMultiple,
        required=False,
        help_text=_("They count when the box above is not ticked."),
    )
    time_zone = forms.ChoiceField(label=_("Time zone"), required=False)
    digest_time = _clock_field(_("Send the summary at"), required=True)
    digest_empty = forms.BooleanField(label=_("Also when there is nothing to say"), required=False)

    def __init__(self, *args: Any, preference: Preference, offered: list[kinds.Kind], **kwargs: Any) -> None:
        self.preference, self.offered = preference, offered
        kwargs["initial"] = _initial(preference)
        super().__init__(*args, **kwargs)
        zone = _("As the company: %(zone)s") % {"zone": preference.membership.workspace.time_zone}
        field = self.fields["time_zone"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 - for the type checker
        field.choices = [("", zone), *time_zone_choices()]
        for kind in offered:
            for way in preferences.WAYS:
                self.fields[f"{way}_{kind.key}"] = forms.BooleanField(
                    required=False, initial=preference.wants(kind, way), label=str(kind.label)
                )

    def rows(self) -> list[dict[str, Any]]:
        """Each kind with its boxes."""
        return [
            {"kind": k, "mail": self[f"mail_{k.key}"], "push": self[f"push_{k.key}"]} for k in self.offered
        ]

    def wishes(self) -> preferences.Wishes:
        """What was chosen, as the operation takes it."""
        values = self.cleaned_data
        return preferences.Wishes(
            choices={
                kind.key: {way: values[f"{way}_{kind.key}"] for way in preferences.WAYS}
                for kind in self.offered
            },
            quiet_from=values["quiet_from"],
            quiet_to=values["quiet_to"],
            days_off=None if values["company_days"] else [int(day) for day in values["days_off"]],
            time_zone=values["time_zone"],
            digest_time=values["digest_time"],
            digest_empty=values["digest_empty"],
        )


def _initial(preference: Preference) -> dict[str, Any]:
    own: time = preference.digest_time
    return {
        "quiet_from": preference.quiet_from,
        "quiet_to": preference.quiet_to,
        "company_days": preference.days_off is None,
        "days_off": [str(day) for day in sorted(preference.weekdays_off)],
        "time_zone": preference.time_zone,
        "digest_time": own,
        "digest_empty": preference.digest_empty,
    }
