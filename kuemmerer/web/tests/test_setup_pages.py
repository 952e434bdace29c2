"""The way in: setup, invitations, further workspaces, preferences."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from kuemmerer.accounts import workspaces
from kuemmerer.accounts.models import Membership, Role, User
from kuemmerer.accounts.tests.company import NOW, PASSWORD, browser, member, owner, person
from kuemmerer.core import clock
from kuemmerer.web.tests.forms import fill

pytestmark = pytest.mark.django_db

FORM = {
    "person": "Jana Winkler",
    "email": "jana@holz.example",
    "password": PASSWORD,
    "name": "Holzwerk Lindner",
    "country": "DE",
    "region": "DE:BY",
    "time_zone": "Europe/Berlin",
    "language": "en",
}


@pytest.fixture(autouse=True)
def _now() -> Any:
    with clock.frozen(NOW):
        yield


def _set_up(client: Client, **change: str) -> Any:
    return client.post(reverse("setup"), {**FORM, **change})


def test_the_first_visit_leads_to_the_setup_and_the_setup_to_the_desk() -> None:
    client = browser()
    assert client.get("/").headers["Location"] == reverse("setup")
    response = client.get(reverse("setup"))
    assert response.status_code == 200
    assert set(FORM) <= set(fill(response))

    response = _set_up(client)
    assert response.headers["Location"] == "/"
    membership = Membership.objects.select_related("user", "workspace").get()
    assert (membership.role, membership.workspace.region) == ("owner", "BY")
    assert client.get("/").headers["Location"] == reverse("today", args=[membership.workspace.slug])


def test_the_setup_offers_the_demo_company_as_well() -> None:
    response = browser().get(reverse("setup"))
    assert f'action="{reverse("demo")}"' in response.text


def test_the_setup_is_gone_once_somebody_has_done_it() -> None:
    _set_up(browser())
    stranger = browser()
    assert stranger.get(reverse("setup")).status_code == 404
    assert _set_up(stranger, email="eve@holz.example").status_code == 404
    assert User.objects.count() == 1
    assert stranger.get("/").headers["Location"] == reverse("account_login")


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({"password": "short"}, "password", "too short"),
        ({"password": "password12345"}, "password", "too common"),
        ({"email": "jana"}, "email", "valid email"),
        ({"region": "AT:9"}, "region", "does not belong"),
        ({"person": ""}, "person", "required"),
        ({"name": "   "}, "name", "required"),
        ({"time_zone": "Mars/Base"}, "time_zone", "valid choice"),
    ],
)
def test_the_setup_says_at_the_field_what_is_wrong(change: dict[str, str], field: str, words: str) -> None:
    response = _set_up(browser(), **change)
    assert response.status_code == 422
    assert words in str(response.context["form"].errors[field])
    assert f'id="id_{field}_errors"' in response.text
    assert not User.objects.exists()


def test_the_same_canton_code_in_two_countries_is_kept_apart() -> None:
    _set_up(browser(), country="CH", region="CH:BE", time_zone="Europe/Zurich")
    workspace = Membership.objects.get().workspace
    assert (workspace.country, workspace.region) == ("CH", "BE")


@pytest.mark.parametrize(
    ("browsers", "guess"),
    [
        ("de-AT,de;q=0.9", ("AT", "Europe/Vienna", "de")),
        ("fr-CH, de-CH;q=0.8", ("CH", "Europe/Zurich", "de")),
        ("en-US,en;q=0.9,de-AT;q=0.1", ("AT", "Europe/Vienna", "en")),
        ("en-US", ("DE", "Europe/Berlin", "en")),
        ("nonsense;;-XX", ("DE", "Europe/Berlin", "en")),
    ],
)
def test_the_setup_guesses_the_country_from_the_browser(browsers: str, guess: tuple[str, ...]) -> None:
    values = fill(browser(language=browsers).get(reverse("setup")))
    assert (values["country"], values["time_zone"], values["language"]) == guess


def test_who_picks_another_language_than_the_browser_reads_it() -> None:
    client = browser(language="en")
    _set_up(client, language="de")
    assert '<html lang="de"' in client.get(reverse("preferences")).text


def test_who_looks_around_in_the_demo_can_still_set_up() -> None:
    guest = User.objects.create_user("demo@example.org", None, name="Demo", is_demo=True)
    client = browser(guest)
    _set_up(client)
    assert client.get(reverse("preferences")).context["user"].email == "jana@holz.example"


def test_a_new_person_joins_by_an_invitation() -> None:
    jana = owner()
    link = workspaces.invite(actor=jana, email="tobias@holz.example", role="agent", now=NOW)
    client = browser()
    page = client.get(link)
    assert page.status_code == 200
    for words in ("Holzwerk Lindner", "Jana Winkler", "Agent", "tobias@holz.example"):
        assert words in page.text

    refused = client.post(link, {"person": "Tobias Kern", "password": "short"})
    assert refused.status_code == 422
    assert "too short" in refused.text

    client.post(link, {"person": "Tobias Kern", "password": PASSWORD})
    assert Membership.objects.get(user__email="tobias@holz.example").role == "agent"
    assert client.get("/").headers["Location"] == reverse("today", args=[jana.workspace.slug])
    assert client.get(link).status_code == 404


def test_a_known_person_signs_in_and_then_accepts() -> None:
    jana = owner()
    person("Tobias Kern")
    link = workspaces.invite(actor=jana, email="tobias@holz.example", role="author", now=NOW)
    path = link[link.index("/invitation/") :]
    client = browser()
    page = client.get(link)
    assert f"{reverse('account_login')}?next={path}" in page.text
    assert "id_password" not in page.text
    assert client.post(link, {"person": "Thief", "password": PASSWORD}).status_code == 200
    assert not Membership.objects.filter(user__email="tobias@holz.example").exists()

    response = client.post(
        reverse("account_login"), {"login": "tobias@holz.example", "password": PASSWORD, "next": path}
    )
    assert response.headers["Location"] == path
    assert "Tobias Kern" in client.get(path).text
    assert client.post(path).headers["Location"] == "/"
    assert Membership.objects.get(user__email="tobias@holz.example").role == "author"


def test_a_member_who_follows_an_invitation_again_comes_home() -> None:
    jana = owner()
    link = workspaces.invite(actor=jana, email="tobias@holz.example", role="agent", now=NOW)
    assert browser(jana).post(link).headers["Location"] == "/"
    assert Membership.objects.get().role == "owner"


@pytest.mark.parametrize("days", [14, 400])
def test_an_expired_invitation_is_explained(days: int) -> None:
    link = workspaces.invite(actor=owner(), email="tobias@holz.example", role="agent", now=NOW)
    with clock.frozen(NOW + timedelta(days=days)):
        for response in (browser().get(link), browser().post(link, {"person": "T", "password": PASSWORD})):
            assert response.status_code == 404
            assert "Ask the person who invited you" in response.text


def test_an_invitation_that_never_was_looks_like_an_old_one() -> None:
    response = browser().get(reverse("invitation", args=["invite_nonsense"]))
    assert response.status_code == 404
    assert "This invitation is over" in response.text


def test_an_agency_opens_a_further_workspace_and_changes_between_them() -> None:
    jana = owner()
    client = browser(jana)
    values = {**fill(client.get(reverse("workspace-new"))), "name": "Bäckerei Sonnenkorn", "region": ""}
    assert client.post(reverse("workspace-new"), values).headers["Location"] == "/"
    second = jana.user.memberships.get(workspace__name="Bäckerei Sonnenkorn").workspace
    assert client.get("/").headers["Location"] == reverse("today", args=[second.slug])

    client.get(reverse("settings-members", args=[jana.workspace.slug]))
    assert client.get("/").headers["Location"] == reverse("today", args=[jana.workspace.slug])


def test_a_further_workspace_needs_a_name() -> None:
    response = browser(owner()).post(reverse("workspace-new"), {"country": "DE"})
    assert response.status_code == 422
    assert "name" in response.context["form"].errors


def test_who_looks_around_in_the_demo_opens_no_workspace() -> None:
    guest = User.objects.create_user("demo@example.org", None, name="Demo", is_demo=True)
    assert browser(guest).get(reverse("workspace-new")).status_code == 403


def test_who_belongs_nowhere_is_told_what_to_do() -> None:
    owner()
    response = browser(person("Tobias Kern")).get("/")
    assert response.status_code == 404
    assert reverse("workspace-new") in response.text


@pytest.mark.parametrize("name", ["preferences", "workspace-new"])
def test_a_stranger_is_sent_to_the_login(name: str) -> None:
    assert browser().get(reverse(name)).headers["Location"].startswith(reverse("account_login"))


def test_the_own_language_wins_over_the_browsers() -> None:
    tobias = member(owner(), Role.GUEST)
    client = browser(tobias, language="de")
    preferences = reverse("preferences")
    assert '<html lang="de"' in client.get(preferences).text

    client.post(preferences, {"person": "Tobias K.", "language": "en"})
    assert '<html lang="en"' in client.get(preferences).text
    tobias.user.refresh_from_db()
    assert (tobias.user.name, tobias.user.language) == ("Tobias K.", "en")

    client.post(preferences, {"person": "Tobias K.", "language": "auto"})
    assert '<html lang="de"' in client.get(preferences).text


@pytest.mark.parametrize(
    ("asked", "shown"), [("de-CH,fr;q=0.5", "de"), ("en-GB", "en"), ("ja", "en"), ("", "en")]
)
def test_a_stranger_reads_the_browsers_language(asked: str, shown: str) -> None:
    owner()
    response = browser(language=asked).get(reverse("account_login"))
    assert f'<html lang="{shown}"' in response.text
    assert response.headers["Content-Language"] == shown


def test_preferences_refuse_an_empty_name_and_an_unknown_language() -> None:
    response = browser(owner()).post(reverse("preferences"), {"person": " ", "language": "fr"})
    assert response.status_code == 422
    assert set(response.context["form"].errors) == {"person", "language"}


def test_preferences_lead_to_what_protects_the_account() -> None:
    text = browser(owner()).get(reverse("preferences")).text
    for name in ("mfa_index", "usersessions_list", "account_change_password"):
        assert reverse(name) in text
