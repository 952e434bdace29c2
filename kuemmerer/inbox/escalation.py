"""Warning those concerned before an answer is too late: first the assignee, then the team, then the managers.

Each step goes out once for each run of a case's clock, whatever happens in between. Deputies stand in for
members who are away.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime

from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _

from kuemmerer.accounts.access import PERMISSIONS
from kuemmerer.accounts.models import Membership, User, Workspace
from kuemmerer.accounts.teams import present
from kuemmerer.core import rows
from kuemmerer.inbox import telling
from kuemmerer.inbox.deadlines import RuleBook, Step
from kuemmerer.inbox.models import NEGATIVE, Case, Escalation, Status
from kuemmerer.notify import notices

BATCH = 500
ALONE = 3
"""So many cases at once are told one by one; of more, one notice speaks of all. A complaint always stands
alone.
"""


def escalate_due(now: datetime) -> int:
    """Send the warnings whose time has come, to people and to programs; returns how many went out."""
    due = Case.objects.filter(escalate_at__lte=now)
    workspaces = Workspace.objects.filter(pk__in=due.values("workspace"))
    return sum(_escalate(workspace, now) for workspace in workspaces) + telling.breached(now)


@transaction.atomic
def _escalate(workspace: Workspace, now: datetime) -> int:
    waiting = Case.objects.select_for_update(of=("self",)).filter(
        workspace=workspace, escalate_at__lte=now, status=Status.OPEN, unanswered_since__isnull=False
    )
    cases = list(waiting.select_related("author", "team", "channel", "assignee").order_by("pk")[:BATCH])
    book = RuleBook(workspace)
    # One's own cases stand apart from those of the team.
    told: dict[tuple[User, str, bool], list[Case]] = defaultdict(list)
    count = 0
    for case in cases:
        case.workspace = workspace
        step = Step(case.escalated + 1)
        _row, is_new = Escalation.objects.get_or_create(
            case=case, clock=case.unanswered_since, step=step, defaults={"at": now}
        )
        if is_new:
            count += 1
            for user, kind in _concerned(case, step, now):
                told[user, kind, case.assignee_id == user.pk].append(case)
        case.escalated = step
        book.set_next_warning(case)
    rows.update(cases, ["escalated", "escalate_at"])
    for (user, kind, _own), theirs in told.items():
        _tell(user, kind, theirs, now)
    return count


def _concerned(case: Case, step: Step, now: datetime) -> list[tuple[User, str]]:
    """Who is told of a case at this step, and by which kind of notice."""
    overdue = case.is_overdue(now)
    if not overdue:
        telling.near_breach(case, now=now)
    kind = "breached" if overdue else "near_breach"
    return [
        # Who manages hears of what is overdue as such; the assignee among them as one of his own.
        (user, "escalated" if step == Step.MANAGERS and user.pk != case.assignee_id else kind)
        for user in recipients(case, step, now)
    ]


def _tell(user: User, kind: str, cases: Sequence[Case], now: datetime) -> None:
    others = [case for case in cases if case.intent not in NEGATIVE]
    if len(others) <= ALONE:
        others = []
    for case in cases:
        if case not in others:
            _notice(user, kind, [case], _title(case, overdue=case.is_overdue(now)), now)
    if others:
        _notice(user, kind, others, _title_of_many(others, now), now)


def _notice(user: User, kind: str, cases: Sequence[Case], title: Callable[[], str], now: datetime) -> None:
    workspace = cases[0].workspace
    alone = len(cases) == 1
    view = "overdue" if cases[0].is_overdue(now) else "open"
    said = ",".join(f"{case.pk}:{case.unanswered_since:%Y%m%d%H%M%S%f}:{case.escalated}" for case in cases)
    notices.tell(
        workspace=workspace,
        user=user,
        kind=kind,
        title=title,
        text=cases[0].excerpt if alone else "",
        lines=telling.lines(cases),
        path=reverse("case", args=[workspace.slug, cases[0].pk])
        if alone
        else f"{reverse('inbox', args=[workspace.slug])}?view={view}",
        key=f"due-{hashlib.sha256(said.encode()).hexdigest()[:32]}",
        now=now,
    )


def _title_of_many(cases: Sequence[Case], now: datetime) -> Callable[[], str]:
    count = {"count": len(cases)}
    if cases[0].is_overdue(now):
        return lambda: _("%(count)d answers are overdue") % count
    return lambda: _("%(count)d answers are soon due") % count


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
