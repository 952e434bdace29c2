"""Promises, the clock of a case, and who is warned."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from kuemmerer.accounts import teams, workspaces
from kuemmerer.accounts.access import Actor
from kuemmerer.accounts.calendar_settings import CalendarSettings
from kuemmerer.accounts.models import Role
from kuemmerer.core.errors import Conflict, Forbidden, Invalid, NotFound
from kuemmerer.core.models import AuditRecord
from kuemmerer.inbox import cases, deadlines, escalation, library, promises, sweeps
from kuemmerer.inbox.models import Case, DeadlineRule, Escalation, Intent, Priority, Promise, Status
from kuemmerer.inbox.promises import Conditions, Given
from kuemmerer.notify.models import Notice
from tests.factories import MONDAY, Clock, Desk, close, due, fresh

FRIDAY = datetime(2026, 3, 6, 15, 45, tzinfo=UTC)
"""A quarter to five in Berlin, a quarter of an hour before closing time."""


def rule(desk: Desk, name: str = "Rule", *, minutes: int | None = None, **conditions: Any) -> DeadlineRule:
    """A rule of so many minutes, or by the end of the next business day."""
    promise = Promise.NEXT_DAY_END if minutes is None else Promise.MINUTES
    return promises.save_rule(
        actor=desk.actor,
        name=name,
        conditions=Conditions(**conditions),
        given=Given(promise=promise, minutes=minutes or 0),
        now=desk.now(),
    )


def policy(desk: Desk, **change: Any) -> None:
    settings: dict[str, Any] = {"warn_assignee": 75, "warn_team": 90, "warn_managers": 100, **change}
    given = settings.pop("given", Given(promise=Promise.MINUTES, minutes=480))
    promises.save_policy(actor=desk.actor, given=given, now=desk.now(), **settings)


def told(member: Actor) -> list[tuple[str, str]]:
    """The kinds of notices that somebody got, with the names in their titles, oldest first."""
    rows = Notice.objects.filter(user=member.user).order_by("pk")
    return [(notice.kind, notice.title.rsplit(" ", 1)[-1]) for notice in rows]


def local(moment: datetime | None, desk: Desk) -> str:
    assert moment is not None
    return moment.astimezone(desk.actor.workspace.zone).strftime("%a %H:%M")


# --- rules


def test_the_first_rule_that_holds_decides(desk: Desk) -> None:
    rule(desk, "Complaints", minutes=240, intents=[Intent.COMPLAINT])
    everything = rule(desk, "Everything", minutes=60)
    _, case = desk.asked()
    assert local(due(case), desk) == "Mon 11:00"
    cases.classify(actor=desk.actor, case_id=case.pk, intent=Intent.COMPLAINT, now=desk.now())
    assert local(due(case), desk) == "Mon 14:00"
    order = [everything.pk, *DeadlineRule.objects.exclude(pk=everything.pk).values_list("pk", flat=True)]
    promises.order_rules(actor=desk.actor, rule_ids=order, now=desk.now())
    cases.deadlines_changed(desk.actor.workspace)
    sweeps.recount_deadlines(desk.now())
    assert local(due(case), desk) == "Mon 11:00"
    assert fresh(case).rule == everything


@pytest.mark.parametrize(
    ("conditions", "case_fields", "labels", "holds"),
    [
        ({}, {}, (), True),
        ({"channels": [1]}, {"channel_id": 1}, (), True),
        ({"channels": [1]}, {"channel_id": 2}, (), False),
        ({"labels": [7, 8]}, {}, (8,), True),
        ({"labels": [7, 8]}, {}, (9,), False),
        ({"intents": ["complaint"]}, {"intent": "complaint"}, (), True),
        ({"intents": ["complaint"]}, {"intent": ""}, (), False),
        ({"priorities": [4]}, {"priority": 4}, (), True),
        ({"priorities": [3, 4]}, {"priority": 2}, (), False),
        ({"intents": ["complaint"], "priorities": [4]}, {"intent": "complaint", "priority": 2}, (), False),
        ({"intents": ["complaint"], "labels": [7]}, {"intent": "complaint"}, (7,), True),
    ],
)
def test_a_rule_holds_when_all_its_conditions_hold(
    conditions: dict[str, Any], case_fields: dict[str, Any], labels: Sequence[int], holds: bool
) -> None:
    assert deadlines.holds(DeadlineRule(**conditions), Case(**case_fields), set(labels)) is holds


def test_a_label_brings_its_rule_and_takes_it_away_again(desk: Desk) -> None:
    urgent = library.save_label(actor=desk.actor, name="Eilt", color=4, now=desk.now())
    rule(desk, "Eilt", minutes=30, labels=[urgent.pk])
    _, case = desk.asked()
    before = due(case)
    cases.label(actor=desk.actor, case_id=case.pk, label_id=urgent.pk, on=True, now=desk.now())
    assert local(due(case), desk) == "Mon 10:30"
    cases.label(actor=desk.actor, case_id=case.pk, label_id=urgent.pk, on=False, now=desk.now())
    assert due(case) == before
    assert fresh(case).rule is None


def test_new_words_come_under_the_rule_of_their_channel(desk: Desk) -> None:
    rule(desk, "Dorfplatz", minutes=90, channels=[desk.channel.pk])
    _, case = desk.asked()
    assert local(due(case), desk) == "Mon 11:30"


def test_thirty_minutes_from_friday_a_quarter_to_five_end_on_monday_a_quarter_past_nine(
    desk: Desk, time: Clock
) -> None:
    rule(desk, minutes=30)
    time.to(FRIDAY)
    _, case = desk.asked()
    assert local(due(case), desk) == "Mon 09:15"


def test_a_promise_of_no_time_is_due_at_once_or_at_the_next_opening(desk: Desk, time: Clock) -> None:
    rule(desk, minutes=0)
    _, case = desk.asked()
    assert due(case) == MONDAY
    time.to(FRIDAY + timedelta(hours=5))
    _, later = desk.asked("Habt ihr noch Brezeln?", by="bert")
    assert local(due(later), desk) == "Mon 09:00"


def test_the_page_says_which_rule_holds_and_why(desk: Desk) -> None:
    label = library.save_label(actor=desk.actor, name="Eilt", color=4, now=desk.now())
    rule(desk, "Rasch", minutes=90, labels=[label.pk], priorities=[Priority.URGENT])
    _, case = desk.asked()
    cases.label(actor=desk.actor, case_id=case.pk, label_id=label.pk, on=True, now=desk.now())
    cases.classify(actor=desk.actor, case_id=case.pk, priority=Priority.URGENT, now=desk.now())
    found = cases.get(actor=desk.actor, case_id=case.pk)
    assert promises.reason(found, ["Eilt"]) == "Rasch: within 90 minutes of open time (Eilt, Urgent)"


def test_a_rule_whose_label_is_deleted_holds_for_nothing_and_not_for_everything(desk: Desk) -> None:
    label = library.save_label(actor=desk.actor, name="Eilt", color=4, now=desk.now())
    strict = rule(desk, "Eilt", minutes=10, labels=[label.pk])
    library.delete_label(actor=desk.actor, label_id=label.pk, now=desk.now())
    _, case = desk.asked()
    assert fresh(case).rule is None
    changed = promises.save_rule(
        actor=desk.actor,
        name="Eilt sehr",
        conditions=Conditions(labels=strict.labels),
        given=Given(promise=Promise.MINUTES, minutes=5),
        rule_id=strict.pk,
        now=desk.now(),
    )
    assert changed.labels == [label.pk]


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"name": "  "}, Invalid),
        ({"name": "TAKEN"}, Conflict),
        ({"conditions": Conditions(channels=[999_999])}, NotFound),
        ({"conditions": Conditions(labels=[999_999])}, NotFound),
        ({"conditions": Conditions(intents=["nonsense"])}, Invalid),
        ({"conditions": Conditions(priorities=[9])}, Invalid),
        ({"given": Given(promise="never")}, Invalid),
        ({"given": Given(promise="minutes", minutes=-1)}, Invalid),
        ({"given": Given(promise="minutes", minutes=10**9)}, Invalid),
        ({"rule_id": 999_999}, NotFound),
    ],
)
def test_a_wrong_rule_is_refused_with_a_sentence(
    desk: Desk, fields: dict[str, Any], error: type[Exception]
) -> None:
    rule(desk, "Taken", minutes=60)
    wanted: dict[str, Any] = {"name": "New", "conditions": Conditions(), "given": Given(), **fields}
    with pytest.raises(error):
        promises.save_rule(actor=desk.actor, now=desk.now(), **wanted)
    assert [found.name for found in DeadlineRule.objects.all()] == ["Taken"]


def test_every_preset_makes_a_rule_once(desk: Desk) -> None:
    for preset in promises.PRESETS:
        promises.add_preset(actor=desk.actor, preset=preset, now=desk.now())
        with pytest.raises(Conflict):
            promises.add_preset(actor=desk.actor, preset=preset, now=desk.now())
    assert DeadlineRule.objects.count() == len(promises.PRESETS)
    with pytest.raises(NotFound):
        promises.add_preset(actor=desk.actor, preset="nonsense", now=desk.now())


def test_an_agent_changes_no_promises(desk: Desk) -> None:
    agent = desk.member(Role.AGENT)
    with pytest.raises(Forbidden):
        promises.add_preset(actor=agent, preset="day", now=desk.now())
    with pytest.raises(Forbidden):
        promises.save_policy(
            actor=agent, given=Given(), warn_assignee=1, warn_team=2, warn_managers=3, now=desk.now()
        )


# --- the clock


def test_a_snooze_moves_the_deadline_by_the_open_time_that_it_lasts(desk: Desk, time: Clock) -> None:
    policy(desk, given=Given(promise=Promise.MINUTES, minutes=120))
    _, case = desk.asked()
    time.forward(hours=1)
    # From Monday 11:00 to Tuesday 10:00: six open hours on Monday, one on Tuesday.
    until = MONDAY + timedelta(hours=24)
    cases.snooze(actor=desk.actor, case_id=case.pk, until=until, now=time.now)
    assert fresh(case).escalate_at is None
    time.to(until)
    cases.wake_snoozed(time.now)
    assert local(due(case), desk) == "Tue 11:00", "one of two hours is left"


def test_new_words_end_a_snooze_and_the_pause_counts(desk: Desk, time: Clock) -> None:
    policy(desk, given=Given(promise=Promise.MINUTES, minutes=120))
    uid, case = desk.asked()
    time.forward(minutes=30)
    cases.snooze(actor=desk.actor, case_id=case.pk, until=time.now + timedelta(days=3), now=time.now)
    time.forward(hours=2)
    desk.says("Hallo?", to=uid)
    desk.fetch()
    assert fresh(case).status == Status.OPEN
    assert local(due(case), desk) == "Mon 14:00", "the oldest words count, the two hours of pause do not"


def test_two_pauses_add_up(desk: Desk, time: Clock) -> None:
    policy(desk, given=Given(promise=Promise.MINUTES, minutes=120))
    _, case = desk.asked()
    for _turn in range(2):
        cases.snooze(actor=desk.actor, case_id=case.pk, until=time.now + timedelta(hours=1), now=time.now)
        time.forward(hours=1)
        cases.wake_snoozed(time.now)
    assert local(due(case), desk) == "Mon 14:00"


def test_an_answer_stops_the_clock_and_new_words_start_it_afresh(desk: Desk, time: Clock) -> None:
    policy(desk, given=Given(promise=Promise.MINUTES, minutes=60))
    uid, case = desk.asked()
    desk.reply(case)
    desk.deliver()
    answered = fresh(case)
    assert (answered.due_at, answered.escalate_at, answered.status) == (None, None, Status.WAITING)
    time.forward(hours=3)
    desk.says("Und am Sonntag?", to=uid)
    desk.fetch()
    assert local(due(case), desk) == "Mon 14:00"


def test_closing_stops_the_clock_and_opening_again_starts_a_new_one(desk: Desk, time: Clock) -> None:
    policy(desk, given=Given(promise=Promise.MINUTES, minutes=60))
    _, case = desk.asked()
    close(case, desk.actor)
    assert fresh(case).due_at is None
    time.forward(hours=2)
    cases.reopen(actor=desk.actor, case_id=case.pk, now=time.now)
    assert local(due(case), desk) == "Mon 13:00"


# --- calendars


def closed(desk: Desk, *days: str, **change: Any) -> None:
    """Change the workspace's calendar and count anew."""
    now = CalendarSettings.of(desk.actor.workspace)
    fields = {name: getattr(now, name) for name in ("country", "region", "time_zone", "hours", "half_days")}
    fields |= {"closed_days": [{"first": day, "last": day, "name": ""} for day in days], **change}
    workspaces.change(
        actor=desk.actor, name="Probe", language="de", calendar=CalendarSettings(**fields), now=desk.now()
    )
    cases.deadlines_changed(desk.actor.workspace)
    sweeps.recount_deadlines(desk.now())


