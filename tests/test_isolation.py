"""Two companies on one desk: neither sees, learns or changes anything of the other's. All pages, all ids."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.test import Client
from django.urls import reverse

from kuemmerer.accounts import teams, workspaces
from kuemmerer.accounts.access import PERMISSIONS, Actor
from kuemmerer.accounts.models import Absence, Invitation, Membership, Role, Team, User
from kuemmerer.audience import contacts
from kuemmerer.audience.models import Contact
from kuemmerer.channels import privacy
from kuemmerer.channels.models import Author, Channel, DailyCount
from kuemmerer.inbox import approvals, bulk, cases, feeds, library, merging, notes, presence, promises, views
from kuemmerer.inbox.automation import rules
from kuemmerer.inbox.automation.actions import Actions
from kuemmerer.inbox.automation.conditions import Conditions
from kuemmerer.inbox.models import AutomationRule, BulkRun, Case, DeadlineRule, Escalation
from kuemmerer.insights import waits
from kuemmerer.notify import notices, preferences, push, webhooks
from kuemmerer.publishing import ideas
from tests.factories import MONDAY, Clock, Desk, actor
from tests.test_access import OURS, Route

INSIDE = [route for route in OURS if "<slug:workspace>" in route.path]
MARK = "Streng geheim"
HTMX = {"HX-Request": "true"}
KEYS = {
    # The generator of P-256: a point on the curve, as every browser's key is one.
    "p256dh": "BGsX0fLhLEJH-Lzm5WOkQPJ3A32BLeszoPShOUXYmMKWT-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU",
    "auth": "MDEyMzQ1Njc4OWFiY2RlZg",
}
PERSONAL = {"notice"}
"""Pages of one person's own things: nobody else finds them, whatever the role."""


@dataclass
class House:
    """A company with something of everything; `ids` has one of each kind that URLs speak of."""

    desk: Desk
    ids: dict[str, Any] = field(default_factory=dict)
    in_forms: dict[str, int] = field(default_factory=dict)

    @property
    def owner(self) -> Actor:
        return self.desk.actor

    def url(self, route: Route, slug: str = "", **others: Any) -> str:
        values = {**self.ids, **others, "workspace": slug or self.owner.workspace.slug}
        names = [part.split(":")[1].rstrip(">/") for part in route.path.split("<")[1:]]
        names = [name.split(">")[0] for name in names]
        return reverse(route.name, kwargs={name: values[name] for name in names})


def house(folder: Path, mark: str) -> House:
    desk = Desk(folder, owner=actor(name=f"{mark} Inhaberin"))
    me, now = desk.actor, desk.now()
    Channel.objects.filter(pk=desk.channel.pk).update(name=f"{mark} Kanal")
    uid, case = desk.asked(f"{mark} Frage")
    reply = desk.reply(case, f"{mark} Antwort", key=f"{mark} Kennung")
    label = library.save_label(actor=me, name=f"{mark} Etikett", color=1, now=now)
    cases.label(actor=me, case_id=case.pk, label_id=label.pk, on=True, now=now)
    saved = library.save_reply(actor=me, name=f"{mark} Text", text=f"{mark} Hallo", now=now)
    automatic = _automation(desk, mark, label.pk, saved.pk)
    notes.add(actor=me, case_id=case.pk, text=f"{mark} Notiz", now=now)
    approvals.set_policy(actor=me, agents=True, label_ids=[], now=now)
    presence.report(actor=me, case_id=case.pk, typing=True, now=now)
    idea = ideas.write_down(actor=me, title=f"{mark} Idee", text="", now=now)
    workspaces.invite(actor=me, email=f"{mark.replace(' ', '').lower()}@example.org", role="agent", now=now)
    token, _ = workspaces.make_token(actor=me, name=f"{mark} Programm", now=now)
    contact, other = _people(desk, mark)
    colleague = actor(Role.AGENT, me.workspace, f"{mark} Kollege")
    push.subscribe(
        user=me.user,
        endpoint=f"https://push.example.org/{me.user.pk}",
        label=f"{mark} Browser",
        now=now,
        **KEYS,
    )
    notice = notices.tell(
        workspace=me.workspace,
        user=me.user,
        kind="assigned",
        title=f"{mark} Meldung",
        path=f"/w/{me.workspace.slug}/inbox/{case.pk}/",
        key="told",
        now=now,
    )
    assert notice is not None
    wishes = preferences.wishes(preferences.of(me.membership))
    preferences.change(actor=me, wishes=wishes, now=now)
    feeds.make(actor=me, now=now)
    made = House(desk)
    made.ids = {
        "case_id": case.pk,
        "interaction_id": desk.interaction(uid).pk,
        "reply_id": reply.pk,
        "view_id": views.save(actor=me, name=f"{mark} Sicht", shared=True, search=mark, now=now).pk,
        "channel_id": desk.channel.pk,
        "idea_id": idea.pk,
        "contact_id": contact.pk,
        "author_id": other.pk,
        "membership_id": colleague.membership.pk,
        "invitation_id": Invitation.objects.get(workspace=me.workspace).pk,
        "token_id": token.pk,
        "network": "demo",
        "notice_id": notice.pk,
        "rule_id": automatic.pk,
        "run_id": _together(desk, other.cases.get()).pk,
    }
    hook, _key = webhooks.make(
        actor=me,
        name=f"{mark} Webhook",
        address="https://example.org/hook",
        format_="json",
        wanted=["case.opened"],
        now=now,
    )
    made.ids["webhook_id"] = hook.pk
    made.ids["delivery_id"] = webhooks.send_test(actor=me, webhook_id=hook.pk, now=now).pk
    rule = _promises(desk, mark, case)
    waits.count_channel(desk.channel, now)
    made.in_forms = {
        "rule": rule.pk,
        "automatic": automatic.pk,
        "team": Team.objects.get(workspace=me.workspace).pk,
        "absence": Absence.objects.get(membership__workspace=me.workspace).pk,
        "label": label.pk,
        "saved": saved.pk,
        "user": colleague.user.pk,
        "author": case.author_id,
    }
    return made


