"""Deleting a job because somebody asks for it, not because its time is over."""

import logging

from dfd.errors import JobConflict, JobNotFound
from dfd.job import Job
from dfd.ports import JobStore
from dfd.ports.storage import ObjectStorage

_LOG = logging.getLogger(__name__)


def forget(job: Job, store: JobStore, storage: ObjectStorage) -> None:
    """Delete an ended job with its file, its report and what was to be sent for it. Nothing brings it back.

    What outlives it is nameless: counts of the model, and labels without note and reviewer. Jobs that were answered
    from it keep their own reports. The file goes first: were it the last, a failure would leave it without a job.

    Raises:
        JobConflict: it has not ended.
        JobNotFound: somebody else was faster.
        StorageUnavailable, JobStoreUnavailable: it is still there, perhaps without its file; ask again.
    """
    if not job.ended:
        raise JobConflict(f"the job is still {job.state.value}; cancel it first")
    if job.input_key is not None:
        storage.delete(job.input_key)
        store.change(job.job_id, Job.without_input)
    if not store.remove(job.job_id):
        raise JobNotFound(f"there is no job {job.job_id!r} any more")
    _LOG.info("job forgotten on request", extra={"job_id": job.job_id, "state": job.state.value})
