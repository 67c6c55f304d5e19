"""One job, and every way in which it may change: an analysis that was accepted and is done later.

The transitions are pure: each takes the time as an argument and returns the changed job, or None when the job is in no
state for it, which is how whoever comes too late learns so. `dfd.ports.JobStore.change` applies them to the stored row
under its lock. Times are seconds since the epoch. ``docs/decisions/0007-jobs.md`` draws the states.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final

from dfd.caller import DEFAULT_TENANT


class JobState(StrEnum):
    """Where a job is."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


ENDED: Final = frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED, JobState.EXPIRED})
"""States that nothing leads out of."""

WORKER_LOST: Final = "worker_lost"
"""Code of a job whose workers died one after the other."""


TIMED_OUT: Final = "job_timeout"
"""Code of a job whose analysis took longer than it may."""


@dataclass(frozen=True, slots=True)
class JobFailure:
    """Why a job failed, or why its last attempt did.

    Attributes:
        code: stable, as in `dfd.errors`, or `WORKER_LOST`, or `TIMED_OUT`.
        message: fit to be shown to the caller.
    """

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Submission:
    """The request that a job came with.

    Attributes:
        key: the caller's ``Idempotency-Key``.
        fingerprint: hash of everything that was asked for, so that the key cannot be used for something else.
        position: of the job among those of the request, from 0.
    """

    key: str
    fingerprint: str
    position: int


@dataclass(frozen=True, slots=True)
class Retry:
    """How lost and failed attempts are tried again.

    Attributes:
        max_attempts: attempts that count before a job is given up, at least 1.
        first_delay_s: wait before the second attempt; doubled for each further one.
        longest_delay_s: the most it grows to.
    """

    max_attempts: int = 3
    first_delay_s: float = 2.0
    longest_delay_s: float = 60.0

    def __post_init__(self) -> None:
        if self.max_attempts < 1 or self.first_delay_s < 0 or self.longest_delay_s < 0:
            raise ValueError(f"a job needs an attempt, and delays are not negative, got {self}")

    def delay_s(self, attempts: int) -> float:
        """Wait after so many attempts."""
        return min(self.longest_delay_s, self.first_delay_s * 2.0 ** min(attempts - 1, 30))


