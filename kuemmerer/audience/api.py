"""Contacts for programs: accounts, history, who is the same person, requests about a person's data."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from ninja import Query
from pydantic import Field

from kuemmerer.api import paging
from kuemmerer.api.fields import Answer, Id, Input, Moment, PageInput, PageOf
from kuemmerer.api.operations import ApiRequest, Operations
from kuemmerer.audience import contacts
from kuemmerer.audience.history import Figures, figures, history
from kuemmerer.audience.models import Account, Contact
from kuemmerer.audience.request_pages import zip_response
from kuemmerer.audience.suggestions import Suggestion, suggestions
from kuemmerer.channels import privacy
from kuemmerer.channels.api import AuthorAnswer, InteractionAnswer
from kuemmerer.channels.export import export
from kuemmerer.channels.models import Author, PrivacyRecord
from kuemmerer.channels.privacy_api import RecordAnswer
from kuemmerer.core import clock

operations = Operations("Contacts")


class OnChannelAnswer(Answer):
    channel_id: int
    interactions: int


class FiguresAnswer(Answer):
    first_seen_at: Moment | None
    last_seen_at: Moment | None
    interactions: int
    channels: list[OnChannelAnswer]

    @classmethod
    def of(cls, found: Figures) -> FiguresAnswer:
        return cls(
            first_seen_at=found.first_seen_at,
            last_seen_at=found.last_seen_at,
            interactions=found.interactions,
            channels=[
                OnChannelAnswer(channel_id=one.channel.pk, interactions=one.interactions)
                for one in found.channels
            ],
        )


class ContactAnswer(Answer):
    id: int
    name: str
    email: str
    phone: str
    company: str
    language: str
    notes: str
    created_at: Moment

    @classmethod
    def of(cls, contact: Contact) -> ContactAnswer:
        return cls(id=contact.pk, **{n: getattr(contact, n) for n in cls.model_fields if n != "id"})


class KnownAuthorAnswer(Answer):
    author: AuthorAnswer
    channel_id: int
    contact_id: int | None = Field(description="The contact that this account belongs to.")

    @classmethod
    def of(cls, author: Author) -> KnownAuthorAnswer:
        account: Account | None = getattr(author, "account", None)
        return cls(
            author=AuthorAnswer.of(author),
            channel_id=author.channel_id,
            contact_id=account.contact_id if account else None,
        )


class WholeContactAnswer(ContactAnswer):
    accounts: list[KnownAuthorAnswer]
    figures: FiguresAnswer


class SuggestionAnswer(KnownAuthorAnswer):
    score: int = Field(description="0 to 100: how sure.")
    reasons: list[str] = Field(description="Why, in words; German or English.")

    @classmethod
    def made(cls, found: Suggestion) -> SuggestionAnswer:
        known = KnownAuthorAnswer.of(found.author).model_dump()
        return cls(**known, score=found.score, reasons=list(found.reasons))


class ContactInput(Input):
    author: Id = Field(description="The account that the contact is made of.")
    name: str = Field(default="", description="Left empty, it is the account's.")
    email: str = ""
    phone: str = ""
    company: str = ""
    language: str = ""
    notes: str = ""


class ContactChange(Input):
    name: str | None = None
    email: str | None = None
    phone: str | None = None
    company: str | None = None
    language: str | None = None
    notes: str | None = None


class MergeContactsInput(Input):
    contact: Id = Field(description="The contact that becomes part of this one.")


class SearchInput(PageInput):
    q: str = Field(default="", max_length=200, description="Words of name, handle, e-mail, phone, company.")


class HistoryInput(PageInput):
    channel: Id | None = None


# --- contacts


@operations.get("/contacts", "contacts.view", PageOf[ContactAnswer])
def list_contacts(request: ApiRequest, wanted: Query[SearchInput]) -> PageOf[ContactAnswer]:
    """List contacts, the newest first"""
    found = Contact.objects.filter(contacts.search_contacts(actor=request.actor, words=wanted.q))
    rows, following = paging.by_id(found, wanted, newest_first=True)
    return PageOf(items=[ContactAnswer.of(row) for row in rows], next=following)


@operations.post("/contacts", "contacts.edit", WholeContactAnswer, status=201)
def make_contact(request: ApiRequest, data: ContactInput) -> WholeContactAnswer:
    """Make a contact of an account"""
    author = contacts.get_author(actor=request.actor, author_id=data.author)
    values = data.model_dump(exclude={"author"})
    details = contacts.Details(**{**values, "name": values["name"] or str(author)})
    made = contacts.make(actor=request.actor, author_id=author.pk, details=details, now=clock.now())
    return _whole(made)


@operations.get("/contacts/{int:contact_id}", "contacts.view", WholeContactAnswer)
def get_contact(request: ApiRequest, contact_id: int) -> WholeContactAnswer:
    """Get a contact with its accounts and figures"""
    return _whole(contacts.get(actor=request.actor, contact_id=contact_id))


def _whole(contact: Contact) -> WholeContactAnswer:
    authors = contacts.accounts_of(contact)
    return WholeContactAnswer(
        **ContactAnswer.of(contact).model_dump(),
        accounts=[
            KnownAuthorAnswer(author=AuthorAnswer.of(one), channel_id=one.channel_id, contact_id=contact.pk)
            for one in authors
        ],
        figures=FiguresAnswer.of(figures(authors)),
    )


@operations.patch("/contacts/{int:contact_id}", "contacts.edit", ContactAnswer)
def change_contact(request: ApiRequest, contact_id: int, data: ContactChange) -> ContactAnswer:
    """Change what the team has noted about a contact"""
    present = contacts.get(actor=request.actor, contact_id=contact_id)
    fields = {name: getattr(present, name) for name in contacts.FIELDS} | data.model_dump(exclude_none=True)
    changed = contacts.change(
        actor=request.actor, contact_id=contact_id, details=contacts.Details(**fields), now=clock.now()
    )
    return ContactAnswer.of(changed)


@operations.delete("/contacts/{int:contact_id}", "contacts.edit")
def delete_contact(request: ApiRequest, contact_id: int) -> None:
    """Delete a contact

    The notes go; the accounts and what they wrote stay. To erase everything: `POST …/erase`.
    """
    contacts.delete(actor=request.actor, contact_id=contact_id, now=clock.now())


@operations.get("/contacts/{int:contact_id}/history", "contacts.view", PageOf[InteractionAnswer])
def list_contact_history(
    request: ApiRequest, contact_id: int, wanted: Query[HistoryInput]
) -> PageOf[InteractionAnswer]:
    """List what a contact wrote and did on all channels, the newest first"""
    found = contacts.get(actor=request.actor, contact_id=contact_id)
    return _history(contacts.accounts_of(found), wanted)


def _history(authors: list[Author], wanted: HistoryInput) -> PageOf[InteractionAnswer]:
    rows, following = paging.by_time(history(authors, channel_id=wanted.channel), wanted, field="created_at")
    return PageOf(items=[InteractionAnswer.of(row) for row in rows], next=following)


@operations.get("/contacts/{int:contact_id}/suggestions", "contacts.view", PageOf[SuggestionAnswer])
def list_contact_suggestions(request: ApiRequest, contact_id: int) -> PageOf[SuggestionAnswer]:
    """List accounts that might be the same person

    Nothing is ever merged by itself.
    """
    found = contacts.get(actor=request.actor, contact_id=contact_id)
    return _suggestions(request, contacts.accounts_of(found))


def _suggestions(request: ApiRequest, authors: list[Author]) -> PageOf[SuggestionAnswer]:
    found = suggestions(actor=request.actor, authors=authors)
    return PageOf(items=[SuggestionAnswer.made(one) for one in found], next=None)


@operations.put("/contacts/{int:contact_id}/accounts/{int:author_id}", "contacts.edit", WholeContactAnswer)
def link_account(request: ApiRequest, contact_id: int, author_id: int) -> WholeContactAnswer:
    """Say that an account is this contact, too

    If it belongs to another contact, it changes over.
    """
    changed = contacts.link(actor=request.actor, contact_id=contact_id, author_id=author_id, now=clock.now())
    return _whole(changed)


@operations.delete("/contacts/{int:contact_id}/accounts/{int:author_id}", "contacts.edit")
def unlink_account(request: ApiRequest, contact_id: int, author_id: int) -> None:
    """Take an account off a contact again"""
    contacts.unlink(actor=request.actor, contact_id=contact_id, author_id=author_id, now=clock.now())


@operations.post("/contacts/{int:contact_id}/merge", "contacts.edit", WholeContactAnswer)
def merge_contacts(request: ApiRequest, contact_id: int, data: MergeContactsInput) -> WholeContactAnswer:
    """Make one contact of two"""
    merged = contacts.merge(
        actor=request.actor, contact_id=contact_id, other_id=data.contact, now=clock.now()
    )
    return _whole(merged)


# --- accounts


@operations.get("/authors", "contacts.view", PageOf[KnownAuthorAnswer])
def find_authors(request: ApiRequest, wanted: Query[SearchInput]) -> PageOf[KnownAuthorAnswer]:
    """Find accounts by name or handle

    The twenty that fit, those who wrote most first; nothing without `q`.
    """
    paging.by_id(Author.objects.none(), wanted)  # a mark that is none is refused here as everywhere
    found = contacts.find_authors(actor=request.actor, words=wanted.q, limit=min(wanted.limit, 20))
    return PageOf(items=[KnownAuthorAnswer.of(one) for one in found], next=None)


@operations.get("/authors/{int:author_id}", "contacts.view", KnownAuthorAnswer)
def get_author(request: ApiRequest, author_id: int) -> KnownAuthorAnswer:
    """Get an account that wrote to a channel"""
    return KnownAuthorAnswer.of(contacts.get_author(actor=request.actor, author_id=author_id))


@operations.get("/authors/{int:author_id}/history", "contacts.view", PageOf[InteractionAnswer])
def list_author_history(
    request: ApiRequest, author_id: int, wanted: Query[HistoryInput]
) -> PageOf[InteractionAnswer]:
    """List what an account wrote and did, the newest first"""
    return _history([contacts.get_author(actor=request.actor, author_id=author_id)], wanted)


@operations.get("/authors/{int:author_id}/suggestions", "contacts.view", PageOf[SuggestionAnswer])
def list_author_suggestions(request: ApiRequest, author_id: int) -> PageOf[SuggestionAnswer]:
    """List accounts that might be the same person as this one"""
    return _suggestions(request, [contacts.get_author(actor=request.actor, author_id=author_id)])


class NotSameInput(Input):
    author: Id


@operations.post("/authors/{int:author_id}/not-same", "contacts.edit", None)
def say_not_same(request: ApiRequest, author_id: int, data: NotSameInput) -> None:
    """Say that two accounts are different people

    It is remembered and not suggested again.
    """
    contacts.not_same(actor=request.actor, author_id=author_id, other_id=data.author, now=clock.now())


# --- requests about a person's data


class InventoryAnswer(Answer):
    counts: dict[str, int] = Field(description="How many rows of what.")


class ErasePersonInput(Input):
    sure: bool = Field(description="Must be true: nothing of it can be brought back.")


@operations.get("/contacts/{int:contact_id}/inventory", "privacy.manage", InventoryAnswer)
def count_contact_data(request: ApiRequest, contact_id: int) -> InventoryAnswer:
    """Count what is stored about a contact"""
    subject = contacts.subject_of(actor=request.actor, contact_id=contact_id)
    return InventoryAnswer(counts=privacy.inventory(actor=request.actor, subject=subject))


@operations.get("/authors/{int:author_id}/inventory", "privacy.manage", InventoryAnswer)
def count_author_data(request: ApiRequest, author_id: int) -> InventoryAnswer:
    """Count what is stored about an account"""
    subject = contacts.subject_of_author(actor=request.actor, author_id=author_id)
    return InventoryAnswer(counts=privacy.inventory(actor=request.actor, subject=subject))


@operations.post("/contacts/{int:contact_id}/export", "privacy.manage", Any)
def export_contact(request: ApiRequest, contact_id: int) -> HttpResponse:
    """Hand out everything that is stored about a contact

    The answer is a ZIP (`application/zip`) with `data.json` and a page to read, in the person's language.
    Other people's names are left out. That it was handed out is recorded.
    """
    subject = contacts.subject_of(actor=request.actor, contact_id=contact_id)
    return zip_response(export(actor=request.actor, subject=subject, now=clock.now()))


@operations.post("/authors/{int:author_id}/export", "privacy.manage", Any)
def export_author(request: ApiRequest, author_id: int) -> HttpResponse:
    """Hand out everything that is stored about an account

    As `POST /contacts/{contact_id}/export`.
    """
    subject = contacts.subject_of_author(actor=request.actor, author_id=author_id)
    return zip_response(export(actor=request.actor, subject=subject, now=clock.now()))


@operations.post("/contacts/{int:contact_id}/erase", "privacy.manage", RecordAnswer)
def erase_contact(request: ApiRequest, contact_id: int, data: ErasePersonInput) -> RecordAnswer:
    """Erase everything about a contact

    With all accounts and what they wrote. It does not come back with the next sync; at the networks nothing
    changes. The record that stays names nobody.
    """
    subject = contacts.subject_of(actor=request.actor, contact_id=contact_id)
    return RecordAnswer.of(_erased(request, subject, sure=data.sure))


@operations.post("/authors/{int:author_id}/erase", "privacy.manage", RecordAnswer)
def erase_author(request: ApiRequest, author_id: int, data: ErasePersonInput) -> RecordAnswer:
    """Erase everything about an account

    As `POST /contacts/{contact_id}/erase`. Other accounts of the same contact stay.
    """
    subject = contacts.subject_of_author(actor=request.actor, author_id=author_id)
    return RecordAnswer.of(_erased(request, subject, sure=data.sure))


def _erased(request: ApiRequest, subject: privacy.Subject, *, sure: bool) -> PrivacyRecord:
    return privacy.erase(actor=request.actor, subject=subject, sure=sure, now=clock.now())