def _automation(desk: Desk, mark: str, label_id: int, saved_id: int) -> AutomationRule:
    """A rule that has held for something, and what it wants hidden."""
    rule = rules.save(
        actor=desk.actor,
        name=f"{mark} Automatik",
        conditions=Conditions(words=[mark]),
        actions=Actions(labels=[label_id], saved_reply=saved_id, spam=True),
        now=desk.now(),
    )
    desk.asked(f"{mark} Werbung", by="bert")
    return rule


def _promises(desk: Desk, mark: str, case: Case) -> DeadlineRule:
    """A rule, a team and an absence, and a warning that went out."""
    me, now = desk.actor, desk.now()
    rule = promises.save_rule(
        actor=me,
        name=f"{mark} Regel",
        conditions=promises.Conditions(),
        given=promises.Given(promise="minutes", minutes=0),
        now=now,
    )
    promises.save_policy(
        actor=me, given=promises.Given(), warn_assignee=1, warn_team=2, warn_managers=3, now=now
    )
    members = [me.membership.pk]
    teams.save_team(actor=me, name=f"{mark} Team", member_ids=members, calendar=None, now=now)
    today = now.date()
    teams.add_absence(
        actor=me,
        membership_id=me.membership.pk,
        first_day=today,
        last_day=today,
        deputy_id=None,
        now=now,
    )
    Escalation.objects.create(case=case, clock=now, step=1, at=now)
    return rule


def _together(desk: Desk, case: Case) -> BulkRun:
    """Something done to many cases, and two cases made one."""
    post = desk.village.write("post", by="baker", text="Noch ein Brot", now=desk.now())
    _uid, another = desk.asked("Und das?", by="bert", to=post)
    merging.merge(actor=desk.actor, case_id=another.pk, into_id=case.pk, now=desk.now())
    order = bulk.Order(do=bulk.Do.PRIORITY, value=1)
    return bulk.run(actor=desk.actor, order=order, case_ids=[case.pk], now=desk.now())


