"""The metrics of a process, from its parts. Collectors of what is read at a scrape are added here."""

import time
from collections.abc import Callable

import dfd
from dfd.ports import JobStore
from dfd.rollout.follower import AliasFollower
from dfd.rollout.live import LiveModel
from dfd.scoring import BackendEvent
from dfd.settings import Settings
from dfd.telemetry.exposition import MetricsPort
from dfd.telemetry.logs import log_backend_event
from dfd.telemetry.metrics import Metrics
from dfd.telemetry.scraped import ModelCollector, QueueCollector


def build_metrics() -> Metrics:
    """Metrics that nothing has been counted in yet."""
    return Metrics(dfd.__version__)


def backend_listener(metrics: Metrics) -> Callable[[BackendEvent], None]:
    """What hears of model servers: the log and the metrics."""

    def heard(event: BackendEvent) -> None:
        log_backend_event(event)
        metrics.backend_event(event)

    return heard


def watch(metrics: Metrics, live: LiveModel, follower: AliasFollower | None, store: JobStore) -> None:
    """Show the state of these parts at every scrape.

    What a part knows and nobody tells of (a rollout's figures, drift) gets a collector in `dfd.telemetry` that takes a
    function and makes metrics of the values it answers, and a line here.
    """
    follows = None if follower is None else lambda: follower.state.error
    metrics.register(ModelCollector(lambda: live.current.identity, follows))
    metrics.register(QueueCollector(store.census, time.time, time.monotonic))


def open_port(settings: Settings, metrics: Metrics) -> MetricsPort | None:
    """The port of the metrics, where the settings name one.

    Raises:
        ConfigurationError: it cannot be listened on.
    """
    if settings.metrics_port is None:
        return None
    return MetricsPort(metrics.registry, settings.host, settings.metrics_port)
