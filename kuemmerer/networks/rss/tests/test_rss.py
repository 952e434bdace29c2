"""Feeds, mostly broken ones."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest

from kuemmerer.core.http import Client
from kuemmerer.networks.base import Batch, Kind
from kuemmerer.networks.errors import Rejected, TryLater
from kuemmerer.networks.rss import Rss
from kuemmerer.networks.rss.feed import Feed, feeds_in_page, parse
from kuemmerer.networks.session import Session

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
SINCE = NOW - timedelta(days=30)
ADDRESS = "https://a.example/feed"
Handler = Callable[[httpx.Request], httpx.Response]
Connect = Callable[[Handler], Session]

ATOM = """<?xml version="1.0" encoding="utf-8"?><feed xmlns="http://www.w3.org/2005/Atom" xml:lang="de">
<title>Blätter</title><link href="https://a.example/"/><subtitle>Aus dem Wald</subtitle>
<entry><id>tag:2</id><title type="html">Zwei &amp;amp; mehr</title><link href="/zwei"/>
<published>2026-05-02T10:00:00+02:00</published><updated>2026-05-03T10:00:00Z</updated>
<content type="html">&lt;p&gt;Ein&lt;br&gt;Text&lt;/p&gt;&lt;script&gt;böse()&lt;/script&gt;</content></entry>
<entry><id>tag:1</id><title>Eins</title><link href="/eins"/><updated>2026-05-01T10:00:00Z</updated></entry>
</feed>"""


def rss(*items: str, head: str = "") -> str:
    channel = f"<channel><title>Blog</title>{''.join(items)}</channel>"
    return f'<?xml version="1.0"?>{head}<rss version="2.0">{channel}</rss>'


def item(number: int, **more: str) -> str:
    fields = {
        "title": f"Titel {number}",
        "link": f"https://a.example/{number}",
        "guid": f"id-{number}",
        "pubDate": format_datetime(NOW - timedelta(hours=100 - number)),
        **more,
    }
    return "<item>" + "".join(f"<{name}>{value}</{name}>" for name, value in fields.items()) + "</item>"


@pytest.fixture
def connect_to() -> Iterator[Connect]:
    clients = []

    def make(handler: Handler) -> Session:
        clients.append(Client(transport=httpx.MockTransport(handler)))
        settings, account = {"address": ADDRESS}, {"remote_id": ADDRESS, "handle": "a.example"}
        return Session(client=clients[-1], now=NOW, settings=settings, account=account)

    yield make
    for client in clients:
        client.close()


def says(body: str | bytes, status: int = 200, **headers: str) -> Handler:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    content = body.encode() if isinstance(body, str) else body
    return lambda request: httpx.Response(status, content=content, headers=named)


def fetch(session: Session, cursor: Mapping[str, Any] | None = None) -> Batch:
    batch = Rss().fetch(session, cursor or {}, since=SINCE)
    json.dumps(batch.cursor)
    return batch


def read(content: str | bytes, **more: str) -> Feed:
    feed = parse(content.encode() if isinstance(content, str) else content, address=ADDRESS, **more)
    assert feed is not None
    return feed


# ---- reading


def test_an_atom_feed_is_read(connect_to: Connect) -> None:
    first, second = fetch(connect_to(says(ATOM))).items
    assert (first.remote_id, second.remote_id) == ("tag:1", "tag:2")
    assert (second.title, second.text, second.url) == ("Zwei & mehr", "Ein\nText", "https://a.example/zwei")
    assert second.created_at == datetime(2026, 5, 2, 8, tzinfo=UTC)
    assert second.edited_at == datetime(2026, 5, 3, 10, tzinfo=UTC)
    assert (first.created_at, first.edited_at) == (datetime(2026, 5, 1, 10, tzinfo=UTC), None)
    assert (second.kind, second.ours, second.addressed, second.thread_id) == (
        Kind.ENTRY,
        True,
        False,
        "tag:2",
    )
    assert second.language == "de"


def test_only_what_is_new_or_changed_comes(connect_to: Connect) -> None:
    cursor = fetch(connect_to(says(rss(item(2), item(1))))).cursor
    assert not fetch(connect_to(says(rss(item(2), item(1)))), cursor).items
    batch = fetch(connect_to(says(rss(item(3), item(2, title="Neuer Titel"), item(1)))), cursor)
    assert [(i.remote_id, i.title) for i in batch.items] == [("id-2", "Neuer Titel"), ("id-3", "Titel 3")]


def test_entries_that_come_back_are_not_new(connect_to: Connect) -> None:
    cursor = fetch(connect_to(says(rss(item(1), item(2))))).cursor
    cursor = fetch(connect_to(says(rss(item(3)))), cursor).cursor
    assert not fetch(connect_to(says(rss(item(1), item(2), item(3)))), cursor).items


def test_old_entries_come_neither_at_first_nor_later(connect_to: Connect) -> None:
    old = item(1, pubDate=format_datetime(NOW - timedelta(days=400)))
    batch = fetch(connect_to(says(rss(item(2), old))))
    assert [i.remote_id for i in batch.items] == ["id-2"]
    assert not fetch(connect_to(says(rss(item(2), old))), batch.cursor).items


def test_a_long_feed_keeps_a_short_memory(connect_to: Connect) -> None:
    many = rss(*[item(number) for number in range(1, 601)])
    batch = fetch(connect_to(says(many)))
    assert len(batch.items) == 500
    assert not fetch(connect_to(says(many)), batch.cursor).items
    assert len(json.dumps(batch.cursor)) < 20_000


def test_an_entry_without_a_date_is_from_now(connect_to: Connect) -> None:
    for date in ("", "gestern", "Mon, 99 Foo 2026 99:00:00 GMT"):
        batch = fetch(connect_to(says(rss(item(1, pubDate=date)))))
        assert [i.created_at for i in batch.items] == [NOW]


@pytest.mark.parametrize(
    ("entry", "identity"),
    [
        ("<item><link>https://a.example/x</link></item>", "https://a.example/x"),
        ("<item><title>Nur ein Titel</title></item>", "Nur ein Titel"),
        ("<item><guid>g</guid><link>javascript:alert(1)</link><title>T</title></item>", "g"),
        ("<item><guid>  g  </guid><title>T</title></item>", "g"),
    ],
)
def test_whatever_names_an_entry_is_its_id(entry: str, identity: str) -> None:
    assert [(found.id, found.url[:4]) for found in read(rss(entry)).entries] == [
        (identity, "http" if identity.startswith("http") else "")
    ]


def test_an_entry_of_nothing_is_left_out() -> None:
    assert [
        found.id for found in read(rss("<item></item>", item(1), "<item><guid>x</guid></item>")).entries
    ] == ["id-1"]


def test_a_name_without_end_is_shortened() -> None:
    assert len(read(rss(item(1, guid="x" * 5000))).entries[0].id) == 64


def test_a_long_text_is_cut() -> None:
    text = read(rss(item(1, description="Wort " * 1000))).entries[0].text
    assert len(text) <= 2000
    assert text.endswith("…")


@pytest.mark.parametrize(
    "content",
    [
        rss(item(1), item(2))[:-30],
        rss(item(1), "<item><title>a & b < c</title>", item(2)),
        rss(item(1)).replace("Titel", "Titel &nbsp;&undefined; \x01\x02"),
        rss(item(1)).replace('<?xml version="1.0"?>', "\n\n  "),
        "\ufeff" + rss(item(1)),
        rss(item(1)).encode("utf-16"),
        rss(item(1, title="Gr\xfc\xdfe")).replace('"1.0"?', '"1.0" encoding="utf-8"?').encode("latin-1"),
        rss(item(1)).replace('"1.0"?', '"1.0" encoding="klingon"?'),
    ],
)
def test_a_broken_feed_gives_what_it_can(content: str | bytes) -> None:
    assert "id-1" in [found.id for found in read(content).entries]


def test_the_encoding_is_found() -> None:
    latin = rss(item(1, title="Grüße")).replace('"1.0"?', '"1.0" encoding="iso-8859-1"?').encode("latin-1")
    assert read(latin).entries[0].title == "Grüße"
    assert (
        read(rss(item(1, title="Grüße")), content_type="text/xml; charset=utf-8").entries[0].title == "Grüße"
    )


def test_entities_of_its_own_are_not_followed() -> None:
    bomb = "".join(
        f'<!ENTITY l{number} "{f"&l{number - 1};" * 10 if number else "lol"}">' for number in range(10)
    )
    head = f'<!DOCTYPE rss [{bomb}<!ENTITY x SYSTEM "file:///etc/passwd">]>'
    title = read(rss(item(1, title="&l9; &x; Ende"), head=head)).entries[0].title
    assert "root:" not in title
    assert len(title) < 100


@pytest.mark.parametrize(
    "content", ["", "{}", "null", "/etc/passwd", "https://a.example/feed", "<html>", "\x00" * 50]
)
def test_what_is_no_feed_is_none(content: str) -> None:
    assert parse(content.encode(), address=ADDRESS) is None


def test_scripts_stay_outside() -> None:
    hostile = "&lt;b&gt;fett&lt;/b&gt;&lt;script&gt;alert(1)&lt;/script&gt; 5 &amp;lt; 6"
    entry = read(rss(item(1, title=hostile, description=hostile))).entries[0]
    assert "script" not in entry.title + entry.text
    assert "fett 5 < 6" in entry.text


# ---- asking


def test_a_feed_that_did_not_change_is_not_sent_again(connect_to: Connect) -> None:
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.headers.get("if-none-match"))
        if asked[-1]:
            return httpx.Response(304)
        stamp = format_datetime(NOW - timedelta(hours=1), usegmt=True)
        return httpx.Response(200, text=rss(item(1)), headers={"etag": '"x"', "last-modified": stamp})

    first = fetch(connect_to(answer))
    second = fetch(connect_to(answer), first.cursor)
    assert asked == [None, '"x"']
    assert (list(second.items), second.cursor) == ([], first.cursor)


def test_right_after_a_change_the_feed_is_asked_for_in_full(connect_to: Connect) -> None:
    stamp = format_datetime(NOW - timedelta(seconds=2), usegmt=True)
    cursor = fetch(connect_to(says(rss(item(1)), etag='"x"', last_modified=stamp))).cursor
    assert "etag" not in cursor


@pytest.mark.parametrize(("status", "kept"), [(301, False), (308, False), (302, True), (307, True)])
def test_a_move_for_good_is_remembered(connect_to: Connect, status: int, kept: bool) -> None:
    new = "https://b.example/neu"

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.host == "a.example":
            return httpx.Response(status, headers={"location": new})
        return httpx.Response(200, text=rss(item(1)))

    batch = fetch(connect_to(answer))
    assert batch.cursor["address"] == (ADDRESS if kept else new)
    assert batch.items[0].author.remote_id == ADDRESS


def test_a_feed_that_is_gone_or_too_large_is_refused(connect_to: Connect) -> None:
    for handler, code in (
        (says("", 410), "gone"),
        (says("", 404), "gone"),
        (says(rss(item(1)) + " " * 5_000_000), "too_large"),
    ):
        with pytest.raises(Rejected) as caught:
            fetch(connect_to(handler))
        assert caught.value.code == code


def test_a_page_instead_of_the_feed_is_waited_out(connect_to: Connect) -> None:
    with pytest.raises(TryLater):
        fetch(connect_to(says("<html>Gleich wieder da</html>")))


@pytest.mark.parametrize(
    "cursor", [{"seen": 5}, {"seen": None, "etag": 4}, {"address": ""}, {"seen": {"a": None}}]
)
def test_a_mangled_cursor_is_no_obstacle(connect_to: Connect, cursor: dict[str, Any]) -> None:
    assert fetch(connect_to(says(rss(item(1)))), cursor).items


# ---- connecting


def test_the_feed_of_a_website_is_found(connect_to: Connect) -> None:
    page = """<html><head><link rel="stylesheet" href="/feed.css">
    <link href='/kaputt' rel=alternate type="application/rss+xml">
    <link rel="alternate" type="application/atom+xml" title="x" href="/feed.xml?a=1&amp;b=2"></head>"""

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/kaputt":
            return httpx.Response(404)
        return httpx.Response(200, text=ATOM if request.url.path == "/feed.xml" else page)

    connected = Rss().connect(connect_to(answer), {"address": "a.example"})
    assert connected.settings == {"address": "https://a.example/feed.xml?a=1&b=2"}
    assert (connected.account.name, connected.account.handle) == ("Blätter", "a.example")
    assert connected.account.about == "Aus dem Wald"


def test_an_address_keeps_its_query_and_slash(connect_to: Connect) -> None:
    for typed in (
        "https://a.example/feed/?lang=de",
        "https://a.example/?feed=rss2",
        "https://a.example/x.xml",
    ):
        connected = Rss().connect(connect_to(says(ATOM)), {"address": typed})
        assert connected.settings["address"] == typed


@pytest.mark.parametrize(
    "body", ["<html><p>Hallo</p>", '<link rel=alternate type="application/rss+xml" href="//[">']
)
def test_a_page_without_a_feed_is_no_feed(connect_to: Connect, body: str) -> None:
    with pytest.raises(Rejected) as caught:
        Rss().connect(connect_to(says(body)), {"address": ADDRESS})
    assert caught.value.code == "not_this_network"


def test_only_feeds_are_taken_from_a_page() -> None:
    page = '<link rel="alternate" type="text/html" href="/en">'
    page += '<link rel=ALTERNATE type="application/RSS+xml" href=f>'
    assert feeds_in_page(page, "https://a.example/b/") == ["https://a.example/b/f"]
    assert feeds_in_page("<link " * 100_000, ADDRESS) == []
