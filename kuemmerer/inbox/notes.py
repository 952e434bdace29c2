"""Notes: what the team says among itself, and whom it mentions."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from kuemmerer.accounts.access import Actor
from kuemmerer.core.errors import Invalid
from kuemmerer.core.models import record
from kuemmerer.core.text import storable
from kuemmerer.inbox import cases, telling
from kuemmerer.inbox.mentions import Names
from kuemmerer.inbox.models import Case, Note

MOST_TEXT = 20_000


@transaction.atomic
def add(*, actor: Actor, case_id: int, text: str, now: datetime) -> Note:
    """Write an internal note; the members whom it mentions (“@Jana”, see `mentions`) are told.

    Raises Invalid for an empty or endless one, NotFound, Forbidden.
    """
    actor.need("inbox.note")
    # Locked: meanwhile it must not become a part of another one.
    case = cases.found(Case.objects.select_for_update(), actor, case_id)
    text = storable(text).strip()
    if not text:
        raise Invalid(_("Please write something."), field="text")
    if len(text) > MOST_TEXT:
        raise Invalid(_("This text is too long."), field="text")
    note = Note.objects.create(
        workspace_id=case.workspace_id, case=case, author=actor.user, text=text, created_at=now
    )
    record(
        workspace_id=case.workspace_id, actor=actor.label, verb="noted", subject=case, now=now, note=note.pk
    )
    if "@" in text:
        telling.mentioned(Names.of(actor.workspace).mentioned(text), note, now=now)
    return note
