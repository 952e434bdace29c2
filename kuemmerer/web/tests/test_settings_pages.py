"""The settings of a workspace, through its pages."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.urls import reverse

from kuemmerer.accounts import workspaces
from kuemmerer.accounts.access import Actor, actor_for_token
from kuemmerer.accounts.models import ApiToken, Invitation, Membership, Role
from kuemmerer.accounts.tests.company import NOW, browser, member, owner
from kuemmerer.core import clock
from kuemmerer.web.tests.forms import fill

pytestmark = pytest.mark.django_db

PAGES = ["settings", "settings-general", "settings-members", "settings-tokens", "settings-security"]


@pytest.fixture(autouse=True)
def _now() -> Any:
    with clock.frozen(NOW):
        yield


@pytest.fixture
def jana() -> Actor:
    return owner()


def _url(name: str, actor: Actor, *more: int) -> str:
    return reverse(name, args=[actor.workspace.slug, *more])


def _settings_urls(actor: Actor) -> list[str]:
    """Every address of the settings, with rows that really exist in the actor's workspace."""
    workspaces.invite(actor=actor, email="somebody@holz.example", role="guest", now=NOW)
    token = workspaces.make_token(actor=actor, name="Shop", now=NOW)[0]
    return [
        *(_url(name, actor) for name in PAGES),
        _url("settings-member-role", actor, actor.membership.pk),
        _url("settings-member-remove", actor, actor.membership.pk),
        _url("settings-invitation-withdraw", actor, Invitation.objects.get(workspace=actor.workspace).pk),
        _url("settings-token-revoke", actor, token.pk),
    ]


def test_a_member_of_another_workspace_gets_404_everywhere(jana: Actor) -> None:
    stranger = browser(owner("Bäckerei Sonnenkorn", "Murat Aydin"))
    for url in _settings_urls(jana):
        assert stranger.get(url).status_code == 404, url
        assert stranger.post(url, {"role": "guest"}).status_code == 404, url
    assert Membership.objects.filter(pk=jana.membership.pk, role="owner").exists()
    assert Invitation.objects.exists()
    assert ApiToken.objects.exists()


def test_rows_of_another_workspace_are_404_under_the_own_address(jana: Actor) -> None:
    murat = owner("Bäckerei Sonnenkorn", "Murat Aydin")
    own = f"/w/{murat.workspace.slug}/"
    for url in _settings_urls(jana)[len(PAGES) :]:
        url = url.replace(f"/w/{jana.workspace.slug}/", own)
        assert browser(murat).post(url, {"role": "guest"}).status_code == 404, url


def test_strangers_are_sent_to_the_login(jana: Actor) -> None:
    for url in _settings_urls(jana):
        assert browser().get(url).headers["Location"].startswith(reverse("account_login"))


@pytest.mark.parametrize("role", [Role.AGENT, Role.AUTHOR, Role.GUEST])
def test_who_manages_nothing_sees_no_settings(jana: Actor, role: Role) -> None:
    client = browser(member(jana, role))
    for name in PAGES:
        assert client.get(_url(name, jana)).status_code == 403


def test_a_manager_sees_all_but_the_company(jana: Actor) -> None:
    client = browser(member(jana, Role.MANAGER))
    assert client.get(_url("settings", jana)).headers["Location"] == _url("settings-members", jana)
    assert client.get(_url("settings-general", jana)).status_code == 403
    page = client.get(_url("settings-members", jana))
    assert page.status_code == 200
    assert _url("settings-general", jana) not in page.text
    assert _url("settings-tokens", jana) in page.text


def test_the_owner_sees_every_tab(jana: Actor) -> None:
    client = browser(jana)
    assert client.get(_url("settings", jana)).headers["Location"] == _url("settings-general", jana)
    for name in PAGES[1:]:
        page = client.get(_url(name, jana))
        assert page.status_code == 200
        assert f'href="{_url(name, jana)}" aria-current="page"' in page.text
        assert " style=" not in page.text
        assert not re.search(r"<script(?![^>]* src=)", page.text)


def test_the_company_is_shown_and_saved_as_it_is(jana: Actor) -> None:
    url = _url("settings-general", jana)
    values = fill(browser(jana).get(url))
    assert (values["region"], values["day_0"], values["day_6"]) == ("DE:BY", "09:00–17:00", "")
    assert browser(jana).post(url, values).headers["Location"] == url
    before = jana.workspace.hours
    jana.workspace.refresh_from_db()
    assert jana.workspace.hours == before


def test_hours_may_be_written_freely(jana: Actor) -> None:
    url = _url("settings-general", jana)
    values = fill(browser(jana).get(url)) | {
        "name": "Lindner GmbH",
        "day_0": "8-12, 13.30 bis 17 Uhr",
        "day_4": "",
    }
    browser(jana).post(url, values)
    jana.workspace.refresh_from_db()
    assert jana.workspace.name == "Lindner GmbH"
    assert jana.workspace.hours["0"] == [["08:00", "12:00"], ["13:30", "17:00"]]
    assert set(jana.workspace.hours) == {"0", "1", "2", "3"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("morning", "Write hours like"),
        ("9-12, 11-13", "overlap"),
        ("17-9", "end before they begin"),
        ("1-2, 3-4, 5-6, 7-8", "three spans"),
        ("9-17 " + "x" * 200, "at most 100"),
    ],
)
def test_wrong_hours_are_refused_at_their_day(jana: Actor, text: str, words: str) -> None:
    url = _url("settings-general", jana)
    response = browser(jana).post(url, fill(browser(jana).get(url)) | {"day_2": text})
    assert response.status_code == 422
    assert list(response.context["form"].errors) == ["day_2"]
    assert words in str(response.context["form"].errors["day_2"])
    assert fill(response)["day_2"] == text


