"""The day page as the inbox, the channels and the ideas fill it."""

from __future__ import annotations

import re
from typing import Any

from django.urls import reverse

from kuemmerer.accounts.models import Role
from kuemmerer.accounts.tests.company import browser
from kuemmerer.channels.models import Channel
from kuemmerer.inbox import cases, replies
from kuemmerer.inbox.models import Case, Intent, Reply
from kuemmerer.publishing import ideas
from tests.factories import Clock, Desk, actor, close

HTMX = {"HX-Request": "true"}


def today(desk: Desk, *, parts: bool = False) -> str:
    url = reverse("today", args=[desk.actor.workspace.slug])
    page: Any = browser(desk.actor).get(f"{url}?parts=1" if parts else url, headers=HTMX if parts else {})
    assert page.status_code == 200
    return str(page.text)


def is_a(desk: Desk, case: Case, intent: str) -> None:
    cases.classify(actor=desk.actor, case_id=case.pk, intent=intent, now=desk.now())


def names(page: str, key: str) -> list[str]:
    """The people in the rows of a part."""
    part = re.search(rf'id="day-{key}-rows".*?</ol>', page, re.DOTALL)
    return re.findall(r'class="case-link"[^>]*>([^<]+)<', part[0]) if part else []


def test_home_leads_to_the_day_page_and_it_greets_by_name_and_date(desk: Desk) -> None:
    page = browser(desk.actor).get("/", follow=True)
    assert page.redirect_chain[-1][0] == reverse("today", args=[desk.actor.workspace.slug])
    assert f"Good morning, {desk.actor.user}" in page.text
    assert "Monday, March 2, 2026" in page.text


def test_each_hour_has_its_greeting(desk: Desk, time: Clock) -> None:
    time.forward(hours=3)
    assert "Good afternoon" in today(desk)
    time.forward(hours=6)
    assert "Good evening" in today(desk)


def test_complaints_come_first_and_the_rest_by_deadline(desk: Desk, time: Clock) -> None:
    _, question = desk.asked(by="ada")
    time.forward(hours=1)
    _, complaint = desk.asked("Das Brot war schimmlig!", by="bert")
    is_a(desk, complaint, Intent.COMPLAINT)
    time.forward(hours=24)
    page = today(desk)
    assert names(page, "complaints") == ["Bert Öztürk"]
    assert names(page, "due") == ["Ada Krüger"], "a complaint stands above and not twice"
    assert "1 complaint, 1 answer due today" in page
    start = re.search(r'href="([^"]+)" data-key="n"|id="day-start" href="([^"]+)"', page)
    assert start
    assert reverse("case", args=[desk.actor.workspace.slug, complaint.pk]) in start.groups()
    assert reverse("case", args=[desk.actor.workspace.slug, question.pk]) in page


def test_what_is_answered_leaves_the_page_with_the_next_look(desk: Desk, time: Clock) -> None:
    _, complaint = desk.asked("Das Brot war schimmlig!")
    is_a(desk, complaint, Intent.COMPLAINT)
    assert names(today(desk), "complaints") == ["Ada Krüger"]
    desk.reply(complaint, "Das tut uns leid.")
    desk.deliver()
    again = today(desk, parts=True)
    assert "<html" not in again
    assert "day-complaints" not in again


def test_what_is_due_tomorrow_makes_no_busy_day(desk: Desk) -> None:
    desk.asked()
    page = today(desk)
    assert "A quiet day" in page
    assert "due on Tuesday, 10 a.m." in page, "and there is something sensible to do"


def test_a_quiet_day_suggests_thanks_and_ideas_and_only_what_is_there(desk: Desk) -> None:
    page = today(desk)
    assert "A quiet day" in page
    assert "If you have a minute" not in page
    _, praise = desk.asked("Bestes Brot der Stadt!", by="cleo")
    is_a(desk, praise, Intent.PRAISE)
    ideas.write_down(actor=desk.actor, title="Kürbiskernbrot", text="", now=desk.now())
    page = today(desk)
    assert "Thank Cleo for the praise" in page
    assert "Kürbiskernbrot" in page


