"""The inbox: list, conversation, and all that is done there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache, cached_property
from typing import Any
from urllib.parse import urlencode, urlsplit
from weakref import WeakKeyDictionary

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_htmx.http import replace_url, trigger_client_event

from kuemmerer.accounts.access import Actor
from kuemmerer.accounts.models import Membership, Team, User, Workspace
from kuemmerer.channels.delivery import new_key
from kuemmerer.channels.models import Author, Channel
from kuemmerer.core import clock
from kuemmerer.core.errors import DeskError, Invalid, NotFound
from kuemmerer.core.prepared import Prepared, PreparedRows
from kuemmerer.inbox import (
    cases,
    conversation,
    library,
    lists,
    mentions,
    moderation,
    notes,
    promises,
    query_string,
    replies,
    view_pages,
)
from kuemmerer.inbox.automation import on_case
from kuemmerer.inbox.models import NEGATIVE, Case, CaseLabel, Intent, Label, Priority, Status
from kuemmerer.networks.base import Action
from kuemmerer.web.page import WorkspaceRequest, page
from kuemmerer.web.shell import Banner, add_banners
from kuemmerer.web.templatetags.desk import CaseRow

TONES = ("", "info", "success", "warning", "danger", "violet", "outline")
SOON = timedelta(hours=2)
COMPLAINTS = 100
"""So many overdue complaints are counted."""
SHOWN = 25
"""Cases on one page of a list; the next ones come by a click."""


# --- the list


_channels = PreparedRows(
    lambda workspace: Channel.objects.filter(workspace=workspace).order_by("name").only("network", "name")
)
_labels = PreparedRows(lambda workspace: Label.objects.filter(workspace=workspace))
_teams = PreparedRows(lambda workspace: Team.objects.filter(workspace=workspace).only("name"))
_memberships = PreparedRows(
    lambda workspace: (
        Membership.objects.filter(workspace=workspace).select_related("user").order_by("user__name")
    )
)


class _Names:
    """What a workspace calls its channels, labels and people: asked once for a page that shows them often."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    @cached_property
    def channels(self) -> dict[int, Channel]:
        return {channel.pk: channel for channel in _channels(workspace=self._workspace.pk)}

    @cached_property
    def labels(self) -> dict[int, Label]:
        return {label.pk: label for label in _labels(workspace=self._workspace.pk)}

    def chips(self, label_ids: Iterable[int]) -> list[dict[str, str]]:
        """How the labels look, by name."""
        wanted = set(label_ids)
        return [
            {"name": label.name, "tone": TONES[label.color]}
            for label in self.labels.values()
            if label.pk in wanted
        ]


def _list_context(
    request: WorkspaceRequest, names: _Names, now: datetime, current: int | None = None
) -> dict[str, Any]:
    actor = request.actor
    filters = query_string.filters(request.GET)
    after = request.GET.get("after", "")
    # As many as the page shows already, so that looking for news takes none away.
    shown = 0 if after else query_string.number(request.GET.get("shown", "")) or 0
    found, search_error = _found(actor, now, after or None, max(SHOWN, shown), filters)
    kept = {k: str(v) for k, v in request.GET.items() if k in query_string.KEPT and v}
    narrowed = {k: v for k, v in kept.items() if k in {"channel", "label"}}
    base = reverse("inbox", args=[actor.workspace.slug])
    saved = view_pages.tabs(actor, filters)
    open_view = next((tab for tab in saved if tab["current"]), None)
    return {
        "saved_views": saved,
        "saved_url": f"{reverse('saved-views', args=[actor.workspace.slug])}?{urlencode(kept)}",
        "open_view": open_view,
        "kept": {"view": filters["view"], **kept},
        "can_keep": actor.can("views.save"),
        "can_share": actor.can("inbox.configure"),
        "can_work": actor.can("inbox.work"),
        "bulk_url": f"{reverse('bulk', args=[actor.workspace.slug])}?{urlencode(kept)}",
        "bulk_members": cache(lambda: _members(actor)),
        "bulk_teams": cache(lambda: _teams(workspace=actor.workspace.pk)),
        "snoozes": _snoozes(actor, now),
        "priorities": Priority.choices,
        "now": now,
        "rows": _rows(found, base, names, kept, now, current, pick=actor.can("inbox.work")),
        "search_error": search_error,
        "searched_on": bool(filters["search"] and found.next and not found.cases),
        "more_url": f"{base}?{urlencode({**kept, 'after': found.next, 'rows': 1})}" if found.next else "",
        "refresh_url": f"{base}?{urlencode({**kept, 'rows': 1})}",
        "tabs": cache(lambda: _tabs(actor, base, narrowed, "" if open_view else filters["view"], now)),
        "can_connect": actor.can("channels.manage"),
        "filters": filters,
        "narrowed": {k: v for k, v in kept.items() if k in {"channel", "label", "status", "assignee"}},
        "filtered": any(filters[k] for k in ("status", "channel_id", "label_id", "assignee_id", "search")),
        "channels": names.channels.values(),
        "labels": names.labels.values(),
        "statuses": Status.choices,
    }


