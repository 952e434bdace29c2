"""The same done to many cases, and taken back."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import close_old_connections, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kuemmerer.accounts import teams
from kuemmerer.accounts.models import Role
from kuemmerer.api.tests.client import program
from kuemmerer.channels.models import Channel
from kuemmerer.core.errors import Conflict, Forbidden, Invalid, NotFound
from kuemmerer.core.models import AuditRecord
from kuemmerer.inbox import bulk, cases, escalation, library, lists, promises, sweeps
from kuemmerer.inbox.bulk import Do, Order
from kuemmerer.inbox.models import (
    BulkRun,
    BulkStep,
    Case,
    CaseInteraction,
    CaseLabel,
    Escalation,
    Label,
    Priority,
    Status,
)
from kuemmerer.inbox.promises import Conditions, Given
from kuemmerer.networks.demo.village import Village
from kuemmerer.notify import webhooks
from kuemmerer.notify.models import Notice, WebhookDelivery
from tests.factories import MONDAY, Clock, Desk, actor, fresh


def several(desk: Desk, count: int = 3) -> list[Case]:
    """Cases of people who each ask something under a post of its own."""
    asked = []
    for number in range(count):
        post = desk.village.write("post", by="baker", text=f"Brot {number}", now=desk.now())
        asked.append(desk.says(f"Frage {number}", to=post))
    desk.fetch()
    return [desk.case(uid) for uid in asked]


def run(desk: Desk, do: str, some: list[Case], value: Any = None, **more: Any) -> BulkRun:
    order = Order(do=Do(do), value=value)
    ids = [case.pk for case in some]
    return bulk.run(actor=desk.actor, order=order, case_ids=ids, now=desk.now(), **more)


def undo(desk: Desk, made: BulkRun) -> tuple[int, int]:
    done = bulk.undo(actor=desk.actor, run_id=made.pk, now=desk.now())
    return done.restored, done.left


def facts(case: Case) -> dict[str, Any]:
    """All that is stored of a case, with its labels."""
    labels = sorted(CaseLabel.objects.filter(case=case).values_list("label", flat=True))
    return {**Case.objects.filter(pk=case.pk).values().get(), "labels": labels}


def label_of(desk: Desk, name: str = "Lob") -> Label:
    return library.save_label(actor=desk.actor, name=name, color=1, now=desk.now())


# --- doing


def test_many_cases_are_closed_at_once_with_a_record_for_each(desk: Desk) -> None:
    some = several(desk)
    made = run(desk, "close", some)
    assert (made.done, made.unchanged, made.skipped) == (3, 0, {})
    assert {fresh(case).status for case in some} == {Status.CLOSED}
    records = AuditRecord.objects.filter(verb="closed", subject_type="case", actor=desk.actor.label)
    assert {r.subject_id for r in records} == {case.pk for case in some}
    assert all(r.details == {"bulk": made.pk, "did": "close"} for r in records)


def test_what_is_so_already_is_counted_and_left_alone(desk: Desk, time: Clock) -> None:
    some = several(desk)
    cases.close(actor=desk.actor, case_id=some[0].pk, now=desk.now())
    before = facts(some[0])
    time.forward(minutes=5)
    made = run(desk, "close", some)
    assert (made.done, made.unchanged) == (2, 1)
    assert facts(some[0]) == before


def test_a_case_whose_answer_is_on_its_way_is_left_out_and_the_rest_is_done(desk: Desk) -> None:
    some = several(desk)
    desk.reply(some[1])
    made = run(desk, "close", some)
    assert (made.done, made.skipped) == (2, {bulk.ON_ITS_WAY: 1})
    assert [fresh(case).status for case in some] == ["closed", "open", "closed"]
    # Everything else may be done to it.
    assert run(desk, "priority", some, Priority.HIGH).done == 3


@pytest.mark.parametrize("do", ["close", "snooze"])
def test_words_that_came_after_the_list_was_read_are_not_put_aside_unread(
    desk: Desk, time: Clock, do: str
) -> None:
    some = several(desk)
    seen = time.forward(minutes=1)
    time.forward(minutes=1)
    post = some[0].thread.remote_id
    desk.says("Und noch etwas", to=post)
    desk.fetch()
    time.forward(minutes=1)
    until = desk.now() + timedelta(days=1) if do == "snooze" else None
    made = run(desk, do, some, until, seen_at=seen)
    assert (made.done, made.skipped) == (2, {bulk.NEW_WORDS: 1})
    assert fresh(some[0]).status == Status.OPEN


def test_cases_of_others_and_erased_ones_do_not_exist(desk: Desk, tmp_path: Path) -> None:
    other = Desk(tmp_path)
    theirs = several(other, 1)
    some = several(desk, 1)
    made = bulk.run(
        actor=desk.actor,
        order=Order(do=Do.CLOSE),
        case_ids=[some[0].pk, theirs[0].pk, 2**40],
        now=desk.now(),
    )
    assert (made.done, made.skipped) == (1, {bulk.GONE: 2})
    assert fresh(theirs[0]).status == Status.OPEN
    with pytest.raises(NotFound):
        bulk.undo(actor=other.actor, run_id=made.pk, now=desk.now())
    other.village.close()


def test_what_is_no_order_is_refused_and_changes_nothing(desk: Desk, tmp_path: Path) -> None:
    some = several(desk)
    stranger = actor()
    foreign = library.save_label(actor=stranger, name="x", color=0, now=desk.now())
    for do, value, error in (
        ("assign", stranger.user.pk, Invalid),
        ("label", foreign.pk, NotFound),
        ("unlabel", None, NotFound),
        ("priority", 9, Invalid),
        ("priority", None, Invalid),
        ("team", 2**40, NotFound),
        ("snooze", desk.now(), Invalid),
        ("snooze", None, Invalid),
    ):
        with pytest.raises(error):
            run(desk, do, some, value)
    with pytest.raises(Invalid):
        run(desk, "close", [])
    with pytest.raises(Invalid):
        bulk.run(actor=desk.actor, order=Order(do=Do.CLOSE), case_ids=range(1, 1002), now=desk.now())
    with pytest.raises(Forbidden):
        bulk.run(actor=desk.member(Role.GUEST), order=Order(do=Do.CLOSE), case_ids=[1], now=desk.now())
    assert not BulkRun.objects.exists()
    assert {fresh(case).status for case in some} == {Status.OPEN}


def test_all_that_fit_a_list_are_found_page_by_page(desk: Desk) -> None:
    some = several(desk, 5)
    filters = {"view": "open", "search": ""}
    found, more = lists.ids(actor=desk.actor, now=desk.now(), most=1000, filters=filters)
    assert (set(found), more) == ({case.pk for case in some}, False)
    found, more = lists.ids(actor=desk.actor, now=desk.now(), most=2, filters=filters)
    assert (len(found), more) == (2, True)
    assert lists.ids(
        actor=desk.actor, now=desk.now(), most=9, filters={"view": "open", "search": "Frage 3"}
    ) == (
        [some[3].pk],
        False,
    )


def test_who_is_given_many_is_told_once_and_programs_of_each(desk: Desk) -> None:
    some = several(desk)
    agent = desk.member(Role.AGENT)
    _hook, _key = webhooks.make(
        actor=desk.actor,
        name="x",
        address="https://example.org/hook",
        format_="json",
        wanted=["case.assigned", "case.closed", "case.opened"],
        now=desk.now(),
    )
    run(desk, "assign", some, agent.user.pk)
    notice = Notice.objects.get(user=agent.user, kind="assigned")
    assert {line["path"] for line in notice.lines} == {where(desk, f"{case.pk}/") for case in some}
    made = run(desk, "close", some)
    undo(desk, made)
    for event in ("case.assigned", "case.closed", "case.opened"):
        sent = WebhookDelivery.objects.filter(event=event)
        assert sorted(one.data["id"] for one in sent) == sorted(case.pk for case in some), event


def test_more_cases_take_no_more_queries(desk: Desk) -> None:
    def queries(some: list[Case]) -> int:
        with CaptureQueriesContext(
            connection,
        ) as seen:
            run(desk, "priority", some, Priority.HIGH)
        return len(seen)

    some = several(desk, 14)
    assert queries(some[:2]) == queries(some[2:])


# --- undoing


def test_closing_is_undone_with_deadline_and_warnings(desk: Desk, time: Clock) -> None:
    some = several(desk)
    time.to(fresh(some[0]).escalate_at)
    assert escalation.escalate_due(desk.now()) == 3
    cases.snooze(actor=desk.actor, case_id=some[2].pk, until=desk.now() + timedelta(days=1), now=desk.now())
    before = [facts(case) for case in some]
    time.forward(minutes=10)
    made = run(desk, "close", some)
    time.forward(minutes=59)
    assert undo(desk, made) == (3, 0)
    assert [facts(case) for case in some] == before
    # The warnings that went out do not go out again.
    assert Escalation.objects.filter(step=1).count() == 3


def test_what_was_changed_meanwhile_is_left_and_counted(desk: Desk) -> None:
    some = several(desk)
    made = run(desk, "close", some)
    cases.reopen(actor=desk.actor, case_id=some[1].pk, now=desk.now())
    after = facts(some[1])
    assert undo(desk, made) == (2, 1)
    assert facts(some[1]) == after
    assert [fresh(case).status for case in some] == ["open", "open", "open"]


def test_new_words_after_closing_are_not_undone(desk: Desk, time: Clock) -> None:
    some = several(desk)
    made = run(desk, "close", some)
    time.forward(minutes=5)
    desk.says("Nachtrag", to=some[0].thread.remote_id)
    desk.fetch()
    after = facts(some[0])
    assert undo(desk, made) == (2, 1)
    assert facts(some[0]) == after


def test_what_others_change_in_another_respect_stays_and_the_rest_is_undone(desk: Desk) -> None:
    some = several(desk)
    made = run(desk, "assign", some, desk.actor.user.pk)
    cases.classify(actor=desk.actor, case_id=some[0].pk, priority=Priority.URGENT, now=desk.now())
    assert undo(desk, made) == (3, 0)
    assert (fresh(some[0]).assignee_id, fresh(some[0]).priority) == (None, Priority.URGENT)


def test_undoing_twice_is_undoing_once_and_is_recorded(desk: Desk, time: Clock) -> None:
    some = several(desk)
    made = run(desk, "close", some)
    assert undo(desk, made) == (3, 0)
    cases.close(actor=desk.actor, case_id=some[0].pk, now=desk.now())
    time.forward(hours=2)
    assert undo(desk, made) == (3, 0)
    assert fresh(some[0]).status == Status.CLOSED
    assert AuditRecord.objects.filter(verb="undid", details={"bulk": made.pk, "did": "close"}).count() == 3


def test_after_an_hour_it_is_too_late_and_after_a_day_forgotten(desk: Desk, time: Clock) -> None:
    made = run(desk, "close", several(desk))
    time.forward(minutes=61)
    with pytest.raises(Conflict):
        undo(desk, made)
    sweeps.tidy(desk.now())
    assert BulkRun.objects.exists()
    time.forward(days=1)
    sweeps.tidy(desk.now())
    assert not BulkRun.objects.exists()
    assert not BulkStep.objects.exists()


def test_a_label_or_owner_that_is_gone_does_not_come_back(desk: Desk) -> None:
    some = several(desk)
    label = label_of(desk)
    run(desk, "label", some, label.pk)
    taken_off = run(desk, "unlabel", some, label.pk)
    agent = desk.member(Role.AGENT)
    run(desk, "assign", some, agent.user.pk)
    taken_away = run(desk, "assign", some, None)
    library.delete_label(actor=desk.actor, label_id=label.pk, now=desk.now())
    agent.membership.delete()
    assert undo(desk, taken_off) == (0, 3)
    assert undo(desk, taken_away) == (0, 3)


# --- against an oracle: the single deeds, one after another


class House:
    """A desk with cases, rules and teams, so that every deed moves deadlines."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self.clock = clock
        self.desk = Desk(folder)
        self.people = [self.desk.actor, self.desk.member(Role.AGENT)]
        self.labels = [label_of(self.desk, "A"), label_of(self.desk, "B")]
        me, now = self.desk.actor, self.desk.now()
        self.team = teams.save_team(
            actor=me, name="Team", member_ids=[me.membership.pk], calendar=None, now=now
        )
        for name, minutes, conditions in (
            ("Label", 30, Conditions(labels=[self.labels[0].pk])),
            ("Urgent", 60, Conditions(priorities=[Priority.URGENT])),
        ):
            promise = Given(promise="minutes", minutes=minutes)
            promises.save_rule(actor=me, name=name, conditions=conditions, given=promise, now=now)
        self.cases = several(self.desk, 4)

    def value(self, do: str, which: int) -> Any:
        return {
            "assign": [self.people[0].user.pk, self.people[1].user.pk, None][which],
            "label": self.labels[which % 2].pk,
            "unlabel": self.labels[which % 2].pk,
            "priority": [Priority.LOW, Priority.HIGH, Priority.URGENT][which],
            "team": [self.team.pk, None, self.team.pk][which],
            "snooze": MONDAY + timedelta(days=10 + which),
        }.get(do)

    def single(self, do: str, case: Case, value: Any) -> None:
        """The deed for one case, unless it is so already."""
        now, who = self.desk.now(), self.desk.actor
        about: dict[str, Any] = {"actor": who, "case_id": case.pk, "now": now}
        present = fresh(case)
        labels = set(present.labels.values_list("pk", flat=True))
        if do == "assign" and present.assignee_id != value:
            cases.assign(**about, user_id=value)
        elif do in {"label", "unlabel"} and (value in labels) != (do == "label"):
            cases.label(**about, label_id=value, on=do == "label")
        elif do == "priority" and present.priority != value:
            cases.classify(**about, priority=value)
        elif do == "team" and present.team_id != value:
            cases.hand_to_team(**about, team_id=value)
        elif do == "snooze" and (present.status, present.snoozed_until) != ("snoozed", value):
            cases.snooze(**about, until=value)
        elif do == "close" and present.status != Status.CLOSED:
            cases.close(**about)
        elif do == "reopen" and present.status != Status.OPEN:
            cases.reopen(**about)

    def facts(self) -> dict[int, dict[str, Any]]:
        return {case.pk: facts(case) for case in self.cases}