def test_a_changed_calendar_moves_open_deadlines(desk: Desk) -> None:
    _, case = desk.asked()
    assert local(due(case), desk) == "Tue 10:00"
    closed(desk, "2026-03-03")
    assert local(due(case), desk) == "Wed 10:00"


def test_a_company_that_moves_to_another_land_has_its_holidays(desk: Desk, time: Clock) -> None:
    time.to(datetime(2026, 6, 3, 8, 0, tzinfo=UTC))
    _, case = desk.asked()
    assert local(due(case), desk) == "Thu 10:00"
    closed(desk, region="NW")
    assert local(due(case), desk) == "Fri 10:00", "Fronleichnam"


def test_counting_anew_goes_on_where_it_stopped(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cases, "RECOUNTED", 2)
    for person in ("ada", "bert", "cleo"):
        desk.asked(by=person)
    Case.objects.update(due_at=MONDAY)
    cases.deadlines_changed(desk.actor.workspace)
    assert sweeps.recount_deadlines(desk.now()) == 3
    assert {local(case.due_at, desk) for case in Case.objects.all()} == {"Tue 10:00"}
    assert sweeps.recount_deadlines(desk.now()) == 0


def test_a_team_with_hours_of_its_own_has_deadlines_of_its_own(desk: Desk) -> None:
    late = CalendarSettings(
        country="DE",
        region="BE",
        time_zone="Europe/Berlin",
        hours={"4": [["12:00", "18:00"]]},
        closed_days=[],
        half_days={},
    )
    team = teams.save_team(actor=desk.actor, name="Spät", member_ids=[], calendar=late, now=desk.now())
    policy(desk, given=Given(promise=Promise.MINUTES, minutes=60))
    _, case = desk.asked()
    cases.hand_to_team(actor=desk.actor, case_id=case.pk, team_id=team.pk, now=desk.now())
    assert local(due(case), desk) == "Fri 13:00"
    teams.delete_team(actor=desk.actor, team_id=team.pk, now=desk.now())
    cases.deadlines_changed(desk.actor.workspace)
    sweeps.recount_deadlines(desk.now())
    assert local(due(case), desk) == "Mon 11:00"