def _tabs(actor: Actor, base: str, kept: Mapping[str, str], view: str, now: datetime) -> list[dict[str, Any]]:
    counts = lists.counts(actor=actor, now=now)
    return [
        {
            "key": _count_key(name),
            "label": label,
            "url": f"{base}?{urlencode({**kept, 'view': name})}",
            "current": name == view,
            "count": lists.shown_count(counts.get(name, 0)),
        }
        for name, label in lists.LABELS.items()
    ]


def _count_key(view: str) -> str:
    return f"cases-{view}"


def _counts(actor: Actor, now: datetime) -> list[tuple[str, str]]:
    """The numbers beside the lists and in the navigation, by the names under which they stand on the page."""
    shown = {view: lists.shown_count(number) for view, number in lists.counts(actor=actor, now=now).items()}
    return [("inbox", shown[lists.View.OPEN]), *((_count_key(view), text) for view, text in shown.items())]


def _found(
    actor: Actor, now: datetime, after: str | None, limit: int, filters: Mapping[str, Any]
) -> tuple[lists.Page, str]:
    """The cases, or what is wrong with the search."""
    try:
        return lists.case_list(actor=actor, now=now, after=after, limit=limit, **filters), ""
    except Invalid as error:
        if error.field != "search":
            raise
        return lists.Page(cases=[], next=None), str(error)


def _rows(
    page: lists.Page,
    base: str,
    names: _Names,
    kept: Mapping[str, str],
    now: datetime,
    current: int | None,
    *,
    pick: bool,
) -> list[CaseRow]:
    found = page.cases
    labels: dict[int, list[int]] = {}
    for case_id, label_id in CaseLabel.objects.filter(case__in=found).values_list("case_id", "label_id"):
        labels.setdefault(case_id, []).append(label_id)
    owners = User.objects.in_bulk({case.assignee_id for case in found if case.assignee_id})
    query = f"?{urlencode(kept)}" if kept else ""
    rows = []
    for case in found:
        # One that was connected a moment ago is not among the names yet.
        channel = names.channels.get(case.channel_id) or case.channel
        owner = owners.get(case.assignee_id) if case.assignee_id else None
        match = page.matches.get(case.pk)
        rows.append(
            CaseRow(
                id=case.pk,
                url=f"{base}{case.pk}/{query}" + (f"#{match.anchor}" if match else ""),
                match=match,
                pick=pick,
                author=str(case.author),
                text=case.excerpt,
                at=case.last_at,
                unread=case.status == Status.OPEN,
                current=case.pk == current,
                channel=channel.name,
                channel_icon=channel.connector.icon,
                labels=tuple((chip["name"], chip["tone"]) for chip in names.chips(labels.get(case.pk, ()))),
                owner=str(owner) if owner else "",
                due_at=case.due_at,
                due_state=due_state(case, now),
                state=str(case.get_status_display()) if case.status != Status.OPEN else "",
            )
        )
    return rows