DEED = st.tuples(st.sampled_from(Do.values), st.integers(0, 2), st.sets(st.integers(0, 3), min_size=1))
DEEDS = st.lists(DEED, min_size=0, max_size=5)


@pytest.fixture
def place(db: None, time: Clock, tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path, time)
    yield made
    made.desk.village.close()


class _Back(Exception):
    pass


def tried(place: House, deeds: list[Any], last: Any, *, together: bool) -> dict[int, dict[str, Any]]:
    """What comes of these single deeds and then the last one, and nothing of it stays."""
    found: dict[int, dict[str, Any]] = {}
    with ExitStack() as stack:
        stack.callback(place.clock.to, MONDAY)
        try:
            with transaction.atomic():
                for do, which, on in deeds:
                    place.clock.forward(minutes=7)
                    for at in on:
                        place.single(do, place.cases[at], place.value(do, which))
                place.clock.forward(minutes=7)
                do, which, on = last
                if together:
                    run(place.desk, do, [place.cases[at] for at in on], place.value(do, which))
                else:
                    for at in on:
                        place.single(do, place.cases[at], place.value(do, which))
                found = place.facts()
                raise _Back
        except _Back:
            pass
    return found


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(deeds=DEEDS, last=DEED)
def test_doing_it_together_is_doing_it_one_by_one(place: House, deeds: list[Any], last: Any) -> None:
    assert tried(place, deeds, last, together=True) == tried(place, deeds, last, together=False)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(deeds=DEEDS, last=DEED, between=DEEDS)
