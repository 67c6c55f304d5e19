"""What is read of versions of a model when somebody scrapes: how the newest rollout goes, and drift."""

import threading
from collections.abc import Callable, Iterable
from typing import Final, Generic, TypeVar

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from dfd.challenge.rollout import RolloutState
from dfd.errors import DfdError
from dfd.monitoring.drift import DriftStatus
from dfd.rollout.desk import RolloutStatus

FRESH_S: Final = 30.0
"""How old figures may be: weighing thousands of observations takes a while, and they change slowly."""

Figures = TypeVar("Figures")


class _Remembered(Generic[Figures]):
    """The last answer, asked for again when it has aged; None where whoever knows cannot be asked."""

    def __init__(self, ask: Callable[[], Figures | None], monotonic: Callable[[], float]) -> None:
        self._ask = ask
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._known: Figures | None = None
        self._asked_s: float | None = None

    def now(self) -> Figures | None:
        with self._lock:
            now_s = self._monotonic()
            if self._asked_s is None or now_s - self._asked_s >= FRESH_S:
                try:
                    self._known = self._ask()
                except DfdError:
                    self._known = None
                self._asked_s = self._monotonic()
            return self._known


class RolloutCollector(Collector):
    """The newest rollout, as all processes that share the table see it: take one's word, do not add them up."""

    def __init__(self, status: Callable[[], RolloutStatus | None], monotonic: Callable[[], float]) -> None:
        """Ask `status`, which may raise `DfdError`; `monotonic` gives seconds since any moment."""
        self._status = _Remembered(status, monotonic)

    def describe(self) -> Iterable[Metric]:
        """Nothing: to be registered must not ask the table."""
        return []

    def collect(self) -> Iterable[Metric]:
        """The families; none where there never was a rollout."""
        found = self._status.now()
        if found is None:
            return
        rollout, weighing = found.rollout, found.weighing
        labels = {
            "model": rollout.name,
            "champion": rollout.champion,
            "challenger": rollout.challenger,
            "mode": rollout.mode.value,
            "state": rollout.state.value,
        }
        info = GaugeMetricFamily("dfd_rollout_info", "The newest rollout; always 1.", labels=list(labels))
        info.add_metric(list(labels.values()), 1.0)
        yield info
        running = GaugeMetricFamily("dfd_rollout_running", "1 while a challenger is tried.", labels=["model"])
        running.add_metric([rollout.name], float(rollout.state is RolloutState.RUNNING))
        yield running
        observed = GaugeMetricFamily(
            "dfd_rollout_observations", "Files that a version of the rollout has judged.", labels=["model", "arm"]
        )
        for arm, figures in weighing.arms.items():
            observed.add_metric([rollout.name, arm.value], figures.observations)
        yield observed
        value = GaugeMetricFamily("dfd_rollout_rail_value", "What a guard rail measures.", labels=["model", "rail"])
        limit = GaugeMetricFamily("dfd_rollout_rail_limit", "The limit of a guard rail.", labels=["model", "rail"])
        for rail in weighing.rails:
            limit.add_metric([rollout.name, rail.name], rail.limit)
            if rail.value is not None:
                value.add_metric([rollout.name, rail.name], rail.value)
        yield value
        yield limit


class DriftCollector(Collector):
    """How far what the answering version is fed has moved, over all replicas."""

    def __init__(self, status: Callable[[], DriftStatus | None], monotonic: Callable[[], float]) -> None:
        """Ask `status`, which may raise `DfdError`; `monotonic` gives seconds since any moment."""
        self._status = _Remembered(status, monotonic)

    def describe(self) -> Iterable[Metric]:
        """Nothing: to be registered must not ask the table."""
        return []

    def collect(self) -> Iterable[Metric]:
        """The families; a measure without videos or without reference has no PSI."""
        found = self._status.now()
        if found is None:
            return
        version = [found.model_name, found.model_version]
        names = ["model", "model_version", "measure"]
        videos = GaugeMetricFamily("dfd_drift_videos", "Videos that drift is told from.", labels=names)
        psi = GaugeMetricFamily(
            "dfd_drift_psi",
            "Population stability index of a measure against all videos of the reference, or the real ones.",
            labels=[*names, "reference"],
        )
        for one in found.measures:
            videos.add_metric([*version, one.measure], one.videos)
            for reference, distance in one.distances.items():
                psi.add_metric([*version, one.measure, reference], distance.psi)
        yield videos
        yield psi
