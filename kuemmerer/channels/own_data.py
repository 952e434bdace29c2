"""What this app knows about people: their accounts, and what they wrote and did."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from django.db.models import Count, F
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from kuemmerer.channels import erased
from kuemmerer.channels.interactions import save_all
from kuemmerer.channels.models import Author, Channel, Interaction, Thread
from kuemmerer.channels.privacy import Part, Section, Subject, pieces, refuse_own_account
from kuemmerer.channels.redaction import Redactor
from kuemmerer.core.models import forget


class OwnData(Part):
    labels: ClassVar[Mapping[str, str | Promise]] = {
        "accounts": _("accounts"),
        "interactions": pgettext_lazy("of a person", "comments, messages and reactions"),
        "own_answers": _("our answers as the network shows them"),
    }

    def refuse(self, subject: Subject) -> None:
        refuse_own_account(subject)

    def count(self, subject: Subject) -> Mapping[str, int]:
        return {
            "accounts": len(subject.authors),
            "interactions": len(subject.interaction_ids),
            "own_answers": len(_own_answers(subject)),
        }

    def language(self, subject: Subject) -> str:
        found = (
            Interaction.objects.filter(author__in=subject.author_ids)
            .exclude(language="")
            .values_list("language")
            .annotate(number=Count("pk"))
            .order_by("-number")
            .first()
        )
        return str(found[0])[:2].lower() if found else ""

    def sections(self, subject: Subject) -> list[Section]:
        return [_accounts(subject), _words(subject), _answers(subject)]

    def erase(self, subject: Subject, now: datetime) -> None:
        theirs = _by_channel(subject)
        answers = _own_answers(subject)
        for channel, remote_ids in theirs.items():
            authors = [a.remote_id for a in subject.authors if a.channel_id == channel.pk]
            items = [*remote_ids, *(one for _pk, place, one in answers if place == channel.pk)]
            erased.remember(channel, authors=authors, items=items, now=now)
            _redact_threads(subject, channel, set(items), now)
        threads = subject.thread_ids  # asked before they go
        for some in pieces([*subject.interaction_ids, *(pk for pk, _place, _one in answers)]):
            Interaction.objects.filter(pk__in=some).delete()
        Author.objects.filter(pk__in=subject.author_ids).delete()
        for some in pieces(threads):
            Thread.objects.filter(pk__in=some, interactions=None).delete()
        forget(workspace_id=subject.workspace.pk, subject_type="author", subject_ids=subject.author_ids)
        forget(
            workspace_id=subject.workspace.pk,
            subject_type="interaction",
            subject_ids=subject.interaction_ids,
        )

    def answered_at(self, interaction_ids: Sequence[int]) -> Mapping[int, datetime]:
        found: dict[int, datetime] = {}
        asked = Interaction.objects.filter(pk__in=interaction_ids).values_list(
            "pk", "channel_id", "remote_id"
        )
        by_channel: dict[int, dict[str, int]] = defaultdict(dict)
        for pk, channel_id, remote_id in asked:
            by_channel[channel_id][remote_id] = pk
        for channel_id, wanted in by_channel.items():
            answers = Interaction.objects.filter(
                channel=channel_id, ours=True, parent_remote_id__in=list(wanted)
            ).values_list("parent_remote_id", "created_at")
            for parent, at in answers:
                found[wanted[parent]] = min(found.get(wanted[parent], at), at)
        return found


def _by_channel(subject: Subject) -> dict[Channel, list[str]]:
    """The remote ids of all that the person wrote, by channel; also channels where nothing is left."""
    found: dict[Channel, list[str]] = {author.channel: [] for author in subject.authors}
    places = {channel.pk: channel for channel in found}
    rows = Interaction.objects.filter(author__in=subject.author_ids).values_list("channel_id", "remote_id")
    for channel_id, remote_id in rows.iterator():
        found[places[channel_id]].append(remote_id)
    return found


def _own_answers(subject: Subject) -> list[tuple[int, int, str]]:
    """Our words, as they were fetched, that answer the person's: ids, channels and remote ids."""
    found: list[tuple[int, int, str]] = []
    for channel, remote_ids in _by_channel(subject).items():
        for start in range(0, len(remote_ids), 500):
            ours = Interaction.objects.filter(
                channel=channel, ours=True, parent_remote_id__in=remote_ids[start : start + 500]
            )
            found += ours.exclude(author__in=subject.author_ids).values_list("pk", "channel_id", "remote_id")
    return found


def _redact_threads(subject: Subject, channel: Channel, gone: set[str], now: datetime) -> None:
    """What others wrote around it stays, without what leads back to the person."""
    redactor = subject.redactor
    redacted: list[str] = []
    bared: list[str] = []
    changed: list[Interaction] = []
    for one in _others(subject, channel):
        if one.remote_id in gone:
            continue
        text, title = redactor.text(one.text), redactor.text(one.title)
        leads_back = one.parent_remote_id in gone
        names_them = one.raw and (leads_back or _mentions(redactor, gone, one.raw))
        if (text, title) != (one.text, one.title):
            redacted.append(one.remote_id)
        elif names_them:
            bared.append(one.remote_id)
        elif not leads_back:
            continue
        one.text, one.title, one.raw = text, title, {}
        one.parent_remote_id = "" if leads_back else one.parent_remote_id
        changed.append(one)
    _save(channel, changed)
    _rename_threads(subject, channel, gone)
    erased.remember(channel, redacted=redacted, bared=bared, now=now)


