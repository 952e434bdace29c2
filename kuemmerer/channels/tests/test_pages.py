"""The pages of the channels."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse

from kuemmerer.accounts.tests.company import browser
from kuemmerer.networks.errors import AuthExpired
from kuemmerer.networks.wordpress.connector import WordPress
from tests.factories import Clock, Desk, actor

TYPED = {"site": "https://blog.example.org", "user": "desk", "password": "abcd EFGH 1234"}


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any) -> None:
        raise AuthExpired("wrong_login")

    monkeypatch.setattr(WordPress, "connect", refuse)


def test_what_was_typed_into_the_form_is_there_after_an_error_and_only_then(
    db: None, time: Clock, refused: None
) -> None:
    me = actor()
    client = browser(me)
    url = reverse("channel-connect", args=[me.workspace.slug, "wordpress"])
    answer = client.post(url, {**TYPED, "how": "form"})
    assert answer.status_code == 422
    for value in TYPED.values():
        assert f'value="{value}"' in answer.text
    assert "no-store" in answer.headers["Cache-Control"]
    assert TYPED["password"] not in client.get(url).text


def test_the_card_of_a_blog_tells_which_blog_it_is(desk: Desk) -> None:
    desk.channel.network, desk.channel.handle = "wordpress", "desk"
    desk.channel.settings = {"root": "https://blog.example.org/magazin/wp-json/"}
    desk.channel.save()
    page = browser(desk.actor).get(reverse("channels", args=[desk.actor.workspace.slug])).text
    assert "WordPress, blog.example.org/magazin, desk" in page
