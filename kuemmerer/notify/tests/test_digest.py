"""The day's summary: at its hour, once a day, in nights when the clocks change too."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core import mail as outbox
from django.utils.translation import gettext

from kuemmerer.accounts.access import Actor
from kuemmerer.accounts.models import Role
from kuemmerer.notify import digest, sweeps
from kuemmerer.notify.models import Notice, Preference
from kuemmerer.notify.notices import Line
from kuemmerer.notify.tests.test_mail import quiet
from tests.factories import MONDAY, Clock, actor

pytestmark = pytest.mark.django_db


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[Line]:
    """What there is to say; a test fills it."""
    lines: list[Line] = [Line(text="3 due today", path="/x/"), Line(text="1 complaint waits since yesterday")]
    monkeypatch.setattr(digest, "_parts", [lambda actor, now: list(lines)])
    return lines


def walk(time: Clock, start: datetime, *, days: float, step: float = 30) -> list[datetime]:
    """Let the sweep run every `step` minutes; the moments at which a summary was written."""
    found = []
    time.to(start)
    while time.now < start + timedelta(days=days):
        before = Notice.objects.count()
        sweeps.write_digests(time.now)
        found += [time.now] * (Notice.objects.count() - before)
        time.forward(minutes=step)
    return found


def local(moments: list[datetime]) -> list[str]:
    from zoneinfo import ZoneInfo

    return [f"{m.astimezone(ZoneInfo('Europe/Berlin')):%a %H:%M}" for m in moments]


def test_a_week_has_a_summary_on_each_working_day_at_eight(time: Clock, said: list[Line]) -> None:
    actor()
    found = walk(time, MONDAY.replace(hour=0), days=7)
    assert local(found) == ["Mon 08:00", "Tue 08:00", "Wed 08:00", "Thu 08:00", "Fri 08:00"]


def test_its_lines_are_its_subject_and_its_links(time: Clock, said: list[Line], settings: Any) -> None:
    settings.BASE_URL = "https://desk.example.org"
    actor()
    walk(time, MONDAY.replace(hour=0), days=0.5)
    sweeps.send_mails(time.now)
    (mail,) = outbox.outbox
    assert mail.subject == "3 due today, 1 complaint waits since yesterday"
    assert "https://desk.example.org/x/" in mail.body
    assert "List-Unsubscribe" in mail.extra_headers


def test_nothing_to_say_is_not_said_unless_one_wants_it(time: Clock, said: list[Line]) -> None:
    said.clear()
    calm = actor()
    curious = actor(Role.AGENT, calm.workspace)
    quiet(curious, time, digest_empty=True)
    walk(time, MONDAY, days=1)
    assert [n.user_id for n in Notice.objects.all()] == [curious.user.pk]
    assert Notice.objects.get().title == "Heute wartet nichts auf Sie"


def test_each_reads_it_in_their_own_language(time: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    part = [lambda actor, now: [Line(text=gettext("Inbox"))]]
    monkeypatch.setattr(digest, "_parts", part)
    german = actor()
    english = actor(Role.AGENT, german.workspace)
    english.user.language = "en"
    english.user.save()
    walk(time, MONDAY.replace(hour=0), days=0.5)
    titles = dict(Notice.objects.values_list("user", "title"))
    assert titles == {german.user.pk: "Posteingang", english.user.pk: "Inbox"}


def test_at_half_past_two_in_the_nights_when_the_clocks_change_it_comes_once(
    time: Clock, said: list[Line]
) -> None:
    who = actor()
    for night, hour in (
        (datetime(2026, 3, 28, 12, tzinfo=UTC), 1),
        (datetime(2026, 10, 24, 12, tzinfo=UTC), 0),
    ):
        time.to(night)
        quiet(who, time, digest_time="02:30", days_off=[])
        found = walk(time, night, days=1, step=10)
        minute = 0 if hour else 30
        assert found == [(night + timedelta(days=1)).replace(hour=hour, minute=minute)]


def test_a_worker_that_comes_late_writes_todays_once_and_no_old_ones(time: Clock, said: list[Line]) -> None:
    actor()
    time.to(MONDAY)
    sweeps.write_digests(time.now)
    time.forward(days=3, hours=4)
    assert walk(time, time.now, days=0.2) == [MONDAY + timedelta(days=3, hours=4)]
    time.to(MONDAY + timedelta(days=8))
    early = time.to(time.now.replace(hour=3))
    assert walk(time, early, days=0.1) == []


def test_a_new_hour_on_the_same_day_brings_no_second_summary(time: Clock, said: list[Line]) -> None:
    who = actor()
    assert len(walk(time, MONDAY.replace(hour=0), days=0.4)) == 1
    quiet(who, time, digest_time="20:00")
    assert walk(time, time.now, days=0.5) == []
    assert local(walk(time, MONDAY.replace(day=3, hour=0), days=1)) == ["Tue 20:00"]


def test_who_has_switched_it_off_or_has_left_gets_none(time: Clock, said: list[Line]) -> None:
    off = actor()
    gone = actor(Role.AGENT, off.workspace)
    gone.user.is_active = False
    gone.user.save()
    quiet(off, time, choices={"digest": {"mail": False}})
    assert walk(time, MONDAY.replace(hour=0), days=2) == []
    assert Preference.objects.get(membership=off.membership).digest_at is not None


def test_a_part_that_fails_keeps_nobody_elses_summary_back(
    time: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = actor()
    second = actor(Role.AGENT, first.workspace)

    def part(actor: Actor, now: datetime) -> list[Line]:
        if actor.user == first.user:
            raise RuntimeError
        return [Line(text="ok")]

    monkeypatch.setattr(digest, "_parts", [part])
    sweeps.write_digests(time.now)
    time.forward(days=1)
    with pytest.raises(RuntimeError):
        sweeps.write_digests(time.now)
    assert [n.user_id for n in Notice.objects.all()] == [second.user.pk]
