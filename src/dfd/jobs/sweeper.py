"""Cleaning up: after workers that died, jobs that waited too long, and files and reports that are no longer kept."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from dfd.job import Job
from dfd.jobs.desk import UPLOADS
from dfd.jobs.policy import JobPolicy
from dfd.ports import JobQueue, JobStore
from dfd.ports.access import AuditLog
from dfd.ports.feedback import FeedbackStore
from dfd.ports.rollouts import RolloutStore
from dfd.ports.storage import ObjectStorage

_LOG = logging.getLogger(__name__)

_AT_ONCE: Final = 500
"""Jobs touched by one sweep of a kind; the next sweep takes the rest."""


@dataclass(frozen=True, slots=True)
class TablesBeside:
    """Tables beside that of jobs of which old rows go; None leaves one alone.

    Attributes:
        feedback: that on jobs that are gone.
        rollouts: whose observations are kept as long as an ended job.
        audit: the log of who did what.
    """

    feedback: FeedbackStore | None = None
    rollouts: RolloutStore | None = None
    audit: AuditLog | None = None


class Sweeper:
    """Repeats what must not be forgotten. Several may sweep at the same time, in several processes."""

    def __init__(
        self,
        store: JobStore,
        storage: ObjectStorage,
        queue: JobQueue,
        policy: JobPolicy,
        clock: Callable[[], float],
        beside: TablesBeside = TablesBeside(),
    ) -> None:
        """Sweep by the rules of `policy`.

        Args:
            store: the table of jobs.
            storage: keeps the files.
            queue: wakes workers.
            policy: limits and times.
            clock: seconds since the epoch.
            beside: tables that are swept too.
        """
        self._store = store
        self._storage = storage
        self._queue = queue
        self._policy = policy
        self._clock = clock
        self._beside = beside

    def sweep(self) -> None:
        """Give jobs of dead workers back to the queue, end what is over, and delete what is no longer kept.

        Raises:
            JobStoreUnavailable, StorageUnavailable: the rest is left for the next time.
        """
        self._end_and_requeue()
        self._delete_files()
        self._forget()

    def _end_and_requeue(self) -> None:
        requeued = []
        now_s = self._clock()
        for job in self._store.to_sweep(now_s, _AT_ONCE):
            changed = self._store.change(job.job_id, lambda found: found.swept(now_s, self._policy.retry))
            if changed is None:
                continue
            extra = {"job_id": job.job_id, "worker": job.worker, "attempt": job.attempts, "state": changed.state.value}
            _LOG.warning("job swept", extra=extra)
            if not changed.ended:
                requeued.append(job.job_id)
        self._queue.announce(requeued)

    def _delete_files(self) -> None:
        kept_s = 0.0 if self._policy.zero_retention else self._policy.retention_s
        for job in self._store.with_input(self._clock() - kept_s, _AT_ONCE):
            if job.input_key is not None:
                self._storage.delete(job.input_key)
                self._store.change(job.job_id, Job.without_input)

    def _forget(self) -> None:
        before_s = self._clock() - self._policy.retention_s
        count = self._store.remove_ended(before_s, _AT_ONCE)
        if count:
            _LOG.info("jobs forgotten", extra={"count": count})
        if self._beside.rollouts is not None:
            self._beside.rollouts.forget(before_s)
        if self._beside.feedback is not None:
            self._beside.feedback.forget(self._clock() - self._policy.feedback_retention_s, _AT_ONCE)
        if self._beside.audit is not None:
            self._beside.audit.forget(self._clock() - self._policy.audit_retention_s, _AT_ONCE)

    def delete_orphans(self) -> int:
        """Delete old files that belong to no job: their process died before it wrote the row, or after it went.

        Returns:
            how many there were.

        Raises:
            JobStoreUnavailable, StorageUnavailable: the rest is left for the next time.
        """
        count = 0
        oldest_s = self._clock() - self._policy.orphan_s
        for entry in self._storage.listed(UPLOADS):
            if entry.modified_s <= oldest_s and self._store.get(entry.key.removeprefix(UPLOADS)) is None:
                self._storage.delete(entry.key)
                count += 1
        return count
