"""The worker process: a clock that queues what is due, and threads that work the queues off."""

from __future__ import annotations

import logging
import os
import secrets
import signal
import socket
import threading
import time
from collections.abc import Callable
from types import FrameType

from django.db import close_old_connections, connection
from django.db.utils import OperationalError
from django_tasks_db.management.commands.db_worker import Worker as QueueWorker

from kuemmerer.core import clock
from kuemmerer.jobs.models import Heartbeat
from kuemmerer.jobs.sweeps import tick

log = logging.getLogger(__name__)

THREADS = {"delivery": 2, "sync": 3, "notify": 2, "default": 1}
"""Threads per queue. A slow server holds up one thread of its own queue, never an answer on its way."""
BEAT_SECONDS = 5.0


class Worker:
    """Runs until `stop` is set or one of its threads dies. One per process."""

    def __init__(self) -> None:
        self.name = f"{socket.gethostname()[:30]}-{os.getpid()}-{secrets.token_hex(3)}"
        self.stop = threading.Event()
        self.failed = False
        self._queues: list[QueueWorker] = []

    def run(self) -> int:
        """Work until told to stop. Returns the exit code: 1 if a thread died and the process should be
        replaced.
        """
        signal.signal(signal.SIGTERM, self._signalled)
        signal.signal(signal.SIGINT, self._signalled)
        threads = [threading.Thread(target=self._guarded, args=(self._clock,), name="clock", daemon=True)]
        for queue, count in THREADS.items():
            for number in range(count):
                worker = self._queue_worker(queue, number)
                threads.append(
                    threading.Thread(
                        target=self._guarded, args=(worker.run,), name=f"{queue}-{number}", daemon=True
                    )
                )
        for thread in threads:
            thread.start()
        self.stop.wait()
        for worker in self._queues:
            worker.running = False
        deadline = time.monotonic() + 25
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        Heartbeat.objects.filter(worker=self.name).delete()
        return 1 if self.failed else 0

    def _signalled(self, number: int, frame: FrameType | None) -> None:
        self.stop.set()

    def _queue_worker(self, queue: str, number: int) -> QueueWorker:
        worker = QueueWorker(
            queue_names=[queue],
            # An answer goes out at once; a sync or a clean-up may wait a second.
            interval=0.5 if queue == "delivery" else 1.0,
            batch=False,
            backend_name="default",
            startup_delay=False,
            max_tasks=None,
            worker_id=f"{self.name[:50]}-{queue}-{number}"[:64],
            excluded_queue_names=[],
        )
        self._queues.append(worker)
        return worker

    def _guarded(self, run: Callable[[], None]) -> None:
        try:
            run()
        except BaseException:
            log.exception("The thread %s died", threading.current_thread().name)
        finally:
            connection.close()
            if not self.stop.is_set():
                self.failed = True
                self.stop.set()

    def _clock(self) -> None:
        started = clock.now()
        beat = 0.0
        while not self.stop.is_set():
            close_old_connections()
            try:
                if time.monotonic() - beat >= BEAT_SECONDS:
                    Heartbeat.objects.update_or_create(
                        worker=self.name,
                        defaults={"seen_at": clock.now()},
                        create_defaults={"seen_at": clock.now(), "started_at": started},
                    )
                    beat = time.monotonic()
                tick(clock.now())
            except OperationalError:
                # A database that is busy or restarting is no reason to die; a lasting one shows as a missing
                # heartbeat.
                log.warning("The database does not answer; trying again", exc_info=True)
                connection.close()
            self.stop.wait(1.0)
