"""The harness itself: every server goes the stranger's way round once, the proxy through all its faults."""

from __future__ import annotations

import os
import signal
import smtplib
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from tests.servers import (
    Missing,
    bluesky,
    client,
    eventually,
    free_port,
    mail,
    mastodon_mock,
    postgres,
    proxy,
    snac,
    wordpress,
)

pytestmark = pytest.mark.servers


# ---- WordPress


def test_a_stranger_comments_on_a_blog_post_and_everyone_reads_the_answer(tmp_path: Path) -> None:
    with wordpress.run(tmp_path) as blog:
        post = blog.publish_post("Neue Öffnungszeiten", "Ab Montag sind wir länger da.")
        question = blog.stranger_comments(post, "Erna", "erna@example.com", "Auch samstags?")
        desk = httpx.BasicAuth(blog.user, blog.app_password)
        with client(blog.url) as http:
            answer = http.post(
                "/wp-json/wp/v2/comments",
                auth=desk,
                json={"post": post, "parent": question, "content": "Ja, bis 14 Uhr."},
            )
        assert answer.status_code == 201
        assert [reply["content"]["rendered"] for reply in blog.replies_to(question)] == [
            "<p>Ja, bis 14 Uhr.</p>\n"
        ]
        assert len(blog.comments(post)) == 2
        assert "Ja, bis 14 Uhr." in blog.page(blog.post_url(post))

        blog.edit_comment(question, "Auch sonntags?")
        assert "sonntags" in blog.comments(post)[0]["content"]["rendered"]
        blog.set_comment_status(question, "spam")
        assert question not in [comment["id"] for comment in blog.comments(post)]
        blog.delete_comment(question)
        with pytest.raises(httpx.HTTPStatusError, match="404"):
            blog.comment_status(question)


def test_two_blogs_run_side_by_side_and_link_to_each_other(tmp_path: Path) -> None:
    with wordpress.run(tmp_path) as ours, wordpress.run(tmp_path, name="other") as other:
        post = ours.publish_post("Rezept", "Apfelkuchen")
        link = other.publish_post("Gelesen", f'<a href="{ours.post_url(post)}">Apfelkuchen</a>')
        ours.stranger_pings(other.post_url(link), post)
        assert ours.pingbacks(post)[0]["author_url"] == other.post_url(link)
        assert other.comments(link) == []


def test_a_moderated_blog_holds_strangers_comments_and_knows_flood_and_lost_access(tmp_path: Path) -> None:
    with wordpress.run(tmp_path, moderation=True, flood_check=True) as blog:
        post = blog.publish_post("Hallo", "Welt")
        held = blog.stranger_comments(post, "Max", "max@example.com", "Hallo?")
        assert blog.comment_status(held) == "hold"
        assert blog.comments(post) == []
        with pytest.raises(httpx.HTTPStatusError, match="429"):
            blog.stranger_comments(post, "Max", "max@example.com", "Hallo!!")
        blog.set_comment_status(held, "approve")
        assert len(blog.comments(post)) == 1
        with client(blog.url) as http:
            call = ("/wp-json/wp/v2/users/me", httpx.BasicAuth(blog.user, blog.app_password))
            assert http.get(call[0], auth=call[1]).status_code == 200
            blog.revoke_app_password()
            assert http.get(call[0], auth=call[1]).status_code == 401


# ---- Mastodon's API


def test_a_stranger_mentions_the_desk_on_snac_and_sees_the_answer(tmp_path: Path) -> None:
    with snac.run(tmp_path) as server:
        asked = server.stranger_mentions("Wann öffnet ihr?")
        seen = eventually(lambda: server.desk.notifications("mention"))[0]
        assert seen["status"]["id"] == asked
        answered = server.desk.says("@stranger Um neun.", to=asked)
        replies = eventually(lambda: server.replies_to(asked))
        assert [reply["id"] for reply in replies] == [answered]
        server.stranger_replies(answered, "Danke!")
        server.stranger_favourites(answered)
        server.stranger_boosts(answered)
        eventually(lambda: server.desk.notifications("favourite") and server.desk.notifications("reblog"))
        eventually(lambda: len(server.desk.notifications("mention")) == 2)


