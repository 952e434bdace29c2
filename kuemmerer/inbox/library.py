"""The team's reusable things: labels and saved replies."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from django.conf.locale import LANG_INFO
from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext_lazy as _

from kuemmerer.accounts.access import Actor
from kuemmerer.channels.models import Interaction
from kuemmerer.core.errors import Conflict, Invalid, Message, NotFound
from kuemmerer.core.models import record
from kuemmerer.core.prepared import PreparedRows
from kuemmerer.core.text import storable
from kuemmerer.inbox.models import Case, Label, SavedReply

COLORS = 7
VARIABLES = {
    "first_name": _("first name of the author"),
    "name": _("full name of the author"),
    "company": _("name of your company"),
    "agent": _("your own name"),
}
_VARIABLE = re.compile(r"\{(\w*)\}")


Entry = TypeVar("Entry", Label, SavedReply)


@transaction.atomic
def save_label(*, actor: Actor, name: str, color: int, now: datetime, label_id: int | None = None) -> Label:
    """Make or change a label. Raises Invalid, Conflict (name taken), NotFound, Forbidden."""
    actor.need("inbox.configure")
    name = " ".join(storable(name).split())
    if not name or len(name) > 40:
        raise Invalid(_("A label needs a name of at most 40 characters."), field="name")
    if not 0 <= color < COLORS:
        raise Invalid(_("There is no such colour."), field="color")
    label = Label(workspace=actor.workspace) if label_id is None else _get(Label, actor, label_id)
    label.name, label.color = name, color
    _save(label, actor, now, taken=_("There is a label of this name already."))
    return label


@transaction.atomic
def delete_label(*, actor: Actor, label_id: int, now: datetime) -> None:
    """Delete a label and take it off all cases. Raises NotFound, Forbidden."""
    actor.need("inbox.configure")
    _delete(_get(Label, actor, label_id), actor, now)


@dataclass(frozen=True, kw_only=True)
class Checked:
    """A saved reply as it can be stored."""

    name: str
    language: str
    text: str


def checked_reply(*, name: str, text: str, language: str = "") -> Checked:
    """What people wrote, tidied. Raises Invalid (empty, endless, unknown variable or language)."""
    name, text = " ".join(storable(name).split()), storable(text).replace("\r\n", "\n").strip()
    language = language.strip().lower()
    if not name or len(name) > 80:
        raise Invalid(_("A saved reply needs a name of at most 80 characters."), field="name")
    if not text or len(text) > 20_000:
        raise Invalid(_("Please write a text of at most 20,000 characters."), field="text")
    if language and (language not in LANG_INFO or len(language) > 5):
        raise Invalid(_("There is no such language. Use a code such as “de” or “en”."), field="language")
    unknown = sorted({match for match in _VARIABLE.findall(text) if match not in VARIABLES})
    if unknown:
        raise Invalid(_("There is no variable {%(name)s}.") % {"name": unknown[0]}, field="text")
    return Checked(name=name, language=language, text=text)


@transaction.atomic
def save_reply(
    *, actor: Actor, name: str, text: str, now: datetime, language: str = "", reply_id: int | None = None
) -> SavedReply:
    """Make or change a saved reply. Raises Invalid (empty, unknown variable or language), Conflict (name
    taken in this language), NotFound, Forbidden.
    """
    actor.need("inbox.configure")
    wanted = checked_reply(name=name, text=text, language=language)
    saved = SavedReply(workspace=actor.workspace) if reply_id is None else saved_reply(actor, reply_id)
    saved.name, saved.text, saved.language = wanted.name, wanted.text, wanted.language
    taken = _("There is a saved reply of this name in this language already.")
    _save(saved, actor, now, taken=taken, language=wanted.language)
    return saved


@transaction.atomic
def delete_reply(*, actor: Actor, reply_id: int, now: datetime) -> None:
    """Delete a saved reply. Raises NotFound, Forbidden."""
    actor.need("inbox.configure")
    _delete(saved_reply(actor, reply_id), actor, now)


def saved_reply(actor: Actor, reply_id: int) -> SavedReply:
    """A saved reply of the workspace. Raises NotFound."""
    return _get(SavedReply, actor, reply_id)


def _get(model: type[Entry], actor: Actor, pk: int) -> Entry:
    found = model._default_manager.filter(workspace=actor.workspace, pk=pk).first()
    if found is None:
        raise NotFound
    return found


def _save(entry: Label | SavedReply, actor: Actor, now: datetime, *, taken: Message, **apart: object) -> None:
    """Store what was filled in. Raises Conflict with the sentence `taken` if another one has the name, and
    what tells it `apart`.
    """
    same = type(entry)._default_manager.filter(workspace=actor.workspace, name__iexact=entry.name, **apart)
    if same.exclude(pk=entry.pk).exists():
        raise Conflict(taken, field="name")
    entry.save()
    _record("saved", entry, actor, now)


def _delete(entry: Label | SavedReply, actor: Actor, now: datetime) -> None:
    _record("deleted", entry, actor, now)
    entry.delete()


def _record(verb: str, entry: Label | SavedReply, actor: Actor, now: datetime) -> None:
    record(
        workspace_id=actor.workspace.pk,
        actor=actor.label,
        verb=verb,
        subject=entry,
        now=now,
        name=entry.name,
    )


def filled_in(*, actor: Actor, saved: SavedReply, case: Case) -> str:
    """A saved reply's text for this case, its variables filled in."""
    name = case.author.name or case.author.handle
    values = {
        "first_name": name.split()[0] if name.split() else "",
        "name": name,
        "company": actor.workspace.name,
        "agent": actor.user.name,
    }
    return _VARIABLE.sub(lambda match: values.get(match.group(1), match.group()), saved.text)


