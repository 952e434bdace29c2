"""Signing in: password, second factor, recovery code, forgotten password, sessions."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.core import mail
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from kuemmerer.accounts.access import Actor
from kuemmerer.accounts.tests.company import PASSWORD, browser, owner

pytestmark = pytest.mark.django_db


@pytest.fixture
def jana(settings: Any) -> Actor:
    settings.MFA_TOTP_TOLERANCE = 1  # the half minute may end between making a code and sending it
    cache.clear()  # used codes and failed attempts are kept there
    return owner()


def _sign_in(client: Client, password: str = PASSWORD) -> str:
    response = client.post(reverse("account_login"), {"login": "Jana@holz.example", "password": password})
    return str(response.headers.get("Location", ""))


def _code(secret: str) -> str:
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30))


def _with_second_factor(client: Client) -> tuple[str, list[str]]:
    """Switch the second factor on; gives the secret and the recovery codes."""
    page = _after_password(client, reverse("mfa_activate_totp"))
    secret = page.context["form"].secret
    response = client.post(reverse("mfa_activate_totp"), {"code": _code(secret)})
    codes = client.get(response.headers["Location"])
    return secret, re.findall(r"\b[0-9a-z]{8}\b", " ".join(codes.context["unused_codes"]))


def _after_password(client: Client, url: str) -> Any:
    """What is worth protecting asks for the password once more."""
    asked = client.get(url).headers["Location"]
    assert asked.startswith(reverse("account_reauthenticate"))
    assert client.get(asked).status_code == 200
    return client.get(client.post(asked, {"password": PASSWORD}).headers["Location"])


def _knows_me(client: Client) -> bool:
    return client.get(reverse("preferences")).status_code == 200


def test_the_right_password_lets_in_and_a_wrong_one_does_not(jana: Actor) -> None:
    client = browser()
    assert _sign_in(client, "eine falsche Nacht") == ""
    assert not _knows_me(client)
    assert _sign_in(client) == "/"
    assert _knows_me(client)
    client.post(reverse("account_logout"))
    assert not _knows_me(client)


def test_nobody_signs_up_alone(jana: Actor) -> None:
    response = browser().post(
        reverse("account_signup"), {"email": "eve@holz.example", "password1": PASSWORD, "password2": PASSWORD}
    )
    assert "eve@holz.example" not in response.text
    assert type(jana.user).objects.count() == 1


def test_with_a_second_factor_the_password_alone_is_not_enough(jana: Actor) -> None:
    own = browser()
    _sign_in(own)
    secret, codes = _with_second_factor(own)
    assert len(codes) == 10

    client = browser()
    assert _sign_in(client) == reverse("mfa_authenticate")
    assert client.get(reverse("mfa_authenticate")).status_code == 200
    assert not _knows_me(client)
    assert client.post(reverse("mfa_authenticate"), {"code": "000000"}).status_code == 200
    assert not _knows_me(client)
    client.post(reverse("mfa_authenticate"), {"code": _code(secret)})
    assert _knows_me(client)


def test_a_recovery_code_opens_once(jana: Actor) -> None:
    own = browser()
    _sign_in(own)
    _, codes = _with_second_factor(own)

    client = browser()
    _sign_in(client)
    client.post(reverse("mfa_authenticate"), {"code": codes[0]})
    assert _knows_me(client)

    again = browser()
    _sign_in(again)
    again.post(reverse("mfa_authenticate"), {"code": codes[0]})
    assert not _knows_me(again)


def test_the_security_page_says_who_has_a_second_factor(jana: Actor) -> None:
    own = browser()
    _sign_in(own)
    url = reverse("settings-security", args=[jana.workspace.slug])
    assert 'class="status ok"' not in own.get(url).text
    _with_second_factor(own)
    assert 'class="status ok"' in own.get(url).text


def test_a_second_factor_can_be_switched_on_after_a_look_at_the_mail_address(jana: Actor) -> None:
    client = browser()
    _sign_in(client)
    client.get(reverse("account_email"))
    assert _with_second_factor(client)[1]


def test_a_forgotten_password_is_replaced_by_mail(jana: Actor) -> None:
    client = browser()
    client.post(reverse("account_reset_password"), {"email": "jana@holz.example"})
    message = mail.outbox[0]
    assert message.to == ["jana@holz.example"]
    found = re.search(r"https?://[^/\s]+(/accounts/password/reset/\S+)", str(message.body))
    assert found

    form = client.get(found[1], follow=True)
    fresh = "noch eine lange Nacht"
    client.post(form.request["PATH_INFO"], {"password1": fresh, "password2": fresh})
    assert _sign_in(browser()) == ""
    assert _sign_in(browser(), fresh) == "/"


def test_asking_for_a_stranger_s_password_tells_nothing(jana: Actor) -> None:
    known = browser().post(reverse("account_reset_password"), {"email": "jana@holz.example"})
    unknown = browser().post(reverse("account_reset_password"), {"email": "nobody@holz.example"})
    assert known.status_code == unknown.status_code == 302
    assert known.headers["Location"] == unknown.headers["Location"]
    assert [message.to for message in mail.outbox] == [["jana@holz.example"]]


def test_links_in_mails_lead_to_the_desk_whatever_the_request_says(jana: Actor) -> None:
    browser().post(
        reverse("account_reset_password"), {"email": "jana@holz.example"}, headers={"host": "evil.example"}
    )
    message = mail.outbox[0]
    assert "evil.example" not in f"{message.subject} {message.body}"
    assert "http://127.0.0.1:8000/accounts/password/reset/key/" in str(message.body)


def test_other_sessions_are_listed_and_can_be_ended(jana: Actor) -> None:
    here, there = browser(), browser()
    _sign_in(here)
    _sign_in(there)
    page = here.get(reverse("usersessions_list"))
    assert page.status_code == 200
    assert len(page.context["sessions"]) == 2
    here.post(reverse("usersessions_list"))
    assert _knows_me(here)
    assert not _knows_me(there)


def test_a_mail_server_that_is_down_breaks_no_page(
    jana: Actor, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
    response = browser().post(reverse("account_reset_password"), {"email": "jana@holz.example"})
    assert response.status_code == 302
    assert "could not be sent" in caplog.text


@pytest.mark.parametrize("email", ["jana@holz.example", "nobody@holz.example"])
def test_without_a_mail_server_the_forgotten_password_says_where_the_link_is_to_everybody_alike(
    jana: Actor, settings: Any, tmp_path: Any, email: str
) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    settings.EMAIL_FILE_PATH = tmp_path
    client = browser()
    assert "sends no mails yet" in client.get(reverse("account_reset_password")).text
    done = client.post(reverse("account_reset_password"), {"email": email}, follow=True)
    assert "Ask for the link" in done.text
    assert email not in done.text


def test_the_login_of_a_desk_that_nobody_has_set_up_leads_back_to_the_setup(db: None) -> None:
    client = browser()
    client.post(reverse("demo"))
    page = client.post(reverse("account_logout"), follow=True)
    assert f'href="{reverse("setup")}"' in page.text
    assert "invitation" not in page.text
    owner()
    assert reverse("setup") not in browser().get(reverse("account_login")).text


def test_the_pages_of_ones_own_account_lead_back_to_the_last_workspace(jana: Actor) -> None:
    other = owner("Anton & Söhne", user=jana.user)
    client = browser(jana)
    for mine in (jana, other):
        inbox = reverse("inbox", args=[mine.workspace.slug])
        client.get(inbox)
        page = client.get(reverse("preferences")).text
        assert f'<a class="nav-item" href="{inbox}"' in page