def _people(desk: Desk, mark: str) -> tuple[Contact, Author]:
    """Somebody who is a contact, somebody who is none, and what data protection leaves behind."""
    me, now = desk.actor, desk.now()
    desk.asked(f"{mark} Gruß", by="bert")
    known = Author.objects.get(channel=desk.channel, remote_id="ada")
    other = Author.objects.get(channel=desk.channel, remote_id="bert")
    contact = contacts.make(actor=me, author_id=known.pk, now=now)
    details = contacts.Details(name=f"{mark} Kontakt", notes=f"{mark} Bemerkung")
    contacts.change(actor=me, contact_id=contact.pk, details=details, now=now)
    contacts.not_same(actor=me, author_id=known.pk, other_id=other.pk, now=now)
    desk.asked(f"{mark} Abschied", by="cleo")
    gone = Author.objects.get(channel=desk.channel, remote_id="cleo")
    subject = contacts.subject_of_author(actor=me, author_id=gone.pk)
    privacy.erase(actor=me, subject=subject, sure=True, now=now)
    privacy.set_personal_statistics(actor=me, on=True, now=now)
    DailyCount.objects.create(
        workspace=me.workspace, channel=desk.channel, day=now.date(), kind="comment", interactions=1
    )
    return contact, other


def bodies(route: Route, theirs: House) -> list[dict[str, Any]]:
    """What a form of this page may send, as far as the page does something only then."""
    forms = theirs.in_forms
    known: dict[str, list[dict[str, Any]]] = {
        "channel-do": [{"do": what, "name": "x"} for what in ("test", "sync", "pause", "resume", "rename")],
        "channel-disconnect": [{"what": "keep"}, {"what": "erase"}],
        "channel-reconnect": [{}, {"how": "sign-in"}],
        "reply-do": [{"do": what, "text": "x"} for what in ("again", "arrived", "absent", "withdraw")],
        "interaction-act": [{"action": what} for what in ("like", "hide", "spam", "trash", "share")],
        "case-write": [{"text": "x"}, {"text": "x", "kind": "note"}],
        "case-assign": [{"user": ""}, {"user": forms["user"]}],
        "case-snooze": [{"until": "2030-01-01T10:00"}],
        "case-label": [{"labels": [forms["label"]]}, {}],
        "case-count": [{"text": "x"}],
        "bulk": [
            {"do": what, "case": [theirs.ids["case_id"]]}
            for what in ("close", "reopen", f"assign:{forms['user']}", f"label:{forms['label']}")
        ],
        "case-merge": [{"case": theirs.ids["case_id"]}],
        "case-classify": [{"intent": "spam", "priority": "1"}, {"team": forms["team"]}],
        "settings-deadlines": [
            {"do": what, "rule": forms["rule"], "name": "x", "promise": "day", "hours": "1"}
            for what in ("delete", "rule", "up")
        ],
        "settings-automation": [
            {"do": what, "rule": forms["automatic"]} for what in ("up", "down", "off", "on", "delete")
        ],
        "automation-rule": [
            {"do": what, "name": "x", "priority": "1", "days": "1", "labels": [forms["label"]]}
            for what in ("test", "save")
        ],
        "automation-rule-new": [{"do": "test", "name": "x", "days": "1"}],
        "settings-teams": [{"do": what, "team": forms["team"], "name": "x"} for what in ("delete", "save")],
        "absences": [{"do": "remove", "absence": forms["absence"]}],
        "saved-view-save": [{"name": "x", "view": "all", "label": forms["label"]}],
        "idea-do": [{"status": "used"}],
        "notice-preferences": [{"digest_time": "09:00", "company_days": "on"}],
        "case-feed": [{"do": "make"}, {"do": "revoke"}],
        "webhook-do": [{"do": what} for what in ("test", "off", "on", "key", "delete")],
        "contact-do": [
            {"do": what, "author": forms["author"]} for what in ("link", "unlink", "not-same", "delete")
        ],
        "contact-edit": [{"name": "x"}],
        "contact-erase": [{"sure": "yes"}],
        "author-do": [{"do": what, "author": forms["author"]} for what in ("make", "link", "not-same")],
        "author-erase": [{"sure": "yes"}],
        "channel-retention": [{"days": "1", "raw_days": "1", "sure": "yes"}],
        "settings-privacy-statistics": [{"on": "no"}],
        "settings-member-role": [{"role": "guest"}, {"role": "owner"}],
        "texts-import": [{"existing": "skip"}],
        "texts": [
            {"what": "delete-label", "id": forms["label"]},
            {"what": "label", "id": forms["label"], "name": "x", "color": 1},
            {"what": "delete-reply", "id": forms["saved"]},
            {"what": "reply", "id": forms["saved"], "name": "x", "text": "x"},
        ],
    }
    return known.get(route.name, [{}])


