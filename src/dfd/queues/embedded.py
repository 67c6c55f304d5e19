"""Waking the workers of this process; those of another one look for themselves, once a polling interval."""

import threading
from collections.abc import Sequence

from dfd.ports import JobQueue


class EmbeddedQueue(JobQueue):
    """A bell. Every call wakes one waiting worker, or the next one that waits."""

    def __init__(self) -> None:
        """Begin with nobody called."""
        self._calls = threading.Semaphore(0)
        self._lock = threading.Lock()
        self._waiting = 0

    def announce(self, job_ids: Sequence[str]) -> None:
        if job_ids:
            self._calls.release(len(job_ids))

    def wait(self, timeout_s: float) -> bool:
        with self._lock:
            self._waiting += 1
        try:
            return self._calls.acquire(timeout=timeout_s)
        finally:
            with self._lock:
                self._waiting -= 1

    def close(self) -> None:
        with self._lock:
            if self._waiting:
                self._calls.release(self._waiting)
