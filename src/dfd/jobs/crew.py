"""The threads that do the work of a process: some workers and a sweeper."""

import logging
import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from dfd.errors import JobStoreUnavailable
from dfd.jobs.policy import JobPolicy
from dfd.jobs.sweeper import Sweeper, swept_safely
from dfd.jobs.worker import Worker
from dfd.ports import JobQueue

_LOG = logging.getLogger(__name__)

_ORPHANS_EVERY_S: Final = 3600.0
"""Listing a storage costs more than a sweep of the table."""


class Crew:
    """Workers and a sweeper, started together and stopped together."""

    def __init__(self, workers: Sequence[Worker], sweeper: Sweeper, queue: JobQueue, policy: JobPolicy) -> None:
        """Hire; nothing runs yet."""
        self._workers = workers
        self._sweeper = sweeper
        self._queue = queue
        self._policy = policy
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Begin to work; a crew that was stopped may begin again."""
        self._stop.clear()
        tasks: list[Callable[[], None]] = [self._sweep]
        tasks += [partial(self._work, worker) for worker in self._workers]
        self._threads = [
            threading.Thread(target=task, name=f"dfd-jobs-{number}", daemon=True) for number, task in enumerate(tasks)
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Give back what is being worked on, at the next frame, and wait for all to leave."""
        self._stop.set()
        self._queue.announce([""] * len(self._workers))  # whoever waits need not wait any longer
        for thread in self._threads:
            thread.join()
        self._threads = []

    def _work(self, worker: Worker) -> None:
        while not self._stop.is_set():
            try:
                found = worker.run_one(self._stop)
            except JobStoreUnavailable as error:
                _LOG.warning("no job can be claimed: %s", error)
                found = False
                self._stop.wait(self._policy.poll_s)
            if not found and not self._stop.is_set():
                self._queue.wait(self._policy.poll_s)

    def _sweep(self) -> None:
        rounds_between_orphans = max(1, round(_ORPHANS_EVERY_S / self._policy.sweep_s))
        rounds = 0
        while not self._stop.is_set():
            swept_safely(self._sweeper.sweep)
            if rounds % rounds_between_orphans == 0:
                swept_safely(self._sweeper.delete_orphans)
            rounds += 1
            self._stop.wait(self._policy.sweep_s)
