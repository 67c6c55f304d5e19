"""Counting analyses as they are made."""

import logging
import queue
import threading
from collections.abc import Callable, Mapping
from typing import Final

from dfd.errors import JobStoreUnavailable
from dfd.manifest import ModelManifest
from dfd.monitoring.measuring import HOUR_S, binned
from dfd.ports.feedback import Tally, TallyStore
from dfd.ports.observing import Observer
from dfd.report import Report

_LOG = logging.getLogger(__name__)

_MOST_WAITING: Final = 1000
"""Analyses that wait to be counted; further ones are not."""

KEPT_HOURS: Final = 720
"""How long counts are kept: 30 days."""


class Tallier:
    """Counts in a thread of its own: no analysis waits for a database, and none fails because it cannot be counted.

    Safe to use from several threads. What waits when the process ends is not counted.
    """

    def __init__(self, store: TallyStore, clock: Callable[[], float]) -> None:
        """Count in `store`, by the hours of `clock` (seconds since the epoch); a thread begins with the first count."""
        self._store = store
        self._clock = clock
        self._waiting: queue.Queue[tuple[int, Mapping[Tally, int]]] = queue.Queue(_MOST_WAITING)
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._last_hour = 0

    def add(self, found: Mapping[Tally, int]) -> None:
        """Count an analysis soon."""
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="dfd-tallies", daemon=True)
                self._thread.start()
        try:
            self._waiting.put_nowait((int(self._clock() // HOUR_S), found))
        except queue.Full:
            _LOG.warning("an analysis is not counted: %d wait to be", _MOST_WAITING)

    def _run(self) -> None:
        while True:
            hour, found = self._waiting.get()
            try:
                self._store.count(hour, found)
                if hour > self._last_hour:
                    self._store.forget_hours(hour - KEPT_HOURS)
                    self._last_hour = hour
            except JobStoreUnavailable as error:
                _LOG.warning("an analysis is not counted: %s", error)


class Tallying(Observer):
    """Has the answers of one model counted."""

    def __init__(self, manifest: ModelManifest, tallier: Tallier) -> None:
        """Count by the bins of `manifest`."""
        self._manifest = manifest
        self._tallier = tallier

    def analysis_ended(self, report: Report) -> None:
        if found := binned(report, self._manifest):
            self._tallier.add(found)
