"""What is due at a secret address: read back by an iCalendar parser and by the feed parser of the desk."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import feedparser
import icalendar
import pytest
from django.test import Client
from django.urls import reverse

from kuemmerer.accounts import workspaces
from kuemmerer.accounts.models import Role
from kuemmerer.accounts.tests.company import browser
from kuemmerer.api.tests.client import program
from kuemmerer.core.models import AuditRecord
from kuemmerer.inbox import cases, feeds
from kuemmerer.inbox.models import Case, CaseFeed
from tests.factories import Clock, Desk, fresh

pytestmark = pytest.mark.django_db


def made(desk: Desk, kind: str = "calendar") -> str:
    """A new address of the desk's owner, as a path."""
    secret = feeds.make(actor=desk.actor, now=desk.now())
    return reverse(f"case-feed-{kind}", args=[secret])


def events(path: str) -> list[icalendar.Event]:
    answer = Client().get(path)
    assert answer.status_code == 200
    return list(icalendar.Calendar.from_ical(answer.content).walk("VEVENT"))


def test_a_calendar_shows_each_open_case_when_it_is_due(desk: Desk, time: Clock) -> None:
    _, first = desk.asked("Bis wann habt ihr heute offen? " * 20)
    _, done = desk.asked(by="bert")
    cases.close(actor=desk.actor, case_id=done.pk, now=time.now)
    path = made(desk)
    answer = Client().get(path)
    assert answer.headers["Content-Type"] == "text/calendar; charset=utf-8"
    assert "private" in answer.headers["Cache-Control"]
    calendar = icalendar.Calendar.from_ical(answer.content)
    assert str(calendar["X-WR-CALNAME"]) == f"{desk.actor.workspace.name}: was fällig ist"
    assert calendar["REFRESH-INTERVAL"].dt == timedelta(minutes=15)
    assert b"X-PUBLISHED-TTL:PT15M\r\n" in answer.content
    (event,) = calendar.walk("VEVENT")
    assert event.decoded("DTSTART") == fresh(first).due_at
    assert event["TRANSP"] == "TRANSPARENT"
    summary = str(event["SUMMARY"])
    assert summary.startswith("Ada Krüger: Bis wann habt ihr heute offen?")
    assert len(summary) <= len("Ada Krüger: ") + 60
    assert event["URL"] == f"http://127.0.0.1:8000/w/{desk.actor.workspace.slug}/inbox/{first.pk}/"
    assert all(len(line) <= 75 for line in answer.content.split(b"\r\n")), "RFC 5545, 3.1"


def test_an_event_stays_the_same_when_its_deadline_moves(desk: Desk, time: Clock) -> None:
    _, case = desk.asked()
    path = made(desk)
    (before,) = events(path)
    Case.objects.filter(pk=case.pk).update(due_at=time.now + timedelta(days=9))
    (after,) = events(path)
    assert before["UID"] == after["UID"] == f"case-{case.pk}@127.0.0.1"
    assert before.decoded("DTSTART") != after.decoded("DTSTART")


def test_strange_words_do_no_harm(desk: Desk) -> None:
    for who, text in (("ada", 'Preis; 3,50 €\\n\nEND:VEVENT \u2028 "x"'), ("bert", "<b>&amp; ]]></b> 🍞")):
        desk.asked(text, by=who)
    path = made(desk)
    assert len(events(path)) == 2
    assert str(events(path)[0]["SUMMARY"]).startswith("Ada Krüger: Preis; 3,50 €\\n END:VEVENT")
    feed = feedparser.parse(Client().get(path.replace(".ics", ".xml")).content)
    assert not feed.bozo
    assert len(feed.entries) == 2


def test_a_feed_reader_gets_the_same_and_words_that_wait_anew_are_a_new_entry(
    desk: Desk, time: Clock
) -> None:
    _, case = desk.asked()
    path = made(desk, "reader")
    answer = Client().get(path)
    assert answer.headers["Content-Type"] == "application/rss+xml; charset=utf-8"
    feed = feedparser.parse(answer.content)
    assert not feed.bozo
    assert feed.feed.language == "de"
    (entry,) = feed.entries
    assert entry.title == "Ada Krüger: Bis wann habt ihr offen?"
    assert entry.link.endswith(f"/inbox/{case.pk}/")
    assert entry.description == "Fällig: 3. März 2026 10:00"
    reply = desk.reply(case)
    time.forward(minutes=1)
    desk.deliver()
    assert fresh(reply).state == "delivered"
    assert feedparser.parse(Client().get(path).content).entries == []
    time.forward(minutes=1)
    desk.says("Und morgen?")
    desk.fetch()
    (anew,) = feedparser.parse(Client().get(path).content).entries
    assert anew.id != entry.id


