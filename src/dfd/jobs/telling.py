"""What is told of a job outside the HTTP interface: on the command line, and in the event of its end."""

import json
from datetime import UTC, datetime
from typing import Any

from dfd.delivery import event_id_of
from dfd.job import Job, JobState


def job_to_dict(job: Job) -> dict[str, Any]:
    """A job, JSON-ready, as lists of the HTTP interface show it (``JobSummary``)."""
    failure = job.failure
    return {
        "id": job.job_id,
        "state": job.state.value,
        "external_id": job.external_id,
        "priority": job.priority,
        "created_at": moment(job.created_at_s),
        "started_at": moment(job.started_at_s),
        "finished_at": moment(job.finished_at_s),
        "expires_at": moment(job.expires_at_s),
        "attempts": job.attempts,
        "cancel_requested": job.cancel_requested,
        "progress": {"done_frames": job.done_frames, "total_frames": job.total_frames},
        "error": None if failure is None else {"code": failure.code, "message": failure.message},
        "verdict": job.verdict,
        "fake_probability": job.fake_probability,
        "input_sha256": job.input_sha256,
        "input_bytes": job.input_bytes,
        "answered_from": job.answered_from,
    }


def event_of(job: Job, public_url: str) -> bytes:
    """The event of a job's end as it is sent: JSON, and the same bytes for the same job.

    Args:
        job: that has ended.
        public_url: what the link to the report begins with, without a slash at its end.
    """
    report = f"{public_url}/v1/jobs/{job.job_id}/report.json" if job.state is JobState.SUCCEEDED else None
    event = {
        "id": event_id_of(job.job_id),
        "type": f"job.{job.state.value}",
        "created_at": moment(job.finished_at_s),
        "job": job_to_dict(job),
        "report": report,
    }
    return json.dumps(event, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def moment(at_s: float | None) -> str | None:
    """A time in UTC (RFC 3339), to the millisecond."""
    return None if at_s is None else datetime.fromtimestamp(round(at_s, 3), UTC).isoformat(timespec="milliseconds")
