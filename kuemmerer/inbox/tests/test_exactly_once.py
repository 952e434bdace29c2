"""Whatever goes wrong in whatever order: no answer twice, none lost."""

from __future__ import annotations

import tempfile
import threading
from contextlib import ExitStack, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from kuemmerer.channels import connections
from kuemmerer.channels.delivery import State
from kuemmerer.channels.models import Channel
from kuemmerer.core import clock
from kuemmerer.inbox import replies, sweeps
from kuemmerer.inbox.models import Reply
from kuemmerer.networks.demo import Demo
from tests.factories import MONDAY, Clock, Desk

FAULTS = ("try_later", "rate_limited", "rejected", "cut_before", "cut_after")


class Killed(BaseException):
    """What a worker does not survive."""


class Sending(RuleBasedStateMachine):
    """Several answers on their way, workers that die, a network with all its faults, a clock that jumps."""

    @initialize()
    def begin(self) -> None:
        self.stack = ExitStack()
        self.clock = Clock(self.stack, MONDAY)
        self.desk = Desk(Path(self.stack.enter_context(tempfile.TemporaryDirectory())))
        self.stack.callback(self.desk.village.close)
        self.sent: dict[int, str] = {}

    def teardown(self) -> None:
        if hasattr(self, "stack"):
            try:
                self.all_is_well_in_the_end()
            finally:
                self.stack.close()

    @precondition(lambda self: len(self.sent) < 4)
    @rule()
    def somebody_asks_and_is_answered(self) -> None:
        uid = self.desk.says(f"Frage {len(self.sent)}", by=("ada", "bert", "cleo")[len(self.sent) % 3])
        while self.desk.village.take_fault("fetch"):
            pass
        self.resume_channel()
        self.desk.fetch()
        reply = self.desk.reply(self.desk.case(uid), f"Antwort {len(self.sent)}")
        self.sent[reply.pk] = uid

    @rule(kind=st.sampled_from(FAULTS), count=st.integers(1, 3))
    def the_network_has_a_fault(self, kind: str, count: int) -> None:
        self.desk.village.fault(kind, count)

    @rule()
    def a_worker_delivers(self) -> None:
        self.desk.deliver()

    @rule(after=st.booleans(), asking=st.booleans())
    def a_worker_dies(self, after: bool, asking: bool) -> None:
        name = "find" if asking else "publish"
        real = getattr(Demo, name)

        def dies(*args: Any, **kwargs: Any) -> Any:
            if after:
                real(*args, **kwargs)
            raise Killed

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Demo, name, dies)
            with suppress(Killed):
                self.desk.deliver()

    @rule(lost=st.booleans())
    def a_worker_is_so_slow_that_it_loses_its_lease(self, lost: bool) -> None:
        publish = Demo.publish

        def slow(*args: Any, **kwargs: Any) -> Any:
            result = publish(*args, **kwargs)
            self.clock.forward(seconds=91 if lost else 60)
            with pytest.MonkeyPatch.context() as inner:
                inner.setattr(Demo, "publish", publish)
                self.desk.deliver()
            return result

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Demo, "publish", slow)
            self.desk.deliver()

    @rule(seconds=st.sampled_from([1, 5, 30, 91, 600, 3600, 90_000]))
    def time_passes(self, seconds: int) -> None:
        self.clock.forward(seconds=seconds)

    @rule()
    def the_login_expires_and_is_renewed(self) -> None:
        self.desk.village.new_token()
        self.desk.deliver()
        self.resume_channel()

    @rule()
    def the_channel_pauses_for_a_while(self) -> None:
        me, channel = self.desk.actor, self.desk.channel
        connections.pause(actor=me, channel_id=channel.pk, paused=True, now=clock.now())
        self.desk.deliver()
        self.clock.forward(hours=2)
        connections.pause(actor=me, channel_id=channel.pk, paused=False, now=clock.now())

    @rule()
    def the_answers_come_back_with_a_sync(self) -> None:
        while self.desk.village.take_fault("fetch"):
            pass
        self.resume_channel()
        self.desk.fetch()

    def resume_channel(self) -> None:
        connections.keep(
            actor=self.desk.actor,
            connector=Demo(),
            connected=self.desk.login(),
            name="",
            days=0,
            now=clock.now(),
        )

    @invariant()
    def nothing_is_there_twice(self) -> None:
        for uid in getattr(self, "sent", {}).values():
            assert len(self.desk.answers(uid)) <= 1

    def all_is_well_in_the_end(self) -> None:
        while self.desk.village.take_fault("publish"):
            pass
        for _ in range(20):
            if not Reply.objects.exclude(state=State.DELIVERED).exists():
                break
            self.resume_channel()
            self.desk.deliver()
            for reply in Reply.objects.filter(state=State.REJECTED):
                replies.send_again(actor=self.desk.actor, reply_id=reply.pk, now=clock.now())
            self.clock.forward(minutes=20)
        for number, (pk, uid) in enumerate(self.sent.items()):
            assert Reply.objects.get(pk=pk).state == State.DELIVERED
            assert self.desk.answers(uid) == [f"Antwort {number}"]


