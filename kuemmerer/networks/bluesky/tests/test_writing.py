from __future__ import annotations

from typing import Any

import httpx
import pytest

from kuemmerer.networks.base import Absent, Action, Delivered, Draft, Media, Person, Target, Visibility
from kuemmerer.networks.bluesky import Bluesky
from kuemmerer.networks.bluesky.tests.fake import (
    DID,
    NOW,
    STRANGER,
    Fake,
    body,
    failed,
    params,
    post_uri,
    view,
)
from kuemmerer.networks.errors import NetworkError, OutcomeUnknown, Rejected, TryLater, Unsupported

KEY = "0123456789abcdef0123456789abcdef"
FAULT = failed(500, "InternalServerError", "Internal Server Error")
ABSENT = failed(400, "RecordNotFound")


class Repository:
    """Our records, held as the real server holds them: a taken key is answered with a fault (500)."""

    def __init__(self, *posts: dict[str, Any]) -> None:
        self.records: dict[tuple[str, str], dict[str, Any]] = {}
        self.views = {post["uri"]: post for post in posts}
        self.fake = Fake(
            {
                "createRecord": self.create,
                "getRecord": self.get,
                "deleteRecord": self.delete,
                "getPosts": lambda r: {
                    "posts": [self.views[u] for u in r.url.params.get_list("uris") if u in self.views]
                },
                "resolveHandle": lambda r: (
                    {"did": "did:plc:laden"}
                    if params(r)["handle"] == "laden.example.org"
                    else failed(400, "InvalidRequest", "Unable to resolve handle")
                ),
                "uploadBlob": lambda r: {"blob": {"$type": "blob", "mimeType": r.headers["content-type"]}},
            }
        )

    def create(self, request: httpx.Request) -> Any:
        asked = body(request)
        place = (asked["collection"], asked["rkey"])
        if place in self.records:
            return FAULT
        self.records[place] = asked["record"]
        return {"uri": f"at://{DID}/{place[0]}/{place[1]}", "cid": "c"}

    def get(self, request: httpx.Request) -> Any:
        place = (params(request)["collection"], params(request)["rkey"])
        return {"uri": "x", "cid": "own", "value": self.records[place]} if place in self.records else ABSENT

    def delete(self, request: httpx.Request) -> Any:
        self.records.pop((body(request)["collection"], body(request)["rkey"]), None)
        return {}

    def publish(self, draft: Draft, key: str = KEY) -> Delivered:
        return Bluesky().publish(self.fake.session(), draft, key=key)

    def find(self, draft: Draft) -> Any:
        return Bluesky().find(self.fake.session(), draft, key=KEY)

    def act(self, action: Action, uri: str) -> None:
        Bluesky().act(self.fake.session(), action, target(uri))

    @property
    def only(self) -> dict[str, Any]:
        (record,) = self.records.values()
        return record


def draft(text: str = "Guten Tag", **more: Any) -> Draft:
    return Draft(text=text, written_at=NOW, **more)


def target(uri: str) -> Target:
    return Target(remote_id=uri, thread_id=uri, author=Person(remote_id=STRANGER))


def test_the_same_delivery_twice_is_one_post() -> None:
    repo = Repository()
    assert repo.publish(draft()) == repo.publish(draft())
    assert repo.fake.times("createRecord") == 1


def test_who_meets_the_record_of_a_faster_worker_has_delivered() -> None:
    repo = Repository()
    create = repo.create

    def faster(request: httpx.Request) -> Any:
        create(request)
        return create(request)

    repo.fake.methods["createRecord"] = faster
    assert repo.publish(draft()).remote_id.startswith(f"at://{DID}/app.bsky.feed.post/")


def test_a_fault_that_left_nothing_behind_is_an_unknown_outcome() -> None:
    repo = Repository()
    repo.fake.methods["createRecord"] = FAULT
    with pytest.raises(OutcomeUnknown):
        repo.publish(draft())


