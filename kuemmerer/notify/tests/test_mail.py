"""Notices by mail, to a real mail server: how they look, and what happens when it does not want them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.core import mail as django_mail
from django.test import Client
from django.urls import reverse

from kuemmerer.accounts import workspaces
from kuemmerer.accounts.access import Actor
from kuemmerer.accounts.models import Role
from kuemmerer.jobs import health
from kuemmerer.notify import leases, mail, sweeps
from kuemmerer.notify.leases import State
from kuemmerer.notify.models import Mail, MailTrouble, Notice
from kuemmerer.notify.notices import Line
from kuemmerer.notify.preferences import change, of, wishes
from kuemmerer.notify.tests.people import tell
from tests.factories import Clock, actor
from tests.servers import free_port
from tests.servers import mail as server

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def running() -> Iterator[server.Server]:
    with server.run() as started:
        yield started


@pytest.fixture
def post(running: server.Server, settings: Any, time: Clock) -> server.Server:
    """A real mail server, empty."""
    running.letters.clear()
    running.refuse_next.clear()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = running.host, running.port
    settings.BASE_URL = "https://desk.example.org"
    return running


def down(settings: Any) -> None:
    settings.EMAIL_PORT = free_port()


def codes(time: Clock) -> set[str]:
    found = {problem.code for problem in health.problems(time.now)}
    return found & {"mail_down", "mails_stuck", "mails_refused"}


def test_a_mail_arrives_with_one_click_to_the_case(post: server.Server, time: Clock) -> None:
    ada = actor(name="Ada")
    notice = tell(ada, title="Ein Vorgang\nfür Sie", text="„Bis wann habt ihr offen?“ <b>&")
    assert notice is not None
    assert sweeps.send_mails(time.now) == 1
    (letter,) = post.letters
    assert letter.recipients == (ada.user.email,)
    assert letter.subject == "Ein Vorgang für Sie"
    link = f"https://desk.example.org/w/{ada.workspace.slug}/notices/{notice.pk}/"
    assert link in letter.text
    assert "„Bis wann habt ihr offen?“ <b>&" in letter.text
    html = letter.message.get_body(("html",)).get_content()
    assert f'href="{link}"' in html
    assert "&lt;b&gt;&amp;" in html
    assert letter.message["Auto-Submitted"] == "auto-generated"
    assert "Hier öffnen" in letter.text
    visitor = Client()
    to_login = visitor.get(urlsplit(link).path)
    assert to_login["Location"].endswith(f"?next={urlsplit(link).path}")
    visitor.force_login(ada.user)
    assert visitor.get(urlsplit(link).path)["Location"] == notice.path


def test_a_mail_is_sent_once(post: server.Server, time: Clock) -> None:
    tell(actor())
    assert [sweeps.send_mails(time.now) for _ in range(3)] == [1, 0, 0]
    time.forward(days=1)
    assert sweeps.send_mails(time.now) == 0
    assert len(post.letters) == 1


def test_each_line_of_a_notice_has_its_link(post: server.Server, time: Clock) -> None:
    tell(actor(), lines=[Line(text="3 due today", path="/w/x/inbox/?view=due"), Line(text="All well")])
    sweeps.send_mails(time.now)
    text = post.letters[0].text.replace("\r\n", "\n")
    assert "- 3 due today\n  https://desk.example.org/w/x/inbox/?view=due\n- All well\n" in text


def test_one_click_in_the_mailbox_ends_mails_of_this_kind(post: server.Server, time: Clock) -> None:
    ada = actor()
    tell(ada)
    sweeps.send_mails(time.now)
    message = post.letters[0].message
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    found = re.fullmatch(
        r"<https://desk\.example\.org(/unsubscribe/.+/)>", message["List-Unsubscribe"].strip()
    )
    assert found is not None
    mailbox = Client(enforce_csrf_checks=True)
    assert mailbox.get(found[1]).status_code == 200
    assert of(ada.membership).choices == {}
    assert mailbox.post(found[1], {"List-Unsubscribe": "One-Click"}).status_code == 200
    tell(ada, key="case:2")
    tell(ada, key="case:3", kind="mentioned")
    sweeps.send_mails(time.now)
    assert [letter.subject for letter in post.letters] == ["A case for you"] * 2
    assert Notice.objects.count() == 3


@pytest.mark.parametrize("token", ["nonsense", "WzEsImFzc2lnbmVkIl0:forged", "ä"])
def test_a_forged_link_unsubscribes_nobody(time: Clock, token: str) -> None:
    assert Client().post(reverse("notice-unsubscribe", args=[token])).status_code == 404


def test_without_https_there_is_no_one_click(post: server.Server, time: Clock, settings: Any) -> None:
    settings.BASE_URL = "http://127.0.0.1:8000"
    tell(actor())
    sweeps.send_mails(time.now)
    assert "List-Unsubscribe-Post" not in post.letters[0].message
    assert (
        post.letters[0].message["List-Unsubscribe"].strip().startswith("<http://127.0.0.1:8000/unsubscribe/")
    )


def test_a_server_that_is_down_loses_nothing_and_everybody_who_can_help_sees_it(
    post: server.Server, time: Clock, settings: Any
) -> None:
    ada, port = actor(), settings.EMAIL_PORT
    agent = actor(Role.AGENT, ada.workspace)
    for number in range(5):
        tell(ada, key=str(number))
    down(settings)
    assert sweeps.send_mails(time.now) == 0
    assert codes(time) == set()
    time.forward(minutes=1)
    sweeps.send_mails(time.now)
    assert codes(time) == {"mail_down"}
    for who, shown in ((ada, True), (agent, False)):
        browser = Client(headers={"accept-language": "en"})
        browser.force_login(who.user)
        page = browser.get(reverse("inbox", args=[who.workspace.slug])).text
        assert ("The mail server does not take mails" in page) == shown
    assert Mail.objects.filter(state=State.WAITING, attempts=0).count() == 5
    settings.EMAIL_PORT = port
    assert sweeps.send_mails(time.now) == 0
    time.forward(hours=1)
    assert sweeps.send_mails(time.now) == 5
    assert len(post.letters) == 5
    assert codes(time) == set()
    assert not MailTrouble.objects.exists()


def test_a_server_that_stays_down_is_asked_less_and_less(
    post: server.Server, time: Clock, settings: Any
) -> None:
    tell(actor())
    down(settings)
    pauses = []
    for _ in range(10):
        sweeps.send_mails(time.now)
        trouble = MailTrouble.objects.get()
        pauses.append((trouble.next_at - time.now).total_seconds())
        time.to(trouble.next_at)
    assert pauses[0] == 15
    assert pauses[1] > 25
    assert all(540 <= pause <= 660 for pause in pauses[-3:])


def test_a_wrong_password_is_a_server_that_is_down(time: Clock, settings: Any) -> None:
    with server.run(user="desk", password="right") as locked:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = locked.host, locked.port
        settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "desk", "wrong"
        tell(actor())
        assert sweeps.send_mails(time.now) == 0
        assert MailTrouble.objects.get().words.startswith("535")
        settings.EMAIL_HOST_PASSWORD = "right"
        time.forward(minutes=1)
        assert sweeps.send_mails(time.now) == 1
        assert len(locked.letters) == 1


def test_a_mailbox_that_asks_for_patience_gets_it(post: server.Server, time: Clock) -> None:
    tell(actor())
    tell(actor(), key="other")
    post.refuse("451 4.7.1 Greylisted", count=1)
    assert sweeps.send_mails(time.now) == 2
    assert len(post.letters) == 1
    waiting = Mail.objects.get(state=State.WAITING)
    assert waiting.problem == "451 4.7.1 Greylisted"
    time.forward(minutes=2)
    assert sweeps.send_mails(time.now) == 1
    assert len(post.letters) == 2
    assert not MailTrouble.objects.exists()


def test_patience_ends_after_five_days(post: server.Server, time: Clock) -> None:
    tell(actor())
    post.refuse("451 4.7.1 Later", count=1000)
    tries = 0
    while (row := Mail.objects.get()).state == State.WAITING:
        time.to(row.next_at)
        sweeps.send_mails(time.now)
        tries += 1
    assert row.state == State.FAILED
    assert timedelta(days=5) < time.now - row.created_at < timedelta(days=5, hours=3)
    assert 50 < tries < 90


def test_a_mailbox_that_does_not_exist_is_not_asked_again(post: server.Server, time: Clock) -> None:
    ada = actor()
    tell(ada)
    post.refuse("550 5.1.1 No such user", count=1)
    assert sweeps.send_mails(time.now) == 1
    assert Mail.objects.get().state == State.FAILED
    assert codes(time) == {"mails_refused"}
    browser = Client(headers={"accept-language": "en"})
    browser.force_login(ada.user)
    page = browser.get(reverse("notice-preferences", args=[ada.workspace.slug])).text
    assert "was refused: 550 5.1.1 No such user" in page
    time.forward(days=2)
    assert sweeps.send_mails(time.now) == 0
    assert codes(time) == set()


def test_what_a_dead_worker_held_goes_out_with_the_same_id(post: server.Server, time: Clock) -> None:
    notice = tell(actor())
    assert notice is not None
    taken = leases.claim(leases.due(Mail, time.now), time.now)
    assert taken is not None
    assert sweeps.send_mails(time.now) == 0
    time.forward(minutes=4)
    assert sweeps.send_mails(time.now) == 1
    member = workspaces.Membership.objects.get(user=notice.user)
    again = mail.written(notice, member)
    assert post.letters[0].message["Message-ID"] == again.extra_headers["Message-ID"]
    assert not leases.finish(taken, state=State.DONE)


def test_two_workers_never_take_the_same_mail(time: Clock) -> None:
    tell(actor())
    first = leases.claim(leases.due(Mail, time.now), time.now)
    second = leases.claim(leases.due(Mail, time.now), time.now)
    assert first is not None
    assert second is None


def test_who_has_left_meanwhile_gets_no_mail(post: server.Server, time: Clock) -> None:
    ada = actor()
    gone = actor(Role.AGENT, ada.workspace)
    tell(gone)
    workspaces.remove_member(actor=ada, membership_id=gone.membership.pk, now=time.now)
    assert sweeps.send_mails(time.now) == 1
    assert Mail.objects.get().state == State.DROPPED
    assert post.letters == []


def test_without_a_mail_server_nothing_is_kept_as_a_mail(time: Clock, settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    ada = actor()
    assert tell(ada) is not None
    assert not Mail.objects.exists()
    assert sweeps.send_mails(time.now) == 0
    browser = Client(headers={"accept-language": "en"})
    browser.force_login(ada.user)
    page = browser.get(reverse("notice-preferences", args=[ada.workspace.slug])).text
    assert "No mail server is set up yet" in page


def test_the_made_up_people_of_the_demo_get_no_mail(time: Clock) -> None:
    kim = actor()
    kim.user.is_demo = True
    kim.user.save()
    tell(kim)
    assert not Mail.objects.exists()


def test_a_mail_in_the_quiet_hours_waits_for_their_end(time: Clock) -> None:
    ada = actor()
    quiet(ada, time, quiet_from="22:00", quiet_to="07:00", days_off=[5, 6])
    friday_night = time.to(time.now.replace(day=6, hour=22))
    tell(ada)
    assert sweeps.send_mails(friday_night) == 0
    time.to(friday_night.replace(day=9, hour=5, minute=59))
    assert sweeps.send_mails(time.now) == 0
    time.forward(minutes=1)
    assert sweeps.send_mails(time.now) == 1
    assert django_mail.outbox[0].subject == "A case for you"


def test_new_quiet_hours_count_for_what_waits_already(time: Clock) -> None:
    ada = actor()
    quiet(ada, time, quiet_from="08:00", quiet_to="20:00")
    tell(ada)
    assert sweeps.send_mails(time.now) == 0
    quiet(ada, time, quiet_from=None, quiet_to=None)
    assert sweeps.send_mails(time.now) == 1


def quiet(who: Actor, time: Clock, **fields: Any) -> None:
    from dataclasses import replace
    from datetime import time as clock_time

    given = {k: clock_time.fromisoformat(v) if isinstance(v, str) else v for k, v in fields.items()}
    change(actor=who, wishes=replace(wishes(of(who.membership)), **given), now=time.now)


def test_old_notices_go_and_what_is_on_its_way_stays(time: Clock) -> None:
    ada = actor()
    tell(ada, key="sent")
    sweeps.send_mails(time.now)
    tell(ada, key="waiting")
    time.forward(days=91)
    tell(ada, key="new")
    assert sweeps.tidy(time.now) == 1
    assert set(Notice.objects.values_list("key", flat=True)) == {"waiting", "new"}
