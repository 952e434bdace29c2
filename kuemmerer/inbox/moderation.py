"""Liking, hiding, approving, spam: what the desk does with an interaction at the network itself."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from kuemmerer.accounts.access import Actor
from kuemmerer.channels import interactions
from kuemmerer.channels.connections import NetworkSays, note_problem, open_session
from kuemmerer.channels.models import Channel, Interaction
from kuemmerer.core.errors import Conflict, NotFound
from kuemmerer.core.models import record
from kuemmerer.inbox import cases
from kuemmerer.networks.base import Action, Status, Visibility
from kuemmerer.networks.errors import AuthExpired, NetworkError


def possible(channel: Channel, interaction: Interaction) -> list[Action]:
    """The actions that make sense for this interaction now, in the order in which a page shows them."""
    offered = channel.connector.can.actions
    if interaction.ours or interaction.deleted_at is not None:
        return []
    shown = interaction.status == Interaction.Status.SHOWN
    sensible = [
        (Action.UNLIKE if interaction.liked else Action.LIKE, shown),
        (Action.SHARE, shown and not interaction.shared and _is_public(interaction)),
        (Action.APPROVE, not shown),
        (Action.HIDE, shown),
        (Action.SPAM, interaction.status != Interaction.Status.SPAM),
        (Action.TRASH, interaction.status != Interaction.Status.TRASH),
    ]
    return [action for action, useful in sensible if useful and action in offered]


def _is_public(interaction: Interaction) -> bool:
    return interaction.visibility in {Visibility.PUBLIC, Visibility.UNLISTED}


def act(*, actor: Actor, interaction_id: int, action: Action, now: datetime) -> Interaction:
    """Carry out an action at the network and note the new state. Raises NetworkSays, Conflict, NotFound,
    Forbidden.

    All actions are idempotent at the network, so a repetition after a failure does no harm.
    """
    actor.need("inbox.moderate")
    interaction = (
        Interaction.objects.select_related("channel", "author", "thread")
        .filter(workspace=actor.workspace, pk=interaction_id)
        .first()
    )
    if interaction is None:
        raise NotFound
    channel = interaction.channel
    if action not in channel.connector.can.actions:
        raise Conflict(_("This network cannot do this."))
    if action == Action.SHARE and not _is_public(interaction):
        raise Conflict(_("This was not written for everybody and cannot be shared."))
    if channel.state != Channel.State.ACTIVE or not hasattr(channel, "credential"):
        raise Conflict(_("This channel is not connected at the moment."))
    try:
        carry_out(interaction=interaction, action=action, by=actor.label, now=now)
    except NetworkError as error:
        raise NetworkSays(error) from error
    interaction.refresh_from_db()
    return interaction


def carry_out(*, interaction: Interaction, action: Action, by: str, now: datetime) -> None:
    """Do it at the network and note the new state; `by` is who did it, as the audit log says it.

    The caller knows that the network offers the action and that the channel is connected. Raises
    NetworkError.
    """
    channel = interaction.channel
    session = open_session(channel, now)
    try:
        status = channel.connector.act(session, action, interaction.target)
    except NetworkError as error:
        if isinstance(error, AuthExpired):
            # Anything else is about this one interaction and no trouble of the channel.
            note_problem(channel, error, used=session.credential)
        raise
    with transaction.atomic():
        fields: dict[str, object] = {}
        if status is not None:
            fields["status"] = status
        if action in {Action.LIKE, Action.UNLIKE}:
            fields["liked"] = action == Action.LIKE
        if action == Action.SHARE:
            fields["shared"] = True
        if fields:
            interactions.changed_by_us(interaction, **fields)
        if status in {Status.SPAM, Status.TRASH}:
            cases.withdraw([interaction])
        record(
            workspace_id=interaction.workspace_id,
            actor=by,
            verb=str(action),
            subject=interaction,
            now=now,
        )