# --- what the composer offers


@dataclass(frozen=True, kw_only=True)
class Offer:
    """A saved reply in the language that fits a case, its variables filled in."""

    id: int
    name: str
    language: str
    text: str
    suggested: bool


_saved_replies = PreparedRows(lambda workspace: SavedReply.objects.filter(workspace=workspace))


def offers(*, actor: Actor, case: Case, suggestion: SavedReply | None = None) -> list[Offer]:
    """The saved replies for a case, one for each name: the one that a rule suggests, then by how often they
    are used.

    Of the languages of a name it is the one of the newest words, else the workspace's, else the one for any,
    else the first.
    """
    groups: dict[str, list[SavedReply]] = {}
    for saved in _saved_replies(workspace=actor.workspace.pk):
        groups.setdefault(saved.name.casefold(), []).append(saved)
    wanted = _languages(actor, case) if any(len(group) > 1 for group in groups.values()) else ()
    first = suggestion.name.casefold() if suggestion else None
    in_order = sorted(groups, key=lambda name: (name != first, -sum(s.used for s in groups[name]), name))
    return [
        Offer(
            id=chosen.pk,
            name=chosen.name,
            language=chosen.language,
            text=filled_in(actor=actor, saved=chosen, case=case),
            suggested=name == first,
        )
        for name in in_order
        for chosen in [_variant(groups[name], wanted)]
    ]


def _languages(actor: Actor, case: Case) -> tuple[str, ...]:
    newest = (
        Interaction.objects.filter(case_interaction__case=case, deleted_at=None)
        .order_by("-created_at", "-id")
        .values_list("language", flat=True)
        .first()
    )
    of_the_words = (newest or "").replace("_", "-").lower()
    return (of_the_words, of_the_words.split("-")[0], actor.workspace.language, "")


def _variant(group: list[SavedReply], languages: tuple[str, ...]) -> SavedReply:
    by_language = {saved.language: saved for saved in group}
    return next((by_language[code] for code in languages if code in by_language), group[0])


def count_use(*, case: Case, saved_ids: Collection[int], now: datetime) -> None:
    """An answer was written with these saved replies; ids of none are passed over."""
    if saved_ids:
        used = SavedReply.objects.filter(workspace=case.workspace_id, pk__in=saved_ids)
        used.update(used=F("used") + 1, last_used_at=now)
