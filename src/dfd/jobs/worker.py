"""One worker: claims a job, analyses its file, and says at every heartbeat that it lives and how far it is.

A thread of its own sends the heartbeats, so that a slow frame does not pass for death. What they bring back (the job is
to be cancelled, the lease is lost) and the order to stop end the analysis at its next frame.
"""

import json
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from contextvars import copy_context
from functools import partial
from pathlib import Path
from typing import Any, Final

from dfd.correlation import job_at_hand
from dfd.errors import BackendUnavailable, DfdError, InputError, JobStoreUnavailable, RequestError, Unavailable
from dfd.job import TIMED_OUT, Job, JobFailure
from dfd.jobs.options import options_from_dict, result_key
from dfd.jobs.policy import JobPolicy
from dfd.pipeline import AnalysisOptions, Progress
from dfd.ports import JobStore, Transition
from dfd.ports.storage import ObjectStorage
from dfd.report import Report
from dfd.tracing import Noted, SpanKind, record_beside, span, this_span

Analyze = Callable[[Path, AnalysisOptions, Callable[[Progress], None]], Report]
"""Analyses a file; what the listener raises ends the analysis and comes out of it (`dfd.pipeline.Analyzer.analyze`)."""

_LOG = logging.getLogger(__name__)

_LASTING: Final = (InputError, RequestError)
"""Errors that another attempt would not change: of the file, and of what was asked for."""

_PASSING: Final = (BackendUnavailable, Unavailable)
"""Errors of something that may be back in a moment."""

_AWAY: Final = "a part of the service was away; the operator's log names it"
_INTERNAL: Final = JobFailure(DfdError.code, "an error inside the service; the operator's log names it")


class Worker:
    """Works on one job at a time."""

    def __init__(
        self,
        name: str,
        store: JobStore,
        storage: ObjectStorage,
        analyze: Analyze,
        write: Callable[[Report], dict[str, Any]],
        policy: JobPolicy,
        clock: Callable[[], float],
    ) -> None:
        """Put the parts together.

        Args:
            name: shown to operators.
            store: the table of jobs.
            storage: keeps the files.
            analyze: does the work.
            write: makes the report's JSON-ready form.
            policy: limits and times.
            clock: seconds since the epoch.
        """
        self._name = name
        self._store = store
        self._storage = storage
        self._analyze = analyze
        self._write = write
        self._policy = policy
        self._clock = clock

    def run_one(self, stop: threading.Event) -> bool:
        """Claim a job and bring it to an end, or give it back.

        Args:
            stop: once set, the job at hand is given back at its next frame, unless it is about to be done
                (`JobPolicy.stop_grace_s`).

        Returns:
            whether there was a job.

        Raises:
            JobStoreUnavailable: no job can be claimed now.
        """
        now_s = self._clock()
        job = self._store.claim(lambda found: found.claimed(self._name, now_s, self._policy.lease_s), now_s)
        if job is None:
            return False
        with job_at_hand(job.job_id, job.traceparent):
            record_beside("job wait", job.created_at_s, now_s)
            with this_span("job", SpanKind.CONSUMER) as noted:
                noted.attributes |= {"dfd.job_id": job.job_id, "dfd.attempt": job.attempts, "dfd.worker": self._name}
                self._bring_to_an_end(job, stop, noted)
        return True

    def _bring_to_an_end(self, job: Job, stop: threading.Event, noted: Noted) -> None:
        _LOG.info("job begun", extra={"attempt": job.attempts, "worker": self._name})
        holding = _Holding(job, self._store, self._policy, self._clock, stop)
        with holding.beating():
            transition, report = self._worked_on(job, holding)
        ended = self._written(job, transition, report, stop)
        if ended is not None:
            noted.attributes["dfd.state"] = ended.state.value
            noted.error = ended.failure.code if ended.failure is not None else None
        if ended is not None and ended.ended:
            _LOG.info("job ended", extra={"state": ended.state.value})
            self._clear(ended)

    def _worked_on(self, job: Job, holding: "_Holding") -> tuple[Transition | None, str | None]:
        """The change that the work comes to, and the report; no change where the lease is lost."""
        try:
            report = self._report(job, holding)
            document = json.dumps(self._write(report), allow_nan=False)
        except Exception as error:  # noqa: BLE001 - the edge of a thread: whatever happened, the job must be told
            return self._undone(job, error), None
        key = result_key(report.input_sha256, report.model, report.provenance)
        verdict, probability, threshold = report.verdict.value, report.fake_probability, report.threshold
        claim, clock, frames = job.claims, self._clock, report.coverage.sampled_frames

        def transition(found: Job) -> Job | None:
            return found.succeeded(claim, clock(), verdict, probability, key, threshold, frames=frames)

        return transition, document

    def _undone(self, job: Job, error: Exception) -> Transition | None:
        """What a job comes to whose analysis did not come to its end."""
        extra = {"attempt": job.attempts, "worker": self._name}
        failure = _INTERNAL
        if isinstance(error, _LeaseLost):
            _LOG.warning("lease lost", extra=extra)
            return None
        if isinstance(error, _LASTING):
            failure = JobFailure(error.code, str(error))
        elif isinstance(error, _PASSING):
            _LOG.warning("attempt failed: %s", error, extra=extra)
            failure = JobFailure(error.code, _AWAY)
        elif not isinstance(error, _Cancelled | _Stopped):
            _LOG.error("unexpected error", exc_info=error, extra=extra)

        def transition(found: Job) -> Job | None:
            claim, now_s = job.claims, self._clock()
            if isinstance(error, _Cancelled):
                return found.stopped(claim, now_s)
            if isinstance(error, _Stopped):
                return found.given_back(claim, now_s)
            if isinstance(error, _LASTING):
                return found.failed(claim, now_s, failure)
            return found.set_back(claim, now_s, failure, self._policy.retry)

        return transition

    def _report(self, job: Job, holding: "_Holding") -> Report:
        options = options_from_dict(job.options)
        if job.input_key is None:
            raise Unavailable("the file of the job is gone")
        with ExitStack() as stack:
            with span("fetch"):
                path = stack.enter_context(self._storage.local_file(job.input_key))
            try:
                return self._analyze(path, options, holding.progressed)
            except InputError as error:  # what is said of the server's file is said of the upload
                raise type(error)(
                    str(error).replace(str(path), "the upload").replace(path.name, "the upload")
                ) from error

    def _written(
        self, job: Job, transition: Transition | None, report: str | None, stop: threading.Event
    ) -> Job | None:
        """Write the end; a table that is away is waited for as long as the lease may hold."""
        if transition is None:
            return None
        last_s = self._clock() + self._policy.lease_s
        while True:
            try:
                return self._store.change(job.job_id, transition, report)
            except JobStoreUnavailable as error:
                if self._clock() >= last_s or stop.is_set():
                    _LOG.warning("the end of a job is lost, it will be analysed again: %s", error)
                    return None
                stop.wait(self._policy.heartbeat_s)

    def _clear(self, job: Job) -> None:
        """With zero retention the file goes now; what fails here the sweeper repeats."""
        if not self._policy.zero_retention or job.input_key is None:
            return
        try:
            self._storage.delete(job.input_key)
            self._store.change(job.job_id, Job.without_input)
        except Unavailable as error:
            _LOG.warning("an upload is left for the sweeper: %s", error)


