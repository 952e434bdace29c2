"""Files that are served as they are."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import pytest
from django.conf import settings
from django.test import Client


@pytest.mark.django_db
def test_the_icon_that_browsers_ask_for_by_themselves_is_there_and_may_be_kept(
    django_assert_num_queries: Any,
) -> None:
    with django_assert_num_queries(0), closing(Client().get("/favicon.ico")) as response:
        content = b"".join(response)
    assert response.status_code == 200
    assert content[:6] == b"\x00\x00\x01\x00\x03\x00", "an icon in three sizes"
    assert response["Content-Type"] in {"image/x-icon", "image/vnd.microsoft.icon"}
    assert response["Cache-Control"] == f"max-age={settings.WHITENOISE_MAX_AGE}, public"
    assert "Set-Cookie" not in response