@dataclass(frozen=True, slots=True)
class Job:
    """One file to be analysed, and what became of it.

    Attributes:
        job_id: public name; cannot be guessed.
        state: where it is.
        created_at_s: when it was accepted.
        options: of the analysis, JSON-ready (`dfd.jobs.options`).
        input_sha256: hash of the file's bytes, lower-case hex.
        input_bytes: size of the file.
        input_key: where the file lies in the storage; None once it is deleted.
        priority: higher goes first.
        external_id: the caller's own name for it.
        callback_url: where the caller wants to be told of the end.
        submission: the request it came with, where that had a key.
        expires_at_s: a job that still waits then is given up; None waits for ever.
        sequence: order of acceptance, given by the store; 0 before.
        revision: grows with every change.
        not_before_s: earliest time of the next attempt.
        attempts: begun attempts that count; those given back do not.
        claims: all claims so far; the last one's number is what its holder proves itself with.
        worker: name of the last holder.
        lease_expires_at_s: when the claim ends unless it is renewed; None while nobody holds it.
        cancel_requested: the caller wants it to end.
        started_at_s: beginning of the last attempt.
        finished_at_s: when it ended.
        done_frames: frames analysed in the last attempt.
        total_frames: frames to be analysed; None before the first heartbeat.
        failure: why it failed, or why the last attempt did.
        verdict: of the report.
        fake_probability: of the report; None where nothing was scored.
        threshold: of the report: probability from which the video is called fake; None where it is not known.
        result_key: what the report answers: file, model, options (`dfd.jobs.options.result_key`).
        answered_from: the job whose report this one was given, None where it was analysed.
        traceparent: trace of the request it came with (`dfd.correlation.Trace`).
        tenant: whose it is (`dfd.caller.Caller.tenant`); nobody else hears of it.
    """

    job_id: str
    state: JobState
    created_at_s: float
    options: Mapping[str, Any]
    input_sha256: str
    input_bytes: int
    input_key: str | None
    priority: int = 0
    external_id: str | None = None
    callback_url: str | None = field(default=None, repr=False)
    submission: Submission | None = None
    expires_at_s: float | None = None
    sequence: int = 0
    revision: int = 0
    not_before_s: float = 0.0
    attempts: int = 0
    claims: int = 0
    worker: str | None = None
    lease_expires_at_s: float | None = None
    cancel_requested: bool = False
    started_at_s: float | None = None
    finished_at_s: float | None = None
    done_frames: int = 0
    total_frames: int | None = None
    failure: JobFailure | None = None
    verdict: str | None = None
    fake_probability: float | None = None
    threshold: float | None = None
    result_key: str | None = None
    answered_from: str | None = None
    traceparent: str | None = None
    tenant: str = DEFAULT_TENANT

    @property
    def ended(self) -> bool:
        """Whether nothing will change any more but what is kept of it."""
        return self.state in ENDED

    # --- taking and holding ---------------------------------------------------------------------------------------

    def claimed(self, worker: str, now_s: float, lease_s: float) -> "Job | None":
        """Taken by a worker, if it waits and its time has come."""
        if self.state is not JobState.QUEUED or self.not_before_s > now_s or self.overdue(now_s):
            return None
        return self._changed(
            state=JobState.RUNNING,
            worker=worker,
            claims=self.claims + 1,
            attempts=self.attempts + 1,
            lease_expires_at_s=now_s + lease_s,
            started_at_s=now_s,
            done_frames=0,
            total_frames=None,
        )

    def renewed(
        self, claim: int, now_s: float, lease_s: float, done_frames: int, total_frames: int | None
    ) -> "Job | None":
        """Still being worked on by the holder of a claim, and how far."""
        if not self._held_by(claim):
            return None
        return self._changed(lease_expires_at_s=now_s + lease_s, done_frames=done_frames, total_frames=total_frames)

    def given_back(self, claim: int, now_s: float) -> "Job | None":
        """Back in the queue because its worker stops; the attempt does not count."""
        if not self._held_by(claim):
            return None
        if self.cancel_requested:
            return self._over(JobState.CANCELLED, now_s)
        return self._changed(
            state=JobState.QUEUED, attempts=self.attempts - 1, lease_expires_at_s=None, done_frames=0, total_frames=None
        )

    # --- ending ---------------------------------------------------------------------------------------------------

    def succeeded(
        self,
        claim: int,
        now_s: float,
        verdict: str,
        fake_probability: float | None,
        result_key: str,
        threshold: float | None = None,
        *,
        frames: int,
    ) -> "Job | None":
        """Analysed by the holder of a claim, so many frames; a cancellation that came first wins."""
        if not self._held_by(claim):
            return None
        if self.cancel_requested:
            return self._over(JobState.CANCELLED, now_s)
        return self._over(
            JobState.SUCCEEDED,
            now_s,
            done_frames=frames,
            total_frames=frames,  # a short analysis ends before any heartbeat has told of it
            failure=None,
            verdict=verdict,
            fake_probability=fake_probability,
            threshold=threshold,
            result_key=result_key,
        )

    def failed(self, claim: int, now_s: float, failure: JobFailure) -> "Job | None":
        """Given up by the holder of a claim, for a reason that no other attempt would change."""
        if not self._held_by(claim):
            return None
        if self.cancel_requested:
            return self._over(JobState.CANCELLED, now_s)
        return self._over(JobState.FAILED, now_s, failure=failure)

    def set_back(self, claim: int, now_s: float, failure: JobFailure, retry: Retry) -> "Job | None":
        """An attempt that failed for a reason which may pass: tried again later, or given up after enough attempts."""
        return self._tried_again(now_s, failure, retry) if self._held_by(claim) else None

    def swept(self, now_s: float, retry: Retry) -> "Job | None":
        """What the sweeper does: take a job from a holder who fell silent, or give up one that waited too long."""
        if self.overdue(now_s):
            return self._over(JobState.EXPIRED, now_s)
        if self.state is JobState.RUNNING and (self.lease_expires_at_s or 0.0) <= now_s:
            message = f"the worker was lost during each of {self.attempts} attempts"
            return self._tried_again(now_s, JobFailure(WORKER_LOST, message), replace(retry, first_delay_s=0.0))
        return None

    def cancelled(self, now_s: float) -> "Job | None":
        """Ended at once if it waits, else marked for its holder, once."""
        if self.state is JobState.QUEUED:
            return self._over(JobState.CANCELLED, now_s, cancel_requested=True)
        if self.state is JobState.RUNNING and not self.cancel_requested:
            return self._changed(cancel_requested=True)
        return None

    def stopped(self, claim: int, now_s: float) -> "Job | None":
        """Ended by its holder, who has seen that it is to be cancelled."""
        if not self._held_by(claim) or not self.cancel_requested:
            return None
        return self._over(JobState.CANCELLED, now_s)

    def answered_by(self, known: "Job") -> "Job":
        """Ended before it began, with the report of a job that asked the same; it needs no file."""
        return replace(
            self,
            state=JobState.SUCCEEDED,
            finished_at_s=self.created_at_s,
            input_key=None,
            done_frames=known.done_frames,
            total_frames=known.total_frames,
            verdict=known.verdict,
            fake_probability=known.fake_probability,
            threshold=known.threshold,
            result_key=known.result_key,
            answered_from=known.answered_from or known.job_id,
        )

    # --- afterwards -----------------------------------------------------------------------------------------------

    def without_input(self) -> "Job | None":
        """Its file is deleted."""
        return self._changed(input_key=None) if self.ended and self.input_key is not None else None

    def begun_anew(self, job_id: str, input_key: str, now_s: float, expiry_s: float | None) -> "Job":
        """Another job that asks the same of a copy of the file."""
        return Job(
            job_id=job_id,
            state=JobState.QUEUED,
            created_at_s=now_s,
            options=self.options,
            input_sha256=self.input_sha256,
            input_bytes=self.input_bytes,
            input_key=input_key,
            priority=self.priority,
            external_id=self.external_id,
            callback_url=self.callback_url,
            expires_at_s=None if expiry_s is None else now_s + expiry_s,
            tenant=self.tenant,
        )

    def overdue(self, now_s: float) -> bool:
        """Whether it has waited too long."""
        return self.state is JobState.QUEUED and self.expires_at_s is not None and self.expires_at_s <= now_s

    def _held_by(self, claim: int) -> bool:
        return self.state is JobState.RUNNING and self.claims == claim

    def _tried_again(self, now_s: float, failure: JobFailure, retry: Retry) -> "Job":
        if self.cancel_requested:
            return self._over(JobState.CANCELLED, now_s)
        if self.attempts >= retry.max_attempts:
            return self._over(JobState.FAILED, now_s, failure=failure)
        return self._changed(
            state=JobState.QUEUED,
            failure=failure,
            not_before_s=now_s + retry.delay_s(self.attempts),
            lease_expires_at_s=None,
            done_frames=0,
            total_frames=None,
        )

    def _over(self, state: JobState, now_s: float, **more: Any) -> "Job":
        return self._changed(state=state, finished_at_s=now_s, lease_expires_at_s=None, **more)

    def _changed(self, **changes: Any) -> "Job":
        return replace(self, revision=self.revision + 1, **changes)
