"""A person in front of a browser, who reads the desk's pages and knows nothing of its inside."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping

from playwright.sync_api import Locator, Page, expect

from tests.desk import COMPANY, EMAIL, PASSWORD, PATIENCE, Desk

MILLISECONDS = PATIENCE * 1000


class Visitor:
    """``scripts``: whether their browser runs JavaScript; without it they reload a page to see news."""

    def __init__(self, page: Page, desk: Desk, *, scripts: bool = True) -> None:
        self.page, self.desk, self.scripts = page, desk, scripts
        page.set_default_timeout(MILLISECONDS)

    # ---- the way in

    def sets_up(self) -> None:
        """The first visit: the owner's account and the workspace."""
        self.page.goto(self.desk.url)
        expect(self.page).to_have_url(f"{self.desk.url}/setup/")
        for name, value in (
            ("person", "Petra Muster"),
            ("email", EMAIL),
            ("password", PASSWORD),
            ("name", COMPANY),
        ):
            self.page.locator(f"form.form [name={name}]").fill(value)
        self.page.get_by_role("button", name="Set up the desk").click()
        self.begins_the_day()
        self.opens_the_inbox()

    def begins_the_day(self) -> None:
        """Who comes in is led to the day page."""
        expect(self.page.locator("#day h1")).to_be_visible(timeout=MILLISECONDS)

    def opens_the_inbox(self) -> None:
        self.page.locator(".nav-item[href$='/inbox/']").locator("visible=true").first.click()
        expect(self.page.locator("#case-rows")).to_be_visible(timeout=MILLISECONDS)

    def comes_in(self) -> None:
        self.page.goto(f"{self.desk.url}/accounts/login/")
        self.page.locator("[name=login]").fill(EMAIL)
        self.page.locator("[name=password]").fill(PASSWORD)
        self.page.locator("form:has([name=password]) [type=submit]").click()
        self.begins_the_day()

    def signs_in(self) -> None:
        """And goes to the inbox."""
        self.comes_in()
        self.opens_the_inbox()

    def proves_who_they_are(self) -> None:
        """The password once more, for the pages that guard the account."""
        self.page.goto(f"{self.desk.url}/accounts/reauthenticate/?next=/")
        self.page.locator("[name=password]").fill(PASSWORD)
        self.page.locator("form:has([name=password]) [type=submit]").first.click()
        self.begins_the_day()

    def looks_around(self) -> None:
        """Into the demo company."""
        self.page.goto(self.desk.url)
        self.page.locator("form[action$='/demo/'] button").click()
        self.begins_the_day()
        self.opens_the_inbox()
        expect(self.page.locator("#case-rows .case-link").first).to_be_visible(timeout=MILLISECONDS)

    # ---- channels

    def goes_to(self, part: str) -> None:
        """By the navigation at the left."""
        self.page.locator("#sidebar").get_by_role("link", name=part).click()

    def opens_the_form_of(self, network: str) -> None:
        self.goes_to("Channels")
        self.page.get_by_role("link", name="Connect a channel").first.click()
        self.page.locator(f"a[href$='/channels/connect/{network}/']").click()

    def connects(self, network: str, values: Mapping[str, str]) -> None:
        self.opens_the_form_of(network)
        for name, value in values.items():
            field = self.page.locator(f"[name={name}]")
            field.wait_for(state="attached")
            if not field.is_visible():  # behind "with a token instead"
                self.page.locator("details", has=field).locator("summary").click()
            field.fill(value)
        self.page.locator("button[name=how][value=form]").click()
        self.is_told_of_the_connection()

    def is_told_of_the_connection(self) -> None:
        expect(self.page.get_by_text("is connected. Comments arrive")).to_be_visible(timeout=MILLISECONDS)
        self.sees(lambda: self.page.locator(".state-card .status.ok"))

    def syncs_now(self) -> None:
        self.goes_to("Channels")
        self.page.get_by_role("button", name="Sync now").click()
        expect(self.page.get_by_text("The channel is being synced.")).to_be_visible(timeout=MILLISECONDS)

    # ---- cases

    def looks_at(self, view: str) -> None:
        """One of the inbox's lists."""
        self.goes_to("Inbox")
        self.page.locator(".tabs").get_by_role("link", name=view).click()

    def row(self, text: str) -> Locator:
        return self.page.locator("#case-rows .case-row").filter(has_text=text)

    def opens_the_case(self, text: str) -> None:
        """Wait until the list shows it, then click."""
        self.sees(lambda: self.row(text))
        self.row(text).locator(".case-link").click()
        expect(self.page.locator("#thread")).to_contain_text(text, timeout=MILLISECONDS)

    def writes(self, text: str) -> str:
        """Behind what the composer holds already (a mention, on some networks); returns the whole text."""
        box = self.page.locator("#reply-text")
        whole = f"{box.input_value()}{text}"
        box.fill(whole)
        return whole

    def sends(self) -> None:
        self.page.get_by_role("button", name="Send", exact=True).click()

    def sees_it_delivered(self, text: str) -> None:
        def answer() -> Locator:
            return self.page.locator("#thread .message.ours").filter(has_text=text)

        expect(answer()).to_be_visible(timeout=MILLISECONDS)
        self.sees(lambda: answer().filter(has_text=re.compile("Delivered|Zugestellt")))
        expect(answer()).to_have_count(1)

    # ---- patience

    def sees(self, what: Callable[[], Locator]) -> None:
        """Wait for it; the page brings news by itself, or with a reload where no script runs."""
        if self.scripts:
            expect(what().first).to_be_visible(timeout=MILLISECONDS)
            return
        end = time.monotonic() + PATIENCE
        while not what().count() and time.monotonic() < end:
            self.page.wait_for_timeout(1000)
            self.page.reload()
        expect(what().first).to_be_visible(timeout=1000)

    def page_is_not_wider_than_the_screen(self) -> None:
        """Nothing has to be scrolled sideways to be read."""
        widths = self.page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
        assert widths[0] <= widths[1], f"{self.page.url} is {widths[0]} px wide on a screen of {widths[1]}"
