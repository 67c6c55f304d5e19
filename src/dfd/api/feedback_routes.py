"""The routes of feedback: saying what a video is, and finding the ones that are worth a look."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from dfd.api.feedback_schemas import FeedbackDetail, FeedbackHistory, FeedbackRequest, ReviewEntry, ReviewPage
from dfd.api.front import FrontDesk, JobId
from dfd.api.problems import documented
from dfd.api.routes import never_stored
from dfd.audit import Action
from dfd.feedback import Feedback
from dfd.jobs.desk import MOST_LISTED
from dfd.jobs.feedback import cursor_of, feedback_to_dict, history_to_dict, place_of, review_to_dict

feedback = APIRouter(prefix="/v1", tags=["feedback"], dependencies=[Depends(never_stored)])


@feedback.post(
    "/jobs/{job_id}/feedback",
    summary="Say what a video is",
    status_code=201,
    responses=documented(
        "job_not_found",
        "report_not_ready",
        "job_conflict",
        "invalid_parameter",
        "internal",
        "job_store_unavailable",
    ),
)
async def give_feedback(front: FrontDesk, job_id: JobId, said: FeedbackRequest) -> FeedbackDetail:
    """Keep a label for the video of a job that has a report. The latest counts; those before stay as its history."""

    def give() -> Feedback:
        given = front.feedback.give(job_id, said.label, said.note, said.reviewer)
        front.note(Action.FEEDBACK_GIVEN, job_id, label=given.label.value)
        return given

    return FeedbackDetail.model_validate(feedback_to_dict(await front.ask(give)))


@feedback.get(
    "/jobs/{job_id}/feedback",
    summary="What was said of a video",
    responses=documented("job_not_found", "invalid_parameter", "internal", "job_store_unavailable"),
)
async def list_feedback(front: FrontDesk, job_id: JobId) -> FeedbackHistory:
    """All feedback on a job, the first first."""
    found = await front.ask(lambda: front.feedback.of_job(job_id))
    return FeedbackHistory.model_validate(history_to_dict(found))


@feedback.get(
    "/reviews",
    summary="Jobs most worth a look",
    responses=documented("invalid_parameter", "internal", "job_store_unavailable"),
)
async def list_reviews(
    front: FrontDesk,
    limit: Annotated[int, Query(ge=1, le=MOST_LISTED, description="Jobs of one page.")] = 50,
    cursor: Annotated[str | None, Query(max_length=64, description="`next_cursor` of the page before.")] = None,
) -> ReviewPage:
    """Jobs whose label contradicts the verdict, then unlabelled ones in doubt, those nearest to the threshold first."""
    after = None if cursor is None else place_of(cursor)
    found, following = await front.ask(lambda: front.feedback.reviews(limit, after))
    return ReviewPage(
        reviews=[ReviewEntry.model_validate(review_to_dict(review)) for review in found],
        next_cursor=None if following is None else cursor_of(following),
    )
