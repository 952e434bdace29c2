"""Automation rules, from the form to what becomes of the next comments."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

from kuemmerer.networks.demo.village import SUFFIX, Village
from tests.desk import PATIENCE, Desk
from tests.journeys.conftest import Open
from tests.journeys.test_layout import PHONE, is_in_sight
from tests.journeys.test_teamwork import base, company
from tests.journeys.visitor import MILLISECONDS, Visitor
from tests.servers import eventually

pytestmark = [pytest.mark.servers, pytest.mark.browser, pytest.mark.slow]

DAYS = "60"
"""Longer ago than anything that the demo company's customers wrote."""
CASINO = "Gratis Casino! Jetzt bestellen: http://casino.example"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with Desk(tmp_path_factory.mktemp("automation"), together=True) as desk:
        yield desk


def village(desk: Desk) -> Village:
    (file,) = Path(desk.data).rglob(f"*{SUFFIX}")
    return Village(file)


def is_written(desk: Desk, by: str, text: str) -> str:
    """Somebody in the village mentions the bakery."""
    with village(desk) as place:
        place.add_person("lucky", name="Lucky Casino", handle="lucky24")
        return place.write("mention", by=by, text=text, now=datetime.now(UTC))


def test_a_rule_that_cannot_work_is_refused_in_one_sentence(demo: Desk, open_page: Open) -> None:
    guest = Visitor(open_page(viewport=PHONE), demo)
    guest.looks_around()
    page = guest.page
    page.goto(f"{base(page)}/settings/automation/new/")
    page.locator("[name=name]").fill("Half a rule")
    page.locator("[name=words]").fill("*")
    is_refused(page, "“*” holds no word that could be found.")
    page.locator("[name=words]").fill("wann")
    is_refused(page, "Choose at least one thing that the rule does.")
    box(page, "Put on labels", "Question").check()
    gone = page.context.new_page()
    gone.goto(f"{base(page)}/texts/")
    deletes_the_label(gone, "Question")
    is_refused(page, "This label does not exist (any more).")
    expect(page.locator("[name=words]")).to_have_value("wann")
    guest.page_is_not_wider_than_the_screen()


def test_a_manager_lets_orders_be_sorted_and_spam_be_hidden(demo: Desk, open_page: Open) -> None:
    _owner, page = company(demo, open_page, role="manager")
    manager = Visitor(page, demo)
    begins_a_rule(manager)
    page.locator("[name=name]").fill("Orders")
    page.locator("[name=words]").fill("bestell*")
    page.get_by_role("group", name="Channels").locator("input").first.check()
    tries_it_and_finds_the_same_by_searching(manager, "bestell*")
    box(page, "Put on labels", "Order").check()
    page.locator("[name=owner]").select_option(label="in turn: all who answer")
    page.locator("[name=saved_reply]").select_option(label="Opening hours")
    saves(page)

    begins_a_rule(manager)
    page.locator("[name=name]").fill("Spam")
    page.locator("[name=words]").fill("casino")
    page.get_by_label("Hide as spam at the network").check()
    page.get_by_label("No further rule after this one").check()
    saves(page)
    assert in_order(page) == ["Orders", "Spam"]
    page.get_by_role("button", name="Move “Spam” up").click()
    expect(page.locator("ol h3 a").first).to_have_text("Spam", timeout=MILLISECONDS)
    assert in_order(page) == ["Spam", "Orders"]
    assert not Axe().run(page, "#content").response["violations"]

    asked = is_written(demo, "marco", "Kann ich für Samstag eine Torte bestellen?")
    is_written(demo, "tunde", "Wurde mein Brot schon bestellt?")
    manager.syncs_now()
    first = is_sorted(manager, "eine Torte bestellen")
    second = is_sorted(manager, "mein Brot schon bestellt")
    assert first != second, "in turn"
    accepts_what_is_suggested(manager, "eine Torte bestellen")
    with village(demo) as place:
        (answer,) = place.answers_to(asked)
    assert answer.startswith("Hello Marco, we are open")

    hides_what_the_network_refused_to_hide(manager)
    hidden = is_written(demo, "lucky", CASINO)
    manager.syncs_now()
    eventually(lambda: status(demo, hidden) == "spam", within=PATIENCE)


def begins_a_rule(person: Visitor) -> None:
    person.goes_to("Settings")
    person.page.get_by_role("link", name="Automation").click()
    person.page.get_by_role("link", name="New rule").click()
    expect(person.page.locator("[name=words]")).to_be_visible(timeout=MILLISECONDS)


def box(page: Page, group: str, name: str) -> Locator:
    return page.get_by_role("group", name=group).get_by_label(name, exact=True)


