"""Saved views: filters and a search under a name, for oneself or for the team."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from kuemmerer.accounts.access import Actor
from kuemmerer.accounts.models import Membership, User
from kuemmerer.channels.models import Channel
from kuemmerer.core.errors import Conflict, Invalid, NotFound
from kuemmerer.core.models import record
from kuemmerer.core.prepared import PreparedRows
from kuemmerer.core.text import storable
from kuemmerer.inbox import lists, search
from kuemmerer.inbox.models import Label, SavedView, Status

MOST = 30
"""Views that one person keeps, and as many of the team."""


def saved_views(*, actor: Actor) -> QuerySet[SavedView]:
    """The actor's own views and the team's, by name. Raises Forbidden."""
    actor.need("inbox.view")
    return SavedView.objects.filter(_visible(actor.user), workspace=actor.workspace)


def shown(*, actor: Actor) -> list[SavedView]:
    """The same views, for every page of the inbox. Raises Forbidden."""
    actor.need("inbox.view")
    return _shown(workspace=actor.workspace.pk, user=actor.user.pk)


def _visible(user: User | int) -> Q:
    return Q(owner=user) | Q(owner=None)


_shown = PreparedRows(lambda workspace, user: SavedView.objects.filter(_visible(user), workspace=workspace))


def get(*, actor: Actor, view_id: int) -> SavedView:
    """One of these views. Raises NotFound, Forbidden."""
    found = saved_views(actor=actor).filter(pk=view_id).first()
    if found is None:
        raise NotFound(_("This view does not exist (any more)."))
    return found


@transaction.atomic
def save(
    *,
    actor: Actor,
    name: str,
    shared: bool,
    now: datetime,
    view: str = lists.View.ALL,
    status: str | None = None,
    channel_id: int | None = None,
    label_id: int | None = None,
    assignee_id: int | None = None,
    search: str = "",
    view_id: int | None = None,
) -> SavedView:
    """Keep filters as `lists.case_list` takes them under a name; `shared`: for the whole team.

    Raises Invalid (no name, nothing to look for, an unknown filter), Conflict (name taken, too many),
    NotFound, Forbidden.
    """
    _need(actor, shared=shared)
    saved = SavedView(workspace=actor.workspace) if view_id is None else get(actor=actor, view_id=view_id)
    if view_id is not None:
        _need(actor, shared=saved.owner_id is None)
    saved.owner = None if shared else actor.user
    saved.name = _checked_name(actor, saved, name)
    saved.view, saved.status = _checked_lists(view, status)
    saved.channel_id, saved.label_id, saved.assignee_id = channel_id, label_id, assignee_id
    _check_references(actor, saved)
    saved.search = _checked_search(search)
    saved.save()
    _log(actor, saved, "saved", now)
    return saved


@transaction.atomic
def delete(*, actor: Actor, view_id: int, now: datetime) -> None:
    """Take a view away, from the whole team if it is the team's. Raises NotFound, Forbidden."""
    saved = get(actor=actor, view_id=view_id)
    _need(actor, shared=saved.owner_id is None)
    _log(actor, saved, "deleted", now)
    saved.delete()


def may_change(actor: Actor, saved: SavedView) -> bool:
    return actor.can("views.save" if saved.owner_id else "inbox.configure")


def filters_of(saved: SavedView) -> dict[str, Any]:
    """The filters as `lists.case_list` takes them."""
    return {
        "view": saved.view,
        "status": saved.status or None,
        "channel_id": saved.channel_id,
        "label_id": saved.label_id,
        "assignee_id": saved.assignee_id,
        "search": saved.search,
    }


def counts(*, actor: Actor, now: datetime) -> Mapping[int, lists.Count]:
    """How many cases each view holds, counted up to 100. Raises Forbidden."""
    return {
        saved.pk: lists.count(actor=actor, now=now, **filters_of(saved)) for saved in saved_views(actor=actor)
    }


def _need(actor: Actor, *, shared: bool) -> None:
    actor.need("inbox.configure" if shared else "views.save")


def _checked_name(actor: Actor, saved: SavedView, name: str) -> str:
    name = " ".join(storable(name).split())
    if not name or len(name) > 40:
        raise Invalid(_("A view needs a name of at most 40 characters."), field="name")
    beside = SavedView.objects.filter(workspace=actor.workspace, owner=saved.owner).exclude(pk=saved.pk)
    if beside.filter(name__iexact=name).exists():
        raise Conflict(_("There is a view of this name already."), field="name")
    if saved.pk is None and beside.count() >= MOST:
        raise Conflict(_("There are 30 views already. Delete one that nobody needs any more."))
    return name


def _checked_lists(view: str, status: str | None) -> tuple[str, str]:
    if view not in tuple(lists.View):
        raise Invalid(_("There is no such list."), field="view")
    if status and status not in Status.values:
        raise Invalid(_("There is no such status."), field="status")
    return str(view), status or ""


def _check_references(actor: Actor, saved: SavedView) -> None:
    """Raises Invalid for what another workspace has, or nobody."""
    ours = {"workspace": actor.workspace}
    known = {
        "channel": saved.channel_id is None or Channel.objects.filter(**ours, pk=saved.channel_id).exists(),
        "label": saved.label_id is None or Label.objects.filter(**ours, pk=saved.label_id).exists(),
        "assignee": saved.assignee_id is None
        or Membership.objects.filter(**ours, user=saved.assignee_id).exists(),
    }
    for field, is_known in known.items():
        if not is_known:
            raise Invalid(_("There is no such filter."), field=field)


def _checked_search(text: str) -> str:
    text = storable(text).strip()
    if text:
        search.parse(text)
    return text


def _log(actor: Actor, saved: SavedView, verb: str, now: datetime) -> None:
    record(
        workspace_id=actor.workspace.pk,
        actor=actor.label,
        verb=verb,
        subject=saved,
        now=now,
        name=saved.name,
        shared=saved.owner_id is None,
    )
