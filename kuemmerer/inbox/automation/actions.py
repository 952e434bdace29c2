"""What an automation rule does, and what of it is still possible."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from functools import cached_property
from typing import Any

from kuemmerer.accounts import teams
from kuemmerer.accounts.access import PERMISSIONS
from kuemmerer.accounts.models import Membership, Team, Workspace
from kuemmerer.channels.models import Channel
from kuemmerer.inbox.models import Label, SavedReply
from kuemmerer.networks.base import Action


@dataclass(frozen=True, kw_only=True)
class Actions:
    """`labels` are put on, `priority` is set, `saved_reply` is offered first to who answers.

    `assign` names a user, `in_turn` takes the next one of a team (`team`) or of all who answer; both leave
    alone a case that somebody looks after already. `spam`: the words are hidden at their network. `close`:
    the case needs no answer.
    """

    labels: Sequence[int] = ()
    priority: int | None = None
    assign: int | None = None
    in_turn: bool = False
    team: int | None = None
    saved_reply: int | None = None
    spam: bool = False
    close: bool = False

    @staticmethod
    def of(stored: Mapping[str, Any]) -> Actions:
        """What `stored` wrote."""
        return Actions(**stored)

    def stored(self) -> dict[str, Any]:
        """As JSON, without what is empty."""
        return {name: value for name, value in asdict(self).items() if value not in (None, False, [], ())}


def spam_action(channel: Channel) -> Action | None:
    """What a channel's network offers against spam: to mark it, else to hide it; None if neither."""
    offered = channel.connector.can.actions
    return next((action for action in (Action.SPAM, Action.HIDE) if action in offered), None)


class Means:
    """What the rules of a workspace may name in their actions; each kind is read once, when first asked."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    @cached_property
    def labels(self) -> Mapping[int, str]:
        return dict(Label.objects.filter(workspace=self._workspace).values_list("pk", "name"))

    @cached_property
    def saved_replies(self) -> Mapping[int, str]:
        return dict(SavedReply.objects.filter(workspace=self._workspace).values_list("pk", "name"))

    @cached_property
    def teams(self) -> Mapping[int, str]:
        return dict(Team.objects.filter(workspace=self._workspace).values_list("pk", "name"))

    @cached_property
    def members(self) -> Sequence[Membership]:
        """Who may answer, in the order in which they joined."""
        found = Membership.objects.filter(workspace=self._workspace, user__is_active=True)
        roles = [role for role, permissions in PERMISSIONS.items() if "inbox.reply" in permissions]
        return list(found.filter(role__in=roles).select_related("user").order_by("pk"))

    @cached_property
    def people(self) -> Mapping[int, str]:
        return {member.user_id: str(member.user) for member in self.members}

    @cached_property
    def in_teams(self) -> Mapping[int, set[int]]:
        found: dict[int, set[int]] = {}
        links = Team.members.through.objects.filter(team__workspace=self._workspace)
        for team_id, membership_id in links.values_list("team_id", "membership_id"):
            found.setdefault(team_id, set()).add(membership_id)
        return found


class Presence:
    """Who is there on one day, for all the cases that are given away together."""

    def __init__(self, means: Means, day: date) -> None:
        self._means = means
        self._day = day
        self._found: dict[object, Sequence[int]] = {}

    def instead_of(self, user_id: int) -> int | None:
        """The member, or who stands in today; None for nobody."""
        here = self._here(("one", user_id), [m for m in self._means.members if m.user_id == user_id])
        return here[0] if here else None

    def next_after(self, last: int, team_id: int | None) -> int | None:
        """Whose turn it is after `last`: of those who are there the next by id, again and again."""
        members = self._means.members
        if team_id is not None:
            inside = self._means.in_teams.get(team_id, set())
            members = [member for member in members if member.pk in inside]
        here = sorted(self._here(("team", team_id), members))
        return next((user for user in here if user > last), here[0]) if here else None

    def _here(self, key: object, members: Sequence[Membership]) -> Sequence[int]:
        if key not in self._found:
            # A deputy may be somebody who does not answer.
            here = [user.pk for user in teams.present(members, self._day)]
            self._found[key] = [pk for pk in here if pk in self._means.people]
        return self._found[key]
