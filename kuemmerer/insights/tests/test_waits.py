"""Waits and days, against a count of all cases at each midnight."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kuemmerer.accounts import teams
from kuemmerer.accounts.models import Role, Team, Workspace
from kuemmerer.channels import connections, privacy, retention
from kuemmerer.channels.models import Channel
from kuemmerer.core import clock
from kuemmerer.core.errors import DeskError
from kuemmerer.inbox import cases
from kuemmerer.inbox.models import Case
from kuemmerer.insights import figures, sweeps
from kuemmerer.insights.models import DayCount, Mark, Wait
from tests.factories import Clock, Desk, close

BERLIN = ZoneInfo("Europe/Berlin")


def counted(desk: Desk, **filters: Any) -> figures.Figures:
    sweeps.count(desk.now())
    sweeps.count_reopened(desk.now())
    return figures.figures(actor=desk.actor, now=desk.now(), **filters)


def day(found: figures.Figures, back: int = 0) -> figures.Day:
    return found.days[-1 - back]


def answer(desk: Desk, case: Case, **more: Any) -> None:
    desk.reply(case, **more)
    desk.deliver()


def test_an_answer_counts_on_its_day_in_business_hours_and_by_the_clock(desk: Desk, time: Clock) -> None:
    time.to(datetime(2026, 3, 6, 15, 30, tzinfo=UTC))  # Friday, 16:30 in Berlin; open until 17:00
    _, case = desk.asked()
    assert day(counted(desk)).open == 1
    time.to(datetime(2026, 3, 9, 8, 20, tzinfo=UTC))  # Monday, 9:20
    answer(desk, case)
    found = counted(desk)
    assert (found.answered, found.median) == (1, 50)
    assert found.clock_median == pytest.approx(64 * 60 + 50, rel=0.01)
    assert [one.open for one in found.days[-4:]] == [1, 1, 1, 0]
    assert [one.closed for one in found.days[-4:]] == [False, True, True, False]
    assert (day(found).answered, day(found, 3).began) == (1, 1)


def test_counting_twice_or_from_the_start_changes_nothing(desk: Desk, time: Clock) -> None:
    _, case = desk.asked()
    time.forward(hours=30)
    answer(desk, case)
    desk.asked("Und morgen?", by="bert")
    before = counted(desk)
    assert counted(desk) == before
    Mark.objects.update(seq=0)
    assert counted(desk) == before


def test_who_writes_again_waits_again(desk: Desk, time: Clock) -> None:
    uid, case = desk.asked()
    time.forward(minutes=10)
    answer(desk, case)
    counted(desk)
    time.forward(minutes=60)
    desk.says("Und am Sonntag?", to=uid)
    desk.fetch()
    time.forward(minutes=30)
    answer(desk, case, text="Geschlossen.")
    found = counted(desk)
    assert found.answered == 2
    assert (found.median, found.most) == (10, 30)


def test_answers_that_came_while_nobody_counted_are_counted_later(desk: Desk, time: Clock) -> None:
    uid, case = desk.asked()
    time.forward(minutes=10)
    answer(desk, case)
    time.forward(days=1)
    desk.says("Und am Sonntag?", to=uid)
    desk.fetch()
    time.forward(minutes=30)
    answer(desk, case, text="Geschlossen.")
    time.forward(days=1)
    found = counted(desk)
    assert [(one.answered, one.open) for one in found.days[-3:]] == [(1, 0), (1, 0), (0, 0)]


def test_snoozed_cases_are_still_open_and_closed_ones_are_no_answer(desk: Desk, time: Clock) -> None:
    _, case = desk.asked()
    cases.snooze(actor=desk.actor, case_id=case.pk, until=desk.now() + timedelta(days=9), now=desk.now())
    time.forward(days=1)
    assert day(counted(desk)).open == 1
    close(case, desk.actor)
    found = counted(desk)
    assert (day(found).open, found.answered, day(found).ended) == (0, 0, 1)


def test_a_reopened_case_is_open(desk: Desk, time: Clock) -> None:
    _, case = desk.asked()
    close(case, desk.actor)
    assert counted(desk).open == 0
    time.forward(days=1)
    cases.reopen(actor=desk.actor, case_id=case.pk, now=desk.now())
    assert counted(desk).open == 1


def test_words_that_are_withdrawn_waited_until_then(desk: Desk, time: Clock) -> None:
    uid, _case = desk.asked()
    counted(desk)
    time.forward(days=1)
    gone = desk.interaction(uid)
    gone.deleted_at = desk.now()
    cases.withdraw([gone])
    found = counted(desk)
    assert [one.open for one in found.days[-2:]] == [1, 0]
    assert found.answered == 0


def test_what_was_counted_stays_when_retention_erases_it(desk: Desk, time: Clock) -> None:
    _, case = desk.asked()
    time.forward(hours=2)
    answer(desk, case, close=True)
    desk.fetch()
    before = counted(desk)
    assert before.answered == 1
    retention.set_retention(
        actor=desk.actor, channel_id=desk.channel.pk, days=1, raw_days=None, now=desk.now()
    )
    time.forward(days=3)
    retention.expire_due(desk.now())
    assert not Case.objects.exists()
    after = counted(desk)
    assert after.answered == before.answered
    assert [one.open for one in after.days[:-3]] == [one.open for one in before.days[3:]]
    assert not Wait.objects.exists(), "nothing of the case is left but the counts"


def test_an_erased_person_who_waited_is_open_until_that_day(desk: Desk, time: Clock) -> None:
    _, case = desk.asked()
    counted(desk)
    time.forward(days=2)
    subject = privacy.Subject(workspace=desk.actor.workspace, authors=(case.author,))
    privacy.erase(actor=desk.actor, subject=subject, sure=True, now=desk.now())
    assert [one.open for one in counted(desk).days[-3:]] == [1, 1, 0]


@pytest.mark.parametrize("ending", ["answered", "closed"])
@pytest.mark.parametrize("words", [False, True])
def test_a_case_that_was_opened_again_waits_from_then_on(
    desk: Desk, time: Clock, ending: str, words: bool
) -> None:
    thread, case = desk.asked()
    time.forward(minutes=20)
    answer(desk, case)
    desk.fetch()
    time.forward(days=1)
    cases.reopen(actor=desk.actor, case_id=case.pk, now=desk.now())
    sweeps.count_reopened(desk.now())
    time.forward(days=2)
    if words:
        desk.says("Und?", to=thread)
        desk.fetch()
    if ending == "answered":
        answer(desk, case, text="Und noch etwas")
        desk.fetch()
    else:
        close(case, desk.actor)
    for _ in range(2):
        found = counted(desk)
        assert [one.open for one in found.days[-4:]] == [0, 1, 1, 0]
        assert found.answered == (2 if ending == "answered" else 1)
        Mark.objects.update(seq=0)


def test_who_waited_over_night_is_counted_although_the_case_was_closed_and_new_words_came_since(
    desk: Desk, time: Clock
) -> None:
    thread, case = desk.asked()
    counted(desk)
    time.forward(days=1)
    close(case, desk.actor)
    time.forward(minutes=1)
    desk.says("Und noch etwas", to=thread)
    desk.fetch()
    for _ in range(2):
        found = counted(desk)
        assert [(one.open, one.began) for one in found.days[-2:]] == [(1, 1), (1, 1)]
        assert found.answered == 0
        Mark.objects.update(seq=0)


def test_a_team_has_its_own_figures_and_keeps_them(desk: Desk, time: Clock) -> None:
    me = desk.actor
    teams.save_team(actor=me, name="Laden", member_ids=[me.membership.pk], calendar=None, now=desk.now())
    team = Team.objects.get()
    _, case = desk.asked()
    desk.asked("Etwas anderes", by="bert")
    counted(desk)
    cases.hand_to_team(actor=me, case_id=case.pk, team_id=team.pk, now=desk.now())
    time.forward(minutes=45)
    assert counted(desk, team_id=team.pk).open == 1
    answer(desk, case)
    found = counted(desk)
    assert [(share.name, share.answered, share.median) for share in found.teams] == [("Laden", 1, 45)]
    assert counted(desk, team_id=team.pk).open == 0
    assert found.open == 1
    teams.delete_team(actor=me, team_id=team.pk, now=desk.now())
    assert counted(desk).answered == 1


def test_who_answered_is_counted_only_where_it_is_allowed_and_only_managers_see_it(
    desk: Desk, time: Clock
) -> None:
    _, case = desk.asked()
    time.forward(minutes=20)
    answer(desk, case)
    assert counted(desk).people is None
    assert not DayCount.objects.filter(person__isnull=False).exists()
    assert not Wait.objects.filter(person__isnull=False).exists()
    privacy.set_personal_statistics(actor=desk.actor, on=True, now=desk.now())
    people = counted(desk).people
    assert people is not None
    assert [(share.name, share.answered, share.median) for share in people] == [(str(desk.actor.user), 1, 20)]
    agent = desk.member(Role.AGENT)
    assert figures.figures(actor=agent, now=desk.now()).people is None
    _, other = desk.asked("Noch etwas", by="bert")
    answer(desk, other)
    people = counted(desk).people
    assert people is not None
    assert people[0].answered == 2
    privacy.set_personal_statistics(actor=desk.actor, on=False, now=desk.now())
    assert figures.figures(actor=desk.actor, now=desk.now()).people is None
    assert counted(desk).people is None
    assert not DayCount.objects.filter(person__isnull=False).exists(), "and nothing of it is kept"
    assert counted(desk).answered == 2


def test_after_a_move_to_another_time_zone_corrections_still_fit(desk: Desk, time: Clock) -> None:
    time.to(datetime(2026, 3, 6, 22, 30, tzinfo=UTC))  # 23:30 in Berlin
    _, case = desk.asked()
    counted(desk)
    Workspace.objects.update(time_zone="Asia/Tokyo")
    desk.actor.workspace.refresh_from_db()
    time.forward(hours=1)
    close(case, desk.actor)
    found = counted(desk)
    assert found.open == 0
    assert all(one.open == 0 for one in found.days if one.day != date(2026, 3, 6))


def test_a_disconnected_channel_that_is_erased_takes_its_counts_with_it(desk: Desk) -> None:
    desk.asked()
    counted(desk)
    connections.disconnect(actor=desk.actor, channel_id=desk.channel.pk, erase=True, now=desk.now())
    assert figures.figures(actor=desk.actor, now=desk.now()).open == 0
    assert not Channel.objects.exists()


# --- the oracle

DEEDS = st.lists(
    st.tuples(
        st.sampled_from(["ask", "ask", "answer", "close", "reopen", "snooze", "count", "erase", "note"]),
        st.sampled_from(["ada", "bert", "cleo"]),
        st.integers(1, 40 * 60),
    ),
    min_size=3,
    max_size=14,
)


@pytest.mark.parametrize(
    "start", [datetime(2026, 3, 27, 21, 0, tzinfo=UTC), datetime(2026, 10, 23, 21, 30, tzinfo=UTC)]
)
@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(deeds=DEEDS)
def test_open_cases_by_day_are_those_that_waited_at_each_midnight(
    db: None, time: Clock, tmp_path: Path, start: datetime, deeds: list[tuple[str, str, int]]
) -> None:
    """Around both nights in which the clocks change. The oracle looks at all cases at each midnight."""
    time.to(start)
    desk = Desk(tmp_path)
    try:
        expected, answered = _lived(desk, time, deeds)
        found = counted(desk)
    finally:
        desk.village.close()
        Workspace.objects.all().delete()
    by_day = {one.day: one.open for one in found.days}
    assert {when: by_day[when] for when in expected} == expected
    assert found.answered == answered


def _lived(desk: Desk, time: Clock, deeds: list[tuple[str, str, int]]) -> tuple[dict[date, int], int]:
    """Do all this, with a look at what waits at each midnight; how many waits were answered."""
    threads: dict[str, str] = {}
    waiting: dict[date, int] = {}
    answers = 0
    for what, who, minutes in deeds:
        until = desk.now() + timedelta(minutes=minutes)
        while (midnight := _next_midnight(desk.now())) <= until:
            time.to(midnight - timedelta(microseconds=1))
            sweeps.count(desk.now())
            waiting[desk.now().astimezone(BERLIN).date()] = _waits()
            time.to(midnight)
        time.to(until)
        answers += _done(desk, what, who, threads)
    waiting[desk.now().astimezone(BERLIN).date()] = _waits()
    return waiting, answers


def _next_midnight(moment: datetime) -> datetime:
    following = moment.astimezone(BERLIN).date() + timedelta(days=1)
    return datetime(following.year, following.month, following.day, tzinfo=BERLIN).astimezone(UTC)


def _waits() -> int:
    return Case.objects.filter(unanswered_since__isnull=False).count()


def _done(desk: Desk, what: str, who: str, threads: dict[str, str]) -> int:
    case = Case.objects.filter(author__remote_id=who).first()
    if what == "ask":
        threads[who] = desk.says(f"Frage {desk.now()}", by=who, to=threads.get(who))
        desk.fetch()
    elif what == "count":
        sweeps.count(desk.now())
    elif case is None:
        return 0
    elif what == "answer":
        waited = case.unanswered_since is not None
        answer(desk, case)
        desk.fetch()
        return int(waited)
    else:
        _decided(desk, what, case)
    if what == "erase":
        threads.pop(who, None)
    return 0


def _decided(desk: Desk, what: str, case: Case) -> None:
    now = clock.now()
    if what != "note":
        # What people do between two counts is seen at the next one.
        sweeps.count(now)
        sweeps.count_reopened(now)
    try:
        match what:
            case "close":
                cases.close(actor=desk.actor, case_id=case.pk, now=now)
            case "reopen":
                cases.reopen(actor=desk.actor, case_id=case.pk, now=now)
            case "snooze":
                cases.snooze(actor=desk.actor, case_id=case.pk, until=now + timedelta(days=2), now=now)
            case "erase":
                subject = privacy.Subject(workspace=desk.actor.workspace, authors=(case.author,))
                privacy.erase(actor=desk.actor, subject=subject, sure=True, now=now)
    except DeskError:
        return
