"""What the editorial desk has to say on the day page."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.urls import reverse
from django.utils.translation import gettext as _

from kuemmerer.accounts.access import Actor
from kuemmerer.publishing.models import Idea
from kuemmerer.web.day import Suggestion


def suggestions(actor: Actor, now: datetime) -> Sequence[Suggestion]:
    """The newest idea that nobody has used yet."""
    if not actor.can("ideas.view"):
        return []
    collected = Idea.objects.filter(workspace=actor.workspace, status=Idea.Status.COLLECTED)
    newest = collected.order_by("-created_at").first()
    if newest is None:
        return []
    url = reverse("ideas", args=[actor.workspace.slug])
    return [Suggestion(text=_("Make something of an idea"), url=url, icon="lightbulb", detail=newest.title)]
