"""Saved views: filters and a search under a name, for oneself or for the team."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from kuemmerer.accounts.access import Actor
from kuemmerer.accounts.models import Role
from kuemmerer.core.errors import Conflict, Forbidden, Invalid, NotFound
from kuemmerer.core.models import AuditRecord
from kuemmerer.inbox import cases, library, lists, views
from kuemmerer.inbox.models import SavedView
from tests.factories import Desk, actor


def save(desk: Desk, name: str = "Brot", *, by: Actor | None = None, **more: Any) -> SavedView:
    more = {"shared": False, "search": "brot", **more}
    return views.save(actor=by or desk.actor, name=name, now=desk.now(), **more)


def names(who: Actor) -> list[str]:
    return [view.name for view in views.saved_views(actor=who)]


def browser(who: Actor) -> Client:
    client = Client()
    client.force_login(who.user, backend="allauth.account.auth_backends.AuthenticationBackend")
    return client


def test_own_views_are_one_s_own_and_shared_ones_the_team_s(desk: Desk) -> None:
    colleague = desk.member(Role.AGENT)
    save(desk, "Meins")
    save(desk, "Unseres", shared=True)
    save(desk, "Ihrs", by=colleague)
    assert names(desk.actor) == ["Meins", "Unseres"]
    assert names(colleague) == ["Ihrs", "Unseres"]
    assert names(actor()) == []


def test_the_team_s_views_are_for_who_may_configure(desk: Desk) -> None:
    shared = save(desk, shared=True)
    agent, guest = desk.member(Role.AGENT), desk.member(Role.GUEST)
    with pytest.raises(Forbidden):
        save(desk, by=agent, shared=True)
    with pytest.raises(Forbidden):
        views.delete(actor=agent, view_id=shared.pk, now=desk.now())
    with pytest.raises(Forbidden):
        save(desk, by=agent, view_id=shared.pk)
    with pytest.raises(Forbidden):
        save(desk, by=guest)
    assert names(guest) == ["Brot"]


def test_nobody_reaches_the_views_of_others(desk: Desk) -> None:
    mine = save(desk)
    for other in (desk.member(Role.MANAGER), actor()):
        with pytest.raises(NotFound):
            views.delete(actor=other, view_id=mine.pk, now=desk.now())
        with pytest.raises(NotFound):
            save(desk, by=other, view_id=mine.pk)


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("name", {"name": " "}),
        ("name", {"name": "x" * 41}),
        ("view", {"view": "nowhere"}),
        ("status", {"status": "lost"}),
        ("search", {"search": "-"}),
        ("search", {"search": "x" * 201}),
        ("channel", {"channel_id": 10**9}),
        ("label", {"label_id": 10**9}),
        ("assignee", {"assignee_id": 10**9}),
    ],
)
def test_what_cannot_be_a_view_is_refused(desk: Desk, field: str, wrong: dict[str, Any]) -> None:
    with pytest.raises(Invalid) as error:
        save(desk, **{"name": "Brot", **wrong})
    assert error.value.field == field


def test_a_label_of_another_company_is_no_filter(desk: Desk) -> None:
    label = library.save_label(actor=actor(), name="Fremd", color=1, now=desk.now())
    with pytest.raises(Invalid):
        save(desk, label_id=label.pk)


def test_a_name_is_taken_once_for_each_person_and_once_for_the_team(desk: Desk) -> None:
    save(desk)
    save(desk, shared=True)
    for shared in (True, False):
        with pytest.raises(Conflict):
            save(desk, "BROT", shared=shared)
    save(desk, by=desk.member(Role.AGENT))


def test_thirty_views_are_enough(desk: Desk) -> None:
    for number in range(views.MOST):
        save(desk, f"Nr. {number}")
    with pytest.raises(Conflict, match="30"):
        save(desk, "Noch eine")


def test_saving_and_deleting_are_on_record(desk: Desk) -> None:
    view = save(desk)
    save(desk, "Kuchen", view_id=view.pk)
    views.delete(actor=desk.actor, view_id=view.pk, now=desk.now())
    records = AuditRecord.objects.filter(subject_type="savedview").order_by("id")
    assert [(r.verb, r.details["name"]) for r in records] == [
        ("saved", "Brot"),
        ("saved", "Kuchen"),
        ("deleted", "Kuchen"),
    ]


def test_a_view_counts_what_its_list_holds_up_to_99(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    made = [desk.asked(f"Frage {n}", by=by)[1] for n, by in enumerate(("ada", "bert", "cleo"))]
    label = library.save_label(actor=desk.actor, name="Lob", color=1, now=desk.now())
    cases.label(actor=desk.actor, case_id=made[0].pk, label_id=label.pk, on=True, now=desk.now())
    kept = {
        "Frage": save(desk, "Frage", search="frage"),
        "Lob": save(desk, "Lob", search="", label_id=label.pk),
        "Lob und Frage": save(desk, "Lob und Frage", search="frage", label_id=label.pk),
        "Offen": save(desk, "Offen", search="", view="open"),
        "Nichts": save(desk, "Nichts", search="kuchen"),
    }
    expected = {"Frage": "3", "Lob": "1", "Lob und Frage": "1", "Offen": "3", "Nichts": ""}

    def counted() -> dict[str, str]:
        found = views.counts(actor=desk.actor, now=desk.now())
        return {name: str(found[view.pk]) for name, view in kept.items()}

    assert counted() == expected
    for name, view in kept.items():
        page = lists.case_list(actor=desk.actor, now=desk.now(), **views.filters_of(view))
        assert len(page.cases) == int(expected[name] or 0)
    monkeypatch.setattr(lists, "COUNT_UP_TO", 2)
    assert counted() == {**expected, "Frage": "2+", "Offen": "2+"}


def test_a_view_is_saved_shown_beside_the_tabs_counted_and_deleted(desk: Desk) -> None:
    desk.asked("Ist das <b>Brot</b> frisch?")
    client, slug = browser(desk.actor), desk.actor.workspace.slug
    inbox = reverse("inbox", args=[slug])
    form = {"name": "Brote", "shared": "1", "view": "all", "q": "brot"}
    answer = client.post(reverse("saved-view-save", args=[slug]), form)
    assert answer.url == f"{inbox}?view=all&q=brot"
    page = client.get(answer.url).content.decode()
    assert f'<a href="{inbox}?view=all&amp;q=brot" aria-current="page">Brote</a>' in page
    assert "&lt;b&gt;<mark>Brot</mark>&lt;/b&gt;" in page
    tabs = client.get(reverse("saved-views", args=[slug]) + "?view=all&q=brot").content.decode()
    assert 'aria-current="page">Brote <span class="badge">1</span>' in tabs
    assert "hx-get" not in tabs
    client.post(reverse("saved-view-delete", args=[slug, SavedView.objects.get().pk]))
    assert not SavedView.objects.exists()


def test_a_row_of_a_search_leads_to_the_place_in_the_case(desk: Desk) -> None:
    uid, case = desk.asked("Ist das Brot frisch?")
    client = browser(desk.actor)
    inbox = reverse("inbox", args=[desk.actor.workspace.slug])
    anchor = f"interaction-{desk.interaction(uid).pk}"
    rows = client.get(f"{inbox}?view=all&q=brot").content.decode()
    assert f"{inbox}{case.pk}/?view=all&amp;q=brot#{anchor}" in rows
    assert f'id="{anchor}"' in client.get(f"{inbox}{case.pk}/?view=all&q=brot").content.decode()


@pytest.mark.parametrize("text", ["-", "x" * 5000, '"'])
def test_a_search_for_nothing_is_answered_on_the_page(desk: Desk, text: str) -> None:
    desk.asked()
    client = browser(desk.actor)
    answer = client.get(reverse("inbox", args=[desk.actor.workspace.slug]), {"view": "all", "q": text})
    assert answer.status_code == 200
    assert answer.context["search_error"]


def test_saved_views_cost_the_page_one_query_however_many_there_are(desk: Desk) -> None:
    desk.asked()
    client, slug = browser(desk.actor), desk.actor.workspace.slug

    def queries() -> int:
        client.get(reverse("inbox", args=[slug]))
        with CaptureQueriesContext(connection) as asked:
            client.get(reverse("inbox", args=[slug]))
        return len(asked)

    save(desk)
    one = queries()
    for number in range(9):
        save(desk, f"Nr. {number}")
    assert queries() == one
