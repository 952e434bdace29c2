"""Answering: a reply is written, goes out exactly once, and where the network is silent a person decides."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from kuemmerer.accounts.access import Actor
from kuemmerer.channels.delivery import State, new_key
from kuemmerer.channels.models import Channel, Interaction
from kuemmerer.core.errors import Conflict, Invalid, NotFound
from kuemmerer.core.models import record
from kuemmerer.core.prepared import PreparedRows
from kuemmerer.core.text import storable
from kuemmerer.inbox import approvals, cases, library, search
from kuemmerer.inbox.models import Approval, Case, Reply, ReplyKey
from kuemmerer.jobs import sweeps
from kuemmerer.networks.base import Connector, Draft
from kuemmerer.networks.errors import NetworkError


def get(*, actor: Actor, reply_id: int) -> Reply:
    """A reply of the actor's workspace. Raises NotFound."""
    actor.need("inbox.view")
    reply = (
        Reply.objects.select_related("case", "channel").filter(workspace=actor.workspace, pk=reply_id).first()
    )
    if reply is None:
        raise NotFound(_("This answer does not exist (any more)."))
    return reply


_newest_words = PreparedRows(
    lambda case: (
        Interaction.objects.select_related("author", "thread")
        .filter(case_interaction__case=case, deleted_at=None)
        .order_by("-created_at", "-id")[:1]
    )
)


def newest_words(case: Case) -> Interaction | None:
    """What an answer to this case refers to by default: the newest words that still exist."""
    return next(iter(_newest_words(case=case.pk)), None)


@transaction.atomic
def write(
    *,
    actor: Actor,
    case_id: int,
    text: str,
    now: datetime,
    interaction_id: int | None = None,
    close: bool = False,
    key: str = "",
    revision: int | None = None,
    saved_ids: Collection[int] = (),
) -> Reply:
    """Answer a case; the reply is sent as soon as the transaction is committed, or when it is approved.

    `saved_ids` are the saved replies that it was written with; their use is counted.
    `key` (any text) makes the call repeatable: the same key twice on one case is one reply, whatever became
    of it meanwhile. `revision` is that of the case which the writer has read.
    Raises Invalid (empty, too long), Conflict (channel cannot answer; `key` was used for something else, or
    its reply was withdrawn; code case_changed: the case is not at `revision` any more), NotFound, Forbidden.
    """
    actor.need("inbox.reply")
    key = _checked_key(key)
    content = _content(text, interaction_id, close)
    rows = Case.objects.select_for_update(of=("self",)).select_related("channel")
    case = cases.found(rows, actor, case_id)
    # Behind the lock of the case: of two calls at once the later one finds what the first has written.
    if key and (known := _written(case, key, content)):
        return known
    if not case.channel.connector.can.reply:
        raise Conflict(_("This network takes no answers."))
    if not Channel.objects.filter(pk=case.channel_id, credential__isnull=False).exists():
        raise Conflict(_("This channel was disconnected. Connect it again to answer."))
    if revision is not None and revision != case.revision:
        raise Conflict(_CHANGED, code="case_changed")
    interaction = _interaction(case, interaction_id)
    text = checked_text(case.channel, interaction, text, now)
    reply = Reply(
        workspace_id=case.workspace_id,
        channel=case.channel,
        case=case,
        interaction=interaction,
        author=actor.user,
        text=text,
        close_after=close,
        written_at=now,
        next_at=now,
    )
    if approvals.is_needed(actor, case):
        approvals.ask(actor, reply)
    reply.save()
    if key:
        ReplyKey.objects.create(case=case, key=key, content=content, reply=reply)
    case.revision += 1
    library.count_use(case=case, saved_ids=saved_ids, now=now)
    if case.assignee_id is None:
        cases.give(case, actor.user.pk, by=actor.user, now=now)
    case.save(update_fields=["revision"])
    record(
        workspace_id=case.workspace_id,
        actor=actor.label,
        verb="replied",
        subject=case,
        now=now,
        reply=reply.pk,
    )
    _on_its_way(actor, reply, now)
    return reply


_CHANGED = _(
    "There is something new in this case that you have not seen yet. Please read it before you send."
)


def _on_its_way(actor: Actor, reply: Reply, now: datetime) -> None:
    if reply.approval == Approval.WAITING:
        approvals.tell_approvers(actor, reply, now)
    else:
        sweeps.wake("inbox.deliver")


def _checked_key(key: str) -> str:
    key = storable(key)
    if len(key) > 255:
        raise Invalid(_("The key may have at most 255 characters."), field="key")
    return key


def _content(text: str, interaction_id: int | None, close: bool) -> str:
    """What tells a repetition from something else under the same key."""
    return hashlib.sha256(json.dumps([text, interaction_id, close]).encode()).hexdigest()


def _written(case: Case, key: str, content: str) -> Reply | None:
    """The reply that was written with this key. Raises Conflict if it cannot be the same one."""
    found = ReplyKey.objects.select_related("reply__author").filter(case=case, key=key).first()
    if found is None:
        return None
    if found.content != content:
        raise Conflict(
            _(
                "This repeats an answer that was written before, but differs from it. "
                "If it is another answer, send it as a new one."
            ),
            code="key_reused",
        )
    if found.reply is None:
        raise Conflict(
            _(
                "This answer was written before and has been withdrawn. "
                "To write it once more, send it as a new one."
            ),
            code="withdrawn",
        )
    return found.reply


def _interaction(case: Case, interaction_id: int | None) -> Interaction:
    if interaction_id is None:
        found = newest_words(case)
    else:
        found = (
            Interaction.objects.select_related("author", "thread")
            .filter(case_interaction__case=case, deleted_at=None, pk=interaction_id)
            .first()
        )
    if found is None:
        raise Conflict(_("The author has deleted what this would answer."))
    return found


