"""What automation rules have to say on the page of a case."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet

from kuemmerer.core.prepared import Prepared
from kuemmerer.inbox.models import Case, RuleHit, SavedReply, SpamMark, Status
from kuemmerer.networks.errors import sentence
from kuemmerer.notify.leases import State


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """Something that a rule could not hide so far; `next_at` is None once it has been given up."""

    rule: str
    why: str
    next_at: datetime | None


# Every page of a case asks, and few cases have any.
_suggests = Prepared(
    lambda case: RuleHit.objects.filter(case=case, suggested__isnull=False).values_list("pk")[:1]
)
_is_troubled = Prepared(lambda case: _troubled(SpamMark.objects.filter(case=case)).values_list("pk")[:1])


def suggestion(case: Case) -> SavedReply | None:
    """The saved reply that a rule suggests for the newest words, if they still wait for an answer."""
    if not _suggests(case=case.pk):
        return None
    hits = RuleHit.objects.filter(case=case, suggested__isnull=False).select_related("suggested")
    hits = hits.filter(interaction__case_interaction__settled=False)
    if case.answered_at is not None:
        hits = hits.filter(interaction__created_at__gt=case.answered_at)
    hit = hits.order_by("-interaction__created_at", "-pk").first()
    return hit.suggested if hit else None


def troubles(case: Case) -> Sequence[Trouble]:
    """What should be hidden in an open case and is not."""
    if case.status == Status.CLOSED or not _is_troubled(case=case.pk):
        return []
    marks = _troubled(SpamMark.objects.filter(case=case))
    return [
        Trouble(rule=mark.rule_name, why=sentence(mark.code, mark.problem), next_at=mark.next_at)
        for mark in marks.order_by("pk")
    ]


def _troubled(marks: QuerySet[SpamMark]) -> QuerySet[SpamMark]:
    return marks.filter(state__in=[State.WAITING, State.FAILED]).exclude(code="")
