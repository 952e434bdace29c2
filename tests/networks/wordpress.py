"""WordPress as a stranger and the blog's owner see it, on a real one (PHP and SQLite)."""

from __future__ import annotations

import html
import re
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx

from kuemmerer.networks.wordpress import WordPress
from kuemmerer.networks.world import World
from tests.servers import wordpress

STATUS = {"approved": "shown", "hold": "held", "spam": "spam", "trash": "trash"}


def seen(markup: str) -> str:
    """What a browser shows of this HTML, roughly; by other means than the connector's."""
    text = re.sub(r"<(?:br|/p|/div)[^>]*>", "\n", re.sub(r"\s+", " ", markup))
    text = html.unescape(re.sub(r"<[^>]+>", "", text))
    return re.sub(r" *\n[ \n]*", "\n", text).strip()


class WordPressWorld(World):
    """One blog, all its own: the database is as new for each World."""

    stranger = "Anna Muster"
    mentions = True
    edits = True
    honours_keys = True
    many = 105

    def __init__(self, server: wordpress.Server) -> None:
        self.connector = WordPress()
        self.server = server
        self.values = {"site": server.url, "user": server.user, "password": server.app_password}
        self.handle = server.user
        self._post = 0
        renew(server)

    def start(self) -> str:
        self._post = self.server.publish_post("Neues aus der Werkstatt", "Wir haben umgebaut.")
        return f"post-{self._post}"

    def stranger_writes(self, text: str, *, to: str = "") -> str:
        parent = number(to) if to.startswith("comment-") else None
        post = number(to) if to.startswith("post-") else self._post
        made = self.server.stranger_comments(post, self.stranger, "anna@example.com", text, parent)
        return f"comment-{made}"

    def stranger_mentions(self, text: str) -> str:
        self.start()
        page = f"<title>Annas Seite</title><p>{html.escape(text)}: <a href='{{}}'>Werkstatt</a></p>"
        with a_page(page.format(self.server.post_url(self._post))) as address:
            self.server.stranger_pings(address, self._post)
        return f"comment-{self.server.pingbacks(self._post)[0]['id']}"

    def stranger_edits(self, remote_id: str, text: str) -> None:
        self.server.edit_comment(number(remote_id), text)

    def stranger_deletes(self, remote_id: str) -> None:
        self.server.delete_comment(number(remote_id))

    def answers(self, remote_id: str) -> Sequence[str]:
        if remote_id.startswith("post-"):
            rows = [row for row in self.server.comments(number(remote_id)) if not row["parent"]]
        else:
            rows = self.server.replies_to(number(remote_id))
        return [seen(row["content"]["rendered"]) for row in rows]

    def posts(self) -> Sequence[str]:
        return [seen(row["content"]["rendered"]) for row in reversed(self.server.posts())]

    def state(self, remote_id: str) -> Mapping[str, Any]:
        try:
            status = self.server.comment_status(number(remote_id))
        except httpx.HTTPStatusError:
            return {"exists": False}
        return {"exists": True, "status": STATUS[status]}

    def revoke(self) -> None:
        self.server.revoke_app_password()


def number(remote_id: str) -> int:
    return int(remote_id.rpartition("-")[2])


def renew(server: wordpress.Server) -> None:
    """The blog as it was installed. PHP opens the database anew for each request."""
    database = server.site / "wp-content" / "database"
    shutil.rmtree(database)
    shutil.copytree(wordpress.install() / "site" / "wp-content" / "database", database)


@contextmanager
def a_page(markup: str) -> Iterator[str]:
    """A web page of somebody else's; its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(markup.encode())

        do_HEAD = do_GET  # noqa: N815

        def log_message(self, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/seite"
        server.shutdown()
        thread.join()


@contextmanager
def servers(folder: Path) -> Iterator[Callable[[], World]]:
    with wordpress.run(folder) as server:
        yield lambda: WordPressWorld(server)