def checked_text(channel: Channel, interaction: Interaction, text: str, now: datetime) -> str:
    """The text as it will be sent. Raises Invalid if the network would refuse it."""
    text = storable(text).replace("\r\n", "\n").strip()
    draft = Draft(text=text, written_at=now, reply_to=interaction.target)
    try:
        channel.connector.check_text(draft, channel.settings)
    except NetworkError as error:
        raise Invalid(error.sentence, code=f"network_{error.code}", field="text") from error
    return text


def _locked(actor: Actor, reply_id: int) -> Reply:
    actor.need("inbox.reply")
    reply = (
        Reply.objects.select_for_update(of=("self",), no_key=True)
        .select_related("interaction__author", "interaction__thread", "channel", "case")
        .filter(workspace=actor.workspace, pk=reply_id)
        .first()
    )
    if reply is None:
        raise NotFound(_("This answer does not exist (any more)."))
    return reply


@transaction.atomic
def send_again(*, actor: Actor, reply_id: int, now: datetime, text: str | None = None) -> Reply:
    """Send a refused reply again, with another text if given, which may have to be approved anew.

    Raises Conflict unless it was refused.
    """
    reply = _locked(actor, reply_id)
    if reply.state != State.REJECTED:
        raise Conflict(_("Only an answer that was refused can be sent again."))
    # Refused for certain, so this is a new attempt: under the old key a network might answer with its old
    # refusal.
    reply.key = new_key()
    _to_pending(reply, now)
    if text is not None:
        _change_text(actor, reply, text, now)
    reply.save()
    record(
        workspace_id=reply.workspace_id,
        actor=actor.label,
        verb="sent again",
        subject=reply.case,
        now=now,
        reply=reply.pk,
    )
    _on_its_way(actor, reply, now)
    return reply


@transaction.atomic
def revise(*, actor: Actor, reply_id: int, text: str, now: datetime) -> Reply:
    """Change an answer that waits for approval or was returned; it waits (again), with the actor as its
    writer, or goes out if no approval is needed any more.

    Raises Conflict for any other answer, Invalid, NotFound, Forbidden.
    """
    reply = _locked(actor, reply_id)
    if reply.approval not in {Approval.WAITING, Approval.RETURNED}:
        raise Conflict(_("Only an answer that waits for approval or was returned can be changed."))
    reply.approval, reply.next_at = "", now
    reply.decided_by, reply.decided_at, reply.remark = None, None, ""
    _change_text(actor, reply, text, now)
    reply.save()
    record(
        workspace_id=reply.workspace_id,
        actor=actor.label,
        verb="changed answer",
        subject=reply.case,
        now=now,
        reply=reply.pk,
    )
    _on_its_way(actor, reply, now)
    return reply


def _change_text(actor: Actor, reply: Reply, text: str, now: datetime) -> None:
    """Approval holds for one text: another one needs its own."""
    text = checked_text(reply.channel, reply.interaction, text, now)
    if text == reply.text and reply.approval == Approval.APPROVED:
        return
    reply.text, reply.author, reply.approval = text, actor.user, ""
    search.changed(replies=[reply.pk])
    if approvals.is_needed(actor, reply.case):
        approvals.ask(actor, reply)


@transaction.atomic
def decide(*, actor: Actor, reply_id: int, arrived: bool, now: datetime) -> Reply:
    """A person has looked at the network: the uncertain reply is there, or it is not and goes out again.

    Raises Conflict for a reply that is not (or no longer) uncertain.
    """
    reply = _locked(actor, reply_id)
    if reply.state != State.UNKNOWN:
        raise Conflict(_("This answer is not uncertain any more."))
    if arrived:
        reply.state, reply.delivered_at, reply.next_at = State.DELIVERED, now, None
        reply.problem = reply.problem_words = reply.lease = ""
        reply.lease_until = None
        reply.save()
        reply.arrived(now)
    else:
        # The key stays: should the first attempt turn up after all, a network that knows keys recognises it.
        _to_pending(reply, now)
        reply.save()
        sweeps.wake("inbox.deliver")
    verb = "confirmed arrival" if arrived else "sent again"
    record(
        workspace_id=reply.workspace_id,
        actor=actor.label,
        verb=verb,
        subject=reply.case,
        now=now,
        reply=reply.pk,
    )
    return reply


def _to_pending(reply: Reply, now: datetime) -> None:
    reply.state, reply.next_at, reply.checks, reply.trouble_since = State.PENDING, now, 0, None
    reply.problem = reply.problem_words = reply.lease = ""
    reply.lease_until = None


@transaction.atomic
def withdraw(*, actor: Actor, reply_id: int, now: datetime) -> None:
    """Take back a reply that has not gone out. Raises Conflict for one that is being sent or uncertain."""
    reply = _locked(actor, reply_id)
    if reply.state not in {State.PENDING, State.REJECTED}:
        raise Conflict(_("This answer is on its way already."))
    record(
        workspace_id=reply.workspace_id,
        actor=actor.label,
        verb="withdrew reply",
        subject=reply.case,
        now=now,
        text=reply.text,
    )
    reply.delete()


def opening(case: Case) -> str:
    """What the composer begins with: what the network wants before an answer, e.g. the author's handle."""
    connector = case.channel.connector
    if type(connector).reply_text is Connector.reply_text:  # most networks want nothing
        return ""
    interaction = newest_words(case)
    return case.channel.connector.reply_text(interaction.target, "") if interaction else ""