def test_two_snac_instances_federate(tmp_path: Path) -> None:
    with snac.pair(tmp_path) as (ours, other):
        other.stranger.says(f"{ours.address()} Grüße von nebenan")
        seen = eventually(lambda: ours.desk.notifications("mention"))[0]
        assert seen["account"]["acct"] == f"stranger@{other.host}"
        ours.desk.says(f"{other.address('stranger')} Grüße zurück", to=seen["status"]["id"])
        back = eventually(lambda: other.stranger.notifications("mention"))[0]
        assert "Grüße zurück" in back["status"]["content"]


def test_mastodon_mock_keeps_threads_edits_deletions_and_idempotency_keys(tmp_path: Path) -> None:
    with mastodon_mock.run(tmp_path) as server:
        asked = server.stranger_mentions("Wann?")
        answered = server.desk.says("@stranger Um neun.", to=asked)
        assert [reply["id"] for reply in server.replies_to(asked)] == [answered]
        server.stranger_favourites(answered)
        server.stranger_boosts(answered)
        server.stranger_follows()
        kinds = {seen["type"] for seen in server.desk.notifications()}
        assert kinds == {"mention", "favourite", "reblog", "follow"}
        server.edit(asked, "@desk Wann genau?")
        assert "genau" in server.desk.sees(asked)["content"]
        server.delete(asked)
        with pytest.raises(httpx.HTTPStatusError, match="404"):
            server.desk.sees(asked)
        with client(server.url, token=server.desk.token) as http:
            http.headers["Idempotency-Key"] = "once"
            twice = [http.post("/api/v1/statuses", data={"status": "Einmal"}).json()["id"] for _ in "ab"]
        assert twice[0] == twice[1]
        assert [status["id"] for status in server.statuses_by_desk()] == [twice[0], answered]


def test_mastodon_mock_fails_and_limits_to_order(tmp_path: Path) -> None:
    with mastodon_mock.run(tmp_path, rate_limit=4) as server:
        with client(server.url, token=server.desk.token) as http:
            path = "/api/v1/notifications"
            server.fail("/notifications$", status=503)
            server.limit_rate("/notifications$", retry_after=7)
            server.garble("/notifications$")
            assert http.get(path).status_code == 503
            limited = http.get(path)
            assert (limited.status_code, limited.headers["Retry-After"]) == (429, "7")
            with pytest.raises(ValueError, match="Unterminated string"):
                http.get(path).json()
            assert server.faults() == []
            counted = [
                http.get(path).status_code for _ in range(5)
            ]  # answers of the fault rules do not count
            assert counted == [200, 200, 200, 200, 429]
        token = server.new_desk_token()
        server.revoke(token)
        with client(server.url, token=token) as http:
            assert http.get("/api/v1/accounts/verify_credentials").status_code == 401


# ---- Bluesky


@pytest.mark.slow
def test_a_stranger_mentions_the_desk_on_bluesky_and_sees_the_answer(tmp_path: Path) -> None:
    with bluesky.run(tmp_path, rate_limits=True) as server:
        asked = server.stranger_mentions("Wann öffnet ihr?")
        with client(server.pds_url) as http:
            login = {"identifier": server.desk.handle, "password": server.desk.app_password}
            session = http.post("/xrpc/com.atproto.server.createSession", json=login)
            assert session.status_code == 200
            assert session.headers["ratelimit-limit"] == "30"
            http.headers["Authorization"] = f"Bearer {session.json()['accessJwt']}"
            seen = http.get("/xrpc/app.bsky.notification.listNotifications").json()["notifications"]
        assert [(one["uri"], one["reason"]) for one in seen] == [(asked, "mention")]

        above = server.ref(asked)
        answered = server.desk.writes(
            "app.bsky.feed.post", text="Um neun.", reply={"root": above, "parent": above}
        )
        assert [reply["uri"] for reply in server.replies_to(asked)] == [answered]
        server.stranger_likes(answered)
        server.stranger_reposts(answered)
        server.stranger_quotes(answered, "Gut zu wissen")
        thanks = server.stranger_replies(answered, "Danke!")
        post = server.thread(asked)["replies"][0]["post"]
        counts = [post[f"{kind}Count"] for kind in ("like", "repost", "quote", "reply")]
        assert counts == [1, 1, 1, 1]
        server.stranger_deletes(thanks)
        assert server.replies_to(answered) == []
        assert [one["uri"] for one in server.posts_by_desk()] == [answered]