def everything_of(workspace_id: int) -> dict[str, list[Any]]:
    """Every row of our tables that belongs to a workspace."""
    found: dict[str, list[Any]] = {}
    for config in apps.get_app_configs():
        if not config.name.startswith("kuemmerer."):
            continue
        for model in config.get_models():
            fields = {f.name: f for f in model._meta.get_fields() if f.concrete and f.is_relation}
            if "workspace" in fields:
                paths = ["workspace"]
            else:
                paths = [
                    f"{name}__workspace"
                    for name, relation in fields.items()
                    if "workspace" in {f.name for f in relation.related_model._meta.get_fields()}
                ]
            if paths:
                rows = model._default_manager.filter(**{paths[0]: workspace_id})
                found[model._meta.label] = sorted(map(repr, rows.values()))
    users = User.objects.filter(memberships__workspace=workspace_id).order_by("pk")
    found["users"] = [repr(row) for row in users.values("id", "email", "name", "password")]
    return found


def browser(who: Actor | None = None) -> Client:
    client = Client(headers={"accept-language": "en"})
    if who is not None:
        client.force_login(who.user)
    return client


@pytest.fixture
def houses(db: None, tmp_path: Path) -> Iterator[tuple[House, House]]:
    """Ours, and the other company's."""
    with ExitStack() as stack:
        Clock(stack, MONDAY)
        made = house(tmp_path, "Unser"), house(tmp_path, MARK)
        for one in made:
            stack.callback(one.desk.village.close)
        yield made


def test_the_tables_that_are_compared_are_all_and_filled(houses: tuple[House, House]) -> None:
    found = everything_of(houses[1].owner.workspace.pk)
    empty = {label for label, rows in found.items() if not rows}
    assert empty <= {"channels.SignIn", "publishing.ReadMark"}
    assert len(found) >= 20


def test_of_another_workspace_everything_is_not_found(houses: tuple[House, House]) -> None:
    ours, theirs = houses
    before = everything_of(theirs.owner.workspace.pk)
    client = browser(ours.owner)
    for route in INSIDE:
        url = theirs.url(route)
        answers = [client.get(url), client.get(url, headers=HTMX), client.head(url), client.put(url)]
        answers += [client.post(url, body) for body in bodies(route, theirs)]
        answers += [client.post(url, body, headers=HTMX) for body in bodies(route, theirs)]
        assert {answer.status_code for answer in answers} == {404}, route.path
        assert not any(MARK in answer.content.decode() for answer in answers), route.path
    assert everything_of(theirs.owner.workspace.pk) == before


def test_a_workspace_that_does_not_exist_looks_the_same(houses: tuple[House, House]) -> None:
    ours, theirs = houses
    client = browser(ours.owner)
    for route in INSIDE:
        there, nowhere = client.get(theirs.url(route)), client.get(ours.url(route, slug="nowhere"))
        assert there.status_code == nowhere.status_code == 404, route.path
        assert _without_token(there) == _without_token(nowhere), route.path


def _without_token(response: Any) -> str:
    return re.sub(r"[A-Za-z0-9]{64}", "", response.content.decode())


def foreign(route: Route, ours: House, theirs: House) -> list[tuple[str, bool]]:
    """This page in our own workspace, with each mixture of ids in which one is the other company's.

    With each URL: whether its last id, the one that something is done with, is theirs.
    """
    names = re.findall(r":(\w+_id)>", route.path)
    found = []
    for mixture in itertools.product((False, True), repeat=len(names)):
        others = {name: theirs.ids[name] for name, other in zip(names, mixture, strict=True) if other}
        if others:
            found.append((ours.url(route, **others), mixture[-1]))
    return found


def test_an_id_of_another_workspace_is_not_found_in_ones_own(houses: tuple[House, House]) -> None:
    ours, theirs = houses
    before = everything_of(theirs.owner.workspace.pk)
    client = browser(ours.owner)
    walked = 0
    for route in INSIDE:
        for url, last in foreign(route, ours, theirs):
            walked += 1
            answers = [client.get(url), *(client.post(url, body) for body in bodies(route, theirs))]
            found = {answer.status_code for answer in answers}
            # 405: a page that takes no such method; it has not looked at any id then.
            assert found <= {404, 405} if last else found <= {302, 404, 405}, url
            assert 404 in found or not last, url
            assert not any(MARK in answer.content.decode() for answer in answers), url
    assert walked >= 20
    assert everything_of(theirs.owner.workspace.pk) == before


