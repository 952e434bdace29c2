"""Notices about something that was erased go with it, and what other programs were or are to be told."""

from __future__ import annotations

from collections.abc import Collection

from django.conf import settings

from kuemmerer.notify.models import Notice, WebhookDelivery

TOGETHER = 500


def reword(*, workspace_id: int, path: str, text: str) -> None:
    """Put another text into the notices that lead to `path`: what they told of was redacted."""
    Notice.objects.filter(workspace=workspace_id, path=path).update(text=text)


def forget(*, workspace_id: int, paths: Collection[str]) -> int:
    """Erase the notices and the webhooks' messages that lead to one of `paths`, and the lines of summaries
    that do. Returns how many notices went. What has gone out is out.
    """
    wanted = set(paths)
    rows = Notice.objects.filter(workspace=workspace_id)
    messages = WebhookDelivery.objects.filter(webhook__workspace=workspace_id)
    gone, every = 0, sorted(wanted)
    for start in range(0, len(every), TOGETHER):
        some = every[start : start + TOGETHER]
        gone += rows.filter(path__in=some).delete()[1].get("notify.Notice", 0)
        messages.filter(data__url__in=[settings.BASE_URL + path for path in some]).delete()
    for notice in rows.exclude(lines=[]).only("pk", "lines").iterator(chunk_size=500):
        left = [line for line in notice.lines if line.get("path") not in wanted]
        if len(left) < len(notice.lines):
            Notice.objects.filter(pk=notice.pk).update(lines=left)
    return gone
