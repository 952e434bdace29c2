"""Names of the AT protocol: DIDs, handles, record addresses, time-sorted keys, dates."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

_DIGITS = "234567abcdefghijklmnopqrstuvwxyz"
_TID = re.compile(r"[234567abcdefghij][234567abcdefghijklmnopqrstuvwxyz]{12}")
_DID = re.compile(r"did:[a-z]+:[a-zA-Z0-9._:%-]*[a-zA-Z0-9._-]")
_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
_HANDLE = re.compile(rf"(?:{_LABEL}\.)+[a-zA-Z](?:[a-zA-Z0-9-]{{0,61}}[a-zA-Z0-9])?")
_NSID = re.compile(
    r"[a-zA-Z](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
    rf"(?:\.{_LABEL})+\.[a-zA-Z][a-zA-Z0-9]{{0,62}}"
)
_RKEY = re.compile(r"[a-zA-Z0-9_~.:-]{1,512}")
_LANGUAGE = re.compile(r"[a-z]{2,3}(?:-[A-Z][a-z]{3})?(?:-(?:[A-Z]{2}|[0-9]{3}))?")

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST_POST = datetime(2022, 11, 1, tzinfo=UTC)
"""Nothing on the network is older; an earlier date is a wrong clock."""
_ACTION_EPOCH = 1_672_531_200_000_000


def tid(micros: int, clock: int) -> str:
    """The time-sorted key for a time in microseconds since 1970 and a clock id of ten bits."""
    value = (micros & (2**53 - 1)) << 10 | (clock & 1023)
    return "".join(_DIGITS[value >> shift & 31] for shift in range(60, -1, -5))


def is_tid(value: str) -> bool:
    return _TID.fullmatch(value) is not None


def draft_rkey(written_at: datetime, key: str) -> str:
    """The record key of a draft, the same for every attempt to deliver it.

    The time counts to the millisecond; below that stand bits of `key`, so that drafts written in one moment
    (a whole campaign saved at once) do not meet.
    """
    bits = int(hashlib.blake2s(key.encode()).hexdigest()[:16], 16)
    millis = (written_at - EPOCH) // timedelta(milliseconds=1)
    return tid(millis * 1000 + bits % 1000, bits // 1000)


def action_rkey(subject: str) -> str:
    """The record key of our like or repost of `subject`: a second one meets the first."""
    bits = int.from_bytes(hashlib.blake2s(subject.encode(), digest_size=8).digest())
    return tid(_ACTION_EPOCH + (bits >> 10) % 2**46, bits)


@dataclass(frozen=True)
class Uri:
    """The parts of `at://authority/collection/rkey`."""

    authority: str
    collection: str = ""
    rkey: str = ""


def parse_uri(value: Any) -> Uri | None:
    """The parts of an AT address, None if `value` is none."""
    if not isinstance(value, str) or not value.startswith("at://") or len(value) > 8192:
        return None
    authority, *rest = value[5:].split("/")
    collection, rkey = [*rest, "", ""][:2]
    named = all(rest) and len(rest) <= 2
    if not named or not (is_did(authority) or is_handle(authority)):
        return None
    if collection and not is_nsid(collection):
        return None
    return None if rkey and not is_rkey(rkey) else Uri(authority, collection, rkey)


def is_did(value: str) -> bool:
    return len(value) <= 2048 and _DID.fullmatch(value) is not None


def is_handle(value: str) -> bool:
    return len(value) <= 253 and _HANDLE.fullmatch(value) is not None


def is_nsid(value: str) -> bool:
    return len(value) <= 317 and _NSID.fullmatch(value) is not None


def is_rkey(value: str) -> bool:
    return value not in {".", ".."} and _RKEY.fullmatch(value) is not None


def is_language(value: str) -> bool:
    """Whether `value` is a language with at most script and region: all that a server surely accepts."""
    return _LANGUAGE.fullmatch(value) is not None


def parse_time(value: Any) -> datetime | None:
    """A date of the network with a time zone, None for whatever is none."""
    if not isinstance(value, str) or not 10 < len(value) < 65:
        return None
    try:
        moment = datetime.fromisoformat(value)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def pds_of(did_document: Any) -> str:
    """The address of the personal data server that a DID document names; empty if it names none."""
    services = did_document.get("service") if isinstance(did_document, dict) else None
    for service in services if isinstance(services, list) else ():
        if not isinstance(service, dict) or not str(service.get("id", "")).endswith("#atproto_pds"):
            continue
        endpoint = service.get("serviceEndpoint")
        if isinstance(endpoint, str) and urlsplit(endpoint).scheme in {"http", "https"}:
            return endpoint.rstrip("/")
    return ""


def profile_url(actor: str) -> str:
    return f"https://bsky.app/profile/{actor}"


def post_url(uri: str, handle: str = "") -> str:
    """The page of a post; by the handle where it is a real one, since people read it, else by the DID."""
    parts = parse_uri(uri)
    if parts is None or not parts.rkey:
        return ""
    actor = handle if is_handle(handle) and not handle.endswith(".invalid") else parts.authority
    return f"{profile_url(actor)}/post/{parts.rkey}"
