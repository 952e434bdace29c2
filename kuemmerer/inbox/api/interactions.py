"""What can be done with an interaction at its network, for programs."""

from __future__ import annotations

from kuemmerer.api.fields import Answer, Input
from kuemmerer.api.operations import ApiRequest, Operations
from kuemmerer.channels.api import InteractionAnswer
from kuemmerer.channels.models import Interaction
from kuemmerer.core import clock
from kuemmerer.core.errors import NotFound
from kuemmerer.inbox import moderation
from kuemmerer.networks.base import Action

operations = Operations("Inbox")


class ActionInput(Input):
    action: Action


class ActionsAnswer(Answer):
    actions: list[Action]


@operations.get("/interactions/{int:interaction_id}/actions", "inbox.view", ActionsAnswer)
def list_actions(request: ApiRequest, interaction_id: int) -> ActionsAnswer:
    """List what can be done with an interaction at its network now"""
    found = (
        Interaction.objects.filter(workspace=request.actor.workspace, pk=interaction_id)
        .select_related("channel")
        .first()
    )
    if found is None:
        raise NotFound
    return ActionsAnswer(actions=moderation.possible(found.channel, found))


@operations.post("/interactions/{int:interaction_id}/actions", "inbox.moderate", InteractionAnswer)
def act_on_interaction(request: ApiRequest, interaction_id: int, data: ActionInput) -> InteractionAnswer:
    """Like, hide, approve … an interaction at its network

    All actions may be repeated.
    """
    found = moderation.act(
        actor=request.actor, interaction_id=interaction_id, action=data.action, now=clock.now()
    )
    return InteractionAnswer.of(found)
