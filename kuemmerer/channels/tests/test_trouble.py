"""A channel in trouble is told of once, to those who can do something about it."""

from __future__ import annotations

import pytest
from django.utils import translation

from kuemmerer.accounts.access import Actor
from kuemmerer.accounts.models import Role
from kuemmerer.channels import connections, sweeps, trouble
from kuemmerer.channels.models import Channel
from kuemmerer.notify.models import Notice
from tests.factories import Clock, Desk

pytestmark = pytest.mark.django_db


def told(desk: Desk) -> int:
    """How many notices of trouble the sweep has brought its owner."""
    before = Notice.objects.filter(kind="channel_trouble", user=desk.actor.user).count()
    sweeps.tell_of_trouble(desk.now())
    return Notice.objects.filter(kind="channel_trouble", user=desk.actor.user).count() - before


def fail(desk: Desk, time: Clock, *, minutes: int) -> int:
    """Let the network be away for so long; how often people were told."""
    desk.village.fault("try_later", 1000, operation="fetch")
    found = 0
    for _minute in range(minutes):
        time.forward(minutes=1)
        desk.fetch()
        found += told(desk)
    while desk.village.take_fault("fetch"):
        pass
    return found


def test_a_lost_login_is_told_at_once_and_only_to_who_manages_channels(desk: Desk, time: Clock) -> None:
    manager, agent = desk.member(Role.MANAGER), desk.member(Role.AGENT)
    manager.user.language = "en"
    manager.user.save()
    desk.fetch()
    assert told(desk) == 0
    desk.village.new_token()
    desk.fetch()
    assert desk.state.state == Channel.State.RECONNECT
    assert [told(desk) for _minute in range(5)] == [1, 0, 0, 0, 0]
    notices = Notice.objects.filter(kind="channel_trouble")
    assert set(notices.values_list("user", flat=True)) == {desk.actor.user.pk, manager.user.pk}
    assert agent.user.pk not in notices.values_list("user", flat=True)
    notice = notices.get(user=manager.user)
    assert notice.title == "Bäckerei Probe is no longer connected: please reconnect it"
    assert notice.path == f"/w/{desk.actor.workspace.slug}/channels/"


def test_after_it_was_well_the_next_trouble_is_told_again(desk: Desk, time: Clock) -> None:
    desk.village.new_token()
    desk.fetch()
    assert told(desk) == 1
    connections.keep(
        actor=desk.actor,
        connector=desk.channel.connector,
        connected=desk.login(),
        name="",
        days=1,
        now=time.forward(hours=1),
    )
    desk.fetch()
    assert told(desk) == 0
    assert desk.state.trouble_since is None
    desk.village.new_token()
    desk.fetch()
    assert told(desk) == 1


def test_a_network_that_is_away_for_long_is_told_once(desk: Desk, time: Clock) -> None:
    desk.fetch()
    assert fail(desk, time, minutes=39) == 0
    assert fail(desk, time, minutes=60) == 1
    desk.fetch()
    assert told(desk) == 0
    assert desk.state.trouble_told_at is None
    assert fail(desk, time, minutes=60) == 1


def test_a_desk_that_stood_still_over_night_tells_of_nothing(desk: Desk, time: Clock) -> None:
    desk.fetch()
    time.forward(hours=14)
    assert told(desk) == 0
    desk.fetch()
    assert told(desk) == 0
    time.forward(minutes=20)
    assert told(desk) == 0


def test_the_day_s_summary_says_how_many_are_in_trouble(desk: Desk, time: Clock) -> None:
    def said(who: Actor) -> list[str]:
        with translation.override("en"):
            return [line.text for line in trouble.lines(who, time.now)]

    desk.village.new_token()
    desk.fetch()
    assert said(desk.actor) == []
    told(desk)
    assert said(desk.actor) == ["1 channel in trouble"]
    assert said(desk.member(Role.AGENT)) == []
    connections.pause(actor=desk.actor, channel_id=desk.channel.pk, paused=True, now=time.now)
    assert said(desk.actor) == []


def test_a_paused_channel_is_in_no_trouble_and_not_well(desk: Desk, time: Clock) -> None:
    desk.village.new_token()
    desk.fetch()
    assert told(desk) == 1
    connections.pause(actor=desk.actor, channel_id=desk.channel.pk, paused=True, now=time.now)
    assert told(desk) == 0
    connections.pause(actor=desk.actor, channel_id=desk.channel.pk, paused=False, now=time.forward(hours=9))
    desk.fetch()
    assert told(desk) == 0, "the same trouble"
    connections.pause(actor=desk.actor, channel_id=desk.channel.pk, paused=True, now=time.now)
    connections.disconnect(actor=desk.actor, channel_id=desk.channel.pk, erase=False, now=time.now)
    assert told(desk) == 0
