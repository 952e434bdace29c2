"""What stands around every page: navigation, banners, the switcher between workspaces.

Apps above this one add their own entries and banners (in `AppConfig.ready`); the shell knows none of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cache, lru_cache
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from kuemmerer.accounts.access import Actor, actor_in_last
from kuemmerer.accounts.models import User, Workspace
from kuemmerer.accounts.workspaces import is_fresh
from kuemmerer.core import clock, mail
from kuemmerer.core.prepared import Prepared
from kuemmerer.jobs.health import worker_is_dead

Text = str | Promise


@dataclass(frozen=True, kw_only=True)
class Entry:
    """An entry of the navigation. `count` gives the number shown beside it, empty for none."""

    label: Text
    url_name: str
    icon: str
    permission: str
    order: int
    count: Callable[[Actor, datetime], str] | None = None


@dataclass(frozen=True, kw_only=True)
class Banner:
    """A line above every page of the workspace. `level`: info, warning or danger. `part`: the key of the part
    of the day page that says the same; where it stands, the banner is left out.
    """

    level: str
    text: Text
    url: str = ""
    action: Text = ""
    part: str = ""


@dataclass(frozen=True, kw_only=True)
class _Link:
    name: str
    label: Text
    url: str
    icon: str
    current: bool
    counts: bool
    """Whether there is a number beside it, though it may be empty just now."""
    count: str


_entries: list[Entry] = []
_banners: list[Callable[[Actor, datetime], list[Banner]]] = []


def add_entry(entry: Entry) -> None:
    """Put an entry into the navigation."""
    _entries.append(entry)
    _entries.sort(key=lambda e: e.order)


def add_banners(
    function: Callable[[Actor, datetime], list[Banner]],
) -> Callable[[Actor, datetime], list[Banner]]:
    """Let `function` add banners to every page of a workspace."""
    _banners.append(function)
    return function


@add_banners
def _dead_worker(actor: Actor, now: datetime) -> list[Banner]:
    if not worker_is_dead(now):
        return []
    return [
        Banner(
            level="danger",
            text=_(
                "The worker stands still: nothing is fetched and nothing is sent. "
                "Whoever runs Kümmerer should start it again."
            ),
        )
    ]


def context(request: HttpRequest) -> dict[str, Any]:
    """The template context that the shell needs: that of the page's workspace, or on the pages of one's own
    account the way back into the last one.
    """
    inside: Actor | None = getattr(request, "actor", None)
    actor = inside or last_actor(request)
    everywhere = {
        "preferences_url": reverse("preferences"),
        "sends_mail": mail.is_set_up,
        "is_fresh": is_fresh,
    }
    if actor is None:
        return {**everywhere, "nav": [], "banners": [], "workspace": None, "workspaces": [], "actor": None}
    now = clock.now()
    # Called by the template where it needs them: a fragment has no shell and pays for none of it.
    return {
        **everywhere,
        "actor": inside,
        "workspace": actor.workspace,
        "workspaces": cache(lambda: _workspaces(actor)),
        "nav": cache(lambda: [_link(request, e, actor, now) for e in _entries if actor.can(e.permission)]),
        "banners": cache(lambda: banners(actor, now)) if inside else [],
        "now": now,
    }


def banners(actor: Actor, now: datetime) -> list[Banner]:
    """What everybody in the workspace has to know now."""
    return [banner for function in _banners for banner in function(actor, now)]


def last_actor(request: HttpRequest) -> Actor | None:
    """Who is logged in, in the workspace where they were last; None for nobody and for who has none."""
    user = getattr(request, "user", None)
    return actor_in_last(user, request.session.get("workspace", "")) if isinstance(user, User) else None


_mine = Prepared(
    lambda user: Workspace.objects.filter(memberships__user=user).order_by("name").values_list("name", "slug")
)


def _workspaces(actor: Actor) -> list[dict[str, str]]:
    return [
        {"name": name, "slug": slug, "url": _url("today", slug)} for name, slug in _mine(user=actor.user.pk)
    ]


# Every page asks for the same few addresses, and putting one together takes longer than a row of a list.
@lru_cache(maxsize=2048)
def _url(name: str, slug: str) -> str:
    return reverse(name, args=[slug])


def _link(request: HttpRequest, entry: Entry, actor: Actor, now: datetime) -> _Link:
    url = _url(entry.url_name, actor.workspace.slug)
    return _Link(
        name=entry.url_name,
        label=entry.label,
        url=url,
        icon=entry.icon,
        current=request.path.startswith(url),
        counts=entry.count is not None,
        count=entry.count(actor, now) if entry.count else "",
    )
