"""The figures on the page and by the API."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse
from django.utils.translation import override

from kuemmerer.accounts import teams, workspaces
from kuemmerer.accounts.models import Role, Team
from kuemmerer.accounts.tests.company import browser
from kuemmerer.channels import privacy
from kuemmerer.insights import sweeps
from kuemmerer.insights.templatetags.insights import duration
from tests.factories import Clock, Desk, actor


def lived(desk: Desk, time: Clock) -> None:
    """Three weeks: one question a day but on weekends, answered after 20 minutes to 6 hours; two are open."""
    for number in range(21):
        uid = desk.says(f"Frage {number}", by=("ada", "bert", "cleo")[number % 3], kind="mention")
        desk.fetch()
        time.forward(minutes=20 + number * 17)
        if number < 19:
            desk.reply(desk.case(uid))
            desk.deliver()
        time.forward(days=1, minutes=-20 - number * 17)
    sweeps.count(desk.now())


def page(desk: Desk, language: str = "en", **query: Any) -> Any:
    url = reverse("today", args=[desk.actor.workspace.slug])
    return browser(desk.actor, language).get(url, query)


def api(desk: Desk, who: Any = None, **query: Any) -> Any:
    _row, token = workspaces.make_token(actor=who or desk.actor, name="Probe", now=desk.now())
    headers = {"authorization": f"Bearer {token}"}
    return browser().get("/api/v1/statistics", query, headers=headers)


def test_the_api_says_what_the_page_says(desk: Desk, time: Clock) -> None:
    lived(desk, time)
    told = api(desk).json()
    assert (told["open"], told["answered"], len(told["days"])) == (2, 19, 30)
    assert told["days"][-1]["day"] == desk.now().date().isoformat()
    assert told["days"][-1]["open"] == told["open"]
    text = page(desk).text
    assert f"<strong>{duration(told['median'])}</strong>" in text
    assert f"<strong>{duration(told['most'])}</strong>" in text
    rows = re.findall(r'<tr[^>]*><th scope="row"><time datetime="([^"]+)".*?data-value="(\d+)"', text)
    assert [row for row in rows if row[0] == told["days"][-1]["day"]][-1][1] == "2"


def test_weekends_and_holidays_are_marked(desk: Desk, time: Clock) -> None:
    days = {day["day"]: day["closed"] for day in api(desk).json()["days"]}
    assert days["2026-02-28"]
    assert not days["2026-02-27"]
    assert "data-closed" in page(desk).text


@pytest.mark.parametrize("query", [{"days": 31}, {"days": "x"}, {"channel": "x"}, {"team": "-1"}])
def test_nonsense_in_the_address_is_an_error_with_a_sentence(desk: Desk, query: dict[str, Any]) -> None:
    assert page(desk, **query).status_code == 400
    assert api(desk, days=31).status_code == 422


def test_a_channel_or_team_of_another_company_is_not_found(desk: Desk) -> None:
    other = actor()
    teams.save_team(actor=other, name="Fremd", member_ids=[], calendar=None, now=desk.now())
    team = Team.objects.get()
    assert page(desk, team=team.pk).status_code == 404
    assert api(desk, team_id=team.pk).status_code == 404
    assert api(desk, channel_id=desk.channel.pk + 1).status_code == 404


def test_people_are_named_only_when_allowed_and_only_to_managers(desk: Desk, time: Clock) -> None:
    lived(desk, time)
    assert api(desk).json()["people"] is None
    assert "By person" not in page(desk).text
    privacy.set_personal_statistics(actor=desk.actor, on=True, now=desk.now())
    sweeps.count(desk.now())
    assert [one["answered"] for one in api(desk).json()["people"]] == [19]
    assert "By person" in page(desk).text
    assert api(desk, desk.member(Role.MANAGER)).json()["people"] is not None
    agent = desk.member(Role.AGENT)
    text = browser(agent).get(reverse("today", args=[desk.actor.workspace.slug])).text
    assert "By person" not in text


def test_the_figures_come_alone_for_another_span(desk: Desk) -> None:
    url = reverse("today-figures", args=[desk.actor.workspace.slug])
    answer = browser(desk.actor).get(url, {"days": 90}, headers={"HX-Request": "true"})
    assert "<html" not in answer.text
    assert answer.text.count("<tr") == 2 + 2 * 90


def test_what_the_page_costs_does_not_grow_with_the_cases(
    desk: Desk, time: Clock, django_assert_num_queries: Any
) -> None:
    desk.asked()
    client = browser(desk.actor)
    url = reverse("today-figures", args=[desk.actor.workspace.slug])
    client.get(url)
    lived(desk, time)
    with django_assert_num_queries(10):
        client.get(url)


@pytest.mark.parametrize(
    ("minutes", "english", "german"),
    [
        (None, "–", "–"),
        (0, "0 min", "0 Min."),
        (59, "59 min", "59 Min."),
        (60, "1 h", "1 Std."),
        (200, "3 h 20 min", "3 Std. 20 Min."),
        (600, "10 h", "10 Std."),
        (60 * 1234, "1,234 h", "1.234 Std."),
    ],
)
def test_durations_are_written_as_people_say_them(minutes: int | None, english: str, german: str) -> None:
    with override("en"):
        assert duration(minutes) == english
    with override("de"):
        assert duration(minutes) == german


def test_late_words_of_a_backfill_find_their_day(desk: Desk, time: Clock) -> None:
    lived(desk, time)
    before = api(desk).json()
    start = desk.now() - timedelta(days=25)
    question = desk.says("Von früher", at=start, by="cleo")
    desk.village.write("comment", by="baker", text="Ja", to=question, now=start + timedelta(minutes=30))
    desk.fetch()
    sweeps.count(desk.now())
    after = api(desk).json()
    day = start.date().isoformat()
    assert [one["answered"] for one in after["days"] if one["day"] == day] == [1]
    assert after["answered"] == before["answered"] + 1
    assert [one["open"] for one in after["days"]] == [one["open"] for one in before["days"]]
