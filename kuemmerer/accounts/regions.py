"""Countries with their Bundesländer, Länder and cantons, as the `holidays` package knows them."""

from __future__ import annotations

import zoneinfo
from functools import cache

import holidays

from kuemmerer.accounts.models import Country

# holidays' English names of the subdivisions are not complete, and people look for their own words.
_NAMES: dict[str, dict[str, str]] = {
    "DE": {
        "BB": "Brandenburg", "BE": "Berlin", "BW": "Baden-Württemberg", "BY": "Bayern", "HB": "Bremen",
        "HE": "Hessen", "HH": "Hamburg", "MV": "Mecklenburg-Vorpommern", "NI": "Niedersachsen",
        "NW": "Nordrhein-Westfalen", "RP": "Rheinland-Pfalz", "SH": "Schleswig-Holstein", "SL": "Saarland",
        "SN": "Sachsen", "ST": "Sachsen-Anhalt", "TH": "Thüringen",
    },
    "AT": {
        "1": "Burgenland", "2": "Kärnten", "3": "Niederösterreich", "4": "Oberösterreich", "5": "Salzburg",
        "6": "Steiermark", "7": "Tirol", "8": "Vorarlberg", "9": "Wien",
    },
    "CH": {
        "AG": "Aargau", "AI": "Appenzell Innerrhoden", "AR": "Appenzell Ausserrhoden", "BE": "Bern",
        "BL": "Basel-Landschaft", "BS": "Basel-Stadt", "FR": "Fribourg", "GE": "Genève", "GL": "Glarus",
        "GR": "Graubünden", "JU": "Jura", "LU": "Luzern", "NE": "Neuchâtel", "NW": "Nidwalden",
        "OW": "Obwalden", "SG": "St. Gallen", "SH": "Schaffhausen", "SO": "Solothurn", "SZ": "Schwyz",
        "TG": "Thurgau", "TI": "Ticino", "UR": "Uri", "VD": "Vaud", "VS": "Valais",
        "ZG": "Zug", "ZH": "Zürich",
    },
}  # fmt: skip


@cache
def regions(country: str) -> dict[str, str]:
    """The regions of a country, code → name; empty where only the country counts."""
    if country not in Country.values:
        return {}
    known = holidays.country_holidays(country).subdivisions
    names = _NAMES.get(country)
    return {code: name for code, name in names.items() if code in known} if names else {}


@cache
def time_zones() -> list[str]:
    """All time zones by name, Europe first."""
    names = zoneinfo.available_timezones()
    return sorted(
        (n for n in names if "/" in n and not n.startswith(("Etc/", "SystemV/"))),
        key=lambda n: (not n.startswith("Europe/"), n),
    )