# ---- PostgreSQL and mail


def test_a_database_cluster_comes_and_goes(tmp_path: Path) -> None:
    with postgres.run(tmp_path) as server:
        assert server.sql("select 'Käse' || 1") == "Käse1\n"
        assert server.create_database("second").endswith("/second")
        assert server.sql("select current_database()", database="second") == "second\n"
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", server.port)) != 0


def test_a_mail_arrives_and_a_refused_one_does_not() -> None:
    letter = EmailMessage()
    letter["From"], letter["To"], letter["Subject"] = "desk@example.com", "chefin@example.com", "Fällig"
    letter.set_content("Eine Beschwerde wartet.")
    with mail.run(user="desk", password="geheim") as server:
        with smtplib.SMTP(server.host, server.port) as line:
            with pytest.raises(smtplib.SMTPSenderRefused):
                line.send_message(letter)
            line.login("desk", "geheim")
            server.refuse()
            with pytest.raises(smtplib.SMTPRecipientsRefused):
                line.send_message(letter)
            line.send_message(letter)
        (got,) = server.wait(1)
        assert (got.subject, got.text.strip()) == ("Fällig", "Eine Beschwerde wartet.")
        assert got.recipients == ("chefin@example.com",)


# ---- the proxy


class Upstream(BaseHTTPRequestHandler):
    """Counts what it is asked to do."""

    protocol_version = "HTTP/1.1"
    done: list[tuple[str, bytes, str]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.done.append((self.path, body, self.headers["Host"]))
        text = b'{"id": "1", "text": "a longer answer which can be cut"}'
        self.send_response(201)
        self.send_header("Content-Length", str(len(text)))
        self.send_header("Location", f"http://{self.headers['Host']}/posts/1")
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST  # noqa: N815

    def log_message(self, *_said: object) -> None:
        pass


@pytest.fixture
def between() -> Iterator[proxy.Proxy]:
    Upstream.done.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    with proxy.run(f"http://127.0.0.1:{server.server_address[1]}") as running:
        yield running
    server.shutdown()
    server.server_close()


def test_the_proxy_passes_requests_and_hides_secrets(between: proxy.Proxy) -> None:
    with client(between.url, token="geheim") as http:
        answer = http.post("/posts?a=1", content=b"Hallo")
        chunked = http.post("/posts", content=iter([b"in ", b"parts"]))
    assert answer.status_code == chunked.status_code == 201
    assert answer.headers["Location"] == f"{between.url}/posts/1"
    assert [body for _, body, _ in Upstream.done] == [b"Hallo", b"in parts"]
    assert Upstream.done[0][2] == between.upstream.removeprefix("http://")
    first = eventually(lambda: between.requests(r"\?a=1"))[0]
    assert (first.method, first.body_size, first.status, first.forwarded) == ("POST", 5, 201, True)
    assert first.headers["authorization"] == "***"


def test_the_proxy_answers_in_the_servers_place_once(between: proxy.Proxy) -> None:
    between.answer("/posts", 429, headers={"Retry-After": "3"}, body='{"error": "slow down"}', method="POST")
    with client(between.url) as http:
        assert http.get("/posts").status_code == 201
        refused = http.post("/posts")
        assert (refused.status_code, refused.headers["Retry-After"]) == (429, "3")
        assert refused.json() == {"error": "slow down"}
        assert http.post("/posts").status_code == 201
    assert len(Upstream.done) == 2


@pytest.mark.parametrize("reset", [False, True])
def test_the_proxy_cuts_before_or_after_the_server_acted(between: proxy.Proxy, reset: bool) -> None:
    between.cut_before("/posts", reset=reset)
    between.cut_after("/posts", reset=reset)
    with client(between.url) as http:
        with pytest.raises(httpx.TransportError):
            http.post("/posts", content=b"one")
        assert Upstream.done == []
        with pytest.raises(httpx.TransportError):
            http.post("/posts", content=b"two")
        assert [body for _, body, _ in Upstream.done] == [b"two"]
        assert http.post("/posts", content=b"three").status_code == 201
    assert between.pending_orders() == 0
    eventually(lambda: len(between.requests()) == 3)
    seen = [(one.fault, one.forwarded, one.status) for one in between.requests()]
    assert seen == [("cut before", False, None), ("cut after", True, None), ("pass", True, 201)]


def test_the_proxy_delays_hangs_and_truncates(between: proxy.Proxy) -> None:
    between.delay("/posts", 0.3)
    between.hang_after("/posts", 30)
    between.truncate("/posts", keep=9)
    with client(between.url, timeout=1) as http:
        start = time.monotonic()
        assert http.post("/posts").status_code == 201
        assert time.monotonic() - start > 0.3
        with pytest.raises(httpx.ReadTimeout):
            http.post("/posts")
        assert len(Upstream.done) == 2
        with pytest.raises(httpx.RemoteProtocolError):
            http.post("/posts")
        assert len(Upstream.done) == 3


def test_a_blog_behind_the_proxy_neither_redirects_nor_notices(tmp_path: Path) -> None:
    with wordpress.run(tmp_path) as blog, proxy.run(blog.url) as between, client(between.url) as http:
        post = blog.publish_post("Hallo", "Welt")
        desk = httpx.BasicAuth(blog.user, blog.app_password)
        between.cut_after("/wp/v2/comments", method="POST")
        with pytest.raises(httpx.TransportError):
            http.post("/wp-json/wp/v2/comments", auth=desk, json={"post": post, "content": "Danke!"})
        assert len(blog.comments(post)) == 1
        page = http.get(blog.post_url(post).replace(blog.url, ""))
        assert page.status_code == 200


def test_a_blog_may_believe_that_the_proxys_address_is_its_own(tmp_path: Path) -> None:
    port = free_port()
    public = f"http://127.0.0.1:{port}"
    with (
        wordpress.run(tmp_path, public_url=public) as blog,
        proxy.run(blog.url, port=port, keep_host=True) as between,
        client(between.url) as http,
    ):
        post = blog.publish_post("Hallo", "Welt")
        blog.stranger_comments(post, "Erna", "erna@example.com", "Guten Tag")
        seen = http.get("/wp-json/wp/v2/comments").json()
        assert seen[0]["link"].startswith(public)
        assert "Guten Tag" in blog.page(blog.post_url(post))
        # The record is written once the answer has been passed on, which its reader may have long before.
        assert eventually(lambda: between.requests("/hallo/"))[0].status == 200


# ---- nothing is left behind


def test_a_killed_test_run_takes_its_servers_with_it(tmp_path: Path) -> None:
    script = (
        "import sys, time, pathlib\n"
        "from tests.servers import Process\n"
        "folder = pathlib.Path(sys.argv[1])\n"
        "child = Process(['sh', '-c', 'sleep 300 & echo $! > pid; wait'], folder=folder, name='sleeper')\n"
        "time.sleep(300)\n"
    )
    root = Path(__file__).parents[2]
    run = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], cwd=root)
    written = tmp_path / "pid"
    grandchild = int(eventually(lambda: written.read_text().strip() if written.exists() else None))
    run.send_signal(signal.SIGKILL)
    run.wait()

    def gone() -> bool:
        try:
            os.kill(grandchild, 0)
        except ProcessLookupError:
            return True
        return False

    assert eventually(gone, within=5)


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    from tests.servers import Process

    child = Process(["sh", "-c", "echo no such database >&2; exit 4"], folder=tmp_path, name="broken")
    with pytest.raises(Missing, match="broken ended with 4: no such database"):
        child.wait_for_port(1, within=5)
