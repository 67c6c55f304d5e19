"""Waking the workers of this process; those of another one look for themselves, once a polling interval."""

import threading
from collections.abc import Sequence

from dfd.ports import JobQueue


class EmbeddedQueue(JobQueue):
    """A bell. Every call wakes one waiting worker, or the next one that waits."""

    def __init__(self) -> None:
        """Begin with nobody called."""
        self._calls = threading.Semaphore(0)

    def announce(self, job_ids: Sequence[str]) -> None:
        if job_ids:
            self._calls.release(len(job_ids))

    def wait(self, timeout_s: float) -> bool:
        return self._calls.acquire(timeout=timeout_s)
