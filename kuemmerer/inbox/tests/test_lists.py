"""The case lists and the conversation: complete, in order, in pages."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from typing import Any

import pytest

from kuemmerer.accounts.models import Role
from kuemmerer.channels import interactions
from kuemmerer.core.errors import Invalid, NotFound
from kuemmerer.inbox import cases, conversation, library, lists, notes, search
from kuemmerer.inbox.models import Case, Status
from kuemmerer.networks.base import Item, Kind, Person
from tests.factories import MONDAY, Clock, Desk, actor, close, fresh


def crowd(desk: Desk, count: int, *, every: timedelta = timedelta(minutes=7)) -> list[Case]:
    """So many cases, each with another author and time; every third shares its moment with the one before."""
    items = [
        Item(
            kind=Kind.MENTION,
            remote_id=f"m{number}",
            thread_id=f"m{number}",
            author=Person(remote_id=f"p{number}", handle=f"p{number}", name=f"Person {number}"),
            created_at=MONDAY + every * (number - (number % 3 == 2)),
            text=f"Frage {number}",
        )
        for number in range(count)
    ]
    interactions.store(channel=desk.channel, items=items, now=MONDAY + every * count)
    cases.open_from_channel(desk.state)
    search.fill(desk.now())
    return list(Case.objects.filter(channel=desk.channel).order_by("id"))


def walk(desk: Desk, *, limit: int = 4, between: Any = None, **filters: Any) -> list[int]:
    """All pages of a list; `between` is called after each."""
    filters = {"view": "all", **filters}
    found: list[int] = []
    mark = None
    while True:
        page = lists.case_list(actor=desk.actor, now=desk.now(), after=mark, limit=limit, **filters)
        found += [case.pk for case in page.cases]
        if page.next is None:
            return found
        mark = page.next
        if between:
            between(page)


@pytest.mark.parametrize("view", ["all", "unassigned"])
@pytest.mark.parametrize("limit", [1, 3, 7, 50])
def test_paging_shows_each_case_once_in_order(desk: Desk, view: str, limit: int) -> None:
    made = crowd(desk, 13)
    found = walk(desk, view=view, limit=limit)
    if view == "all":
        assert found == [c.pk for c in sorted(made, key=lambda c: (c.last_at, c.pk), reverse=True)]
    else:
        assert found == [c.pk for c in sorted(made, key=lambda c: (c.due_at, c.pk))]


def test_paging_is_complete_and_without_doubles_while_cases_come_and_go(desk: Desk, time: Clock) -> None:
    made = crowd(desk, 20)
    time.forward(days=1)
    closed: list[int] = []

    def changes(page: lists.Page) -> None:
        close(page.cases[-1], desk.actor)
        closed.append(page.cases[-1].pk)
        crowd(desk, 20 + len(closed))

    found = walk(desk, view="unassigned", between=changes)
    assert closed
    assert len(found) == len(set(found))
    assert {case.pk for case in made} <= set(found)


def test_a_page_holds_a_hundred_at_most(desk: Desk) -> None:
    crowd(desk, 105)
    page = lists.case_list(actor=desk.actor, view="all", now=desk.now(), limit=10_000)
    assert (len(page.cases), page.next is not None) == (100, True)
    assert len(lists.case_list(actor=desk.actor, view="all", now=desk.now(), limit=0).cases) == 1


def test_each_view_holds_what_its_name_says(desk: Desk, time: Clock) -> None:
    made = crowd(desk, 6, every=timedelta(hours=6))
    mine, theirs, closed = made[0], made[1], made[2]
    agent = desk.member(Role.AGENT)
    cases.assign(actor=desk.actor, case_id=mine.pk, user_id=desk.actor.user.pk, now=time.now)
    cases.assign(actor=desk.actor, case_id=theirs.pk, user_id=agent.user.pk, now=time.now)
    close(closed, desk.actor)
    time.forward(days=1, hours=2)
    opened = [case for case in map(fresh, made) if case.status == Status.OPEN]
    midnight = time.now.astimezone(desk.actor.workspace.zone).replace(hour=0, minute=0) + timedelta(days=1)
    assert walk(desk, view="mine") == [mine.pk]
    assert set(walk(desk, view="unassigned")) == {case.pk for case in opened} - {mine.pk, theirs.pk}
    assert set(walk(desk, view="overdue")) == {case.pk for case in opened if case.due_at <= time.now}
    assert set(walk(desk, view="due")) == {case.pk for case in opened if case.due_at < midnight}
    assert set(walk(desk, view="all")) == {case.pk for case in made}
    assert walk(desk, view="all", status="closed") == [closed.pk]
    assert walk(desk, view="mine", status="closed") == []


def test_lists_are_filtered_by_channel_label_owner_and_words(desk: Desk, tmp_path: Any, time: Clock) -> None:
    made = crowd(desk, 5)
    label = library.save_label(actor=desk.actor, name="Lob", color=1, now=time.now)
    cases.label(actor=desk.actor, case_id=made[3].pk, label_id=label.pk, on=True, now=time.now)
    cases.assign(actor=desk.actor, case_id=made[2].pk, user_id=desk.actor.user.pk, now=time.now)
    assert walk(desk, label_id=label.pk) == [made[3].pk]
    assert walk(desk, assignee_id=desk.actor.user.pk) == [made[2].pk]
    assert len(walk(desk, channel_id=desk.channel.pk)) == 5
    assert walk(desk, channel_id=desk.channel.pk + 1) == []
    assert walk(desk, search="frage 4") == [made[4].pk]
    assert walk(desk, search="PERSON 1") == [made[1].pk]
    assert walk(desk, search="100%") == []
    assert len(walk(desk, search="Fra\x00ge")) == 5


def test_filters_of_another_workspace_find_nothing(desk: Desk) -> None:
    crowd(desk, 2)
    stranger = actor()
    page = lists.case_list(actor=stranger, view="all", now=desk.now(), channel_id=desk.channel.pk)
    assert list(page.cases) == []
    with pytest.raises(NotFound):
        cases.get(actor=stranger, case_id=Case.objects.first().pk)


@pytest.mark.parametrize("fields", [{"view": "nonsense"}, {"status": "nonsense"}, {"view": ""}])
def test_there_is_no_such_list(desk: Desk, fields: dict[str, str]) -> None:
    with pytest.raises(Invalid):
        walk(desk, **fields)


def encoded(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()


BAD_MARKS = [
    "x",
    "ü",
    "====",
    "\x00",
    "\ud800",
    encoded("text"),
    encoded([]),
    encoded([1, 2]),
    encoded(["2026-03-02T09:00:00+00:00", "x"]),
    encoded(["2026-03-02T09:00:00+00:00", None]),
    encoded(["0001-01-01T00:00:00+14:00", 1]),
    encoded(["9999-12-31T23:59:59-14:00", 1]),
    encoded(["2026-13-40", 1]),
    encoded(["2026-03-02T09:00:00+00:00", float("inf")]),
    base64.urlsafe_b64encode(b"[" * 5000).decode(),
    base64.urlsafe_b64encode(b"\xff\xfe").decode(),
]


@pytest.mark.parametrize("mark", BAD_MARKS)
@pytest.mark.parametrize("view", ["all", "due"])
def test_a_made_up_page_mark_is_refused_with_a_sentence(desk: Desk, mark: str, view: str) -> None:
    with pytest.raises(Invalid) as refused:
        lists.case_list(actor=desk.actor, view=view, now=desk.now(), after=mark)
    assert refused.value.code == "bad_cursor"


@pytest.mark.parametrize("pk", [10**30, -(10**30), 0])
def test_a_page_mark_beyond_every_number_finds_its_place(desk: Desk, pk: int) -> None:
    crowd(desk, 1)
    mark = encoded([(MONDAY + timedelta(days=9)).isoformat(), pk])
    assert len(lists.case_list(actor=desk.actor, view="all", now=desk.now(), after=mark).cases) == 1


def test_counting_ends_at_a_hundred(desk: Desk) -> None:
    crowd(desk, 3)
    assert lists.counts(actor=desk.actor, now=desk.now())[lists.View.UNASSIGNED] == 3
    crowd(desk, 120)
    number = lists.counts(actor=desk.actor, now=desk.now())[lists.View.UNASSIGNED]
    assert (number, lists.shown_count(number)) == (100, "99+")
    assert [lists.shown_count(n) for n in (0, 1, 99)] == ["", "1", "99"]


@pytest.mark.parametrize("hours", [0, 5, 25, 47, 240])
def test_each_count_is_the_length_of_its_list(desk: Desk, hours: int) -> None:
    crowd(desk, 9)
    for place, case in enumerate(Case.objects.order_by("id")):
        Case.objects.filter(pk=case.pk).update(
            due_at=desk.now() + timedelta(hours=place * 6), assignee=desk.actor.user if place % 2 else None
        )
    cases.close(actor=desk.actor, case_id=case.pk, now=desk.now())
    now = desk.now() + timedelta(hours=hours)
    counts = lists.counts(actor=desk.actor, now=now)
    assert counts == {
        view: len(lists.case_list(actor=desk.actor, view=view, now=now).cases)
        for view in lists.View
        if view != lists.View.ALL
    }
    assert counts[lists.View.OPEN] == 8


# --- the conversation


def thread(desk: Desk, count: int) -> Case:
    """A thread of so many comments; Ada wrote the first one and each fiftieth."""
    items = [
        Item(
            kind=Kind.COMMENT,
            remote_id=f"c{number}",
            thread_id="root",
            parent_id=f"c{number - 1}" if number else "root",
            author=Person(remote_id="ada" if number % 50 == 0 else f"p{number % 9}", name=f"P{number % 9}"),
            created_at=MONDAY + timedelta(minutes=20 * number),
            text=f"Nr. {number}",
        )
        for number in range(count)
    ]
    root = Item(
        kind=Kind.POST,
        remote_id="root",
        thread_id="root",
        author=Person(remote_id="baker"),
        created_at=MONDAY - timedelta(hours=1),
        ours=True,
        addressed=False,
        text="Unser Beitrag",
    )
    interactions.store(channel=desk.channel, items=[root, *items], now=MONDAY + timedelta(days=20))
    cases.open_from_channel(desk.state)
    return Case.objects.get(author__remote_id="ada")


def texts(found: conversation.Conversation) -> list[str]:
    return [
        e.interaction.text if e.interaction else e.reply.text if e.reply else e.note.text
        for e in found.entries
    ]


def test_of_a_thread_250_deep_the_newest_the_root_and_the_authors_own_words_are_shown(desk: Desk) -> None:
    case = thread(desk, 250)
    found = conversation.conversation(actor=desk.actor, case=case)
    begin = 250 - conversation.NEWEST
    own = [f"Nr. {number}" for number in range(0, begin, 50)]
    assert found.earlier
    assert texts(found) == ["Unser Beitrag", *own, *(f"Nr. {number}" for number in range(begin, 250))]
    whole = conversation.conversation(actor=desk.actor, case=case, whole=True)
    assert not whole.earlier
    assert texts(whole) == ["Unser Beitrag", *(f"Nr. {number}" for number in range(250))]


def test_a_short_thread_is_shown_whole(desk: Desk) -> None:
    found = conversation.conversation(actor=desk.actor, case=thread(desk, 20))
    assert not found.earlier
    assert len(found.entries) == 21
    kinds = {entry.interaction.text: entry.kind for entry in found.entries}
    assert (kinds["Unser Beitrag"], kinds["Nr. 0"], kinds["Nr. 1"]) == ("context", "theirs", "context")


def test_each_local_day_begins_with_its_date_once(desk: Desk) -> None:
    found = conversation.conversation(actor=desk.actor, case=thread(desk, 200), whole=True)
    days = [entry.day for entry in found.entries if entry.day]
    zone = desk.actor.workspace.zone
    assert days == sorted({entry.at.astimezone(zone).date() for entry in found.entries})


def test_our_answer_is_shown_once_before_and_after_it_was_fetched(desk: Desk, time: Clock) -> None:
    uid, case = desk.asked()
    desk.reply(case)
    for step in (lambda: None, desk.deliver, desk.fetch):
        time.forward(minutes=1)
        step()
        found = conversation.conversation(actor=desk.actor, case=fresh(case))
        assert texts(found) == ["Frisch aus dem Ofen", "Bis wann habt ihr offen?", "Bis 18 Uhr."]
        assert found.entries[-1].reply is not None
    assert found.under_way is False
    assert desk.answers(uid) == ["Bis 18 Uhr."]


def test_notes_stand_where_they_were_written_and_only_in_their_case(desk: Desk, time: Clock) -> None:
    _, case = desk.asked()
    _, other = desk.asked(by="bert")
    time.forward(minutes=1)
    notes.add(actor=desk.actor, case_id=case.pk, text="Stammkundin", now=time.now)
    time.forward(minutes=1)
    desk.says("Hallo?")
    desk.fetch()
    found = conversation.conversation(actor=desk.actor, case=case)
    assert texts(found)[-2:] == ["Stammkundin", "Hallo?"]
    assert "Stammkundin" not in texts(conversation.conversation(actor=desk.actor, case=other))


def test_the_authors_earlier_cases_are_at_hand(desk: Desk, time: Clock) -> None:
    _, first = desk.asked(kind="mention")
    time.forward(hours=1)
    _, second = desk.asked(kind="mention")
    desk.asked(by="bert")
    assert conversation.earlier_cases(second) == [first]
