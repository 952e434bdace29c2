"""The token's workspace, who belongs to it, and its tokens. These lie below the kit, so it serves them."""

from __future__ import annotations

from ninja import Query

from kuemmerer.accounts import workspaces
from kuemmerer.accounts.access import PERMISSIONS, Actor
from kuemmerer.accounts.calendar_settings import CalendarSettings
from kuemmerer.accounts.models import ApiToken, Invitation, Membership, User, Workspace
from kuemmerer.api import paging
from kuemmerer.api.fields import Answer, Input, Moment, PageInput, PageOf
from kuemmerer.api.operations import ApiRequest, Operations
from kuemmerer.core import clock

operations = Operations("Workspace")


class PersonAnswer(Answer):
    id: int
    name: str

    @classmethod
    def of(cls, user: User) -> PersonAnswer:
        return cls(id=user.pk, name=user.name or user.email)


class WorkspaceAnswer(Answer):
    id: int
    name: str
    slug: str
    country: str
    region: str
    time_zone: str
    language: str
    hours: dict[str, list[list[str]]]
    closed_days: list[dict[str, str]]
    half_days: dict[str, str]
    is_demo: bool
    role: str
    permissions: list[str]

    @classmethod
    def of(cls, workspace: Workspace, actor: Actor) -> WorkspaceAnswer:
        return cls(
            id=workspace.pk,
            name=workspace.name,
            slug=workspace.slug,
            country=workspace.country,
            region=workspace.region,
            time_zone=workspace.time_zone,
            language=workspace.language,
            hours=workspace.hours,
            closed_days=workspace.closed_days,
            half_days=workspace.half_days,
            is_demo=workspace.is_demo,
            role=actor.membership.role,
            permissions=sorted(PERMISSIONS[actor.membership.role]),
        )


class WorkspaceChange(Input):
    name: str | None = None
    country: str | None = None
    region: str | None = None
    time_zone: str | None = None
    language: str | None = None
    hours: dict[str, list[list[str]]] | None = None
    closed_days: list[dict[str, str]] | None = None
    half_days: dict[str, str] | None = None


@operations.get("/workspace", "inbox.view", WorkspaceAnswer)
def get_workspace(request: ApiRequest) -> WorkspaceAnswer:
    """Get the workspace of the token

    With the role and the permissions that the token has there.
    """
    return WorkspaceAnswer.of(request.actor.workspace, request.actor)


@operations.patch("/workspace", "workspace.manage", WorkspaceAnswer)
def change_workspace(request: ApiRequest, data: WorkspaceChange) -> WorkspaceAnswer:
    """Change the workspace

    What is left out stays as it is. Hours are spans of local time by weekday (“0” is Monday), such as
    {"0": [["09:00", "12:00"], ["13:00", "17:00"]]}. Closed days have a first and a last day and a name
    ({"first": "2026-12-27", "last": "2026-12-30", "name": "Company holidays"}; “12-27” is each year), half
    days the time at which the house closes ({"12-24": "12:00"}). A change moves the deadlines of open cases.
    """
    present = WorkspaceAnswer.of(request.actor.workspace, request.actor)
    fields = present.model_dump(include=set(WorkspaceChange.model_fields)) | data.model_dump(
        exclude_none=True
    )
    name, language = fields.pop("name"), fields.pop("language")
    changed = workspaces.change(
        actor=request.actor,
        name=name,
        language=language,
        calendar=CalendarSettings(**fields),
        now=clock.now(),
    )
    return WorkspaceAnswer.of(changed, request.actor)


@operations.get("/workspaces", "inbox.view", PageOf[WorkspaceAnswer])
def list_workspaces(request: ApiRequest) -> PageOf[WorkspaceAnswer]:
    """List the workspaces of the token

    A token belongs to one workspace, so there is always exactly one.
    """
    return PageOf(items=[WorkspaceAnswer.of(request.actor.workspace, request.actor)], next=None)


# --- members ------------------------------------------------------------------------------------------------


class MemberAnswer(Answer):
    id: int
    user: PersonAnswer
    role: str
    email: str | None
    created_at: Moment

    @classmethod
    def of(cls, membership: Membership, actor: Actor) -> MemberAnswer:
        return cls(
            id=membership.pk,
            user=PersonAnswer.of(membership.user),
            role=membership.role,
            email=membership.user.email if actor.can("members.manage") else None,
            created_at=membership.created_at,
        )


class RoleInput(Input):
    role: str


class InvitationInput(Input):
    email: str
    role: str


