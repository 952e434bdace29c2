"""What the editorial desk knows about people: ideas that were made of what they wrote."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar

from django.db.models import QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from kuemmerer.channels.privacy import Part, Section, Subject
from kuemmerer.core.models import forget
from kuemmerer.publishing.models import Idea


class IdeaData(Part):
    labels: ClassVar[Mapping[str, str | Promise]] = {
        "ideas": pgettext_lazy("of a person", "ideas made of it")
    }

    def count(self, subject: Subject) -> Mapping[str, int]:
        return {"ideas": _ideas(subject).count()}

    def sections(self, subject: Subject) -> list[Section]:
        return [
            Section(
                key="ideas",
                title=_("Ideas that we made of what you wrote"),
                rows=[
                    {"title": idea.title, "text": idea.text, "url": idea.url, "created_at": idea.created_at}
                    for idea in _ideas(subject).order_by("created_at")
                ],
                labels={
                    "title": _("Title"),
                    "text": _("Text"),
                    "url": _("Address"),
                    "created_at": _("Written"),
                },
            )
        ]

    def erase(self, subject: Subject, now: datetime) -> None:
        ids = list(_ideas(subject).values_list("pk", flat=True))
        Idea.objects.filter(pk__in=ids).delete()
        forget(workspace_id=subject.workspace.pk, subject_type="idea", subject_ids=ids)


def _ideas(subject: Subject) -> QuerySet[Idea]:
    return Idea.objects.filter(source__author__in=subject.author_ids)
