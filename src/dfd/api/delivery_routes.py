"""The routes of webhooks: what was sent for a job, and sending it again; and what receivers are sent, as OpenAPI."""

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Path

from dfd.api.delivery_schemas import Deliveries, DeliveryDetail, JobEnded, told_of
from dfd.api.front import FrontDesk, JobId
from dfd.api.problems import documented
from dfd.api.routes import never_stored
from dfd.audit import Action
from dfd.jobs.callbacks import MOST_DELIVERIES

deliveries = APIRouter(prefix="/v1/jobs", tags=["jobs"], dependencies=[Depends(never_stored)])

events = APIRouter()

DeliveryId = Annotated[int, Path(description="The delivery's id.", ge=1, le=MOST_DELIVERIES)]


@deliveries.get(
    "/{job_id}/deliveries",
    summary="What was sent for a job",
    responses=documented("job_not_found", "invalid_parameter", "internal", "job_store_unavailable"),
)
async def list_deliveries(front: FrontDesk, job_id: JobId) -> Deliveries:
    """The deliveries of the job's event, the first first, each with a log of its attempts."""
    found = await front.ask(lambda: front.callbacks.of_job(job_id))
    return Deliveries(deliveries=[told_of(delivery) for delivery in found])


@deliveries.post(
    "/{job_id}/deliveries/{delivery_id}/replay",
    summary="Send the event of a job again",
    status_code=202,
    responses=documented(
        "job_not_found",
        "delivery_not_found",
        "delivery_conflict",
        "callback_refused",
        "invalid_parameter",
        "internal",
        "job_store_unavailable",
    ),
)
async def replay_delivery(front: FrontDesk, job_id: JobId, delivery_id: DeliveryId) -> DeliveryDetail:
    """Send the same event again, as another delivery; its `id` stays what it was."""

    def replay() -> DeliveryDetail:
        made = front.callbacks.replay(job_id, delivery_id)
        front.note(Action.DELIVERY_REPLAYED, job_id, delivery=str(delivery_id))
        return told_of(made)

    return await front.ask(replay)


@events.post(
    "job_ended",
    summary="A job has ended",
    operation_id="job_ended",
    status_code=204,
    response_description="Taken, as with any other 2xx.",
    responses={
        410: {"description": "Refused for good: it does not come again."},
        "default": {"description": "Not taken: it comes again."},
    },
)
async def job_ended(
    body: JobEnded,
    dfd_event: Annotated[str, Header(alias="DFD-Event", description="The event's `id`.")],
    dfd_timestamp: Annotated[str, Header(alias="DFD-Timestamp", description="Seconds since the epoch, when sent.")],
    dfd_signature: Annotated[
        str,
        Header(
            alias="DFD-Signature",
            description="`v1=` and the HMAC-SHA256 in hex, of the timestamp, a full stop and the body; several, with "
            "commas between, while a secret is being replaced.",
        ),
    ],
) -> None:
    """Sent to a job's `callback_url` once it has ended, at least once."""
