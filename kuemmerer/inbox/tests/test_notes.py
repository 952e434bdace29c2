"""Mentions of colleagues in notes: who is meant, who is told, and what stands out."""

from __future__ import annotations

import pytest
from django.urls import reverse

from kuemmerer.accounts.access import Actor
from kuemmerer.accounts.models import Membership, Role, User
from kuemmerer.accounts.tests.company import browser
from kuemmerer.api.tests.client import program
from kuemmerer.inbox import mentions, notes
from kuemmerer.notify.models import Notice
from tests.factories import Desk, actor

pytestmark = pytest.mark.django_db
PEOPLE = {
    "jana": ("Jana Sommer", "j.sommer@sonnenkorn.example"),
    "joerg": ("Jörg Weiß", "chef@sonnenkorn.example"),
    "anna": ("Anna Müller", "anna.mueller@sonnenkorn.example"),
    "anna2": ("Anna Schmidt", "schmidt@sonnenkorn.example"),
    "ada": ("Ada", "boss@sonnenkorn.example"),
    "adam": ("Adam Dahl", "ada@sonnenkorn.example"),
}


def named(*keys: str) -> mentions.Names:
    users = [
        User(pk=pk, name=PEOPLE[key][0], email=PEOPLE[key][1], is_active=True)
        for pk, key in enumerate(keys or PEOPLE, 1)
    ]
    return mentions.Names([Membership(user=user, role=Role.GUEST) for user in users])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("@Jana Sommer, schaust du?", ["Jana Sommer"]),
        ("Frag @jana.", ["Jana Sommer"]),
        ("(@JANA)", ["Jana Sommer"]),
        ("@j.sommer: bitte", ["Jana Sommer"]),
        ("@jana @Jana  Sommer @j.sommer", ["Jana Sommer"]),
        ("@Jörg und @jana", ["Jörg Weiß", "Jana Sommer"]),
        ("@JOERG @joerg weiss", ["Jörg Weiß"]),
        ("@Jo\u0308rg Weiß", ["Jörg Weiß"]),
        ("@Anna Mueller", ["Anna Müller"]),
        ("@anna.mueller", ["Anna Müller"]),
        ("@Anna", []),
        ("@Anna Meier", []),
        ("@Janas Idee", []),
        ("jana@example.org", []),
        ("@jana@mastodon.social", []),
        ("https://mastodon.social/@jana", []),
        ("@jana.example.org", []),
        ("@@jana", []),
        ("@", []),
        ("Jana", []),
        ("@Jana-Lena", []),
        ("@Jana\n\n@Jörg", ["Jana Sommer", "Jörg Weiß"]),
    ],
)
def test_who_is_meant(text: str, expected: list[str]) -> None:
    assert [str(user) for user in named().mentioned(text)] == expected


def test_a_full_name_comes_before_somebody_elses_mailbox() -> None:
    assert [str(user) for user in named().mentioned("@ada")] == ["Ada"]
    assert [str(user) for user in named("adam").mentioned("@ada")] == ["Adam Dahl"]


def test_everybody_is_offered_by_a_name_that_is_theirs_alone() -> None:
    offered = named().candidates
    assert [(str(one.user), one.handle) for one in offered][:3] == [
        ("Ada", "Ada"),
        ("Adam Dahl", "Adam Dahl"),
        ("Anna Müller", "Anna Müller"),
    ]
    for one in offered:
        assert named().mentioned(f"@{one.handle} ") == [one.user]


def test_of_two_with_the_same_name_each_is_offered_by_mailbox() -> None:
    twins = [
        Membership(user=User(pk=pk, name="Kim Lang", email=f"kim{pk}@example.org"), role=Role.AGENT)
        for pk in (1, 2)
    ]
    names = mentions.Names(twins)
    assert [one.handle for one in names.candidates] == ["kim1", "kim2"]
    assert names.mentioned("@Kim Lang @Kim") == []


