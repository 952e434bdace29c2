"""What the inbox says of its cases: to the people whose they are, and to other programs by webhooks.

Called in the transaction of each deed. Where no webhook wants an event, it costs one small query.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from kuemmerer.accounts.models import Membership, User
from kuemmerer.accounts.teams import present
from kuemmerer.channels.delivery import State
from kuemmerer.inbox.models import Case, Note, Reply, Status
from kuemmerer.notify import notices, webhooks
from kuemmerer.notify.webhooks import Happening

MOST_LINES = 20
"""So many cases one notice names; the list has them all."""
LOOKED_BACK = timedelta(days=1)
"""So long after a deadline has passed programs are still told, should the worker have stood still."""
MOST_LATE = 1000


# --- people


def assigned(cases: Sequence[Case], *, by: User | None, now: datetime) -> None:
    """These cases were given to their owners by `by`, or by a rule if None. Who did it is not told.

    Of several cases given at once each owner is told once. Where the owner is away today, whoever stands in
    is told as well: the owner will want to know on coming back, the deputy has to look after it now.
    """
    hands: dict[int, list[Case]] = defaultdict(list)
    for case in cases:
        if case.assignee_id is not None:
            hands[case.assignee_id].append(case)
    for owner_id, theirs in hands.items():
        _tell_owner(owner_id, theirs, by, now)
    _emit_all("case.assigned", [case for case in cases if case.assignee_id is not None], _moment(now), now)


def _tell_owner(owner_id: int, cases: Sequence[Case], by: User | None, now: datetime) -> None:
    if by is not None and by.pk == owner_id:
        return
    workspace = cases[0].workspace
    members = Membership.objects.filter(workspace=workspace, user=owner_id)
    owner = members.select_related("user").first()
    if owner is None:
        return
    day = now.astimezone(workspace.zone).date()
    for user in {owner.user, *present([owner], day)}:
        notices.tell(
            workspace=workspace,
            user=user,
            by=by,
            kind="assigned",
            title=_given(cases, by) if user.pk == owner_id else _given_to_deputy(cases, owner.user),
            text=cases[0].excerpt if len(cases) == 1 else "",
            lines=lines(cases),
            path=_path(cases[0]) if len(cases) == 1 else _list_of(owner.user, cases[0]),
            key=f"assigned-{cases[0].pk}-{len(cases)}-{_moment(now)}",
            now=now,
        )


def _given(cases: Sequence[Case], by: User | None) -> Callable[[], str]:
    words = {"name": str(by or ""), "count": len(cases), "author": str(cases[0].author)}
    if by is None:
        if len(cases) > 1:
            return lambda: _("You were given %(count)d cases") % words
        return lambda: _("You were given the case of %(author)s") % words
    if len(cases) > 1:
        return lambda: _("%(name)s gave you %(count)d cases") % words
    return lambda: _("%(name)s gave you the case of %(author)s") % words


def _given_to_deputy(cases: Sequence[Case], owner: User) -> Callable[[], str]:
    words = {"owner": str(owner), "count": len(cases), "author": str(cases[0].author)}
    if len(cases) > 1:
        return lambda: _("You stand in for %(owner)s, who was given %(count)d cases") % words
    return lambda: _("You stand in for %(owner)s, who was given the case of %(author)s") % words


def lines(cases: Sequence[Case]) -> list[notices.Line]:
    """The cases that one notice speaks of, at most 20; none where the notice itself says it all."""
    if len(cases) == 1:
        return []
    return [
        notices.Line(text=f"{case.author}: {case.excerpt}", path=_path(case)) for case in cases[:MOST_LINES]
    ]


def mentioned(people: Sequence[User], note: Note, *, now: datetime) -> None:
    """A note mentions these people. Who wrote it is not told."""
    words = {"name": str(note.author), "author": str(note.case.author)} if people else {}
    for user in people:
        notices.tell(
            workspace=note.workspace,
            user=user,
            by=note.author,
            kind="mentioned",
            title=lambda: _("%(name)s mentions you in the case of %(author)s") % words,
            text=note.text,
            path=f"{_path(note.case)}#note-{note.pk}",
            key=f"mentioned-{note.pk}",
            now=now,
        )


def unsent(reply: Reply, *, now: datetime) -> None:
    """Only a person moves this answer on: the network refused it, or cannot tell whether it is there.

    Who wrote it is told and whose the case is, for those who are away their deputies; where that is nobody,
    the managers.
    """
    case, workspace = reply.case, reply.workspace
    words = {"author": str(case.author)}
    refused = reply.state == State.REJECTED
    notice: dict[str, Any] = {
        "workspace": workspace,
        "kind": "unsent",
        "title": lambda: (
            _("The answer to %(author)s was not sent") % words
            if refused
            else _("Please look whether the answer to %(author)s has arrived") % words
        ),
        "text": lambda: reply.problem_sentence,
        "path": f"{_path(case)}#reply-{reply.pk}",
        # Sent again it has another key, and may be refused again.
        "key": f"unsent-{reply.key}-{reply.state}",
        "now": now,
    }
    theirs = Membership.objects.filter(workspace=workspace, user__in=[reply.author_id, case.assignee_id])
    members = list(theirs.select_related("user"))
    users = {member.user for member in members} | set(present(members, now.astimezone(workspace.zone).date()))
    if not notices.tell_all(users=users, **notice):
        notices.tell_those_who(permission="inbox.configure", **notice)


def _list_of(owner: User, case: Case) -> str:
    return f"{reverse('inbox', args=[case.workspace.slug])}?view=open&assignee={owner.pk}"


# --- other programs


def opened(cases: Sequence[tuple[Case, int | str]], *, now: datetime) -> None:
    """These cases of one workspace were opened, or opened again; each with what tells this time from others.

    What has been answered meanwhile is left out: nobody has to look after it.
    """
    if not cases:
        return

    def happenings() -> list[Happening]:
        found = Case.objects.filter(pk__in=[case.pk for case, _why in cases], status=Status.OPEN)
        still_open = found.select_related("workspace", "channel", "author", "assignee").in_bulk()
        return [
            _happening("case.opened", still_open[case.pk], str(why))
            for case, why in cases
            if case.pk in still_open
        ]

    webhooks.emit_each(
        workspace_id=cases[0][0].workspace_id, event="case.opened", happenings=happenings, now=now
    )


def answered(case: Case, *, written_at: datetime, now: datetime) -> None:
    """An answer has arrived, from here or written at the network, and nothing waits for one any more."""
    _emit("case.answered", case, key=_moment(written_at), now=now)


def closed(case: Case, *, now: datetime) -> None:
    _emit("case.closed", case, key=_moment(case.closed_at or now), now=now)


def all_closed(cases: Sequence[Case], *, now: datetime) -> None:
    """These cases of one workspace were closed right now."""
    _emit_all("case.closed", cases, _moment(now), now)


def near_breach(case: Case, *, now: datetime) -> None:
    _emit("case.near_breach", case, key=_moment(case.unanswered_since or now), now=now)


def breached(now: datetime) -> int:
    """Tell programs of the deadlines that have passed; returns how many messages there are to send.

    Not when somebody is warned: a workspace may warn its people sooner or later than that, or not at all.
    """
    return sum(
        _breached(workspace_id, since=max(since, now - LOOKED_BACK), now=now)
        for workspace_id, since in webhooks.listened_since("case.breached").items()
    )


def _breached(workspace_id: int, *, since: datetime, now: datetime) -> int:
    late = Case.objects.filter(
        workspace=workspace_id, status=Status.OPEN, due_at__gt=since, due_at__lte=now
    ).order_by("-due_at")
    clocks = late.values_list("pk", "unanswered_since")[:MOST_LATE]
    keys = {_key("case.breached", pk, _moment(clock)): pk for pk, clock in clocks if clock is not None}
    for key in webhooks.emitted(workspace_id=workspace_id, keys=keys):
        del keys[key]
    if not keys:
        return 0
    full = late.filter(pk__in=keys.values()).select_related("workspace", "channel", "author", "assignee")
    return webhooks.emit_each(
        workspace_id=workspace_id,
        event="case.breached",
        happenings=lambda: [
            _happening("case.breached", case, _moment(case.unanswered_since or now)) for case in full
        ],
        now=now,
    )


def delivered(reply: Reply, *, now: datetime) -> None:
    _emit_reply("reply.delivered", reply, key=str(reply.pk), now=now)


def rejected(reply: Reply, *, now: datetime) -> None:
    unsent(reply, now=now)
    # Sent again it has another key, and may be refused again.
    _emit_reply("reply.rejected", reply, key=reply.key, now=now)


def _emit_reply(event: str, reply: Reply, *, key: str, now: datetime) -> None:
    webhooks.emit_each(
        workspace_id=reply.workspace_id,
        event=event,
        happenings=lambda: [
            Happening(
                key=f"{event}:{key}",
                path=f"{_path(reply.case)}#reply-{reply.pk}",
                data={
                    "id": reply.pk,
                    "case_id": reply.case_id,
                    "channel": reply.channel.name,
                    "author": str(reply.case.author),
                    "text": reply.text,
                    "written_by": str(reply.author or ""),
                    "reason": reply.problem,
                },
            )
        ],
        now=now,
    )


def _emit(event: str, case: Case, *, key: str, now: datetime) -> None:
    webhooks.emit_each(
        workspace_id=case.workspace_id,
        event=event,
        happenings=lambda: [_happening(event, case, key)],
        now=now,
    )


def _emit_all(event: str, cases: Sequence[Case], key: str, now: datetime) -> None:
    """The same of all these cases of one workspace, with two small queries however many there are."""
    if not cases:
        return

    def happenings() -> list[Happening]:
        found = Case.objects.filter(pk__in=[case.pk for case in cases])
        full = found.select_related("workspace", "channel", "author", "assignee").in_bulk()
        return [_happening(event, full[case.pk], key) for case in cases]

    webhooks.emit_each(workspace_id=cases[0].workspace_id, event=event, happenings=happenings, now=now)


def _happening(event: str, case: Case, key: str) -> Happening:
    return Happening(
        key=_key(event, case.pk, key),
        path=_path(case),
        data={
            "id": case.pk,
            "channel": case.channel.name,
            "author": str(case.author),
            "text": case.excerpt,
            "status": case.status,
            "assignee": str(case.assignee or ""),
            "due_at": _iso(case.due_at) if case.due_at else None,
        },
    )


def _key(event: str, case_id: int, why: str) -> str:
    return f"{event}:{case_id}:{why}"


def _moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y%m%d%H%M%S%f}"


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _path(case: Case) -> str:
    return reverse("case", args=[case.workspace.slug, case.pk])
