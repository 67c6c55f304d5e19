"""Where people say what a video is, and find the ones that are worth a look."""

import json
from collections.abc import Callable, Sequence
from typing import Any

from dfd.errors import InvalidParameter, JobConflict, JobNotFound
from dfd.feedback import MOST_FEEDBACK, Evidence, Feedback, Label, Review, ReviewPlace, latest_label
from dfd.jobs.desk import JobDesk
from dfd.jobs.telling import job_to_dict, moment
from dfd.ports.feedback import FeedbackStore


class FeedbackDesk:
    """Takes feedback and tells of it. Safe to use from several threads."""

    def __init__(
        self,
        store: FeedbackStore,
        jobs: JobDesk,
        clock: Callable[[], float],
        *,
        keep_sha256: bool,
        tenant: str | None = None,
    ) -> None:
        """Put the parts together.

        Args:
            store: the table of feedback.
            jobs: knows the jobs and their reports; nothing is said of those that it does not know.
            clock: seconds since the epoch.
            keep_sha256: whether the hash of the file may outlive the job.
            tenant: whose jobs are reviewed; None is everybody's.
        """
        self._store = store
        self._jobs = jobs
        self._clock = clock
        self._keep_sha256 = keep_sha256
        self._tenant = tenant

    def of(self, tenant: str) -> "FeedbackDesk":
        """The same desk, for one tenant."""
        jobs = self._jobs.of(tenant)
        return FeedbackDesk(self._store, jobs, self._clock, keep_sha256=self._keep_sha256, tenant=tenant)

    def give(self, job_id: str, label: Label, note: str | None = None, reviewer: str | None = None) -> Feedback:
        """Say what the video of a job is; the latest word counts, those before it are kept as its history.

        Raises:
            InvalidParameter: the note or the reviewer is too long or blank.
            JobNotFound: there is no such job.
            ReportNotReady: it has no report, so there is nothing to say anything of.
            JobConflict: there is as much feedback on it as is taken.
        """
        evidence = Evidence.of_report(json.loads(self._jobs.report(job_id)), keep_sha256=self._keep_sha256)
        new = Feedback(label, self._clock(), evidence, job_id, note, reviewer)

        def make(known: Sequence[Feedback]) -> Feedback:
            if len(known) >= MOST_FEEDBACK:
                raise JobConflict(f"the job has feedback {MOST_FEEDBACK} times, which is the most")
            return new

        added = self._store.add(job_id, make)
        if added is None:
            raise _no_job(job_id)
        return added

    def of_job(self, job_id: str) -> list[Feedback]:
        """All feedback on a job, the first first.

        Raises:
            JobNotFound: there is no such job.
        """
        self._jobs.get(job_id)
        return self._store.of_job(job_id)

    def reviews(self, limit: int, after: ReviewPlace | None = None) -> tuple[list[Review], ReviewPlace | None]:
        """The jobs most worth a look, and where the next page begins; None when there is none."""
        found = self._store.reviews(limit + 1, after, self._tenant)
        return found[:limit], found[limit - 1].place if len(found) > limit else None


def feedback_to_dict(feedback: Feedback) -> dict[str, Any]:
    """One piece of feedback, JSON-ready (``FeedbackDetail``)."""
    evidence = feedback.evidence
    return {
        "label": feedback.label.value,
        "note": feedback.note,
        "reviewer": feedback.reviewer,
        "created_at": moment(feedback.created_at_s),
        "verdict": evidence.verdict,
        "fake_probability": evidence.fake_probability,
        "threshold": evidence.threshold,
        "model": {
            "name": evidence.model_name,
            "version": evidence.model_version,
            "weights_sha256": evidence.weights_sha256,
        },
    }


def history_to_dict(given: Sequence[Feedback]) -> dict[str, Any]:
    """All feedback on a job, JSON-ready (``FeedbackHistory``)."""
    label = latest_label(given)
    return {"label": None if label is None else label.value, "feedback": [feedback_to_dict(one) for one in given]}


def review_to_dict(review: Review) -> dict[str, Any]:
    """A job in the review queue, JSON-ready (``ReviewEntry``)."""
    return {
        "job": job_to_dict(review.job),
        "label": None if review.label is None else review.label.value,
        "threshold": review.job.threshold,
        "reasons": [reason.value for reason in review.reasons],
    }


def cursor_of(place: ReviewPlace) -> str:
    """A place in the review queue as callers are told it."""
    return f"{place.rank}_{place.distance.hex()}_{-place.newest:x}"


def place_of(cursor: str) -> ReviewPlace:
    """The reverse of `cursor_of`.

    Raises:
        InvalidParameter: it is none.
    """
    try:
        rank, distance, sequence = cursor.split("_")
        place = ReviewPlace(int(rank), float.fromhex(distance), -int(sequence, 16))
    except (ValueError, OverflowError):
        place = None
    if place is None or place.rank not in (0, 1) or not 0 <= place.distance <= 1 or not 0 < -place.newest < 1 << 63:
        raise InvalidParameter("cursor: it must be the next_cursor of an earlier page")
    return place


def _no_job(job_id: str) -> JobNotFound:
    return JobNotFound(f"there is no job {job_id!r}, or it is no longer kept")
