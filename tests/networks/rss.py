"""A feed as its readers see it: the one of a real WordPress, and odd ones from a small server of our own."""

from __future__ import annotations

import html
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from kuemmerer.networks.base import Kind
from kuemmerer.networks.rss import Rss
from kuemmerer.networks.world import World
from tests.networks.wordpress import renew
from tests.servers import wordpress


class FeedWorld(World):
    """The feed of a blog. The stranger is whoever writes there; each entry is a conversation of its own."""

    answer_kind = Kind.ENTRY
    deletions = False
    many = 9  # WordPress shows ten

    def __init__(self, server: wordpress.Server) -> None:
        self.connector = Rss()
        self.server = server
        self.values = {"address": f"{server.url}/feed/"}
        self.handle = server.url.removeprefix("http://")
        renew(server)

    def start(self) -> str:
        return self._publish("Der Anfang")

    def stranger_writes(self, text: str, *, to: str = "") -> str:
        return self._publish(text)

    def _publish(self, text: str) -> str:
        paragraphs = "".join(f"<p>{part}</p>" for part in text.split("\n\n"))
        made = self.server.publish_post("Neues", paragraphs)
        return html.unescape(str(self.server.post(made)["guid"]["rendered"]))

    def answers(self, remote_id: str) -> Sequence[str]:
        return []

    def posts(self) -> Sequence[str]:
        return []

    def state(self, remote_id: str) -> Mapping[str, Any]:
        return {"exists": True}

    def revoke(self) -> None:
        """There is nothing to withdraw."""


@contextmanager
def servers(folder: Path) -> Iterator[Callable[[], World]]:
    with wordpress.run(folder) as server:
        yield lambda: FeedWorld(server)


class OddServer:
    """Answers each path with what was put there: (status, headers, body). Remembers what it was asked."""

    def __init__(self) -> None:
        self.pages: dict[str, tuple[int, Mapping[str, str], bytes]] = {}
        self.asked: list[tuple[str, Mapping[str, str]]] = []
        self.url = ""

    def put(self, path: str, body: bytes | str, status: int = 200, **headers: str) -> str:
        content = body.encode() if isinstance(body, str) else body
        self.pages[path] = (
            status,
            {name.replace("_", "-"): value for name, value in headers.items()},
            content,
        )
        return self.url + path


@contextmanager
def odd_server() -> Iterator[OddServer]:
    odd = OddServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            odd.asked.append((self.path, dict(self.headers.items())))
            status, headers, body = odd.pages.get(self.path, (404, {}, b""))
            if headers.get("ETag") and self.headers.get("If-None-Match") == headers["ETag"]:
                status, body = 304, b""
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        odd.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield odd
        server.shutdown()
        thread.join()
