"""The answer to a request for information (Art. 15 and 20 GDPR): a ZIP with JSON and a page to read."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib.staticfiles import finders
from django.db import transaction
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import get_language, gettext, override

from kuemmerer.accounts.access import Actor
from kuemmerer.accounts.models import User
from kuemmerer.channels import privacy
from kuemmerer.channels.models import Author
from kuemmerer.channels.privacy import Section, Subject
from kuemmerer.channels.redaction import Redactor

STYLE = "channels/export.css"


@dataclass(frozen=True, kw_only=True)
class Export:
    """A ZIP. `language` is the one that it was written in."""

    filename: str
    content: bytes
    language: str


@transaction.atomic
def export(*, actor: Actor, subject: Subject, now: datetime) -> Export:
    """Everything that is stored about a person, in the person's language, and a record that it was handed
    out. Names of other people, the team's too, are taken out. Raises Forbidden.
    """
    actor.need("privacy.manage")
    language = _language(subject)
    with override(language), timezone.override(subject.workspace.zone):
        others = _others(subject)
        sections = [
            _without_others(section, others)
            for part in reversed(privacy.parts())
            for section in part.sections(subject)
            if section.rows
        ]
        page = _page(subject, sections, now)
    privacy.note_export(actor=actor, subject=subject, now=now)
    data = {
        "company": subject.workspace.name,
        "made_at": now.isoformat(),
        **{section.key: section.rows for section in sections},
    }
    return Export(
        filename=f"data-{now:%Y-%m-%d}.zip",
        content=_zipped(
            {
                "index.html": page.encode(),
                "style.css": _style(),
                "data.json": json.dumps(data, ensure_ascii=False, indent=2, default=_plain).encode(),
            },
            now,
        ),
        language=language,
    )


def _language(subject: Subject) -> str:
    known = {code for code, _name in settings.LANGUAGES}
    for part in privacy.parts():
        if (found := part.language(subject)) in known:
            return found
    return subject.workspace.language


def _others(subject: Subject) -> Redactor:
    """Takes out everybody else in the person's conversations, and the team."""
    people: list[Author] = []
    for some in privacy.pieces(subject.thread_ids):
        found = Author.objects.filter(interactions__thread__in=some, interactions__ours=False)
        people += found.exclude(pk__in=subject.author_ids).distinct()
    team = User.objects.filter(memberships__workspace=subject.workspace).values_list("name", "email")
    names = [one for pair in team for one in pair]
    return Redactor(people, word=gettext("[another person]"), more=names)


def _without_others(section: Section, others: Redactor) -> Section:
    # Accounts are the person's own words about themselves, and their ids.
    rows = section.rows if section.key == "accounts" else [others.value(row) for row in section.rows]
    return Section(key=section.key, title=section.title, rows=rows, labels=section.labels)


def _page(subject: Subject, sections: Sequence[Section], now: datetime) -> str:
    name = next((str(author) for author in subject.authors), "")
    shown = [
        {
            "title": section.title,
            "rows": [
                [(section.labels.get(key, key), _shown(value)) for key, value in row.items() if _says(value)]
                for row in section.rows
            ],
        }
        for section in sections
    ]
    context = {
        "company": subject.workspace.name,
        "name": name,
        "sections": shown,
        "now": now,
        "language": get_language(),
    }
    return render_to_string("channels/export.html", context)


def _says(value: Any) -> bool:
    return value is not None and value not in ("", [], {}, False)


def _shown(value: Any) -> str:
    if value is True:
        return gettext("yes")
    if isinstance(value, datetime):
        return date_format(timezone.localtime(value), "DATETIME_FORMAT")
    if isinstance(value, Mapping | list):
        return json.dumps(value, ensure_ascii=False, indent=1, default=_plain)
    return str(value)


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _style() -> bytes:
    path = finders.find(STYLE)
    if path is None:
        raise LookupError(STYLE)
    with open(str(path), "rb") as file:
        return file.read()


def _zipped(files: Mapping[str, bytes], now: datetime) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, now.timetuple()[:6])
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)
    return buffer.getvalue()
