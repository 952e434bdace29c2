"""The team's reusable things: labels and saved replies."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TypeVar

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from kuemmerer.accounts.access import Actor
from kuemmerer.core.errors import Conflict, Invalid, Message, NotFound
from kuemmerer.core.models import record
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


@transaction.atomic
def save_reply(
    *, actor: Actor, name: str, text: str, now: datetime, language: str = "", reply_id: int | None = None
) -> SavedReply:
    """Make or change a saved reply. Raises Invalid (empty, unknown variable), Conflict (name taken),
    NotFound, Forbidden.
    """
    actor.need("inbox.configure")
    name, text = " ".join(storable(name).split()), storable(text).replace("\r\n", "\n").strip()
    if not name or len(name) > 80:
        raise Invalid(_("A saved reply needs a name of at most 80 characters."), field="name")
    if not text or len(text) > 20_000:
        raise Invalid(_("Please write a text of at most 20,000 characters."), field="text")
    unknown = sorted({match for match in _VARIABLE.findall(text) if match not in VARIABLES})
    if unknown:
        raise Invalid(_("There is no variable {%(name)s}.") % {"name": unknown[0]}, field="text")
    saved = SavedReply(workspace=actor.workspace) if reply_id is None else saved_reply(actor, reply_id)
    saved.name, saved.text, saved.language = name, text, language[:5]
    _save(saved, actor, now, taken=_("There is a saved reply of this name already."))
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


def _save(entry: Label | SavedReply, actor: Actor, now: datetime, *, taken: Message) -> None:
    """Store what was filled in. Raises Conflict with the sentence `taken` if another one has the name."""
    same = type(entry)._default_manager.filter(workspace=actor.workspace, name__iexact=entry.name)
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
