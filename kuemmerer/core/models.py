"""The audit log: who did what, written in the same transaction as the deed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import models

from kuemmerer.core.rows import insert


class AuditRecord(models.Model):
    """One deed. The ids are plain numbers, since what they point to may be erased while the record stays."""

    workspace_id = models.BigIntegerField(null=True)
    actor = models.CharField(max_length=254, help_text="e-mail address, or the name of a sweep")
    verb = models.CharField(max_length=64)
    subject_type = models.CharField(max_length=32)
    subject_id = models.BigIntegerField()
    details = models.JSONField(default=dict)
    at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["workspace_id", "subject_type", "subject_id", "id"], name="audit_subject")
        ]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} {self.actor} {self.verb} {self.subject_type} {self.subject_id}"


def record(
    *, workspace_id: int | None, actor: str, verb: str, subject: models.Model, now: datetime, **details: Any
) -> None:
    """Write down that `actor` did `verb` to `subject`. Call inside the transaction of the deed."""
    AuditRecord.objects.create(
        workspace_id=workspace_id,
        actor=actor,
        verb=verb,
        subject_type=subject._meta.model_name or "",
        subject_id=subject.pk,
        details=details,
        at=now,
    )


def record_all(
    *,
    workspace_id: int,
    actor: str,
    verb: str,
    subject_type: str,
    subject_ids: Iterable[int],
    now: datetime,
    **details: Any,
) -> None:
    """Write down the same about many subjects, in one statement. `subject_type` as in `forget`."""
    common = {"workspace_id": workspace_id, "actor": actor, "verb": verb, "subject_type": subject_type}
    common |= {"details": details, "at": now}
    insert(AuditRecord, [{**common, "subject_id": pk} for pk in subject_ids])


def forget(*, workspace_id: int, subject_type: str, subject_ids: Iterable[int]) -> int:
    """Take the details out of what was recorded about these; that it happened stays. Returns how many
    records.

    `subject_type` is the model's name in small letters, as `record` writes it.
    """
    ids = list(subject_ids)
    count = 0
    for start in range(0, len(ids), 500):
        found = AuditRecord.objects.filter(
            workspace_id=workspace_id, subject_type=subject_type, subject_id__in=ids[start : start + 500]
        )
        count += found.exclude(details={}).update(details={})
    return count
