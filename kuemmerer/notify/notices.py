"""Telling people. Whatever should reach somebody goes through `tell`, in the transaction of the deed.

notices.tell(workspace=w, user=u, kind="assigned", title=lambda: _("…") % {…}, path=…, key=…, now=now)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext_lazy

from kuemmerer.accounts.access import PERMISSIONS, Actor
from kuemmerer.accounts.models import Membership, User, Workspace
from kuemmerer.core.errors import NotFound
from kuemmerer.core.prepared import Prepared
from kuemmerer.jobs import sweeps
from kuemmerer.notify import kinds, mail, preferences, push
from kuemmerer.notify.language import Text, language_of, one_line, said
from kuemmerer.notify.models import Mail, Notice, Preference

MOST_COUNTED = 99


@dataclass(frozen=True, kw_only=True)
class Line:
    """One thing of several that a notice names. `path` is where it leads to on this desk, if anywhere."""

    text: str
    path: str = ""


def tell(
    *,
    workspace: Workspace,
    user: User,
    kind: str,
    title: Text,
    path: str,
    key: str,
    now: datetime,
    text: Text = "",
    lines: Sequence[Line] = (),
    by: User | None = None,
) -> Notice | None:
    """Tell one person something, once for each `key`; by mail and push as the person wishes.

    Returns the notice, also one that was there already; None if there is nobody to tell: no active member, or
    `by`, who did it, themselves. `path` is an address on this desk, such as reverse() gives. Call it in the
    transaction of what happened. Raises LookupError for a kind that is not registered.
    """
    known = kinds.get(kind)
    if not path.startswith("/") or path.startswith("//"):
        raise ValueError(f"{path!r} is no path on this desk")
    if by is not None and by.pk == user.pk:
        return None
    member = (
        Membership.objects.select_related("user", "workspace")
        .filter(workspace=workspace, user=user, user__is_active=True)
        .first()
    )
    if member is None:
        return None
    with language_of(member):
        words = {"title": one_line(said(title)), "text": said(text).strip()}
    fields = {**words, "kind": known.key, "path": path, "lines": [asdict(line) for line in lines]}
    with transaction.atomic():
        notice, is_new = Notice.objects.get_or_create(
            workspace=workspace, user=user, key=key, defaults={**fields, "created_at": now}
        )
        if is_new:
            _send_out(notice, known, preferences.of(member), now)
    return notice


def tell_those_who(*, permission: str, workspace: Workspace, by: User | None = None, **notice: object) -> int:
    """`tell` every member who has `permission`; returns how many know it now. The rest as in `tell`."""
    roles = [role for role, permissions in PERMISSIONS.items() if permission in permissions]
    users = User.objects.filter(memberships__workspace=workspace, memberships__role__in=roles)
    return tell_all(users=users, workspace=workspace, by=by, **notice)


def tell_all(*, users: Iterable[User], workspace: Workspace, **notice: object) -> int:
    """`tell` each of `users`; returns how many know it now. The rest as in `tell`."""
    told = [tell(user=user, workspace=workspace, **notice) for user in users]  # type: ignore[arg-type]
    return sum(one is not None for one in told)


def _send_out(notice: Notice, kind: kinds.Kind, preference: Preference, now: datetime) -> None:
    at = preference.quiet.over(now) if kind.quiet else now
    if preference.wants(kind, "push") and push.send_out(notice, at=at, now=now):
        sweeps.wake("notify.push")
    if preference.wants(kind, "mail") and mail.can_reach(notice.user):
        Mail.objects.create(notice=notice, created_at=now, next_at=at)
        sweeps.wake("notify.mail")


# --- what people do with them


_unseen = Prepared(
    lambda workspace, user: Notice.objects.filter(workspace=workspace, user=user, seen_at=None).values_list(
        "pk"
    )[: MOST_COUNTED + 1]
)


def unseen(actor: Actor) -> int:
    """How many notices the person has not seen; counted up to 100."""
    return len(_unseen(workspace=actor.workspace.pk, user=actor.user.pk))


def shown_count(actor: Actor, now: datetime) -> str:
    """The number beside the bell."""
    count = unseen(actor)
    return "" if not count else str(count) if count <= MOST_COUNTED else f"{MOST_COUNTED}+"


def open_notice(*, actor: Actor, notice_id: int, now: datetime) -> Notice:
    """One of the person's own notices; it is seen from now on. Raises NotFound."""
    actor.need("inbox.view")
    notice = Notice.objects.filter(workspace=actor.workspace, user=actor.user, pk=notice_id).first()
    if notice is None:
        raise NotFound
    if notice.seen_at is None:
        notice.seen_at = now
        notice.save(update_fields=["seen_at"])
    return notice


def see_all(*, actor: Actor, now: datetime) -> int:
    """Mark all of the person's notices as seen; returns how many were not."""
    actor.need("inbox.view")
    return Notice.objects.filter(workspace=actor.workspace, user=actor.user, seen_at=None).update(seen_at=now)


def send_test(*, actor: Actor, now: datetime) -> Notice:
    """A notice to oneself by all ways, whatever is chosen; to see where notices come out."""
    actor.need("inbox.view")
    notice = tell(
        workspace=actor.workspace,
        user=actor.user,
        kind="test",
        title=gettext_lazy("A test notice from Kümmerer"),
        text=gettext_lazy("If you can read this, notices reach you here."),
        path=reverse("notices", args=[actor.workspace.slug]),
        key=f"test:{now.isoformat()}",
        now=now,
    )
    if notice is None:
        raise NotFound
    return notice