def test_a_team_of_another_company_gets_no_case(desk: Desk, tmp_path: Any) -> None:
    other = Desk(tmp_path)
    team = teams.save_team(actor=other.actor, name="Fremd", member_ids=[], calendar=None, now=desk.now())
    _, case = desk.asked()
    with pytest.raises(NotFound):
        cases.hand_to_team(actor=desk.actor, case_id=case.pk, team_id=team.pk, now=desk.now())
    other.village.close()


# --- warnings


def test_the_assignee_is_warned_then_the_team_then_the_managers(desk: Desk, time: Clock) -> None:
    policy(desk, given=Given(promise=Promise.MINUTES, minutes=100))
    agent, colleague, guest = (desk.member(role) for role in (Role.AGENT, Role.AGENT, Role.GUEST))
    _, case = desk.asked()
    cases.assign(actor=desk.actor, case_id=case.pk, user_id=agent.user.pk, now=desk.now())
    Notice.objects.all().delete()

    time.forward(minutes=74)
    assert sweeps.escalate(time.now) == 0
    time.forward(minutes=1)
    assert sweeps.escalate(time.now) == 1
    assert (told(agent), told(colleague), told(desk.actor)) == ([("near_breach", "Krüger")], [], [])

    time.forward(minutes=15)
    sweeps.escalate(time.now)
    assert [kind for kind, _name in told(colleague)] == ["near_breach"]

    time.forward(minutes=10)
    sweeps.escalate(time.now)
    assert told(agent)[-1][0] == "breached"
    assert told(desk.actor)[-1][0] == "escalated"
    assert told(guest) == []
    assert fresh(case).escalate_at is None
    time.forward(days=3)
    assert sweeps.escalate(time.now) == 0


