"""Data protection: what is known about a person is handed out and erased as one operation, by all apps.

An app that keeps something about people registers a `Part` in `AppConfig.ready`. Parts are asked from the
highest app down to this one, so that each still finds what it hangs on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, ClassVar

from django.db import transaction
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from kuemmerer.accounts.access import Actor
from kuemmerer.accounts.models import Workspace
from kuemmerer.channels.erased import account_of, author_hash
from kuemmerer.channels.models import Author, Channel, DataProtection, Interaction, PrivacyRecord
from kuemmerer.channels.redaction import Redactor
from kuemmerer.core.errors import Conflict, Invalid, NotFound
from kuemmerer.core.models import record

TOGETHER = 500


@dataclass(frozen=True, kw_only=True)
class Subject:
    """The person whom a request is about: one or more accounts, and perhaps a contact of `audience`."""

    workspace: Workspace
    authors: tuple[Author, ...]
    contact_id: int | None = None

    @cached_property
    def author_ids(self) -> list[int]:
        return [author.pk for author in self.authors]

    @cached_property
    def interaction_ids(self) -> list[int]:
        """Of all that the person wrote or did."""
        return list(Interaction.objects.filter(author__in=self.author_ids).values_list("pk", flat=True))

    @cached_property
    def thread_ids(self) -> list[int]:
        """Of the conversations that the person took part in."""
        found = Interaction.objects.filter(author__in=self.author_ids).values_list("thread", flat=True)
        return list(found.distinct())

    @cached_property
    def redactor(self) -> Redactor:
        """Takes the person's names out of what others wrote."""
        return Redactor(self.authors)


@dataclass(frozen=True, kw_only=True)
class Section:
    """A part of an export: rows of the same fields. `labels` names the fields for people."""

    key: str
    title: str | Promise
    rows: Sequence[Mapping[str, Any]] = ()
    labels: Mapping[str, str | Promise] = field(default_factory=dict)


class Part:
    """What one app knows about people. All methods but those that it needs may stay as they are."""

    labels: ClassVar[Mapping[str, str | Promise]] = {}
    """What the keys of `count` mean."""

    def refuse(self, subject: Subject) -> None:
        """Raise Conflict if the person cannot be erased now."""

    def count(self, subject: Subject) -> Mapping[str, int]:
        """How many rows of what there are about the person."""
        return {}

    def sections(self, subject: Subject) -> list[Section]:
        """What is known, for the person to read; the present language is theirs. Others are redacted
        later.
        """
        return []

    def language(self, subject: Subject) -> str:
        """The person's language as far as this app knows it."""
        return ""

    def erase(self, subject: Subject, now: datetime) -> None:
        """Erase it. Called inside the transaction; what higher apps know is gone already."""

    # --- the end of a retention

    def holds(self, interaction_ids: Sequence[int]) -> set[int]:
        """Which of these must stay although their time is over."""
        return set()

    def answered_at(self, interaction_ids: Sequence[int]) -> Mapping[int, datetime]:
        """When these were answered, as far as this app knows."""
        return {}

    def expire(self, interaction_ids: Sequence[int]) -> None:
        """Erase what hangs on these interactions, which are erased right after."""

    def keeps(self, author_ids: Sequence[int]) -> set[int]:
        """Which of these authors stay although nothing of what they wrote is left."""
        return set()


_parts: list[Part] = []


def register(part: Part) -> None:
    _parts.append(part)


def parts() -> list[Part]:
    """All parts, those of higher apps first."""
    return _parts[::-1]


def labels() -> dict[str, str | Promise]:
    """What the keys of counts mean, in the order in which they are shown."""
    return {key: label for part in _parts for key, label in part.labels.items()}


# --- requests


def author_of(*, actor: Actor, author_id: int) -> Author:
    """An author of the actor's workspace. Raises NotFound."""
    found = Author.objects.select_related("channel").filter(workspace=actor.workspace, pk=author_id).first()
    if found is None:
        raise NotFound(_("This person does not exist (any more)."))
    return found


