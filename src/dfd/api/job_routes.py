"""The routes of jobs: handing in files, telling of them, listening, cancelling."""

from dataclasses import dataclass, replace
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi.responses import StreamingResponse

from dfd.api.events import events_of
from dfd.api.forms import described
from dfd.api.front import FrontDesk, JobId
from dfd.api.job_schemas import AcceptedJobs, JobDetail, JobPage, summary_of
from dfd.api.limits import within_limits
from dfd.api.problems import documented
from dfd.api.routes import MAX_FPS, chosen, never_stored, services_of
from dfd.api.schemas import WITHOUT_NUL
from dfd.api.services import Services
from dfd.api.uploads import received_files
from dfd.audit import Action
from dfd.correlation import TRACE
from dfd.errors import InvalidParameter
from dfd.job import ENDED, JobState
from dfd.jobs.desk import MOST_LISTED
from dfd.jobs.request import HIGHEST_PRIORITY, LOWEST_PRIORITY, JobRequest, ReceivedFile
from dfd.ports import JobFilter
from dfd.types import Verdict

_FORM: Final = described(
    {
        "type": "array",
        "items": {"type": "string", "format": "binary"},
        "description": "The videos, GIFs or pictures: one part named `file` for each.",
    }
)

_STREAM: Final[dict[int | str, dict[str, Any]]] = {
    200: {"description": "The events.", "content": {"text/event-stream": {"schema": {"type": "string"}}}},
    204: {"description": "The caller knows the end already: nothing more will come."},
}


