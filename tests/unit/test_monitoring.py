"""Counting analyses, drift, and calibration on labelled videos."""

import logging
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.api_client import FakeAnalyzer
from tests.fakes import GOOD_QUALITY, FakeJobStore, make_face_score, make_job, make_manifest, make_report
from tests.feedback_fakes import (
    FakeFeedbackStore,
    FakeTallyStore,
    known_manifest,
    make_evidence,
    make_feedback,
)
from tests.live_service import until

from dfd.errors import JobStoreUnavailable, VersionNotFound
from dfd.feedback import Label
from dfd.histograms import SCORE, ReferenceHistogram, bin_of
from dfd.manifest import ModelManifest
from dfd.monitoring.drift import Distance, DriftLevel, drift_status, drift_to_dict
from dfd.monitoring.labelled import calibration_status, calibration_to_dict, one_a_video
from dfd.monitoring.measuring import HOUR_S, MEASURES, PLAIN_EDGES, binned, edges_of, measured, tally_of
from dfd.monitoring.monitor import ModelMonitor
from dfd.monitoring.observing import KEPT_HOURS, Tallier, Tallying
from dfd.pipeline import AnalysisOptions
from dfd.rollout.observed import ObservedAnalyzer
from dfd.types import QUALITY_MEASURES, Reason, TrackScore

REFERENCE = ReferenceHistogram((-1.0, 0.0, 1.0), (50, 50, 50, 50), (40, 30, 20, 10))
REFERRED = make_manifest(reference_histograms={SCORE: REFERENCE})


def test_a_video_is_measured_by_its_leading_track() -> None:
    bright = replace(GOOD_QUALITY, brightness=0.9)
    report = make_report(
        tracks=(
            TrackScore(7, 0.0, 1.0, 3, 0.9, 120.0),
            TrackScore(8, 0.0, 1.0, 1, 0.1, 120.0),
        ),
        face_scores=(
            make_face_score(track_id=7, fake_logit=1.0),
            make_face_score(track_id=8, fake_logit=-50.0),
            make_face_score(track_id=7, fake_logit=2.0, quality=bright),
            make_face_score(track_id=7, fake_logit=6.0, quality=bright),
        ),
    )
    found = measured(report)
    assert (found[SCORE], found["brightness"]) == (3.0, 0.9)
    assert set(found) == set(MEASURES)
    assert found["log2_face_side_px"] == GOOD_QUALITY.measures[QUALITY_MEASURES.index("log2_face_side_px")]


def test_what_is_not_known_is_not_measured() -> None:
    assert measured(make_report(tracks=(), face_scores=())) == {}
    assert measured(make_report(reasons=(Reason.NO_FACE_FALLBACK,))) == {}  # squares are no faces
    unknown = make_report(face_scores=(make_face_score(fake_logit=None),))
    assert set(measured(unknown)) == set(QUALITY_MEASURES)


def test_bins_are_those_of_the_manifest_where_it_has_any() -> None:
    assert edges_of(REFERRED, SCORE) == REFERENCE.edges
    assert edges_of(REFERRED, "brightness") == PLAIN_EDGES["brightness"]
    found = binned(make_report(face_scores=(make_face_score(fake_logit=0.5),)), REFERRED)
    assert found[tally_of(REFERRED, SCORE)] == 2
    assert tally_of(REFERRED, SCORE) != tally_of(make_manifest(), SCORE)
    assert tally_of(REFERRED, "brightness") == tally_of(make_manifest(), "brightness")


def test_every_analysis_is_counted_and_old_hours_are_forgotten(tmp_path: Path) -> None:
    store, now_s = FakeTallyStore(), 1000 * HOUR_S
    store.count(1000 - KEPT_HOURS - 1, {tally_of(REFERRED, SCORE): 0})
    path = tmp_path / "clip"
    path.touch()
    within = FakeAnalyzer()
    analyzer = ObservedAnalyzer(within, Tallying(REFERRED, Tallier(store, lambda: now_s)))
    for _ in range(3):
        assert analyzer.analyze(path, AnalysisOptions()) is within.answers[-1]
    until(lambda: store.counts(tally_of(REFERRED, "flatness"), 1000, 1000) == {2: 3})
    assert store.counts(tally_of(REFERRED, SCORE), 1000, 1000) == {3: 3}
    until(lambda: store.counts(tally_of(REFERRED, SCORE), 0, 999) == {})


