"""One person's view of a server that speaks Mastodon's API, for the harness only."""

from __future__ import annotations

import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from . import client

REDIRECT = "http://127.0.0.1/callback"
SCOPES = "read write follow push"


@dataclass(frozen=True)
class Person:
    """An account on one server, with its token."""

    url: str
    name: str
    token: str = field(repr=False)
    password: str = field(default="", repr=False)

    def get(self, path: str, **query: str) -> Any:
        return self.call("GET", path, params=query)

    def post(self, path: str, **form: str) -> Any:
        return self.call("POST", path, data=form)

    def call(self, method: str, path: str, **options: Any) -> Any:
        with client(self.url, token=self.token) as http:
            answer = http.request(method, f"/api/{path}", **options)
        answer.raise_for_status()
        return answer.json() if answer.content else {}

    def says(self, text: str, *, to: str | None = None, visibility: str = "public", **more: str) -> str:
        form: dict[str, str] = {"status": text, "visibility": visibility, **more}
        if to:
            form["in_reply_to_id"] = to
        return str(self.post("v1/statuses", **form)["id"])

    def sees(self, status_id: str) -> dict[str, Any]:
        seen: dict[str, Any] = self.get(f"v1/statuses/{status_id}")
        return seen

    def thread(self, status_id: str) -> dict[str, list[dict[str, Any]]]:
        """``ancestors`` and ``descendants``."""
        seen: dict[str, list[dict[str, Any]]] = self.get(f"v1/statuses/{status_id}/context")
        return seen

    def replies_to(self, status_id: str) -> list[dict[str, Any]]:
        return [
            status
            for status in self.thread(status_id)["descendants"]
            if status["in_reply_to_id"] == status_id
        ]

    def notifications(self, *kinds: str) -> list[dict[str, Any]]:
        """Newest first; all kinds if none is named."""
        return [seen for seen in self.get("v1/notifications") if not kinds or seen["type"] in kinds]


def oauth_token(url: str, login_form: Mapping[str, str], login_path: str, *, app_name: str = "tests") -> str:
    """Get a token the way a person does: register an app, sign in on the server's page, swap the code.

    ``login_form`` holds the fields a person fills in; ``cid`` and ``redir`` are added as snac names them.
    """
    with client(url) as http:
        made = http.post(
            "/api/v1/apps",
            data={"client_name": app_name, "redirect_uris": REDIRECT, "scopes": SCOPES, "website": ""},
        )
        made.raise_for_status()
        app = made.json()
        asked = {
            "client_id": app["client_id"],
            "redirect_uri": REDIRECT,
            "response_type": "code",
            "scope": SCOPES,
            "state": "tests",
        }
        http.get("/oauth/authorize", params=asked).raise_for_status()
        hidden = {"redir": REDIRECT, "cid": app["client_id"], "state": "tests"}
        signed = http.post(login_path, data={**login_form, **hidden})
        location = signed.headers["location"]
        code = urllib.parse.parse_qs(urllib.parse.urlsplit(location).query)["code"][0]
        swapped = http.post(
            "/oauth/token",
            data={
                "grant_type": "authorization_code",
                "code": code,
                "client_id": app["client_id"],
                "client_secret": app["client_secret"],
                "redirect_uri": REDIRECT,
                "scope": SCOPES,
            },
        )
        swapped.raise_for_status()
        return str(swapped.json()["access_token"])