jobs = APIRouter(prefix="/v1/jobs", tags=["jobs"], dependencies=[Depends(never_stored)])


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a request for jobs says in its query."""

    fps: Annotated[
        float | None,
        Query(gt=0, le=MAX_FPS, allow_inf_nan=False, description="Frames sampled for each second of video."),
    ] = None
    operating_point: Annotated[str | None, Query(description="Operating point of the model, by name.")] = None
    external_id: Annotated[
        str | None,
        Query(min_length=1, max_length=256, pattern=WITHOUT_NUL, description="The caller's own name for the jobs."),
    ] = None
    callback_url: Annotated[
        str | None,
        Query(max_length=2048, description="Address to be told of the end: see the webhook `job_ended`."),
    ] = None
    priority: Annotated[int, Query(ge=LOWEST_PRIORITY, le=HIGHEST_PRIORITY, description="Higher goes first.")] = 0
    force: Annotated[bool, Query(description="Analyse also what has been analysed before.")] = False
    explain: Annotated[
        bool, Query(description="Look for what each region of a face adds, too: `tracks[].regions` of the report.")
    ] = False


@jobs.post(
    "",
    summary="Have videos analysed later",
    status_code=202,
    openapi_extra=_FORM,
    dependencies=[Depends(within_limits)],
    responses=documented(
        "malformed_upload",
        "upload_timeout",
        "idempotency_conflict",
        "upload_too_large",
        "unsupported_content_type",
        "invalid_parameter",
        "callback_refused",
        "unreadable_video",
        "internal",
        "overloaded",
        "rate_limited",
        "quota_exceeded",
        "queue_full",
        "job_store_unavailable",
        "storage_unavailable",
        "storage_full",
    ),
)
async def submit_jobs(
    request: Request,
    response: Response,
    services: Annotated[Services, Depends(services_of)],
    front: FrontDesk,
    wishes: Annotated[Wishes, Depends()],
    idempotency_key: Annotated[
        str | None,
        Header(min_length=1, max_length=256, description="The same key and content are answered with the same jobs."),
    ] = None,
) -> AcceptedJobs:
    """Accept one job for each file: what is accepted is not lost, and ends exactly once.

    A file that was analysed before, with the same model and options, is answered from that report at once.
    """
    trace = TRACE.get()
    asked_for = JobRequest(
        options=replace(chosen(services, wishes.fps, wishes.operating_point), explain=wishes.explain),
        external_id=wishes.external_id,
        callback_url=wishes.callback_url,
        priority=wishes.priority,
        force=wishes.force,
        key=idempotency_key,
        traceparent=trace.header if trace else None,
    )
    policy = services.policy
    if asked_for.callback_url is not None:
        front.callbacks.check(asked_for.callback_url)
    with front.house.receiving():
        if idempotency_key is None:  # a repeated request is answered even when the queue is full
            await front.ask(front.desk.check_room)
        async with received_files(request, policy.max_upload_bytes, policy.max_files, policy.upload_dir) as received:
            files = [ReceivedFile(file.path, file.sha256, file.size_bytes) for file in received]
            accepted = await front.ask(lambda: front.desk.submit(files, asked_for))
    if len(accepted) == 1:
        response.headers["Location"] = f"/v1/jobs/{accepted[0].job_id}"
    return AcceptedJobs(jobs=[summary_of(job) for job in accepted])


@jobs.get(
    "",
    summary="List jobs",
    responses=documented("invalid_parameter", "internal", "job_store_unavailable"),
)
async def list_jobs(
    front: FrontDesk,
    state: Annotated[list[JobState] | None, Query(description="Only jobs in one of these states.")] = None,
    external_id: Annotated[
        str | None, Query(max_length=256, pattern=WITHOUT_NUL, description="Only jobs of this name.")
    ] = None,
    verdict: Annotated[list[Verdict] | None, Query(description="Only jobs with one of these verdicts.")] = None,
    text: Annotated[
        str | None,
        Query(
            min_length=1,
            max_length=256,
            pattern=WITHOUT_NUL,
            description="Only jobs whose `external_id` contains this, or whose id or `input_sha256` begins with it.",
        ),
    ] = None,
    limit: Annotated[int, Query(ge=1, le=MOST_LISTED, description="Jobs of one page.")] = 50,
    cursor: Annotated[str | None, Query(max_length=32, description="`next_cursor` of the page before.")] = None,
) -> JobPage:
    """List jobs, the newest first."""
    before = place_of(cursor)
    wanted = JobFilter(
        frozenset(state) if state else None,
        external_id,
        verdicts=frozenset(one.value for one in verdict) if verdict else None,
        text=text,
    )
    found, following = await front.ask(lambda: front.desk.page(wanted, limit, before))
    return JobPage(jobs=[summary_of(job) for job in found], next_cursor=None if following is None else f"{following:x}")


def place_of(cursor: str | None) -> int | None:
    """The place that a cursor stands for; callers are not to know that it is a number."""
    if cursor is None:
        return None
    try:
        place = int(cursor, 16)
    except ValueError:
        place = 0
    if not 0 < place < 1 << 63:
        raise InvalidParameter("cursor: it must be the next_cursor of an earlier page")
    return place


@jobs.get(
    "/{job_id}",
    summary="Tell of a job",
    responses=documented("job_not_found", "invalid_parameter", "internal", "job_store_unavailable"),
)
async def get_job(front: FrontDesk, job_id: JobId) -> JobDetail:
    """Say where a job is, and its result once there is one."""
    return await front.ask(lambda: front.detail(front.desk.get(job_id)))


@jobs.delete(
    "/{job_id}",
    summary="Cancel a job",
    status_code=202,
    responses=documented("job_not_found", "job_ended", "invalid_parameter", "internal", "job_store_unavailable"),
)
async def cancel_job(front: FrontDesk, job_id: JobId) -> JobDetail:
    """End a job that waits at once, and a running one at its next frames (`cancel_requested` is then true)."""

    def cancel() -> JobDetail:
        job = front.desk.cancel(job_id)
        front.note(Action.JOB_CANCELLED, job_id)
        return front.detail(job)

    return await front.ask(cancel)


@jobs.get(
    "/{job_id}/report.json",
    summary="The report of a job",
    response_model=dict[str, Any],
    responses=documented("job_not_found", "report_not_ready", "invalid_parameter", "internal", "job_store_unavailable"),
)
async def get_report(front: FrontDesk, job_id: JobId) -> Response:
    """The report alone, as docs/report.schema.json describes it."""
    document = await front.ask(lambda: front.desk.report(job_id))
    return Response(document, media_type="application/json", headers={"Cache-Control": "no-store"})


@jobs.get(
    "/{job_id}/events",
    summary="Listen to a job",
    response_class=StreamingResponse,
    responses=_STREAM
    | documented("job_not_found", "invalid_parameter", "internal", "overloaded", "job_store_unavailable"),
)
async def listen_to_job(
    front: FrontDesk,
    job_id: JobId,
    last_event_id: Annotated[
        str | None, Header(max_length=32, description="The last event the caller has heard.")
    ] = None,
) -> Response:
    """Server-Sent Events: `progress` with every change, then `result`, each with the job as `GET` tells it."""
    known = int(last_event_id) if last_event_id is not None and last_event_id.isdecimal() else -1
    job = await front.ask(lambda: front.desk.get(job_id))
    if job.state in ENDED and job.revision <= known:
        return Response(status_code=204, headers={"Cache-Control": "no-store"})
    front.house.streams.check_room()

    def look() -> tuple[int, JobDetail]:
        found = front.desk.get(job_id)
        return found.revision, front.detail(found)

    return StreamingResponse(
        events_of(look, front.house.streams, known),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )
