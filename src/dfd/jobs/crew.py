"""The threads that do the work of a process: some workers, a sweeper, and those who tell callers."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from dfd.errors import Unavailable
from dfd.jobs.deliverer import Deliverer
from dfd.jobs.policy import JobPolicy
from dfd.jobs.sweeper import Sweeper
from dfd.jobs.worker import Worker
from dfd.ports import JobQueue

_LOG = logging.getLogger(__name__)

_ORPHANS_EVERY_S: Final = 3600.0
"""Listing a storage costs more than a sweep of the table."""


class Crew:
    """Workers, a sweeper and deliverers, started together and stopped together."""

    def __init__(
        self,
        workers: Sequence[Worker],
        sweeper: Sweeper,
        queue: JobQueue,
        policy: JobPolicy,
        deliverers: Sequence[Deliverer] = (),
    ) -> None:
        """Hire; nothing runs yet."""
        self._deliverers = deliverers
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
        tasks += [partial(self._deliver, deliverer) for deliverer in self._deliverers]
        self._threads = [
            threading.Thread(target=task, name=f"dfd-jobs-{number}", daemon=True) for number, task in enumerate(tasks)
        ]
        for thread in self._threads:
            thread.start()

    def ask_to_stop(self) -> None:
        """Begin nothing any more; at once, and fit for a handler of signals. `stop` waits for what has begun."""
        self._stop.set()

    def stop(self) -> None:
        """Finish what is about to be done, give back the rest, and wait for all to leave, a lease long."""
        self._stop.set()
        self._queue.close()  # whoever waits need not wait any longer
        until_s = time.monotonic() + self._policy.stop_grace_s + self._policy.lease_s
        for thread in self._threads:  # a frame that takes longer is left behind: its lease ends by itself
            thread.join(max(0.0, until_s - time.monotonic()))
        self._threads = []
        self._queue.close()  # what they have opened until they left

    def _work(self, worker: Worker) -> None:
        while not self._stop.is_set():
            if not self._survived(partial(worker.run_one, self._stop)) and not self._stop.is_set():
                self._queue.wait(self._policy.poll_s)

    def _deliver(self, deliverer: Deliverer) -> None:
        while not self._stop.is_set():
            if not self._survived(deliverer.deliver_one):
                self._stop.wait(self._policy.poll_s)

    def _sweep(self) -> None:
        rounds_between_orphans = max(1, round(_ORPHANS_EVERY_S / self._policy.sweep_s))
        rounds = 0
        while not self._stop.is_set():
            self._survived(self._sweeper.sweep)
            if rounds % rounds_between_orphans == 0:
                self._survived(self._sweeper.delete_orphans)
            rounds += 1
            self._stop.wait(self._policy.sweep_s)

    def _survived(self, task: Callable[[], object]) -> bool:
        """Run a task, whatever comes of it: a thread that dies would leave every later job standing.

        Returns:
            whether it did something.
        """
        try:
            return bool(task())
        except Unavailable as error:
            _LOG.warning("broken off: %s", error)
        except Exception:  # noqa: BLE001 - the edge of a thread
            _LOG.exception("unexpected error")
        self._stop.wait(self._policy.poll_s)
        return False
