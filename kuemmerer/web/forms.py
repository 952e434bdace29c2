"""The forms of the account pages, and what all forms of the desk can do."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypedDict, TypeVar

from django import forms
from django.conf import settings
from django.http import HttpRequest
from django.utils import translation
from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext_lazy as _

from kuemmerer.accounts.calendar_settings import CalendarSettings
from kuemmerer.accounts.models import Country, Role, Workspace
from kuemmerer.accounts.regions import regions, time_zones
from kuemmerer.core.errors import Conflict, Invalid
from kuemmerer.web.calendar_forms import calendar_fields, entered_hours

T = TypeVar("T")
Choices = list[tuple[str, Any]]

AUTOMATIC = "auto"
_ZONES = {
    "AT": "Europe/Vienna",
    "CH": "Europe/Zurich",
    "IE": "Europe/Dublin",
    "LI": "Europe/Vaduz",
    "LU": "Europe/Luxembourg",
}


class DeskForm(forms.Form):
    """A form that shows what an operation refuses beside the field it is about."""

    def run(self, operation: Callable[[], T]) -> T | None:
        """What `operation` gave back; None if the input is wrong, and the form then says what."""
        if not self.is_valid():
            return None
        try:
            return operation()
        except (Invalid, Conflict) as error:
            self.add_error(error.field if error.field in self.fields else None, str(error))
            return None

    @property
    def status(self) -> int:
        """The HTTP status of the page that shows this form."""
        return 422 if self.errors else 200


def country_choices() -> Choices:
    return [(value, label) for value, label in Country.choices]


def region_choices() -> Choices:
    """All regions, grouped by country, to work without JavaScript. Codes repeat, so the country leads."""
    groups: Choices = [("", _("Whole country"))]
    for country in Country:
        found = regions(country.value)
        if found:
            groups.append((str(country.label), [(f"{country.value}:{code}", n) for code, n in found.items()]))
    return groups


def time_zone_choices() -> Choices:
    groups: dict[str, list[tuple[str, str]]] = {}
    for name in time_zones():
        area, _slash, place = name.partition("/")
        groups.setdefault(area, []).append((name, place.replace("_", " ")))
    return list(groups.items())


def language_choices() -> Choices:
    return [(code, label) for code, label in settings.LANGUAGES]


def guess_place(request: HttpRequest) -> dict[str, str]:
    """Country, time zone and language as far as the browser's languages tell them, for a first form."""
    # American and British English are what browsers come with everywhere: they tell nothing.
    found = re.search(r"\b(?!en-US|en-GB)[a-z]{2}-([A-Z]{2})\b", request.headers.get("Accept-Language", ""))
    country = found[1] if found and found[1] in Country.values else Country.GERMANY.value
    return {
        "country": country,
        "time_zone": _ZONES.get(country, "Europe/Berlin"),
        "language": translation.get_language() or "en",
    }


class Place(TypedDict):
    name: str
    country: str
    region: str
    time_zone: str
    language: str


class PlaceForm(DeskForm):
    """A company and where it is."""

    name = forms.CharField(
        label=_("Company"), max_length=100, widget=forms.TextInput({"autocomplete": "organization"})
    )
    country = forms.ChoiceField(label=_("Country"), choices=country_choices)
    region = forms.ChoiceField(
        label=_("Bundesland, Land or canton"),
        choices=region_choices,
        required=False,
        help_text=_("Decides which public holidays count."),
    )
    time_zone = forms.ChoiceField(label=_("Time zone"), choices=time_zone_choices)
    language = forms.ChoiceField(
        label=_("Language"),
        choices=language_choices,
        help_text=_("For mails of the desk. Everybody chooses the language of the pages."),
    )

    def clean(self) -> dict[str, Any]:
        values = self.cleaned_data
        country, _colon, code = values.get("region", "").partition(":")
        if code and "country" in values and country != values["country"]:
            self.add_error("region", _("This region does not belong to the country."))
        values["region"] = code
        return values

    def place(self) -> Place:
        """The fields as the operations take them."""
        values = self.cleaned_data
        return Place(
            name=values["name"],
            country=values["country"],
            region=values["region"],
            time_zone=values["time_zone"],
            language=values["language"],
        )


def _person_field() -> forms.CharField:
    return forms.CharField(
        label=_("Your name"), max_length=100, widget=forms.TextInput({"autocomplete": "name"})
    )


def _password_field() -> forms.CharField:
    return forms.CharField(
        label=_("Password"),
        strip=False,
        max_length=200,
        widget=forms.PasswordInput({"autocomplete": "new-password"}),
        help_text=_("At least 10 characters. A short sentence is a good one."),
    )


class SetupForm(PlaceForm):
    """The owner and the first workspace."""

    person = _person_field()
    email = forms.EmailField(label=_("E-mail address"), widget=forms.EmailInput({"autocomplete": "email"}))
    password = _password_field()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.order_fields(["person", "email", "password"])


class JoinForm(DeskForm):
    """A new person who follows an invitation."""

    person = _person_field()
    password = _password_field()


class PreferencesForm(DeskForm):
    """What people may change about themselves."""

    person = _person_field()
    language = forms.ChoiceField(
        label=_("Language"),
        choices=lambda: [(AUTOMATIC, _("As the browser wants it")), *language_choices()],
    )

    def clean_language(self) -> str:
        language: str = self.cleaned_data["language"]
        return "" if language == AUTOMATIC else language


class WorkspaceForm(PlaceForm):
    """Everything about a workspace that its owner decides."""

    def __init__(self, *args: Any, workspace: Workspace, **kwargs: Any) -> None:
        kwargs["initial"] = self._initial(workspace)
        super().__init__(*args, **kwargs)
        self.fields |= calendar_fields(workspace)

    @staticmethod
    def _initial(workspace: Workspace) -> dict[str, str]:
        return {
            "name": workspace.name,
            "country": workspace.country,
            "region": f"{workspace.country}:{workspace.region}" if workspace.region else "",
            "time_zone": workspace.time_zone,
            "language": workspace.language,
        }

    def days(self) -> list[forms.BoundField]:
        return [self[f"day_{day}"] for day in WEEKDAYS]

    def calendar(self) -> CalendarSettings:
        values = self.cleaned_data
        return CalendarSettings(
            country=values["country"],
            region=values["region"],
            time_zone=values["time_zone"],
            hours=entered_hours(values),
            closed_days=values["closed_days"],
            half_days=values["half_days"],
        )


def role_choices(*, with_owner: bool) -> Choices:
    """The roles from the smallest to the biggest, as far as the person who chooses may give them."""
    roles = [role for role in reversed(Role) if with_owner or role != Role.OWNER]
    return [(role.value, role.label) for role in roles]


class InviteForm(DeskForm):
    email = forms.EmailField(label=_("E-mail address"), widget=forms.EmailInput({"autocomplete": "off"}))

    def __init__(self, *args: Any, with_owner: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["role"] = forms.ChoiceField(
            label=_("Role"), choices=role_choices(with_owner=with_owner), initial=Role.AGENT.value
        )


class TokenForm(DeskForm):
    name = forms.CharField(
        label=_("Name"),
        max_length=100,
        widget=forms.TextInput({"autocomplete": "off"}),
        help_text=_("What it is for, such as “Shop system”."),
    )
