"""What rules take for spam is hidden at its network: by a sweep, again until it is done or hopeless."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet

from kuemmerer.channels.models import Channel, Interaction
from kuemmerer.core import clock
from kuemmerer.core.models import AuditRecord
from kuemmerer.inbox import moderation
from kuemmerer.inbox.automation.actions import spam_action
from kuemmerer.inbox.automation.run import label_of
from kuemmerer.inbox.models import SpamMark
from kuemmerer.networks.errors import AuthExpired, NetworkError, Rejected, TryLater, Unsupported
from kuemmerer.notify import leases
from kuemmerer.notify.leases import State

log = logging.getLogger(__name__)

GIVE_UP_AFTER = timedelta(hours=24)
LONGEST_PAUSE = timedelta(minutes=30)
MOST = 100
"""Marks of one run of the sweep."""


def mark_due(now: datetime) -> int:
    """Hide what is due; returns how many marks were moved on."""
    count = 0
    while count < MOST and (mark := leases.claim(_due(now), now)):
        _carry_out(mark, max(now, clock.now()))
        count += 1
    return count


def _due(now: datetime) -> QuerySet[SpamMark]:
    """Of connected channels only; what waits for a new login goes on after it."""
    return leases.due(SpamMark, now).filter(
        interaction__channel__state=Channel.State.ACTIVE, interaction__channel__credential__isnull=False
    )


def _carry_out(mark: SpamMark, now: datetime) -> None:
    interaction = mark.interaction
    action = spam_action(interaction.channel)
    if _is_moot(mark) or action is None:
        leases.finish(mark, state=State.DROPPED, done_at=now)
        return
    try:
        moderation.carry_out(interaction=interaction, action=action, by=label_of(mark.rule_name), now=now)
    except NetworkError as error:
        _failed(mark, error, now)
    except Exception:
        log.exception("Hiding %s failed", interaction.pk)
        _failed(mark, TryLater("interrupted"), now)
    else:
        leases.finish(mark, state=State.DONE, done_at=now, code="", problem="")


def _is_moot(mark: SpamMark) -> bool:
    """Whether there is nothing to hide any more, or the team has answered, so that it took it seriously."""
    words = mark.interaction
    answered_at = mark.case.answered_at
    return (
        words.deleted_at is not None
        or words.status in {words.Status.SPAM, words.Status.TRASH, words.Status.HIDDEN}
        or (answered_at is not None and answered_at > words.created_at)
        or _is_answered_there(words)
        or mark.case.replies.filter(written_at__gte=mark.created_at).exists()
    )


def _is_answered_there(words: Interaction) -> bool:
    """Whether our side answers these words at the network itself; a merged case cannot tell."""
    ours = Interaction.objects.filter(channel=words.channel_id, ours=True, deleted_at=None)
    return ours.filter(parent_remote_id=words.remote_id).exists()


def _failed(mark: SpamMark, error: NetworkError, now: datetime) -> None:
    """Again later; refused for good, or tried for a day, it is up to a person."""
    said = {"code": error.code, "problem": error.words}
    if isinstance(error, AuthExpired):
        leases.finish(mark, state=State.WAITING, next_at=now, **said)
        return
    if isinstance(error, Rejected | Unsupported) or now - mark.created_at > GIVE_UP_AFTER:
        _give_up(mark, said, now)
        return
    pause = leases.jittered(min(timedelta(seconds=10 * 2 ** min(mark.attempts, 10)), LONGEST_PAUSE))
    wish = error.retry_after if isinstance(error, TryLater) else None
    leases.finish(mark, state=State.WAITING, next_at=now + max(pause, wish or pause), **said)


@transaction.atomic
def _give_up(mark: SpamMark, said: dict[str, str], now: datetime) -> None:
    if leases.finish(mark, state=State.FAILED, done_at=now, **said):
        AuditRecord.objects.create(
            workspace_id=mark.case.workspace_id,
            actor=label_of(mark.rule_name),
            verb="could not hide",
            subject_type="case",
            subject_id=mark.case_id,
            details={"interaction": mark.interaction_id, "code": said["code"]},
            at=now,
        )
