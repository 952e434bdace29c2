"""A rule tried on what came in before: how often it would have held."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.translation import gettext_lazy as _

from kuemmerer.accounts.access import Actor
from kuemmerer.channels.privacy import pieces
from kuemmerer.core.errors import Invalid
from kuemmerer.inbox.automation.conditions import Conditions, Heard, hold
from kuemmerer.inbox.automation.rules import checked_conditions
from kuemmerer.inbox.automation.run import first_words
from kuemmerer.inbox.models import Case, CaseInteraction

MOST_WORDS = 2000
"""So many words are looked at, the newest ones."""
MOST_DAYS = 365
EXAMPLES = 5


@dataclass(frozen=True, kw_only=True)
class Trial:
    """`hits` of the newest `looked_at` words of `days` days would have met the conditions; `examples` are
    the newest of them. `all_of_them`: there were no more words in that time.
    """

    hits: int
    looked_at: int
    days: int
    all_of_them: bool
    examples: Sequence[CaseInteraction]


def would_have_held(*, actor: Actor, conditions: Conditions, days: int, now: datetime) -> Trial:
    """Try conditions on past words, each taken by itself: as if no other rule had run before.

    Intent and priority are asked as the cases have them today. Raises Invalid, NotFound, Forbidden.
    """
    actor.need("inbox.configure")
    if not 1 <= days <= MOST_DAYS:
        raise Invalid(_("Choose between 1 and 365 days."), field="days")
    # A rule that is being edited may still name a channel that is gone; none of the words come from there.
    conditions = checked_conditions(actor, conditions, conditions)
    links = _newest(actor, now - timedelta(days=days))
    words = [link.interaction for link in links]
    first = first_words(words) if conditions.first_time else set()
    found = [
        link
        for link in links
        if hold(
            conditions,
            Heard(link.interaction, actor.workspace, first=link.interaction_id in first),
            link.case,
        )
    ]
    return Trial(
        hits=len(found),
        looked_at=len(links),
        days=days,
        all_of_them=len(links) < MOST_WORDS,
        examples=found[:EXAMPLES],
    )


def _newest(actor: Actor, since: datetime) -> list[CaseInteraction]:
    """The newest words, the newest first.

    They lie in the cases that somebody wrote in last: each case that is newer than the 2000th word has a
    word that is newer, too. So there is no need to go through all words, which no index could order.
    """
    recent = Case.objects.filter(workspace=actor.workspace, last_at__gte=since).order_by("-last_at", "-id")
    found: list[CaseInteraction] = []
    for some in pieces(list(recent.values_list("pk", flat=True)[:MOST_WORDS])):
        links = CaseInteraction.objects.filter(case__in=some, interaction__created_at__gte=since)
        links = links.select_related("interaction__author", "case__author").defer("interaction__raw")
        found += links.order_by("-interaction__created_at", "-interaction")[:MOST_WORDS]
    found.sort(key=lambda link: (link.interaction.created_at, link.interaction_id), reverse=True)
    return found[:MOST_WORDS]
