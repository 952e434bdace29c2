"""Teams, absences and special days."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from kuemmerer.accounts import special_days, teams
from kuemmerer.accounts.calendar_settings import CalendarSettings
from kuemmerer.accounts.hours import parse_week
from kuemmerer.accounts.models import Absence, Role, Team
from kuemmerer.accounts.tests.company import NOW, member, owner
from kuemmerer.core.errors import Conflict, Forbidden, Invalid, NotFound
from kuemmerer.core.models import AuditRecord

pytestmark = pytest.mark.django_db


def team(jana: Any, name: str = "Laden", **more: Any) -> Team:
    fields: dict[str, Any] = {"member_ids": [], "calendar": None, **more}
    return teams.save_team(actor=jana, name=name, now=NOW, **fields)


def test_a_team_has_members_and_the_workspace_s_hours_unless_it_has_its_own() -> None:
    jana = owner()
    tobias = member(jana, Role.AGENT)
    shop = team(jana, member_ids=[tobias.membership.pk])
    assert list(shop.members.all()) == [tobias.membership]
    workspace_calendar = teams.calendar_for(jana.workspace, None)
    assert teams.calendar_for(jana.workspace, shop) is workspace_calendar
    hours = {"5": [["08:00", "12:00"]]}
    own = CalendarSettings(
        country="CH", region="ZH", time_zone="Europe/Zurich", hours=hours, closed_days=[], half_days={}
    )
    shop = team(jana, "Laden Zürich", calendar=own, team_id=shop.pk)
    assert teams.calendar_for(jana.workspace, shop) is not workspace_calendar
    assert (shop.name, shop.country, shop.hours) == ("Laden Zürich", "CH", hours)
    assert AuditRecord.objects.filter(verb="saved team").count() == 2


def test_wrong_teams_are_refused() -> None:
    jana, stranger = owner(), owner("Andere", "Rita Roth")
    team(jana)
    with pytest.raises(Conflict):
        team(jana, "LADEN")
    with pytest.raises(Invalid):
        team(jana, "Werkstatt", member_ids=[stranger.membership.pk])
    with pytest.raises(NotFound):
        team(jana, "Werkstatt", team_id=team(stranger).pk)
    with pytest.raises(Forbidden):
        team(member(jana, Role.AGENT), "Werkstatt")


def absence(jana: Any, who: Any, **more: Any) -> Absence:
    fields: dict[str, Any] = {"first_day": date(2026, 7, 1), "last_day": date(2026, 7, 14), "deputy_id": None}
    return teams.add_absence(actor=jana, membership_id=who.membership.pk, now=NOW, **{**fields, **more})


def test_everybody_may_be_away_and_managers_may_say_so_for_others() -> None:
    jana = owner()
    tobias, mara = member(jana, Role.AGENT), member(jana, Role.AGENT, "Mara Blum")
    own = absence(tobias, tobias, deputy_id=mara.membership.pk)
    absence(jana, mara)
    with pytest.raises(Forbidden):
        absence(tobias, mara)
    with pytest.raises(Forbidden):
        teams.remove_absence(actor=mara, absence_id=own.pk, now=NOW)
    teams.remove_absence(actor=tobias, absence_id=own.pk, now=NOW)
    assert Absence.objects.count() == 1


def test_wrong_absences_are_refused() -> None:
    jana, stranger = owner(), owner("Andere", "Rita Roth")
    tobias = member(jana, Role.AGENT)
    with pytest.raises(Invalid, match="before it begins"):
        absence(jana, tobias, last_day=date(2026, 6, 30))
    with pytest.raises(Invalid, match="himself"):
        absence(jana, tobias, deputy_id=tobias.membership.pk)
    with pytest.raises(NotFound):
        absence(jana, stranger)
    with pytest.raises(NotFound):
        absence(jana, tobias, deputy_id=stranger.membership.pk)


def test_deputies_stand_in_also_for_deputies_and_never_in_a_circle() -> None:
    jana = owner()
    tobias, mara, ole = (member(jana, Role.AGENT, name) for name in ("Tobias K", "Mara B", "Ole S"))
    day = date(2026, 7, 3)
    absence(jana, tobias, deputy_id=mara.membership.pk)
    assert teams.present([tobias.membership], day) == [mara.user]
    absence(jana, mara, deputy_id=ole.membership.pk)
    assert teams.present([tobias.membership, mara.membership, ole.membership], day) == [ole.user]
    absence(jana, ole, deputy_id=tobias.membership.pk)
    assert teams.present([tobias.membership], day) == []
    assert teams.present([tobias.membership], date(2026, 7, 15)) == [tobias.user]
    assert teams.present([], day) == []


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("", []),
        ("11.11.", [("11-11", "11-11", "")]),
        ("27.12.2026–30.12.2026 Betriebsferien", [("2026-12-27", "2026-12-30", "Betriebsferien")]),
        (
            "27.12. bis 6.1. Winterruhe\n\n2026-05-15 Brückentag",
            [("12-27", "01-06", "Winterruhe"), ("2026-05-15", "2026-05-15", "Brückentag")],
        ),
    ],
)
def test_closed_days_are_read_as_people_write_them(text: str, days: list[tuple[str, str, str]]) -> None:
    read = special_days.parse_closed_days(text)
    assert [(day["first"], day["last"], day["name"]) for day in read] == days
    assert special_days.parse_closed_days(special_days.format_closed_days(read)) == read


@pytest.mark.parametrize(
    "text",
    ["Weihnachten", "31.02.2026", "00-10", "27.12.2026–30.12.", "30.12.2026–27.12.2026", "1.1\n" * 300],
)
def test_nonsense_days_are_refused(text: str) -> None:
    with pytest.raises(Invalid):
        special_days.parse_closed_days(text)


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("24.12. 12:00", {"12-24": "12:00"}),
        ("24.12. ab 13 Uhr\n2026-05-15 14", {"12-24": "13:00", "2026-05-15": "14:00"}),
    ],
)
def test_half_days_are_read_as_people_write_them(text: str, days: dict[str, str]) -> None:
    read = special_days.parse_half_days(text)
    assert read == days
    assert special_days.parse_half_days(special_days.format_half_days(read)) == read


@pytest.mark.parametrize("text", ["24.12.", "24.12. 25:00", "Heiligabend 12:00", "30.02. 12:00"])
def test_nonsense_half_days_are_refused(text: str) -> None:
    with pytest.raises(Invalid):
        special_days.parse_half_days(text)


def test_the_hours_of_a_week_in_one_line() -> None:
    week = parse_week("mon-thu 09:00-12:00,13:00-17:00; fr 9-14")
    assert week == {
        **{str(day): [["09:00", "12:00"], ["13:00", "17:00"]] for day in range(4)},
        "4": [["09:00", "14:00"]],
    }
    assert set(parse_week("sat-mon 10-12")) == {"5", "6", "0"}
    for nonsense in ("", "someday 9-17", "mon", "mon 17-9", "mon-xyz 9-17"):
        with pytest.raises(Invalid):
            parse_week(nonsense)