def test_a_week_without_an_open_hour_is_refused(jana: Actor) -> None:
    url = _url("settings-general", jana)
    closed = {f"day_{day}": "" for day in range(7)}
    response = browser(jana).post(url, fill(browser(jana).get(url)) | closed)
    assert response.status_code == 422
    assert "at least one open hour" in response.text


def test_an_invitation_shows_its_link_once(jana: Actor) -> None:
    client, url = browser(jana), _url("settings-members", jana)
    response = client.post(url, {"email": "tobias@holz.example", "role": "agent"})
    found = re.search(r'id="invitation-link">(.+?)<', response.text)
    assert found
    assert browser().get(found[1]).status_code == 200

    later = client.get(url)
    assert found[1] not in later.text
    assert "tobias@holz.example" in later.text
    client.post(_url("settings-invitation-withdraw", jana, Invitation.objects.get().pk))
    assert browser().get(found[1]).status_code == 404
    assert "tobias@holz.example" not in client.get(url).text


@pytest.mark.parametrize("backend", ["smtp", "filebased"])
def test_an_invitation_that_no_mail_server_sends_has_to_be_passed_on(
    jana: Actor, settings: Any, tmp_path: Any, backend: str
) -> None:
    settings.EMAIL_BACKEND = f"django.core.mail.backends.{backend}.EmailBackend"
    settings.EMAIL_FILE_PATH, settings.EMAIL_PORT = tmp_path, 1
    response = browser(jana).post(
        _url("settings-members", jana), {"email": "neu@holz.example", "role": "agent"}
    )
    assert ("gets this link by mail" in response.text) is (backend == "smtp")
    assert ("pass the link on to neu@holz.example yourself" in response.text) is (backend == "filebased")


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"email": "tobias", "role": "agent"}, "email"),
        ({"email": "jana@holz.example", "role": "agent"}, "email"),
        ({"email": "eve@holz.example", "role": "emperor"}, "role"),
    ],
)
def test_a_wrong_invitation_is_refused_at_its_field(jana: Actor, values: dict[str, str], field: str) -> None:
    response = browser(jana).post(_url("settings-members", jana), values)
    assert response.status_code == 422
    assert list(response.context["form"].errors) == [field]
    assert not Invitation.objects.exists()


def test_a_manager_is_not_offered_to_make_owners(jana: Actor) -> None:
    client = browser(member(jana, Role.MANAGER))
    url = _url("settings-members", jana)
    assert 'value="owner"' not in client.get(url).text
    assert client.post(url, {"email": "eve@holz.example", "role": "owner"}).status_code == 422
    client.post(_url("settings-member-remove", jana, jana.membership.pk))
    assert Membership.objects.filter(pk=jana.membership.pk).exists()


def test_the_owner_changes_roles_and_removes_members(jana: Actor) -> None:
    tobias = member(jana, Role.AGENT)
    client = browser(jana)
    client.post(_url("settings-member-role", jana, tobias.membership.pk), {"role": "manager"})
    tobias.membership.refresh_from_db()
    assert tobias.membership.role == "manager"

    client.post(_url("settings-member-remove", jana, tobias.membership.pk))
    assert browser(tobias).get(_url("settings-members", jana)).status_code == 404


def test_the_last_owner_is_told_to_make_another_one_first(jana: Actor) -> None:
    client, url = browser(jana), _url("settings-members", jana)
    response = client.post(
        _url("settings-member-remove", jana, jana.membership.pk),
        headers={"referer": f"http://testserver{url}"},
    )
    assert "Make somebody else the owner first" in client.get(response.headers["Location"]).text
    assert Membership.objects.filter(pk=jana.membership.pk).exists()


def test_who_gives_up_the_own_role_comes_home(jana: Actor) -> None:
    tobias = member(jana, Role.OWNER)
    response = browser(tobias).post(
        _url("settings-member-role", jana, tobias.membership.pk), {"role": "guest"}
    )
    assert response.headers["Location"] == "/"


def test_a_token_is_shown_once_and_dies_when_revoked(jana: Actor) -> None:
    client, url = browser(jana), _url("settings-tokens", jana)
    found = re.search(r'id="token-secret">(.+?)<', client.post(url, {"name": "Shop"}).text)
    assert found
    assert actor_for_token(found[1], NOW) is not None

    later = client.get(url).text
    assert found[1] not in later
    assert found[1][:8] in later
    client.post(_url("settings-token-revoke", jana, ApiToken.objects.get().pk))
    assert actor_for_token(found[1], NOW) is None


def test_a_token_needs_a_name(jana: Actor) -> None:
    response = browser(jana).post(_url("settings-tokens", jana), {"name": " "})
    assert response.status_code == 422
    assert not ApiToken.objects.exists()


@pytest.mark.parametrize("name", ["settings-member-role", "settings-member-remove", "settings-token-revoke"])
def test_nothing_is_changed_by_a_mere_visit(jana: Actor, name: str) -> None:
    assert browser(jana).get(_url(name, jana, jana.membership.pk)).status_code == 405


def test_names_are_shown_as_text(jana: Actor) -> None:
    jana.user.name = "<img src=x onerror=alert(1)>"
    jana.user.save()
    text = browser(jana).get(_url("settings-members", jana)).text
    assert "<img src=x" not in text
