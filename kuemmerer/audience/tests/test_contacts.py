"""Contacts: which accounts are one person, and what that person wrote anywhere."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse

from kuemmerer.accounts.models import Role
from kuemmerer.audience import contacts
from kuemmerer.audience.history import figures, history
from kuemmerer.audience.models import Account, Contact, NotSame
from kuemmerer.audience.suggestions import suggestions
from kuemmerer.channels import interactions
from kuemmerer.channels.models import Author, Channel
from kuemmerer.core.errors import Conflict, Forbidden, Invalid, NotFound
from kuemmerer.core.models import AuditRecord
from kuemmerer.inbox import conversation, sweeps
from kuemmerer.inbox.models import Case
from kuemmerer.networks.base import Item, Kind, Person
from tests.factories import MONDAY, Desk


@pytest.fixture
def blog(desk: Desk) -> Channel:
    """A second channel of the same company, on another network."""
    return Channel.objects.create(
        workspace=desk.actor.workspace,
        network="wordpress",
        name="Blog",
        remote_id="blog",
        handle="blog",
        connected_at=MONDAY,
        backfill_from=MONDAY,
        next_sync_at=MONDAY,
    )


def writes(channel: Channel, key: str, text: str = "Hallo", *, days: float = 1, **person: Any) -> Author:
    """Somebody writes a comment there; the author."""
    language = person.pop("language", "")
    author = Person(remote_id=key, **{"name": key.title(), "handle": key, **person})
    item = Item(
        kind=Kind.COMMENT,
        remote_id=f"{key}:{text}",
        thread_id=f"thread of {key}",
        author=author,
        text=text,
        language=language,
        created_at=MONDAY - timedelta(days=days),
    )
    interactions.store(channel=channel, items=[item], now=MONDAY)
    sweeps.open_cases(MONDAY)
    return Author.objects.get(channel=channel, remote_id=key)


def make(desk: Desk, author: Author) -> Contact:
    return contacts.make(actor=desk.actor, author_id=author.pk, now=desk.now())


def link(desk: Desk, contact: Contact, author: Author) -> Contact:
    return contacts.link(actor=desk.actor, contact_id=contact.pk, author_id=author.pk, now=desk.now())


def likely(desk: Desk, author: Author) -> list[tuple[str, int, str]]:
    found = suggestions(actor=desk.actor, authors=[author])
    return [(one.author.remote_id, one.score, " ".join(one.reasons)) for one in found]


# --- who is who


def test_a_contact_brings_accounts_of_several_channels_together_and_lets_them_go_again(
    desk: Desk, blog: Channel
) -> None:
    here, there = writes(desk.channel, "mia"), writes(blog, "mia-schulz")
    contact = make(desk, here)
    assert contact.name == "Mia"
    link(desk, contact, there)
    assert contacts.same_person(here.pk) == contacts.same_person(there.pk) == [here.pk, there.pk]
    contacts.unlink(actor=desk.actor, contact_id=contact.pk, author_id=there.pk, now=desk.now())
    assert contacts.same_person(there.pk) == [there.pk]
    verbs = AuditRecord.objects.filter(subject_type="contact").order_by("pk").values_list("verb", flat=True)
    assert list(verbs) == ["made", "linked", "unlinked"]


def test_an_account_is_one_contact_at_most(desk: Desk, blog: Channel) -> None:
    here, there = writes(desk.channel, "mia"), writes(blog, "tom")
    first, second = make(desk, here), make(desk, there)
    with pytest.raises(Conflict):
        make(desk, here)
    with pytest.raises(IntegrityError), transaction.atomic():
        Account.objects.create(contact=second, author=here, linked_at=MONDAY)
    link(desk, second, here)
    # Nothing was noted on the first one, so nothing is lost with it.
    assert list(Contact.objects.all()) == [second]
    assert not Contact.objects.filter(pk=first.pk).exists()


def test_a_contact_with_notes_stays_when_its_last_account_changes_over(desk: Desk, blog: Channel) -> None:
    here, there = writes(desk.channel, "mia"), writes(blog, "tom")
    first, second = make(desk, here), make(desk, there)
    details = contacts.Details(name="Mia", phone="030 1")
    contacts.change(actor=desk.actor, contact_id=first.pk, details=details, now=desk.now())
    link(desk, second, here)
    assert Contact.objects.get(pk=first.pk).phone == "030 1"


def test_of_two_contacts_becomes_one_and_no_word_is_lost(desk: Desk, blog: Channel) -> None:
    here, there = writes(desk.channel, "mia"), writes(blog, "tom")
    first, second = make(desk, here), make(desk, there)
    for contact, email, note in ((first, "", "mag Roggen"), (second, "tom@example.org", "mag Hefe")):
        details = contacts.Details(name=contact.name, email=email, notes=note)
        contacts.change(actor=desk.actor, contact_id=contact.pk, details=details, now=desk.now())
    merged = contacts.merge(actor=desk.actor, contact_id=first.pk, other_id=second.pk, now=desk.now())
    assert (merged.name, merged.email, merged.notes) == ("Mia", "tom@example.org", "mag Roggen\n\nmag Hefe")
    assert {author.pk for author in contacts.accounts_of(merged)} == {here.pk, there.pk}
    assert Contact.objects.count() == 1
    with pytest.raises(Invalid):
        contacts.merge(actor=desk.actor, contact_id=first.pk, other_id=first.pk, now=desk.now())


def test_a_deleted_contact_leaves_the_accounts_and_what_they_wrote(desk: Desk) -> None:
    author = writes(desk.channel, "mia")
    contacts.delete(actor=desk.actor, contact_id=make(desk, author).pk, now=desk.now())
    assert Author.objects.get(pk=author.pk).interactions.count() == 1


def test_details_are_checked_and_each_error_names_its_field(desk: Desk) -> None:
    contact = make(desk, writes(desk.channel, "mia"))
    for field, value in {"name": " ", "email": "no", "language": "xx", "phone": "1" * 61}.items():
        details = contacts.Details(**{"name": "Mia", field: value})
        with pytest.raises(Invalid) as caught:
            contacts.change(actor=desk.actor, contact_id=contact.pk, details=details, now=desk.now())
        assert caught.value.field == field


def test_the_own_account_is_no_contact(desk: Desk) -> None:
    own = writes(desk.channel, "baker")
    with pytest.raises(Conflict):
        make(desk, own)


def test_guests_and_authors_do_not_see_contacts(desk: Desk) -> None:
    contact = make(desk, writes(desk.channel, "mia"))
    for role in (Role.GUEST, Role.AUTHOR):
        with pytest.raises(Forbidden):
            contacts.get(actor=desk.member(role), contact_id=contact.pk)


def test_contacts_of_another_workspace_are_not_found(desk: Desk, tmp_path: Path) -> None:
    contact, author = make(desk, writes(desk.channel, "mia")), writes(desk.channel, "tom")
    other = Desk(tmp_path)
    for refused in (
        lambda: contacts.get(actor=other.actor, contact_id=contact.pk),
        lambda: contacts.get_author(actor=other.actor, author_id=author.pk),
        lambda: make(other, author),
        lambda: link(other, make(other, writes(other.channel, "eva")), author),
    ):
        with pytest.raises(NotFound):
            refused()
    assert contacts.find_authors(actor=other.actor, words="tom") == []
    other.village.close()


# --- suggestions


def test_the_same_address_in_two_profiles_is_the_strongest_hint(desk: Desk, blog: Channel) -> None:
    here = writes(desk.channel, "mia", about="Töpferin, https://www.toepfer-mia.example/")
    writes(blog, "m.schulz", url="http://toepfer-mia.example", name="M. S.")
    assert likely(desk, here) == [("m.schulz", 70, "Both profiles name toepfer-mia.example.")]


def test_the_same_handle_counts_on_another_network_only(desk: Desk, blog: Channel) -> None:
    here = writes(desk.channel, "1", handle="knetmaschine@one.example", name="A")
    writes(desk.channel, "2", handle="knetmaschine@two.example", name="B")
    writes(blog, "3", handle="knetmaschine.three.example", name="C")
    assert likely(desk, here) == [("3", 45, "Both are called @knetmaschine.")]


def test_a_rare_full_name_is_a_hint_and_with_the_same_language_a_better_one(
    desk: Desk, blog: Channel
) -> None:
    here = writes(desk.channel, "1", handle="a", name="Mia Sommerlath", language="de")
    writes(blog, "2", handle="b", name="mia sommerlath", language="en")
    writes(blog, "3", handle="c", name="Mia Sommerlath", language="de")
    found = likely(desk, here)
    assert [(who, score) for who, score, _why in found] == [("3", 40), ("2", 30)]
    assert found[0][2] == "Both have the rare name Mia Sommerlath. Both write in the same language."
    for number in range(4, 8):
        writes(blog, str(number), handle=f"h{number}", name="Mia Sommerlath")
    assert likely(desk, here) == []


def test_common_handles_and_single_names_suggest_nobody(desk: Desk, blog: Channel) -> None:
    here = writes(desk.channel, "1", handle="info", name="Mia")
    writes(blog, "2", handle="info", name="Mia")
    assert likely(desk, here) == []


def test_not_the_same_is_remembered_until_somebody_says_otherwise(desk: Desk, blog: Channel) -> None:
    here = writes(desk.channel, "1", handle="knetmaschine", name="A")
    there = writes(blog, "2", handle="knetmaschine", name="B")
    for _twice in range(2):
        contacts.not_same(actor=desk.actor, author_id=there.pk, other_id=here.pk, now=desk.now())
    assert NotSame.objects.count() == 1
    assert likely(desk, here) == likely(desk, there) == []
    link(desk, make(desk, here), there)
    assert not NotSame.objects.exists()


def test_nothing_is_merged_by_itself(desk: Desk, blog: Channel) -> None:
    here = writes(desk.channel, "1", handle="knetmaschine", name="Mia Sommerlath")
    writes(blog, "2", handle="knetmaschine", name="Mia Sommerlath")
    likely(desk, here)
    assert not Contact.objects.exists()


# --- history


def test_the_history_goes_across_channels_newest_first(desk: Desk, blog: Channel) -> None:
    here, there = writes(desk.channel, "mia", "eins", days=3), writes(blog, "mia", "zwei", days=2)
    writes(desk.channel, "mia", "drei", days=1)
    found = history([here, there]).order_by("-created_at")
    assert [one.text for one in found] == ["drei", "zwei", "eins"]
    assert [one.text for one in history([here, there], channel_id=blog.pk)] == ["zwei"]
    numbers = figures([here, there])
    assert (numbers.first_seen_at, numbers.last_seen_at) == (
        MONDAY - timedelta(days=3),
        MONDAY - timedelta(days=1),
    )
    assert [(one.channel, one.interactions) for one in numbers.channels] == [(desk.channel, 2), (blog, 1)]


def test_a_case_shows_the_earlier_cases_of_all_accounts(desk: Desk, blog: Channel) -> None:
    here, there = writes(desk.channel, "mia"), writes(blog, "mia")
    case, other = Case.objects.get(author=here), Case.objects.get(author=there)
    assert conversation.earlier_cases(case) == []
    link(desk, make(desk, here), there)
    assert conversation.earlier_cases(case) == [other]


# --- pages


@pytest.fixture
def client(desk: Desk) -> Client:
    client = Client(headers={"accept-language": "en"})
    client.force_login(desk.actor.user)
    return client


def url(desk: Desk, name: str, *args: Any) -> str:
    return reverse(name, args=[desk.actor.workspace.slug, *args])


def test_from_a_case_to_the_contact_and_to_all_its_accounts(
    desk: Desk, blog: Channel, client: Client
) -> None:
    here = writes(desk.channel, "1", "Brot?", handle="knetmaschine", name="Mia")
    there = writes(blog, "2", "Mehl?", handle="knetmaschine", name="Mia S.")
    case = Case.objects.get(author=here)
    page = client.get(url(desk, "case", case.pk)).content.decode()
    assert url(desk, "author-aside", here.pk) in page
    aside = client.get(url(desk, "author-aside", here.pk), headers={"HX-Request": "true"}).content.decode()
    assert url(desk, "author", here.pk) in aside
    page = client.get(url(desk, "author", here.pk)).content.decode()
    assert "Both are called @knetmaschine." in page
    client.post(url(desk, "author-do", here.pk), {"do": "link", "author": there.pk})
    contact = Contact.objects.get()
    answer = client.get(url(desk, "author", here.pk))
    assert answer.headers["Location"] == url(desk, "contact", contact.pk)
    page = client.get(url(desk, "contact", contact.pk)).content.decode()
    assert "Brot?" in page
    assert "Mehl?" in page
    only = client.get(url(desk, "contact", contact.pk), {"channel": blog.pk}).content.decode()
    assert "Brot?" not in only
    found = client.get(url(desk, "case-of", case.case_interactions.get().interaction_id))
    assert found.headers["Location"] == url(desk, "case", case.pk)


def test_the_list_finds_contacts_by_what_is_noted_and_accounts_without_one(
    desk: Desk, blog: Channel, client: Client
) -> None:
    contact = make(desk, writes(desk.channel, "mia", name="Mia Sommerlath", handle="knetmaschine"))
    writes(blog, "tom", name="Tom Teig")
    details = contacts.Details(name="Frau Sommerlath", company="Töpferei Süd", email="mia@example.org")
    contacts.change(actor=desk.actor, contact_id=contact.pk, details=details, now=desk.now())
    for words in ("sommer", "töpferei mia", "knetm", "mia@example.org"):
        assert "Frau Sommerlath" in client.get(url(desk, "contacts"), {"q": words}).content.decode(), words
    page = client.get(url(desk, "contacts"), {"q": "teig"}).content.decode()
    assert "Tom Teig" in page
    assert "Frau Sommerlath" not in page


def test_a_long_history_comes_a_page_at_a_time(desk: Desk, client: Client) -> None:
    for number in range(30):
        author = writes(desk.channel, "mia", f"Nummer {number:02}.", days=number + 1)
    first = client.get(url(desk, "author", author.pk))
    text = first.content.decode()
    assert "Nummer 00." in text
    assert "Nummer 24." in text
    assert "Nummer 25." not in text
    more = first.context["more_url"]
    rest = client.get(more, headers={"HX-Request": "true"}).content.decode()
    assert "Nummer 25." in rest
    assert "Nummer 29." in rest
    assert "<html" not in rest


def test_a_contact_is_edited_merged_split_and_deleted_by_the_buttons_of_its_page(
    desk: Desk, blog: Channel, client: Client
) -> None:
    here, there = writes(desk.channel, "mia"), writes(blog, "tom")
    made = client.post(url(desk, "author-do", here.pk), {"do": "make"})
    contact = Contact.objects.get()
    assert made.headers["Location"] == url(desk, "contact-edit", contact.pk)
    refused = client.post(url(desk, "contact-edit", contact.pk), {"name": "", "email": "x"})
    assert refused.status_code == 422
    client.post(url(desk, "contact-edit", contact.pk), {"name": "Mia", "notes": "mag Roggen"})
    make(desk, there)
    client.post(url(desk, "contact-do", contact.pk), {"do": "link", "author": there.pk})
    assert Contact.objects.get().accounts.count() == 2
    client.post(url(desk, "contact-do", contact.pk), {"do": "unlink", "author": there.pk})
    assert Contact.objects.get().accounts.count() == 1
    client.post(url(desk, "contact-do", contact.pk), {"do": "not-same", "author": there.pk})
    assert NotSame.objects.count() == 1
    client.post(url(desk, "contact-do", contact.pk), {"do": "delete"})
    assert not Contact.objects.exists()


def test_erasing_counts_first_and_asks(desk: Desk, client: Client) -> None:
    author = writes(desk.channel, "mia")
    page = client.get(url(desk, "author-erase", author.pk)).content.decode()
    assert "Comments, messages and reactions" in page
    client.post(url(desk, "author-erase", author.pk))
    assert Author.objects.filter(pk=author.pk).exists()
    client.post(url(desk, "author-erase", author.pk), {"sure": "yes"})
    assert not Author.objects.filter(pk=author.pk).exists()
    assert "Erased" in client.get(url(desk, "settings-privacy")).content.decode()


def test_an_export_is_a_download(desk: Desk, client: Client) -> None:
    answer = client.post(url(desk, "author-export", writes(desk.channel, "mia").pk))
    assert answer.headers["Content-Type"] == "application/zip"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="data-2026-03-02.zip"'
    assert answer.content[:2] == b"PK"


def test_a_retention_that_erases_something_says_how_much_before(desk: Desk, client: Client) -> None:
    writes(desk.channel, "mia", days=20)
    page = url(desk, "channel-retention", desk.channel.pk)
    asked = client.post(page, {"days": "10", "raw_days": ""})
    assert asked.status_code == 422
    assert "1 message is older than that" in asked.content.decode()
    assert desk.state.retention_days is None
    client.post(page, {"days": "10", "raw_days": "", "sure": "yes"})
    assert desk.state.retention_days == 10
    client.post(page, {"days": "", "raw_days": "5"})
    assert (desk.state.retention_days, desk.state.raw_days) == (None, 5)


def test_statistics_of_employees_are_switched_by_the_owner(desk: Desk, client: Client) -> None:
    page = url(desk, "settings-privacy")
    assert "Allow statistics of employees" in client.get(page).content.decode()
    client.post(url(desk, "settings-privacy-statistics"), {"on": "yes"})
    assert "Show teams only" in client.get(page).content.decode()