def test_ones_own_cases_stand_below_what_is_due(desk: Desk) -> None:
    _, mine = desk.asked()
    _, other = desk.asked("Und Kuchen?", by="bert")
    cases.assign(actor=desk.actor, case_id=mine.pk, user_id=desk.actor.user.pk, now=desk.now())
    cases.assign(actor=desk.actor, case_id=other.pk, user_id=desk.member(Role.AGENT).user.pk, now=desk.now())
    assert names(today(desk), "mine") == ["Ada Krüger"]


def test_a_channel_in_trouble_is_named_with_what_to_do(desk: Desk, time: Clock) -> None:
    Channel.objects.filter(pk=desk.channel.pk).update(state=Channel.State.RECONNECT)
    page = today(desk)
    assert "Channels in trouble" in page
    assert "Please reconnect." in page
    assert "A quiet day" not in page


def banners(page: str) -> list[str]:
    found = re.search(r'<section class="banners".*?</section>', page, re.DOTALL)
    return re.findall(r"<p>(.*?)</p>", found[0]) if found else []


def test_what_stands_on_the_page_is_no_banner_there_but_on_every_other_page(desk: Desk, time: Clock) -> None:
    _, complaint = desk.asked("Das Brot war schimmlig!")
    is_a(desk, complaint, Intent.COMPLAINT)
    time.forward(days=3)
    Channel.objects.filter(pk=desk.channel.pk).update(state=Channel.State.RECONNECT)
    page = today(desk)
    assert names(page, "complaints") == ["Ada Krüger"]
    assert "Channels in trouble" in page
    (worker,) = banners(page)
    assert "The worker stands still" in worker, "no part says this"
    for other in ("inbox", "channels"):
        address = reverse(other, args=[desk.actor.workspace.slug])
        above = banners(browser(desk.actor).get(address).text)
        assert "A complaint by Ada Krüger is overdue." in above
        assert any("is no longer connected" in text for text in above)


def test_the_first_day_begins_with_a_channel(db: None, time: Clock) -> None:
    owner = actor()
    page = browser(owner).get(reverse("today", args=[owner.workspace.slug])).text
    assert "No channel is connected yet" in page
    assert reverse("channel-choose", args=[owner.workspace.slug]) in page


def test_many_cases_are_cut_with_a_link_to_all(desk: Desk, time: Clock) -> None:
    for number in range(7):
        desk.says(f"Frage {number}", by=("ada", "bert", "cleo")[number % 3], kind="mention")
    desk.fetch()
    time.forward(days=2)
    page = today(desk)
    assert len(names(page, "due")) == 5
    assert "?view=due" in page
    assert "7 answers due today" in page


def test_an_answer_that_was_refused_waits_for_a_person(desk: Desk) -> None:
    _, case = desk.asked()
    reply = desk.reply(case)
    assert "day-stuck" not in today(desk)
    Reply.objects.filter(pk=reply.pk).update(state="rejected", next_at=None)
    page = today(desk)
    assert names(page, "stuck") == ["Ada Krüger"]
    assert "1 answer not sent" in page
    replies.withdraw(actor=desk.actor, reply_id=reply.pk, now=desk.now())
    assert "day-stuck" not in today(desk)


def test_a_closed_case_is_not_on_the_page(desk: Desk, time: Clock) -> None:
    _, case = desk.asked()
    is_a(desk, case, Intent.COMPLAINT)
    assert "A quiet day" not in today(desk)
    close(case, desk.actor)
    assert "A quiet day" in today(desk)


def test_the_page_asks_little_of_the_database(desk: Desk, django_assert_max_num_queries: Any) -> None:
    desk.asked()
    client = browser(desk.actor)
    url = reverse("today", args=[desk.actor.workspace.slug])
    client.get(url)
    with django_assert_max_num_queries(28):
        client.get(url)