def test_undoing_leaves_every_untouched_case_as_it_was(
    place: House, deeds: list[Any], last: Any, between: list[Any]
) -> None:
    with ExitStack() as stack:
        stack.callback(place.clock.to, MONDAY)
        try:
            with transaction.atomic():
                _undone_as_it_was(place, deeds, last, between)
                raise _Back
        except _Back:
            pass


def _undone_as_it_was(place: House, deeds: list[Any], last: Any, between: list[Any]) -> None:
    for do, which, on in deeds:
        place.clock.forward(minutes=7)
        run(place.desk, do, [place.cases[at] for at in on], place.value(do, which))
    before = place.facts()
    place.clock.forward(minutes=7)
    do, which, on = last
    made = run(place.desk, do, [place.cases[at] for at in on], place.value(do, which))
    after = place.facts()
    touched = set()
    for do, which, on in between:
        place.clock.forward(minutes=1)
        for at in on:
            place.single(do, place.cases[at], place.value(do, which))
            touched.add(place.cases[at].pk)
    meanwhile = place.facts()
    place.clock.forward(minutes=1)
    restored, left = undo(place.desk, made)
    assert restored + left == made.done
    now = place.facts()
    for case in place.cases:
        if case.pk not in touched:
            assert now[case.pk] == before[case.pk]
        elif before[case.pk] == after[case.pk]:
            assert now[case.pk] == meanwhile[case.pk], "the run has not changed it, so its undoing must not"
        present = fresh(case)
        assert (present.status == Status.OPEN) <= (present.due_at is not None)
        assert (present.status != Status.CLOSED) or present.due_at is None


