"""Who might be the same person on another network. Suggestions only: people decide."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.db.models import Count, Q
from django.utils.translation import gettext as _

from kuemmerer.accounts.access import Actor
from kuemmerer.audience.models import Account, NotSame
from kuemmerer.channels.models import Author, Interaction

MOST = 5
RARE = 3
"""A full name that more authors of the workspace have than this tells nothing."""
_ADDRESS = re.compile(r"https?://[^\s<>\"')\]]+", re.IGNORECASE)
_MAIL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]*\w")
_COMMON = frozenset({"admin", "anonymous", "hello", "info", "kontakt", "mail", "office", "team", "user"})
_SHORTEST_HANDLE = 4


@dataclass(frozen=True, kw_only=True)
class Suggestion:
    """Somebody who might be the same person: how sure (0 to 100), and why, in the reader's language."""

    author: Author
    score: int
    reasons: tuple[str, ...]


def suggestions(*, actor: Actor, authors: Sequence[Author]) -> list[Suggestion]:
    """For one person with these accounts: the likeliest others, at most five. Raises Forbidden."""
    actor.need("contacts.view")
    own = {author.pk for author in authors}
    refused = _refused(own)
    best: dict[int, Suggestion] = {}
    for author in authors:
        for other in _candidates(actor, author):
            if other.pk in own | refused or other.remote_id == other.channel.remote_id:
                continue
            found = _compare(actor, author, other)
            if found is not None and found.score > (best[other.pk].score if other.pk in best else 0):
                best[other.pk] = found
    ranked = sorted(best.values(), key=lambda one: (-one.score, one.author.pk))
    return _one_for_each_contact(ranked)[:MOST]


def _refused(own: set[int]) -> set[int]:
    """Who was said to be somebody else: the author named, and who is the same contact as that one."""
    pairs = NotSame.objects.filter(Q(first__in=own) | Q(second__in=own)).values_list("first", "second")
    named = {pk for pair in pairs for pk in pair} - own
    together = Account.objects.filter(contact__accounts__author__in=named)
    return named | set(together.values_list("author", flat=True))


def _one_for_each_contact(ranked: Iterable[Suggestion]) -> list[Suggestion]:
    seen: set[int] = set()
    result = []
    for one in ranked:
        account: Account | None = getattr(one.author, "account", None)
        if account is None or account.contact_id not in seen:
            result.append(one)
        if account is not None:
            seen.add(account.contact_id)
    return result


def _candidates(actor: Actor, author: Author) -> list[Author]:
    wanted = Q(pk__in=[])
    if _is_full(author.name):
        wanted |= Q(name__iexact=author.name)
    if handle := _handle(author):
        wanted |= Q(handle__istartswith=handle) | Q(handle__istartswith=f"@{handle}")
    for address in sorted(_addresses(author))[:5]:
        wanted |= Q(url__icontains=address) | Q(about__icontains=address)
    found = Author.objects.filter(workspace=actor.workspace).filter(wanted).exclude(pk=author.pk)
    return list(found.select_related("channel", "account__contact").order_by("pk")[:100])


def _compare(actor: Actor, author: Author, other: Author) -> Suggestion | None:
    score, reasons = 0, []
    if shared := sorted(_addresses(author) & _addresses(other)):
        score += 70
        reasons.append(_("Both profiles name %(address)s.") % {"address": shared[0]})
    elsewhere = author.channel.network != other.channel.network
    if (handle := _handle(author)) and handle == _handle(other) and elsewhere:
        score += 45
        reasons.append(_("Both are called @%(handle)s.") % {"handle": handle})
    if _same_name(author, other) and _is_rare(actor, author.name):
        score += 30
        reasons.append(_("Both have the rare name %(name)s.") % {"name": author.name})
        if (language := _language(author)) and language == _language(other):
            score += 10
            reasons.append(_("Both write in the same language."))
    if not reasons:
        return None
    return Suggestion(author=other, score=min(score, 99), reasons=tuple(reasons))


def _addresses(author: Author) -> set[str]:
    """Web and mail addresses that a profile names, in one form."""
    found = {_plain(one) for one in [author.url, *_ADDRESS.findall(author.about)] if one}
    return (found | {one.lower() for one in _MAIL.findall(author.about)}) - {""}


def _plain(url: str) -> str:
    try:
        parts = urlsplit(url.rstrip(".,;:!?"))
    except ValueError:
        return ""
    host = (parts.hostname or "").removeprefix("www.")
    return host + parts.path.rstrip("/").lower()


def _handle(author: Author) -> str:
    """The part of a handle that people choose themselves; empty if it says little."""
    name = re.split(r"[@.]", author.handle.strip().lstrip("@").lower())[0]
    return name if len(name) >= _SHORTEST_HANDLE and name not in _COMMON else ""


def _is_full(name: str) -> bool:
    return len(name.split()) > 1


def _same_name(author: Author, other: Author) -> bool:
    return _is_full(author.name) and author.name.casefold().split() == other.name.casefold().split()


def _is_rare(actor: Actor, name: str) -> bool:
    named = Author.objects.filter(workspace=actor.workspace, name__iexact=name)
    return named.values("pk")[: RARE + 1].count() <= RARE


def _language(author: Author) -> str:
    """In which language the author mostly writes, as far as the networks say so."""
    found = (
        Interaction.objects.filter(author=author)
        .exclude(language="")
        .values_list("language")
        .annotate(number=Count("pk"))
        .order_by("-number", "language")
        .first()
    )
    return str(found[0])[:2].lower() if found else ""
