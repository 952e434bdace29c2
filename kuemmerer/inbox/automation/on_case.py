"""What automation rules have to say on the page of a case."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, QuerySet

from kuemmerer.channels.delivery import State as Delivery
from kuemmerer.channels.models import Interaction
from kuemmerer.core.prepared import Prepared
from kuemmerer.inbox.automation.actions import spam_action
from kuemmerer.inbox.models import Case, Reply, RuleHit, SavedReply, SpamMark, Status
from kuemmerer.networks.base import Action
from kuemmerer.networks.errors import sentence
from kuemmerer.notify.leases import State


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """Something that a rule could not hide so far; `next_at` is None once it has been given up. `action` is
    what a person can try now, None where the network offers nothing.
    """

    rule: str
    why: str
    next_at: datetime | None
    interaction_id: int
    action: Action | None


_SEEN = (Interaction.Status.SHOWN, Interaction.Status.HELD)


# Every page of a case asks, and few cases have any.
_suggests = Prepared(
    lambda case: RuleHit.objects.filter(case=case, suggested__isnull=False).values_list("pk")[:1]
)
_is_troubled = Prepared(lambda case: _troubled(SpamMark.objects.filter(case=case)).values_list("pk")[:1])


def suggestion(case: Case) -> SavedReply | None:
    """The saved reply that a rule suggests for the newest words, unless they are answered or about to be."""
    if not _suggests(case=case.pk):
        return None
    hits = RuleHit.objects.filter(case=case, suggested__isnull=False).select_related("suggested")
    hits = hits.filter(interaction__case_interaction__settled=False)
    if case.answered_at is not None:
        hits = hits.filter(interaction__created_at__gt=case.answered_at)
    hit = hits.select_related("interaction").order_by("-interaction__created_at", "-pk").first()
    return hit.suggested if hit and not _is_being_answered(case, hit) else None


def _is_being_answered(case: Case, hit: RuleHit) -> bool:
    """Whether an answer by somebody who had these words before them is on its way."""
    seen = Reply.objects.filter(case=case, written_at__gte=hit.interaction.fetched_at)
    return seen.exclude(state=Delivery.REJECTED).exists()


def troubles(case: Case) -> Sequence[Trouble]:
    """What should be hidden in an open case and is not."""
    if case.status == Status.CLOSED or not _is_troubled(case=case.pk):
        return []
    marks = _troubled(SpamMark.objects.filter(case=case))
    return [
        Trouble(
            rule=mark.rule_name,
            why=sentence(mark.code, mark.problem),
            next_at=mark.next_at,
            interaction_id=mark.interaction_id,
            action=spam_action(case.channel),
        )
        for mark in marks.order_by("pk")
    ]


def _troubled(marks: QuerySet[SpamMark]) -> QuerySet[SpamMark]:
    # What a person has hidden since is no trouble any more.
    seen = Q(interaction__deleted_at=None, interaction__status__in=_SEEN)
    return marks.filter(seen, state__in=[State.WAITING, State.FAILED]).exclude(code="")