# --- at the same time


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite writes one after another")
def test_it_never_waits_in_a_circle_with_new_words(busy_desk: Desk) -> None:
    desk = busy_desk
    some = several(desk, 8)
    threads = [case.thread.remote_id for case in some]
    errors: list[Exception] = []

    def guarded(what: Any) -> Any:
        def go() -> None:
            try:
                for number in range(12):
                    what(number)
            except Exception as error:  # noqa: BLE001
                errors.append(error)
            finally:
                connection.close()

        return go

    def many(number: int) -> None:
        run(desk, "reopen" if number % 2 else "close", some[::-1])

    def words(number: int) -> None:
        with Village(desk.file) as village:
            for thread in threads:
                village.write("comment", by="ada", text=f"noch {number}", now=desk.now(), to=thread)
        Channel.objects.filter(pk=desk.channel.pk).update(next_sync_at=desk.now())
        desk.fetch()

    together = [threading.Thread(target=guarded(what)) for what in (many, words)]
    for thread in together:
        thread.start()
    for thread in together:
        thread.join()
    close_old_connections()
    assert not errors
    desk.fetch()
    assert CaseInteraction.objects.filter(case__in=some).count() == 8 * 13


# --- pages and API


@pytest.fixture
def client(desk: Desk) -> Client:
    browser = Client(headers={"accept-language": "en"})
    browser.force_login(desk.actor.user)
    return browser


