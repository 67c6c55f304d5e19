"""Jobs as rows, and rows as jobs."""

import json
from dataclasses import fields
from typing import Any

from sqlalchemy import RowMapping

from dfd.job import Job, JobFailure, JobState, Submission

_STRUCTURED = frozenset({"state", "options", "submission", "failure"})
_PLAIN = tuple(field.name for field in fields(Job) if field.name not in _STRUCTURED)
"""Fields that are columns of the same name."""


def to_row(job: Job) -> dict[str, Any]:
    """Every column but the report's; `Job.sequence` only once the store has given it."""
    submission, failure = job.submission, job.failure
    row = {name: getattr(job, name) for name in _PLAIN if name != "sequence" or job.sequence}
    return row | {
        "state": job.state.value,
        "options": json.dumps(job.options, sort_keys=True),
        "submission_key": submission.key if submission else None,
        "submission_fingerprint": submission.fingerprint if submission else None,
        "submission_position": submission.position if submission else None,
        "failure_code": failure.code if failure else None,
        "failure_message": failure.message if failure else None,
    }


def to_job(row: RowMapping) -> Job:
    """The reverse of `to_row`."""
    submission = failure = None
    if row["submission_key"] is not None:
        submission = Submission(row["submission_key"], row["submission_fingerprint"], row["submission_position"])
    if row["failure_code"] is not None:
        failure = JobFailure(row["failure_code"], row["failure_message"])
    return Job(
        state=JobState(row["state"]),
        options=json.loads(row["options"]),
        submission=submission,
        failure=failure,
        **{name: row[name] for name in _PLAIN},
    )
