"""Ideas: collected from what a channel brings, written down, decided on."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from kuemmerer.accounts.access import PERMISSIONS
from kuemmerer.accounts.models import Role
from kuemmerer.channels import interactions
from kuemmerer.core.errors import Forbidden, Invalid, NotFound
from kuemmerer.core.models import AuditRecord
from kuemmerer.networks.base import Item, Kind, Person
from kuemmerer.publishing import ideas, sweeps
from kuemmerer.publishing.models import Idea
from tests.factories import MONDAY, Desk, actor


def entry(number: int, **more: Any) -> Item:
    fields: dict[str, Any] = {
        "title": f"Beitrag {number}",
        "text": "Worum es geht",
        "kind": Kind.ENTRY,
        **more,
    }
    return Item(
        remote_id=f"e{number}",
        thread_id=f"e{number}",
        author=Person(remote_id="blog"),
        created_at=MONDAY - timedelta(days=number),
        addressed=False,
        **fields,
    )


def store(desk: Desk, *items: Item, gone: list[str] | None = None) -> None:
    interactions.store(channel=desk.channel, items=items, gone=gone or [], now=desk.now())


def test_each_entry_of_a_feed_becomes_one_idea(desk: Desk) -> None:
    store(desk, *(entry(number) for number in range(3)), entry(9, kind=Kind.MENTION))
    assert sweeps.collect_ideas(desk.now()) == 3
    assert sweeps.collect_ideas(desk.now()) == 0
    store(desk, entry(0, title="Überarbeitet"), entry(4))
    assert sweeps.collect_ideas(desk.now()) == 1
    assert Idea.objects.count() == 4
    assert {idea.status for idea in Idea.objects.all()} == {"collected"}
    assert Idea.objects.get(source__remote_id="e0").title == "Beitrag 0"


def test_an_idea_outlives_its_entry(desk: Desk) -> None:
    store(desk, entry(1))
    sweeps.collect_ideas(desk.now())
    store(desk, gone=["e1"])
    sweeps.collect_ideas(desk.now())
    desk.channel.delete()
    idea = Idea.objects.get()
    assert (idea.title, idea.source) == ("Beitrag 1", None)


@pytest.mark.parametrize(
    ("fields", "title"),
    [
        ({"title": "", "text": "Nur Text " * 50}, ("Nur Text " * 50)[:80]),
        (
            {"title": "", "text": "", "url": "https://example.org/" + "x" * 1500},
            "https://example.org/" + "x" * 480,
        ),
    ],
)
def test_an_idea_has_a_title_that_fits(desk: Desk, fields: dict[str, str], title: str) -> None:
    store(desk, entry(1, **fields))
    sweeps.collect_ideas(desk.now())
    assert Idea.objects.get().title == title


def test_an_idea_is_written_down_and_decided_on(desk: Desk) -> None:
    me = desk.actor
    idea = ideas.write_down(
        actor=me, title="  Tag der\x00 offenen  Tür ", text="Im Juni", url="https://example.org", now=MONDAY
    )
    assert idea.title == "Tag der offenen Tür"
    ideas.set_status(actor=me, idea_id=idea.pk, status="used", now=MONDAY)
    assert Idea.objects.get().status == "used"
    assert [r.verb for r in AuditRecord.objects.filter(subject_type="idea").order_by("id")] == [
        "noted",
        "used",
    ]
    with pytest.raises(Invalid):
        ideas.set_status(actor=me, idea_id=idea.pk, status="nonsense", now=MONDAY)
    with pytest.raises(NotFound):
        ideas.set_status(actor=actor(), idea_id=idea.pk, status="used", now=MONDAY)


@pytest.mark.parametrize(
    "fields",
    [{"title": " "}, {"title": "x" * 501}, {"title": "\x00"}, {"title": "x", "url": "javascript:alert(1)"}],
)
def test_an_idea_needs_a_title_and_a_web_address(desk: Desk, fields: dict[str, str]) -> None:
    with pytest.raises(Invalid):
        ideas.write_down(actor=desk.actor, text="", now=MONDAY, **fields)


@pytest.mark.parametrize("role", Role.values)
def test_only_who_may_write_ideas_writes_them(desk: Desk, role: str) -> None:
    member = desk.member(role)
    if "ideas.edit" in PERMISSIONS[role]:
        ideas.write_down(actor=member, title="x", text="", now=MONDAY)
    else:
        with pytest.raises(Forbidden):
            ideas.write_down(actor=member, title="x", text="", now=MONDAY)
        with pytest.raises(Forbidden):
            ideas.set_status(actor=member, idea_id=1, status="used", now=MONDAY)
