from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuemmerer.networks.base import (
    Absent,
    Action,
    Delivered,
    Draft,
    Kind,
    Media,
    Person,
    Target,
    Visibility,
)
from kuemmerer.networks.errors import OutcomeUnknown, Rejected, Unsupported
from kuemmerer.networks.mastodon import Mastodon
from kuemmerer.networks.mastodon.tests.fake import ME, NOW, FakeMastodon
from kuemmerer.networks.mastodon.writing import WIDEST_FIRST, narrowest

MASTODON = Mastodon()
KEY = "0123456789abcdef0123456789abcdef"
ERNA = Person(remote_id="erna@far.example", handle="erna@far.example")


def answer(text: str = "@erna@far.example Ja!", *, to: str = "1", **more: Any) -> Draft:
    visibility = more.pop("seen_as", Visibility.PUBLIC)
    target = Target(remote_id=to, thread_id="1", author=ERNA, visibility=visibility)
    return Draft(text=text, written_at=NOW, reply_to=target, **more)


# ---- publish


@given(st.sampled_from([None, *WIDEST_FIRST]), st.sampled_from(WIDEST_FIRST), st.sampled_from(WIDEST_FIRST))
def test_an_answer_is_never_wider_than_what_it_answers(
    wished: Visibility | None, stored: Visibility, present: Visibility
) -> None:
    rank = WIDEST_FIRST.index
    assert rank(narrowest(wished, stored, present)) >= max(rank(stored), rank(present))
    assert narrowest(None, stored) == stored


@pytest.mark.parametrize(
    ("target", "wished", "sent"),
    [
        ("public", None, "public"),
        ("unlisted", Visibility.PUBLIC, "unlisted"),
        ("private", None, "private"),
        ("direct", Visibility.PUBLIC, "direct"),
        ("public", Visibility.UNLISTED, "unlisted"),
        ("mutuals_only", None, "private"),
    ],
)
def test_the_visibility_is_that_of_the_target_as_it_is_now(
    target: str, wished: Visibility | None, sent: str
) -> None:
    server = FakeMastodon()
    server.write("1", "Frage", visibility=target)
    MASTODON.publish(server.session(), answer(visibility=wished), key=KEY)
    assert server.posted[0]["visibility"] == sent


def test_the_text_approved_is_the_text_sent() -> None:
    server = FakeMastodon()
    server.write("1", "Frage")
    MASTODON.publish(server.session(), answer("Ohne Anrede", language="de-AT"), key=KEY)
    assert server.posted == [
        {"status": "Ohne Anrede", "in_reply_to_id": "1", "visibility": "public", "language": "de"}
    ]


def test_nothing_is_sent_as_an_answer_to_what_is_gone() -> None:
    server = FakeMastodon()
    with pytest.raises(Rejected) as caught:
        MASTODON.publish(server.session(), answer(), key=KEY)
    assert caught.value.code == "gone"
    assert not server.posted


def test_the_servers_own_words_reach_the_author() -> None:
    server = FakeMastodon()
    words = "Validation failed: Text contains a forbidden word"
    server.before = lambda request: (
        httpx.Response(422, json={"error": words}) if request.method == "POST" else None
    )
    with pytest.raises(Rejected) as caught:
        MASTODON.publish(server.session(), Draft(text="Neues", written_at=NOW), key=KEY)
    assert (caught.value.code, caught.value.words) == ("refused", words)


def test_a_link_beside_the_text_is_sent_below_it_and_counted() -> None:
    server = FakeMastodon()
    draft = Draft(text="Neues", link="https://example.org/a", written_at=NOW)
    MASTODON.publish(server.session(), draft, key=KEY)
    assert server.posted[0]["status"] == "Neues\n\nhttps://example.org/a"
    with pytest.raises(Rejected):
        MASTODON.check_text(Draft(text=490 * "x", link=draft.link, written_at=NOW), {})


def test_a_draft_is_not_published() -> None:
    draft = Draft(text="Noch nicht", written_at=NOW, publish=False)
    with pytest.raises(Unsupported):
        MASTODON.publish(FakeMastodon().session(), draft, key=KEY)


def test_a_picture_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kuemmerer.networks.mastodon.writing.time.sleep", lambda seconds: None)
    server = FakeMastodon()
    states = iter([206, 206, 200])

    def media(request: httpx.Request) -> httpx.Response | None:
        if request.url.path == "/api/v2/media":
            assert b"Ein rotes Quadrat" in request.content
            return httpx.Response(202, json={"id": "55"})
        if request.url.path == "/api/v1/media/55":
            return httpx.Response(next(states), json={"id": "55"})
        return None

    server.before = media
    picture = Media(content=b"png", content_type="image/png", alt="Ein rotes Quadrat")
    MASTODON.publish(server.session(), Draft(text="Bild", written_at=NOW, media=[picture]), key=KEY)
    assert server.posted[0]["media_ids"] == ["55"]
    assert next(states, None) is None