class InvitationAnswer(Answer):
    id: int
    email: str
    role: str
    expires_at: Moment

    @classmethod
    def of(cls, invitation: Invitation) -> InvitationAnswer:
        return cls(
            id=invitation.pk, email=invitation.email, role=invitation.role, expires_at=invitation.expires_at
        )


class NewInvitation(InvitationAnswer):
    link: str


@operations.get("/members", "inbox.view", PageOf[MemberAnswer])
def list_members(request: ApiRequest, page: Query[PageInput]) -> PageOf[MemberAnswer]:
    """List the members of the workspace

    E-mail addresses are shown to those who manage members only.
    """
    members = Membership.objects.filter(workspace=request.actor.workspace).select_related("user")
    rows, following = paging.by_id(members, page)
    return PageOf(items=[MemberAnswer.of(row, request.actor) for row in rows], next=following)


@operations.patch("/members/{int:member_id}", "members.manage", MemberAnswer)
def change_member(request: ApiRequest, member_id: int, data: RoleInput) -> MemberAnswer:
    """Give a member another role"""
    membership = workspaces.change_role(
        actor=request.actor, membership_id=member_id, role=data.role, now=clock.now()
    )
    return MemberAnswer.of(membership, request.actor)


@operations.delete("/members/{int:member_id}", "members.manage")
def remove_member(request: ApiRequest, member_id: int) -> None:
    """Take a member out of the workspace

    The tokens that the member has made stop working.
    """
    workspaces.remove_member(actor=request.actor, membership_id=member_id, now=clock.now())


@operations.get("/invitations", "members.manage", PageOf[InvitationAnswer])
def list_invitations(request: ApiRequest, page: Query[PageInput]) -> PageOf[InvitationAnswer]:
    """List the open invitations"""
    now = clock.now()
    invitations = Invitation.objects.filter(
        workspace=request.actor.workspace, accepted_at=None, expires_at__gt=now
    )
    rows, following = paging.by_id(invitations, page)
    return PageOf(items=[InvitationAnswer.of(row) for row in rows], next=following)


@operations.post("/invitations", "members.manage", NewInvitation, status=201)
def invite_member(request: ApiRequest, data: InvitationInput) -> NewInvitation:
    """Invite somebody

    The link is sent by mail and shown here, once. An earlier invitation to the same address stops working.
    """
    link = workspaces.invite(actor=request.actor, email=data.email, role=data.role, now=clock.now())
    invitation = Invitation.objects.get(
        workspace=request.actor.workspace, email=data.email.strip().lower(), accepted_at=None
    )
    return NewInvitation(**InvitationAnswer.of(invitation).model_dump(), link=link)


@operations.delete("/invitations/{int:invitation_id}", "members.manage")
def withdraw_invitation(request: ApiRequest, invitation_id: int) -> None:
    """Withdraw an open invitation"""
    workspaces.withdraw_invitation(actor=request.actor, invitation_id=invitation_id, now=clock.now())


# --- tokens -------------------------------------------------------------------------------------------------


class TokenAnswer(Answer):
    id: int
    name: str
    hint: str
    member: PersonAnswer
    created_at: Moment
    last_used_at: Moment | None

    @classmethod
    def of(cls, token: ApiToken) -> TokenAnswer:
        return cls(
            id=token.pk,
            name=token.name,
            hint=token.hint,
            member=PersonAnswer.of(token.membership.user),
            created_at=token.created_at,
            last_used_at=token.last_used_at,
        )


class NewToken(TokenAnswer):
    token: str


class TokenInput(Input):
    name: str


@operations.get("/tokens", "tokens.manage", PageOf[TokenAnswer])
def list_tokens(request: ApiRequest, page: Query[PageInput]) -> PageOf[TokenAnswer]:
    """List the API tokens of the workspace

    By their first characters; a token itself is shown only when it is made.
    """
    tokens = ApiToken.objects.filter(workspace=request.actor.workspace).select_related("membership__user")
    rows, following = paging.by_id(tokens, page)
    return PageOf(items=[TokenAnswer.of(row) for row in rows], next=following)


@operations.post("/tokens", "tokens.manage", NewToken, status=201)
def make_token(request: ApiRequest, data: TokenInput) -> NewToken:
    """Make an API token

    It can do what its maker may do in this workspace. The answer is the only place where it is ever shown.
    """
    token, secret = workspaces.make_token(actor=request.actor, name=data.name, now=clock.now())
    return NewToken(**TokenAnswer.of(token).model_dump(), token=secret)


@operations.delete("/tokens/{int:token_id}", "tokens.manage")
def revoke_token(request: ApiRequest, token_id: int) -> None:
    """Make a token useless"""
    workspaces.revoke_token(actor=request.actor, token_id=token_id, now=clock.now())
