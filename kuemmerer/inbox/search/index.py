"""The search index: filled behind the cases, emptied with what is deleted.

`Passage` holds an entry for each text of a case. Interactions come by the channels' change feed, as far
as the inbox has made cases of it; replies and notes by a walk along their ids; a new name of an author is
seen with the author's next words, at the latest when the walk along all authors comes by. What is deleted
or withdrawn takes its entry along in the same transaction, since the entry's row refers to it.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from django.db import IntegrityError, connection, models, transaction
from django.db.models import F, Q

from kuemmerer.channels.models import Author, Channel, Interaction
from kuemmerer.core.rows import insert
from kuemmerer.inbox.models import (
    Case,
    CaseInteraction,
    IndexedName,
    Note,
    Passage,
    ReadMark,
    Reply,
    SearchMark,
    SearchWalk,
)
from kuemmerer.inbox.search.words import Indexed, indexed

log = logging.getLogger(__name__)


class _Moved(Exception):
    """Words came to another case while they were read."""


BATCH = 500
SETTLED = timedelta(minutes=10)
"""Longer than any transaction: ids up to one that is so old have all become visible."""

_BEGIN = datetime(2000, 1, 1, tzinfo=UTC)
_SECOND_BITS, _NUMBER_BITS = 32, 11
_MOST_WORKSPACES = 2**20


def first_id(workspace_id: int, at: datetime | None = None) -> int:
    """The smallest id of a passage that this workspace may have, written at `at` or later.

    Ids are 20 bits of workspace, 32 of seconds since 2000, 11 of a number that tells apart what was
    written in the same second (what has no room there moves to the next).
    """
    if workspace_id >= _MOST_WORKSPACES:
        raise OverflowError("the search index has room for 1,048,575 workspaces")
    seconds = 0 if at is None else int((at - _BEGIN).total_seconds())
    seconds = max(0, min(seconds, 2**_SECOND_BITS - 1))
    return int(workspace_id << _SECOND_BITS | seconds) << _NUMBER_BITS


def lexeme(workspace_id: int, form: str) -> str:
    """What stands in PostgreSQL's index for a form: no workspace meets the words of another."""
    return f"{workspace_id:x}/{form}"


def _stored_forms(workspace_id: int, forms: Sequence[str]) -> str:
    if connection.vendor == "postgresql":
        return " ".join(f"'{lexeme(workspace_id, form)}'" for form in forms)
    return " ".join(forms)


# --- what is read


@dataclass(frozen=True, kw_only=True)
class _Source:
    """A kind of text: the column of Passage that refers to it, and where its row has what."""

    column: str
    model: type[models.Model]
    at: str
    texts: tuple[str, ...]

    @property
    def rows(self) -> models.QuerySet[Any]:
        return self.model._default_manager.all()


_INTERACTIONS = _Source(
    column="link",
    model=CaseInteraction,
    at="interaction__created_at",
    texts=("interaction__title", "interaction__text"),
)
_REPLIES = _Source(column="reply", model=Reply, at="written_at", texts=("text",))
_NOTES = _Source(column="note", model=Note, at="created_at", texts=("text",))


@dataclass(frozen=True, kw_only=True)
class _Text:
    source: _Source
    pk: int
    case_id: int
    workspace_id: int
    author_id: int
    author: tuple[str, str]
    at: datetime
    entry: Indexed


def _read(source: _Source, rows: models.QuerySet[Any]) -> list[_Text]:
    """The texts of these rows, taken apart."""
    columns = ("case__workspace_id", "case__author_id", "case__author__name", "case__author__handle")
    return [
        _Text(
            source=source,
            pk=pk,
            case_id=case,
            workspace_id=workspace,
            author_id=author,
            author=(name, handle),
            at=at,
            entry=indexed(*texts, name, handle),
        )
        for pk, case, at, workspace, author, name, handle, *texts in rows.values_list(
            "pk", "case_id", source.at, *columns, *source.texts
        )
    ]


# --- what is written