@pytest.mark.parametrize(
    "limits",
    [
        {"max_media_attachments": 1},
        {"mime_types": ["image/jpeg"]},
        {"image_size_limit": 2},
        {"description_limit": 3},
    ],
)
def test_a_picture_the_server_would_refuse_is_not_sent(limits: dict[str, Any]) -> None:
    picture = Media(content=b"png", content_type="image/png", alt="Ein Bild")
    draft = Draft(text="Bild", written_at=NOW, media=[picture, picture])
    with pytest.raises(Rejected) as caught:
        MASTODON.check_text(draft, {"limits": limits})
    assert caught.value.code == "bad_media"


# ---- find


def found(server: FakeMastodon, draft: Draft, **settings: Any) -> Any:
    return MASTODON.find(server.session(**settings), draft, key=KEY)


@pytest.mark.parametrize(
    "content",
    [
        '<span class="h-card"><a href="https://far.example/@erna">@<span>erna</span></a></span> Ja!',
        "@erna@far.example  Ja!",
        "@erna&#8203; Ja!",
    ],
)
def test_our_answer_is_found_however_the_server_shows_it(content: str) -> None:
    server = FakeMastodon()
    server.write("1", "Frage")
    server.write("2", content, by=ME, to="1")
    assert found(server, answer()) == Delivered(remote_id="2", url="https://example.org/@x/2")


def test_where_what_is_shown_differs_the_source_decides() -> None:
    server = FakeMastodon()
    server.write("1", "Frage")
    server.write("2", "@erna Das ist fett!", by=ME, to="1", source="@erna@far.example Das ist **fett**!")
    assert isinstance(found(server, answer("@erna@far.example Das ist **fett**!")), Delivered)
    assert isinstance(found(server, answer("@erna@far.example Das ist fett?")), Absent)


def test_what_cannot_be_told_apart_is_left_to_a_person() -> None:
    server = FakeMastodon()
    server.write("1", "Frage")
    server.write("2", "@erna Hier der Link: Anfahrt und Öffnungszeiten", by=ME, to="1")
    wanted = "@erna@far.example Hier der Link: [Anfahrt und Öffnungszeiten](https://x.de)"
    assert found(server, answer(wanted)) is None


@pytest.mark.parametrize(
    "other",
    [
        {"to": "1", "at": NOW - timedelta(minutes=6)},
        {"to": "0"},
        {"to": "1", "by": {"id": "7", "acct": "otto"}},
    ],
)
def test_the_same_words_elsewhere_are_not_ours(other: dict[str, Any]) -> None:
    server = FakeMastodon()
    server.write("0", "Andere Frage")
    server.write("1", "Frage")
    server.write("2", "@erna Ja!", **{"by": ME, **other})
    assert isinstance(found(server, answer()), Absent)


def test_absence_is_proved_only_by_seeing_everything() -> None:
    server = FakeMastodon(page=2)
    for number in range(60):
        server.write(f"p{number:02}", f"Beitrag {number}", by=ME)
    draft = Draft(text="Nie gesendet", written_at=NOW)
    assert found(server, draft) is None, "ten pages were not enough"
    server.write("a", "Altes", by=ME, at=NOW - timedelta(days=2))
    older = FakeMastodon(page=2)
    older.write("a", "Altes", by=ME, at=NOW - timedelta(days=2))
    older.write("b", "Altes", by=ME, at=NOW - timedelta(days=2))
    older.write("c", "Neues", by=ME)
    assert isinstance(found(older, draft), Absent)


def test_an_account_without_statuses_never_sent_anything() -> None:
    assert isinstance(found(FakeMastodon(), Draft(text="Nie gesendet", written_at=NOW)), Absent)


# ---- delete and act


def test_a_server_that_cannot_delete_says_so() -> None:
    server = FakeMastodon()
    server.write("1", "Neues", by=ME)
    with pytest.raises(Unsupported):
        MASTODON.delete(server.session(), "1")
    MASTODON.delete(server.session(), "2")


@pytest.mark.parametrize(
    ("action", "state"),
    [
        (Action.LIKE, {"favourited": True}),
        (Action.UNLIKE, {"favourited": False}),
        (Action.SHARE, {"reblogged": True}),
    ],
)
def test_what_is_so_already_is_no_error(action: Action, state: dict[str, bool]) -> None:
    server = FakeMastodon()
    target = Target(remote_id="1", thread_id="1", author=ERNA)
    server.write("1", "Frage", **state)
    MASTODON.act(server.session(), action, target)
    server.write("1", "Frage", **{name: not value for name, value in state.items()})
    with pytest.raises(Rejected):
        MASTODON.act(server.session(), action, target)


def test_a_reaction_can_be_neither_liked_nor_answered() -> None:
    target = Target(remote_id="like:2:1", thread_id="1", author=ERNA, kind=Kind.LIKE)
    with pytest.raises(Unsupported):
        MASTODON.act(FakeMastodon().session(), Action.LIKE, target)
    with pytest.raises(Unsupported):
        MASTODON.publish(FakeMastodon().session(), answer(to="like:2:1"), key=KEY)


def test_an_answer_without_an_id_is_no_proof() -> None:
    server = FakeMastodon()
    server.before = lambda request: (
        httpx.Response(200, json={"ok": True}) if request.method == "POST" else None
    )
    with pytest.raises(OutcomeUnknown):
        MASTODON.publish(server.session(), Draft(text="Neues", written_at=NOW), key=KEY)
