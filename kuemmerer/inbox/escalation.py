"""Warning those concerned before an answer is too late: first the assignee, then the team, then the managers.

Each step goes out once for each run of a case's clock, whatever happens in between. Deputies stand in for
members who are away.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _

from kuemmerer.accounts.access import PERMISSIONS
from kuemmerer.accounts.models import Membership, User
from kuemmerer.accounts.teams import present
from kuemmerer.inbox import telling
from kuemmerer.inbox.deadlines import RuleBook, Step
from kuemmerer.inbox.models import NEGATIVE, Case, Escalation, Status
from kuemmerer.notify import notices

BATCH = 500


def escalate_due(now: datetime) -> int:
    """Send the warnings whose time has come, to people and to programs; returns how many went out."""
    waiting = Case.objects.filter(escalate_at__lte=now).order_by("escalate_at")
    books: dict[int, RuleBook] = {}
    due = list(waiting.values_list("pk", flat=True)[:BATCH])
    return sum(_escalate(pk, now, books) for pk in due) + telling.breached(now)


@transaction.atomic
def _escalate(case_id: int, now: datetime, books: dict[int, RuleBook]) -> int:
    case = (
        Case.objects.select_for_update(of=("self",))
        .select_related("workspace", "author", "team")
        .filter(pk=case_id, escalate_at__lte=now, status=Status.OPEN, unanswered_since__isnull=False)
        .first()
    )
    if case is None or case.unanswered_since is None:
        return 0
    step = Step(case.escalated + 1)
    _row, is_new = Escalation.objects.get_or_create(
        case=case, clock=case.unanswered_since, step=step, defaults={"at": now}
    )
    if is_new:
        _tell(case, step, now)
    case.escalated = step
    if case.workspace_id not in books:
        books[case.workspace_id] = RuleBook(case.workspace)
    books[case.workspace_id].set_next_warning(case)
    case.save(update_fields=["escalated", "escalate_at"])
    return int(is_new)


def _tell(case: Case, step: Step, now: datetime) -> None:
    overdue = case.is_overdue(now)
    if not overdue:
        telling.near_breach(case, now=now)
    kind = "breached" if overdue else "near_breach"
    for user in recipients(case, step, now):
        # Who manages hears of what is overdue as such; the assignee among them as one of his own.
        is_manager = step == Step.MANAGERS and user.pk != case.assignee_id
        notices.tell(
            workspace=case.workspace,
            user=user,
            kind="escalated" if is_manager else kind,
            title=_title(case, overdue=overdue),
            text=case.excerpt,
            path=reverse("case", args=[case.workspace.slug, case.pk]),
            key=f"case-{case.pk}-{case.unanswered_since:%Y%m%d%H%M%S%f}-{step}",
            now=now,
        )


def _title(case: Case, *, overdue: bool) -> Callable[[], str]:
    author = {"author": str(case.author)}
    if case.intent in NEGATIVE:
        if overdue:
            return lambda: _("A complaint is overdue: %(author)s") % author
        return lambda: _("A complaint waits for an answer: %(author)s") % author
    if overdue:
        return lambda: _("An answer is overdue: %(author)s") % author
    return lambda: _("An answer is soon due: %(author)s") % author


def recipients(case: Case, step: Step, now: datetime) -> list[User]:
    """Who is told at a step. Where nobody is there for it, it goes to the next bigger circle."""
    day = now.astimezone(case.workspace.zone).date()
    members = Membership.objects.filter(workspace=case.workspace, user__is_active=True)
    members = members.select_related("user").order_by("pk")
    working = [role for role, may in PERMISSIONS.items() if "inbox.work" in may]
    managing = [role for role, may in PERMISSIONS.items() if "inbox.configure" in may]
    team = members.filter(role__in=working)
    if case.team_id is not None:
        team = team.filter(teams=case.team_id)
    managers = members.filter(role__in=managing)
    own = members.filter(user=case.assignee_id) if case.assignee_id else members.none()
    circles = {
        Step.ASSIGNEE: (own, team, managers),
        Step.TEAM: (team, managers),
        Step.MANAGERS: (managers | own,),
    }[step]
    for circle in circles:
        if people := present(list(circle), day):
            return people
    # All are away: better everybody than nobody.
    return [member.user for member in managers]
