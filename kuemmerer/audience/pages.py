"""Contacts: the list, a person's whole history, and who is the same person."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.db.models import Count
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from kuemmerer.api import paging
from kuemmerer.api.fields import PageInput
from kuemmerer.audience import contacts
from kuemmerer.audience.history import figures, history
from kuemmerer.audience.models import Account, Contact
from kuemmerer.audience.suggestions import suggestions
from kuemmerer.channels.models import WORDS, Author, Interaction
from kuemmerer.core import clock
from kuemmerer.web.forms import DeskForm, language_choices
from kuemmerer.web.page import WorkspaceRequest, page

SHOWN = 25


class ContactForm(DeskForm):
    """What the team notes about a person."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=255)
    email = forms.EmailField(label=gettext_lazy("E-mail address"), required=False)
    phone = forms.CharField(label=gettext_lazy("Phone"), max_length=60, required=False)
    company = forms.CharField(label=gettext_lazy("Company"), max_length=200, required=False)
    language = forms.ChoiceField(
        label=gettext_lazy("Language"),
        required=False,
        choices=lambda: [("", _("not known")), *language_choices()],
    )
    notes = forms.CharField(
        label=gettext_lazy("Notes"),
        required=False,
        max_length=contacts.MOST_NOTES,
        widget=forms.Textarea,
        help_text=gettext_lazy("The person may ask to read this."),
    )


def _number(value: str) -> int:
    """A typed id; 0, which nothing has, for everything that is none."""
    return int(value) if value.isascii() and value.isdigit() and len(value) <= 18 else 0


@page("contacts.view")
def contacts_page(request: WorkspaceRequest) -> HttpResponse:
    """All contacts; a search finds accounts that are no contact yet, too."""
    actor, words = request.actor, request.GET.get("q", "").strip()[:200]
    found = Contact.objects.filter(contacts.search_contacts(actor=actor, words=words))
    rows, following = paging.by_id(
        found.annotate(number=Count("accounts")),
        PageInput(after=request.GET.get("after", ""), limit=SHOWN),
        newest_first=True,
    )
    base = reverse("contacts", args=[actor.workspace.slug])
    context = {
        "contacts": rows,
        "words": words,
        "authors": contacts.find_authors(actor=actor, words=words, free=True),
        "more_url": f"{base}?{urlencode({'q': words, 'after': following, 'rows': 1})}" if following else "",
    }
    is_part = request.htmx and request.GET.get("rows")
    return render(request, "audience/_contacts.html" if is_part else "audience/contacts.html", context)


@page("contacts.view")
def contact(request: WorkspaceRequest, contact_id: int) -> HttpResponse:
    """A contact with the whole history across channels."""
    found = contacts.get(actor=request.actor, contact_id=contact_id)
    return _person(request, contacts.accounts_of(found), found)


@page("contacts.view")
def author(request: WorkspaceRequest, author_id: int) -> HttpResponse:
    """An account that is no contact; one that is leads there."""
    found = contacts.get_author(actor=request.actor, author_id=author_id)
    account = Account.objects.filter(author=found).first()
    if account is not None:
        return redirect("contact", request.actor.workspace.slug, account.contact_id)
    return _person(request, [found], None)


def _person(request: WorkspaceRequest, authors: Sequence[Author], known: Contact | None) -> HttpResponse:
    context = _history(request, authors, known)
    if request.htmx and request.GET.get("rows"):
        return render(request, "audience/_history.html", context)
    actor = request.actor
    words = request.GET.get("find", "").strip()[:200]
    own = [one.pk for one in authors]
    context |= {
        "contact": known,
        "author": authors[0] if authors and known is None else None,
        "authors": authors,
        "name": str(known or authors[0]),
        "figures": figures(authors),
        "suggestions": suggestions(actor=actor, authors=authors),
        "words": words,
        "found": contacts.find_authors(actor=actor, words=words, without=own),
        "can_edit": actor.can("contacts.edit"),
        "can_protect": actor.can("privacy.manage"),
        "is_own": any(one.remote_id == one.channel.remote_id for one in authors),
    }
    return render(request, "audience/person.html", context)


def _history(request: WorkspaceRequest, authors: Sequence[Author], known: Contact | None) -> dict[str, Any]:
    channel_id = _number(request.GET.get("channel", "")) or None
    rows, following = paging.by_time(
        history(authors, channel_id=channel_id),
        PageInput(after=request.GET.get("after", ""), limit=SHOWN),
        field="created_at",
    )
    query = {"channel": channel_id or "", "after": following, "rows": 1}
    return {
        "rows": [{"interaction": one, "has_case": _has_case(one)} for one in rows],
        "channel_id": channel_id,
        "base": request.path,
        "more_url": f"{request.path}?{urlencode(query)}" if following else "",
    }


