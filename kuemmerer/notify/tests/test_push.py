"""Web push, to a push service on loopback that decrypts as a browser would."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import http_ece
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.test import Client
from django.urls import reverse

from kuemmerer.accounts import workspaces
from kuemmerer.accounts.access import Actor
from kuemmerer.accounts.models import Role
from kuemmerer.api.tests.client import program
from kuemmerer.core import clock, encryption
from kuemmerer.core.errors import Invalid
from kuemmerer.notify import push, sweeps
from kuemmerer.notify.leases import State
from kuemmerer.notify.models import Push, PushSubscription
from kuemmerer.notify.tests.people import tell
from kuemmerer.notify.tests.test_mail import quiet
from tests.factories import Clock, actor

pytestmark = pytest.mark.django_db


def b64(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass
class Browser:
    """A browser's keys, and what its push service got."""

    private: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )
    auth: bytes = b"0123456789abcdef"
    address: str = ""
    status: int = 201
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    @property
    def keys(self) -> dict[str, str]:
        point = self.private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return {"p256dh": b64(point), "auth": b64(self.auth)}

    def read(self, number: int = 0) -> Any:
        content = http_ece.decrypt(
            self.got[number][1], private_key=self.private, auth_secret=self.auth, version="aes128gcm"
        )
        return json.loads(content)


@pytest.fixture
def browser() -> Iterator[Browser]:
    made = Browser()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            made.got.append(({k.lower(): v for k, v in self.headers.items()}, self.rfile.read(length)))
            self.send_response(made.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    made.address = f"http://127.0.0.1:{server.server_port}/push/abc"
    yield made
    server.shutdown()
    thread.join()
    server.server_close()


def subscribed(who: Actor, browser: Browser, address: str = "") -> PushSubscription:
    """Subscribe, and let the address lead to the push service of the test: real ones have https only."""
    found = push.subscribe(
        user=who.user,
        endpoint=f"https://push.example.org/{address or 'abc'}",
        label="Firefox, Linux",
        now=clock.now(),
        **browser.keys,
    )
    sealed = encryption.encrypt({"endpoint": browser.address, **browser.keys})
    PushSubscription.objects.filter(pk=found.pk).update(sealed=sealed)
    return found


def test_a_browser_can_read_what_it_is_sent(time: Clock, browser: Browser) -> None:
    ada = actor()
    subscribed(ada, browser)
    notice = tell(ada, title="Grüße ✓", text="x" * 3000)
    assert notice is not None
    assert sweeps.send_pushes(time.now) == 1
    read = browser.read()
    assert read["title"] == "Grüße ✓"
    assert read["path"] == reverse("notice", args=[ada.workspace.slug, notice.pk])
    headers, content = browser.got[0]
    assert len(content) <= 4096
    assert headers["content-encoding"] == "aes128gcm"
    assert int(headers["ttl"]) == 86400
    assert len(headers["topic"]) <= 32
    assert Push.objects.get().state == State.DONE
    assert sweeps.send_pushes(time.now) == 0


def test_the_push_service_can_check_who_sends(time: Clock, browser: Browser) -> None:
    ada = actor()
    subscribed(ada, browser)
    tell(ada)
    sweeps.send_pushes(time.now)
    scheme, _, rest = browser.got[0][0]["authorization"].partition(" ")
    parts = dict(part.strip().split("=", 1) for part in rest.split(","))
    assert scheme == "vapid"
    assert parts["k"].rstrip("=") == push.public_key()
    signed, _, signature = parts["t"].rpartition(".")
    raw = unb64(signature)
    both = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), unb64(push.public_key()))
    point.verify(both, signed.encode(), ec.ECDSA(hashes.SHA256()))
    claims = json.loads(unb64(signed.split(".")[1]))
    assert claims["aud"] == browser.address.removesuffix("/push/abc")
    assert 0 < claims["exp"] - time.now.timestamp() <= 86400
    assert claims["sub"].startswith("mailto:")


def test_the_key_is_the_same_in_every_worker_and_another_with_another_secret(settings: Any) -> None:
    before = push.public_key()
    push._key.cache_clear()
    assert push.public_key() == before
    settings.SECRET_KEY = "another secret key, just as long as it should be"
    assert push.public_key() != before


@pytest.mark.parametrize("status", [404, 410])
def test_a_browser_that_is_gone_is_forgotten(time: Clock, browser: Browser, status: int) -> None:
    ada = actor()
    subscribed(ada, browser)
    browser.status = status
    tell(ada)
    sweeps.send_pushes(time.now)
    assert not PushSubscription.objects.exists()
    assert not Push.objects.exists()


