"""What the HTTP interface says of jobs."""

import json
from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import Field

from dfd.api.schemas import Answer
from dfd.job import Job, JobState
from dfd.jobs.telling import job_to_dict, moment
from dfd.types import Verdict

Moment = Annotated[str, Field(json_schema_extra={"format": "date-time"}, examples=["2026-01-31T12:00:00.000Z"])]


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


class ForgottenJob(Answer):
    """What was deleted: all that is left to show for a job."""

    id: Annotated[str, Field(examples=["5f3c9a1e0b7d4c2f8a6e1d0c9b8a7f6e"])]
    state: Annotated[JobState, Field(description="In which it had ended.")]
    input_sha256: Annotated[str, Field(description="Hash of its file, hexadecimal.", examples=["c0" * 32])]
    upload_deleted: Annotated[bool, Field(description="Whether its file was still kept, and is no longer.")]
    forgotten_at: Annotated[Moment, Field(description="When.")]


class AcceptedJobs(Answer):
    """The jobs of one request, in the order of its files."""

    jobs: Sequence[JobSummary]


class JobPage(Answer):
    """Some jobs, the newest first."""

    jobs: Sequence[JobSummary]
    next_cursor: Annotated[str | None, Field(description="Where the next page begins; null on the last.")]


def summary_of(job: Job) -> JobSummary:
    """A job, as lists show it."""
    return JobSummary.model_validate(job_to_dict(job))


def detail_of(job: Job, queue_position: int | None, report: str | None) -> JobDetail:
    """A job with all there is to say of it.

    Args:
        job: which.
        queue_position: see `JobDetail`.
        report: its JSON, once there is one.
    """
    result = None if report is None else json.loads(report)
    return JobDetail.model_validate({**job_to_dict(job), "queue_position": queue_position, "result": result})


def forgotten(job: Job, at_s: float) -> ForgottenJob:
    """The receipt for a job that was deleted, as it was before, at this time."""
    return ForgottenJob.model_validate(
        {
            "id": job.job_id,
            "state": job.state,
            "input_sha256": job.input_sha256,
            "upload_deleted": job.input_key is not None,
            "forgotten_at": moment(at_s),
        }
    )
