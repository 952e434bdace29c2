"""A reverse proxy which misbehaves to order, in front of one real server.

    with proxy.run(server.url) as between:
        between.cut_after(r"/api/v1/statuses$", method="POST")
        ...                      # the server gets the post, the client never hears of it

Each order names a method (or any) and a regular expression searched in the path with its query; it serves
``count`` requests (None: all from now on) and the first order that fits wins. Starts in 1 ms.
"""

from __future__ import annotations

import http.client
import re
import socket
import struct
import threading
import urllib.parse
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar, Literal

Kind = Literal["pass", "delay", "answer", "cut before", "cut after", "hang after", "truncate"]
HOP = {"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}
SECRET = {"authorization", "cookie", "set-cookie"}


@dataclass(frozen=True)
class Seen:
    """One request as it came in, and what became of it; ``status`` None: nothing was answered."""

    method: str
    path: str
    headers: Mapping[str, str]
    body_size: int
    fault: Kind
    forwarded: bool
    status: int | None


@dataclass
class _Order:
    kind: Kind
    path: re.Pattern[str]
    method: str | None
    left: int | None
    seconds: float = 0.0
    status: int = 500
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    keep: int = 0
    reset: bool = False


@dataclass
class Proxy:
    """Takes orders and remembers what passed; safe to use while requests are under way."""

    url: str
    upstream: str
    keep_host: bool
    timeout: float
    _orders: list[_Order] = field(default_factory=list)
    _seen: list[Seen] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _stopping: threading.Event = field(default_factory=threading.Event)

    # ---- orders

    def passes(self, path: str, *, method: str | None = None, count: int | None = 1) -> None:
        """Let it through; of use before a wider order."""
        self._add(_Order("pass", re.compile(path), method, count))

    def delay(self, path: str, seconds: float, *, method: str | None = None, count: int | None = 1) -> None:
        """Wait, then forward."""
        self._add(_Order("delay", re.compile(path), method, count, seconds=seconds))

    def answer(
        self,
        path: str,
        status: int,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | str = b"",
        method: str | None = None,
        count: int | None = 1,
    ) -> None:
        """Answer in the server's place; it never sees the request."""
        data = body.encode() if isinstance(body, str) else body
        self._add(
            _Order("answer", re.compile(path), method, count, status=status, headers=headers or {}, body=data)
        )

    def cut_before(
        self, path: str, *, method: str | None = None, count: int | None = 1, reset: bool = False
    ) -> None:
        """Close the connection without forwarding; ``reset`` sends RST instead of an orderly end."""
        self._add(_Order("cut before", re.compile(path), method, count, reset=reset))

    def cut_after(
        self, path: str, *, method: str | None = None, count: int | None = 1, reset: bool = False
    ) -> None:
        """Forward, wait for the server's answer, then close without passing it on."""
        self._add(_Order("cut after", re.compile(path), method, count, reset=reset))

    def hang_after(
        self, path: str, seconds: float, *, method: str | None = None, count: int | None = 1
    ) -> None:
        """Forward, and pass the server's answer on so many seconds late."""
        self._add(_Order("hang after", re.compile(path), method, count, seconds=seconds))

    def truncate(
        self, path: str, *, keep: int = 20, method: str | None = None, count: int | None = 1
    ) -> None:
        """Forward, announce the whole answer, send ``keep`` bytes of it and close."""
        self._add(_Order("truncate", re.compile(path), method, count, keep=keep))

    def clear(self) -> None:
        """Forget all orders and all requests seen."""
        with self._lock:
            self._orders.clear()
            self._seen.clear()

    # ---- what passed

    def requests(self, path: str = "", *, method: str | None = None) -> list[Seen]:
        """Finished requests, oldest first, whose path matches."""
        with self._lock:
            return [
                seen for seen in self._seen if re.search(path, seen.path) and method in (None, seen.method)
            ]

    def pending_orders(self) -> int:
        with self._lock:
            return len(self._orders)

    # ---- used by the handler

    def _add(self, order: _Order) -> None:
        with self._lock:
            self._orders.append(order)

    def _take(self, method: str, path: str) -> _Order:
        with self._lock:
            for order in self._orders:
                if order.method in (None, method) and order.path.search(path):
                    if order.left is not None:
                        order.left -= 1
                        if order.left <= 0:
                            self._orders.remove(order)
                    return order
        return _Order("pass", re.compile(""), None, None)

    def _note(self, seen: Seen) -> None:
        with self._lock:
            self._seen.append(seen)

    def _sleep(self, seconds: float) -> None:
        self._stopping.wait(seconds)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    proxy: ClassVar[Proxy]
    open_sockets: ClassVar[set[socket.socket]]

    def setup(self) -> None:
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.open_sockets.add(self.connection)

    def finish(self) -> None:
        self.open_sockets.discard(self.connection)
        with suppress(OSError):
            super().finish()

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except OSError:  # the client or we ourselves closed the connection
            self.close_connection = True

    def handle_any(self) -> None:
        body = self._read_body()
        order = self.proxy._take(self.command, self.path)
        status: int | None = None
        forwarded = False
        try:
            if order.kind == "delay":
                self.proxy._sleep(order.seconds)
            if order.kind == "cut before":
                self._cut(order)
                return
            if order.kind == "answer":
                status = order.status
                self._send(order.status, list(order.headers.items()), order.body)
                return
            reply, headers, data = self._forward(body)
            forwarded = True
            if order.kind == "hang after":
                self.proxy._sleep(order.seconds)
            if order.kind == "cut after":
                self._cut(order)
            elif order.kind == "truncate":
                status = reply
                self._send(reply, headers, data, only=order.keep)
                self._cut(order)
            else:
                status = reply
                self._send(reply, headers, data)
        finally:
            shown = {
                name.lower(): "***" if name.lower() in SECRET else value
                for name, value in self.headers.items()
            }
            self.proxy._note(Seen(self.command, self.path, shown, len(body), order.kind, forwarded, status))

    def _read_body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return b"".join(parts)

    def _forward(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        there = urllib.parse.urlsplit(self.proxy.upstream)
        line = http.client.HTTPConnection(
            there.hostname or "127.0.0.1", there.port, timeout=self.proxy.timeout
        )
        skip = HOP | {"host", "content-length"}
        try:
            line.putrequest(self.command, there.path + self.path, skip_host=True, skip_accept_encoding=True)
            line.putheader("Host", self.headers.get("Host", "") if self.proxy.keep_host else there.netloc)
            for name, value in self.headers.items():
                if name.lower() not in skip:
                    line.putheader(name, value)
            if body or self.command in ("POST", "PUT", "PATCH"):
                line.putheader("Content-Length", str(len(body)))
            line.putheader("Connection", "close")
            line.endheaders(body or None)
            answer = line.getresponse()
            data = answer.read()
            headers = [
                (name, self._pointing_here(name, value))
                for name, value in answer.getheaders()
                if name.lower() not in HOP | {"content-length"}
            ]
            if self.command == "HEAD" and answer.getheader("Content-Length"):
                headers.append(("Content-Length", answer.getheader("Content-Length") or "0"))
            return answer.status, headers, data
        except (OSError, http.client.HTTPException) as error:
            return 502, [("Content-Type", "text/plain")], f"proxy: {error!r}".encode()
        finally:
            line.close()

    def _pointing_here(self, name: str, value: str) -> str:
        if name.lower() in ("location", "link"):
            return value.replace(self.proxy.upstream, self.proxy.url)
        return value

    def _send(
        self, status: int, headers: list[tuple[str, str]], body: bytes, only: int | None = None
    ) -> None:
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        if self.command != "HEAD" and status not in (204, 304):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body if only is None else body[:only])
        self.wfile.flush()

    def _cut(self, order: _Order) -> None:
        self.close_connection = True
        if order.reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
        else:
            self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, *_said: object) -> None:
        """Say nothing: ``Proxy.requests`` has it all."""


for _method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
    setattr(_Handler, f"do_{_method}", _Handler.handle_any)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is nobody's error here."""


@contextmanager
def run(upstream: str, *, port: int = 0, keep_host: bool = False, timeout: float = 30.0) -> Iterator[Proxy]:
    """A proxy on loopback in front of ``upstream``.

    The server sees its own host name, so it neither redirects nor refuses; ``Location`` and ``Link`` headers
    are turned to the proxy's address. ``keep_host`` hands the client's Host on, for a server that was told
    the proxy's address as its own (``wordpress.run(public_url=...)``).
    """
    handler = type("Handler", (_Handler,), {"open_sockets": set()})
    server = _Server(("127.0.0.1", port), handler)
    url = f"http://127.0.0.1:{server.server_address[1]}"
    proxy = Proxy(url, upstream.rstrip("/"), keep_host, timeout)
    handler.proxy = proxy  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy._stopping.set()
        server.shutdown()
        server.server_close()
        for waiting in list(handler.open_sockets):  # type: ignore[attr-defined]
            with suppress(OSError):
                waiting.shutdown(socket.SHUT_RDWR)
        thread.join(2)


__all__ = ["Proxy", "Seen", "run"]
