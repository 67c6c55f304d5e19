"""What is allowed to jobs and to telling of them, and how long things take."""

from dataclasses import dataclass, field

from dfd.delivery import Patience
from dfd.job import Retry


@dataclass(frozen=True, slots=True)
class JobPolicy:
    """Limits and times of jobs, in seconds where they are times.

    Attributes:
        max_queued: jobs that may wait; further ones are refused.
        max_queued_of_tenant: of these, those of one tenant; None leaves them to whoever comes first.
        retry_after_s: when to come back, as told to those refused.
        expiry_s: a job that waits longer expires; None lets it wait for ever.
        lease_s: a worker silent for so long is taken for dead.
        timeout_s: an analysis that takes longer is ended as failed.
        heartbeat_s: time between two signs of life, which also carry progress and bring cancellations.
        poll_s: longest time an idle worker takes to find a job that nobody announced.
        sweep_s: time between two sweeps.
        stop_grace_s: a worker that is told to stop finishes a job that will be done within so long.
        retry: of attempts that were lost or failed.
        retention_s: an ended job, its file and its report are kept for so long.
        feedback_retention_s: what is left of feedback on a job that is gone is kept for so long after it was given.
        audit_retention_s: an entry of the audit log is kept for so long.
        zero_retention: delete the file as soon as the job has ended.
        orphan_s: a stored file without a job is removed when it is as old.
    """

    max_queued: int = 10_000
    max_queued_of_tenant: int | None = None
    retry_after_s: int = 30
    expiry_s: float | None = None
    lease_s: float = 30.0
    timeout_s: float = 3600.0
    heartbeat_s: float = 1.0
    poll_s: float = 1.0
    sweep_s: float = 5.0
    stop_grace_s: float = 0.0
    retry: Retry = field(default_factory=Retry)
    retention_s: float = 30 * 86_400.0
    feedback_retention_s: float = 730 * 86_400.0
    audit_retention_s: float = 365 * 86_400.0
    zero_retention: bool = False
    orphan_s: float = 86_400.0

    def __post_init__(self) -> None:
        if min(self.max_queued, self.max_queued_of_tenant or 1, self.retry_after_s) < 1 or (
            self.expiry_s is not None and self.expiry_s <= 0
        ):
            raise ValueError(f"the queue, the time to come back and the expiry must be positive, got {self}")
        if not 0 < self.heartbeat_s <= self.lease_s / 3:
            raise ValueError("a lease must outlive two lost heartbeats")
        if (
            min(self.timeout_s, self.poll_s, self.sweep_s, self.orphan_s) <= 0
            or min(self.retention_s, self.feedback_retention_s, self.audit_retention_s, self.stop_grace_s) < 0
        ):
            raise ValueError(f"times must be positive, got {self}")


@dataclass(frozen=True, slots=True)
class DeliveryPolicy:
    """How callers are told of the end of their jobs.

    Attributes:
        patience: of trying again.
        lease_s: a sender silent for so long is taken for dead; longer than an attempt can take.
        public_url: what links begin with, without a slash at its end; empty where callers know the address themselves.
    """

    patience: Patience = field(default_factory=Patience)
    lease_s: float = 50.0
    public_url: str = ""

    def __post_init__(self) -> None:
        if self.lease_s <= 0:
            raise ValueError("a lease must be positive")