class _LeaseLost(Exception):
    """Somebody else may have the job."""


class _Cancelled(Exception):
    """The caller wants no answer any more."""


class _Stopped(Exception):
    """The worker is to stop."""


class _Holding:
    """A claim that is kept alive while its job is worked on."""

    def __init__(
        self, job: Job, store: JobStore, policy: JobPolicy, clock: Callable[[], float], stop: threading.Event
    ) -> None:
        self._job = job
        self._store = store
        self._policy = policy
        self._clock = clock
        self._stop = stop
        self._over = threading.Event()
        self._reason: type[Exception] | None = None
        self._progress = Progress(0, 0)
        self._begun_s = clock()
        self._told_s: float | None = None

    @contextmanager
    def beating(self) -> Iterator[None]:
        """Send heartbeats for as long as the block lasts."""
        beat = partial(copy_context().run, self._beat)  # what it logs belongs to the job too
        thread = threading.Thread(target=beat, name=f"dfd-heartbeat-{self._job.job_id[:8]}", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()

    def progressed(self, progress: Progress) -> None:
        """Hear of a frame; in the thread of the analysis, which what is raised here ends."""
        self._progress = progress
        if self._reason is not None:
            raise self._reason
        if self._stop.is_set() and not self._will_be_done():
            raise _Stopped

    def _will_be_done(self) -> bool:
        """Whether the job, going on as it has, ends before the time is up that a worker has to stop."""
        now_s = self._clock()
        if self._told_s is None:
            self._told_s = now_s
        done, total = self._progress.done_frames, self._progress.total_frames
        if not 0 < done <= total:
            return False
        ends_s = now_s + (now_s - self._begun_s) * (total - done) / done
        return ends_s <= self._told_s + self._policy.stop_grace_s

    def _beat(self) -> None:
        begun_s = heard_s = self._clock()
        while not self._over.wait(self._policy.heartbeat_s):
            now_s = self._clock()
            hung = now_s - begun_s >= self._policy.timeout_s
            try:
                job = self._store.change(self._job.job_id, self._end(now_s) if hung else self._renewal(now_s))
            except JobStoreUnavailable as error:
                _LOG.warning("heartbeat lost: %s", error)
                if now_s - heard_s >= self._policy.lease_s:
                    self._reason = _LeaseLost
                    return
                continue
            heard_s = now_s
            if job is None or hung:
                self._reason = _LeaseLost
                if hung:
                    _LOG.warning("job timed out")
                return
            if job.cancel_requested:
                self._reason = _Cancelled

    def _end(self, now_s: float) -> Transition:
        """Over, whatever the thread of the analysis does: it may never come back to hear of it."""
        message = f"the analysis took longer than {self._policy.timeout_s:g} s"
        return lambda job: job.failed(self._job.claims, now_s, JobFailure(TIMED_OUT, message))

    def _renewal(self, now_s: float) -> Transition:
        done, total, claim, lease_s = (
            self._progress.done_frames,
            self._progress.total_frames,
            self._job.claims,
            self._policy.lease_s,
        )
        return lambda job: job.renewed(claim, now_s, lease_s, done, total or None)
