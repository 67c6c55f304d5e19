"""`FeedbackStore` in the database of jobs, so that feedback and its job go in one transaction."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, and_, case, delete, func, insert, or_, select, update

from dfd.feedback import NEAR, Evidence, FaceAnswer, Feedback, Label, Review, ReviewPlace
from dfd.job import JobState
from dfd.job_store.database import Database
from dfd.job_store.rows import to_job
from dfd.job_store.schema import FEEDBACK, JOBS
from dfd.ports.feedback import FeedbackFilter, FeedbackStore
from dfd.types import FaceQuality


class SqlFeedbackStore(FeedbackStore):
    """The table of feedback."""

    def __init__(self, database: Database) -> None:
        """Use a database whose tables are there."""
        self._database = database

    def add(self, job_id: str, make: Callable[[Sequence[Feedback]], Feedback]) -> Feedback | None:
        with self._database.writing() as connection:
            job = connection.execute(select(JOBS.c.job_id).where(JOBS.c.job_id == job_id).with_for_update()).first()
            if job is None:
                return None
            made = make(_of_job(connection, job_id))
            earlier = and_(FEEDBACK.c.job_id == job_id, FEEDBACK.c.superseded.is_(False))
            connection.execute(update(FEEDBACK).where(earlier).values(superseded=True))
            row = insert(FEEDBACK).values(_to_row(made)).returning(FEEDBACK.c.number)
            return replace(made, number=connection.execute(row).scalar_one())

    def of_job(self, job_id: str) -> list[Feedback]:
        with self._database.reading() as connection:
            return _of_job(connection, job_id)

    def latest(self, wanted: FeedbackFilter, limit: int) -> list[Feedback]:
        conditions = [FEEDBACK.c.model_name == wanted.model_name, FEEDBACK.c.superseded.is_(False)]
        if wanted.model_version is not None:
            conditions.append(FEEDBACK.c.model_version == wanted.model_version)
        if wanted.weights_sha256 is not None:
            conditions.append(FEEDBACK.c.weights_sha256 == wanted.weights_sha256)
        query = select(FEEDBACK).where(*conditions).order_by(FEEDBACK.c.number.desc()).limit(limit)
        with self._database.reading() as connection:
            return [_to_feedback(row) for row in connection.execute(query).mappings()]

    def reviews(self, limit: int, after: ReviewPlace | None = None, tenant: str | None = None) -> list[Review]:
        given = and_(FEEDBACK.c.job_id == JOBS.c.job_id, FEEDBACK.c.superseded.is_(False))
        label = FEEDBACK.c.label
        distance = func.coalesce(func.abs(JOBS.c.fake_probability - JOBS.c.threshold), 1.0)
        rank = case((label.is_(None), 1), else_=0)
        disagrees = or_(
            and_(label == Label.FAKE.value, JOBS.c.verdict == "real"),
            and_(label == Label.REAL.value, JOBS.c.verdict == "fake"),
        )
        doubtful = and_(label.is_(None), or_(JOBS.c.verdict == "inconclusive", distance < NEAR))
        query = (
            select(JOBS, label)
            .outerjoin(FEEDBACK, given)
            .where(JOBS.c.state == JobState.SUCCEEDED.value, JOBS.c.answered_from.is_(None), or_(disagrees, doubtful))
            .order_by(rank, distance, JOBS.c.sequence.desc())
            .limit(limit)
        )
        if tenant is not None:
            query = query.where(JOBS.c.tenant == tenant)
        if after is not None:
            query = query.where(_behind(after, rank, distance))
        with self._database.reading() as connection:
            return [
                Review(to_job(row), None if row["label"] is None else Label(row["label"]))
                for row in connection.execute(query).mappings()
            ]

    def forget(self, before_s: float, limit: int) -> int:
        gone = select(FEEDBACK.c.number).where(FEEDBACK.c.job_id.is_(None), FEEDBACK.c.created_at_s < before_s)
        with self._database.writing() as connection:
            numbers = connection.execute(gone.limit(limit)).scalars().all()
            connection.execute(delete(FEEDBACK).where(FEEDBACK.c.number.in_(numbers)))
        return len(numbers)


def let_go(connection: Connection, job_ids: Sequence[str]) -> None:
    """Leave of the feedback on jobs that go what outlives them."""
    theirs = FEEDBACK.c.job_id.in_(job_ids)
    connection.execute(delete(FEEDBACK).where(theirs, FEEDBACK.c.superseded.is_(True)))
    connection.execute(update(FEEDBACK).where(theirs).values(job_id=None, note=None, reviewer=None))


def _behind(place: ReviewPlace, rank: ColumnElement[int], distance: ColumnElement[float]) -> ColumnElement[bool]:
    older = JOBS.c.sequence < -place.newest
    further = or_(distance > place.distance, and_(distance == place.distance, older))
    return or_(rank > place.rank, and_(rank == place.rank, further))


def _of_job(connection: Connection, job_id: str) -> list[Feedback]:
    query = select(FEEDBACK).where(FEEDBACK.c.job_id == job_id).order_by(FEEDBACK.c.number)
    return [_to_feedback(row) for row in connection.execute(query).mappings()]


def _to_row(feedback: Feedback) -> dict[str, Any]:
    evidence = feedback.evidence
    faces = [
        (face.fake_logit, quality.face_side_px, quality.brightness, quality.sharpness, quality.flatness)
        for face in evidence.faces
        for quality in (face.quality,)
    ]
    return {
        "job_id": feedback.job_id,
        "superseded": False,
        "label": feedback.label.value,
        "created_at_s": feedback.created_at_s,
        "note": feedback.note,
        "reviewer": feedback.reviewer,
        "model_name": evidence.model_name,
        "model_version": evidence.model_version,
        "weights_sha256": evidence.weights_sha256,
        "verdict": evidence.verdict,
        "fake_probability": evidence.fake_probability,
        "threshold": evidence.threshold,
        "faces": json.dumps(faces, separators=(",", ":")),
        "input_sha256": evidence.input_sha256,
    }


def _to_feedback(row: RowMapping) -> Feedback:
    return Feedback(
        label=Label(row["label"]),
        created_at_s=row["created_at_s"],
        evidence=Evidence(
            model_name=row["model_name"],
            model_version=row["model_version"],
            weights_sha256=row["weights_sha256"],
            verdict=row["verdict"],
            fake_probability=row["fake_probability"],
            threshold=row["threshold"],
            faces=tuple(FaceAnswer(logit, FaceQuality(*quality)) for logit, *quality in json.loads(row["faces"])),
            input_sha256=row["input_sha256"],
        ),
        job_id=row["job_id"],
        note=row["note"],
        reviewer=row["reviewer"],
        number=row["number"],
    )
