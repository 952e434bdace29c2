"""Every page there is: found by walking the URLconf, filled with what the demo company has."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from django.urls import URLPattern, URLResolver, get_resolver
from playwright.sync_api import Page

from tests.journeys.visitor import MILLISECONDS, Visitor

LEFT_OUT = re.compile(r"^(api/|healthz|channels/signed-in/|demo/)|logout|\.json$")
"""No pages: the API has a document instead. Signing out would end the walk."""


EVERYTHING = re.compile("Everything from this person|Alles von dieser Person")


def routes() -> list[str]:
    """The routes of all URL patterns, such as ``w/<slug:workspace>/inbox/<int:case_id>/``."""

    def below(resolver: URLResolver, before: str) -> Iterator[str]:
        for pattern in resolver.url_patterns:
            route = before + str(pattern.pattern).lstrip("^")
            if isinstance(pattern, URLPattern):
                yield route
            else:
                yield from below(pattern, route)

    return sorted({route for route in below(get_resolver(), "") if not LEFT_OUT.search(route)})


def addresses(page: Page, known: dict[str, str]) -> Sequence[str]:
    """The addresses that answer GET with a page. Routes with parts that nobody knows are left out."""
    found: list[str] = []
    for route in routes():
        path = re.sub(r"<(?:\w+:)?(\w+)>", lambda part: known.get(part[1], "?"), route.rstrip("$"))
        if re.search(r"[?(\\]", path):
            continue
        answer = page.request.get(f"{page.url.split('/w/')[0]}/{path}", max_redirects=0)
        # Some answer with a fragment for a page that is open already.
        if answer.ok and answer.text().lstrip()[:9].upper() == "<!DOCTYPE":
            found.append(path)
    return found


def known_parts_of_the_demo(guest: Visitor) -> dict[str, str]:
    """What stands for the variable parts of the routes, read off the pages themselves."""
    page = guest.page
    link = page.locator("#case-rows .case-link").first
    link.click()
    page.locator("#thread").wait_for(timeout=MILLISECONDS)
    workspace, case = re.findall(r"/w/([^/]+)/inbox/(\d+)/", page.url)[0]
    person = page.locator(".aside").get_by_role("link", name=EVERYTHING).get_attribute("href") or ""
    guest.goes_to("Channels")
    form = page.locator(".state-card form").first.get_attribute("action") or ""
    return {
        "workspace": workspace,
        "case_id": case,
        "author_id": re.findall(r"/authors/(\d+)/", person)[0],
        "channel_id": re.findall(r"/channels/(\d+)/", form)[0],
        "network": "wordpress",
    }
