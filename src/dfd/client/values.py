"""What the service answers, as values. Fields that a newer service adds are passed over; `raw` has them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self, TypeVar

from dfd.client.errors import BadAnswer
from dfd.delivery import DeliveryState
from dfd.job import ENDED, JobFailure, JobState

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Prediction:
    """The verdict on one video, as ``POST /predict`` gives it.

    Attributes:
        label: ``fake``, ``real`` or ``inconclusive``.
        score: calibrated probability of fake, in [0, 1]; None when nothing was scored.
        reasons: why it is inconclusive, or what weakens it.
        threshold: score from which a video is called fake.
        tracks: every face followed, the leading one first, as ``docs/api.md`` describes it.
        input_sha256: hash of the file.
        raw: the whole answer.
    """

    label: str
    score: float | None
    reasons: tuple[str, ...]
    threshold: float
    tracks: tuple[Mapping[str, Any], ...]
    input_sha256: str
    raw: Mapping[str, Any] = field(repr=False)

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Self:
        """From JSON; raises KeyError and its like where it is something else."""
        return cls(
            label=data["label"],
            score=data["score"],
            reasons=tuple(data["reasons"]),
            threshold=data["threshold"],
            tracks=tuple(data["tracks"]),
            input_sha256=data["input_sha256"],
            raw=data,
        )


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the current attempt is, in frames; the total is None before it is known."""

    done_frames: int
    total_frames: int | None


@dataclass(frozen=True, slots=True)
class Job:
    """A job, as lists show it and, with `result` and `queue_position`, as `Client.job` tells it.

    Attributes:
        id: its name.
        state: where it is.
        external_id: the caller's own name for it.
        priority: higher goes first.
        created_at: when it was accepted.
        started_at: beginning of the last attempt.
        finished_at: when it ended.
        attempts: attempts that count.
        cancel_requested: whether it is to be cancelled.
        progress: of the current attempt.
        error: why it failed, or why the last attempt did.
        verdict: once it is known.
        fake_probability: None where nothing was scored.
        input_sha256: hash of the file.
        answered_from: the earlier job whose report this one was given.
        queue_position: 1 for the next; None for a job that does not wait, and in lists.
        result: the report (``docs/report.schema.json``); None before the end, and in lists.
        raw: the whole answer.
    """

    id: str
    state: JobState
    external_id: str | None
    priority: int
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    attempts: int
    cancel_requested: bool
    progress: Progress
    error: JobFailure | None
    verdict: str | None
    fake_probability: float | None
    input_sha256: str
    answered_from: str | None
    queue_position: int | None
    result: Mapping[str, Any] | None = field(repr=False)
    raw: Mapping[str, Any] = field(repr=False)

    @property
    def ended(self) -> bool:
        """Whether its state is final."""
        return self.state in ENDED

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Self:
        """From JSON; raises KeyError and its like where it is something else."""
        progress, error = data["progress"], data["error"]
        return cls(
            id=data["id"],
            state=JobState(data["state"]),
            external_id=data["external_id"],
            priority=data["priority"],
            created_at=datetime.fromisoformat(data["created_at"]),
            started_at=_moment(data["started_at"]),
            finished_at=_moment(data["finished_at"]),
            attempts=data["attempts"],
            cancel_requested=data["cancel_requested"],
            progress=Progress(progress["done_frames"], progress["total_frames"]),
            error=None if error is None else JobFailure(error["code"], error["message"]),
            verdict=data["verdict"],
            fake_probability=data["fake_probability"],
            input_sha256=data["input_sha256"],
            answered_from=data["answered_from"],
            queue_position=data.get("queue_position"),
            result=data.get("result"),
            raw=data,
        )


