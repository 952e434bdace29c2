"""Publishing, finding again what was published, deleting it, and the small actions."""

from __future__ import annotations

import difflib
import time
from collections.abc import Iterator
from datetime import timedelta

from kuemmerer.networks.base import Absent, Action, Delivered, Draft, Media, Target, Visibility
from kuemmerer.networks.errors import (
    AuthExpired,
    NetworkError,
    OutcomeUnknown,
    Rejected,
    TryLater,
    Unsupported,
)
from kuemmerer.networks.mastodon.api import Api, Record, ident, parts, status_path, text
from kuemmerer.networks.mastodon.counting import letters, unified
from kuemmerer.networks.mastodon.parse import (
    VISIBILITY_NAME,
    Me,
    content,
    is_status,
    moment,
    real,
    visibility,
    web,
)
from kuemmerer.networks.mastodon.reading import one
from kuemmerer.networks.session import Session, parse_json

CLOCK_SKEW = timedelta(minutes=5)
MOST_PAGES = 10
MOST_SOURCES = 6
POLLS = 40
POLL_SECONDS = 0.5
WIDEST_FIRST = (Visibility.PUBLIC, Visibility.UNLISTED, Visibility.FOLLOWERS, Visibility.DIRECT)
VERBS = {
    Action.LIKE: ("favourite", "favourited", True),
    Action.UNLIKE: ("unfavourite", "favourited", False),
    Action.SHARE: ("reblog", "reblogged", True),
}
EXTENSIONS = {"image/jpeg": ".jpg", "image/png": ".png", "image/gif": ".gif", "image/webp": ".webp"}


def narrowest(*wishes: Visibility | None) -> Visibility:
    """The narrowest of several visibilities; public if there is none."""
    return max(
        (wish for wish in wishes if wish is not None), key=WIDEST_FIRST.index, default=Visibility.PUBLIC
    )


def full_text(draft: Draft) -> str:
    """The text as it is sent. A link that the text lacks stands below it: there is no other place."""
    if not draft.link or draft.link in draft.text:
        return draft.text
    return f"{draft.text}\n\n{draft.link}" if draft.text.strip() else draft.link


def publish(session: Session, draft: Draft, *, key: str) -> Delivered:
    """See `Connector.publish`."""
    api = Api(session)
    body: dict[str, object] = {"status": full_text(draft)}
    if draft.reply_to is not None:
        body["in_reply_to_id"] = draft.reply_to.remote_id
    body["visibility"] = VISIBILITY_NAME[_visibility(api, draft)]
    if draft.language:
        body["language"] = draft.language.split("-")[0].lower()
    if draft.media:
        body["media_ids"] = [_upload(api, media, f"{key}-{n}") for n, media in enumerate(draft.media)]
    status = real(api.record("POST", "/api/v1/statuses", json=body, headers={"Idempotency-Key": key}))
    if not ident(status.get("id")):
        raise OutcomeUnknown("cut")
    return _delivered(status)


def _visibility(api: Api, draft: Draft) -> Visibility:
    """What the author wished, but never wider than what is answered, as it is seen at this moment.

    The look at it is worth its call: snac publishes an answer to a status that is gone as a new post.
    """
    if draft.reply_to is None:
        return narrowest(draft.visibility)
    status = one(api, draft.reply_to.remote_id)
    if status is None:
        raise Rejected("gone")
    present = visibility(status) if status else None
    return narrowest(draft.visibility, draft.reply_to.visibility, present)


def _upload(api: Api, media: Media, name: str) -> str:
    """A picture at the server, ready to be used. Uploading it twice does no harm, so all calls are safe."""
    # snac names the file after what we call it, and must find an ending.
    named = name + (EXTENSIONS.get(media.content_type) or "." + media.content_type.rpartition("/")[2])
    files = {"file": (named, media.content, media.content_type)}
    data = {"description": media.alt} if media.alt else None
    try:
        try:
            response = api.request("POST", "/api/v2/media", files=files, data=data, safe=True)
        except Rejected as error:
            if error.code != "gone":
                raise
            response = api.request("POST", "/api/v1/media", files=files, data=data, safe=True)
        record = parse_json(response)
        media_id = ident(record.get("id")) if isinstance(record, dict) else ""
        if not media_id:
            raise TryLater("bad_answer")
        if response.status_code == 202:
            _wait_for(api, media_id)
    except Rejected as error:
        raise Rejected(
            "bad_media" if error.code in {"refused", "gone"} else error.code, error.words
        ) from error
    return media_id


def _wait_for(api: Api, media_id: str) -> None:
    """Until the server has processed a picture. A status with an unfinished one would be refused."""
    for _number in range(POLLS):
        # 206: still at work.
        if api.request("GET", f"/api/v1/media/{media_id}").status_code == 200:
            return
        time.sleep(POLL_SECONDS)
    raise TryLater("timeout")