def test_a_warning_goes_out_once_whatever_happens(desk: Desk, time: Clock) -> None:
    policy(desk, given=Given(promise=Promise.MINUTES, minutes=100))
    _, case = desk.asked()
    time.forward(minutes=76)
    assert sweeps.escalate(time.now) == 1
    # As if the process had died after telling and before noting so.
    Case.objects.filter(pk=case.pk).update(escalated=0, escalate_at=time.now)
    assert sweeps.escalate(time.now) == 0
    assert Escalation.objects.filter(case=case).count() == 1
    assert len(told(desk.actor)) == 1


def test_many_cases_at_once_are_one_warning_and_each_complaint_is_one_of_its_own(
    desk: Desk, time: Clock
) -> None:
    policy(desk, given=Given(promise=Promise.MINUTES, minutes=100))
    for number in range(6):
        desk.village.add_person(f"p{number}", name=f"Person {number}", handle=f"p{number}")
        desk.says(f"Frage {number}", by=f"p{number}")
    desk.fetch()
    angry = Case.objects.order_by("pk")[0]
    cases.classify(actor=desk.actor, case_id=angry.pk, intent="complaint", now=desk.now())
    time.forward(minutes=76)
    assert sweeps.escalate(time.now) == 6
    complaint, many = Notice.objects.filter(user=desk.actor.user).order_by("pk")
    assert complaint.title.endswith(str(angry.author))
    assert many.title.startswith("5 ")
    assert len(many.lines) == 5
    assert many.path.endswith("?view=open")
    Case.objects.update(escalated=0, escalate_at=time.now)
    assert sweeps.escalate(time.now) == 0
    assert Notice.objects.filter(user=desk.actor.user).count() == 2


