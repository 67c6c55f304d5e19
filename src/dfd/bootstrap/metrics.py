"""The metrics of a process, from its parts. Collectors of what is read at a scrape are added here."""

import time
from collections.abc import Callable, Iterable, Mapping

import dfd
from dfd.backends.breaker import Guarded
from dfd.bootstrap.jobs import JobParts
from dfd.bootstrap.live import Live
from dfd.report import ModelIdentity
from dfd.rollout.live import LoadedModel
from dfd.scoring import BackendEvent
from dfd.settings import Settings
from dfd.telemetry.exposition import MetricsPort
from dfd.telemetry.logs import log_backend_event
from dfd.telemetry.metrics import Metrics
from dfd.telemetry.scraped import BreakerCollector, ModelCollector, QueueCollector
from dfd.telemetry.versions import DriftCollector, RolloutCollector


def build_metrics() -> Metrics:
    """Metrics that nothing has been counted in yet."""
    return Metrics(dfd.__version__)


def backend_listener(metrics: Metrics) -> Callable[[BackendEvent], None]:
    """What hears of model servers: the log and the metrics."""

    def heard(event: BackendEvent) -> None:
        log_backend_event(event)
        metrics.backend_event(event)

    return heard


def watch(metrics: Metrics, live: Live, jobs: JobParts) -> None:
    """Show the state of these parts at every scrape: what they know and nobody tells of."""
    follower, desk, monitor = live.follower, live.desk(jobs), jobs.monitor(live.registry)

    def identity() -> ModelIdentity:
        return live.model.current.identity

    follows = None if follower is None else lambda: follower.state
    metrics.register(ModelCollector(identity, follows))
    metrics.register(BreakerCollector(lambda: left_alone(live.model.answering)))
    metrics.register(QueueCollector(jobs.store.census, time.time, time.monotonic))
    metrics.register(DriftCollector(lambda: monitor.drift(identity().name, identity().version), time.monotonic))
    metrics.register(RolloutCollector(lambda: desk.status(identity().name), time.monotonic))


def left_alone(models: Iterable[LoadedModel]) -> Mapping[str, bool]:
    """By the name of its backend, whether the server of any of these models is left alone; none of embedded ones."""
    found: dict[str, bool] = {}
    for backend in (model.backend for model in models):
        if isinstance(backend, Guarded):
            found[backend.name] = found.get(backend.name, False) or backend.left_alone
    return found


def open_port(settings: Settings, metrics: Metrics, *, shared: bool = False) -> MetricsPort | None:
    """The port of the metrics, where the settings name one; see `MetricsPort` for `shared`.

    Raises:
        ConfigurationError: it cannot be listened on.
    """
    if settings.metrics_port is None:
        return None
    return MetricsPort(metrics.registry, settings.host, settings.metrics_port, shared=shared)