def test_a_table_that_is_away_holds_no_analysis_up(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    called, goes_on = threading.Event(), threading.Event()

    class Away(FakeTallyStore):
        def count(self, hour: int, found: object) -> None:
            called.set()
            goes_on.wait(30)
            raise JobStoreUnavailable("away")

    path = tmp_path / "clip"
    path.touch()
    within = FakeAnalyzer()
    analyzer = ObservedAnalyzer(within, Tallying(REFERRED, Tallier(Away(), lambda: 0.0)))
    with caplog.at_level(logging.WARNING):
        for _ in range(1005):  # more than may wait
            analyzer.analyze(path, AnalysisOptions())
        assert called.wait(30)
        assert "1000 wait" in caplog.text
        goes_on.set()
        until(lambda: "not counted: away" in caplog.text)


def counted(manifest: ModelManifest, counts: tuple[int, ...], hour: int = 100) -> FakeTallyStore:
    store = FakeTallyStore()
    for number, count in enumerate(counts):
        for _ in range(count):
            store.count(hour, {tally_of(manifest, SCORE): number})
    return store


@pytest.mark.parametrize(
    ("counts", "level"),
    [
        ((), DriftLevel.TOO_FEW),
        ((12, 12, 12, 13), DriftLevel.TOO_FEW),
        ((250, 250, 250, 250), DriftLevel.STABLE),  # as all
        ((400, 300, 200, 100), DriftLevel.STABLE),  # as the real ones
        ((200, 100, 280, 420), DriftLevel.MODERATE),
        ((0, 0, 100, 900), DriftLevel.LARGE),
    ],
)
def test_drift_is_told_by_the_nearer_reference(counts: tuple[int, ...], level: DriftLevel) -> None:
    [one] = drift_status(REFERRED, counted(REFERRED, counts), 100, 24, [SCORE]).measures
    assert one.level is level
    assert one.videos == sum(counts)
    assert set(one.distances) == ({"all", "real"} if counts else set())


def test_a_psi_within_the_noise_is_stable() -> None:
    assert Distance(psi=0.2, noise=0.3).level is DriftLevel.STABLE
    assert Distance(psi=0.2, noise=0.1).level is DriftLevel.MODERATE
    assert Distance(psi=0.25, noise=0.1).level is DriftLevel.LARGE


def test_without_a_reference_there_is_no_psi_and_it_is_said() -> None:
    manifest = make_manifest()
    status = drift_status(manifest, counted(manifest, (0, 0, 0, 0, 60)), 100, 24)
    assert status.level is DriftLevel.NO_REFERENCE
    told = drift_to_dict(status)
    score = told["measures"][0]
    assert (score["videos"], score["reference"], score["psi"], score["level"]) == (60, None, {}, "no_reference")
    assert [one["measure"] for one in told["measures"]] == list(MEASURES)


def test_the_level_is_that_of_the_worst_measure() -> None:
    histograms = {SCORE: REFERENCE, "brightness": ReferenceHistogram((0.5,), (50, 50), (50, 50))}
    manifest = make_manifest(reference_histograms=histograms)
    store = counted(manifest, (25, 25, 25, 25))
    for _ in range(100):
        store.count(100, {tally_of(manifest, "brightness"): 1})
    status = drift_status(manifest, store, 100, 24, [SCORE, "brightness"])
    assert [one.level for one in status.measures] == [DriftLevel.STABLE, DriftLevel.LARGE]
    assert status.level is DriftLevel.LARGE


def test_only_the_window_counts() -> None:
    monitor = ModelMonitor(
        known_manifest(REFERRED),
        FakeFeedbackStore(FakeJobStore()),
        counted(REFERRED, (1, 2, 3, 4)),
        lambda: 103 * HOUR_S,
    )
    assert monitor.drift("deepfake", "1", 4).measures[0].counts == (1, 2, 3, 4)
    assert monitor.drift("deepfake", "1", 3).measures[0].counts == (0, 0, 0, 0)
    with pytest.raises(VersionNotFound, match="deepfake/9"):
        monitor.drift("deepfake", "9")


def test_labelled_videos_are_judged_by_the_latest_word_on_each() -> None:
    given = [
        make_feedback(Label.FAKE, evidence=make_evidence(2.0, input_sha256="a" * 64)),
        make_feedback(Label.REAL, evidence=make_evidence(2.0, input_sha256="a" * 64)),  # an earlier word on the same
        make_feedback(Label.REAL, evidence=make_evidence(-2.0)),
        make_feedback(Label.REAL, evidence=make_evidence(-2.0)),  # unknown files count each
        make_feedback(Label.REAL, evidence=make_evidence(1.0, threshold=0.8, verdict="inconclusive")),
        make_feedback(Label.FAKE, evidence=make_evidence(fake_probability=None, faces=(), verdict="inconclusive")),
    ]
    assert len(one_a_video(given)) == 5
    status = calibration_status("deepfake", "1", given, np.random.default_rng(0))
    assert (status.labels, status.unscored) == ({Label.FAKE: 2, Label.REAL: 3}, 1)
    assert status.confusion[Label.FAKE] == {"called_fake": 1, "not_called_fake": 0}
    assert status.confusion[Label.REAL] == {"called_fake": 0, "not_called_fake": 3}
    assert status.verdicts[Label.REAL] == {"fake": 0, "real": 2, "inconclusive": 1}
    told = calibration_to_dict(status)
    assert told["figures"]["auc"]["value"] == 1.0
    right, wrong = 1 / (1 + np.exp(2)), 1 / (1 + np.exp(-1))
    assert told["figures"]["brier"]["value"] == pytest.approx((3 * right**2 + wrong**2) / 4, abs=1e-4)
    assert "biased" in told["warning"]


def test_one_class_has_no_auc_and_no_label_no_figure() -> None:
    rng = np.random.default_rng(0)
    one = calibration_status("deepfake", "1", [make_feedback(Label.REAL)] * 3, rng)
    assert one.figures["auc"] is None and one.figures["detection_rate"] is None
    assert one.figures["brier"] is not None
    none = calibration_status("deepfake", "1", [], rng)
    assert set(none.figures.values()) == {None}


def test_the_monitor_takes_the_feedback_of_the_version_alone() -> None:
    jobs = FakeJobStore()
    store = FakeFeedbackStore(jobs)
    for job_id, version in (("a", "1"), ("b", "2")):
        jobs.add([make_job(job_id)])
        given = make_feedback(job_id=job_id, evidence=make_evidence(model_version=version))
        assert store.add(job_id, lambda _known, given=given: given) is not None  # type: ignore[misc]
    monitor = ModelMonitor(known_manifest(REFERRED), store, FakeTallyStore(), lambda: 0.0)
    assert monitor.calibration("deepfake", "1").labels == {Label.FAKE: 1, Label.REAL: 0}


def test_plain_edges_tell_measures_apart() -> None:
    assert set(PLAIN_EDGES) == set(MEASURES)
    assert bin_of(0.55, PLAIN_EDGES["brightness"]) == 5