def where(desk: Desk, rest: str = "") -> str:
    return f"/w/{desk.actor.workspace.slug}/inbox/{rest}"


def text(answer: Any) -> str:
    return " ".join(answer.content.decode().split())


def test_without_javascript_a_form_closes_the_ticked_and_a_form_undoes_it(desk: Desk, client: Client) -> None:
    some = several(desk)
    page = text(client.get(where(desk)))
    assert all(f'name="case" value="{case.pk}" form="bulk"' in page for case in some)
    ticked = [case.pk for case in some[:2]]
    said = text(client.post(where(desk, "together/"), {"do": "close", "case": ticked}, follow=True))
    assert "2 cases closed." in said
    made = BulkRun.objects.get()
    url = where(desk, f"together/{made.pk}/undo/")
    assert f'action="{url}"' in said
    assert "Undone: 2 cases are as they were." in text(client.post(url, follow=True))
    assert {fresh(case).status for case in some} == {Status.OPEN}


def test_with_htmx_the_message_comes_alone_and_the_list_looks_for_news(desk: Desk, client: Client) -> None:
    some = several(desk, 1)
    answer = client.post(
        where(desk, "together/"), {"do": "close", "case": [some[0].pk]}, headers={"HX-Request": "true"}
    )
    assert answer.headers["HX-Trigger-After-Settle"] == '{"cases-changed": {}}'
    assert "bulk-done" in answer.headers["HX-Trigger"]
    assert 'hx-swap-oob="beforeend:#messages"' in text(answer)
    assert "1 case closed." in text(answer)