def case_rows(request: WorkspaceRequest, found: Sequence[Case], now: datetime) -> list[CaseRow]:
    """The lines of a few cases for another page; each leads to the case with the list of open ones."""
    workspace = request.actor.workspace
    # Several parts of one page ask for lines.
    names = _names_for.setdefault(request, _Names(workspace))
    base = reverse("inbox", args=[workspace.slug])
    return _rows(lists.Page(cases=found, next=None), base, names, {}, now, None, pick=False)


_names_for: WeakKeyDictionary[HttpRequest, _Names] = WeakKeyDictionary()


def due_state(case: Case, now: datetime) -> str:
    if case.due_at is None:
        return ""
    return "overdue" if case.due_at <= now else "soon" if case.due_at - now < SOON else ""


@page("inbox.view")
def inbox(request: WorkspaceRequest) -> HttpResponse:
    now = clock.now()
    context = _list_context(request, _Names(request.actor.workspace), now, _open_case(request))
    if request.htmx and request.GET.get("rows"):
        if not request.GET.get("after"):
            context["counts"] = _counts(request.actor, now)
        return render(request, "inbox/_rows.html", context)
    if request.htmx and request.GET.get("pane"):
        return render(request, "inbox/_list.html", context)
    return render(request, "inbox/inbox.html", context)


def _open_case(request: WorkspaceRequest) -> int | None:
    """The case beside a list that looks for news: the browser's address goes with what is opened there."""
    path = urlsplit(request.htmx.current_url or "").path
    found = re.search(r"/inbox/(\d{1,18})/$", path)
    return int(found[1]) if found else None


# --- one case


_labels_on = Prepared(lambda case: CaseLabel.objects.filter(case=case).values_list("label_id"))


def _case_context(
    request: WorkspaceRequest, case: Case, names: _Names, now: datetime, **extra: Any
) -> dict[str, Any]:
    actor = request.actor
    connector = case.channel.connector
    talk = conversation.conversation(actor=actor, case=case, whole=request.GET.get("whole") == "1")
    opening = replies.opening(case)
    kept = {k: str(v) for k, v in request.GET.items() if k in query_string.KEPT and v}
    list_url = reverse("inbox", args=[actor.workspace.slug])
    members = _memberships(workspace=actor.workspace.pk)
    labels_on = {label_id for (label_id,) in _labels_on(case=case.pk)}
    return {
        "case": case,
        "talk": talk,
        "labels_on": labels_on,
        "face": _face(case, labels_on),
        "label_chips": names.chips(labels_on),
        "due_state": due_state(case, now),
        "due_reason": promises.reason(case, [chip["name"] for chip in names.chips(labels_on)]),
        "intents": Intent.choices,
        "priorities": Priority.choices,
        "teams": _teams(workspace=actor.workspace.pk),
        "members": [member.user for member in members],
        "names": mentions.Names(members),
        "all_labels": names.labels.values(),
        "saved": cache(lambda: _offers(actor, case)),
        "rule_troubles": cache(lambda: on_case.troubles(case)),
        "can_reply": connector.can.reply and actor.can("inbox.reply"),
        "can_work": actor.can("inbox.work"),
        "can_note": actor.can("inbox.note"),
        "can_approve": actor.can("inbox.approve"),
        "can_moderate": actor.can("inbox.moderate"),
        "can_see_contacts": actor.can("contacts.view"),
        "counter": _counter(case.channel, opening),
        "opening": opening,
        "draft": opening,
        "reply_key": new_key(),
        "list_url": f"{list_url}?{urlencode(kept)}" if kept else list_url,
        "kept": kept,
        "query": urlencode(kept),
        "snoozes": _snoozes(actor, now),
        "now": now,
        **extra,
    }


def _offers(actor: Actor, case: Case) -> list[library.Offer]:
    if not actor.can("inbox.reply"):
        return []
    return library.offers(actor=actor, case=case, suggestion=on_case.suggestion(case))


def _same_author(case: Case, other: Case) -> bool:
    return (case.author_id, case.channel_id) == (other.author_id, other.channel_id)


