"""Saved replies as files: read from CSV and JSON, written as CSV.

A file is taken in whole or not at all. What is wrong is said line by line, so that all of it can be mended at
once.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import models, transaction
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from kuemmerer.accounts.access import Actor
from kuemmerer.core.errors import Invalid, Message
from kuemmerer.core.models import record
from kuemmerer.inbox import library
from kuemmerer.inbox.library import Checked
from kuemmerer.inbox.models import SavedReply

MOST_BYTES = 2_000_000
MOST_ROWS = 1_000
COLUMNS = {
    "name": "name",
    "language": "language",
    "sprache": "language",
    "text": "text",
}
"""The names of columns and keys that are understood, in small letters."""
DELIMITERS = ";,\t"
_BOMS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
_FORMULA = "=+-@\t\r\n\u0020\uff1d\uff0b\uff0d\uff20"
"""What a spreadsheet takes for the beginning of a formula, or passes over before one."""


class Existing(models.TextChoices):
    UPDATE = "update", _("replace their text")
    SKIP = "skip", _("leave them as they are")


@dataclass(frozen=True)
class Problem:
    """What is wrong with a line of a file, counted from 1; 0 for the file as a whole."""

    line: int
    message: Message


class BrokenFile(Invalid):
    """A file that cannot be taken in; nothing of it was."""

    code = "broken_file"

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = problems
        found = [{"line": problem.line, "detail": str(problem.message)} for problem in problems]
        first = problems[0]
        if len(problems) == 1 and not first.line:
            message = first.message
        else:
            message = ngettext_lazy(
                "Nothing was imported: %(count)d line is wrong.",
                "Nothing was imported: %(count)d lines are wrong.",
                len(problems),
            ) % {"count": len(problems)}
        super().__init__(message, field="file", extra={"problems": found})


@dataclass(frozen=True, kw_only=True)
class Imported:
    """How many saved replies are new, were changed, and were left as they are."""

    added: int
    changed: int
    left: int


# --- reading


@dataclass(frozen=True)
class Row:
    """A line of a file as it stands there; `wrong` if it could not even be taken apart."""

    line: int
    values: Mapping[str, str]
    wrong: Message | None = None


def read(content: bytes) -> list[Checked]:
    """The saved replies in a CSV or JSON file. Raises BrokenFile with all that is wrong.

    CSV may be separated by semicolon, comma or tab, in UTF-8, UTF-16 with its mark, or Windows-1252; its
    first line names the columns. JSON is a list of objects with the same names.
    """
    if len(content) > MOST_BYTES:
        raise _broken(_("This file is too large. Two megabytes are possible."))
    text = _decoded(content)
    if not text.strip():
        raise _broken(_("This file is empty."))
    is_json = text.lstrip()[0] in "[{"
    rows = list(_json_rows(text) if is_json else _csv_rows(text))
    if not rows:
        raise _broken(_("There is no saved reply in this file."))
    if len(rows) > MOST_ROWS:
        raise _broken(_("At most 1,000 saved replies are imported at once."))
    return _checked(rows)


def _broken(message: Message) -> BrokenFile:
    return BrokenFile([Problem(0, message)])


def _decoded(content: bytes) -> str:
    named = next((encoding for mark, encoding in _BOMS.items() if content.startswith(mark)), None)
    for encoding in [named] if named else ["utf-8", "cp1252"]:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\x00" not in text:
            return text
    raise _broken(_("This is no text we can read. Please save it as “CSV UTF-8”."))


def _csv_rows(text: str) -> Iterator[Row]:
    columns, delimiter = _header(text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    begins = 1
    try:
        for cells in reader:
            line, begins = begins, reader.line_num + 1
            if line == 1 or not any(cell.strip() for cell in cells):
                continue
            yield _csv_row(line, cells, columns)
    except csv.Error:
        yield Row(begins, {}, _("The quotation marks do not fit together from here on."))


def _csv_row(line: int, cells: Sequence[str], columns: Sequence[str]) -> Row:
    if len(cells) > len(columns):
        return Row(
            line, {}, _("There are more cells than columns. Put a text with separators in quotation marks.")
        )
    return Row(line, {name: plain(cell) for name, cell in zip(columns, cells, strict=False) if name})


def _header(text: str) -> tuple[list[str], str]:
    """What the columns mean (empty for one that means nothing here), and what separates them."""
    for delimiter in DELIMITERS:
        try:
            cells = next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True), [])
        except csv.Error:
            continue
        columns = [COLUMNS.get(cell.strip().lower(), "") for cell in cells]
        if columns.count("name") == columns.count("text") == 1 and columns.count("language") <= 1:
            return columns, delimiter
    raise _broken(
        _("The first line has to name the columns: “name” and “text”, and “language” if there are several.")
    )


def _json_rows(text: str) -> Iterator[Row]:
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        raise BrokenFile([Problem(error.lineno, _("This is no JSON from here on."))]) from error
    except RecursionError as error:
        raise _broken(_("This is no list of saved replies.")) from error
    if not isinstance(found, list):
        raise _broken(_("This is no list of saved replies."))
    for number, entry in enumerate(found, start=1):
        yield _json_row(number, entry)


def _json_row(number: int, entry: Any) -> Row:
    """JSON knows no lines; what is counted are the entries."""
    if not isinstance(entry, dict) or not all(isinstance(value, str) for value in entry.values()):
        return Row(number, {}, _("An entry has to be an object of texts."))
    return Row(number, {COLUMNS.get(key.strip().lower(), ""): value for key, value in entry.items()})


def _checked(rows: Sequence[Row]) -> list[Checked]:
    found: list[Checked] = []
    problems: list[Problem] = []
    lines: dict[tuple[str, str], int] = {}
    for row in rows:
        try:
            checked = _of(row)
        except Invalid as error:
            problems.append(Problem(row.line, error.message))
            continue
        key = (checked.name.casefold(), checked.language)
        if key in lines:
            message = _("The same name in the same language stands in line %(line)d already.")
            problems.append(Problem(row.line, message % {"line": lines[key]}))
            continue
        lines[key] = row.line
        found.append(checked)
    if problems:
        raise BrokenFile(problems)
    return found


def _of(row: Row) -> Checked:
    if row.wrong is not None:
        raise Invalid(row.wrong)
    values = {name: row.values.get(name, "") for name in ("name", "language", "text")}
    return library.checked_reply(**values)


@transaction.atomic
def take_in(*, actor: Actor, content: bytes, existing: str, now: datetime) -> Imported:
    """Store what is in a file; `existing` says what becomes of those that are there already in the same
    language. Raises BrokenFile (nothing is stored then), Invalid, Forbidden.
    """
    actor.need("inbox.configure")
    if existing not in Existing.values:
        raise Invalid(_("Choose what becomes of those that are there already."), field="existing")
    wanted = read(content)
    rows = SavedReply.objects.select_for_update().filter(workspace=actor.workspace)
    known = {(saved.name.casefold(), saved.language): saved for saved in rows}
    new, changed = [], []
    for checked in wanted:
        saved = known.get((checked.name.casefold(), checked.language))
        if saved is None:
            new.append(
                SavedReply(
                    workspace=actor.workspace,
                    name=checked.name,
                    language=checked.language,
                    text=checked.text,
                )
            )
        elif existing == Existing.UPDATE and (saved.name, saved.text) != (checked.name, checked.text):
            saved.name, saved.text = checked.name, checked.text
            changed.append(saved)
    SavedReply.objects.bulk_create(new)
    for saved in changed:
        saved.save(update_fields=["name", "text"])
    outcome = Imported(added=len(new), changed=len(changed), left=len(wanted) - len(new) - len(changed))
    record(
        workspace_id=actor.workspace.pk,
        actor=actor.label,
        verb="imported saved replies",
        subject=actor.workspace,
        now=now,
        added=outcome.added,
        changed=outcome.changed,
    )
    return outcome


# --- writing


def written(actor: Actor) -> str:
    """All saved replies as CSV, which `read` reads again. Raises Forbidden."""
    actor.need("inbox.configure")
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=";", lineterminator="\r\n")
    writer.writerow(["name", "language", "text"])
    for saved in SavedReply.objects.filter(workspace=actor.workspace):
        writer.writerow([safe(saved.name), safe(saved.language), safe(saved.text)])
    return out.getvalue()


def safe(text: str) -> str:
    """A cell that no spreadsheet takes for a formula: with an apostrophe before what looks like one."""
    return f"'{text}" if text[:1] in {*_FORMULA} or _is_marked(text) else text


def plain(cell: str) -> str:
    """What `safe` made, as it was before."""
    return cell[1:] if _is_marked(cell) else cell


def _is_marked(text: str) -> bool:
    return text[:1] == "'" and text[1:2] in {*_FORMULA, "'"}
