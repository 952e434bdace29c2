"""Several people at one desk: two race for a case, one reads what another wrote, both are warned in time."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.desk import PASSWORD, PATIENCE, Desk
from tests.journeys.conftest import Open
from tests.journeys.visitor import MILLISECONDS, Visitor
from tests.shifted import put_forward

pytestmark = [pytest.mark.servers, pytest.mark.browser, pytest.mark.slow]


def company(desk: Desk, open_page: Open, *, role: str = "agent") -> tuple[Page, Page]:
    """The owner of the demo company, and a colleague in that role who has accepted an invitation."""
    owner = Visitor(open_page(), desk)
    owner.looks_around()
    page = owner.page
    page.goto(f"{base(page)}/settings/members/")
    page.locator("[name=email]").fill("ada@example.org")
    page.locator("form:has([name=email]) [name=role]").select_option(role)
    page.locator("form:has([name=email]) [type=submit]").click()
    link = page.locator("#invitation-link").inner_text()
    colleague = Visitor(open_page(), desk).page
    colleague.goto(link)
    colleague.locator("[name=person]").fill("Ada Lang")
    colleague.locator("[name=password]").fill(PASSWORD)
    colleague.get_by_role("button", name="Accept the invitation").click()
    expect(colleague.locator("#sidebar")).to_be_visible(timeout=MILLISECONDS)
    return page, colleague


def base(page: Page) -> str:
    start, _w, rest = page.url.partition("/w/")
    return f"{start}/w/{rest.split('/')[0]}"


def same_case(first: Page, second: Page) -> str:
    """Both open the oldest case that waits for somebody."""
    first.goto(f"{base(first)}/inbox/?view=unassigned")
    address = first.locator("#case-rows .case-link").last.get_attribute("href")
    assert address
    address = f"{first.url.partition('/w/')[0]}{address}"
    for page in (first, second):
        page.goto(address)
        expect(page.locator("#reply-text")).to_be_visible(timeout=MILLISECONDS)
    return address


def test_two_people_race_for_one_case_and_the_slower_one_is_stopped(tmp_path: Path, open_page: Open) -> None:
    with Desk(tmp_path, together=True) as desk:
        owner, agent = company(desk, open_page)
        same_case(owner, agent)
        expect(owner.locator("#presence")).to_contain_text("Ada Lang is looking", timeout=MILLISECONDS)
        agent.locator("#reply-text").press_sequentially("Gern, ")
        began = time.monotonic()
        expect(owner.locator("#presence")).to_contain_text("Ada Lang is writing", timeout=MILLISECONDS)
        took = time.monotonic() - began
        agent.locator("#reply-text").fill("Gern, bis 18 Uhr!")
        agent.get_by_role("button", name="Send", exact=True).click()
        expect(agent.locator("#thread .message.ours").last).to_contain_text(
            "Gern, bis 18", timeout=MILLISECONDS
        )
        owner.locator("#reply-text").fill("Wir haben bis 18 Uhr offen.")
        owner.get_by_role("button", name="Send", exact=True).click()
        stopped = owner.locator("#composer-error")
        expect(stopped).to_contain_text("Gern, bis 18 Uhr!", timeout=MILLISECONDS)
        expect(stopped).to_be_in_viewport()
        expect(owner.locator("#reply-text")).to_have_value("Wir haben bis 18 Uhr offen.")
        expect(owner.locator("#thread").get_by_text("Wir haben bis 18 Uhr offen.")).to_have_count(0)
        agent.close()
        expect(owner.locator("#presence .visitor")).to_have_count(0, timeout=MILLISECONDS)
        owner.get_by_role("button", name="Send", exact=True).click()
        ours = owner.locator("#thread .message.ours").filter(has_text="Wir haben bis 18 Uhr offen.")
        expect(ours).to_have_count(1, timeout=MILLISECONDS)
        assert took < 10, f"{took:.1f} s until the other one saw it; 3 on an idle machine"


def test_an_answer_is_returned_changed_approved_and_arrives_as_approved(
    tmp_path: Path, open_page: Open
) -> None:
    with Desk(tmp_path, together=True) as desk:
        owner, agent = company(desk, open_page)
        owner.goto(f"{base(owner)}/settings/approval/")
        owner.get_by_label("All answers of agents").check()
        owner.get_by_role("button", name="Save").click()
        expect(owner.get_by_text("Saved.")).to_be_visible(timeout=MILLISECONDS)
        address = same_case(owner, agent)
        agent.locator("#reply-text").fill("Nein.")
        agent.get_by_role("button", name="Send", exact=True).click()
        expect(agent.locator("#thread")).to_contain_text("Waits for approval", timeout=MILLISECONDS)

        owner.goto(f"{base(owner)}/inbox/approvals/")
        owner.get_by_role("link", name="Ada Lang answers").click()
        answer = owner.locator("#thread .message.ours").filter(has_text="Nein.")
        answer.get_by_text("Return", exact=True).click()
        answer.locator("[name=remark]").fill("Bitte freundlicher")
        answer.get_by_role("button", name="Return to the writer").click()
        expect(owner.locator("#thread")).to_contain_text("Returned by", timeout=MILLISECONDS)

        agent.goto(address)
        expect(agent.locator("#thread")).to_contain_text("Bitte freundlicher", timeout=MILLISECONDS)
        agent.locator("#thread [name=text]").last.fill("Heute leider nicht, morgen wieder!")
        agent.get_by_role("button", name="Save and ask for approval again").click()
        expect(agent.locator("#thread")).to_contain_text("Waits for approval", timeout=MILLISECONDS)

        owner.goto(address)
        owner.get_by_role("button", name="Approve and send").click()
        done = owner.locator("#thread .message.ours").filter(has_text="Heute leider nicht")
        expect(done).to_contain_text("Delivered", timeout=MILLISECONDS)
        expect(owner.locator("#thread").get_by_text("Nein.", exact=True)).to_have_count(0)
        expect(owner.locator("#thread")).to_contain_text("returned the answer")


def test_whose_case_it_is_is_warned_before_the_deadline_and_again_after_it(
    tmp_path: Path, open_page: Open
) -> None:
    desk = Desk(tmp_path, module="tests.shifted")
    desk.data.mkdir(parents=True)
    desk.run("migrate")
    with desk:
        desk.start_worker()
        owner = Visitor(open_page(), desk)
        owner.looks_around()
        page = owner.page
        page.goto(f"{base(page)}/inbox/?view=unassigned")
        page.locator("#case-rows .case-row:not(:has(.due.overdue)) .case-link").last.click()
        expect(page.locator("#thread")).to_be_visible(timeout=MILLISECONDS)
        author = page.locator("#case-title").inner_text()
        due_at = page.locator("#case-meta .due time").get_attribute("datetime")
        assert due_at
        page.locator(".case-actions summary").first.click()
        page.locator(".case-actions").get_by_role("button", name="Kim Sonnenkorn").click()
        expect(page.locator("#thread")).to_contain_text("gave the case to Kim", timeout=MILLISECONDS)

        left = datetime.fromisoformat(due_at) - datetime.now(UTC)
        put_forward(desk.data, left - timedelta(minutes=5))
        is_told(page, rf"(An answer is soon due|A complaint waits for an answer): {re.escape(author)}")
        put_forward(desk.data, left + timedelta(minutes=5))
        is_told(page, rf"(An answer|A complaint) is overdue: {re.escape(author)}")
        page.get_by_role("link", name=re.compile(rf"overdue: {re.escape(author)}")).first.click()
        expect(page.locator("#case-title")).to_have_text(author, timeout=MILLISECONDS)


def is_told(page: Page, words: str) -> None:
    """It stands among one's notices, at the latest when the worker has looked."""
    page.goto(f"{base(page)}/notices/")
    end = time.monotonic() + PATIENCE
    while not page.get_by_text(re.compile(words)).count() and time.monotonic() < end:
        page.wait_for_timeout(1000)
        page.reload()
    expect(page.get_by_text(re.compile(words)).first).to_be_visible(timeout=1000)
