"""The route that deletes a job because somebody asks for it."""

import time

from fastapi import APIRouter, Depends, Request

from dfd.api.front import FrontDesk, JobId
from dfd.api.job_schemas import ForgottenJob, forgotten
from dfd.api.problems import documented
from dfd.api.routes import never_stored
from dfd.audit import Action
from dfd.job import Job

forgetting = APIRouter(prefix="/v1/jobs", tags=["jobs"], dependencies=[Depends(never_stored)])


@forgetting.post(
    "/{job_id}/forget",
    summary="Delete an ended job",
    responses=documented(
        "job_not_found",
        "job_conflict",
        "invalid_parameter",
        "internal",
        "job_store_unavailable",
        "storage_unavailable",
    ),
)
async def forget_job(request: Request, front: FrontDesk, job_id: JobId) -> ForgottenJob:
    """Delete a job with its file, its report and its deliveries, for good; the answer is the receipt.

    Counts of the model stay, and labels without note and reviewer. Jobs answered from it keep their own reports.
    """

    def forget() -> Job:
        job = front.desk.forget(job_id)
        front.note(Action.JOB_FORGOTTEN, job_id)
        return job

    job = await front.ask(forget)
    request.app.state.explanations.forget(job_id)
    return forgotten(job, time.time())
