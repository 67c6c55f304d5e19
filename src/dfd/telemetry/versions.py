"""What is read of versions of a model when somebody scrapes: how the newest rollout goes, and drift."""

from abc import abstractmethod
from collections.abc import Callable, Iterable
from typing import Final, Generic, TypeVar

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from dfd.challenge.rollout import RolloutState
from dfd.monitoring.drift import DriftStatus
from dfd.rollout.desk import RolloutStatus
from dfd.telemetry.remembered import Remembered

FRESH_S: Final = 30.0
"""How old figures may be: weighing thousands of observations takes a while, and they change slowly."""

Status = TypeVar("Status")


class _StatusCollector(Collector, Generic[Status]):
    """What all processes that share the table see alike: take one's word, do not add them up."""

    def __init__(self, status: Callable[[], Status | None], monotonic: Callable[[], float]) -> None:
        """Ask `status`, which may raise `DfdError`; `monotonic` gives seconds since any moment."""
        self._status = Remembered(status, FRESH_S, monotonic)

    def describe(self) -> Iterable[Metric]:
        """Nothing: to be registered must not ask the table."""
        return []

    def collect(self) -> Iterable[Metric]:
        """The families; none where there is nothing to tell."""
        found = self._status.now()
        return [] if found is None else self._families(found)

    @abstractmethod
    def _families(self, found: Status) -> Iterable[Metric]: ...


class RolloutCollector(_StatusCollector[RolloutStatus]):
    """The newest rollout, where there was one."""

    def _families(self, found: RolloutStatus) -> Iterable[Metric]:
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


class DriftCollector(_StatusCollector[DriftStatus]):
    """How far what the answering version is fed has moved. Without videos or a reference, a measure has no PSI."""

    def _families(self, found: DriftStatus) -> Iterable[Metric]:
        version = [found.model_name, found.model_version]
        names = ["model", "model_version", "measure"]
        videos = GaugeMetricFamily("dfd_drift_videos", "Videos that drift is told from.", labels=names)
        psi = GaugeMetricFamily(
            "dfd_drift_psi",
            "Population stability index of a measure against all videos of the reference, or the real ones.",
            labels=[*names, "reference"],
        )
        noise = GaugeMetricFamily(
            "dfd_drift_noise",
            "What that index stays below 95 times in 100 without any drift, at so many videos.",
            labels=[*names, "reference"],
        )
        for one in found.measures:
            videos.add_metric([*version, one.measure], one.videos)
            for reference, distance in one.distances.items():
                psi.add_metric([*version, one.measure, reference], distance.psi)
                noise.add_metric([*version, one.measure, reference], distance.noise)
        yield videos
        yield psi
        yield noise
