"""Notices about something that was erased go with it."""

from __future__ import annotations

from collections.abc import Collection

from kuemmerer.notify.models import Notice


def forget(*, workspace_id: int, paths: Collection[str]) -> int:
    """Erase the notices that lead to one of `paths`, and the lines of summaries that do. Returns how many
    notices went. What has gone out by mail is out.
    """
    wanted = set(paths)
    rows = Notice.objects.filter(workspace=workspace_id)
    gone, _by_model = rows.filter(path__in=wanted).delete()
    for notice in rows.exclude(lines=[]).only("pk", "lines").iterator(chunk_size=500):
        left = [line for line in notice.lines if line.get("path") not in wanted]
        if len(left) < len(notice.lines):
            Notice.objects.filter(pk=notice.pk).update(lines=left)
    return gone