def find(session: Session, draft: Draft) -> Delivered | Absent | None:
    """Look through what we wrote since the attempt for the same words in the same place."""
    api, me = Api(session), Me.of(session.settings)
    doubtful = False
    sources = iter(range(MOST_SOURCES))
    search = _Search(api, me, draft)
    for status in search.candidates():
        same = _same(api, status, full_text(draft), sources)
        if same:
            return _delivered(status)
        doubtful = doubtful or same is None
    return Absent() if search.complete and not doubtful else None


class _Search:
    """Our own statuses that may be the one we look for. `complete` once they have all been seen."""

    def __init__(self, api: Api, me: Me, draft: Draft) -> None:
        self.api, self.me, self.draft = api, me, draft
        self.begin = draft.written_at - CLOCK_SKEW
        self.complete = False

    def candidates(self) -> Iterator[Record]:
        target = self.draft.reply_to
        seen: set[str] = set()
        if target is not None:
            # Where it must be, if anywhere; some servers leave private answers out of an account's list.
            for status in self._below(target):
                seen.add(ident(status.get("id")))
                yield from self._fitting(status)
        for status in self._own():
            if ident(status.get("id")) not in seen:
                yield from self._fitting(status)

    def _below(self, target: Target) -> list[Record]:
        try:
            return parts(self.api.record("GET", status_path(target.remote_id, "/context")), "descendants")
        except Rejected:
            return []

    def _own(self) -> Iterator[Record]:
        path = f"/api/v1/accounts/{self.me.account_id}/statuses"
        seen: set[str] = set()
        for page in self.api.pages(path, most=MOST_PAGES, limit=40, exclude_reblogs="true"):
            fresh = [status for status in page.records if ident(status.get("id")) not in seen]
            seen |= {ident(status.get("id")) for status in fresh}
            yield from fresh
            # The end: nothing new any more, or all of it from before the attempt.
            times = [moment(real(status).get("created_at")) for status in fresh]
            if all(time is not None and time < self.begin for time in times):
                self.complete = True
                return

    def _fitting(self, status: Record) -> Iterator[Record]:
        status = real(status)
        created = moment(status.get("created_at"))
        parent = ident(status.get("in_reply_to_id"))
        # An answer to something that has been deleted since stands alone.
        places = {self.draft.reply_to.remote_id, ""} if self.draft.reply_to else {""}
        if (
            ident(status.get("id"))
            and self.me.is_author(status)
            and parent in places
            and (created is None or created >= self.begin)
        ):
            yield status


def _same(api: Api, status: Record, wanted: str, sources: Iterator[int]) -> bool | None:
    """Whether a status says `wanted`; None if that cannot be told.

    Servers render what we sent, each in its own way; the source decides where what is shown is not equal.
    """
    shown = content(status)
    if unified(shown) == unified(wanted):
        return True
    if difflib.SequenceMatcher(None, letters(shown), letters(wanted), autojunk=False).quick_ratio() < 0.5:
        return False
    source = text(status.get("text"))
    if not source and next(sources, None) is not None:
        source = _source(api, ident(status.get("id")))
    if source:
        return unified(source) == unified(wanted)
    if letters(shown) == letters(wanted):
        return True
    alike = difflib.SequenceMatcher(None, letters(shown), letters(wanted), autojunk=False).ratio()
    return None if alike >= 0.8 else False


def _source(api: Api, status_id: str) -> str:
    try:
        return text(api.record("GET", status_path(status_id, "/source")).get("text"))
    except (AuthExpired, TryLater):
        raise
    except NetworkError:
        return ""


def delete(session: Session, remote_id: str) -> None:
    """Delete a status of ours. Raises Unsupported where the server cannot do that."""
    api = Api(session)
    response = api.request("DELETE", status_path(remote_id), safe=True, accept={404, 405, 410, 501})
    # snac knows no deletion and says 404 to all of it: gone is only what cannot be seen any more.
    if not response.is_success and one(api, remote_id):
        raise Unsupported


def act(session: Session, action: Action, target: Target) -> None:
    """Like, unlike or share. Each may be done twice."""
    if action not in VERBS or not is_status(target.remote_id):
        raise Unsupported
    api = Api(session)
    verb, flag, wanted = VERBS[action]
    try:
        api.record("POST", status_path(target.remote_id, f"/{verb}"), safe=True)
    except Rejected as error:
        # Some servers refuse what is so already.
        status = one(api, target.remote_id) if error.code in {"gone", "refused", "no_permission"} else {}
        if not status or bool(status.get(flag)) is not wanted:
            raise


def _delivered(status: Record) -> Delivered:
    return Delivered(remote_id=ident(status.get("id")), url=web(status.get("url")) or web(status.get("uri")))


def answer_prefix(target: Target) -> str:
    """Whom an answer addresses: the author first, then whoever else is mentioned; never ourselves."""
    people = target.raw.get("answer_to")
    if not isinstance(people, list):
        people = [target.author.handle]
    handles = [text(handle).lstrip("@") for handle in people]
    return "".join(f"@{handle} " for handle in dict.fromkeys(handles) if handle)
