"""What the HTTP interface says of jobs."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import Field

from dfd.api.schemas import Answer
from dfd.job import Job, JobState
from dfd.types import Verdict

Moment = Annotated[datetime, Field(examples=["2026-01-31T12:00:00Z"])]


class JobProgress(Answer):
    """How far the current attempt is."""

    done_frames: Annotated[int, Field(description="Frames analysed.", examples=[12], ge=0)]
    total_frames: Annotated[
        int | None, Field(description="Frames to be analysed; null before that is known.", examples=[60])
    ]


class JobError(Answer):
    """Why a job failed, or why its last attempt did."""

    code: Annotated[str, Field(description="Stable code, for programs.", examples=["unreadable_video"])]
    message: Annotated[str, Field(examples=["the upload is no video"])]


class JobSummary(Answer):
    """A job, as lists show it."""

    id: Annotated[str, Field(examples=["5f3c9a1e0b7d4c2f8a6e1d0c9b8a7f6e"])]
    state: Annotated[JobState, Field(description="Where it is; the last four are final.")]
    external_id: Annotated[str | None, Field(description="The caller's own name for it.", examples=["ticket-4711"])]
    priority: Annotated[int, Field(description="Higher goes first.", examples=[0])]
    created_at: Annotated[Moment, Field(description="When it was accepted.")]
    started_at: Annotated[Moment | None, Field(description="Beginning of the last attempt.")]
    finished_at: Annotated[Moment | None, Field(description="When it ended.")]
    expires_at: Annotated[Moment | None, Field(description="A job that still waits then expires.")]
    attempts: Annotated[int, Field(description="Attempts that count.", examples=[1], ge=0)]
    cancel_requested: Annotated[bool, Field(description="Whether it is to be cancelled.")]
    progress: JobProgress
    error: JobError | None
    verdict: Annotated[Verdict | None, Field(description="The verdict, once it is known.")]
    fake_probability: Annotated[
        float | None, Field(description="Calibrated probability of fake; null where nothing was scored.", ge=0, le=1)
    ]
    input_sha256: Annotated[str, Field(description="Hash of the file, hexadecimal.", examples=["c0" * 32])]
    input_bytes: Annotated[int, Field(description="Size of the file.", examples=[1048576], ge=0)]
    answered_from: Annotated[
        str | None, Field(description="The earlier job whose report this one was given, because it asked the same.")
    ]


class JobDetail(JobSummary):
    """A job with all there is to say of it."""

    queue_position: Annotated[
        int | None, Field(description="Place in the queue, 1 for the next; null for a job that does not wait.", ge=1)
    ]
    result: Annotated[
        dict[str, Any] | None,
        Field(description="The report (docs/report.schema.json), once the job has succeeded."),
    ]


class ArtifactEntry(Answer):
    """A file of a job."""

    name: Annotated[str, Field(examples=["upload"])]
    media_type: Annotated[str, Field(description="By its first bytes.", examples=["video/mp4"])]
    size_bytes: Annotated[int, Field(examples=[1048576], ge=0)]
    url: Annotated[
        str,
        Field(
            description="Where it is loaded from, at this service.",
            examples=["/v1/jobs/5f3c9a1e0b7d4c2f8a6e1d0c9b8a7f6e/artifacts/upload"],
        ),
    ]


class ArtifactList(Answer):
    """The files that a job has now."""

    artifacts: Sequence[ArtifactEntry]


class AcceptedJobs(Answer):
    """The jobs of one request, in the order of its files."""

    jobs: Sequence[JobSummary]


class JobPage(Answer):
    """Some jobs, the newest first."""

    jobs: Sequence[JobSummary]
    next_cursor: Annotated[str | None, Field(description="Where the next page begins; null on the last.")]


def summary_fields(job: Job) -> dict[str, Any]:
    """The fields of a `JobSummary`."""
    failure = job.failure
    return {
        "id": job.job_id,
        "state": job.state,
        "external_id": job.external_id,
        "priority": job.priority,
        "created_at": maybe_moment_of(job.created_at_s),
        "started_at": maybe_moment_of(job.started_at_s),
        "finished_at": maybe_moment_of(job.finished_at_s),
        "expires_at": maybe_moment_of(job.expires_at_s),
        "attempts": job.attempts,
        "cancel_requested": job.cancel_requested,
        "progress": JobProgress(done_frames=job.done_frames, total_frames=job.total_frames),
        "error": None if failure is None else JobError(code=failure.code, message=failure.message),
        "verdict": None if job.verdict is None else Verdict(job.verdict),
        "fake_probability": job.fake_probability,
        "input_sha256": job.input_sha256,
        "input_bytes": job.input_bytes,
        "answered_from": job.answered_from,
    }


def summary_of(job: Job) -> JobSummary:
    """A job, as lists show it."""
    return JobSummary(**summary_fields(job))


def moment_of(at_s: float) -> datetime:
    """A time in seconds since the epoch, to the millisecond."""
    return datetime.fromtimestamp(round(at_s, 3), UTC)


def maybe_moment_of(at_s: float | None) -> datetime | None:
    """Likewise, where there is one."""
    return None if at_s is None else moment_of(at_s)