def test_a_new_run_of_the_clock_is_warned_of_anew(desk: Desk, time: Clock) -> None:
    policy(desk, given=Given(promise=Promise.MINUTES, minutes=100))
    uid, case = desk.asked()
    time.forward(minutes=80)
    sweeps.escalate(time.now)
    desk.reply(case)
    desk.deliver()
    time.forward(minutes=5)
    desk.says("Und morgen?", to=uid)
    desk.fetch()
    time.forward(minutes=80)
    assert sweeps.escalate(time.now) == 1
    assert len(told(desk.actor)) == 2


def test_warnings_wait_while_a_case_is_snoozed(desk: Desk, time: Clock) -> None:
    policy(desk, given=Given(promise=Promise.MINUTES, minutes=100))
    _, case = desk.asked()
    time.forward(minutes=50)
    cases.snooze(actor=desk.actor, case_id=case.pk, until=time.now + timedelta(minutes=120), now=time.now)
    time.forward(minutes=119)
    assert sweeps.escalate(time.now) == 0
    time.forward(minutes=1)
    cases.wake_snoozed(time.now)
    time.forward(minutes=24)
    assert sweeps.escalate(time.now) == 0
    time.forward(minutes=1)
    assert sweeps.escalate(time.now) == 1


def test_a_deputy_is_warned_for_who_is_away(desk: Desk, time: Clock) -> None:
    policy(desk, given=Given(promise=Promise.MINUTES, minutes=100))
    agent, deputy = desk.member(Role.AGENT), desk.member(Role.AGENT)
    teams.add_absence(
        actor=desk.actor,
        membership_id=agent.membership.pk,
        first_day=date(2026, 3, 1),
        last_day=date(2026, 3, 2),
        deputy_id=deputy.membership.pk,
        now=time.now,
    )
    _, case = desk.asked()
    Case.objects.filter(pk=case.pk).update(assignee=agent.user)
    assert escalation.recipients(fresh(case), deadlines.Step.ASSIGNEE, time.now) == [deputy.user]
    tomorrow = time.now + timedelta(days=1)
    assert escalation.recipients(fresh(case), deadlines.Step.ASSIGNEE, tomorrow) == [agent.user]


def test_when_nobody_of_a_circle_is_there_the_next_one_is_told(desk: Desk, time: Clock) -> None:
    agent = desk.member(Role.AGENT)
    _, case = desk.asked()
    Case.objects.filter(pk=case.pk).update(assignee=agent.user)
    for member in (agent, desk.actor):
        teams.add_absence(
            actor=desk.actor,
            membership_id=member.membership.pk,
            first_day=date(2026, 3, 1),
            last_day=date(2026, 3, 9),
            deputy_id=None,
            now=time.now,
        )
    colleague = desk.member(Role.AGENT)
    assert escalation.recipients(fresh(case), deadlines.Step.ASSIGNEE, time.now) == [colleague.user]
    assert escalation.recipients(fresh(case), deadlines.Step.MANAGERS, time.now) == [desk.actor.user]


def test_percentages_have_to_rise(desk: Desk) -> None:
    for wrong in ((90, 75, 100), (75, 120, 100), (-1, 50, 100), (75, 90, 501)):
        with pytest.raises(Invalid):
            policy(desk, **dict(zip(("warn_assignee", "warn_team", "warn_managers"), wrong, strict=True)))


def test_a_case_is_classified_with_a_record(desk: Desk) -> None:
    _, case = desk.asked()
    cases.classify(actor=desk.actor, case_id=case.pk, intent="complaint", priority=4, now=desk.now())
    assert (fresh(case).intent, fresh(case).priority) == ("complaint", 4)
    cases.classify(actor=desk.actor, case_id=case.pk, priority=1, now=desk.now())
    assert (fresh(case).intent, fresh(case).priority) == ("complaint", 1)
    assert AuditRecord.objects.filter(verb="classified", subject_id=case.pk).count() == 2
    for wrong in ({"intent": "anger"}, {"priority": 9}, {"priority": 0}):
        with pytest.raises(Invalid):
            cases.classify(actor=desk.actor, case_id=case.pk, now=desk.now(), **wrong)
