"""What happens to contacts: they are made of an author, get more accounts, lose them. All writes are here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.db.models import Count, Q
from django.utils.translation import gettext_lazy as _

from kuemmerer.accounts.access import Actor
from kuemmerer.audience.models import Account, Contact, NotSame
from kuemmerer.channels.models import Author
from kuemmerer.channels.privacy import Subject, author_of
from kuemmerer.core.errors import Conflict, Invalid, NotFound
from kuemmerer.core.models import record
from kuemmerer.core.text import storable

MOST_NOTES = 20_000
MOST_FOUND = 20
FIELDS = ("name", "email", "phone", "company", "language", "notes")


@dataclass(frozen=True, kw_only=True)
class Details:
    """What the team knows of a contact by itself."""

    name: str
    email: str = ""
    phone: str = ""
    company: str = ""
    language: str = ""
    notes: str = ""


def get(*, actor: Actor, contact_id: int) -> Contact:
    """A contact of the actor's workspace. Raises NotFound, Forbidden."""
    actor.need("contacts.view")
    found = Contact.objects.filter(workspace=actor.workspace, pk=contact_id).first()
    if found is None:
        raise NotFound(_("This contact does not exist (any more)."))
    return found


def _locked(actor: Actor, contact_id: int) -> Contact:
    actor.need("contacts.edit")
    found = Contact.objects.select_for_update().filter(workspace=actor.workspace, pk=contact_id).first()
    if found is None:
        raise NotFound(_("This contact does not exist (any more)."))
    return found


def get_author(*, actor: Actor, author_id: int) -> Author:
    """An author with its channel. Raises NotFound, Forbidden."""
    actor.need("contacts.view")
    return author_of(actor=actor, author_id=author_id)


def accounts_of(contact: Contact) -> list[Author]:
    """The authors who are this contact, those known longest first."""
    found = Author.objects.filter(account__contact=contact).select_related("channel")
    return list(found.order_by("first_seen_at", "pk"))


def same_person(author_id: int) -> list[int]:
    """The ids of all authors who are the same contact as this one; of this one alone where there is none."""
    together = Account.objects.filter(contact__accounts__author=author_id).values_list("author", flat=True)
    return list(together) or [author_id]


def subject_of(*, actor: Actor, contact_id: int) -> Subject:
    """The contact as data protection sees it. Raises NotFound, Forbidden."""
    contact = get(actor=actor, contact_id=contact_id)
    return Subject(workspace=actor.workspace, authors=tuple(accounts_of(contact)), contact_id=contact.pk)


def subject_of_author(*, actor: Actor, author_id: int) -> Subject:
    """A single account as data protection sees it. Raises NotFound, Forbidden."""
    author = get_author(actor=actor, author_id=author_id)
    return Subject(workspace=actor.workspace, authors=(author,))


# --- making and changing


@transaction.atomic
def make(*, actor: Actor, author_id: int, now: datetime, details: Details | None = None) -> Contact:
    """Make a contact of an author. Raises Conflict if the author is one already; NotFound, Invalid,
    Forbidden.
    """
    actor.need("contacts.edit")
    author = author_of(actor=actor, author_id=author_id)
    _refuse_own(author)
    if Account.objects.filter(author=author).exists():
        raise Conflict(_("This account belongs to a contact already."))
    values = _checked(details or Details(name=str(author)))
    contact = Contact.objects.create(workspace=actor.workspace, created_at=now, **values)
    Account.objects.create(contact=contact, author=author, linked_at=now)
    _log(actor, contact, "made", now, author=author.pk)
    return contact


@transaction.atomic
def change(*, actor: Actor, contact_id: int, details: Details, now: datetime) -> Contact:
    """Change what the team has noted. Raises Invalid, NotFound, Forbidden."""
    contact = _locked(actor, contact_id)
    for name, value in _checked(details).items():
        setattr(contact, name, value)
    contact.save()
    _log(actor, contact, "changed", now)
    return contact


def _checked(details: Details) -> dict[str, str]:
    values = {name: storable(getattr(details, name)).strip() for name in FIELDS}
    if not values["name"]:
        raise Invalid(_("Please give a name."), field="name")
    if values["email"]:
        try:
            validate_email(values["email"])
        except ValidationError as error:
            raise Invalid(_("This is no e-mail address."), field="email") from error
    if values["language"] not in {"", *(code for code, _name in settings.LANGUAGES)}:
        raise Invalid(_("This language is not known."), field="language")
    for name, most in {"name": 255, "phone": 60, "company": 200, "notes": MOST_NOTES}.items():
        if len(values[name]) > most:
            raise Invalid(_("This text is too long."), field=name)
    return values


@transaction.atomic
def delete(*, actor: Actor, contact_id: int, now: datetime) -> None:
    """Take a contact apart: the notes go, the accounts and what they wrote stay."""
    contact = _locked(actor, contact_id)
    _log(actor, contact, "deleted", now)
    contact.delete()


# --- which accounts are the same person


@transaction.atomic
def link(*, actor: Actor, contact_id: int, author_id: int, now: datetime) -> Contact:
    """Say that an author is this contact, too. Who was of another contact before changes over; a contact
    without accounts and notes of its own goes. Raises NotFound, Forbidden; Conflict for an own account.
    """
    contact = _locked(actor, contact_id)
    author = author_of(actor=actor, author_id=author_id)
    _refuse_own(author)
    before = Account.objects.filter(author=author).select_related("contact").first()
    if before is not None and before.contact_id == contact.pk:
        return contact
    Account.objects.update_or_create(author=author, defaults={"contact": contact, "linked_at": now})
    ids = same_person(author.pk)
    NotSame.objects.filter(first__in=ids, second__in=ids).delete()
    _log(actor, contact, "linked", now, author=author.pk)
    if before is not None:
        _log(actor, before.contact, "unlinked", now, author=author.pk)
        _drop_if_empty(actor, before.contact, author, now)
    return contact


