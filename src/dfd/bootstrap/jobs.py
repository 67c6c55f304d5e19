"""The parts that jobs need, from settings."""

import secrets
import socket
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import dfd
from dfd.bootstrap.signing import Write, build_writer
from dfd.delivery import Patience
from dfd.errors import ConfigurationError
from dfd.feedback import Label
from dfd.job import Retry
from dfd.job_store.sql import SqlJobStore
from dfd.jobs.callbacks import CallbackDesk
from dfd.jobs.crew import Crew
from dfd.jobs.deliverer import Deliverer
from dfd.jobs.desk import JobDesk
from dfd.jobs.feedback import FeedbackDesk
from dfd.jobs.policy import DeliveryPolicy, JobPolicy
from dfd.jobs.sweeper import Sweeper, TablesBeside
from dfd.jobs.worker import Analyze, Worker
from dfd.monitoring.monitor import ModelMonitor
from dfd.monitoring.observing import Tallier
from dfd.ports import JobQueue, JobStore
from dfd.ports.access import AuditLog, KeyStore
from dfd.ports.deliveries import DeliveryStore, Notifier
from dfd.ports.feedback import FeedbackFilter, FeedbackStore, TallyStore
from dfd.ports.observing import Observer
from dfd.ports.registry import ModelRegistry
from dfd.ports.rollouts import RolloutStore
from dfd.ports.storage import ObjectStorage
from dfd.ports.usage import UsageMeter
from dfd.queues.embedded import EmbeddedQueue
from dfd.report import ModelIdentity, Origin
from dfd.reporting import report_to_dict
from dfd.rollout.desk import LabelledOutcomes
from dfd.settings import Settings
from dfd.storage.objects import S3Access, folder_storage, s3_storage
from dfd.webhooks.notifier import SignedNotifier
from dfd.webhooks.sending import Sender

_DAY_S: Final = 86_400.0

_DELIVERERS: Final = 4
"""Webhooks that a process sends at the same time; they wait for strangers."""

_MOST_TRUTHS: Final = 5000
"""Labelled files that a rollout is judged by at most, the newest."""

_RESOLVING_S: Final = 30.0
"""How long a system's resolver takes to give up, at worst."""


@dataclass(frozen=True, slots=True)
class JobParts:
    """What jobs are made of, the same for the service and for `dfd worker`."""

    store: JobStore
    deliveries: DeliveryStore
    feedback: FeedbackStore
    tallies: TallyStore
    rollouts: RolloutStore
    keys: KeyStore
    audit: AuditLog
    storage: ObjectStorage
    queue: JobQueue
    policy: JobPolicy
    delivery_policy: DeliveryPolicy
    notifier: Notifier | None = None
    clock: Callable[[], float] = time.time
    meter: UsageMeter | None = None
    observer: Observer = field(default_factory=Observer)
    write: Write = report_to_dict
    signing_keys: tuple[Mapping[str, str], ...] = ()

    def desk(self, answering: Callable[[str], ModelIdentity] | None = None, origin: Origin | None = None) -> JobDesk:
        """Where callers hand in files; without one that names the model of a file, no file counts as known."""
        told = origin or Origin()
        return JobDesk(self.store, self.storage, self.queue, answering, told, self.policy, self.clock)

    def callbacks(self) -> CallbackDesk:
        """Where callers hear what they were told."""
        return CallbackDesk(self.deliveries, self.desk(), self.notifier, self.clock)

    def truths(self, name: str) -> LabelledOutcomes:
        """What people said of files that a model has answered; of one file the newest word counts."""

        def known(files: Collection[str]) -> dict[str, bool]:
            truth = {}
            for said in reversed(self.feedback.latest(FeedbackFilter(name), _MOST_TRUTHS)):
                digest = said.evidence.input_sha256
                if digest is not None and digest in files:
                    truth[digest] = said.label is Label.FAKE
            return truth

        return known

    def feedback_desk(self) -> FeedbackDesk:
        """Where people say what a video is."""
        keep_sha256 = not self.policy.zero_retention
        return FeedbackDesk(self.feedback, self.desk(), self.clock, keep_sha256=keep_sha256)

    def tallier(self) -> Tallier:
        """Counts what this process analyses."""
        return Tallier(self.tallies, self.clock)

    def monitor(self, registry: ModelRegistry) -> ModelMonitor:
        """Tells how the versions of a registry are doing."""
        return ModelMonitor(
            lambda name, version: registry.load(name, version).manifest, self.feedback, self.tallies, self.clock
        )

    def crew(self, analyze: Analyze, count: int) -> Crew:
        """So many workers, a sweeper, and deliverers where anything is sent."""
        place = f"{socket.gethostname()[:64]}-{secrets.token_hex(4)}"
        workers = [
            Worker(f"{place}-{number}", self.store, self.storage, analyze, self.write, self.policy, self.clock)
            for number in range(count)
        ]
        beside = TablesBeside(self.feedback, self.rollouts, self.audit)
        sweeper = Sweeper(self.store, self.storage, self.queue, self.policy, self.clock, beside)
        return Crew(workers, sweeper, self.queue, self.policy, self._deliverers())

    def _deliverers(self) -> list[Deliverer]:
        if self.notifier is None:
            return []
        draw = secrets.SystemRandom().random
        one = Deliverer(self.deliveries, self.notifier, self.delivery_policy, self.clock, draw, self.observer)
        return [one] * _DELIVERERS  # it holds nothing of what it does


