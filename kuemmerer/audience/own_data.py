"""What contacts tell about people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import ClassVar

from django.db.models import Q, QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from kuemmerer.audience.models import Account, Contact
from kuemmerer.channels.privacy import Part, Section, Subject
from kuemmerer.core.models import forget


class ContactData(Part):
    labels: ClassVar[Mapping[str, str | Promise]] = {"contacts": pgettext_lazy("of a person", "contact")}

    def count(self, subject: Subject) -> Mapping[str, int]:
        return {"contacts": _contacts(subject).count()}

    def language(self, subject: Subject) -> str:
        return _contacts(subject).exclude(language="").values_list("language", flat=True).first() or ""

    def sections(self, subject: Subject) -> list[Section]:
        fields = ("name", "email", "phone", "company", "language", "notes", "created_at")
        return [
            Section(
                key="contacts",
                title=_("What our team has noted about you"),
                rows=[{name: getattr(one, name) for name in fields} for one in _contacts(subject)],
                labels={
                    "name": _("Name"),
                    "email": _("E-mail address"),
                    "phone": _("Phone"),
                    "company": _("Company"),
                    "language": _("Language"),
                    "notes": _("Notes"),
                    "created_at": _("Known since"),
                },
            )
        ]

    def erase(self, subject: Subject, now: datetime) -> None:
        """The contact goes with its last account: a person is erased, not a link."""
        ids = list(_contacts(subject).values_list("pk", flat=True))
        Contact.objects.filter(pk__in=ids).delete()
        forget(workspace_id=subject.workspace.pk, subject_type="contact", subject_ids=ids)

    def keeps(self, author_ids: Sequence[int]) -> set[int]:
        """The accounts of a contact, so that the person is known again when they write again."""
        return set(Account.objects.filter(author__in=author_ids).values_list("author", flat=True))


def _contacts(subject: Subject) -> QuerySet[Contact]:
    """The contact that was asked for, and those all of whose accounts are the subject's."""
    staying = Account.objects.filter(contact__accounts__author__in=subject.author_ids).exclude(
        author__in=subject.author_ids
    )
    whole = Q(accounts__author__in=subject.author_ids) & ~Q(pk__in=staying.values("contact"))
    return Contact.objects.filter(
        Q(pk=subject.contact_id or 0) | whole, workspace=subject.workspace
    ).distinct()
