"""What the HTTP interface is given: built by `dfd.bootstrap`, replaced by fakes in tests."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from dfd.access.authenticator import Authenticator
from dfd.access.trail import AuditTrail
from dfd.api.limits import RequestLimits
from dfd.jobs.callbacks import CallbackDesk
from dfd.jobs.crew import Crew
from dfd.jobs.desk import JobDesk
from dfd.jobs.feedback import FeedbackDesk
from dfd.monitoring.monitor import ModelMonitor
from dfd.pipeline import AnalysisOptions
from dfd.ports.observing import Observer
from dfd.rollout.catalogue import ModelCatalogue
from dfd.rollout.follower import AliasFollower
from dfd.rollout.keeper import RolloutKeeper
from dfd.rollout.live import LiveModel


@dataclass(frozen=True, slots=True)
class ServicePolicy:
    """What the service allows.

    Attributes:
        max_upload_bytes: largest file taken.
        max_concurrency: analyses that run at the same time.
        max_waiting: further uploads that may wait for a slot; the next one is told to come back later.
        retry_after_s: when to come back, as told to those turned away.
        max_receiving: uploads of jobs received at the same time.
        max_files: files of one request for jobs.
        max_streams: callers who may listen to jobs at the same time.
        max_downloads: callers who may load files of jobs at the same time.
        presigned_expiry_s: who loads an upload is sent to an address in the storage that is valid for so long; None
            sends it from here.
        session_secret: seals the cookies of who has signed in on the page; None draws one. Kept out of ``repr``.
        cors_origins: origins browsers may call from; ``("*",)`` is any origin, and then without credentials.
        upload_dir: where uploads are kept while they are analysed; None is the system's temporary folder.
    """

    max_upload_bytes: int = 512 * 1024 * 1024
    max_concurrency: int = 2
    max_waiting: int = 4
    retry_after_s: int = 5
    max_receiving: int = 16
    max_files: int = 16
    max_streams: int = 200
    max_downloads: int = 32
    presigned_expiry_s: float | None = None
    session_secret: str | None = field(default=None, repr=False)
    cors_origins: tuple[str, ...] = ("*",)
    upload_dir: Path | None = None

    def __post_init__(self) -> None:
        if self.max_upload_bytes < 1 or self.max_concurrency < 1 or self.max_waiting < 0 or self.retry_after_s < 1:
            raise ValueError("upload size, concurrency and retry time must be positive, the queue not negative")


@dataclass(frozen=True, slots=True)
class Services:
    """Everything the HTTP interface works with.

    Attributes:
        model: the one that answers now; warmed up at start, and asked whether it answers.
        options: defaults of an analysis; a request may change the sampling rate.
        policy: limits and access.
        tf_serving: what TensorFlow Serving says of the model, or None where another backend is in use or it does
            not answer. May block; must not raise.
        jobs: takes and tells of jobs.
        callbacks: tells what callers were told of the end of jobs.
        feedback: takes what people say of videos.
        monitor: tells how a version of the model is doing.
        trail: writes down who did what.
        authenticator: knows callers by what they show; None lets everyone in, as the default tenant.
        crew: works on jobs for as long as the application runs; None leaves that to others.
        limits: how often each caller may ask; None as often as he likes.
        follower: keeps `model` up to date for as long as the application runs; None where its version is fixed.
        keeper: takes part in rollouts for as long as the application runs; None where the champion is not followed.
        catalogue: tells of versions, aliases and rollouts; None where nobody is told.
        signing_keys: public keys that check signed reports, as JSON Web Keys.
        observer: hears of every request.
        metrics: from a scraper's header ``Accept`` to what ``/metrics`` answers, body and content type. May block.
            None where the service has no such route.
        beside: entered when the application begins to run, and left once it has ended.
    """

    model: LiveModel
    options: AnalysisOptions
    policy: ServicePolicy
    tf_serving: Callable[[], object | None]
    jobs: JobDesk
    callbacks: CallbackDesk
    feedback: FeedbackDesk
    monitor: ModelMonitor
    trail: AuditTrail
    authenticator: Authenticator | None = None
    crew: Crew | None = None
    limits: RequestLimits | None = None
    follower: AliasFollower | None = None
    keeper: RolloutKeeper | None = None
    catalogue: ModelCatalogue | None = None
    signing_keys: tuple[Mapping[str, str], ...] = ()
    observer: Observer = field(default_factory=Observer)
    metrics: Callable[[str], tuple[bytes, str]] | None = None
    beside: AbstractContextManager[None] = field(default_factory=nullcontext)