def _write(source: _Source, texts: Sequence[_Text]) -> None:
    """Bring the entries of these texts up to date. Call in a transaction. Raises _Moved."""
    case_of = _cases_locked(source, texts)
    texts = [replace(text, case_id=case_of[text.pk]) for text in texts if text.pk in case_of]
    present = Passage.objects.filter(**{f"{source.column}__in": case_of})
    ids = dict(present.values_list(f"{source.column}_id", "pk"))
    Passage.objects.filter(pk__in=list(ids.values())).delete()
    fresh = [text for text in texts if text.pk not in ids]
    ids |= _new_ids(fresh)
    empty = {"link_id": None, "reply_id": None, "note_id": None}
    insert(
        Passage,
        [
            {
                "id": ids[text.pk],
                "case_id": text.case_id,
                **empty,
                f"{source.column}_id": text.pk,
                "words": text.entry.words,
                "forms": _stored_forms(text.workspace_id, text.entry.forms),
            }
            for text in texts
        ],
    )
    _note_names({text.author_id: text.author for text in texts})


def _cases_locked(source: _Source, texts: Sequence[_Text]) -> dict[int, int]:
    """The case of each text that is still there, which stays so until the transaction ends. Raises _Moved."""
    # Read outside of any transaction: what has gone or moved to another case meanwhile counts. Entries are
    # written only under the locks of their cases, as who merges cases does it: so nobody waits in a circle.
    rows = source.rows.filter(pk__in=[text.pk for text in texts]).order_by().values_list("pk", "case_id")
    cases = sorted({case for _pk, case in rows})
    list(Case.objects.select_for_update(no_key=True).filter(pk__in=cases).order_by("pk").values_list("pk"))
    case_of = dict(rows.all())
    if not set(case_of.values()) <= set(cases):
        raise _Moved
    return case_of


def _new_ids(texts: Sequence[_Text]) -> dict[int, int]:
    """A free id for each text, by its pk."""
    wanted = {text.pk: first_id(text.workspace_id, text.at) + text.pk % 2**_NUMBER_BITS for text in texts}
    taken = set(Passage.objects.filter(pk__in=list(wanted.values())).values_list("pk", flat=True))
    given: dict[int, int] = {}
    for pk, best in wanted.items():
        given[pk] = best if best not in taken else _free(best, taken)
        taken.add(given[pk])
    return given


def _free(best: int, taken: set[int]) -> int:
    """The first free id after `best`."""
    while True:
        present = set(Passage.objects.filter(pk__gte=best, pk__lt=best + BATCH).values_list("pk", flat=True))
        for candidate in range(best, best + BATCH):
            if candidate not in present and candidate not in taken:
                return candidate
        best += BATCH


def _digest(author: tuple[str, str]) -> str:
    return hashlib.blake2s("\0".join(author).encode(), digest_size=16).hexdigest()


def _note_names(authors: dict[int, tuple[str, str]]) -> None:
    """Remember under which names these authors are known; where it is another than before, the older entries
    are due.
    """
    known = IndexedName.objects.in_bulk(list(authors))
    digests = {pk: _digest(author) for pk, author in authors.items()}
    new = [IndexedName(author_id=pk, digest=digest) for pk, digest in digests.items() if pk not in known]
    IndexedName.objects.bulk_create(new, ignore_conflicts=True)
    for pk, row in known.items():
        if row.digest != digests[pk]:
            IndexedName.objects.filter(pk=pk).update(digest=digests[pk], behind=2**63 - 1)


# --- filling


def fill(now: datetime) -> int:
    """Index all that has come or changed; returns how many texts. What others work on at the same time is
    left to them.
    """
    done = 0
    for channel in Channel.objects.filter(
        Q(search_mark=None) & Q(inbox_mark__seq__gt=0) | Q(search_mark__seq__lt=F("inbox_mark__seq"))
    ):
        done += _unless_moved(partial(_index_changes, channel))
    done += _unless_moved(lambda: _walk(_REPLIES, now)) + _unless_moved(lambda: _walk(_NOTES, now))
    _look_for_new_names()
    return done + _unless_moved(_rename)


def _index_changes(channel: Channel) -> int:
    return sum(_changes(channel))


def _unless_moved(step: Callable[[], int]) -> int:
    """What a step has done. One whose case is merged or erased right then is undone and comes next time."""
    try:
        return step()
    except (IntegrityError, _Moved):
        log.info("A case went away while its texts were indexed; they are indexed next time")
        return 0


