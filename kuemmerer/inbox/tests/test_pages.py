"""What the inbox's pages say and swap."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from kuemmerer.accounts.models import Role
from kuemmerer.accounts.tests.company import browser
from kuemmerer.inbox.models import Case
from tests.factories import Clock, Desk, actor, close

HTMX = {"HX-Request": "true"}


def address(desk: Desk, name: str, *more: int) -> str:
    return reverse(name, args=[desk.actor.workspace.slug, *more])


def looks_for_news(client: Client, page: str, element: str) -> str:
    """Where an open page asks again, as its element says."""
    found = re.search(rf'id="{element}"[^>]*?hx-get="([^"]+)"', page)
    assert found, page
    return html.unescape(found[1])


def count(page: str, name: str) -> str:
    found = re.search(rf"""innerHTML:\[data-count='{name}'\]">(.*?)<""", page)
    assert found, page
    return found[1]


def two_cases(desk: Desk) -> tuple[Case, Case]:
    first, second = desk.says(), desk.says("Und am Sonntag?", by="bert")
    desk.fetch()
    return desk.case(first), desk.case(second)


def test_the_buttons_above_a_conversation_follow_a_case_that_changed_elsewhere(desk: Desk) -> None:
    _, case = desk.asked()
    client = browser(desk.actor)
    page = client.get(address(desk, "case", case.pk)).text
    again = looks_for_news(client, page, "thread")
    quiet = client.get(again, headers=HTMX)
    assert "case-actions" not in quiet.text, "a menu that is open there would close"
    assert "HX-Trigger-After-Settle" not in quiet.headers

    close(case, desk.actor)
    news = client.get(again, headers=HTMX)
    assert 'id="case-actions" hx-swap-oob="true"' in news.text
    assert address(desk, "case-reopen", case.pk) in news.text
    assert address(desk, "case-close", case.pk) not in news.text
    assert "cases-changed" in news.headers["HX-Trigger-After-Settle"]
    assert "case-actions" not in client.get(looks_for_news(client, news.text, "thread"), headers=HTMX).text


def test_a_deed_lets_the_list_look_again_and_with_it_come_the_numbers(desk: Desk) -> None:
    first, _ = two_cases(desk)
    client = browser(desk.actor)
    page = client.get(address(desk, "inbox")).text
    again = looks_for_news(client, page, "case-rows")
    before = client.get(again, headers=HTMX).text
    assert [count(before, name) for name in ("inbox", "cases-open", "cases-mine")] == ["2", "2", ""]
    done = client.post(address(desk, "case-close", first.pk), headers=HTMX)
    assert "cases-changed" in done.headers["HX-Trigger-After-Settle"]
    after = client.get(again, headers=HTMX).text
    assert [count(after, name) for name in ("inbox", "cases-open")] == ["1", "1"]
    assert f"case-row-{first.pk}" not in after
    for name in ("inbox", "cases-open", "cases-all"):
        assert f'data-count="{name}"' in page


def test_a_list_that_looks_again_marks_the_case_that_is_open_now(desk: Desk) -> None:
    _first, second = two_cases(desk)
    client = browser(desk.actor)
    page = client.get(address(desk, "inbox")).text
    again = looks_for_news(client, page, "case-rows")
    beside = f"http://testserver{address(desk, 'case', second.pk)}?view=open"
    rows = client.get(again, headers={**HTMX, "HX-Current-URL": beside}).text
    marked = re.findall(r'id="case-link-(\d+)" href="[^"]*" aria-current="true"', rows)
    assert marked == [str(second.pk)]


def test_the_list_beside_a_case_comes_where_it_is_seen_and_is_a_link_elsewhere(desk: Desk) -> None:
    first, second = two_cases(desk)
    client = browser(desk.actor)
    url = f"{address(desk, 'case', first.pk)}?view=unassigned"
    page = client.get(url).text
    assert "case-rows" not in page
    assert f'href="{address(desk, "inbox")}?view=unassigned"' in page
    pane = re.search(r'class="list-pane"[^>]*?hx-get="([^"]+)" hx-trigger="intersect once"', page)
    assert pane
    headers = {**HTMX, "HX-Current-URL": f"http://testserver{url}"}
    found = client.get(html.unescape(pane[1]), headers=headers).text
    assert "<html" not in found
    assert f'id="case-link-{second.pk}"' in found
    assert re.findall(r'id="case-link-(\d+)"[^>]*aria-current="true"', found) == [str(first.pk)]
    tabs = re.findall(r'<a href="([^"]*)" aria-current="page">', found)
    assert [html.unescape(tab) for tab in tabs] == [f"{address(desk, 'inbox')}?view=unassigned"]


def test_a_list_that_was_made_longer_stays_so(desk: Desk) -> None:
    for number in range(30):
        desk.says(f"Frage {number}", to="", by="ada", kind="mention")
    desk.fetch()
    client = browser(desk.actor)
    again = f"{address(desk, 'inbox')}?rows=1"
    rows = {
        shown: client.get(f"{again}&shown={shown}", headers=HTMX).text for shown in ("", "30", "999", "x")
    }
    assert [text.count('class="case-row') for text in rows.values()] == [25, 30, 30, 25]


@pytest.mark.parametrize(("role", "may"), [(Role.MANAGER, True), (Role.AGENT, False)])
def test_an_inbox_without_a_channel_says_so(db: None, time: Clock, role: Role, may: bool) -> None:
    somebody = actor(role)
    page = browser(somebody).get(reverse("inbox", args=[somebody.workspace.slug])).text
    assert "No channel is connected yet" in page
    assert "All done here" not in page
    assert (reverse("channel-choose", args=[somebody.workspace.slug]) in page) is may


def test_an_inbox_with_a_channel_and_nothing_to_do_says_so(desk: Desk) -> None:
    page: Any = browser(desk.actor).get(address(desk, "inbox")).text
    assert "All done here" in page
    assert "No channel is connected yet" not in page
