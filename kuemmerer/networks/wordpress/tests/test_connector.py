"""WordPress that misbehaves: what no healthy server would answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from kuemmerer.core.http import Client
from kuemmerer.networks.base import Draft, Item, Kind, Media, Person, Status, Target
from kuemmerer.networks.errors import AuthExpired, NetworkError, OutcomeUnknown, Rejected, TryLater
from kuemmerer.networks.session import Session
from kuemmerer.networks.wordpress import WordPress

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
SINCE = NOW - timedelta(days=7)
SETTINGS = {
    "root": "https://blog.example/wp-json/",
    "user": "desk",
    "user_id": 2,
    "name": "Team",
    "moderate_comments": True,
    "edit_posts": True,
}
VALUES = {"site": "https://blog.example", "user": "desk", "password": "abcd efgh"}
INDEX = {"name": "Blog", "namespaces": ["wp/v2"], "authentication": {"application-passwords": {}}}
ME = {"id": 2, "username": "desk", "name": "Team", "capabilities": {"edit_posts": True}}
Handler = Callable[[httpx.Request], httpx.Response]


@pytest.fixture
def connect_to() -> Iterator[Callable[[Handler], Session]]:
    clients = []

    def make(handler: Handler) -> Session:
        clients.append(Client(transport=httpx.MockTransport(handler)))
        return Session(
            client=clients[-1],
            now=NOW,
            settings=SETTINGS,
            secret={"password": "abcd"},
            account={"remote_id": "2", "handle": "desk"},
        )

    yield make
    for client in clients:
        client.close()


Connect = Callable[[Handler], Session]


def row(identity: int, **more: Any) -> dict[str, Any]:
    return {
        "id": identity,
        "post": 1,
        "parent": 0,
        "author": 0,
        "author_name": "Anna",
        "author_email": "Anna@Example.org",
        "date_gmt": "2026-05-04T10:00:00",
        "content": {"raw": f"Text {identity}", "rendered": f"<p>Text {identity}</p>"},
        "link": f"https://blog.example/#comment-{identity}",
        "status": "approved",
        "type": "comment",
        **more,
    }


def a_list(rows: list[Any], total: int | None = None) -> httpx.Response:
    headers = {"X-WP-Total": str(len(rows) if total is None else total)} if total != -1 else {}
    return httpx.Response(200, json=rows, headers=headers)


class Blog:
    """A list of comments, served as WordPress does."""

    def __init__(self, *rows: dict[str, Any]) -> None:
        self.rows = {entry["id"]: entry for entry in rows}
        self.asked: list[httpx.QueryParams] = []
        self.before_page: Callable[[int], None] = lambda count: None

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/posts"):
            return a_list([{"id": 1, "title": {"rendered": "Beitrag"}}])
        query = request.url.params
        self.asked.append(query)
        self.before_page(len(self.asked))
        rows = [self.rows[key] for key in sorted(self.rows, reverse=True)]
        if "include" in query:
            rows = [entry for entry in rows if str(entry["id"]) in query["include"].split(",")]
        if query["status"] == "hold":
            rows = [entry for entry in rows if entry["status"] == "hold"]
        start = int(query.get("offset", 0))
        return a_list(rows[start : start + int(query["per_page"])], len(rows))


def everything(
    session: Session, cursor: Mapping[str, Any] | None = None
) -> tuple[dict[str, Item], Mapping[str, Any]]:
    found: dict[str, Item] = {}
    cursor = cursor or {}
    for _ in range(50):
        batch = WordPress().fetch(session, cursor, since=SINCE)
        found |= {item.remote_id: item for item in batch.items}
        cursor = json.loads(json.dumps(batch.cursor))
        if not batch.more:
            found.pop("post-1", None)
            return found, cursor
    raise AssertionError("it never ends")


# ---- reading


@pytest.mark.parametrize(
    "broken",
    [
        {"id": None},
        {"id": "x"},
        {"content": None},
        {"content": "kaputt"},
        {"content": {"raw": None, "rendered": 5}},
        {"author": "zwei", "author_name": None, "author_email": 7},
        {"date_gmt": None},
        {"date_gmt": "-0001-11-30T00:00:00", "date": 12},
        {"link": "javascript:alert(1)", "author_url": "http://[::1"},
        {"status": None, "type": None},
        {"parent": "x", "post": None},
        {"type": "order_note"},
        {"post": -3, "parent": True},
    ],
)
def test_one_malformed_comment_never_loses_the_batch(connect_to: Connect, broken: dict[str, Any]) -> None:
    bad = row(2) | broken
    session = connect_to(lambda request: a_list([row(3), bad, None, 5, [], {}, row(1)]))
    found = {item.remote_id for item in WordPress().fetch(session, {}, since=SINCE).items}
    assert {"comment-1", "comment-3"} <= found
    for missing in bad:
        less = {key: value for key, value in bad.items() if key != missing}
        session = connect_to(lambda request, less=less: a_list([row(3), less, row(1)]))
        assert len(WordPress().fetch(session, {}, since=SINCE).items) >= 2


def test_people_are_told_apart_without_showing_their_address(connect_to: Connect) -> None:
    rows = [
        row(1),
        row(2, author_email=" anna@example.ORG "),
        row(3, author_email="bert@example.org"),
        row(4, author_email="", author_name="Anna"),
        row(5, author=9),
    ]
    found, _ = everything(connect_to(Blog(*rows)))
    ids = [found[f"comment-{number}"].author.remote_id for number in range(1, 6)]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 4
    assert ids[4] == "9"
    assert not [item for item in found.values() if "@" in repr(item.author)]


def test_spam_and_trash_open_no_case(connect_to: Connect) -> None:
    found, _ = everything(
        connect_to(Blog(row(1, status="spam"), row(2, status="trash"), row(3, status="hold")))
    )
    shown = [(item.status, item.addressed) for item in found.values()]
    assert shown == [(Status.SPAM, False), (Status.TRASH, False), (Status.HELD, True)]


def test_comments_that_vanish_between_two_pages_take_none_with_them(connect_to: Connect) -> None:
    blog = Blog(*[row(number) for number in range(1, 251)])

    def delete_some(count: int) -> None:
        if count == 2:
            for number in range(160, 190):
                del blog.rows[number]

    blog.before_page = delete_some
    found, _ = everything(connect_to(blog))
    assert {f"comment-{number}" for number in blog.rows} <= set(found)


def test_comments_that_come_between_two_pages_are_not_lost(connect_to: Connect) -> None:
    blog = Blog(*[row(number) for number in range(1, 251)])

    def write_some(count: int) -> None:
        if count == 2:
            blog.rows |= {number: row(number) for number in range(251, 281)}

    blog.before_page = write_some
    session = connect_to(blog)
    found, cursor = everything(session)
    more, _ = everything(session, cursor)
    assert len(found | more) == 280


def test_a_quiet_fetch_brings_nothing(connect_to: Connect) -> None:
    blog = Blog(*[row(number) for number in range(1, 131)])
    session = connect_to(blog)
    _, cursor = everything(session)
    assert everything(session, cursor)[0] == {}
    assert len(json.dumps(cursor)) < 6_000


def test_an_answer_without_a_total_proves_no_deletion(connect_to: Connect) -> None:
    _, cursor = everything(connect_to(Blog(row(1), row(2))))
    for answer in (a_list([], -1), httpx.Response(200, json=[None, {}])):
        batch = WordPress().fetch(connect_to(lambda request, answer=answer: answer), cursor, since=SINCE)
        assert not batch.items
        assert not batch.gone


def test_a_deletion_is_noticed(connect_to: Connect) -> None:
    blog = Blog(row(1), row(2), row(3))
    session = connect_to(blog)
    _, cursor = everything(session)
    for number in (1, 3, 2):
        del blog.rows[number]
        batch = WordPress().fetch(session, cursor, since=SINCE)
        cursor = batch.cursor
        assert batch.gone == [f"comment-{number}"]
    assert not WordPress().fetch(session, cursor, since=SINCE).gone


def test_a_page_too_large_is_asked_for_in_parts(connect_to: Connect) -> None:
    blog = Blog(*[row(number) for number in range(1, 21)])
    blog.rows[7]["content"] = {"raw": "x" * 50_000}
    session = connect_to(blog)
    session.client.max_bytes = 30_000
    found, _ = everything(session)
    assert len(found) == 19


@pytest.mark.parametrize("cursor", [{"walk": 5}, {"known": []}, {"seen": "x", "held": [None]}, {"since": 3}])
def test_a_mangled_cursor_is_no_obstacle(connect_to: Connect, cursor: dict[str, Any]) -> None:
    assert WordPress().fetch(connect_to(Blog(row(1))), cursor, since=SINCE).items


def test_json_behind_the_noise_of_php_is_read(connect_to: Connect) -> None:
    for noise in ("\ufeff", "<br />\n<b>Deprecated</b>: x in <b>y.php</b> on line <b>3</b><br />\n"):
        body = noise + json.dumps([row(1)])
        session = connect_to(
            lambda request, body=body: httpx.Response(200, text=body, headers={"X-WP-Total": "1"})
        )
        items = WordPress().fetch(session, {}, since=SINCE).items
        assert [item.kind for item in items] == [Kind.POST, Kind.COMMENT]


# ---- login


def test_the_interface_is_found_wherever_it_is(connect_to: Connect) -> None:
    link = '<https://www.blog.example/unten/wp-json/>; rel="https://api.w.org/"'
    tag = "<link rel='https://api.w.org/' href='https://www.blog.example/unten/wp-json/' />"
    old, new = "https://blog.example", "https://www.blog.example/unten"

    def asks(where: str, **page: Any) -> Handler:
        def answer(request: httpx.Request) -> httpx.Response:
            url = str(request.url)
            if url.startswith(where) and "users/me" in url:
                return httpx.Response(200, json=ME)
            if url.startswith(where):
                return httpx.Response(200, json=INDEX)
            if request.url.path in {"/", "/unten/"} and not request.url.query:
                return httpx.Response(**{"status_code": 200, "text": "<html>", **page})
            return httpx.Response(404, text="<html>")

        return answer

    ways: list[tuple[str, dict[str, Any]]] = [
        (f"{new}/wp-json/", {"headers": {"link": link}}),
        (f"{new}/wp-json/", {"text": tag}),
        (f"{old}/wp-json/", {}),
        (f"{old}/?rest_route=/", {}),
    ]
    for where, page in ways:
        connected = WordPress().connect(connect_to(asks(where, **page)), VALUES)
        assert connected.settings["root"] == where
        assert connected.settings["moderate_comments"] is False
        assert "abcd" not in json.dumps(connected.settings)


def test_a_redirect_is_followed_and_remembered(connect_to: Connect) -> None:
    sent = []

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.scheme == "http":
            sent.append(request.headers.get("authorization"))
            target = request.url.copy_with(scheme="https")
            return httpx.Response(301, headers={"location": str(target)})
        if "users/me" in str(request.url):
            return httpx.Response(200, json=ME)
        if request.url.path == "/wp-json/":
            return httpx.Response(200, json=INDEX)
        return httpx.Response(200, text="<html>")

    connected = WordPress().connect(connect_to(answer), {**VALUES, "site": "http://blog.example"})
    assert connected.settings["root"] == "https://blog.example/wp-json/"
    assert set(sent) == {None}


@pytest.mark.parametrize(
    ("index", "status", "body", "error", "code"),
    [
        (INDEX, 401, {"code": "incorrect_password", "message": "x"}, AuthExpired, "wrong_login"),
        (INDEX, 401, {"code": "rest_not_logged_in", "message": "x"}, AuthExpired, "wrong_login"),
        (
            INDEX,
            401,
            {"code": "application_passwords_disabled_for_user", "message": "<b>Nein</b>"},
            Rejected,
            "wordpress_no_application_passwords",
        ),
        (
            {**INDEX, "authentication": []},
            401,
            {"code": "rest_not_logged_in"},
            Rejected,
            "wordpress_no_application_passwords",
        ),
        (INDEX, 403, {"code": "rest_forbidden", "message": "Nein"}, Rejected, "no_permission"),
        (INDEX, 200, [], Rejected, "not_this_network"),
        (INDEX, 200, {"id": 0}, Rejected, "not_this_network"),
        ({"namespaces": ["oembed/1.0"]}, 200, ME, Rejected, "not_this_network"),
        ({"code": "rest_disabled", "message": "Aus"}, 200, ME, Rejected, "not_this_network"),
    ],
)
def test_a_login_that_fails_says_why(
    connect_to: Connect, index: Any, status: int, body: Any, error: type[NetworkError], code: str
) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if "users/me" in str(request.url):
            return httpx.Response(status, json=body)
        if "wp-json" in str(request.url) or "rest_route" in str(request.url):
            return httpx.Response(200, json=index)
        return httpx.Response(200, text="<html>")

    with pytest.raises(error) as caught:
        WordPress().connect(connect_to(answer), VALUES)
    assert caught.value.code == code
    assert "<" not in caught.value.words


def test_an_interface_for_members_only_is_logged_into(connect_to: Connect) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if "users/me" in str(request.url):
            return httpx.Response(200, json=ME)
        return httpx.Response(401, json={"code": "rest_login_required", "message": "Nur für Mitglieder"})

    assert WordPress().connect(connect_to(answer), VALUES).account.handle == "desk"


# ---- writing


TARGET = Target(remote_id="comment-5", thread_id="post-1", author=Person(remote_id="e-1"))


def test_a_redirected_answer_is_no_success(connect_to: Connect) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            return httpx.Response(
                301, headers={"location": "https://www.blog.example/wp-json/wp/v2/comments"}
            )
        return httpx.Response(200, json=row(5))

    with pytest.raises(Rejected):
        WordPress().publish(
            connect_to(answer), Draft(text="Ja", written_at=NOW, reply_to=TARGET), key=32 * "a"
        )


def test_an_answer_under_a_post_has_no_parent(connect_to: Connect) -> None:
    sent = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(json.loads(request.content))
        return httpx.Response(201, json={"id": 8, "link": "https://blog.example/#comment-8"})

    target = Target(remote_id="post-1", thread_id="post-1", author=Person(remote_id="2"), kind=Kind.POST)
    draft = Draft(text="Ja", written_at=NOW, reply_to=target)
    assert WordPress().publish(connect_to(answer), draft, key=32 * "a").remote_id == "comment-8"
    assert sent == [{"post": 1, "parent": 0, "content": "Ja"}]


def test_a_picture_refused_or_lost_publishes_nothing(connect_to: Connect) -> None:
    draft = Draft(
        text="Ja", written_at=NOW, media=[Media(content=b"x", content_type="image/png", alt="Bild")]
    )
    for status, error in ((500, Rejected), (413, Rejected), (502, TryLater), (200, TryLater)):
        asked = []

        def answer(request: httpx.Request, status: int = status, asked: list[str] = asked) -> httpx.Response:
            asked.append(request.method + request.url.path)
            if request.method == "GET":
                return a_list([])
            return httpx.Response(status, text="<p>Kein Bild</p>")

        with pytest.raises(error):
            WordPress().publish(connect_to(answer), draft, key=32 * "a")
        assert "POST/wp-json/wp/v2/posts" not in asked


def test_a_created_post_without_an_id_is_an_open_question(connect_to: Connect) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return a_list([]) if request.method == "GET" else httpx.Response(201, json={"link": "x"})

    with pytest.raises(OutcomeUnknown):
        WordPress().publish(connect_to(answer), Draft(text="Ja", written_at=NOW), key=32 * "a")


def test_deleting_where_there_is_no_bin_deletes_for_good(connect_to: Connect) -> None:
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.params.get("force"))
        return httpx.Response(501 if len(asked) == 1 else 200, json={"code": "rest_trash_not_supported"})

    WordPress().delete(connect_to(answer), "comment-5")
    assert asked == [None, "true"]