def build_job_parts(settings: Settings, observer: Observer | None = None) -> JobParts:
    """Open the table, whose tables are brought up to date, and the storage; `observer` hears of ends and deliveries.

    Raises:
        ConfigurationError: a setting of either does not hold.
        JobStoreUnavailable: the database does not answer.
    """
    if settings.database_url is None:
        _make_private(settings.data_dir)
    storage = build_storage(settings)
    observer = observer or Observer()
    write, signing_keys = build_writer(settings)
    store = SqlJobStore(settings.jobs_url, observer.job_ended)
    store.migrate()
    return JobParts(
        store=store,
        deliveries=store.deliveries(),
        feedback=store.feedback(),
        tallies=store.tallies(),
        rollouts=store.rollouts(),
        keys=store.keys(),
        audit=store.audit(),
        storage=storage,
        queue=build_queue(settings),
        policy=_policy(settings),
        delivery_policy=_delivery_policy(settings),
        notifier=_build_notifier(settings),
        meter=store.meter(),
        observer=observer,
        write=write,
        signing_keys=signing_keys,
    )


def build_queue(settings: Settings) -> JobQueue:
    """What wakes workers; nothing is connected yet.

    Raises:
        ConfigurationError: a package that it needs is not installed.
    """
    if settings.job_queue == "embedded" or settings.broker_url is None:
        return EmbeddedQueue()
    try:
        from dfd.queues.celery import CeleryQueue  # noqa: PLC0415 - an extra that most do without
    except ImportError as error:
        raise ConfigurationError("JOB_QUEUE=celery needs pip install 'dfd[celery]'") from error
    return CeleryQueue(settings.broker_url.get_secret_value())


def _make_private(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(f"DATA_DIR: jobs cannot be kept in {folder}: {error.strerror}") from error


def build_storage(settings: Settings) -> ObjectStorage:
    """Where the files of jobs are kept.

    Raises:
        ConfigurationError: a setting of it does not hold.
    """
    url = settings.storage_url
    if url is None or "://" not in url:
        return folder_storage(settings.data_dir / "files" if url is None else Path(url))
    return open_bucket(settings, url)


def open_bucket(settings: Settings, url: str) -> ObjectStorage:
    """A bucket at the server, and with the keys, of the settings.

    Raises:
        ConfigurationError: the address is none.
    """
    secret = settings.storage_secret_access_key
    access = S3Access(
        endpoint=settings.storage_endpoint,
        region=settings.storage_region,
        access_key_id=settings.storage_access_key_id,
        secret_access_key=secret.get_secret_value() if secret else None,
    )
    return s3_storage(url, access)


def _policy(settings: Settings) -> JobPolicy:
    return JobPolicy(
        max_queued=settings.max_queued_jobs,
        max_queued_of_tenant=settings.tenant_queued_jobs,
        expiry_s=settings.job_expiry_s,
        lease_s=settings.job_lease_s,
        timeout_s=settings.job_timeout_s,
        stop_grace_s=settings.job_stop_grace_s,
        retry=Retry(max_attempts=settings.job_max_attempts),
        retention_s=settings.retention_days * _DAY_S,
        feedback_retention_s=settings.feedback_retention_days * _DAY_S,
        audit_retention_s=settings.audit_retention_days * _DAY_S,
        zero_retention=settings.zero_retention,
    )


def _build_notifier(settings: Settings) -> Notifier | None:
    if not settings.webhook_secrets:
        return None
    sender = Sender(
        allow_private=settings.webhook_allow_private,
        allow_http=settings.webhook_allow_http,
        limit_s=settings.webhook_timeout_s,
    )
    return SignedNotifier(sender, settings.webhook_secrets, dfd.__version__)


def _delivery_policy(settings: Settings) -> DeliveryPolicy:
    patience = Patience(
        max_attempts=settings.webhook_max_attempts,
        first_delay_s=settings.webhook_first_delay_s,
    )
    lease_s = _RESOLVING_S + 2 * settings.webhook_timeout_s  # to connect, and to answer
    return DeliveryPolicy(patience, lease_s, settings.public_url or "")