def inventory(*, actor: Actor, subject: Subject) -> dict[str, int]:
    """How much of what is stored about the person, by the keys of `labels`. Raises Forbidden."""
    actor.need("privacy.manage")
    found = _counted(subject)
    return {key: found[key] for key in labels() if found[key]}


def _counted(subject: Subject) -> Counter[str]:
    total: Counter[str] = Counter()
    for part in parts():
        total.update(part.count(subject))
    return total


@transaction.atomic
def erase(*, actor: Actor, subject: Subject, sure: bool, now: datetime) -> PrivacyRecord:
    """Erase everything about a person, here; what is at the networks stays there. The record that remains
    names nobody.

    What was erased does not come back with the next sync. Raises Forbidden; Invalid unless the person asking
    is `sure`; Conflict for the own account of a channel and while an answer to the person is on its way.
    """
    actor.need("privacy.manage")
    if not sure:
        raise Invalid(_("Please confirm that you want this."), field="sure")
    # Who stores what was fetched waits for us here, and then knows whom to skip.
    channels = {author.channel_id for author in subject.authors}
    list(Channel.objects.select_for_update().filter(pk__in=channels).order_by("pk").values_list("pk"))
    for part in parts():
        part.refuse(subject)
    counts = _counted(subject)
    hashes = _hashes(subject)
    for part in parts():
        part.erase(subject, now)
    return _note(actor, PrivacyRecord.Kind.ERASURE, counts, hashes, now)


def refuse_own_account(subject: Subject) -> None:
    for author in subject.authors:
        if author.remote_id == author.channel.remote_id:
            raise Conflict(
                _(
                    "This is the account of the channel itself. "
                    "To erase what it brought, disconnect the channel."
                )
            )


def note_export(*, actor: Actor, subject: Subject, now: datetime) -> PrivacyRecord:
    """Write down that the person's data were handed out."""
    return _note(actor, PrivacyRecord.Kind.EXPORT, _counted(subject), _hashes(subject), now)


def _hashes(subject: Subject) -> list[str]:
    return [author_hash(account_of(author.channel), author.remote_id) for author in subject.authors]


def _note(
    actor: Actor, kind: str, counts: Mapping[str, int], hashes: list[str], now: datetime
) -> PrivacyRecord:
    made = PrivacyRecord.objects.create(
        workspace=actor.workspace,
        kind=kind,
        actor=actor.label,
        at=now,
        hashes=hashes,
        counts={key: number for key, number in counts.items() if number},
    )
    verb = "erased a person" if kind == PrivacyRecord.Kind.ERASURE else "exported a person"
    record(workspace_id=actor.workspace.pk, actor=actor.label, verb=verb, subject=made, now=now)
    return made


def pieces(ids: Iterable[int]) -> Iterator[list[int]]:
    """`ids` in lists short enough for one query."""
    rest = list(ids)
    for start in range(0, len(rest), TOGETHER):
        yield rest[start : start + TOGETHER]


# --- statistics of people in the team


def may_show_person(workspace: Workspace) -> bool:
    """Whether statistics may say who in the team did what; if not, they stop at teams.

    Whoever shows figures by employee asks this first. Off unless an owner has switched it on: such figures
    are personal data of employees (§ 26 BDSG), and a works council has a say in them (§ 87 Abs. 1 Nr. 6
    BetrVG).
    """
    return DataProtection.objects.filter(workspace=workspace, personal_statistics=True).exists()


@transaction.atomic
def set_personal_statistics(*, actor: Actor, on: bool, now: datetime) -> bool:
    """Allow or forbid statistics by employee; returns what holds now. Raises Forbidden for all but owners."""
    actor.need("workspace.manage")
    found, created = DataProtection.objects.select_for_update().get_or_create(workspace=actor.workspace)
    if found.personal_statistics != on or (created and on):
        found.personal_statistics = on
        found.save(update_fields=["personal_statistics"])
        verb = "allowed personal statistics" if on else "forbade personal statistics"
        record(workspace_id=actor.workspace.pk, actor=actor.label, verb=verb, subject=found, now=now)
    return on