def _changes(channel: Channel) -> Iterator[int]:
    """Index what has changed in a channel, batch by batch; yields how many texts each held."""
    SearchMark.objects.get_or_create(channel=channel)
    while True:
        seq = SearchMark.objects.get(channel=channel).seq
        seen = ReadMark.objects.filter(channel=channel).values_list("seq", flat=True).first() or 0
        changed = Interaction.objects.changed_since(channel, seq).filter(seq__lte=seen)
        batch = list(changed.values_list("seq", flat=True)[:BATCH])
        if not batch:
            return
        links = CaseInteraction.objects.filter(
            interaction__channel=channel, interaction__seq__gt=seq, interaction__seq__lte=batch[-1]
        )
        texts = _read(_INTERACTIONS, links)
        with transaction.atomic():
            mark = SearchMark.objects.filter(channel=channel, seq=seq)
            if not mark.update(seq=batch[-1]):
                return
            _write(_INTERACTIONS, texts)
        yield len(texts)


def _walk(source: _Source, now: datetime) -> int:
    """Index the rows that have no entry yet; returns how many."""
    mark, _created = SearchWalk.objects.get_or_create(what=source.column)
    reached = saved = mark.reached
    done, settled = 0, True
    while True:
        rows = list(
            source.rows.filter(pk__gt=reached).order_by("pk").values_list("pk", source.at, "passages")[:BATCH]
        )
        missing = [pk for pk, _at, passage in rows if passage is None]
        texts = _read(source, source.rows.filter(pk__in=missing))
        for pk, at, _passage in rows:
            reached = pk
            settled = settled and at < now - SETTLED
            if settled:
                mark.reached = pk
        with transaction.atomic():
            # Set back meanwhile, or worked on by another: the next time.
            if not SearchWalk.objects.filter(pk=mark.pk, reached=saved).update(reached=mark.reached):
                return done
            _write(source, texts)
        saved = mark.reached
        done += len(texts)
        if len(rows) < BATCH:
            return done


def _look_for_new_names() -> None:
    """Compare some authors' names with those in the index, every time the next ones."""
    mark, _created = SearchWalk.objects.get_or_create(what="author")
    some = list(
        Author.objects.filter(pk__gt=mark.reached, indexed_name__isnull=False)
        .order_by("pk")
        .values_list("pk", "name", "handle")[:BATCH]
    )
    _note_names({pk: (name, handle) for pk, name, handle in some})
    SearchWalk.objects.filter(pk=mark.pk).update(reached=some[-1][0] if len(some) == BATCH else 0)


def _rename() -> int:
    """Write the entries of authors anew who have another name now; returns how many."""
    done = 0
    while due := IndexedName.objects.filter(behind__isnull=False).first():
        older = Passage.objects.filter(case__author=due.author_id, pk__lt=due.behind).order_by("-pk")
        batch = list(older.values_list("pk", "link_id", "reply_id", "note_id")[:BATCH])
        for place, source in enumerate((_INTERACTIONS, _REPLIES, _NOTES), start=1):
            pks = [row[place] for row in batch if row[place] is not None]
            texts = _read(source, source.rows.filter(pk__in=pks))
            with transaction.atomic():
                _write(source, texts)
        left = batch[-1][0] if len(batch) == BATCH else None
        IndexedName.objects.filter(pk=due.pk, digest=due.digest, behind=due.behind).update(behind=left)
        done += len(batch)
    return done


def changed(
    *, replies: Sequence[int] = (), notes: Sequence[int] = (), interactions: Sequence[int] = ()
) -> None:
    """These have other words now: their entries go at once. Call in the transaction of the change.

    Replies and notes come anew with the next filling; interactions with their new change number.
    """
    Passage.objects.filter(link__interaction__in=interactions).delete()
    for source, ids in ((_REPLIES, replies), (_NOTES, notes)):
        if ids and Passage.objects.filter(**{f"{source.column}__in": ids}).delete()[0]:
            mark = SearchWalk.objects.filter(what=source.column, reached__gte=min(ids))
            mark.update(reached=min(ids) - 1)


def rebuild(now: datetime) -> Iterator[int]:
    """Index everything anew, beside the desk's work; yields how many texts each step has written.

    What is there meanwhile can be found as before. If it is interrupted, the sweep goes on with the
    interactions.
    """
    SearchMark.objects.update(seq=0)
    for channel in Channel.objects.filter(inbox_mark__isnull=False):
        yield from _changes(channel)
    for source in (_REPLIES, _NOTES):
        reached = 0
        while pks := list(
            source.rows.filter(pk__gt=reached).order_by("pk").values_list("pk", flat=True)[:BATCH]
        ):
            texts = _read(source, source.rows.filter(pk__in=pks))
            with transaction.atomic():
                _write(source, texts)
            reached = pks[-1]
            yield len(texts)
    yield fill(now)
