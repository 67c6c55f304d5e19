"""Who analyses the files of a batch: this process, one after the other, or the workers that share a table of jobs."""

import json
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from dfd.background import sha256_of
from dfd.bootstrap import Parts, analysis_options
from dfd.bootstrap.signing import build_writer
from dfd.cli.batch_sources import BatchItem
from dfd.cli.exits import printable, show_trace
from dfd.cli.output import Outcome, outcome_to_dict
from dfd.cli.progress import ProgressBar
from dfd.errors import (
    ConfigurationError,
    DfdError,
    InputError,
    JobNotFound,
    JobStoreUnavailable,
    QueueFull,
    RequestError,
    Unavailable,
    kind_of,
)
from dfd.job import Job, JobState
from dfd.jobs.desk import JobDesk
from dfd.jobs.request import JobRequest, ReceivedFile
from dfd.report import Report
from dfd.settings import Settings

if TYPE_CHECKING:
    from dfd.bootstrap.jobs import JobParts

AT_ONCE: Final = 100
"""Files of a batch that wait in the queue or are being analysed: more than one machine's workers, and few enough that
a batch whose process dies leaves little behind."""

_PRIORITY: Final = -1  # whoever waits for one answer goes first
_LOOK_S: Final = 0.2
_MOST_EXTERNAL_ID: Final = 256


@dataclass(frozen=True, slots=True)
class Finished:
    """What became of one file.

    Attributes:
        item: the file.
        outcome: its line (`dfd.cli.output.outcome_to_dict`).
        error: why there is no report.
    """

    item: BatchItem
    outcome: dict[str, Any]
    error: Exception | None = None

    @property
    def lasting(self) -> bool:
        """Whether another try would not change it."""
        return self.error is None or isinstance(self.error, InputError)


def analysed_here(
    items: Sequence[BatchItem], parts: Parts, settings: Settings, bar: ProgressBar, debug: Callable[[], bool]
) -> Generator[Finished, None, None]:
    """Analyse the files in this process, in their order."""
    analyzer, options, write = parts.analyzer(), analysis_options(settings), build_writer(settings)[0]
    for item in items:
        bar.start(item.path)
        try:
            with _fetched(item) as path:
                result: Report | Exception = analyzer.analyze(path, options, bar.frames)
        except Exception as error:  # noqa: BLE001 - a bug that one file wakes must not keep the others from their verdict
            if not isinstance(error, DfdError) and debug():
                show_trace(error)
            result = error
        error_found = None if isinstance(result, Report) else result
        yield Finished(item, outcome_to_dict(Outcome(item.path, result), write), error_found)


def analysed_by_workers(
    items: Sequence[BatchItem], parts: Parts, settings: Settings, bar: ProgressBar
) -> Generator[Finished, None, None]:
    """Hand the files to the workers of the settings' table, `JOB_WORKERS` of this process among them, as they end.

    Leaving early cancels what has not ended.

    Raises:
        ConfigurationError: the settings do not hold, or a worker answers with another model.
        JobStoreUnavailable: the table does not answer.
    """
    from dfd.bootstrap.jobs import build_job_parts  # noqa: PLC0415 - a batch of this process needs no database

    job_parts = build_job_parts(settings)
    crew = job_parts.crew(parts.analyzer().analyze, settings.job_workers)
    crew.start()
    spread = _Spread(job_parts, parts, settings)
    try:
        yield from spread.run(items, bar)
    finally:
        spread.cancel()
        crew.stop()
        job_parts.queue.close()
        job_parts.store.close()


class _Spread:
    """Some of a batch's files as jobs."""

    def __init__(self, job_parts: "JobParts", parts: Parts, settings: Settings) -> None:
        self._desk: JobDesk = job_parts.desk(lambda _sha256: parts.identity, parts.origin)
        self._opener = parts.opener
        self._manifest = parts.manifest
        self._options = analysis_options(settings)
        self._open: dict[str, BatchItem] = {}

    def run(self, items: Sequence[BatchItem], bar: ProgressBar) -> Iterator[Finished]:
        """Keep some of the files with the workers until all are done."""
        left = deque(items)
        while left or self._open:
            seen = len(left), len(self._open)
            yield from self._handed_in(left, bar)
            for job_id, item in list(self._open.items()):
                if (found := self._looked_at(job_id, item)) is not None:
                    del self._open[job_id]
                    yield found
            if seen == (len(left), len(self._open)):
                time.sleep(_LOOK_S)

    def cancel(self) -> None:
        """Have nobody work on what has not ended."""
        with suppress(JobStoreUnavailable):
            for job_id in self._open:
                with suppress(RequestError):  # it has ended
                    self._desk.cancel(job_id)
        self._open.clear()

    def _handed_in(self, left: deque[BatchItem], bar: ProgressBar) -> Iterator[Finished]:
        """Hand in as many as may be; those that cannot be are done."""
        while left and len(self._open) < AT_ONCE:
            bar.start(left[0].path)
            try:
                self._hand_in(left[0])
            except QueueFull:
                return
            except JobStoreUnavailable:
                raise
            except (InputError, Unavailable) as error:
                yield Finished(left[0], outcome_to_dict(Outcome(left[0].path, error)), error)
            left.popleft()

    def _hand_in(self, item: BatchItem) -> None:
        """Make a job of a file, unless a look at it says that it cannot be analysed: that need not travel."""
        with _fetched(item) as path, sha256_of(path) as digest:
            with self._opener.open(path):
                pass
            file = ReceivedFile(path, digest.result(), path.stat().st_size)
            request = JobRequest(self._options, external_id=_external_id(item), priority=_PRIORITY)
            [job] = self._desk.submit([file], request)
        self._open[job.job_id] = item

    def _looked_at(self, job_id: str, item: BatchItem) -> Finished | None:
        """What became of a job's file, once it has ended."""
        try:
            job = self._desk.get(job_id)
            if not job.ended:
                return None
            if job.state is JobState.SUCCEEDED:
                report = json.loads(self._desk.report(job_id))
                self._check_model(report["model"])
                return Finished(item, {"path": item.path, **report})
        except JobNotFound as error:
            return _failed(item, Unavailable.code, str(error))
        return _ended_otherwise(item, job)

    def _check_model(self, model: dict[str, Any]) -> None:
        mine = self._manifest
        if any(model[name] != getattr(mine, name) for name in ("name", "version", "weights_sha256")):
            raise ConfigurationError(
                f"a worker answers with the model {model['name']}/{model['version']}, and this batch asks for "
                f"{mine.name}/{mine.version}; start the workers with the same files, MODEL_NAME and MODEL_VERSION"
            )


def _ended_otherwise(item: BatchItem, job: Job) -> Finished:
    if job.failure is None:
        return _failed(item, Unavailable.code, f"the job {job.job_id} has {job.state.value}")
    message = job.failure.message.replace("the upload", item.path)  # what was said of the copy
    return _failed(item, job.failure.code, message)


def _failed(item: BatchItem, code: str, message: str) -> Finished:
    return Finished(item, {"path": item.path, "error": {"code": code, "message": message}}, kind_of(code)(message))


def _external_id(item: BatchItem) -> str:
    """Shown to who lists the jobs."""
    return printable(item.path)[-_MOST_EXTERNAL_ID:]


@contextmanager
def _fetched(item: BatchItem) -> Iterator[Path]:
    """The file on this machine; what is said of a copy is said of its original."""
    with item.opened() as path:
        try:
            yield path
        except InputError as error:
            raise type(error)(str(error).replace(str(path), item.path)) from error