def test_all_that_fit_the_list_are_changed_without_being_ticked(desk: Desk, client: Client) -> None:
    some = several(desk, 4)
    cases.assign(actor=desk.actor, case_id=some[0].pk, user_id=desk.actor.user.pk, now=desk.now())
    address = where(desk, "together/?view=unassigned")
    assert "All 3 that fit this list" in text(client.get(address, headers={"HX-Request": "true"}))
    client.post(address, {"do": f"priority:{Priority.HIGH}", "all": "1"})
    assert [fresh(case).priority for case in some] == [2, 3, 3, 3]


@pytest.mark.parametrize("do", ["", "explode", "assign:x:y", "snooze:", "snooze:yesterday", "priority:²"])
def test_nonsense_is_a_sentence_and_changes_nothing(desk: Desk, client: Client, do: str) -> None:
    some = several(desk, 1)
    before = {**facts(some[0]), "assignee_id": None}
    answer = client.post(where(desk, "together/"), {"do": do, "case": [some[0].pk], "seen": "x"}, follow=True)
    assert answer.status_code == 200
    assert facts(some[0]) == before


def test_each_order_is_said_in_a_sentence(desk: Desk, client: Client) -> None:
    some = several(desk, 2)
    label = label_of(desk, "Lob")
    team = teams.save_team(
        actor=desk.actor,
        name="Backstube",
        member_ids=[desk.actor.membership.pk],
        calendar=None,
        now=desk.now(),
    )
    ticked = [case.pk for case in some]
    for do, sentence in (
        (f"assign:{desk.actor.user.pk}", f"2 cases assigned to {desk.actor.user}."),
        ("assign:", "2 cases have no owner now."),
        (f"label:{label.pk}", "2 cases labelled “Lob”."),
        (f"unlabel:{label.pk}", "Label “Lob” taken off 2 cases."),
        ("priority:4", "2 cases: priority “Urgent”."),
        (f"team:{team.pk}", "2 cases handed to Backstube."),
        ("team:", "2 cases have no team now."),
        ("snooze:2026-03-03T09:00", "2 cases snoozed until"),
        ("reopen", "2 cases reopened."),
        ("close", "2 cases closed."),
        ("close", "2 were so already."),
    ):
        said = text(client.post(where(desk, "together/"), {"do": do, "case": ticked}, follow=True))
        assert sentence in said, do


def test_a_guest_sees_no_boxes(desk: Desk) -> None:
    several(desk, 1)
    guest = Client()
    guest.force_login(desk.member(Role.GUEST).user)
    page = text(guest.get(where(desk)))
    assert 'class="pick"' not in page
    assert 'id="bulk"' not in page


@pytest.mark.django_db
def test_a_program_changes_many_and_undoes_it(time: Clock, tmp_path: Path, settings: Any) -> None:
    settings.DATA_DIR = tmp_path
    desk = program()
    made = desk.post("/cases/together", {"do": "close", "cases": [4711]})
    assert (made["done"], made["skipped"]) == (0, {"gone": 1})
    undone = desk.post(f"/cases/together/{made['id']}/undo", status=200)
    assert undone == {"restored": 0, "left": 0}
    desk.post("/cases/together", {"do": "close", "cases": []}, status=422)
    desk.post("/cases/together/4711/undo", status=404)