def _members(actor: Actor) -> list[User]:
    return [member.user for member in _memberships(workspace=actor.workspace.pk)]


def _face(case: Case, labels_on: Iterable[int]) -> str:
    """What the buttons above a conversation depend on."""
    return "-".join(str(part) for part in (case.status, case.assignee_id or 0, *sorted(labels_on)))


def _counter(channel: Channel, text: str) -> dict[str, Any]:
    limits = channel.limits
    length = limits.count(text)
    state = ""
    if limits.max_units is not None:
        state = "" if limits.fits(text) else "over"
        if not state and length > limits.max_units * 0.9:
            state = "near"
    return {"length": length, "limit": limits.max_units, "state": state}


def _snoozes(actor: Actor, now: datetime) -> list[dict[str, Any]]:
    local = now.astimezone(actor.workspace.zone)
    morning = (local + timedelta(days=1)).replace(hour=9, minute=0, second=0, microsecond=0)
    monday = (local + timedelta(days=7 - local.weekday())).replace(hour=9, minute=0, second=0, microsecond=0)
    choices = [
        (_("In 3 hours"), now + timedelta(hours=3)),
        (_("Tomorrow morning"), morning),
        (_("Next week"), monday),
    ]
    return [{"label": label, "until": until.isoformat()} for label, until in choices]


def show(request: WorkspaceRequest, case_id: int, *, seen: str | None = None, **extra: Any) -> HttpResponse:
    """The case: the pane alone for htmx, the whole page otherwise. `seen`: up to which entry the reader knows
    it; what came after is named above the composer.
    """
    now = clock.now()
    case = cases.get(actor=request.actor, case_id=case_id)
    if case.pk != case_id and not request.htmx and not extra:
        # It was merged into another one: old links lead there.
        return redirect("case", request.actor.workspace.slug, case.pk)
    names = _Names(request.actor.workspace)
    context = _case_context(request, case, names, now, **extra)
    if seen is not None:
        context["news"] = context["talk"].since(seen)
    if request.htmx:
        answer = render(request, "inbox/_case.html", {**context, "oob": True})
        if case.pk != case_id:
            replace_url(answer, reverse("case", args=[request.actor.workspace.slug, case.pk]))
        return _with_news(answer) if request.method == "POST" else answer
    pane = urlencode({**context["kept"], "pane": 1})
    context["pane_url"] = f"{reverse('inbox', args=[request.actor.workspace.slug])}?{pane}"
    return render(request, "inbox/case.html", context)


@page("inbox.view")
def case(request: WorkspaceRequest, case_id: int) -> HttpResponse:
    return show(request, case_id)


@page("inbox.view")
def earlier(request: WorkspaceRequest, case_id: int) -> HttpResponse:
    """The other cases of the same person, for the side of a case, which does not wait for them."""
    found = cases.get(actor=request.actor, case_id=case_id)
    others = conversation.earlier_cases(found)
    context = {
        "case": found,
        "earlier_cases": others,
        "can_merge": request.actor.can("inbox.work") and any(_same_author(found, one) for one in others),
        "now": clock.now(),
    }
    return render(request, "inbox/_earlier.html", context)


@page("inbox.view")
def case_of(request: WorkspaceRequest, interaction_id: int) -> HttpResponse:
    """To the case that an interaction belongs to; other pages know no more of it."""
    found = Case.objects.filter(
        workspace=request.actor.workspace, case_interactions__interaction=interaction_id
    ).first()
    if found is None:
        raise NotFound(_("No case was made of this."))
    return redirect("case", request.actor.workspace.slug, found.pk)


@page("inbox.view")
def thread(request: WorkspaceRequest, case_id: int) -> HttpResponse:
    """The conversation alone, for the page that looks for news by itself."""
    found = cases.get(actor=request.actor, case_id=case_id)
    names = _Names(request.actor.workspace)
    context = _case_context(request, found, names, clock.now(), alone=True)
    # Only if it is no longer what the page shows: a menu that is open there would close.
    context["changed"] = request.GET.get("face", "") != context["face"]
    answer = render(request, "inbox/_thread.html", context)
    return _with_news(answer) if context["changed"] else answer


