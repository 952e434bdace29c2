"""Telling people: once each, in their language, where they belong, and what they do with it."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse
from django.utils.translation import gettext, gettext_lazy

from kuemmerer.accounts import workspaces
from kuemmerer.accounts.access import Actor
from kuemmerer.accounts.models import Role
from kuemmerer.core.errors import NotFound
from kuemmerer.notify import kinds, notices
from kuemmerer.notify.models import Mail, Notice
from kuemmerer.notify.tests.people import tell
from tests.factories import Clock, actor

pytestmark = pytest.mark.django_db


def browser(who: Actor) -> Client:
    client = Client(headers={"accept-language": "en"})
    client.force_login(who.user)
    return client


def url(name: str, who: Actor, *more: Any) -> str:
    return reverse(name, args=[who.workspace.slug, *more])


def test_the_same_thing_is_told_once(time: Clock) -> None:
    ada = actor()
    first, second = tell(ada, key="case:1"), tell(ada, key="case:1", title="Again")
    assert first == second
    assert Notice.objects.get().title == "A case for you"
    assert Mail.objects.count() == 1
    tell(ada, key="case:2")
    assert Notice.objects.count() == 2


def test_the_same_key_in_two_companies_is_told_in_both(time: Clock) -> None:
    here = actor()
    there = workspaces.found(
        owner=here.user,
        name="B",
        country="DE",
        region="",
        time_zone="Europe/Berlin",
        language="de",
        now=time.now,
    )
    tell(here, key="digest")
    tell(Actor(user=here.user, workspace=there.workspace, membership=there), key="digest")
    assert Notice.objects.count() == 2


def test_nobody_is_told_of_what_they_did_themselves(time: Clock) -> None:
    ada = actor()
    assert tell(ada, by=ada.user) is None
    assert tell(ada, by=actor(Role.AGENT, ada.workspace).user) is not None


def test_who_does_not_belong_here_or_has_left_is_not_told(time: Clock) -> None:
    ada, stranger = actor(), actor()
    assert tell(Actor(user=stranger.user, workspace=ada.workspace, membership=stranger.membership)) is None
    gone = actor(Role.AGENT, ada.workspace)
    gone.user.is_active = False
    gone.user.save()
    assert tell(gone) is None


def test_the_words_are_in_the_language_of_the_reader(time: Clock) -> None:
    german, english = actor(), actor(language="en")
    english_reader = actor(Role.AGENT, german.workspace)
    english_reader.user.language = "en"
    english_reader.user.save()
    for who in (german, english, english_reader):
        tell(who, title=gettext_lazy("Settings"), text=lambda: gettext("Inbox"))
    said = {n.user_id: (n.title, n.text) for n in Notice.objects.all()}
    assert said[german.user.pk] == ("Einstellungen", "Posteingang")
    assert said[english.user.pk] == said[english_reader.user.pk] == ("Settings", "Inbox")


def test_those_who_may_do_something_are_told(time: Clock) -> None:
    owner = actor()
    manager, agent = actor(Role.MANAGER, owner.workspace), actor(Role.AGENT, owner.workspace)
    count = notices.tell_those_who(
        permission="channels.manage",
        workspace=owner.workspace,
        kind="channel_trouble",
        title="Reconnect, please",
        path="/channels/",
        key="channel:1",
        now=time.now,
        by=owner.user,
    )
    assert count == 1
    assert set(Notice.objects.values_list("user", flat=True)) == {manager.user.pk}
    assert agent.user.pk not in Notice.objects.values_list("user", flat=True)


def test_what_is_rolled_back_was_never_told(time: Clock) -> None:
    ada = actor()
    with transaction.atomic():
        assert tell(ada) is not None
        transaction.set_rollback(True)
    assert not Notice.objects.exists()
    assert not Mail.objects.exists()


@pytest.mark.parametrize("path", ["https://evil.example/", "//evil.example/", "inbox/", ""])
def test_a_notice_leads_nowhere_but_to_this_desk(time: Clock, path: str) -> None:
    with pytest.raises(ValueError, match="no path"):
        tell(actor(), path=path)


def test_a_kind_must_be_known_and_only_once(time: Clock) -> None:
    with pytest.raises(LookupError):
        tell(actor(), kind="gossip")
    with pytest.raises(LookupError):
        kinds.register(kinds.Kind(key="assigned", label=""))


def test_a_title_of_several_long_lines_becomes_one_short_one(time: Clock) -> None:
    notice = tell(actor(), title="Zeile\n" * 100)
    assert notice is not None
    assert "\n" not in notice.title
    assert len(notice.title) == 200


# --- pages


def test_the_bell_counts_what_is_not_seen_and_the_list_shows_it(time: Clock) -> None:
    ada = actor()
    for number in range(3):
        tell(ada, key=f"{number}", title=f"Case {number}")
    page = browser(ada).get(url("notices", ada)).text
    assert 'data-count="notices">3</span>' in page
    assert page.index("Case 2") < page.index("Case 0")
    notice = Notice.objects.get(title="Case 1")
    answer = browser(ada).get(url("notice", ada, notice.pk))
    assert answer["Location"] == notice.path
    assert 'data-count="notices">2</span>' in browser(ada).get(url("notices", ada)).text
    assert browser(ada).post(url("notices-seen", ada)).status_code == 302
    assert 'data-count="notices"></span>' in browser(ada).get(url("notices", ada)).text
    assert notices.unseen(ada) == 0


def test_more_than_can_be_counted_is_said_so(time: Clock) -> None:
    ada = actor()
    Notice.objects.bulk_create(
        Notice(
            workspace=ada.workspace,
            user=ada.user,
            kind="assigned",
            title="x",
            path="/",
            key=str(n),
            created_at=time.now,
        )
        for n in range(120)
    )
    assert notices.shown_count(ada, time.now) == "99+"
    first = browser(ada).get(url("notices", ada))
    rows = first.text.count('class="notice unseen"')
    following = first.text.split("?after=")[1].split('"')[0]
    second = browser(ada).get(url("notices", ada) + f"?after={following}", headers={"HX-Request": "true"})
    assert (rows, second.text.count('class="notice unseen"')) == (50, 50)


def test_nobody_sees_or_opens_the_notices_of_a_colleague(time: Clock) -> None:
    ada = actor()
    bert = actor(Role.OWNER, ada.workspace)
    notice = tell(ada, title="Only for Ada")
    assert notice is not None
    assert "Only for Ada" not in browser(bert).get(url("notices", bert)).text
    assert browser(bert).get(url("notice", bert, notice.pk)).status_code == 404
    with pytest.raises(NotFound):
        notices.open_notice(actor=bert, notice_id=notice.pk, now=time.now)
    browser(bert).post(url("notices-seen", bert))
    notice.refresh_from_db()
    assert notice.seen_at is None


def test_a_test_notice_comes_by_every_way(time: Clock) -> None:
    ada = actor()
    assert browser(ada).post(url("notice-test", ada)).status_code == 302
    assert Notice.objects.get().kind == "test"
    assert Mail.objects.count() == 1