def test_a_server_that_overwrites_is_not_given_the_chance() -> None:
    repo = Repository()
    first = repo.publish(draft())
    repo.fake.methods["createRecord"] = lambda request: pytest.fail("written a second time")
    assert repo.publish(draft()) == first


def test_another_text_under_the_same_key_does_not_pass_for_ours() -> None:
    repo = Repository()
    repo.publish(draft("Eins"))
    for call in (repo.publish, repo.find):
        with pytest.raises(Rejected) as caught:
            call(draft("Zwei"))
        assert caught.value.code == "duplicate"


def test_absence_is_proved_by_the_protocols_own_word_only() -> None:
    repo = Repository()
    assert repo.find(draft()) == Absent()
    for other in ((404, "<html>"), (200, "<html>"), (502, {}), failed(400, "InvalidRequest"), (200, [])):
        repo.fake.methods["getRecord"] = other
        with pytest.raises(NetworkError):
            repo.find(draft())


def test_an_answer_names_parent_and_root_as_they_are_now() -> None:
    root, parent = post_uri("root"), post_uri("parent")
    repo = Repository(view(parent, parent=root))
    repo.publish(draft(reply_to=target(parent)))
    assert repo.only["reply"] == {
        "parent": {"uri": parent, "cid": f"cid of {parent}"},
        "root": {"uri": root, "cid": f"cid of {root}"},
    }


def test_an_answer_to_our_own_post_does_not_wait_for_the_network_to_show_it() -> None:
    repo = Repository()
    first = repo.publish(draft("Eins"))
    repo.publish(draft("Zwei", reply_to=target(first.remote_id)), key=KEY[::-1])
    assert list(repo.records.values())[1]["reply"]["root"] == {"uri": first.remote_id, "cid": "own"}


@pytest.mark.parametrize("uri", [post_uri("gone"), post_uri("gone", DID), "nonsense", "at://did:plc:x"])
def test_an_answer_to_what_is_gone_is_refused(uri: str) -> None:
    repo = Repository()
    with pytest.raises(Rejected) as caught:
        repo.publish(draft(reply_to=target(uri)))
    assert caught.value.code == "gone"
    assert not repo.records


def test_where_answers_are_closed_none_is_written_that_nobody_would_see() -> None:
    repo = Repository(view(post_uri("a"), viewer={"replyDisabled": True}))
    with pytest.raises(Rejected) as caught:
        repo.publish(draft(reply_to=target(post_uri("a"))))
    assert caught.value.code == "comments_closed"


def test_a_record_says_language_marks_and_time_of_sending() -> None:
    repo = Repository()
    repo.publish(draft("Grüße an @laden.example.org und @niemand.example", language="de"))
    assert repo.only["langs"] == ["de"]
    assert repo.only["createdAt"] == "2026-11-22T12:00:00.000Z"
    (facet,) = repo.only["facets"]
    assert facet["features"][0]["did"] == "did:plc:laden"
    assert facet["index"] == {"byteStart": 11, "byteEnd": 29}


@pytest.mark.parametrize("language", ["", "Deutsch", "de_DE", "x", "de-419-DE"])
def test_a_language_that_is_none_is_left_out(language: str) -> None:
    repo = Repository()
    repo.publish(draft(language=language))
    assert "langs" not in repo.only


