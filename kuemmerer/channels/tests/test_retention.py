"""What is older than a channel may keep goes; its numbers stay."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kuemmerer.accounts.models import Role
from kuemmerer.audience import contacts
from kuemmerer.channels import interactions, retention
from kuemmerer.channels.models import Author, Channel, DailyCount, Interaction, Thread
from kuemmerer.channels.sweeps import expire_interactions
from kuemmerer.core.errors import Forbidden, Invalid
from kuemmerer.core.models import AuditRecord
from kuemmerer.inbox import notes, replies, sweeps
from kuemmerer.inbox.models import Case, Note, Reply
from kuemmerer.networks.base import Item, Kind, Person
from tests.factories import MONDAY, Clock, Desk, close

ADA, BERT = Person(remote_id="a", name="Ada"), Person(remote_id="b", name="Bert")
US = Person(remote_id="baker", name="Bäckerei Probe")


def item(remote_id: str, days: float, author: Person = ADA, **more: Any) -> Item:
    """Something that was written so many days before Monday, 10 o'clock in Berlin."""
    fields: dict[str, Any] = {
        "kind": Kind.COMMENT,
        "thread_id": "t",
        "text": f"text {remote_id}",
        "raw": {"k": 1},
    }
    return Item(
        remote_id=remote_id, author=author, created_at=MONDAY - timedelta(days=days), **{**fields, **more}
    )


def stored(desk: Desk, *items: Item) -> None:
    interactions.store(channel=desk.channel, items=items, now=desk.now())
    sweeps.open_cases(desk.now())


def keep(desk: Desk, days: int | None, raw_days: int | None = None) -> None:
    retention.set_retention(
        actor=desk.actor, channel_id=desk.channel.pk, days=days, raw_days=raw_days, now=desk.now()
    )
    expire_interactions(desk.now())


def left(**wanted: Any) -> set[str]:
    return set(Interaction.objects.filter(**wanted).values_list("remote_id", flat=True))


def test_by_default_everything_is_kept(desk: Desk, time: Clock) -> None:
    stored(desk, item("old", 3000))
    time.forward(days=3000)
    assert expire_interactions(desk.now()) == 0
    assert left() == {"old"}


def test_what_is_older_than_n_local_days_goes_and_the_rest_stays(desk: Desk) -> None:
    # Ten o'clock less 10.5 days is before midnight ten days ago, less 10.25 days is after it.
    stored(desk, item("old", 10.5), item("just", 10.25, BERT), item("new", 1, BERT))
    keep(desk, 10)
    assert left() == {"just", "new"}
    assert not Author.objects.filter(remote_id="a").exists()


def test_a_case_goes_with_its_last_words_with_answers_notes_and_what_was_recorded(desk: Desk) -> None:
    stored(desk, item("old", 40), item("old2", 39))
    case = Case.objects.get()
    notes.add(actor=desk.actor, case_id=case.pk, text="Vorsicht", now=desk.now())
    sent = replies.write(actor=desk.actor, case_id=case.pk, text="Gerne", now=desk.now())
    replies.withdraw(actor=desk.actor, reply_id=sent.pk, now=desk.now())
    close(case, desk.actor)
    keep(desk, 30)
    assert not Case.objects.exists()
    assert not Note.objects.exists()
    assert not Thread.objects.exists()
    assert not AuditRecord.objects.filter(subject_type="case").exclude(details={}).exists()
    assert AuditRecord.objects.filter(subject_type="case", verb="closed").exists()


def test_a_case_with_newer_words_stays(desk: Desk) -> None:
    stored(desk, item("old", 40), item("new", 2))
    close(Case.objects.get(), desk.actor)
    keep(desk, 30)
    assert left() == {"new"}
    assert Case.objects.get().excerpt == "text new"


def test_what_still_waits_for_us_is_not_erased_before_its_case_is_closed(desk: Desk, time: Clock) -> None:
    stored(desk, item("question", 2))
    time.forward(days=60)
    keep(desk, 30, 30)
    assert left() == {"question"}
    assert Interaction.objects.get().raw == {"k": 1}
    close(Case.objects.get(), desk.actor)
    time.forward(days=1)
    expire_interactions(desk.now())
    assert left() == set()


def test_an_answer_on_its_way_keeps_what_it_answers(desk: Desk, time: Clock) -> None:
    stored(desk, item("question", 2))
    desk.reply(Case.objects.get())
    Case.objects.update(status="closed", unanswered_since=None, due_at=None)
    time.forward(days=60)
    keep(desk, 30)
    assert left() == {"question"}
    assert Reply.objects.exists()


def test_raw_records_can_go_sooner_than_the_words(desk: Desk) -> None:
    stored(desk, item("old", 40), item("new", 2, BERT))
    keep(desk, None, 30)
    assert left(raw={}) == {"old"}
    assert left() == {"old", "new"}


def test_a_feed_that_still_lists_what_is_too_old_brings_it_no_more(desk: Desk) -> None:
    keep(desk, 30)
    stored(desk, item("old", 40), item("new", 1, BERT))
    assert left() == {"new"}
    assert not Author.objects.filter(remote_id="a").exists()


