"""Reading whole conversations, however deep, from a network that shows them in cuts."""

from __future__ import annotations

from collections import deque
from typing import Any

from kuemmerer.networks.bluesky.api import Api
from kuemmerer.networks.bluesky.records import dig, number, objects, text
from kuemmerer.networks.bluesky.xrpc import Refusal
from kuemmerer.networks.errors import NetworkError, Rejected, TryLater

STEP = 100
"""Levels a call asks for. Deeper answers would meet the JSON parser's own limit."""
BELOW_OTHERS = 10
MAX_CALLS = 20
MAX_POSTS = 2000


def whole(api: Api, root: str) -> dict[str, dict[str, Any]]:
    """All posts of the thread under `root` by address, followed further where the network cuts it."""
    found: dict[str, dict[str, Any]] = {}
    waiting = deque([root])
    for _ in range(MAX_CALLS):
        if not waiting or len(found) >= MAX_POSTS:
            break
        waiting.extend(_take(found, _thread(api, waiting.popleft(), depth=STEP, height=0)))
    return found


def around(api: Api, uri: str) -> dict[str, dict[str, Any]]:
    """A post, all it answers up to the root, and what was answered closely below it."""
    found: dict[str, dict[str, Any]] = {}
    depth = BELOW_OTHERS
    for _ in range(MAX_CALLS):
        thread = _thread(api, uri, depth=depth, height=STEP)
        _take(found, thread)
        above = _highest(thread)
        uri, depth = text(dig(above, "record"), "reply", "parent", "uri") if above else "", 0
        if not uri or uri in found:
            break
    return found


def exists(api: Api, uri: str) -> bool:
    """Whether a post that is not shown to us is still there (its author may have blocked us)."""
    return _kind_of(_thread(api, uri, depth=0, height=0)) != ""


def _thread(api: Api, uri: str, *, depth: int, height: int) -> Any:
    """The network's nested view; None for a post that is gone."""
    try:
        answer = api.query("app.bsky.feed.getPostThread", uri=uri, depth=depth, parentHeight=height)
    except Refusal as error:
        if error.name == "NotFound":
            return None
        raise
    return answer.get("thread")


def _kind_of(node: Any) -> str:
    """`post`, `blocked`, or empty for what is gone or no post at all."""
    if dig(node, "blocked") is True:
        return "blocked"
    return "post" if text(node, "post", "uri") else ""


def _take(found: dict[str, dict[str, Any]], thread: Any) -> list[str]:
    """Put all posts of a nested view into `found`; returns the addresses below which the network cut it."""
    cut: list[str] = []
    nodes = deque([thread])
    while nodes and len(found) < MAX_POSTS:
        node = nodes.popleft()
        post = dig(node, "post")
        if isinstance(post, dict) and (uri := text(post, "uri")):
            found.setdefault(uri, post)
            # An empty list means that nobody (visible) answered; no list at all, that it was not looked for.
            if dig(node, "replies") is None and node is not thread and number(post, "replyCount"):
                cut.append(uri)
        nodes.extend(objects(node, "replies"))
        parent = dig(node, "parent")
        if isinstance(parent, dict):
            nodes.append(parent)
    return cut


def _highest(thread: Any) -> dict[str, Any] | None:
    """The post at the top of a view, if the view ends there only because the network cut it."""
    node = thread
    while isinstance(dig(node, "parent"), dict):
        node = node["parent"]
    post = dig(node, "post")
    return post if isinstance(post, dict) else None


def tolerable(error: NetworkError) -> bool:
    """Whether a conversation that cannot be read is better left out than allowed to stop everything else."""
    if isinstance(error, TryLater):
        return error.code in {"server_error", "bad_answer", "timeout"}
    return isinstance(error, Rejected) and error.code not in {"private_address", "bad_address"}
