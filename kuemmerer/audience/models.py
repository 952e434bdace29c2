"""Contacts: the people behind the accounts that write to us."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from kuemmerer.accounts.models import Workspace
from kuemmerer.channels.models import Author


class Contact(models.Model):
    """A person whom the team knows: what it has noted, and through `Account` the authors that are this
    person.
    """

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="contacts")
    name = models.CharField(_("name"), max_length=255)
    email = models.EmailField(_("e-mail address"), blank=True, default="")
    phone = models.CharField(_("phone"), max_length=60, blank=True, default="")
    company = models.CharField(_("company"), max_length=200, blank=True, default="")
    language = models.CharField(
        _("language"), max_length=5, blank=True, default="", choices=settings.LANGUAGES
    )
    notes = models.TextField(_("notes"), blank=True, default="")
    created_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["workspace", "name", "id"], name="contact_list")]

    def __str__(self) -> str:
        return self.name


class Account(models.Model):
    """An author who is a contact. No author is two of them."""

    contact = models.ForeignKey(Contact, models.CASCADE, related_name="accounts")
    author = models.OneToOneField(Author, models.CASCADE, related_name="account")
    linked_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.author_id} is {self.contact_id}"


class NotSame(models.Model):
    """Two authors of whom somebody has said that they are different people."""

    workspace = models.ForeignKey(Workspace, models.CASCADE)
    first = models.ForeignKey(Author, models.CASCADE, related_name="+")
    second = models.ForeignKey(Author, models.CASCADE, related_name="+")
    said_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["first", "second"], name="said_once"),
            models.CheckConstraint(condition=models.Q(first__lt=models.F("second")), name="smaller_first"),
        ]

    def __str__(self) -> str:
        return f"{self.first_id} is not {self.second_id}"