def _has_case(interaction: Interaction) -> bool:
    return interaction.addressed and not interaction.ours and interaction.kind in WORDS


@page("contacts.view")
def aside(request: WorkspaceRequest, author_id: int) -> HttpResponse:
    """What stands beside a case about its author: a part of the case's page."""
    found = contacts.get_author(actor=request.actor, author_id=author_id)
    account = Account.objects.filter(author=found).select_related("contact").first()
    context = {
        "author": found,
        "contact": account.contact if account else None,
        "number": account.contact.accounts.count() if account else 1,
    }
    return render(request, "audience/_aside.html", context)


# --- changing


@page("contacts.edit", methods=("GET", "HEAD", "POST"))
def edit(request: WorkspaceRequest, contact_id: int) -> HttpResponse:
    found = contacts.get(actor=request.actor, contact_id=contact_id)
    initial = {name: getattr(found, name) for name in contacts.FIELDS}
    form = ContactForm(request.POST or None, initial=initial)
    if form.run(
        lambda: contacts.change(
            actor=request.actor,
            contact_id=contact_id,
            details=contacts.Details(**form.cleaned_data),
            now=clock.now(),
        )
    ):
        messages.success(request, _("Saved."))
        return redirect("contact", request.actor.workspace.slug, contact_id)
    return render(request, "audience/edit.html", {"form": form, "contact": found}, status=form.status)


@page("contacts.edit", methods=("POST",))
def contact_deed(request: WorkspaceRequest, contact_id: int) -> HttpResponse:
    """The buttons of a contact's page: `do` is link, unlink, not-same or delete, `author` whom it is
    about.
    """
    actor, now, slug = request.actor, clock.now(), request.actor.workspace.slug
    other = _number(request.POST.get("author", ""))
    found = contacts.get(actor=actor, contact_id=contact_id)
    match request.POST.get("do", ""):
        case "link":
            _join(request, found, other)
        case "unlink":
            contacts.unlink(actor=actor, contact_id=contact_id, author_id=other, now=now)
            messages.success(request, _("The account is on its own again."))
        case "not-same":
            for one in contacts.accounts_of(found):
                contacts.not_same(actor=actor, author_id=one.pk, other_id=other, now=now)
        case "delete":
            contacts.delete(actor=actor, contact_id=contact_id, now=now)
            messages.success(request, _("The contact was deleted. What the person wrote is still there."))
            return redirect("contacts", slug)
    return redirect("contact", slug, contact_id)


def _join(request: WorkspaceRequest, known: Contact, other_id: int) -> None:
    """The other person becomes this contact, with all accounts that it has."""
    other = contacts.get_author(actor=request.actor, author_id=other_id)
    account = Account.objects.filter(author=other).first()
    if account is not None and account.contact_id != known.pk:
        contacts.merge(actor=request.actor, contact_id=known.pk, other_id=account.contact_id, now=clock.now())
    else:
        contacts.link(actor=request.actor, contact_id=known.pk, author_id=other.pk, now=clock.now())
    messages.success(request, _("%(other)s is now part of %(name)s.") % {"other": other, "name": known.name})


@page("contacts.edit", methods=("POST",))
def author_deed(request: WorkspaceRequest, author_id: int) -> HttpResponse:
    """The buttons of an account's page: `do` is make, link or not-same, `author` whom it is about."""
    actor, now, slug = request.actor, clock.now(), request.actor.workspace.slug
    other = _number(request.POST.get("author", ""))
    contacts.get_author(actor=actor, author_id=author_id)
    match request.POST.get("do", ""):
        case "make":
            made = contacts.make(actor=actor, author_id=author_id, now=now)
            return redirect("contact-edit", slug, made.pk)
        case "link":
            _join(request, _contact_of(request, other, author_id), author_id)
        case "not-same":
            contacts.not_same(actor=actor, author_id=author_id, other_id=other, now=now)
    return redirect("author", slug, author_id)


def _contact_of(request: WorkspaceRequest, author_id: int, joining: int) -> Contact:
    """The contact of an account; a new one if it is none yet. `joining` is checked before that."""
    contacts.get_author(actor=request.actor, author_id=joining)
    found = contacts.get_author(actor=request.actor, author_id=author_id)
    account = Account.objects.filter(author=found).select_related("contact").first()
    if account is not None:
        return account.contact
    return contacts.make(actor=request.actor, author_id=author_id, now=clock.now())