def test_a_push_service_in_trouble_is_asked_again_for_a_day(time: Clock, browser: Browser) -> None:
    ada = actor()
    subscribed(ada, browser)
    browser.status = 503
    tell(ada)
    while (row := Push.objects.get()).state == State.WAITING:
        time.to(row.next_at)
        sweeps.send_pushes(time.now)
    assert row.state == State.FAILED
    assert 24 < (time.now - row.created_at).total_seconds() / 3600 < 26
    assert 20 < len(browser.got) < 45
    assert len({headers["topic"] for headers, _ in browser.got}) == 1


def test_what_will_never_do_is_not_repeated(time: Clock, browser: Browser) -> None:
    ada = actor()
    subscribed(ada, browser)
    browser.status = 403
    tell(ada)
    sweeps.send_pushes(time.now)
    assert (Push.objects.get().state, Push.objects.get().problem) == (State.FAILED, "HTTP 403")


def test_the_quiet_hours_hold_for_browsers_too(time: Clock, browser: Browser) -> None:
    ada = actor()
    subscribed(ada, browser)
    quiet(ada, time, quiet_from="08:00", quiet_to="20:00")
    tell(ada)
    assert sweeps.send_pushes(time.now) == 0
    quiet(ada, time, quiet_from=None, quiet_to=None)
    assert sweeps.send_pushes(time.now) == 1


def test_who_has_left_or_switched_it_off_gets_none(time: Clock, browser: Browser) -> None:
    ada = actor()
    gone = actor(Role.AGENT, ada.workspace)
    subscribed(ada, browser, "ada")
    subscribed(gone, browser, "gone")
    quiet(ada, time, choices={"assigned": {"push": False}})
    tell(ada)
    tell(gone)
    workspaces.remove_member(actor=ada, membership_id=gone.membership.pk, now=time.now)
    sweeps.send_pushes(time.now)
    assert browser.got == []
    assert Push.objects.get().state == State.DROPPED


def test_an_address_in_the_own_house_is_not_called(time: Clock, browser: Browser, settings: Any) -> None:
    settings.ALLOW_PRIVATE_ADDRESSES = False
    ada = actor()
    subscribed(ada, browser)
    tell(ada)
    sweeps.send_pushes(time.now)
    assert browser.got == []
    assert "private address" in Push.objects.get().problem


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"endpoint": "http://push.example.org/abc"}, "endpoint"),
        ({"endpoint": "nonsense"}, "endpoint"),
        ({"endpoint": "https://" + "x" * 2000}, "endpoint"),
        ({"p256dh": "nonsense"}, "p256dh"),
        ({"p256dh": b64(b"\x04" + b"\x01" * 64)}, "p256dh"),
        ({"auth": b64(b"short")}, "p256dh"),
    ],
)
def test_what_is_no_browser_is_refused(time: Clock, changes: dict[str, str], field: str) -> None:
    values = {"endpoint": "https://push.example.org/abc", **Browser().keys, **changes}
    with pytest.raises(Invalid) as caught:
        push.subscribe(user=actor().user, label="", now=time.now, **values)
    assert caught.value.field == field


def test_a_browser_is_added_and_removed_on_the_page(time: Clock) -> None:
    ada, bert = actor(), actor()
    web = Client(headers={"accept-language": "en", "user-agent": "Mozilla/5.0 (X11; Linux) Firefox/130"})
    web.force_login(ada.user)
    body = {"endpoint": "https://push.example.org/abc", **Browser().keys}
    assert web.post(reverse("push-subscribe"), body).status_code == 302
    page = web.get(reverse("notice-preferences", args=[ada.workspace.slug])).text
    assert "Firefox, Linux" in page
    assert push.public_key() in page
    found = PushSubscription.objects.get()
    other = Client()
    other.force_login(bert.user)
    assert other.post(reverse("push-unsubscribe", args=[found.pk])).status_code == 404
    assert other.post(reverse("push-subscribe"), body).status_code == 302
    found.refresh_from_db()
    assert found.user == bert.user
    assert other.post(reverse("push-unsubscribe", args=[found.pk])).status_code == 302
    assert not PushSubscription.objects.exists()
    assert web.post(reverse("push-subscribe"), {"endpoint": "x"}).status_code == 302
    assert not PushSubscription.objects.exists()


def test_the_worker_lies_at_the_root_as_a_script(db: None) -> None:
    answer = Client().get("/push-worker.js")
    assert answer["Content-Type"].startswith("text/javascript")
    assert b"showNotification" in answer.content


def test_a_program_does_the_same(time: Clock) -> None:
    desk = program()
    assert desk.get("/push-key") == {"public_key": push.public_key()}
    made = desk.post(
        "/push-subscriptions", {"endpoint": "https://push.example.org/abc", "label": "App", **Browser().keys}
    )
    assert desk.get("/push-subscriptions")["items"] == [made]
    program().delete(f"/push-subscriptions/{made['id']}", status=404)
    desk.delete(f"/push-subscriptions/{made['id']}")
    assert desk.get("/push-subscriptions")["items"] == []
