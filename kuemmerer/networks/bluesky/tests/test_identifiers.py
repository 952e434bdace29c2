from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuemmerer.networks.bluesky import identifiers as ids
from kuemmerer.networks.bluesky.tests.interop import lines

ALPHABET = "234567abcdefghijklmnopqrstuvwxyz"
KEYS = st.integers(0, 2**128 - 1).map(lambda number: f"{number:032x}")
TIMES = st.integers(1_672_531_200 * 10**6, 7_000_000_000 * 10**6).map(
    lambda n: ids.EPOCH + timedelta(microseconds=n)
)


def read_tid(value: str) -> tuple[int, int]:
    """The slow way back: time in microseconds and clock id."""
    number = 0
    for letter in value:
        number = number * 32 + ALPHABET.index(letter)
    return number >> 10, number & 1023


@pytest.mark.parametrize("kind", ["tid", "did", "handle", "recordkey", "aturi"])
def test_the_protocols_own_cases_are_judged_as_it_judges_them(kind: str) -> None:
    checks = {
        "tid": ids.is_tid,
        "did": ids.is_did,
        "handle": ids.is_handle,
        "recordkey": ids.is_rkey,
        "aturi": lambda value: ids.parse_uri(value) is not None,
    }
    for line in lines(f"{kind}_syntax_valid"):
        assert checks[kind](line), f"valid, but refused: {line!r}"
    for line in lines(f"{kind}_syntax_invalid"):
        assert not checks[kind](line), f"invalid, but taken: {line!r}"


def test_only_languages_that_every_server_takes_are_sent() -> None:
    assert not [line for line in lines("language_syntax_invalid") if ids.is_language(line)]
    assert {"ja", "ban", "pt-BR", "zh-Hant", "es-419"} == {
        line for line in lines("language_syntax_valid") if ids.is_language(line)
    } - {"en-GB"}


def test_the_protocols_dates_are_read_and_what_is_none_is_nothing() -> None:
    for line in lines("datetime_syntax_valid"):
        moment = ids.parse_time(line)
        assert moment is not None, line
        assert moment.tzinfo is not None
    for line in lines("datetime_parse_invalid"):
        assert ids.parse_time(line) is None, line
    for line in lines("datetime_syntax_invalid"):
        ids.parse_time(line)  # may be read kindly, must not raise


@given(st.integers(0, 2**53 - 1), st.integers(0, 1023))
def test_a_key_holds_its_time_and_clock_and_sorts_by_them(micros: int, clock: int) -> None:
    made = ids.tid(micros, clock)
    assert ids.is_tid(made)
    assert read_tid(made) == (micros, clock)
    assert (ids.tid(micros, clock) < ids.tid(micros + 1, 0)) or micros == 2**53 - 1


@given(TIMES, KEYS)
def test_a_drafts_key_is_the_same_for_every_attempt_and_keeps_the_millisecond(at: datetime, key: str) -> None:
    made = ids.draft_rkey(at, key)
    assert made == ids.draft_rkey(at, key)
    assert ids.is_tid(made)
    assert read_tid(made)[0] // 1000 == (at - ids.EPOCH) // timedelta(milliseconds=1)


def test_drafts_written_in_one_moment_have_keys_of_their_own() -> None:
    at = datetime(2026, 11, 22, 12, tzinfo=UTC)
    assert len({ids.draft_rkey(at, f"{number:032x}") for number in range(300)}) == 300


def test_a_like_of_one_post_has_one_key_and_of_another_another() -> None:
    posts = [f"at://did:plc:x/app.bsky.feed.post/{number}" for number in range(1000)]
    keys = {ids.action_rkey(post) for post in posts}
    assert len(keys) == 1000
    assert all(ids.is_tid(key) for key in keys)
    assert {ids.action_rkey(post) for post in posts} == keys


@pytest.mark.parametrize(
    ("document", "home"),
    [
        (None, ""),
        ([], ""),
        ({"service": None}, ""),
        ({"service": ["x", {"id": "#other", "serviceEndpoint": "https://other.example"}]}, ""),
        ({"service": [{"id": "#atproto_pds", "serviceEndpoint": {"a": 1}}]}, ""),
        ({"service": [{"id": "#atproto_pds", "serviceEndpoint": "file:///etc/passwd"}]}, ""),
        (
            {"service": [{"id": "#atproto_pds", "serviceEndpoint": "https://pds.example/"}]},
            "https://pds.example",
        ),
    ],
)
def test_the_home_server_is_read_from_a_did_document(document: object, home: str) -> None:
    assert ids.pds_of(document) == home


def test_the_page_of_a_post_is_named_by_handle_unless_that_is_none() -> None:
    uri = "at://did:plc:x/app.bsky.feed.post/3k"
    assert ids.post_url(uri, "a.example.org") == "https://bsky.app/profile/a.example.org/post/3k"
    assert ids.post_url(uri, "handle.invalid") == "https://bsky.app/profile/did:plc:x/post/3k"
    assert ids.post_url("nonsense") == ""
