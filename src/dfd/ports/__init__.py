"""The protocols between the pipeline and the world; one folder of adapters each.

Adapters subclass the port, so that a missing method fails when the object is built, and pass the port's contract
suite in ``tests/contract``.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt

from dfd.job import Job, JobState
from dfd.media import MediaFacts
from dfd.ports.observing import JobCensus
from dfd.scoring import Answer, BackendState
from dfd.types import FaceDetection, FloatArray, Frame, ImageU8, VideoInfo


class VideoSource(ABC):
    """An opened video. A context manager; closing it frees the file and the decoder."""

    @property
    @abstractmethod
    def info(self) -> VideoInfo:
        """What the container says of the main video stream."""

    @property
    @abstractmethod
    def facts(self) -> MediaFacts:
        """What else the file says of itself: tracks, tags, sizes."""

    @abstractmethod
    def sample(self, times_s: Sequence[float], *, with_next: bool = False) -> Iterator[Frame]:
        """Yield the frames that stand for the given times, in order of presentation time.

        Args:
            times_s: ascending target times in seconds since the first frame (see `dfd.sampling`).
            with_next: give each frame also the picture that follows it (`dfd.sampling.following_frame`), as
                `Frame.following`. It changes neither which frame stands for a target nor its picture. There is none
                for a still image and for the last frame of a video, where damage stops decoding in between, and where
                the following picture is of another size.

        Yields:
            at most one frame for each target, each frame once, with its own presentation time. Which frame stands
            for a target, and which follows, depends only on the video and the targets, never on how the adapter gets
            at it.

        Raises:
            UnreadableVideo: not one frame could be decoded. Damage after the first frame ends the iteration early;
                `complete` then tells.
        """

    @property
    @abstractmethod
    def complete(self) -> bool:
        """Whether the last `sample` reached its end without meeting damage."""

    @abstractmethod
    def close(self) -> None:
        """Free the file and the decoder; safe to call twice."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


class VideoOpener(ABC):
    """Opens media files."""

    @abstractmethod
    def open(self, path: Path) -> VideoSource:
        """Open a file.

        Raises:
            MediaNotFound, NotAFile, UnreadableVideo, NoVideoStream, UnsupportedCodec, MediaTooLarge
        """


class FaceDetector(ABC):
    """Finds faces in single images. Safe to call from several threads."""

    @abstractmethod
    def detect(self, image: ImageU8) -> list[FaceDetection]:
        """Find every face.

        Args:
            image: ``(H, W, 3) uint8`` RGB, upright.

        Returns:
            the faces in pixels of `image`, highest score first.
        """


class ModelBackend(ABC):
    """Scores crops. Safe to call from several threads."""

    @property
    @abstractmethod
    def name(self) -> str:
        """What settings, reports and events call it."""

    @abstractmethod
    def predict(self, batch: FloatArray) -> npt.NDArray[np.float32]:
        """Score a batch.

        Args:
            batch: ``(N, S, S, C)`` or ``(N, C, S, S)`` float32, as the model's manifest says, with 3 channels for
                each frame that the model looks at; N may be 0.

        Returns:
            ``(N,) float32`` logits of *fake*, whatever the model itself emits.

        Raises:
            BackendUnavailable: the model does not answer, or answers the wrong shape or non-finite numbers.
        """

    @abstractmethod
    def ready(self) -> bool:
        """Whether the backend would answer now. Never raises."""

    def answer(self, batch: FloatArray) -> Answer:
        """As `predict`, and who answered: this backend, unless it hands the batch on."""
        return Answer(self.predict(batch), self.name)

    def state(self) -> BackendState:
        """How the backend is. Never raises; may ask a server."""
        return BackendState(self.name, ready=self.ready())


Transition = Callable[[Job], Job | None]
"""A change of a job (see `dfd.job`), or None where the job is in no state for it. May be called more than once."""


@dataclass(frozen=True, slots=True)
class JobFilter:
    """Which jobs are listed: those of all that is not None.

    Attributes:
        states: where they are.
        external_id: the caller's own name for them.
        verdicts: of their reports.
        text: part of the caller's own name for them, whatever its letters' case, or the beginning of their name or of
            their file's hash.
    """

    states: frozenset[JobState] | None = None
    external_id: str | None = None
    tenant: str | None = None
    verdicts: frozenset[str] | None = None
    text: str | None = None


