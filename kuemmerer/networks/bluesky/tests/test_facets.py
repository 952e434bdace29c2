from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuemmerer.networks.bluesky.facets import facets, length

DIDS = {"laden.example.org": "did:plc:laden", "a-b.bsky.social": "did:plc:ab"}
PLAIN = st.sampled_from(
    [
        "Grüße",
        "👩‍👩‍👧‍👦",
        "مرحبا",
        "5",
        "€",
        "#1",
        "#",
        "@",
        "@niemand",
        "@unbekannt.example",
        "z.B.",
        "Ende.Dann",
        "日本語",
        "e\u0301",
    ]
)
MARKED = st.sampled_from(
    [
        ("https://example.org/a?b=ä#c", "link", "https://example.org/a?b=ä#c"),
        ("http://x.example/(so)", "link", "http://x.example/(so)"),
        ("www.example.de", "link", "https://www.example.de"),
        ("example.com/pfad", "link", "https://example.com/pfad"),
        ("@laden.example.org", "mention", "did:plc:laden"),
        ("@A-B.bsky.social", "mention", "did:plc:ab"),
        ("#Öffnungszeiten", "tag", "Öffnungszeiten"),
        ("#日本", "tag", "日本"),
        ("#k1", "tag", "k1"),
    ]
)
VALUE = {"link": "uri", "mention": "did", "tag": "tag"}


def resolve(handle: str) -> str:
    return DIDS.get(handle, "")


def marked(text: str) -> list[tuple[str, str, str]]:
    """Each mark as (the words in the text, kind, value), read back from the bytes."""
    whole = text.encode()
    found = []
    for facet in facets(text, resolve):
        index, feature = facet["index"], facet["features"][0]
        kind = feature["$type"].rpartition("#")[2]
        found.append((whole[index["byteStart"] : index["byteEnd"]].decode(), kind, feature[VALUE[kind]]))
    return found


@given(
    st.lists(
        st.tuples(st.one_of(PLAIN, MARKED), st.sampled_from(["", ".", ",", "!", "?", "…"])), max_size=12
    ),
    st.sampled_from([" ", "\n", "  ", "\n\n"]),
)
def test_marks_stand_exactly_where_a_slow_count_of_bytes_puts_them(parts: list[Any], space: str) -> None:
    text, expected = "", []
    for part, ending in parts:
        words = part if isinstance(part, str) else part[0]
        start = len(text.encode())
        if not isinstance(part, str):
            expected.append((start, start + len(words.encode()), part[1], part[2]))
        text += words + ending + space
    got = [
        (
            facet["index"]["byteStart"],
            facet["index"]["byteEnd"],
            (kind := facet["features"][0]["$type"].rpartition("#")[2]),
            facet["features"][0][VALUE[kind]],
        )
        for facet in facets(text, resolve)
    ]
    assert got == expected


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=80))
def test_any_text_gives_sound_marks(text: str) -> None:
    end = 0
    for facet in facets(text, lambda handle: "did:plc:x"):
        index = facet["index"]
        assert end <= index["byteStart"] < index["byteEnd"] <= len(text.encode())
        text.encode()[index["byteStart"] : index["byteEnd"]].decode()
        end = index["byteEnd"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("(siehe https://example.org/x).", [("https://example.org/x", "link", "https://example.org/x")]),
        ("„https://example.org“", [("https://example.org", "link", "https://example.org")]),
        ("https://de.wikipedia.org/wiki/Haus_(Bau)", None),
        ("Mail an info@example.com", []),
        ("Preis.Leistung stimmt", []),
        ("heute.Morgen dann", []),
        ("datei.txt und main.py", []),
        ("@laden.example.org.", [("@laden.example.org", "mention", "did:plc:laden")]),
        ("(@laden.example.org)", [("@laden.example.org", "mention", "did:plc:laden")]),
        ("#1 #2024 #2024er", [("#2024er", "tag", "2024er")]),
        ("a#b", []),
        ("#a.b, #c!", [("#a.b", "tag", "a.b"), ("#c", "tag", "c")]),
        ("https://", []),
        ("#" + "x" * 65, []),
        (
            "https://example.org/@laden.example.org #x",
            [
                ("https://example.org/@laden.example.org", "link", "https://example.org/@laden.example.org"),
                ("#x", "tag", "x"),
            ],
        ),
    ],
)
def test_marks_of_texts_that_people_write(text: str, expected: list[Any] | None) -> None:
    assert marked(text) == ([(text, "link", text)] if expected is None else expected)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("ä", 1),
        ("a\u0308", 1),
        ("👩‍👩‍👧‍👦", 1),
        ("🇩🇪🇦🇹", 2),
        ("مرحبا", 5),
        ("a\r\nb", 3),
        ("👍🏽", 1),
    ],
)
def test_a_character_is_what_a_person_sees_as_one(text: str, count: int) -> None:
    assert length(text) == count
