"""The calls of one signed-in account."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kuemmerer.networks.bluesky import login
from kuemmerer.networks.bluesky.xrpc import Refusal, TokenRefused, xrpc
from kuemmerer.networks.errors import AuthExpired, TryLater
from kuemmerer.networks.session import Session

POST, LIKE, REPOST = "app.bsky.feed.post", "app.bsky.feed.like", "app.bsky.feed.repost"
BATCH = 25
"""How many posts or profiles the network describes in one call."""


class Api:
    """XRPC with the account's token, which is renewed when it has ended or is refused."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.server = str(session.settings.get("server") or login.DEFAULT_SERVER)
        self.did = str(session.settings.get("did") or session.account.get("remote_id") or "")
        self.handle = str(session.settings.get("handle") or session.account.get("handle") or "")
        self._renewed = False

    def query(self, nsid: str, **params: Any) -> dict[str, Any]:
        return self._call("GET", nsid, params=params)

    def call(self, nsid: str, body: Mapping[str, Any], *, safe: bool = False) -> dict[str, Any]:
        """A procedure. `safe`: carrying it out twice does no harm."""
        return self._call("POST", nsid, json=dict(body), safe=safe)

    def upload(self, content: bytes, content_type: str) -> dict[str, Any]:
        """The blob to put into a record. One that is never used vanishes, so the call may be repeated."""
        answer = self._call(
            "POST",
            "com.atproto.repo.uploadBlob",
            content=content,
            headers={"Content-Type": content_type},
            safe=True,
        )
        blob = answer.get("blob")
        if not isinstance(blob, dict):
            raise TryLater("bad_answer")
        return blob

    def renew(self) -> None:
        login.renew(self.session)
        self._renewed = True

    def record(self, uri_collection: str, rkey: str) -> dict[str, Any] | None:
        """A record of our own as our server holds it (`uri`, `cid`, `value`); None: proved not to exist."""
        try:
            return self.query(
                "com.atproto.repo.getRecord", repo=self.did, collection=uri_collection, rkey=rkey
            )
        except Refusal as error:
            if error.name == "RecordNotFound":
                return None
            raise

    def posts(self, uris: Sequence[str]) -> dict[str, dict[str, Any]]:
        """The posts that are visible to us, by address."""
        return self._described("app.bsky.feed.getPosts", "uris", uris, answer="posts", key="uri")

    def profiles(self, dids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """The profiles that are known, by DID."""
        return self._described("app.bsky.actor.getProfiles", "actors", dids, answer="profiles", key="did")

    def _described(
        self, nsid: str, param: str, names: Sequence[str], *, answer: str, key: str
    ) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        for part in _parts(list(dict.fromkeys(names))):
            views = self.query(nsid, **{param: part}).get(answer)
            for view in views if isinstance(views, list) else ():
                if isinstance(view, dict) and isinstance(view.get(key), str):
                    found[view[key]] = view
        return found

    def _call(self, http_method: str, nsid: str, **kwargs: Any) -> dict[str, Any]:
        if not self._renewed and login.ended(self.session.secret, self.session.now):
            self.renew()
        try:
            return self._once(http_method, nsid, **kwargs)
        except TokenRefused:
            # Refused before anything was done, so even a write may be sent again.
            self.renew()
        try:
            return self._once(http_method, nsid, **kwargs)
        except TokenRefused as error:
            if nsid.startswith("app."):
                # The token is fresh from our own server: it is the network behind that has trouble with it.
                raise TryLater("server_error", error.words) from error
            raise AuthExpired("revoked", error.words) from error

    def _once(self, http_method: str, nsid: str, **kwargs: Any) -> dict[str, Any]:
        token = str(self.session.secret.get("access") or "")
        return xrpc(self.session, http_method, self.server, nsid, token=token, **kwargs)


def _parts(names: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(names), BATCH):
        yield names[start : start + BATCH]
