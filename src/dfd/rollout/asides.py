"""What comes after the answer: scoring files once more, and writing down what was observed. Never waited for."""

import logging
import queue
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from dfd.challenge.observation import Observation
from dfd.errors import InputError, Unavailable
from dfd.pipeline import AnalysisOptions, Progress
from dfd.rollout.trial import Observed, SideTask, failure, success

_LOG = logging.getLogger(__name__)

MOST_WAITING: Final = 4
"""Files that wait to be scored aside; each keeps its bytes on the disk for as long."""

MOST_UNWRITTEN: Final = 1000
"""Observations that wait for the database."""

_AT_ONCE: Final = 200
_RETRY_S: Final = 1.0

_OPEN_FILES: Final = Path("/proc/self/fd")
"""Where Linux shows this process its open files, also those that were deleted meanwhile."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    file: BinaryIO
    options: AnalysisOptions
    task: SideTask


class _Leaving(Exception):
    """The process ends."""


class SideScorer:
    """Scores files in one thread, one at a time."""

    def __init__(self, observed: Observed, clock: Callable[[], float], most: int = MOST_WAITING) -> None:
        """Tell `observed` what comes of each file; at most so many wait. `clock` gives seconds since the epoch."""
        self._observed = observed
        self._clock = clock
        self._waiting: queue.Queue[_Waiting | None] = queue.Queue(most)
        self._leaving = threading.Event()
        self._thread: threading.Thread | None = None
        self.dropped = 0

    def start(self) -> None:
        """Begin to work."""
        self._leaving.clear()
        self._thread = threading.Thread(target=self._run, name="dfd-aside", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Leave the file at hand at its next frame, and all others."""
        self._leaving.set()
        self._discard()
        if self._thread is not None:
            self._waiting.put(None)
            self._thread.join()
            self._thread = None
        self._discard()

    def offer(self, path: Path, options: AnalysisOptions, task: SideTask) -> None:
        """Take a file by opening it, so that it may be deleted; without a place for it, it is dropped and counted."""
        try:
            file = path.open("rb")
        except OSError as error:
            self._drop(f"it cannot be opened: {error.strerror}")
            return
        try:
            self._waiting.put_nowait(_Waiting(file, options, task))
        except queue.Full:
            file.close()
            self._drop("others wait")

    def _drop(self, why: str) -> None:
        self.dropped += 1
        _LOG.debug("a file is not scored aside, %s", why)

    def _discard(self) -> None:
        while True:
            try:
                waiting = self._waiting.get_nowait()
            except queue.Empty:
                return
            if waiting is not None:
                waiting.file.close()

    def _run(self) -> None:
        while (waiting := self._waiting.get()) is not None:
            with waiting.file:
                self._score(waiting)

    def _score(self, waiting: _Waiting) -> None:
        task = waiting.task
        path = _OPEN_FILES / str(waiting.file.fileno())
        try:
            analyzer = task.model.aside or task.model.analyzer
            report = analyzer.analyze(path, waiting.options, self._heard)
        except (_Leaving, InputError):
            return
        except Exception as error:  # noqa: BLE001 - the edge of a thread: whatever a model does, it counts against it
            _LOG.warning("%s/%s failed aside: %s", task.rollout.name, task.model.manifest.version, error)
            self._observed(failure(task, error, answered=False, at_s=self._clock()))
            return
        self._observed(success(task, report, answered=False, at_s=self._clock()))

    def _heard(self, _progress: Progress) -> None:
        if self._leaving.is_set():
            raise _Leaving


class Recorder:
    """Writes observations down in a thread, several at once; while the database is away they wait, up to a number."""

    def __init__(
        self,
        write: Callable[[Sequence[Observation]], object],
        written: Callable[[], None],
        most: int = MOST_UNWRITTEN,
    ) -> None:
        """Write with `write`, which raises `Unavailable` while it cannot, and call `written` after each time."""
        self._write = write
        self._written = written
        self._waiting: queue.Queue[Observation | None] = queue.Queue(most)
        self._leaving = threading.Event()
        self._thread: threading.Thread | None = None
        self.dropped = 0

    def __call__(self, observation: Observation, /) -> None:
        """Take one; without a place for it, it is dropped and counted."""
        try:
            self._waiting.put_nowait(observation)
        except queue.Full:
            self.dropped += 1

    def start(self) -> None:
        """Begin to write."""
        self._leaving.clear()
        self._thread = threading.Thread(target=self._run, name="dfd-observations", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Write what waits, unless the database is away, and leave."""
        self._leaving.set()
        if self._thread is not None:
            with suppress(queue.Full):  # its reader is awake then
                self._waiting.put_nowait(None)
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        while batch := self._next():
            while True:
                try:
                    self._write(batch)
                    break
                except Unavailable as error:
                    _LOG.warning("observations wait: %s", error)
                    if self._leaving.wait(_RETRY_S):
                        return
                except Exception:  # noqa: BLE001 - the edge of a thread: one batch is lost, not all that come later
                    _LOG.exception("observations are lost")
                    break
            self._written()

    def _next(self) -> list[Observation]:
        """What waits, after the first has come; nothing once there is nothing left and the process ends."""
        batch: list[Observation] = []
        while len(batch) < _AT_ONCE:
            try:
                found = self._waiting.get(block=not batch and not self._leaving.is_set())
            except queue.Empty:
                break
            if found is not None:
                batch.append(found)
        return batch