def test_ids_of_another_workspace_in_forms_and_filters_change_and_show_nothing(
    houses: tuple[House, House],
) -> None:
    ours, theirs = houses
    before = everything_of(theirs.owner.workspace.pk)
    client = browser(ours.owner)
    for route in INSIDE:
        for body in bodies(route, theirs):
            for answer in (client.post(ours.url(route), body, follow=True), client.get(ours.url(route))):
                assert answer.status_code < 500, route.path
                assert MARK not in answer.content.decode(), route.path
    inbox = reverse("inbox", args=[ours.owner.workspace.slug])
    for query in ({"channel": theirs.ids["channel_id"]}, {"label": theirs.in_forms["label"]}, {"q": MARK}):
        answer = client.get(inbox, {"view": "all", **query}).content.decode()
        assert MARK not in answer.replace(f'value="{MARK}"', ""), query
    assert everything_of(theirs.owner.workspace.pk) == before


def test_a_stranger_is_sent_to_the_login(houses: tuple[House, House]) -> None:
    _, theirs = houses
    before = everything_of(theirs.owner.workspace.pk)
    client = browser()
    for route in INSIDE:
        url = theirs.url(route)
        for answer in (client.get(url), *(client.post(url, body) for body in bodies(route, theirs))):
            assert answer.status_code == 302, route.path
            assert answer["Location"].startswith("/accounts/login/?next=/w/"), route.path
        fragment = client.get(url, headers=HTMX)
        assert fragment.status_code == 204
        assert fragment["HX-Redirect"].startswith("/accounts/login/")
    assert everything_of(theirs.owner.workspace.pk) == before


def test_who_has_left_finds_nothing_any_more(houses: tuple[House, House]) -> None:
    ours, _ = houses
    member = actor(Role.MANAGER, ours.owner.workspace)
    client = browser(member)
    inbox = reverse("inbox", args=[ours.owner.workspace.slug])
    assert client.get(inbox).status_code == 200
    workspaces.remove_member(actor=ours.owner, membership_id=member.membership.pk, now=MONDAY)
    assert client.get(inbox).status_code == 404
    back = actor(Role.AGENT, ours.owner.workspace)
    User.objects.filter(pk=back.user.pk).update(is_active=False)
    assert browser(back).get(inbox).status_code == 302


@pytest.mark.parametrize("role", Role.values)
def test_each_role_is_refused_where_its_permission_is_missing_and_only_there(
    houses: tuple[House, House], role: str
) -> None:
    ours, _ = houses
    client = browser(actor(role, ours.owner.workspace))
    for route in INSIDE:
        status = client.get(ours.url(route)).status_code
        if route.name in PERSONAL:
            assert status == 404, route.path
        elif route.permission in PERMISSIONS[role]:
            assert status in {200, 302, 405, 422}, route.path
        else:
            assert status == 403, route.path


@pytest.mark.parametrize("role", [role for role in Role.values if role != Role.OWNER])
def test_what_a_role_must_not_do_it_cannot_do_with_a_form_either(
    houses: tuple[House, House], role: str
) -> None:
    ours, _ = houses
    member = actor(role, ours.owner.workspace)
    client = browser(member)
    client.get(reverse("inbox", args=[ours.owner.workspace.slug]))
    before = everything_of(ours.owner.workspace.pk)
    for route in INSIDE:
        if route.permission in PERMISSIONS[role]:
            continue
        for body in bodies(route, ours):
            answer = client.post(ours.url(route), body)
            assert answer.status_code in {302, 403}, route.path
    assert everything_of(ours.owner.workspace.pk) == before


def test_each_form_asks_for_its_token(houses: tuple[House, House]) -> None:
    ours, _ = houses
    client = Client(enforce_csrf_checks=True)
    client.force_login(ours.owner.user)
    before = everything_of(ours.owner.workspace.pk)
    for route in OURS:
        if route in INSIDE:
            for body in bodies(route, ours):
                assert client.post(ours.url(route), body).status_code == 403, route.path
    assert everything_of(ours.owner.workspace.pk) == before
    assert Membership.objects.filter(user=ours.owner.user).exists()
