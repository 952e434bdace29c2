"""The schedule, lost wake-up calls, failing sweeps, and how one sees that the work stands still."""

from __future__ import annotations

import threading
import time as real_time
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django_tasks_db.models import DBTaskResult

from kuemmerer.accounts.access import Actor
from kuemmerer.channels.models import Channel
from kuemmerer.core import clock
from kuemmerer.inbox.models import Reply
from kuemmerer.jobs import health, sweeps
from kuemmerer.jobs.models import Heartbeat, Schedule
from kuemmerer.jobs.worker import Worker
from tests.factories import MONDAY, Clock, Desk, actor


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The wake-up calls that were given."""
    given: list[str] = []
    monkeypatch.setattr(sweeps, "_enqueue", lambda found: given.append(found.name))
    return given


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, datetime]]:
    """Only two sweeps: `first` every 10 seconds, `second` every 60 and after it. Holds when they ran."""
    done: list[tuple[str, datetime]] = []
    monkeypatch.setattr(sweeps, "_sweeps", {})

    def declare(name: str, **more: Any) -> None:
        @sweeps.sweep(name, **more)
        def run(now: datetime) -> int:
            done.append((name, now))
            return 1

    declare("first", every=10)
    declare("second", every=60, after=("first",))
    return done


def names(queue: list[str]) -> set[str]:
    found = set(queue)
    queue.clear()
    return found


@pytest.mark.django_db
def test_each_sweep_is_called_when_it_is_due_and_not_again_while_its_call_waits(
    ran: list[Any], queue: list[str], time: Clock
) -> None:
    assert sweeps.tick(time.now) == 2
    assert names(queue) == {"first", "second"}
    assert sweeps.tick(time.forward(seconds=30)) == 0, "the calls still wait"
    sweeps.run("first", time.now)
    sweeps.tick(time.forward(seconds=1))
    assert "first" in names(queue)
    sweeps.run("first", time.now)
    names(queue)
    assert sweeps.tick(time.forward(seconds=5)) == 0
    sweeps.tick(time.forward(seconds=6))
    assert "first" in names(queue)


@pytest.mark.django_db
def test_a_lost_wake_up_call_is_given_again(ran: list[Any], queue: list[str], time: Clock) -> None:
    sweeps.tick(time.now)
    names(queue)
    sweeps.tick(time.forward(seconds=119))
    assert names(queue) == set()
    sweeps.tick(time.forward(seconds=1))
    assert names(queue) == {"first", "second"}


@pytest.mark.django_db
def test_two_clocks_give_one_call(ran: list[Any], queue: list[str], time: Clock) -> None:
    sweeps.tick(time.now)
    sweeps.tick(time.now)
    assert sorted(queue) == ["first", "second"]


@pytest.mark.django_db
def test_a_sweep_that_did_something_wakes_those_that_come_after(
    ran: list[Any], queue: list[str], time: Clock, django_capture_on_commit_callbacks: Any
) -> None:
    sweeps.tick(time.now)
    names(queue)
    with django_capture_on_commit_callbacks(execute=True):
        sweeps.run("second", time.now)
        assert names(queue) == set()
        sweeps.run("first", time.now)
    assert names(queue) == {"second"}


@pytest.mark.django_db
def test_a_wake_up_call_waits_for_the_commit_and_comes_once(
    ran: list[Any], queue: list[str], time: Clock, django_capture_on_commit_callbacks: Any
) -> None:
    sweeps.tick(time.now)
    sweeps.run("first", time.now)
    names(queue)
    with django_capture_on_commit_callbacks(execute=True):
        sweeps.wake("first")
        sweeps.wake("first")
        assert names(queue) == set()
    assert queue == ["first"]


@pytest.mark.django_db
def test_a_call_that_comes_while_the_sweep_runs_is_not_swallowed(
    queue: list[str], time: Clock, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    monkeypatch.setattr(sweeps, "_sweeps", {})

    @sweeps.sweep("slow", every=60)
    def slow(now: datetime) -> int:
        sweeps.wake("slow")
        return 0

    sweeps.tick(time.now)
    names(queue)
    with django_capture_on_commit_callbacks(execute=True):
        sweeps.run("slow", time.now)
    assert names(queue) == {"slow"}


@pytest.mark.django_db
def test_a_failing_sweep_is_noted_and_the_others_go_on(
    ran: list[Any], queue: list[str], time: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = True

    @sweeps.sweep("broken", every=10)
    def fails(now: datetime) -> int:
        if broken:
            raise ValueError("secret name of a customer")
        return 0

    sweeps.tick(time.now)
    for name in ("broken", "first"):
        sweeps.run(name, time.now)
    assert [name for name, _ in ran] == ["first"]
    state = Schedule.objects.get(name="broken")
    assert (state.error, state.finished_at) == ("ValueError: secret name of a customer", None)
    problem = next(p for p in health.problems(time.now) if p.code == "sweep_failed")
    assert problem.details == "broken: ValueError"
    broken = False
    sweeps.run("broken", time.now)
    assert Schedule.objects.get(name="broken").error == ""
    assert not any(p.code == "sweep_failed" for p in health.problems(time.now))


@pytest.mark.django_db
def test_a_sweep_that_is_no_more_is_forgotten(ran: list[Any], queue: list[str], time: Clock) -> None:
    Schedule.objects.create(name="of last year", next_at=time.now)
    sweeps.tick(time.now)
    assert "of last year" not in names(queue)
    assert "sweep_late" not in {p.code for p in health.problems(time.forward(days=1))}


def test_all_of_a_sweeps_work_is_done_though_some_of_it_fails() -> None:
    done = []

    def work(row: int) -> int:
        if row % 2:
            raise KeyError(row)
        done.append(row)
        return 1

    with pytest.raises(KeyError, match="1"):
        sweeps.each(work, range(6))
    assert done == [0, 2, 4]
    assert sweeps.each(lambda row: row, [1, 2]) == 3


# --- health


def codes(client: Client) -> tuple[int, set[str]]:
    response = client.get("/healthz")
    body = response.json()
    assert body["status"] == ("ok" if response.status_code == 200 else "failing")
    return response.status_code, {problem["code"] for problem in body["problems"]}


def healthy(now: datetime) -> None:
    Heartbeat.objects.update_or_create(
        worker="w", defaults={"seen_at": now}, create_defaults={"started_at": now, "seen_at": now}
    )
    Schedule.objects.update(finished_at=now, error="", queued_at=None, next_at=now)


@pytest.mark.django_db
def test_health_is_good_when_the_work_gets_done(client: Client, time: Clock, queue: list[str]) -> None:
    sweeps.tick(time.now)
    healthy(time.now)
    assert codes(client) == (200, set())


def pages(who: Actor) -> list[str]:
    browser = Client(headers={"accept-language": "en"})
    browser.force_login(who.user)
    root = f"/w/{who.workspace.slug}"
    return [browser.get(f"{root}{path}").content.decode() for path in ("/inbox/", "/channels/", "/ideas/")]


@pytest.mark.django_db
def test_a_dead_worker_is_seen_on_every_page_and_in_the_health(
    client: Client, time: Clock, queue: list[str]
) -> None:
    who = actor()
    sweeps.tick(time.now)
    assert codes(client) == (503, {"worker_dead"})
    healthy(time.now)
    time.forward(seconds=45)
    assert codes(client)[0] == 200
    assert not any("stands still" in page for page in pages(who))
    time.forward(seconds=1)
    assert codes(client) == (503, {"worker_dead"})
    assert all("stands still" in page for page in pages(who))


@pytest.mark.django_db
def test_a_worker_that_lives_and_does_nothing_is_no_better(
    client: Client, time: Clock, queue: list[str]
) -> None:
    sweeps.tick(time.now)
    healthy(time.now)
    time.forward(minutes=4)
    Heartbeat.objects.update(seen_at=time.now)
    status, found = codes(client)
    assert (status, found) == (503, {"sweep_late"})


@pytest.mark.django_db
def test_a_worker_that_never_got_a_sweep_done_is_seen(client: Client, time: Clock, queue: list[str]) -> None:
    sweeps.tick(time.now)
    Heartbeat.objects.create(worker="w", started_at=time.now, seen_at=time.now)
    assert codes(client)[0] == 200
    time.forward(minutes=4)
    Heartbeat.objects.update(seen_at=time.now)
    assert codes(client) == (503, {"sweep_late"})


@pytest.mark.django_db
def test_replies_that_stand_still_are_seen(client: Client, desk: Desk, time: Clock, queue: list[str]) -> None:
    _, case = desk.asked()
    desk.reply(case)
    healthy(time.forward(minutes=1))
    assert codes(client)[0] == 200
    healthy(time.forward(minutes=2))
    assert codes(client) == (503, {"replies_stuck"})
    Channel.objects.update(state=Channel.State.PAUSED)
    assert codes(client)[0] == 200, "held on purpose"
    Channel.objects.update(state=Channel.State.ACTIVE)
    desk.deliver()
    assert codes(client)[0] == 200


@pytest.mark.django_db
def test_a_reply_that_only_a_person_can_move_is_not_stuck(
    client: Client, desk: Desk, time: Clock, queue: list[str]
) -> None:
    _, case = desk.asked()
    desk.reply(case)
    Reply.objects.update(state="unknown", next_at=None)
    healthy(time.forward(minutes=10))
    assert codes(client)[0] == 200


@pytest.mark.django_db
def test_a_silent_channel_is_seen_on_every_page_of_its_workspace_and_in_the_health(
    client: Client, desk: Desk, time: Clock, queue: list[str]
) -> None:
    desk.fetch()
    Channel.objects.update(name="Unsere Seite")
    healthy(time.forward(minutes=31))
    assert codes(client) == (503, {"channels_silent"})
    assert all("Unsere Seite has not been synced" in page for page in pages(desk.actor))
    assert not any("Unsere Seite" in page for page in pages(actor()))
    assert "Unsere" not in client.get("/healthz").content.decode(), "names are nobody's business there"
    desk.fetch()
    assert codes(client)[0] == 200


@pytest.mark.django_db
def test_a_channel_that_never_came_in_is_silent_too(
    client: Client, desk: Desk, time: Clock, queue: list[str]
) -> None:
    healthy(time.forward(minutes=31))
    assert codes(client) == (503, {"channels_silent"})


@pytest.mark.django_db
def test_a_lost_login_is_seen_on_every_page_and_in_the_health(
    client: Client, desk: Desk, time: Clock, queue: list[str]
) -> None:
    desk.village.new_token()
    desk.fetch()
    healthy(time.now)
    assert codes(client) == (503, {"channels_disconnected"})
    assert all("no longer connected" in page for page in pages(desk.actor))


@pytest.mark.django_db
def test_paused_and_disconnected_channels_may_be_silent(
    client: Client, desk: Desk, time: Clock, queue: list[str]
) -> None:
    Channel.objects.update(state=Channel.State.PAUSED)
    healthy(time.forward(days=3))
    assert codes(client)[0] == 200
    desk.channel.credential.delete()
    Channel.objects.update(state=Channel.State.ACTIVE)
    assert codes(client)[0] == 200


# --- the worker


@pytest.mark.django_db(transaction=True)
def test_a_worker_does_what_is_due_until_it_is_told_to_stop(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.TASKS = {
        "default": {"BACKEND": "django_tasks_db.DatabaseBackend", "QUEUES": ["default", "sync", "delivery"]}
    }
    done = threading.Event()
    monkeypatch.setattr(sweeps, "_sweeps", {})

    @sweeps.sweep("only", every=60, queue="delivery")
    def only(now: datetime) -> int:
        done.set()
        return 0

    worker = Worker()
    monkeypatch.setattr("signal.signal", lambda *args: None)
    codes: list[int] = []

    def run() -> None:
        codes.append(worker.run())
        connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert done.wait(30)
        assert Heartbeat.objects.filter(worker=worker.name).exists()
        deadline = real_time.monotonic() + 10
        while Schedule.objects.get(name="only").finished_at is None and real_time.monotonic() < deadline:
            real_time.sleep(0.05)
    finally:
        worker.stop.set()
        thread.join(40)
    assert codes == [0]
    assert not Heartbeat.objects.filter(worker=worker.name).exists()
    assert DBTaskResult.objects.filter(status="SUCCESSFUL").count() == 1


@pytest.mark.django_db
def test_old_calls_and_workers_are_tidied_away(time: Clock) -> None:
    from kuemmerer.jobs.housekeeping import tidy

    Heartbeat.objects.create(worker="old", started_at=MONDAY, seen_at=MONDAY - timedelta(days=2))
    Heartbeat.objects.create(worker="new", started_at=MONDAY, seen_at=MONDAY)
    for age, status in ((2, "SUCCESSFUL"), (2, "READY"), (2, "RUNNING"), (200, "RUNNING")):
        call = DBTaskResult.objects.create(
            status=status,
            args_kwargs={"args": [], "kwargs": {}},
            task_path=f"{status}{age}",
            queue_name="default",
            backend_name="default",
        )
        DBTaskResult.objects.filter(pk=call.pk).update(enqueued_at=time.now - timedelta(hours=age))
    tidy(time.now)
    assert [h.worker for h in Heartbeat.objects.all()] == ["new"]
    left = set(DBTaskResult.objects.values_list("task_path", flat=True))
    assert left == {"READY2", "RUNNING2"}, "what runs stays, also when the clock has jumped ahead"


@pytest.mark.django_db
def test_the_command_check_tells_what_is_wrong(time: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("check")
    assert {p.code for p in health.problems(clock.now())} == {"worker_dead"}