def _with_news(answer: HttpResponse) -> HttpResponse:
    """Lets the list on the page look for news at once."""
    return trigger_client_event(answer, "cases-changed", after="settle")


@page("inbox.view", methods=("POST",))
def count(request: WorkspaceRequest, case_id: int) -> HttpResponse:
    """The counter under the composer, by the network's own rule."""
    found = cases.get(actor=request.actor, case_id=case_id)
    counter = _counter(found.channel, request.POST.get("text", "").replace("\r\n", "\n"))
    return render(request, "inbox/_counter.html", {"counter": counter})


def after(request: WorkspaceRequest, case_id: int) -> HttpResponse:
    """What follows a deed: the case anew in its pane, or back to its page without JavaScript."""
    if request.htmx:
        return show(request, case_id)
    target = reverse("case", args=[request.actor.workspace.slug, case_id])
    query = request.GET.urlencode()
    return redirect(f"{target}?{query}" if query else target)


@page("inbox.note", methods=("POST",))
def write(request: WorkspaceRequest, case_id: int) -> HttpResponse:
    """The composer: an answer or a note. What was typed comes back with the error if it cannot be taken."""
    text = request.POST.get("text", "")
    kind = request.POST.get("kind", "reply")
    now = clock.now()
    saved_ids = [pk for pk in map(query_string.number, request.POST.getlist("saved")) if pk]
    try:
        if kind == "note":
            notes.add(actor=request.actor, case_id=case_id, text=text, now=now)
        else:
            replies.write(
                actor=request.actor,
                case_id=case_id,
                text=text,
                close=request.POST.get("then") == "close",
                key=request.POST.get("key", ""),
                revision=query_string.number(request.POST.get("revision", "")),
                saved_ids=saved_ids,
                now=now,
            )
    except DeskError as error:
        if error.status == 404:
            raise
        found = cases.get(actor=request.actor, case_id=case_id)
        return show(
            request,
            case_id,
            draft=text,
            draft_kind=kind,
            draft_saved=saved_ids,
            composer_error=str(error),
            counter=_counter(found.channel, text),
            seen=request.POST.get("seen", "") if error.code == "case_changed" else None,
        )
    return after(request, case_id)


@page("inbox.work", methods=("POST",))
def assign(request: WorkspaceRequest, case_id: int) -> HttpResponse:
    value = request.POST.get("user", "")
    cases.assign(actor=request.actor, case_id=case_id, user_id=query_string.number(value), now=clock.now())
    return after(request, case_id)


@page("inbox.work", methods=("POST",))
def close(request: WorkspaceRequest, case_id: int) -> HttpResponse:
    cases.close(actor=request.actor, case_id=case_id, now=clock.now())
    messages.success(request, _("The case is closed."))
    return after(request, case_id)


@page("inbox.work", methods=("POST",))
def reopen(request: WorkspaceRequest, case_id: int) -> HttpResponse:
    cases.reopen(actor=request.actor, case_id=case_id, now=clock.now())
    return after(request, case_id)


@page("inbox.work", methods=("POST",))
def snooze(request: WorkspaceRequest, case_id: int) -> HttpResponse:
    try:
        until = datetime.fromisoformat(request.POST.get("until", ""))
    except ValueError as error:
        raise Invalid(_("Choose a time in the future.")) from error
    if until.tzinfo is None:
        # A date and time typed into the form is meant in the workspace's zone.
        until = until.replace(tzinfo=request.actor.workspace.zone)
    cases.snooze(actor=request.actor, case_id=case_id, until=until, now=clock.now())
    return after(request, case_id)


@page("inbox.work", methods=("POST",))
def label(request: WorkspaceRequest, case_id: int) -> HttpResponse:
    """Set the case's labels to the ones ticked."""
    found = cases.get(actor=request.actor, case_id=case_id)
    ticked = (query_string.number(value) for value in request.POST.getlist("labels"))
    wanted = {pk for pk in ticked if pk is not None}
    present = set(found.labels.values_list("pk", flat=True))
    for label_id in wanted ^ present:
        cases.label(
            actor=request.actor, case_id=case_id, label_id=label_id, on=label_id in wanted, now=clock.now()
        )
    return after(request, case_id)


