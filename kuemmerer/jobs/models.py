"""When each sweep last ran and which workers are alive."""

from __future__ import annotations

from django.db import models


class Schedule(models.Model):
    """One sweep's state. `queued_at` is set while a task for it waits in the queue."""

    name = models.CharField(max_length=64, primary_key=True)
    next_at = models.DateTimeField()
    queued_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    error = models.TextField(blank=True, default="")

    def __str__(self) -> str:
        return self.name


class Heartbeat(models.Model):
    """A worker process that lives, or did."""

    worker = models.CharField(max_length=64, primary_key=True)
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.worker
