"""What the HTTP interface says of webhooks, and what they carry."""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from dfd.api.job_schemas import JobSummary, Moment
from dfd.api.schemas import Answer
from dfd.delivery import Delivery, DeliveryState
from dfd.jobs.telling import delivery_to_dict


class DeliveryAttempt(Answer):
    """One try to send."""

    at: Annotated[Moment, Field(description="When it began.")]
    status: Annotated[int | None, Field(description="HTTP status of the answer; null where there was none.")]
    error: Annotated[
        str | None,
        Field(
            description="Why there was no answer: `address` (may not be sent to), `name` (not resolved), `connection`, "
            "`tls`, `time`, `answer` (no HTTP) or `lost` (the sender was lost)."
        ),
    ]
    duration_ms: Annotated[float | None, Field(description="How long it took; null where it is not known.", ge=0)]


class DeliveryDetail(Answer):
    """A delivery and the log of its attempts."""

    id: Annotated[int, Field(description="Number among the deliveries of the job.", examples=[1], ge=1)]
    event_id: Annotated[str, Field(description="The same for every delivery of the job.", examples=["evt_5f3c9a1e"])]
    state: Annotated[DeliveryState, Field(description="Where it is; the last two are final.")]
    created_at: Moment
    next_attempt_at: Annotated[Moment | None, Field(description="When it is tried next; null unless it is `pending`.")]
    finished_at: Annotated[Moment | None, Field(description="When it was delivered or given up.")]
    attempts: Annotated[int, Field(description="Attempts begun.", examples=[1], ge=0)]
    last_status: Annotated[int | None, Field(description="`status` of the last attempt in the log.")]
    last_error: Annotated[str | None, Field(description="`error` of the last attempt in the log.")]
    log: Annotated[Sequence[DeliveryAttempt], Field(description="The attempts that are over, in order.")]


class Deliveries(Answer):
    """The deliveries of a job, the first first."""

    deliveries: Sequence[DeliveryDetail]


class JobEnded(Answer):
    """The event of a job's end, as its receiver gets it."""

    id: Annotated[str, Field(description="The same in every delivery.", examples=["evt_5f3c9a1e"])]
    type: Literal["job.succeeded", "job.failed", "job.cancelled", "job.expired"]
    created_at: Annotated[Moment, Field(description="When the job ended.")]
    job: JobSummary
    report: Annotated[
        str | None,
        Field(
            description="Where the report is: below `PUBLIC_URL`, or a path of the service; null unless it succeeded."
        ),
    ]


def told_of(delivery: Delivery) -> DeliveryDetail:
    """A delivery as it is told."""
    return DeliveryDetail.model_validate(delivery_to_dict(delivery))