class JobStore(ABC):
    """The table of jobs, which is the truth about them. Safe to call from several threads and processes.

    Whatever ends a job writes in the same transaction the delivery that is owed for it (`dfd.delivery.first_delivery`).
    Every method raises `JobStoreUnavailable` when the table does not answer; nothing has then been changed, or the
    change was made and its answer was lost.
    """

    @abstractmethod
    def close(self) -> None:
        """Close idle connections; the store may be used again all the same."""

    @abstractmethod
    def add(self, jobs: Sequence[Job], reports: Mapping[str, str] | None = None) -> list[Job]:
        """Accept jobs, all or none.

        Args:
            jobs: new ones, of one request.
            reports: JSON text, by the job's name, for those that are born `succeeded`.

        Returns:
            them with their places in the order (`Job.sequence`). Where their tenant's idempotency key is known already,
            the jobs that came with it first, and nothing is added.
        """

    @abstractmethod
    def get(self, job_id: str) -> Job | None:
        """One job."""

    @abstractmethod
    def of_submission(self, tenant: str, key: str) -> list[Job]:
        """The jobs that came with an idempotency key of a tenant, in their order."""

    @abstractmethod
    def page(self, wanted: JobFilter, limit: int, before: int | None = None) -> list[Job]:
        """The newest jobs first, at most `limit`; only those with a `sequence` below `before`."""

    @abstractmethod
    def waiting(self, most: int, tenant: str | None = None) -> int:
        """How many jobs wait, of all tenants or of one; `most` where there are more."""

    @abstractmethod
    def census(self) -> JobCensus:
        """Count the jobs that have not ended."""

    @abstractmethod
    def ahead_of(self, job: Job) -> int:
        """How many waiting jobs have their turn before `job`."""

    @abstractmethod
    def claim(self, transition: Transition, now_s: float) -> Job | None:
        """Change the first waiting job whose time has come; None where there is none. No job is claimed twice."""

    @abstractmethod
    def change(self, job_id: str, transition: Transition, report: str | None = None) -> Job | None:
        """Apply a transition to a job, while nobody else can change it.

        Args:
            job_id: which.
            transition: see `Transition`.
            report: JSON text, written together with a change to `succeeded`, and not with any other.

        Returns:
            the changed job; None where there is no such job, or the transition said no, and nothing was changed.
        """

    @abstractmethod
    def report(self, job_id: str) -> str | None:
        """The report of a job as JSON text."""

    @abstractmethod
    def answered(self, tenant: str, result_key: str) -> Job | None:
        """The latest job of a tenant whose report answers this (`Job.result_key`)."""

    @abstractmethod
    def to_sweep(self, now_s: float, limit: int) -> list[Job]:
        """Jobs whose lease has run out, and jobs that waited too long."""

    @abstractmethod
    def with_input(self, ended_before_s: float, limit: int) -> list[Job]:
        """Jobs that ended by this time and whose file is still kept, longest ended first."""

    @abstractmethod
    def remove(self, job_id: str) -> bool:
        """Forget a job that has ended and has no file, with what is its own (`FeedbackStore`); False for any other."""

    @abstractmethod
    def remove_ended(self, ended_before_s: float, limit: int) -> int:
        """Forget jobs that ended by this time and have no file, with what is theirs (`FeedbackStore`); how many."""


class JobQueue(ABC):
    """Wakes workers. It may lose calls and repeat them: the table says what there is to do."""

    @abstractmethod
    def announce(self, job_ids: Sequence[str]) -> None:
        """Say that these jobs wait. Never raises on account of a queue that is away."""

    def check(self) -> None:
        """See whether calls get through now.

        Raises:
            Unavailable: they do not.
        """
        return

    @abstractmethod
    def wait(self, timeout_s: float) -> bool:
        """Wait for a call, at most about so long; whether one came since the last."""

    @abstractmethod
    def close(self) -> None:
        """Let those who wait in this process go where that can be done, and free connections. It may be used again."""