@page("inbox.work", methods=("POST",))
def classify(request: WorkspaceRequest, case_id: int) -> HttpResponse:
    """What the case is about, how urgent it is, whose team it is."""
    data, now = request.POST, clock.now()
    cases.classify(
        actor=request.actor,
        case_id=case_id,
        intent=data.get("intent"),
        priority=query_string.number(data["priority"]) or 0 if "priority" in data else None,
        now=now,
    )
    if "team" in data:
        cases.hand_to_team(
            actor=request.actor, case_id=case_id, team_id=query_string.number(data["team"]), now=now
        )
    return after(request, case_id)


@page("inbox.moderate", methods=("POST",))
def act(request: WorkspaceRequest, case_id: int, interaction_id: int) -> HttpResponse:
    """Like, hide, approve … at the network."""
    cases.get(actor=request.actor, case_id=case_id)
    try:
        action = Action(request.POST.get("action", ""))
    except ValueError as error:
        raise Invalid(_("This network cannot do this.")) from error
    moderation.act(actor=request.actor, interaction_id=interaction_id, action=action, now=clock.now())
    return after(request, case_id)


@page("inbox.reply", methods=("POST",))
def reply(request: WorkspaceRequest, case_id: int, reply_id: int) -> HttpResponse:
    """What a person decides about an answer: `do` is again, revise, arrived, absent or withdraw."""
    cases.get(actor=request.actor, case_id=case_id)
    deed = request.POST.get("do", "")
    now = clock.now()
    if deed == "again":
        text = request.POST.get("text")
        replies.send_again(actor=request.actor, reply_id=reply_id, text=text or None, now=now)
    elif deed == "revise":
        replies.revise(actor=request.actor, reply_id=reply_id, text=request.POST.get("text", ""), now=now)
    elif deed in {"arrived", "absent"}:
        replies.decide(actor=request.actor, reply_id=reply_id, arrived=deed == "arrived", now=now)
    elif deed == "withdraw":
        replies.withdraw(actor=request.actor, reply_id=reply_id, now=now)
    else:
        raise Invalid(_("This is not possible here."))
    return after(request, case_id)


def open_count(actor: Actor, now: datetime) -> str:
    """The number beside "Inbox" in the navigation: what waits for an answer."""
    return lists.shown_count(lists.counts(actor=actor, now=now)[lists.View.OPEN])


# Of one intent at a time: so the database goes straight to them, however much else is overdue.
_overdue_of = Prepared(
    lambda workspace, intent, now: (
        Case.objects.filter(workspace=workspace, status=Status.OPEN, intent=intent, due_at__lte=now)
        .order_by("due_at")
        .values_list("due_at", "pk")[:COMPLAINTS]
    )
)


@add_banners
def _overdue_complaints(actor: Actor, now: datetime) -> list[Banner]:
    """A complaint whose answer is overdue is seen on every page until it is answered."""
    workspace = actor.workspace.pk
    waiting = [row for what in NEGATIVE for row in _overdue_of(workspace=workspace, intent=what, now=now)]
    if not waiting:
        return []
    (_due, case_id), number = min(waiting), min(len(waiting), COMPLAINTS)
    name = str(Author.objects.get(cases=case_id))
    if number == 1:
        text = _("A complaint by %(name)s is overdue.") % {"name": name}
    elif number < COMPLAINTS:
        text = _("%(count)d complaints are overdue, the oldest by %(name)s.") % {
            "count": number,
            "name": name,
        }
    else:
        text = _("More than %(count)d complaints are overdue, the oldest by %(name)s.") % {
            "count": number - 1,
            "name": name,
        }
    url = reverse("case", args=[actor.workspace.slug, case_id])
    return [Banner(level="danger", text=text, url=url, action=gettext_lazy("Answer"), part="complaints")]
