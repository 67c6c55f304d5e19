"""What is read when somebody scrapes: the queue of jobs, the model in force, and whether its server is left alone."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from dfd.ports.observing import JobCensus
from dfd.report import ModelIdentity
from dfd.rollout.follower import FollowState
from dfd.telemetry.remembered import Remembered

CENSUS_S: Final = 5.0
"""How old a census may be: however many scrape, the table is asked no more often."""


class QueueCollector(Collector):
    """Jobs that have not ended, of all processes that share the table: take one process's word, do not add them up."""

    def __init__(
        self, census: Callable[[], JobCensus], clock: Callable[[], float], monotonic: Callable[[], float]
    ) -> None:
        """Ask `census`, which may raise `Unavailable`.

        Args:
            census: counts the jobs of the table.
            clock: seconds since the epoch, as the table has them.
            monotonic: seconds since any moment, for the age of a census.
        """
        self._census = Remembered(census, CENSUS_S, monotonic)
        self._clock = clock

    def describe(self) -> Iterable[Metric]:
        """Nothing: to be registered must not ask the table."""
        return []

    def collect(self) -> Iterable[Metric]:
        """The families; where the table does not answer only the one that says so."""
        found = self._census.now()
        yield GaugeMetricFamily(
            "dfd_job_table_up", "1 where the table of jobs answers.", value=float(found is not None)
        )
        if found is None:
            return
        jobs = GaugeMetricFamily("dfd_jobs", "Jobs that have not ended, in the whole table.", labels=["state"])
        jobs.add_metric(["queued"], found.queued)
        jobs.add_metric(["running"], found.running)
        yield jobs
        since_s = found.oldest_queued_s
        age_s = 0.0 if since_s is None else max(0.0, self._clock() - since_s)
        yield GaugeMetricFamily(
            "dfd_oldest_queued_job_age_seconds",
            "Since when the job waits that has waited longest; 0: none does.",
            age_s,
        )


class ModelCollector(Collector):
    """The version of the model that answers."""

    def __init__(self, current: Callable[[], ModelIdentity], follows: Callable[[], FollowState] | None) -> None:
        """Tell of `current`.

        Args:
            current: the model in force.
            follows: how following the alias goes; None where none is followed.
        """
        self._current = current
        self._follows = follows

    def describe(self) -> Iterable[Metric]:
        """Nothing: the model may not be there yet."""
        return []

    def collect(self) -> Iterable[Metric]:
        """The families."""
        model = self._current()
        labels = {"model": model.name, "model_version": model.version, "weights_sha256": model.weights_sha256}
        info = GaugeMetricFamily("dfd_model_info", "The model that answers; always 1.", labels=list(labels))
        info.add_metric(list(labels.values()), 1.0)
        yield info
        if self._follows is None:
            return
        state = self._follows()
        yield GaugeMetricFamily(
            "dfd_model_behind", "1 while the version that the alias names cannot take over.", float(state.behind)
        )
        yield GaugeMetricFamily(
            "dfd_model_alias_known", "0 while it cannot be read which version the alias names.", float(state.known)
        )


class BreakerCollector(Collector):
    """Model servers that are left alone now. A backend that answers no more is not asked, whatever became of it."""

    def __init__(self, left_alone: Callable[[], Mapping[str, bool]]) -> None:
        """Tell of `left_alone`: by name, each backend that has a server and may answer now."""
        self._left_alone = left_alone

    def describe(self) -> Iterable[Metric]:
        """Nothing: the model may not be there yet."""
        return []

    def collect(self) -> Iterable[Metric]:
        """The family; it has no series where the model is in this process."""
        found = GaugeMetricFamily(
            "dfd_backend_breaker_open", "1 while a model server is left alone.", labels=["backend"]
        )
        for name, left_alone in self._left_alone().items():
            found.add_metric([name], float(left_alone))
        yield found