def _drop_if_empty(actor: Actor, contact: Contact, author: Author, now: datetime) -> None:
    noted = any(getattr(contact, name) for name in FIELDS if name not in {"name", "language"})
    if not noted and not contact.accounts.exists():
        _log(actor, contact, "deleted", now)
        contact.delete()


@transaction.atomic
def unlink(*, actor: Actor, contact_id: int, author_id: int, now: datetime) -> Contact:
    """Take an account off a contact again. Raises NotFound, Forbidden."""
    contact = _locked(actor, contact_id)
    author = author_of(actor=actor, author_id=author_id)
    gone, _by_model = Account.objects.filter(contact=contact, author=author).delete()
    if gone:
        _log(actor, contact, "unlinked", now, author=author.pk)
    return contact


@transaction.atomic
def merge(*, actor: Actor, contact_id: int, other_id: int, now: datetime) -> Contact:
    """Make one of two contacts. The other's accounts come over, its details fill what is empty here, its
    notes come below. Raises Invalid, NotFound, Forbidden.
    """
    # In the order of their ids, so that two people who merge the same two do not wait for each other.
    first, second = sorted((contact_id, other_id))
    rows = {pk: _locked(actor, pk) for pk in (first, second)}
    if contact_id == other_id:
        raise Invalid(_("Please choose another contact."), field="contact")
    contact, other = rows[contact_id], rows[other_id]
    moved = list(other.accounts.values_list("author", flat=True))
    other.accounts.update(contact=contact, linked_at=now)
    ids = list(contact.accounts.values_list("author", flat=True))
    NotSame.objects.filter(first__in=ids, second__in=ids).delete()
    for name in ("email", "phone", "company", "language"):
        setattr(contact, name, getattr(contact, name) or getattr(other, name))
    contact.notes = "\n\n".join(text for text in (contact.notes, other.notes) if text)[:MOST_NOTES]
    contact.save()
    _log(actor, contact, "merged", now, authors=moved)
    _log(actor, other, "deleted", now)
    other.delete()
    return contact


@transaction.atomic
def not_same(*, actor: Actor, author_id: int, other_id: int, now: datetime) -> None:
    """Remember that two authors are different people: it is not suggested again. Raises NotFound, Invalid,
    Forbidden.
    """
    actor.need("contacts.edit")
    author, other = (author_of(actor=actor, author_id=pk) for pk in (author_id, other_id))
    if author.pk == other.pk:
        raise Invalid(_("Please choose another person."), field="other")
    first, second = sorted((author.pk, other.pk))
    _row, created = NotSame.objects.get_or_create(
        first_id=first, second_id=second, defaults={"workspace": actor.workspace, "said_at": now}
    )
    if created:
        record(
            workspace_id=actor.workspace.pk,
            actor=actor.label,
            verb="said not the same",
            subject=author,
            now=now,
            other=other.pk,
        )


def _refuse_own(author: Author) -> None:
    if author.remote_id == author.channel.remote_id:
        raise Conflict(_("This is the account of the channel itself."))


def _log(actor: Actor, contact: Contact, verb: str, now: datetime, **details: object) -> None:
    record(workspace_id=actor.workspace.pk, actor=actor.label, verb=verb, subject=contact, now=now, **details)


# --- finding


def search_contacts(*, actor: Actor, words: str) -> Q:
    """The condition for a contact that has all of `words` somewhere, or an account that has them."""
    wanted = Q(workspace=actor.workspace)
    for word in storable(words).split()[:8]:
        wanted &= (
            Q(name__icontains=word)
            | Q(email__icontains=word)
            | Q(phone__icontains=word)
            | Q(company__icontains=word)
            | Q(pk__in=_contacts_with(actor, word))
        )
    return wanted


def _contacts_with(actor: Actor, word: str) -> Sequence[int]:
    found = Account.objects.filter(contact__workspace=actor.workspace).filter(
        Q(author__name__icontains=word) | Q(author__handle__icontains=word)
    )
    return list(found.values_list("contact", flat=True)[:1000])


def find_authors(
    *, actor: Actor, words: str, limit: int = MOST_FOUND, without: Sequence[int] = (), free: bool = False
) -> list[Author]:
    """Authors by name or handle, those who wrote most first. `free`: only those who are no contact. Raises
    Forbidden.
    """
    actor.need("contacts.view")
    parts = storable(words).replace("@", " ").split()[:8]
    if not parts:
        return []
    wanted = Q(workspace=actor.workspace)
    for word in parts:
        wanted &= Q(name__icontains=word) | Q(handle__icontains=word)
    found = (
        Author.objects.filter(wanted).exclude(pk__in=without).select_related("channel", "account__contact")
    )
    if free:
        found = found.filter(account=None)
    some = list(found.order_by("-pk")[: limit * 5])
    written = dict(
        Author.objects.filter(pk__in=[author.pk for author in some])
        .annotate(number=Count("interactions"))
        .values_list("pk", "number")
    )
    some.sort(key=lambda author: -written[author.pk])
    return [author for author in some if author.remote_id != author.channel.remote_id][:limit]
