"""Four eyes: somebody else reads an answer before it goes out, and exactly what they read is sent.

An answer that waits has no time at which a worker would take it. Whoever changes its text is its writer from
then on and may not approve it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from kuemmerer.accounts.access import PERMISSIONS, Actor
from kuemmerer.accounts.models import Membership, Role, User, Workspace
from kuemmerer.core.errors import Conflict, Forbidden, Invalid, NotFound
from kuemmerer.core.models import record
from kuemmerer.core.text import storable
from kuemmerer.inbox.models import Approval, ApprovalPolicy, Case, CaseLabel, Label, Reply
from kuemmerer.jobs import sweeps
from kuemmerer.notify import notices

MOST = 200
"""So many waiting answers are listed; the oldest come first."""


# --- whose answers


def policy(workspace: Workspace) -> ApprovalPolicy:
    """Whose answers somebody else reads first; an unsaved one that asks for nothing where none was set."""
    return ApprovalPolicy.objects.filter(workspace=workspace).first() or ApprovalPolicy(workspace=workspace)


@transaction.atomic
def set_policy(*, actor: Actor, agents: bool, label_ids: Collection[int], now: datetime) -> ApprovalPolicy:
    """Ask for approval of all answers of agents, and of everybody's in cases with one of these labels.

    What waits already goes on waiting. Raises NotFound (label), Conflict if nobody could approve, Forbidden.
    """
    actor.need("inbox.configure")
    labels = list(Label.objects.filter(workspace=actor.workspace, pk__in=label_ids))
    if len(labels) != len(set(label_ids)):
        raise NotFound(gettext_lazy("This label does not exist (any more)."))
    if labels and len(_approvers(actor.workspace)) < 2:
        raise Conflict(
            gettext_lazy(
                "There is only one person who may approve answers, and nobody approves their own. "
                "Make a second member a manager first."
            ),
            field="labels",
        )
    stored, _created = ApprovalPolicy.objects.update_or_create(
        workspace=actor.workspace, defaults={"agents": agents}
    )
    stored.labels.set(labels)
    record(
        workspace_id=actor.workspace.pk,
        actor=actor.label,
        verb="set approval",
        subject=actor.workspace,
        now=now,
        agents=agents,
        labels=sorted(label.name for label in labels),
    )
    return stored


def _approvers(workspace: Workspace) -> list[User]:
    may = [role for role, permissions in PERMISSIONS.items() if "inbox.approve" in permissions]
    members = Membership.objects.filter(workspace=workspace, user__is_active=True, role__in=may)
    return [member.user for member in members.select_related("user").order_by("pk")]


def is_needed(actor: Actor, case: Case) -> bool:
    """Whether an answer of the actor to this case has to be approved."""
    stored = ApprovalPolicy.objects.filter(workspace=actor.workspace).first()
    if stored is None:
        return False
    if stored.agents and actor.membership.role == Role.AGENT:
        return True
    return CaseLabel.objects.filter(case=case, label__in=stored.labels.all()).exists()


# --- asking


def ask(actor: Actor, reply: Reply) -> None:
    """Let an answer wait, with the actor as its writer; the caller stores it and then calls `tell_approvers`.

    Raises Conflict if nobody else may approve.
    """
    if not any(user != actor.user for user in _approvers(actor.workspace)):
        raise Conflict(
            gettext_lazy(
                "This answer needs the approval of somebody else, and there is nobody who may give it. "
                "Make another member a manager, or switch approval off in the settings."
            )
        )
    reply.author, reply.approval, reply.next_at = actor.user, Approval.WAITING, None
    reply.decided_by = reply.decided_at = None
    reply.remark = ""


def tell_approvers(actor: Actor, reply: Reply, now: datetime) -> None:
    """Tell those who can approve a stored answer that it waits."""
    case = reply.case
    for user in _approvers(actor.workspace):
        notices.tell(
            workspace=actor.workspace,
            user=user,
            by=actor.user,
            kind="approval_wanted",
            title=lambda: _("%(name)s asks for your approval") % {"name": actor.user},
            text=reply.text[:300],
            path=reverse("case", args=[actor.workspace.slug, case.pk]),
            key=f"approval-{reply.pk}-{now.isoformat()}",
            now=now,
        )


def waiting(*, actor: Actor, by_others: bool = False) -> Sequence[Reply]:
    """The answers that wait for approval, the oldest first, at most 200; all, or only those of others.

    Raises Forbidden.
    """
    actor.need("inbox.view")
    found = Reply.objects.filter(workspace=actor.workspace, approval=Approval.WAITING)
    if by_others:
        found = found.exclude(author=actor.user)
    found = found.select_related("case__author", "author").order_by("written_at", "pk")
    return list(found[:MOST])


# --- deciding


@transaction.atomic
def approve(*, actor: Actor, reply_id: int, text: str, now: datetime, revision: int | None = None) -> Reply:
    """Let an answer go out. `text` is what the approver has read, `revision` that of the case which they saw.

    Raises Conflict if the answer does not wait (any more), reads otherwise by now, or if new words have come
    in; Forbidden (their own, or not entitled), NotFound.
    """
    reply = _undecided(actor, reply_id)
    if revision is not None and revision != reply.case.revision:
        raise Conflict(
            gettext_lazy(
                "There is something new in this case. Please read it before you approve the answer."
            ),
            code="case_changed",
        )
    if _plain(text) != _plain(reply.text):
        raise Conflict(
            gettext_lazy("The answer was changed meanwhile. Please read it again before you approve it."),
            code="answer_changed",
        )
    reply.approval, reply.next_at = Approval.APPROVED, now
    _decided(actor, reply, now, "approved answer")
    sweeps.wake("inbox.deliver")
    return reply


@transaction.atomic
def give_back(*, actor: Actor, reply_id: int, remark: str, now: datetime) -> Reply:
    """Return an answer to its writer, with a word on what to change.

    Raises Invalid (no or too long a remark), Conflict (not waiting any more), Forbidden, NotFound.
    """
    reply = _undecided(actor, reply_id)
    remark = storable(remark).strip()
    if not remark or len(remark) > 1000:
        raise Invalid(
            gettext_lazy("Please write in at most 1,000 characters what should be changed."), field="remark"
        )
    reply.approval, reply.remark = Approval.RETURNED, remark
    _decided(actor, reply, now, "returned answer", remark=remark)
    return reply


def _undecided(actor: Actor, reply_id: int) -> Reply:
    actor.need("inbox.approve")
    reply = (
        Reply.objects.select_for_update(of=("self",), no_key=True)
        .select_related("case__author", "author", "channel")
        .filter(workspace=actor.workspace, pk=reply_id)
        .first()
    )
    if reply is None:
        raise NotFound(gettext_lazy("This answer does not exist (any more)."))
    if reply.approval != Approval.WAITING:
        raise Conflict(gettext_lazy("This answer does not wait for approval any more."))
    if reply.author_id == actor.user.pk:
        raise Forbidden(gettext_lazy("Nobody approves their own answer. Somebody else has to read it."))
    return reply


def _plain(text: str) -> str:
    return storable(text).replace("\r\n", "\n").strip()


def _decided(actor: Actor, reply: Reply, now: datetime, verb: str, **details: object) -> None:
    reply.decided_by, reply.decided_at = actor.user, now
    reply.save(update_fields=["approval", "remark", "next_at", "decided_by", "decided_at"])
    record(
        workspace_id=reply.workspace_id,
        actor=actor.label,
        verb=verb,
        subject=reply.case,
        now=now,
        reply=reply.pk,
        **details,
    )
    if reply.author is None:
        return
    approved = reply.approval == Approval.APPROVED
    notices.tell(
        workspace=actor.workspace,
        user=reply.author,
        by=actor.user,
        kind="approval_decided",
        title=lambda: (
            (_("%(name)s approved your answer") if approved else _("%(name)s returned your answer"))
            % {"name": actor.user}
        ),
        text=reply.remark or reply.text[:300],
        path=reverse("case", args=[actor.workspace.slug, reply.case_id]),
        key=f"approval-decided-{reply.pk}-{now.isoformat()}",
        now=now,
    )