def _others(subject: Subject, channel: Channel) -> Iterator[Interaction]:
    for some in pieces(subject.thread_ids):
        found = Interaction.objects.filter(thread__in=some, channel=channel)
        yield from found.exclude(author__in=subject.author_ids).iterator(chunk_size=1000)


def _mentions(redactor: Redactor, gone: set[str], raw: Any) -> bool:
    return redactor.changes(raw) or any(text in gone for text in _texts(raw))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _texts(part)
    elif isinstance(value, list):
        for part in value:
            yield from _texts(part)


def _save(channel: Channel, changed: Sequence[Interaction]) -> None:
    """Write them with new change numbers, so that whoever copied their text takes the new one."""
    seq = Channel.objects.values_list("seq", flat=True).get(pk=channel.pk)
    for number, one in enumerate(changed, seq + 1):
        one.seq = number
    save_all(Interaction, changed, ["text", "title", "raw", "parent_remote_id", "seq"])
    Channel.objects.filter(pk=channel.pk).update(seq=F("seq") + len(changed))


def _rename_threads(subject: Subject, channel: Channel, gone: set[str]) -> None:
    for some in pieces(subject.thread_ids):
        for thread in Thread.objects.filter(pk__in=some, channel=channel):
            if thread.remote_id in gone:
                thread.remote_id = erased.thread_pseudonym(channel, thread.remote_id)
                thread.save(update_fields=["remote_id"])


# --- export


def _accounts(subject: Subject) -> Section:
    fields = ("remote_id", "handle", "name", "url", "avatar_url", "about", "followers", "first_seen_at")
    return Section(
        key="accounts",
        title=_("Accounts"),
        rows=[
            {
                "network": str(author.channel.connector.label),
                "channel": author.channel.name,
                **{name: getattr(author, name) for name in fields},
            }
            for author in subject.authors
        ],
        labels={
            "network": _("Network"),
            "channel": _("Channel"),
            "remote_id": _("Id at the network"),
            "handle": _("Handle"),
            "name": _("Name"),
            "url": _("Profile"),
            "avatar_url": _("Picture"),
            "about": _("About"),
            "followers": _("Followers"),
            "first_seen_at": _("Known since"),
        },
    )


_WORDS = (
    "title",
    "text",
    "url",
    "stars",
    "language",
    "visibility",
    "liked",
    "shared",
    "created_at",
    "edited_at",
    "deleted_at",
    "fetched_at",
)


def _words(subject: Subject) -> Section:
    found = Interaction.objects.filter(author__in=subject.author_ids).select_related("channel", "author")
    return Section(
        key="interactions",
        title=_("What you wrote and did"),
        rows=[
            {
                "channel": one.channel.name,
                "kind": one.get_kind_display(),
                "status": one.get_status_display(),
                "remote_id": one.remote_id,
                **{name: getattr(one, name) for name in _WORDS},
                "raw": own_raw(one.raw, one.author),
            }
            for one in found.order_by("created_at", "pk").iterator(chunk_size=1000)
        ],
        labels={
            "channel": _("Channel"),
            "kind": _("Kind"),
            "status": _("Status"),
            "remote_id": _("Id at the network"),
            "title": _("Title"),
            "text": _("Text"),
            "url": _("Address"),
            "stars": _("Stars"),
            "language": _("Language"),
            "visibility": _("Visibility"),
            "liked": _("Liked by us"),
            "shared": _("Shared by us"),
            "created_at": _("Written"),
            "edited_at": _("Edited"),
            "deleted_at": _("Deleted"),
            "fetched_at": _("Fetched"),
            "raw": _("Record of the network"),
        },
    )


def own_raw(raw: Mapping[str, Any], person: Author) -> dict[str, Any]:
    """The network's record less what is in it about others: its plain values, and objects that are about the
    person. Lists (who was mentioned, who liked it) are left out.
    """
    result: dict[str, Any] = {}
    for name, value in raw.items():
        if isinstance(value, Mapping):
            plain = {key: part for key, part in value.items() if not isinstance(part, Mapping | list)}
            if {person.remote_id, person.handle} & {part for part in plain.values() if isinstance(part, str)}:
                result[name] = plain
        elif not isinstance(value, list):
            result[name] = value
    return result


def _answers(subject: Subject) -> Section:
    ids = [pk for pk, _place, _one in _own_answers(subject)]
    rows: list[dict[str, Any]] = []
    for some in pieces(ids):
        found = Interaction.objects.filter(pk__in=some).select_related("channel").order_by("created_at")
        rows += [
            {"channel": one.channel.name, "text": one.text, "created_at": one.created_at} for one in found
        ]
    return Section(
        key="own_answers",
        title=_("Our answers as the network shows them"),
        rows=rows,
        labels={"channel": _("Channel"), "text": _("Text"), "created_at": _("Written")},
    )