def test_mine_shows_only_ones_own(desk: Desk, time: Clock) -> None:
    _, first = desk.asked()
    desk.asked(by="bert")
    cases.assign(actor=desk.actor, case_id=first.pk, user_id=desk.actor.user.pk, now=time.now)
    path = made(desk)
    assert len(events(path)) == 2
    assert [event["UID"] for event in events(f"{path}?mine=1")] == [f"case-{first.pk}@127.0.0.1"]


def test_unchanged_it_is_not_sent_again(desk: Desk) -> None:
    desk.asked()
    path = made(desk)
    first = Client().get(path)
    again = Client().get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    desk.asked(by="bert")
    assert Client().get(path, headers={"If-None-Match": first.headers["ETag"]}).status_code == 200


def test_who_has_no_valid_address_finds_nothing(desk: Desk, time: Clock) -> None:
    agent = desk.member(Role.AGENT)
    secrets = {who: feeds.make(actor=who, now=time.now) for who in (desk.actor, agent)}
    old, agents = (reverse("case-feed-reader", args=[secret]) for secret in secrets.values())
    new = made(desk, "reader")

    def status(path: str) -> int:
        return Client().get(path).status_code

    assert [status(path) for path in (old, agents, new)] == [404, 200, 200]
    assert status(reverse("case-feed-reader", args=["due_" + "x" * 43])) == 404
    feeds.revoke(actor=desk.actor, now=time.now)
    feeds.revoke(actor=desk.actor, now=time.now)
    assert status(new) == 404
    agent.user.is_active = False
    agent.user.save()
    assert status(agents) == 404
    agent.user.is_active = True
    agent.user.save()
    assert status(agents) == 200
    workspaces.remove_member(actor=desk.actor, membership_id=agent.membership.pk, now=time.now)
    assert status(agents) == 404
    assert not CaseFeed.objects.exists()


def test_the_secret_is_long_and_stored_nowhere(desk: Desk) -> None:
    secret = feeds.make(actor=desk.actor, now=desk.now())
    assert len(secret.removeprefix("due_")) * 6 >= 128
    stored = repr(list(CaseFeed.objects.values())) + repr(list(AuditRecord.objects.values()))
    assert secret not in stored


def test_the_number_of_queries_does_not_grow(desk: Desk, django_assert_num_queries: Any) -> None:
    path = made(desk)
    for count in (1, 2):
        for number in range(count):
            desk.asked(f"Frage {count} {number}", by=("ada", "bert")[number], kind="message", to="")
        Client().get(path)
        with django_assert_num_queries(2):
            Client().get(path)


def test_it_is_noted_when_a_program_last_looked(desk: Desk, time: Clock) -> None:
    path = made(desk)
    Client().get(path)
    time.forward(minutes=59)
    Client().get(path)
    assert fresh(CaseFeed.objects.get()).read_at == time.now - timedelta(minutes=59)
    time.forward(minutes=1)
    Client().get(path)
    assert fresh(CaseFeed.objects.get()).read_at == time.now


def test_a_person_makes_the_addresses_on_a_page_and_sees_them_once(desk: Desk) -> None:
    client = browser(desk.actor)
    page = reverse("case-feed", args=[desk.actor.workspace.slug])
    assert page in client.get(reverse("notice-preferences", args=[desk.actor.workspace.slug])).text
    shown = re.findall(r"http://127\.0\.0\.1:8000(/feeds/[^<]+)", client.post(page, {"do": "make"}).text)
    assert [path.rpartition("/")[2] for path in shown] == ["due.ics", "due.xml"]
    assert {client.get(path).status_code for path in shown} == {200}
    assert "/feeds/" not in client.get(page).text
    assert client.post(page, {"do": "revoke"}).status_code == 302
    assert {client.get(path).status_code for path in shown} == {404}


def test_a_program_makes_them_too(desk: Desk) -> None:
    agent = program("agent", desk.actor.workspace)
    assert agent.get("/case-feed") == {"created_at": None, "read_at": None}
    addresses = agent.post("/case-feed")
    assert events(addresses["calendar"].removeprefix("http://127.0.0.1:8000")) == []
    assert agent.get("/case-feed")["read_at"] is not None
    agent.delete("/case-feed")
    assert Client().get(addresses["reader"].removeprefix("http://127.0.0.1:8000")).status_code == 404
