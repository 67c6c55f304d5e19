"""Accepting jobs, telling of them, and cancelling them."""

import logging
import secrets
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import replace
from typing import Any

from dfd.caller import DEFAULT_TENANT
from dfd.correlation import TRACE
from dfd.errors import (
    IdempotencyConflict,
    JobConflict,
    JobEnded,
    JobNotFound,
    QueueFull,
    ReportNotReady,
    Unavailable,
)
from dfd.job import Job, JobState, Submission
from dfd.jobs.forgetting import forget
from dfd.jobs.options import fingerprint, options_to_dict, result_key
from dfd.jobs.policy import JobPolicy
from dfd.jobs.request import JobRequest, ReceivedFile
from dfd.jobs.uploads import KeptUploads
from dfd.ports import JobFilter, JobQueue, JobStore
from dfd.ports.observing import JobCensus
from dfd.ports.storage import ObjectStorage
from dfd.report import ModelIdentity, Origin
from dfd.tracing import SpanKind, span

_LOG = logging.getLogger(__name__)

UPLOADS = "uploads/"
"""Prefix of the files of jobs in the storage; what follows is the job's name."""

MOST_LISTED = 200
"""Jobs of one page at most."""


class JobDesk:
    """Where callers hand in files and ask for jobs. Safe to use from several threads.

    As it is made, it knows the jobs of all tenants: the operator's. `of` makes one that knows those of one tenant, for
    whom another's job does not exist.

    Attributes:
        uploads: gives back what was handed in.
    """

    def __init__(
        self,
        store: JobStore,
        storage: ObjectStorage,
        queue: JobQueue,
        answering: Callable[[str], ModelIdentity] | None,
        origin: Origin,
        policy: JobPolicy,
        clock: Callable[[], float],
    ) -> None:
        """Put the parts together.

        Args:
            store: the table of jobs.
            storage: keeps the files.
            queue: wakes workers.
            answering: the model that answers now for a file of a SHA-256; tells which reports still hold. None knows of
                none: every file is analysed.
            origin: what reports say of the analyzer that answers now; likewise.
            policy: limits and times.
            clock: seconds since the epoch.
        """
        self._store = store
        self._storage = storage
        self._queue = queue
        self._answering = answering
        self._origin = origin
        self._policy = policy
        self._clock = clock
        self._tenant: str | None = None
        self.uploads = KeptUploads(storage)

    def of(self, tenant: str) -> "JobDesk":
        """The same desk, for one tenant."""
        bound = copy(self)
        bound._tenant = tenant  # noqa: SLF001 - of the same class
        return bound

    def check_room(self, count: int = 1) -> None:
        """Refuse early what there is no room for.

        Raises:
            QueueFull: so many more jobs may not wait.
            JobStoreUnavailable: the table does not answer.
        """
        if self._store.waiting(self._policy.max_queued) + count > self._policy.max_queued:
            raise QueueFull(f"{self._policy.max_queued} jobs may wait", self._policy.retry_after_s)
        share = self._policy.max_queued_of_tenant
        if self._tenant is not None and share is not None and self._store.waiting(share, self._tenant) + count > share:
            raise QueueFull(f"{share} of your jobs may wait", self._policy.retry_after_s)

    def submit(self, files: Sequence[ReceivedFile], request: JobRequest) -> list[Job]:
        """Accept one job for each file, all or none.

        A file whose report is known ends at once, unless the request forces an analysis. A request whose key came
        before, with the same content, is answered with the jobs of the first.

        Raises:
            IdempotencyConflict: the key came before with other content.
            QueueFull: there is no room for them.
            StorageFull, StorageUnavailable: nothing was accepted, and no file is left behind.
            JobStoreUnavailable: likewise, unless only the answer to what was accepted was lost.
        """
        options = options_to_dict(request.options)
        asked_for = _fingerprint(files, request, options)
        tenant = self._tenant or DEFAULT_TENANT
        if request.key is not None and (known := self._store.of_submission(tenant, request.key)):
            return _same(known, asked_for)
        self.check_room(len(files))
        with span("job submit", SpanKind.PRODUCER) as noted:
            trace = TRACE.get()
            if request.traceparent is not None and trace is not None:  # what is done for them is a part of this span
                request = replace(request, traceparent=trace.header)
            added = self._added(files, request, options, asked_for)
            noted.attributes["dfd.jobs"] = len(added)
        self._queue.announce([job.job_id for job in added if not job.ended])
        return _same(added, asked_for) if request.key is not None else added

    def _added(
        self, files: Sequence[ReceivedFile], request: JobRequest, options: Mapping[str, Any], asked_for: str
    ) -> list[Job]:
        jobs: list[Job] = []
        reports: dict[str, str] = {}
        for position, file in enumerate(files):
            submission = None if request.key is None else Submission(request.key, asked_for, position)
            job, report = self._known_or_new(self._new(file, request, options, submission), request.force)
            jobs.append(job)
            if report is not None:
                reports[job.job_id] = report
        return self._stored(jobs, files, reports)

    def get(self, job_id: str) -> Job:
        """One job.

        Raises:
            JobNotFound: there is none of this name, or it is another tenant's.
        """
        job = self._store.get(job_id) if _may_be_id(job_id) else None
        if job is None or not self._sees(job):
            raise JobNotFound(f"there is no job {job_id!r}, or it is no longer kept")
        return job

    def queue_position(self, job: Job) -> int | None:
        """Place in the queue, 1 for the next; None for a job that does not wait."""
        return self._store.ahead_of(job) + 1 if job.state is JobState.QUEUED else None

    def page(self, wanted: JobFilter, limit: int, before: int | None = None) -> tuple[list[Job], int | None]:
        """The newest jobs, and where the next page begins; None when there is none."""
        if self._tenant is not None:
            wanted = replace(wanted, tenant=self._tenant)
        found = self._store.page(wanted, limit + 1, before)
        return found[:limit], found[limit - 1].sequence if len(found) > limit else None

    def census(self) -> JobCensus:
        """How many jobs have not ended."""
        return self._store.census()

    def report(self, job_id: str) -> str:
        """The report as JSON text.

        Raises:
            JobNotFound: there is no such job.
            ReportNotReady: it has no report, or none yet.
        """
        job = self.get(job_id)
        document = self._store.report(job_id) if job.state is JobState.SUCCEEDED else None
        if document is None:
            raise ReportNotReady(f"the job has no report: it is {job.state.value}")
        return document

    def cancel(self, job_id: str) -> Job:
        """End a job that waits; have a running one ended soon. Asking again changes nothing.

        Raises:
            JobNotFound: there is no such job.
            JobEnded: it ended before, in another way.
        """
        job = self._store.change(job_id, self._cancelled) if _may_be_id(job_id) else None
        job = job or self.get(job_id)
        if job.ended and job.state is not JobState.CANCELLED:
            raise JobEnded(f"the job has {job.state.value}")
        return job

    def again(self, job_id: str) -> Job:
        """Begin an ended job anew, as a new job with a copy of its file: an end stays an end.

        Raises:
            JobNotFound: there is no such job.
            JobConflict: it has not ended, or its file is no longer kept.
            QueueFull: there is no room for it.
            StorageFull, StorageUnavailable: nothing was accepted, and no file is left behind.
            JobStoreUnavailable: likewise, unless only the answer to what was accepted was lost.
        """
        job = self.get(job_id)
        if not job.ended:
            raise JobConflict(f"the job is still {job.state.value}")
        if job.input_key is None:
            raise JobConflict("the file of the job is no longer kept")
        self.check_room()
        name = secrets.token_hex(16)
        key = UPLOADS + name
        new = job.begun_anew(name, key, self._clock(), self._policy.expiry_s)
        added: list[Job] = []
        try:
            with self._storage.local_file(job.input_key) as path:  # a storage cannot be read while it writes
                self._storage.put(key, path)
            added = self._store.add([new])
        finally:
            if not added:
                self._drop([new])
        self._queue.announce([new.job_id])
        return added[0]

    def forget(self, job_id: str) -> Job:
        """Delete an ended job, for good; see `dfd.jobs.forgetting.forget`, also for what it raises.

        Raises:
            JobNotFound: there is no such job.
        """
        job = self.get(job_id)
        forget(job, self._store, self._storage)
        return job

    def _new(
        self, file: ReceivedFile, request: JobRequest, options: Mapping[str, Any], submission: Submission | None
    ) -> Job:
        now_s, job_id = self._clock(), secrets.token_hex(16)
        expiry_s = self._policy.expiry_s
        return Job(
            job_id=job_id,
            state=JobState.QUEUED,
            created_at_s=now_s,
            options=options,
            input_sha256=file.sha256,
            input_bytes=file.size_bytes,
            input_key=UPLOADS + job_id,
            priority=request.priority,
            external_id=request.external_id,
            callback_url=request.callback_url,
            submission=submission,
            expires_at_s=None if expiry_s is None else now_s + expiry_s,
            traceparent=request.traceparent,
            tenant=self._tenant or DEFAULT_TENANT,
        )

    def _sees(self, job: Job) -> bool:
        return self._tenant in (None, job.tenant)

    def _cancelled(self, job: Job) -> Job | None:
        return job.cancelled(self._clock()) if self._sees(job) else None

    def _known_or_new(self, job: Job, force: bool) -> tuple[Job, str | None]:
        """The job as it is, or ended with the report that answered the same question before."""
        if force or self._answering is None:
            return job, None
        would_say = self._origin.of(job.options, ())
        key = result_key(job.input_sha256, self._answering(job.input_sha256), would_say)
        known = self._store.answered(job.tenant, key)
        report = None if known is None else self._store.report(known.job_id)
        if known is None or report is None:
            return job, None
        return job.answered_by(known), report

    def _stored(self, jobs: Sequence[Job], files: Sequence[ReceivedFile], reports: Mapping[str, str]) -> list[Job]:
        """Put the files away, then write the rows: a job never lacks its file, and no file is left without a job."""
        put: list[Job] = []
        added: list[Job] = []
        try:
            for job, file in zip(jobs, files, strict=True):
                if job.input_key is not None:
                    put.append(job)  # also one that failed: its answer may have been lost
                    self._storage.put(job.input_key, file.path)
            added = self._store.add(jobs, reports)
        finally:
            kept = {job.input_key for job in added}
            self._drop([job for job in put if job.input_key not in kept])
        return added

    def _drop(self, jobs: Sequence[Job]) -> None:
        """Delete the files of jobs that were not accepted: one may have been, and only the answer been lost."""
        for job in jobs:
            try:
                if job.input_key is not None and self._store.get(job.job_id) is None:
                    self._storage.delete(job.input_key)
            except Unavailable as error:  # the sweeper will find it
                _LOG.warning("a file that may be without a job is left for the sweeper: %s", error)


def _may_be_id(job_id: str) -> bool:
    return "\0" not in job_id  # PostgreSQL refuses even to look for such a text


def _fingerprint(files: Sequence[ReceivedFile], request: JobRequest, options: Mapping[str, Any]) -> str:
    """Of all that a request asks for."""
    return fingerprint(
        {
            "files": [file.sha256 for file in files],
            "options": options,
            "external_id": request.external_id,
            "callback_url": request.callback_url,
            "priority": request.priority,
            "force": request.force,
        }
    )


def _same(jobs: list[Job], asked_for: str) -> list[Job]:
    """The jobs of a key, if they are what is asked for now.

    Raises:
        IdempotencyConflict: they are something else.
    """
    if any(job.submission is None or job.submission.fingerprint != asked_for for job in jobs):
        raise IdempotencyConflict("this Idempotency-Key came before, with another request")
    return jobs