class TestExactlyOnce(Sending.TestCase, TestCase):
    settings = settings(
        max_examples=12,
        stateful_step_count=15,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


def in_threads(count: int, work: Any) -> None:
    """Run `work` in so many threads at once; what one of them raises, raises here."""
    start = threading.Barrier(count)
    errors: list[BaseException] = []

    def run() -> None:
        try:
            start.wait(20)
            work()
        except BaseException as error:  # noqa: BLE001 - raised in the main thread
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    if errors:
        raise errors[0]


@pytest.mark.django_db(transaction=True)
def test_three_workers_racing_deliver_each_of_many_replies_exactly_once(busy_desk: Desk, time: Clock) -> None:
    desk = busy_desk
    asked = [desk.says(f"Frage {number}", by="ada", kind="mention") for number in range(30)]
    desk.fetch()
    for number, uid in enumerate(asked):
        desk.reply(desk.case(uid), f"Antwort {number}")
    published: list[str] = []
    publish = Demo.publish

    def counted(self: Demo, session: Any, draft: Any, *, key: str) -> Any:
        published.append(key)
        return publish(self, session, draft, key=key)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Demo, "publish", counted)
        in_threads(3, lambda: sweeps.deliver(time.now))
        sweeps.deliver(time.now)
    assert len(published) == len(set(published)) == 30
    assert not Reply.objects.exclude(state=State.DELIVERED).exists()
    assert [desk.answers(uid) for uid in asked] == [[f"Antwort {number}"] for number in range(30)]


@pytest.mark.django_db(transaction=True)
def test_of_many_workers_that_find_an_expired_lease_one_sends_again(busy_desk: Desk, time: Clock) -> None:
    desk = busy_desk
    uid, case = desk.asked()
    reply = desk.reply(case)
    Reply.objects.filter(pk=reply.pk).update(
        state=State.SENDING, lease="dead", lease_until=time.now - timedelta(seconds=1), attempted_at=MONDAY
    )
    in_threads(4, lambda: sweeps.deliver(time.now))
    sweeps.deliver(time.now)
    assert desk.answers(uid) == ["Bis 18 Uhr."]
    assert Reply.objects.get(pk=reply.pk).attempts == 1


@pytest.mark.django_db(transaction=True)
def test_answers_and_a_sync_at_once_do_not_block_each_other(busy_desk: Desk, time: Clock) -> None:
    desk = busy_desk
    asked = [desk.says(f"Frage {number}", kind="mention") for number in range(20)]
    desk.fetch()
    for uid in asked:
        desk.reply(desk.case(uid))
        desk.says("Und noch etwas", by="bert", kind="mention")
    Channel.objects.update(next_sync_at=time.now)
    jobs = [
        lambda: sweeps.deliver(time.now),
        lambda: sync_and_open(desk),
        lambda: sweeps.open_cases(time.now),
    ]
    in_threads(3, lambda: jobs.pop()())
    sync_and_open(desk)
    assert all(desk.answers(uid) == ["Bis 18 Uhr."] for uid in asked)
    assert desk.actor.workspace.cases.count() == 40


def sync_and_open(desk: Desk) -> None:
    from kuemmerer.channels import sync

    sync.sync_due(desk.now())
    sweeps.open_cases(desk.now())
