"""What a scrape tells of rollouts and drift."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tests.fakes import FakeRolloutStore
from tests.rollout_traffic import STARTED, files, inverted, make_rollout, observed, sound

from dfd.errors import JobStoreUnavailable
from dfd.histograms import ReferenceHistogram
from dfd.monitoring.drift import DriftStatus, MeasureDrift
from dfd.registry.directory import DirectoryRegistry
from dfd.rollout.desk import RolloutDesk, RolloutStatus
from dfd.telemetry.metrics import Metrics
from dfd.telemetry.versions import FRESH_S, DriftCollector, RolloutCollector


class Scrape:
    """Metrics at a time of one's own."""

    def __init__(self) -> None:
        self.metrics = Metrics("1.2.3")
        self.now_s = 0.0

    def clock(self) -> float:
        return self.now_s

    def value(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(name, labels)


@pytest.fixture
def scrape() -> Scrape:
    return Scrape()


def rollout_of(tmp_path: Path) -> Callable[[], RolloutStatus | None]:
    store, rollout = FakeRolloutStore(), make_rollout()
    store.start(rollout)
    rng = np.random.default_rng(1)
    for _, file in zip(range(60), files(rng), strict=False):
        store.observe(observed(rollout, file, sound, inverted, rng))
    desk = RolloutDesk(store, DirectoryRegistry(tmp_path), lambda: STARTED.at_s + 60)
    return lambda: desk.status("deepfake")


def test_a_rollout_shows_its_arms_and_rails(scrape: Scrape, tmp_path: Path) -> None:
    status = rollout_of(tmp_path)
    scrape.metrics.register(RolloutCollector(status, scrape.clock))
    its = {"champion": "1", "challenger": "2", "mode": "canary", "state": "running"}
    assert scrape.value("dfd_rollout_info", model="deepfake", **its) == 1
    assert scrape.value("dfd_rollout_running", model="deepfake") == 1
    found = status()
    assert found is not None
    for arm, figures in found.weighing.arms.items():
        told = scrape.value("dfd_rollout_observations", model="deepfake", arm=arm.value)
        assert told == figures.observations > 0
    for rail in found.weighing.rails:
        assert scrape.value("dfd_rollout_rail_value", model="deepfake", rail=rail.name) == rail.value
        assert scrape.value("dfd_rollout_rail_limit", model="deepfake", rail=rail.name) == rail.limit


def test_where_there_was_no_rollout_or_the_table_is_away_there_is_no_family(scrape: Scrape, tmp_path: Path) -> None:
    answers: list[RolloutStatus | Exception | None] = [None, JobStoreUnavailable("away"), rollout_of(tmp_path)()]

    def status() -> RolloutStatus | None:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    scrape.metrics.register(RolloutCollector(status, scrape.clock))
    for known in (None, None, 1):
        assert scrape.value("dfd_rollout_running", model="deepfake") == known
        assert scrape.value("dfd_rollout_running", model="deepfake") == known  # not asked again so soon
        scrape.now_s += FRESH_S
    assert not answers


def test_drift_shows_psi_where_there_is_a_reference_and_videos_always(scrape: Scrape) -> None:
    reference = ReferenceHistogram((0.5,), (150, 50), (90, 10))
    moved = MeasureDrift("fake_probability", (0.5,), (10, 90), reference)
    unknown = MeasureDrift("sharpness", (0.5,), (3, 4), None)
    drift = DriftStatus("deepfake", "2", 168, (moved, unknown))
    scrape.metrics.register(DriftCollector(lambda: drift, scrape.clock))
    its = {"model": "deepfake", "model_version": "2"}
    for name, distance in moved.distances.items():
        assert scrape.value("dfd_drift_psi", **its, measure="fake_probability", reference=name) == distance.psi > 0
        noise = scrape.value("dfd_drift_noise", **its, measure="fake_probability", reference=name)
        assert noise == distance.noise > 0
    assert scrape.value("dfd_drift_videos", **its, measure="fake_probability") == 100
    assert scrape.value("dfd_drift_videos", **its, measure="sharpness") == 7
    for name in ("dfd_drift_psi", "dfd_drift_noise"):
        assert scrape.value(name, **its, measure="sharpness", reference="all") is None