def test_the_numbers_of_each_local_day_stay(desk: Desk) -> None:
    stored(
        desk,
        item("q1", 40),
        item("q2", 40.01, BERT),
        item("like", 40, kind=Kind.LIKE),
        item("a1", 40 - 20 / 1440, US, ours=True, parent_id="q1"),
    )
    keep(desk, 30)
    assert left() == set()
    rows = {(row.kind, row.ours): row for row in DailyCount.objects.all()}
    words = rows["comment", False]
    assert words.day == date(2026, 1, 21)
    assert (words.interactions, words.answered, words.answer_minutes) == (2, 1, 20)
    assert words.answer_times == [0, 1, 0, 0, 0, 0, 0, 0, 0, 0]
    assert rows["like", False].interactions == 1
    assert rows["comment", True].interactions == 1


def test_an_answer_from_the_desk_counts_from_when_it_arrived(desk: Desk, time: Clock) -> None:
    stored(desk, item("q", 0))
    reply = desk.reply(Case.objects.get())
    Reply.objects.filter(pk=reply.pk).update(
        state="delivered", next_at=None, delivered_at=desk.now() + timedelta(minutes=45)
    )
    close(Case.objects.get(), desk.actor)
    time.forward(days=31)
    keep(desk, 30)
    assert DailyCount.objects.get().answer_minutes == 45


def test_answers_are_counted_wherever_the_steps_fall(desk: Desk, monkeypatch: Any) -> None:
    """A backfill stores answers before what they answer; a step must not erase them uncounted."""
    monkeypatch.setattr(retention, "STEP", 1)
    stored(desk, item("a1", 39, US, ours=True, parent_id="q1"), item("q1", 40))
    keep(desk, 30)
    assert DailyCount.objects.get(kind="comment", ours=False).answered == 1


def test_a_killed_walk_goes_on_where_it_stopped(desk: Desk, monkeypatch: Any) -> None:
    monkeypatch.setattr(retention, "STEP", 2)
    stored(desk, *(item(f"i{n}", 40, Person(remote_id=f"p{n}")) for n in range(7)))
    monkeypatch.setattr(retention, "BUDGET_SECONDS", -1)
    keep(desk, 30)
    assert len(left()) == 7
    assert retention._step(desk.channel.pk, desk.now()) == (2, True)
    assert len(left()) == 5
    monkeypatch.setattr(retention, "BUDGET_SECONDS", 20)
    assert expire_interactions(desk.now()) == 5
    assert DailyCount.objects.get().interactions == 7
    assert expire_interactions(desk.now()) == 0


def test_it_looks_again_every_day(desk: Desk, time: Clock) -> None:
    stored(desk, item("q", 29.9))
    close(Case.objects.get(), desk.actor) if Case.objects.filter(status="open").exists() else None
    keep(desk, 30)
    assert left() == {"q"}
    time.forward(days=2)
    assert expire_interactions(desk.now()) == 1


def test_a_contact_keeps_its_accounts_when_the_words_are_gone(desk: Desk) -> None:
    stored(desk, item("old", 40))
    contact = contacts.make(actor=desk.actor, author_id=Author.objects.get(remote_id="a").pk, now=desk.now())
    keep(desk, 30)
    assert left() == set()
    assert len(contacts.accounts_of(contact)) == 1


@settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    ages=st.lists(st.floats(0, 60, allow_nan=False), min_size=1, max_size=25),
    days=st.integers(1, 59),
)
def test_kept_and_counted_together_are_all_there_were(desk: Desk, ages: list[float], days: int) -> None:
    Channel.objects.filter(pk=desk.channel.pk).update(retention_days=None)
    Interaction.objects.all().delete()
    DailyCount.objects.all().delete()
    stored(desk, *(item(f"x{n}", age, kind=Kind.LIKE) for n, age in enumerate(ages)))
    keep(desk, days)
    zone = desk.actor.workspace.zone
    today = desk.now().astimezone(zone).date()
    wanted: dict[date, int] = {}
    kept = 0
    for n, age in enumerate(ages):
        written = item(f"x{n}", age).created_at.astimezone(zone).date()
        if (today - written).days > days:
            wanted[written] = wanted.get(written, 0) + 1
        else:
            kept += 1
    assert {row.day: row.interactions for row in DailyCount.objects.all()} == wanted
    assert Interaction.objects.count() == kept


def test_only_sensible_numbers_by_who_may(desk: Desk) -> None:
    for days in (0, -1, 10**6):
        with pytest.raises(Invalid):
            keep(desk, days)
        with pytest.raises(Invalid):
            keep(desk, None, days)
    agent = desk.member(Role.AGENT)
    with pytest.raises(Forbidden):
        retention.set_retention(
            actor=agent, channel_id=desk.channel.pk, days=1, raw_days=None, now=desk.now()
        )
    keep(desk, 30)
    assert AuditRecord.objects.get(verb="set retention").details == {"days": 30, "raw_days": None}