def test_a_link_becomes_a_card_and_beside_pictures_part_of_the_text() -> None:
    link = "https://example.org/neu"
    repo = Repository()
    repo.publish(draft(link=link, title="Neues"))
    assert repo.only["embed"]["external"] == {"uri": link, "title": "Neues", "description": ""}
    repo = Repository()
    repo.publish(draft(link=link, media=[Media(content=b"x", content_type="image/png", alt="Rot")]))
    assert repo.only["text"] == f"Guten Tag\n\n{link}"
    assert repo.only["embed"]["images"][0]["alt"] == "Rot"
    assert repo.only["facets"][0]["features"][0]["uri"] == link


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (draft("x" * 301), "too_long"),
        (draft("👩‍👩‍👧‍👦" * 130), "too_long"),
        (draft(" \n "), "empty"),
        (draft(media=[Media(content=b"x", content_type="image/png")] * 5), "bad_media"),
        (draft(media=[Media(content=b"x", content_type="application/pdf")]), "bad_media"),
        (draft(media=[Media(content=b"x" * 2_000_001, content_type="image/png")]), "bad_media"),
    ],
)
def test_what_the_network_would_refuse_is_refused_before_it_is_asked(bad: Draft, code: str) -> None:
    repo = Repository()
    with pytest.raises(Rejected) as caught:
        repo.publish(bad)
    assert caught.value.code == code
    with pytest.raises(Rejected):
        Bluesky().check_text(bad, {})
    assert not repo.fake.asked


@pytest.mark.parametrize("more", [{"publish": False}, {"visibility": Visibility.DIRECT}])
def test_what_should_stay_private_is_not_made_public(more: dict[str, Any]) -> None:
    with pytest.raises(Unsupported):
        Repository().publish(draft(**more))


def test_half_a_character_is_left_out_rather_than_failing() -> None:
    repo = Repository()
    repo.publish(draft("Gut\ud83d en Tag"))
    assert repo.only["text"] == "Gut en Tag"
    assert isinstance(repo.find(draft("Gut\ud83d en Tag")), Delivered)


@pytest.mark.parametrize(
    ("answer", "error", "code"),
    [
        (
            failed(400, "InvalidRequest", "grapheme too big (maximum 300, got 301) at $.record.text"),
            Rejected,
            "too_long",
        ),
        (
            failed(400, "InvalidRequest", "Invalid record: blob too large at $.record.embed"),
            Rejected,
            "bad_media",
        ),
        (failed(413, "PayloadTooLarge"), Rejected, "bad_media"),
        (failed(400, "InvalidRequest", "no"), Rejected, "refused"),
        (failed(403, "Forbidden"), Rejected, "no_permission"),
        ((403, "<html>"), TryLater, "bad_answer"),
        ((429, {}), TryLater, "rate_limited"),
    ],
)
def test_the_servers_refusal_is_explained(answer: Any, error: type[NetworkError], code: str) -> None:
    repo = Repository()
    repo.fake.methods["createRecord"] = answer
    with pytest.raises(error) as caught:
        repo.publish(draft(media=[Media(content=b"x", content_type="image/png")]))
    assert caught.value.code == code


@pytest.mark.parametrize(("action", "name"), [(Action.LIKE, "like"), (Action.SHARE, "repost")])
def test_a_reaction_made_in_another_app_is_not_made_again(action: Action, name: str) -> None:
    uri = post_uri("a")
    repo = Repository(view(uri, viewer={name: f"at://{DID}/app.bsky.feed.{name}/other"}))
    repo.act(action, uri)
    assert not repo.records
    repo.views[uri]["viewer"] = {}
    repo.act(action, uri)
    repo.act(action, uri)
    assert repo.only["subject"] == {"uri": uri, "cid": f"cid of {uri}"}


def test_a_like_is_taken_back_whichever_app_made_it() -> None:
    uri = post_uri("a")
    repo = Repository(view(uri))
    repo.act(Action.LIKE, uri)
    repo.records["app.bsky.feed.like", "other"] = {}
    repo.views[uri]["viewer"] = {"like": f"at://{DID}/app.bsky.feed.like/other"}
    repo.act(Action.UNLIKE, uri)
    assert not repo.records


def test_only_our_own_can_be_deleted() -> None:
    repo = Repository()
    session = repo.fake.session()
    with pytest.raises(Rejected):
        Bluesky().delete(session, post_uri("a"))
    for uri in (repo.publish(draft()).remote_id, post_uri("gone", DID), "nonsense"):
        Bluesky().delete(session, uri)
    assert not repo.records
