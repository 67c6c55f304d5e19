"""Telling the caller of a job's end: a delivery of the one event that a job has, and every way in which it may change.

Pure, as `dfd.job` is: each transition takes the time as an argument, and chance where it needs any, and returns the
changed delivery, or None when it is in no state for it. What is sent is not kept here: it is made from the job
(`dfd.jobs.telling`), so that it goes when the job goes. Times are seconds since the epoch.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from dfd.job import Job

GONE: Final = 410
"""HTTP status with which a receiver says that it wants no more."""

FORBIDDEN: Final = "address"
"""Error of an address that may not be sent to; trying again would not change it."""

LOST: Final = "lost"
"""Error of an attempt whose process died before it wrote down what came of it."""


class DeliveryState(StrEnum):
    """Where a delivery is."""

    PENDING = "pending"
    SENDING = "sending"
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one try to send.

    Attributes:
        status: HTTP status of the answer; None where there was none.
        error: why there was none, in a stable word: `FORBIDDEN`, ``name`` (not resolved), ``connection``, ``tls``,
            ``time`` or ``answer`` (no HTTP). None where there was one.
        retry_after_s: how long the receiver asks to be left alone; 0 where it does not.
    """

    status: int | None = None
    error: str | None = None
    retry_after_s: float = 0.0

    @property
    def arrived(self) -> bool:
        """Whether the receiver took it."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def final(self) -> bool:
        """Whether there is no use in another try."""
        return self.arrived or self.status == GONE or self.error == FORBIDDEN


@dataclass(frozen=True, slots=True)
class Attempt:
    """One line of a delivery's log.

    Attributes:
        at_s: when it began.
        status: see `Answer`.
        error: see `Answer`, or `LOST`.
        duration_s: how long it took; None where that is not known.
    """

    at_s: float
    status: int | None
    error: str | None
    duration_s: float | None


@dataclass(frozen=True, slots=True)
class Patience:
    """How often and for how long a delivery is tried: exponential backoff with full jitter.

    Full jitter draws each wait evenly from nothing to the longest that may be (Brooker, "Exponential Backoff and
    Jitter", 2015), so that deliveries which failed together do not come back together.

    Attributes:
        max_attempts: attempts before a delivery is given up, at least 1.
        first_delay_s: longest wait before the second attempt; doubled for each further one.
        longest_delay_s: the most it grows to, and the most that a receiver may ask for.
        max_age_s: a delivery that is older is not begun any more.
    """

    max_attempts: int = 15
    first_delay_s: float = 10.0
    longest_delay_s: float = 6 * 3600.0
    max_age_s: float = 24 * 3600.0

    def __post_init__(self) -> None:
        if self.max_attempts < 1 or min(self.first_delay_s, self.longest_delay_s) < 0 or self.max_age_s <= 0:
            raise ValueError(f"a delivery needs an attempt and some time, and delays are not negative, got {self}")

    def delay_s(self, attempts: int, draw: float) -> float:
        """Wait after so many attempts, at least 1.

        Args:
            attempts: made so far.
            draw: evenly from [0, 1).
        """
        return draw * min(self.longest_delay_s, self.first_delay_s * 2.0 ** min(attempts - 1, 30))


@dataclass(frozen=True, slots=True)
class Delivery:
    """One delivery: the first, which belongs to the end of its job, or one that was asked for again.

    Attributes:
        job_id: the job whose end it tells of.
        number: among the deliveries of the job, from 1.
        state: where it is.
        created_at_s: when it came to be.
        due_at_s: when it may be taken: while it waits, the time of its next attempt, and while it is being sent, the
            end of the sender's lease. None once it is over.
        attempts: begun; the last one's number is what its sender proves itself with.
        started_at_s: beginning of the last attempt.
        finished_at_s: when it was over.
        log: of every attempt that is over, in order.
    """

    job_id: str
    number: int
    state: DeliveryState
    created_at_s: float
    due_at_s: float | None
    attempts: int = 0
    started_at_s: float | None = None
    finished_at_s: float | None = None
    log: tuple[Attempt, ...] = ()

    @property
    def over(self) -> bool:
        """Whether it will not be tried again."""
        return self.state in (DeliveryState.DELIVERED, DeliveryState.FAILED)

    def claimed(self, now_s: float, lease_s: float, patience: Patience) -> "Delivery | None":
        """Taken by a sender, if its time has come; or given up, where there is no attempt or no time left."""
        if self.due_at_s is None or self.due_at_s > now_s:
            return None
        log = self.log
        if self.state is DeliveryState.SENDING:  # the last sender fell silent
            log = (*log, Attempt(self.started_at_s or self.created_at_s, None, LOST, None))
        if self.attempts >= patience.max_attempts or now_s - self.created_at_s > patience.max_age_s:
            return self._finished(DeliveryState.FAILED, now_s, log)
        return replace(
            self,
            state=DeliveryState.SENDING,
            due_at_s=now_s + lease_s,
            attempts=self.attempts + 1,
            started_at_s=now_s,
            log=log,
        )

    def answered(
        self, attempt: int, answer: Answer, now_s: float, patience: Patience, draw: float
    ) -> "Delivery | None":
        """What an attempt came to: over, or to be tried again later.

        Args:
            attempt: number that its sender claimed it with.
            answer: of the receiver.
            now_s: when it came.
            patience: rules of trying again.
            draw: evenly from [0, 1), for the wait.
        """
        if self.state is not DeliveryState.SENDING or self.attempts != attempt or self.started_at_s is None:
            return None
        duration_s = max(0.0, now_s - self.started_at_s)
        log = (*self.log, Attempt(self.started_at_s, answer.status, answer.error, duration_s))
        if answer.final:
            state = DeliveryState.DELIVERED if answer.arrived else DeliveryState.FAILED
            return self._finished(state, now_s, log)
        asked_s = min(answer.retry_after_s, patience.longest_delay_s)
        next_s = now_s + max(asked_s, patience.delay_s(self.attempts, draw))
        if self.attempts >= patience.max_attempts or next_s - self.created_at_s > patience.max_age_s:
            return self._finished(DeliveryState.FAILED, now_s, log)
        return replace(self, state=DeliveryState.PENDING, due_at_s=next_s, log=log)

    def again(self, number: int, now_s: float) -> "Delivery":
        """Another delivery of the same event."""
        return Delivery(self.job_id, number, DeliveryState.PENDING, now_s, now_s)

    def _finished(self, state: DeliveryState, now_s: float, log: tuple[Attempt, ...]) -> "Delivery":
        return replace(self, state=state, due_at_s=None, finished_at_s=now_s, log=log)


def event_id_of(job_id: str) -> str:
    """Name of the one event of a job, the same in every attempt and every delivery."""
    return f"evt_{job_id}"


def first_delivery(job: Job) -> Delivery | None:
    """What is owed for a job: nothing before its end, and nothing where nobody wants to be told."""
    if job.callback_url is None or job.finished_at_s is None:
        return None
    return Delivery(job.job_id, 1, DeliveryState.PENDING, job.finished_at_s, job.finished_at_s)
