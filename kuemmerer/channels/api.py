"""Networks, channels and interactions for programs."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import QuerySet
from ninja import Query
from pydantic import Field

from kuemmerer.accounts.access import Actor
from kuemmerer.api import paging
from kuemmerer.api.fields import Answer, Id, Input, Moment, PageInput, PageOf
from kuemmerer.api.operations import ApiRequest, Operations
from kuemmerer.channels import connections
from kuemmerer.channels.models import Author, Channel, Credential, Interaction
from kuemmerer.core import clock
from kuemmerer.core.errors import NotFound
from kuemmerer.networks import registry
from kuemmerer.networks.base import Action, Connector, Kind

operations = Operations("Channels")

# --- networks -----------------------------------------------------------------------------------------------


class FormFieldAnswer(Answer):
    key: str
    label: str
    help: str
    placeholder: str
    required: bool
    secret: bool


class CapabilitiesAnswer(Answer):
    publish: bool
    reply: bool
    media: bool
    listen: bool
    delete: bool
    actions: list[Action]


class NetworkAnswer(Answer):
    key: str
    label: str
    summary: str
    form: list[FormFieldAnswer] = Field(description="What `settings` of a new channel holds.")
    sign_in: bool = Field(description="Whether a person can sign in at the network instead, in the browser.")
    capabilities: CapabilitiesAnswer

    @classmethod
    def of(cls, connector: Connector) -> NetworkAnswer:
        can = connector.can
        return cls(
            key=connector.key,
            label=str(connector.label),
            summary=str(connector.summary),
            form=[
                FormFieldAnswer(
                    key=field.key,
                    label=str(field.label),
                    help=str(field.help),
                    placeholder=field.placeholder,
                    required=field.required,
                    secret=field.secret,
                )
                for field in connector.form
                if field.key != connector.local_file
            ],
            sign_in=connector.oauth,
            capabilities=CapabilitiesAnswer(
                publish=can.publish,
                reply=can.reply,
                media=can.media,
                listen=can.listen,
                delete=can.delete,
                actions=sorted(can.actions),
            ),
        )


@operations.get("/networks", "channels.view", PageOf[NetworkAnswer])
def list_networks(request: ApiRequest) -> PageOf[NetworkAnswer]:
    """List the networks that channels can be connected to

    With the fields of each login form and what the desk can do there.
    """
    return PageOf(items=[NetworkAnswer.of(one) for one in registry.connectors().values()], next=None)


# --- channels -----------------------------------------------------------------------------------------------


class ChannelProblem(Answer):
    code: str
    detail: str


class RateLimitAnswer(Answer):
    limit: int | None
    remaining: int
    reset_at: Moment | None


class BackfillAnswer(Answer):
    since: Moment
    reached: Moment | None
    percent: int | None = Field(description="Null when it is done.")


class ChannelAnswer(Answer):
    id: int
    network: str
    name: str
    handle: str
    url: str
    state: str = Field(description="active, paused or reconnect")
    connected: bool = Field(description="False once it was disconnected and what it brought was kept.")
    problem: ChannelProblem | None
    connected_at: Moment
    synced_at: Moment | None = Field(description="The last successful sync.")
    news_at: Moment | None = Field(description="When something new last came.")
    next_sync_at: Moment
    fetched: int
    failures: int
    rate_limit: RateLimitAnswer | None
    backfill: BackfillAnswer
    credential_expires_at: Moment | None
    most_units: int | None = Field(description="How long a text may be, in the network's own units.")

    @classmethod
    def of(cls, channel: Channel, now: datetime) -> ChannelAnswer:
        credential: Credential | None = getattr(channel, "credential", None)
        return cls(
            id=channel.pk,
            network=channel.network,
            name=channel.name,
            handle=channel.handle,
            url=channel.url,
            state=channel.state,
            connected=credential is not None,
            problem=ChannelProblem(code=channel.problem, detail=channel.problem_sentence)
            if channel.problem
            else None,
            connected_at=channel.connected_at,
            synced_at=channel.synced_at,
            news_at=channel.news_at,
            next_sync_at=channel.next_sync_at,
            fetched=channel.fetched,
            failures=channel.failures,
            rate_limit=RateLimitAnswer(**channel.rate_limit) if channel.rate_limit else None,
            backfill=BackfillAnswer(
                since=channel.backfill_from,
                reached=channel.backfill_reached,
                percent=channel.backfill_share(now),
            ),
            credential_expires_at=credential.expires_at if credential else None,
            most_units=channel.limits.max_units,
        )


class ChannelInput(Input):
    network: str
    settings: dict[str, str] = Field(
        default_factory=dict, description="The values of the network's login form; see `GET /networks`."
    )
    name: str = ""
    days: int = Field(default=connections.BACKFILL_DAYS, description="How many days back to fetch, 0 to 365.")


class ChannelChange(Input):
    name: str | None = None
    paused: bool | None = None


class LoginInput(Input):
    settings: dict[str, str] = Field(description="The values of the network's login form.")


class AccountAnswer(Answer):
    remote_id: str
    handle: str
    name: str
    url: str


class EraseInput(Input):
    erase: bool = Field(
        description="Whether to erase all that was fetched; else it stays readable and the access alone goes."
    )


@operations.get("/channels", "channels.view", PageOf[ChannelAnswer])
def list_channels(request: ApiRequest, page: Query[PageInput]) -> PageOf[ChannelAnswer]:
    """List the channels with their state"""
    channels = Channel.objects.filter(workspace=request.actor.workspace).select_related("credential")
    rows, following = paging.by_id(channels, page)
    now = clock.now()
    return PageOf(items=[ChannelAnswer.of(row, now) for row in rows], next=following)


@operations.post("/channels", "channels.manage", ChannelAnswer, status=201)
def connect_channel(request: ApiRequest, data: ChannelInput) -> ChannelAnswer:
    """Connect a channel

    Logs in at the network with the given values and stores the access encrypted. If the workspace has a
    channel of the same account already, its access is renewed. The first sync begins at once.
    """
    now = clock.now()
    channel = connections.connect(
        actor=request.actor,
        network=data.network,
        values=data.settings,
        name=data.name,
        days=data.days,
        now=now,
    )
    return ChannelAnswer.of(channel, now)


@operations.get("/channels/{int:channel_id}", "channels.view", ChannelAnswer)
def get_channel(request: ApiRequest, channel_id: int) -> ChannelAnswer:
    """Get a channel with its state"""
    return _answer(request.actor, channel_id)


@operations.patch("/channels/{int:channel_id}", "channels.manage", ChannelAnswer)
def change_channel(request: ApiRequest, channel_id: int, data: ChannelChange) -> ChannelAnswer:
    """Rename, pause or resume a channel"""
    now = clock.now()
    if data.name is not None:
        connections.rename(actor=request.actor, channel_id=channel_id, name=data.name, now=now)
    if data.paused is not None:
        connections.pause(actor=request.actor, channel_id=channel_id, paused=data.paused, now=now)
    return _answer(request.actor, channel_id)


@operations.delete("/channels/{int:channel_id}", "channels.manage")
def disconnect_channel(request: ApiRequest, channel_id: int, choice: Query[EraseInput]) -> None:
    """Disconnect a channel"""
    connections.disconnect(actor=request.actor, channel_id=channel_id, erase=choice.erase, now=clock.now())


@operations.post("/channels/{int:channel_id}/test", "channels.manage", AccountAnswer)
def test_channel(request: ApiRequest, channel_id: int) -> AccountAnswer:
    """Ask the network whether the access still works

    Answers with the account as the network describes it now.
    """
    person = connections.test(actor=request.actor, channel_id=channel_id, now=clock.now())
    return AccountAnswer(remote_id=person.remote_id, handle=person.handle, name=person.name, url=person.url)


@operations.post("/channels/{int:channel_id}/sync", "channels.view", ChannelAnswer)
def sync_channel(request: ApiRequest, channel_id: int) -> ChannelAnswer:
    """Let the next sync begin at once

    It is done by the worker; `synced_at` of the channel tells when it has happened.
    """
    connections.sync_now(actor=request.actor, channel_id=channel_id, now=clock.now())
    return _answer(request.actor, channel_id)


@operations.post("/channels/{int:channel_id}/reconnect", "channels.manage", ChannelAnswer)
def reconnect_channel(request: ApiRequest, channel_id: int, data: LoginInput) -> ChannelAnswer:
    """Renew the access of a channel

    The login must be of the same account; else nothing changes.
    """
    connections.reconnect(actor=request.actor, channel_id=channel_id, values=data.settings, now=clock.now())
    return _answer(request.actor, channel_id)


def _answer(actor: Actor, channel_id: int) -> ChannelAnswer:
    return ChannelAnswer.of(connections.get(actor=actor, channel_id=channel_id), clock.now())


# --- interactions -------------------------------------------------------------------------------------------

LOOK_AT = 2000
"""How many rows one page may look at, so that a rare kind among a million costs no more than a common one."""
FETCHED_TOGETHER = timedelta(hours=1)
"""Ids follow the time of fetching but for syncs that ran side by side; this is more than a sync can last."""


class AuthorAnswer(Answer):
    id: int
    remote_id: str
    handle: str
    name: str
    url: str
    avatar_url: str
    about: str
    followers: int | None

    @classmethod
    def of(cls, author: Author) -> AuthorAnswer:
        return cls(
            id=author.pk,
            remote_id=author.remote_id,
            handle=author.handle,
            name=author.name,
            url=author.url,
            avatar_url=author.avatar_url,
            about=author.about,
            followers=author.followers,
        )


class InteractionAnswer(Answer):
    id: int
    channel_id: int
    thread_id: int
    author: AuthorAnswer
    kind: str
    remote_id: str
    parent_remote_id: str
    title: str
    text: str
    language: str
    url: str
    stars: int | None
    visibility: str
    status: str = Field(description="How the network shows it: shown, held, hidden, spam or trash.")
    ours: bool = Field(description="Written by the channel's own account.")
    addressed: bool = Field(description="False for what was fetched only to make a conversation readable.")
    liked: bool
    shared: bool
    created_at: Moment
    edited_at: Moment | None
    deleted_at: Moment | None
    fetched_at: Moment

    @classmethod
    def of(cls, interaction: Interaction) -> InteractionAnswer:
        return cls(
            author=AuthorAnswer.of(interaction.author),
            **{name: getattr(interaction, name) for name in cls.model_fields if name != "author"},
        )


class InteractionFilter(PageInput):
    channel: Id | None = None
    kind: Kind | None = None
    since: Moment | None = Field(default=None, description="Only what was fetched at this moment or later.")


@operations.get("/interactions", "inbox.view", PageOf[InteractionAnswer])
def list_interactions(request: ApiRequest, wanted: Query[InteractionFilter]) -> PageOf[InteractionAnswer]:
    """List interactions, the last fetched first

    With a filter a page may hold fewer items than `limit`, even none, while `next` is not null: go on then.
    """
    found, following = _matching(_rows(request.actor, wanted.channel), wanted)
    items = Interaction.objects.filter(pk__in=found).select_related("author").defer("raw").order_by("-pk")
    return PageOf(items=[InteractionAnswer.of(item) for item in items], next=following)


def _rows(actor: Actor, channel_id: int | None) -> QuerySet[Interaction]:
    if channel_id is None:
        return Interaction.objects.filter(workspace=actor.workspace)
    if not Channel.objects.filter(workspace=actor.workspace, pk=channel_id).exists():
        return Interaction.objects.none()
    # By the channel alone: with the workspace beside it SQLite would walk through all the workspace's rows.
    return Interaction.objects.filter(channel_id=channel_id)


def _matching(rows: QuerySet[Interaction], wanted: InteractionFilter) -> tuple[list[int], str | None]:
    """A page's ids and the mark of the next: a walk down the ids that ends when it was long enough."""
    if wanted.after:
        (pk,) = paging.decode(wanted.after, int)
        rows = rows.filter(pk__lt=pk)
    many = wanted.limit + 1 if wanted.kind is None else LOOK_AT
    looked = list(rows.order_by("-pk").values_list("pk", "kind", "fetched_at")[:many])
    found: list[int] = []
    last = 0
    for pk, kind, fetched_at in looked:
        if len(found) == wanted.limit:
            return found, paging.encode(last)
        if wanted.since is not None and fetched_at < wanted.since - FETCHED_TOGETHER:
            return found, None
        last = pk
        if (wanted.kind is None or kind == wanted.kind) and (
            wanted.since is None or fetched_at >= wanted.since
        ):
            found.append(pk)
    return found, paging.encode(last) if len(looked) == many else None


@operations.get("/interactions/{int:interaction_id}", "inbox.view", InteractionAnswer)
def get_interaction(request: ApiRequest, interaction_id: int) -> InteractionAnswer:
    """Get an interaction"""
    found = (
        Interaction.objects.filter(workspace=request.actor.workspace, pk=interaction_id)
        .select_related("author")
        .defer("raw")
        .first()
    )
    if found is None:
        raise NotFound
    return InteractionAnswer.of(found)