def saves(page: Page) -> None:
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved. The rule holds for what comes in")).to_be_visible(timeout=MILLISECONDS)


def in_order(page: Page) -> list[str]:
    return page.locator("ol h3 a").all_inner_texts()


def tries_it_and_finds_the_same_by_searching(person: Visitor, words: str) -> None:
    """What the trial says is what one would count by hand in the cases that the search finds."""
    page = person.page
    page.locator("[name=days]").fill(DAYS)
    page.get_by_role("button", name="Test", exact=True).click()
    title = page.locator("#trial h2")
    expect(title).to_be_in_viewport(timeout=MILLISECONDS)
    said = int(re.findall(r"Would have hit (\d+) times", title.inner_text())[0])
    found = page.context.new_page()
    found.goto(f"{base(page)}/inbox/?view=all")
    found.locator("[name=q]").first.fill(words)
    found.locator("[name=q]").first.press("Enter")
    expect(found).to_have_url(re.compile("q=bestell"), timeout=MILLISECONDS)
    cases = [link.get_attribute("href") or "" for link in found.locator("#case-rows .case-link").all()]
    count = 0
    for address in cases:
        found.goto(f"{person.desk.url}{address}")
        own = found.locator("#thread .message.theirs .bubble")
        count += own.filter(has_text=re.compile(r"\bbestell", re.IGNORECASE)).count()
    assert said == count > 1
    found.close()


def opens(person: Visitor, text: str) -> None:
    """The list would show it by itself within half a minute; this person is in a hurry."""
    person.looks_at("All")
    looks_until(person.page, person.row(text))
    person.opens_the_case(text)


def looks_until(page: Page, there: Locator) -> None:
    end = time.monotonic() + PATIENCE
    while not there.count() and time.monotonic() < end:
        page.wait_for_timeout(300)
        page.reload()
    expect(there.first).to_be_visible(timeout=1000)


def is_sorted(person: Visitor, text: str) -> str:
    """The rule has done all it should, and the case says so; returns whose case it is now."""
    page = person.page
    opens(person, text)
    told = page.locator("#thread .thread-event").filter(has_text="Rule “Orders”")
    expect(told).to_have_count(1, timeout=MILLISECONDS)
    done = re.findall(r"Order, given to (.+), suggested “Opening hours”", told.inner_text())
    assert done, told.inner_text()
    expect(page.locator("#case-meta")).to_contain_text("Order")
    expect(page.locator(".case-actions summary").first).to_contain_text(done[0])
    return str(done[0])


def accepts_what_is_suggested(person: Visitor, text: str) -> None:
    page = person.page
    opens(person, text)
    page.get_by_role("button", name="Suggested: Opening hours").click()
    expect(page.locator("#reply-text")).to_have_value(re.compile("^Hello Marco, we are open"))
    person.sends()
    person.sees_it_delivered("Hello Marco, we are open")
    expect(page.get_by_role("button", name="Suggested: Opening hours")).to_have_count(0)


def hides_what_the_network_refused_to_hide(person: Visitor) -> None:
    """The case says that the network refused, and a button beside it is the way out."""
    page, desk = person.page, person.desk
    with village(desk) as place:
        place.fault("rejected", operation="act")
    words = is_written(desk, "lucky", CASINO)
    person.syncs_now()
    opens(person, "Gratis Casino!")
    trouble = page.locator(".conversation-body .banner")
    looks_until(page, trouble)
    expect(trouble).to_contain_text("The rule “Spam” could not hide this as spam.")
    expect(trouble).to_contain_text("It is not tried again.")
    assert is_in_sight(trouble)
    expect(page.locator("#thread")).not_to_contain_text("Orders")
    trouble.get_by_role("button", name="Mark as spam").click()
    page.locator("[data-confirm-yes]").click()
    expect(trouble).to_have_count(0, timeout=MILLISECONDS)
    expect(page.locator("#case-facts")).to_contain_text("Closed")
    assert status(desk, words) == "spam"


def status(desk: Desk, uid: str) -> str:
    with village(desk) as place:
        entry = place.entry(uid)
    assert entry
    return str(entry["status"])


def is_refused(page: Page, why: str) -> None:
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text(why)).to_be_visible(timeout=MILLISECONDS)
    assert is_in_sight(page.locator("[role=alert]").first)


def deletes_the_label(page: Page, name: str) -> None:
    label = page.locator("details", has_text=name).filter(has=page.locator("[value=delete-label]"))
    label.locator("summary").click()
    label.get_by_role("button", name="Delete").click()
    page.locator("[data-confirm-yes]").click()
    expect(label).to_have_count(0, timeout=MILLISECONDS)
