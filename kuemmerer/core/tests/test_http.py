"""The one HTTP client: nothing inside the own house, nothing without end."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from kuemmerer.core import http
from kuemmerer.core.http import Client, PrivateAddress, TooLarge, is_public

PRIVATE = [
    "127.0.0.1",
    "127.8.8.8",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.178.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",
    "255.255.255.255",
    "224.0.0.1",
    "198.18.0.1",
    "240.0.0.1",
    "::1",
    "::",
    "fe80::1",
    "fe80::1%eth0",
    "fd00::1",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:7f00:1",
    "::127.0.0.1",
    "::ffff:0:10.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b:1::a00:1",
    "2002:7f00:1::",
    "2001:db8::1",
]
PUBLIC = ["93.184.216.34", "1.1.1.1", "2606:4700:4700::1111", "::ffff:93.184.216.34"]


@pytest.mark.parametrize("address", PRIVATE)
def test_an_address_inside_a_house_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_an_address_on_the_internet_is_public(address: str) -> None:
    assert is_public(address)


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.calls.append(self.path)
        if self.path == "/away":
            self.send_response(302)
            self.send_header("Location", self.server.elsewhere)
            self.end_headers()
            return
        self.send_response(200)
        self.end_headers()
        if self.path == "/large":
            self.wfile.write(b"x" * 50_000)
        elif self.path == "/drip":
            for _ in range(100):
                self.wfile.write(b"x")
                self.wfile.flush()
                time.sleep(0.05)
        else:
            self.wfile.write(b"ok")

    do_POST = do_GET  # noqa: N815 - so it is called

    def log_message(self, *args: Any) -> None:
        pass


class Server(ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.calls: list[str] = []
        self.elsewhere = "/"
        self.port = self.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def handle_error(self, *args: Any) -> None:
        """The client hangs up: that is what is tested."""


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield running
    running.shutdown()
    thread.join()
    running.server_close()


@pytest.fixture
def client() -> Iterator[Client]:
    """As in production: no private addresses."""
    made = Client()
    yield made
    made.close()


@pytest.fixture
def homely() -> Iterator[Client]:
    """One that may call at home."""
    made = Client(allow_private=True, max_bytes=10_000)
    yield made
    made.close()


def resolves(monkeypatch: pytest.MonkeyPatch, names: dict[str, list[str]]) -> None:
    real = socket.getaddrinfo

    def found(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name not in names:
            return real(host, port, *args, **kwargs)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in names[name]]

    monkeypatch.setattr(socket, "getaddrinfo", found)


def test_a_private_address_is_not_called(server: Server, client: Client) -> None:
    for host in ("127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0x7f.1", "2130706433"):
        with pytest.raises(httpx.ConnectError) as refused:
            client.request("GET", f"http://{host}:{server.port}/")
        assert isinstance(refused.value, PrivateAddress)
    assert server.calls == []


def test_a_name_that_leads_inside_is_not_called(
    server: Server, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolves(monkeypatch, {"evil.example": ["127.0.0.1"], "mixed.example": ["93.184.216.34", "127.0.0.1"]})
    for name in ("evil.example", "mixed.example"):
        with pytest.raises(PrivateAddress):
            client.request("POST", f"http://{name}:{server.port}/")
    assert server.calls == []


def test_a_redirect_that_leads_inside_is_not_followed(
    server: Server, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first host counts as public, the second is what it is."""
    resolves(monkeypatch, {"public.example": ["127.0.0.1"]})
    looked: list[str] = []

    def first_is_public(address: str) -> bool:
        looked.append(address)
        return len(looked) == 1

    monkeypatch.setattr(http, "is_public", first_is_public)
    server.elsewhere = f"http://127.0.0.1:{server.port}/secret"
    with pytest.raises(PrivateAddress):
        client.request("GET", f"http://public.example:{server.port}/away", follow_redirects=True)
    assert server.calls == ["/away"]


def test_redirects_are_only_followed_when_asked_for(server: Server, homely: Client) -> None:
    assert homely.request("GET", server.url + "/away").status_code == 302
    assert homely.request("GET", server.url + "/away", follow_redirects=True).text == "ok"


def test_redirects_in_a_circle_end(server: Server, homely: Client) -> None:
    server.elsewhere = "/away"
    with pytest.raises(httpx.TooManyRedirects):
        homely.request("GET", server.url + "/away", follow_redirects=True)


def test_where_it_is_allowed_a_private_address_is_called(server: Server, homely: Client) -> None:
    assert homely.request("GET", server.url).text == "ok"


def test_an_answer_without_end_is_cut_off(server: Server, homely: Client) -> None:
    with pytest.raises(TooLarge):
        homely.request("GET", server.url + "/large")


def test_a_server_that_drips_is_given_up(
    server: Server, homely: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "MOST_SECONDS", 0.2)
    started = time.monotonic()
    with pytest.raises(httpx.ReadTimeout):
        homely.request("GET", server.url + "/drip", timeout=5)
    assert time.monotonic() - started < 3


def test_a_host_of_which_one_address_is_dead_is_reached_at_the_other(
    server: Server, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolves(monkeypatch, {"two.example": ["127.0.0.9", "127.0.0.1"]})
    monkeypatch.setattr(http, "is_public", lambda address: True)
    assert client.request("GET", f"http://two.example:{server.port}/").text == "ok"


def test_a_host_that_does_not_exist_cannot_be_reached(client: Client) -> None:
    for host in ("nowhere.invalid", "a" * 64 + ".example"):
        with pytest.raises(httpx.ConnectError):
            client.request("GET", f"http://{host}/")


def test_no_proxy_of_the_environment_comes_between(
    server: Server, homely: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    made = Client(allow_private=True)
    assert made.request("GET", server.url).text == "ok"
    made.close()


def test_the_desk_says_who_it_is(server: Server) -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={})

    Client(transport=httpx.MockTransport(answer)).request("GET", "https://example.org/")
    assert seen[0].headers["user-agent"].startswith("Kuemmerer/")
