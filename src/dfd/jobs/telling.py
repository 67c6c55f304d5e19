"""What is told of a job and of its deliveries, the same over HTTP, on the command line and in the event of its end.

`dfd.api.job_schemas` and `dfd.api.delivery_schemas` describe the fields.
"""

import json
import math
from datetime import UTC, datetime
from typing import Any, Final

from dfd.delivery import Delivery, DeliveryState, event_id_of
from dfd.job import Job, JobState

_FIRST_S: Final = datetime.min.replace(tzinfo=UTC).timestamp()
_LAST_S: Final = datetime.max.replace(microsecond=0, tzinfo=UTC).timestamp()
"""What `datetime` can hold: the years 1 to 9999."""


def job_to_dict(job: Job) -> dict[str, Any]:
    """A job, JSON-ready, as lists show it (``JobSummary``)."""
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


def delivery_to_dict(delivery: Delivery) -> dict[str, Any]:
    """A delivery with the log of its attempts, JSON-ready (``DeliveryDetail``)."""
    log = [
        {
            "at": moment(attempt.at_s),
            "status": attempt.status,
            "error": attempt.error,
            "duration_ms": None if attempt.duration_s is None else round(attempt.duration_s * 1000, 1),
        }
        for attempt in delivery.log
    ]
    return {
        "id": delivery.number,
        "event_id": event_id_of(delivery.job_id),
        "state": delivery.state.value,
        "created_at": moment(delivery.created_at_s),
        "next_attempt_at": moment(delivery.due_at_s) if delivery.state is DeliveryState.PENDING else None,
        "finished_at": moment(delivery.finished_at_s),
        "attempts": delivery.attempts,
        "last_status": log[-1]["status"] if log else None,
        "last_error": log[-1]["error"] if log else None,
        "log": log,
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
    """A time in seconds since the epoch as it is written: UTC (RFC 3339), to the millisecond.

    One that no calendar holds, as old rows may, is written as the nearest that it does; None where it is no number.
    """
    if at_s is None or math.isnan(at_s):
        return None
    at = datetime.fromtimestamp(round(min(max(at_s, _FIRST_S), _LAST_S), 3), UTC).isoformat(timespec="milliseconds")
    return at.removesuffix("+00:00") + "Z"
