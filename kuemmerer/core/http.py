"""The one HTTP client of the desk: no private addresses, bounded answers, no secrets in logs.

The address check happens where the connection is opened, on the address that is really used. A check of the
host name before the request would leave a gap: the name could resolve differently a moment later (DNS
rebinding), and a redirect would slip past.
"""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import ssl
import time
import typing

import httpcore
import httpx

from kuemmerer import __version__

CONNECT_SECONDS = 5.0
READ_SECONDS = 20.0
MOST_SECONDS = 60.0
"""A server that sends a byte now and then must not hold a worker for ever."""
MAX_BYTES = 20 * 1024 * 1024
MAX_REDIRECTS = 5

_SHARED_ADDRESS_SPACE = ipaddress.ip_network("100.64.0.0/10")
# Addresses with an IPv4 address in them that a gateway leads to, wherever it lies.
_TRANSLATED = tuple(
    ipaddress.ip_network(net)
    for net in ("::/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "2002::/16")
)


class PrivateAddress(httpx.ConnectError):
    """The host resolves to an address inside the own house and the settings do not allow that."""


class TooLarge(httpx.TransportError):
    """The answer is larger than the client accepts."""


def is_public(address: str) -> bool:
    """Whether `address` (an IP address as text) lies on the public internet."""
    ip = ipaddress.ip_address(address.split("%")[0])
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    if isinstance(ip, ipaddress.IPv6Address) and any(ip in net for net in _TRANSLATED):
        return False
    return ip.is_global and not ip.is_multicast and ip not in _SHARED_ADDRESS_SPACE


class _GuardedBackend(httpcore.SyncBackend):
    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: typing.Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(f"no address for {host}: {error}") from error
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        if not all(is_public(address) for address in addresses):
            raise PrivateAddress(f"{host} is a private address")
        for address in addresses[:-1]:
            # As any browser does: a server of two addresses may be reachable at one of them only.
            with contextlib.suppress(httpcore.ConnectError, httpcore.ConnectTimeout):
                return super().connect_tcp(address, port, timeout, local_address, socket_options)
        return super().connect_tcp(addresses[-1], port, timeout, local_address, socket_options)


class _Transport(httpx.HTTPTransport):
    def __init__(self, *, allow_private: bool, verify: ssl.SSLContext | bool, keep: int) -> None:
        super().__init__(
            verify=verify, retries=0, limits=httpx.Limits(max_connections=100, max_keepalive_connections=keep)
        )
        if not allow_private:
            # httpx has no parameter for the network backend; httpcore, below it, has.
            self._pool._network_backend = _GuardedBackend()


class Client:
    """Sends requests and reads answers up to `MAX_BYTES`. Safe to share between threads.

    Raises httpx's own exceptions, of which `PrivateAddress` and `TooLarge` are two. `transport` takes the
    place of the network (tests); the guard against private addresses is then its own business.
    """

    def __init__(
        self,
        *,
        allow_private: bool = False,
        verify: bool = True,
        max_bytes: int = MAX_BYTES,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.max_bytes = max_bytes
        # What changes something at the other side goes over a connection of its own: on a kept one a server
        # that is just closing it leaves us not knowing whether the request was carried out.
        self._reading, self._writing = (
            httpx.Client(
                transport=transport or _Transport(allow_private=allow_private, verify=verify, keep=keep),
                timeout=httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS),
                headers={"User-Agent": f"Kuemmerer/{__version__}"},
                max_redirects=MAX_REDIRECTS,
                trust_env=False,
            )
            for keep in (20, 0)
        )

    def request(
        self,
        method: str,
        url: str,
        *,
        timeout: float | None = None,
        follow_redirects: bool = False,
        **kwargs: typing.Any,
    ) -> httpx.Response:
        """The whole answer to one request. `timeout` (seconds) bounds each read, `MOST_SECONDS` all of it."""
        end = time.monotonic() + MOST_SECONDS
        if timeout is not None:
            kwargs["timeout"] = httpx.Timeout(timeout, connect=min(timeout, CONNECT_SECONDS))
        client = self._reading if method in {"GET", "HEAD"} else self._writing
        with client.stream(method, url, follow_redirects=follow_redirects, **kwargs) as response:
            body = bytearray()
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) > self.max_bytes:
                    raise TooLarge(f"the answer of {response.url.host} is larger than {self.max_bytes} bytes")
                if time.monotonic() > end:
                    raise httpx.ReadTimeout(f"{response.url.host} takes too long", request=response.request)
        return httpx.Response(
            status_code=response.status_code,
            headers=[
                (name, value)
                for name, value in response.headers.raw
                if name.lower() not in {b"content-encoding", b"content-length", b"transfer-encoding"}
            ],
            content=bytes(body),
            request=response.request,
            history=response.history,
            extensions={"http_version": response.extensions.get("http_version", b"HTTP/1.1")},
        )

    def close(self) -> None:
        self._reading.close()
        self._writing.close()
