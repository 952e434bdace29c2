"""The team's reusable things: labels and saved replies."""

from __future__ import annotations

import re
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from kuemmerer.accounts.access import Actor
from kuemmerer.core.errors import Conflict, Invalid, NotFound
from kuemmerer.core.models import record
from kuemmerer.core.text import storable
from kuemmerer.inbox.models import Case, Label, SavedReply

COLORS = 7
VARIABLES = {
    "first_name": _("first name of the author"),
    "name": _("full name of the author"),
    "company": _("name of the workspace"),
    "agent": _("your own name"),
}
_VARIABLE = re.compile(r"\{(\w*)\}")


@transaction.atomic
def save_label(*, actor: Actor, name: str, color: int, now: datetime, label_id: int | None = None) -> Label:
    """Make or change a label. Raises Invalid, Conflict (name taken), NotFound, Forbidden."""
    actor.need("inbox.configure")
    name = " ".join(storable(name).split())
    if not name or len(name) > 40:
        raise Invalid(_("A label needs a name of at most 40 characters."), field="name")
    if not 0 <= color < COLORS:
        raise Invalid(_("There is no such colour."), field="color")
    if Label.objects.filter(workspace=actor.workspace, name__iexact=name).exclude(pk=label_id or 0).exists():
        raise Conflict(_("There is a label of this name already."), field="name")
    label = Label(workspace=actor.workspace) if label_id is None else _label(actor, label_id)
    label.name, label.color = name, color
    label.save()
    record(
        workspace_id=actor.workspace.pk, actor=actor.label, verb="saved", subject=label, now=now, name=name
    )
    return label


def _label(actor: Actor, label_id: int) -> Label:
    label = Label.objects.filter(workspace=actor.workspace, pk=label_id).first()
    if label is None:
        raise NotFound
    return label


@transaction.atomic
def delete_label(*, actor: Actor, label_id: int, now: datetime) -> None:
    actor.need("inbox.configure")
    label = _label(actor, label_id)
    record(
        workspace_id=actor.workspace.pk,
        actor=actor.label,
        verb="deleted",
        subject=label,
        now=now,
        name=label.name,
    )
    label.delete()


@transaction.atomic
def save_reply(
    *, actor: Actor, name: str, text: str, now: datetime, language: str = "", reply_id: int | None = None
) -> SavedReply:
    """Make or change a saved reply. Raises Invalid (empty, unknown variable), Conflict (name taken),
    NotFound.
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
    if (
        SavedReply.objects.filter(workspace=actor.workspace, name__iexact=name)
        .exclude(pk=reply_id or 0)
        .exists()
    ):
        raise Conflict(_("There is a saved reply of this name already."), field="name")
    saved = SavedReply(workspace=actor.workspace) if reply_id is None else saved_reply(actor, reply_id)
    saved.name, saved.text, saved.language = name, text, language[:5]
    saved.save()
    record(
        workspace_id=actor.workspace.pk, actor=actor.label, verb="saved", subject=saved, now=now, name=name
    )
    return saved


def saved_reply(actor: Actor, reply_id: int) -> SavedReply:
    """A saved reply of the workspace. Raises NotFound."""
    saved = SavedReply.objects.filter(workspace=actor.workspace, pk=reply_id).first()
    if saved is None:
        raise NotFound
    return saved


@transaction.atomic
def delete_reply(*, actor: Actor, reply_id: int, now: datetime) -> None:
    actor.need("inbox.configure")
    saved = saved_reply(actor, reply_id)
    record(
        workspace_id=actor.workspace.pk,
        actor=actor.label,
        verb="deleted",
        subject=saved,
        now=now,
        name=saved.name,
    )
    saved.delete()


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