def test_what_stands_out_is_escaped_and_keeps_its_paragraphs() -> None:
    names = named("jana", "joerg")
    jana, joerg = names.mentioned("@Jana @Jörg")
    html = names.marked("<b>@Jana</b> & @Jörg\n\nund", joerg)
    assert html == (
        '<p>&lt;b&gt;<span class="mention">@Jana</span>&lt;/b&gt; &amp; '
        '<span class="mention me">@Jörg</span></p>\n\n<p>und</p>'
    )
    assert mentions.Names([]).marked("@Jana", jana) == "<p>@Jana</p>"


@pytest.fixture
def team(desk: Desk) -> dict[str, Actor]:
    return {
        name: actor(Role.GUEST, desk.actor.workspace, name)
        for name in ("Jana Sommer", "Jörg Weiß", "Anna Müller")
    }


def told() -> list[str]:
    found = Notice.objects.filter(kind="mentioned").order_by("pk").select_related("user")
    return [str(notice.user) for notice in found]


def test_who_is_mentioned_is_told_once_with_the_note_and_the_way_to_it(
    desk: Desk, team: dict[str, Actor]
) -> None:
    _, case = desk.asked()
    text = f"@jana @Jana Sommer, kannst du? Ich (@{desk.actor.user.email.split('@')[0]}) bin weg. @Niemand"
    note = notes.add(actor=desk.actor, case_id=case.pk, text=text, now=desk.now())
    (notice,) = Notice.objects.filter(kind="mentioned")
    assert notice.user == team["Jana Sommer"].user
    assert notice.text == text
    assert notice.path == f"/w/{desk.actor.workspace.slug}/inbox/{case.pk}/#note-{note.pk}"
    page = browser(team["Jana Sommer"]).get(notice.path.partition("#")[0]).text
    assert '<span class="mention me">@jana</span>' in page
    assert f'id="note-{note.pk}"' in page


def test_who_has_left_and_members_elsewhere_are_not_told(desk: Desk, team: dict[str, Actor]) -> None:
    actor(Role.OWNER, name="Fremde Person")
    team["Jana Sommer"].user.is_active = False
    team["Jana Sommer"].user.save()
    team["Jörg Weiß"].membership.delete()
    _, case = desk.asked()
    text = "@Jana Sommer @Jörg Weiß @Fremde Person @Anna Müller"
    notes.add(actor=desk.actor, case_id=case.pk, text=text, now=desk.now())
    assert told() == ["Anna Müller"]


def test_the_page_and_the_api_write_notes_with_mentions(desk: Desk, team: dict[str, Actor]) -> None:
    _, case = desk.asked()
    slug = desk.actor.workspace.slug
    client = browser(desk.actor)
    page = client.get(reverse("case", args=[slug, case.pk])).text
    assert 'data-mention="Jörg Weiß"' in page
    client.post(reverse("case-write", args=[slug, case.pk]), {"text": "@Jörg", "kind": "note"})
    program("guest", desk.actor.workspace).post(f"/cases/{case.pk}/notes", {"text": "@Anna"})
    assert told() == ["Jörg Weiß", "Anna Müller"]


def test_an_answer_mentions_nobody(desk: Desk, team: dict[str, Actor]) -> None:
    _, case = desk.asked()
    desk.reply(case, "Danke, @Jana!")
    assert told() == []


def test_who_is_erased_is_erased_from_what_was_told_of_notes(desk: Desk, team: dict[str, Actor]) -> None:
    from kuemmerer.audience import contacts
    from kuemmerer.channels import privacy
    from kuemmerer.channels.models import Author

    _, case = desk.asked()
    _, other = desk.asked(by="bert")
    notes.add(actor=desk.actor, case_id=case.pk, text="@Jana Notiz zu Ada", now=desk.now())
    notes.add(actor=desk.actor, case_id=other.pk, text="@Jana Streitet mit Ada Krüger", now=desk.now())
    ada = Author.objects.get(remote_id="ada")
    subject = contacts.subject_of_author(actor=desk.actor, author_id=ada.pk)
    privacy.erase(actor=desk.actor, subject=subject, sure=True, now=desk.now())
    (left,) = Notice.objects.filter(kind="mentioned")
    assert left.text.startswith("@Jana Streitet mit")
    assert "Krüger" not in left.text
