"""Networks, channels and interactions for programs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from kuemmerer.api.tests.client import MONDAY, Program, playground, program, with_conversation
from kuemmerer.channels import api, interactions
from kuemmerer.channels.models import Channel, Interaction
from kuemmerer.core import clock
from kuemmerer.jobs import sweeps
from kuemmerer.networks import registry
from kuemmerer.networks.base import Item, Kind, Person
from kuemmerer.networks.errors import AuthExpired

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _at_nine(settings: Any, tmp_path: Path) -> Iterator[None]:
    settings.DATA_DIR = tmp_path
    with clock.frozen(MONDAY):
        yield


def connected(desk: Program) -> Any:
    """A connected channel that has fetched nothing yet."""
    return desk.post("/channels", {"network": playground(), "days": 0})


def item(number: int, kind: Kind = Kind.LIKE) -> Item:
    return Item(
        kind=kind,
        remote_id=f"item-{number}",
        thread_id="thread",
        author=Person(remote_id=f"author-{number % 7}"),
        created_at=MONDAY - timedelta(days=1),
        text=f"text {number}",
    )


def stored(channel: Any, *items: Item) -> None:
    interactions.store(channel=Channel.objects.get(pk=channel["id"]), items=items, now=clock.now())


# --- networks


def test_every_network_tells_its_form_and_what_can_be_done_there() -> None:
    networks = program("guest").get("/networks")["items"]
    assert [network["key"] for network in networks] == list(registry.connectors())
    for network in networks:
        assert network["label"]
        assert set(network["capabilities"]) >= {"publish", "reply", "actions"}
        assert all(field["label"] for field in network["form"])


def test_a_file_of_the_desk_is_not_asked_for_and_cannot_be_chosen(tmp_path: Path) -> None:
    desk = program()
    connector = registry.get(playground())
    (network,) = (n for n in desk.get("/networks")["items"] if n["key"] == connector.key)
    assert connector.local_file not in [field["key"] for field in network["form"]]
    chosen = tmp_path / f"elsewhere{connector.local_suffix}"
    settings = {connector.local_file: str(chosen)}
    desk.post("/channels", {"network": connector.key, "settings": settings})
    assert not chosen.exists()


# --- channels


def test_a_channel_is_connected_and_tells_its_state() -> None:
    desk = program()
    channel = desk.post("/channels", {"network": playground(), "name": "Our square", "days": 7})
    assert channel["name"] == "Our square"
    assert (channel["state"], channel["connected"], channel["problem"]) == ("active", True, None)
    assert channel["backfill"] == {"since": "2024-04-29T09:00:00Z", "reached": None, "percent": 0}
    assert channel["synced_at"] is None
    assert "settings" not in channel
    assert desk.get(f"/channels/{channel['id']}") == channel
    assert desk.get("/channels") == {"items": [channel], "next": None}


def test_connecting_the_same_account_again_renews_its_channel() -> None:
    desk = program()
    assert connected(desk)["id"] == connected(desk)["id"]


@pytest.mark.parametrize(
    ("body", "field"), [({"network": "nowhere"}, "network"), ({"network": "", "days": 1}, "network")]
)
def test_a_channel_of_no_network_is_refused(body: dict[str, Any], field: str) -> None:
    assert program().post("/channels", body, status=400)["field"] == field


def test_a_login_that_lacks_something_names_the_field() -> None:
    desk = program()
    network, needed = next(
        (key, field.key)
        for key, connector in registry.connectors().items()
        for field in connector.form
        if field.required
    )
    assert desk.post("/channels", {"network": network}, status=400)["field"] == needed


def test_too_long_a_past_is_refused() -> None:
    desk = program()
    for days in (-1, 366):
        body = desk.post("/channels", {"network": playground(), "days": days}, status=400)
        assert body["field"] == "days"


def test_a_sync_that_was_asked_for_is_done_by_the_worker_and_seen_in_the_channel() -> None:
    desk = program()
    path = f"/channels/{desk.post('/channels', {'network': playground()})['id']}"
    assert desk.post(f"{path}/sync", status=200)["synced_at"] is None
    sweeps.run_until_quiet(clock.now())
    channel = desk.get(path)
    assert channel["synced_at"] == "2024-05-06T09:00:00Z"
    assert channel["fetched"] > 100
    assert channel["backfill"]["percent"] is None
    later = MONDAY + timedelta(seconds=5)
    with clock.frozen(later):
        assert desk.post(f"{path}/sync", status=200)["next_sync_at"] == "2024-05-06T09:00:05Z"
        sweeps.run_until_quiet(later)
        assert desk.get(path)["synced_at"] == "2024-05-06T09:00:05Z"


def test_a_channel_is_renamed_paused_and_resumed() -> None:
    desk = program()
    path = f"/channels/{connected(desk)['id']}"
    changed = desk.patch(path, {"name": "Market square", "paused": True})
    assert (changed["name"], changed["state"]) == ("Market square", "paused")
    assert desk.post(f"{path}/sync", status=409)["code"] == "conflict"
    assert desk.patch(path, {"paused": False})["state"] == "active"
    assert desk.patch(path, {"name": " "}, status=400)["field"] == "name"


def test_a_test_shows_the_account_and_a_lost_login_the_sentence_of_the_network(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    desk = program()
    path = f"/channels/{connected(desk)['id']}"
    assert desk.post(f"{path}/test", status=200)["handle"]

    def refuse(*args: Any) -> Person:
        raise AuthExpired("revoked", "token expired")

    monkeypatch.setattr(type(registry.get(playground())), "check", refuse)
    problem = desk.post(f"{path}/test", status=400)
    assert problem["code"] == "network_revoked"
    assert "token expired" in problem["detail"]
    channel = desk.get(path)
    assert channel["state"] == "reconnect"
    assert channel["problem"] == {"code": "revoked", "detail": problem["detail"]}
    assert desk.post(f"{path}/reconnect", {"settings": {}}, status=200)["state"] == "active"
    assert desk.get(path)["problem"] is None


def test_who_disconnects_a_channel_has_to_say_what_becomes_of_its_past() -> None:
    desk = program()
    channel = with_conversation(desk)
    path = f"/channels/{channel['id']}"
    assert desk.delete(path, status=422)["field"] == "erase"
    desk.delete(f"{path}?erase=false")
    assert desk.get(path)["connected"] is False
    assert desk.get("/interactions")["items"]
    desk.delete(f"{path}?erase=true")
    desk.get(path, status=404)
    assert desk.get("/interactions")["items"] == []


# --- interactions


def test_an_interaction_shows_who_wrote_what_and_when() -> None:
    desk = program()
    with_conversation(desk)
    (comment,) = desk.get("/interactions?kind=comment&limit=1")["items"]
    assert comment["kind"] == "comment"
    assert comment["text"]
    assert comment["author"]["name"]
    assert "raw" not in comment
    assert desk.get(f"/interactions/{comment['id']}") == comment


def test_interactions_are_filtered_by_channel_kind_and_time_of_fetching() -> None:
    desk = program()
    channel = connected(desk)
    stored(channel, item(1, Kind.COMMENT), item(2), item(3))
    with clock.frozen(MONDAY + timedelta(hours=2)):
        stored(channel, item(4, Kind.COMMENT), item(5))

    def found(**params: str | int) -> list[str]:
        return [one["remote_id"] for one in desk.all_of("/interactions", **params)]

    assert found() == ["item-5", "item-4", "item-3", "item-2", "item-1"]
    assert found(kind="comment") == ["item-4", "item-1"]
    assert found(channel=channel["id"], kind="comment", limit=1) == ["item-4", "item-1"]
    assert found(channel=channel["id"] + 1) == []
    assert found(since="2024-05-06T10:00:00Z") == ["item-5", "item-4"]
    assert found(since="2024-05-06T13:00:00%2B02:00", limit=1) == ["item-5", "item-4"]
    assert found(since="2024-05-06T11:00:00Z", kind="comment") == ["item-4"]
    assert desk.get("/interactions?since=2024-05-06T11:00:00", status=422)["field"] == "since"
    assert desk.get("/interactions?kind=shout", status=422)["field"] == "kind"


@pytest.mark.parametrize("query", ["", "&kind=comment", "&channel={channel}"])
def test_paging_through_interactions_meets_each_once_though_new_ones_come(query: str) -> None:
    desk = program()
    channel = connected(desk)
    query = query.format(channel=channel["id"])
    stored(channel, *(item(number, Kind.COMMENT) for number in range(23)))
    seen: list[str] = []
    after = ""
    for page_number in range(100):
        page = desk.get(f"/interactions?limit=5{query}&after={after}")
        seen += [one["remote_id"] for one in page["items"]]
        stored(channel, item(100 + page_number, Kind.COMMENT))
        after = page["next"]
        if after is None:
            break
    assert seen == [f"item-{number}" for number in range(22, -1, -1)]


def test_a_rare_kind_is_found_though_a_page_looks_at_a_limited_number_of_rows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(api, "LOOK_AT", 10)
    desk = program()
    channel = connected(desk)
    stored(channel, *(item(n, Kind.REVIEW if n in {0, 31} else Kind.LIKE) for n in range(45)))
    first = desk.get("/interactions?kind=review")
    assert first["items"] == []
    assert first["next"] is not None
    assert [i["remote_id"] for i in desk.all_of("/interactions", kind="review")] == ["item-31", "item-0"]


def test_a_page_costs_the_same_few_queries_however_long_it_is() -> None:
    desk = program()
    stored(connected(desk), *(item(number) for number in range(120)))
    counts = []
    for limit in (5, 100):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            desk.get(f"/interactions?limit={limit}")
        counts.append(len(queries))
        assert not any("OFFSET" in query["sql"] for query in queries)
    assert counts[0] == counts[1] <= 4
    assert Interaction.objects.count() == 120