@dataclass(frozen=True, slots=True)
class ForgottenJob:
    """The receipt for a job that was deleted: its name, the hash of its file, whether that was still kept, and when."""

    id: str
    input_sha256: str
    upload_deleted: bool
    forgotten_at: datetime

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Self:
        """From JSON; raises KeyError and its like where it is something else."""
        at = datetime.fromisoformat(data["forgotten_at"])
        return cls(data["id"], data["input_sha256"], data["upload_deleted"], at)


@dataclass(frozen=True, slots=True)
class JobPage:
    """Some jobs, the newest first, and where the next page begins; None on the last."""

    jobs: tuple[Job, ...]
    next_cursor: str | None

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Self:
        """From JSON; raises KeyError and its like where it is something else."""
        return cls(tuple(Job.read(job) for job in data["jobs"]), data["next_cursor"])


@dataclass(frozen=True, slots=True)
class DeliveryAttempt:
    """One try to send an event: an HTTP status, or a word for why there was no answer (``docs/api.md``)."""

    at: datetime
    status: int | None
    error: str | None
    duration_ms: float | None

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Self:
        """From JSON; raises KeyError and its like where it is something else."""
        return cls(datetime.fromisoformat(data["at"]), data["status"], data["error"], data["duration_ms"])


@dataclass(frozen=True, slots=True)
class Delivery:
    """A delivery of a job's event to its ``callback_url``.

    Attributes:
        id: its number among the deliveries of the job.
        event_id: name of the event, the same in all of them.
        state: where it is.
        created_at: when it came to be.
        next_attempt_at: None unless it waits.
        finished_at: when it was delivered or given up.
        attempts: begun so far.
        log: the attempts that are over, in order.
        raw: the whole answer.
    """

    id: int
    event_id: str
    state: DeliveryState
    created_at: datetime
    next_attempt_at: datetime | None
    finished_at: datetime | None
    attempts: int
    log: tuple[DeliveryAttempt, ...]
    raw: Mapping[str, Any] = field(repr=False)

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Self:
        """From JSON; raises KeyError and its like where it is something else."""
        return cls(
            id=data["id"],
            event_id=data["event_id"],
            state=DeliveryState(data["state"]),
            created_at=datetime.fromisoformat(data["created_at"]),
            next_attempt_at=_moment(data["next_attempt_at"]),
            finished_at=_moment(data["finished_at"]),
            attempts=data["attempts"],
            log=tuple(map(DeliveryAttempt.read, data["log"])),
            raw=data,
        )


@dataclass(frozen=True, slots=True)
class JobEvent:
    """Something that was told of a job live: ``progress``, or ``result`` at the end; the id orders events."""

    kind: str
    id: int
    job: Job


@dataclass(frozen=True, slots=True)
class Artifact:
    """A file of a job: its name, its media type, its size, and where it is, below the service's address."""

    name: str
    media_type: str
    size_bytes: int
    url: str

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Self:
        """From JSON; raises KeyError and its like where it is something else."""
        return cls(data["name"], data["media_type"], data["size_bytes"], data["url"])


def artifacts_in(data: Mapping[str, Any]) -> list[Artifact]:
    """The files of a job; raises KeyError and its like where it is something else."""
    return [Artifact.read(one) for one in data["artifacts"]]


def accepted_jobs(data: Mapping[str, Any]) -> list[Job]:
    """The jobs that a request was answered with; raises KeyError and its like where it is something else."""
    return [Job.read(job) for job in data["jobs"]]


def deliveries_in(data: Mapping[str, Any]) -> list[Delivery]:
    """The deliveries of a job; raises KeyError and its like where it is something else."""
    return [Delivery.read(delivery) for delivery in data["deliveries"]]


def understood(data: Any, reader: Callable[[Any], Value]) -> Value:
    """What a reader makes of JSON.

    Raises:
        BadAnswer: it is something else than the reader expects.
    """
    try:
        return reader(data)
    except (KeyError, TypeError, ValueError) as error:
        raise BadAnswer(f"the service's answer is not understood: {type(error).__name__} {error}") from error


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
