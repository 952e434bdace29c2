"""A made-up crowd for measurements: few write much, many write little."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime
from typing import Any

_OPENINGS = ("Guten Morgen", "Hallo zusammen", "Mal ehrlich", "Tach", "Hi there", "Kurze Frage", "Leute")
_MIDDLES = (
    "wann habt ihr am Wochenende offen?",
    "das Brot war heute leider innen noch feucht.",
    "is the rye bread vegan?",
    "super freundlich bedient worden, danke!",
    "ich warte seit zehn Tagen auf eine Antwort.",
    "kann man die Torte auch ohne Nüsse bestellen?",
    "could you please send me the invoice again?",
    "so wird das nichts mit uns.",
)


def crowd(
    events: int, dice: random.Random, company: str, first: int, now: datetime
) -> tuple[list[tuple[Any, ...]], Iterator[tuple[Any, ...]]]:
    """The people and the rows of a load; `first` is the next free number."""
    size = max(20, events // 25)
    people = [(f"crowd{n}", f"crowd{n}", f"Nachbar {n}", int(100 / (1 - dice.random()))) for n in range(size)]
    return people, _rows(events, dice, company, first, now, size)


def _rows(
    events: int, dice: random.Random, company: str, first: int, now: datetime, size: int
) -> Iterator[tuple[Any, ...]]:
    start = now.timestamp() - 30 * 86400
    posts = [f"post-load-{first}-{n}" for n in range(max(1, events // 400))]
    seq = first
    for number, uid in enumerate(posts):
        text = f"Beitrag {number}: heute frisch aus dem Ofen"
        yield uid, seq, "post", company, uid, "", start + number, text, None, "public"
        seq += 1
    step = (30 * 86400 - 60 - len(posts)) / max(1, events)
    kinds = dice.choices(
        ("comment", "like", "mention", "message", "review"), weights=(70, 20, 5, 3, 2), k=events
    )
    for number, kind in enumerate(kinds):
        author = f"crowd{int(size * dice.random() ** 3)}"
        uid = f"{kind}-load-{first}-{number}"
        on_post = kind in {"comment", "like"}
        root = posts[int(len(posts) * dice.random() ** 2)] if on_post else uid
        text = "" if kind == "like" else f"{dice.choice(_OPENINGS)}, {dice.choice(_MIDDLES)} ({number})"
        stars = dice.randint(1, 5) if kind == "review" else None
        created = start + len(posts) + number * step
        visibility = "direct" if kind == "message" else "public"
        yield uid, seq, kind, author, root, root if on_post else "", created, text, stars, visibility
        seq += 1
