"""Figures against values worked out by hand, and calibration on data made to be miscalibrated."""

import numpy as np
import pytest
from scipy.special import expit

from dfd.manifest import Calibration
from dfd_train import calibrate, metrics

LABELS = np.array([False, False, False, False, True, True, True, True])
SCORES = np.array([0.1, 0.2, 0.3, 0.8, 0.4, 0.7, 0.9, 0.95])


def test_known_values() -> None:
    assert metrics.auc(LABELS, SCORES) == pytest.approx(14 / 16)
    assert metrics.eer(LABELS, SCORES) == pytest.approx(0.25)
    assert metrics.brier(LABELS, SCORES) == pytest.approx(np.mean((SCORES - LABELS) ** 2))
    assert metrics.tpr_at_fpr(0.0)(LABELS, SCORES) == pytest.approx(0.5)
    assert metrics.tpr_at_fpr(0.25)(LABELS, SCORES) == pytest.approx(1.0)
    assert metrics.false_alarm_rate(0.5)(LABELS, SCORES) == pytest.approx(0.25)
    assert metrics.detection_rate(0.5)(LABELS, SCORES) == pytest.approx(0.75)


def test_ece_is_zero_for_a_calibrated_and_large_for_a_boastful_score() -> None:
    labels = np.tile([True, False, False, False], 50)
    assert metrics.ece(labels, np.full(200, 0.25)) == pytest.approx(0.0)
    assert metrics.ece(labels, np.full(200, 0.95)) == pytest.approx(0.70)


def test_the_interval_holds_the_value_and_narrows_with_data() -> None:
    rng = np.random.default_rng(0)
    small = metrics.bootstrap(metrics.auc, LABELS, SCORES, rng)
    large = metrics.bootstrap(metrics.auc, np.tile(LABELS, 20), np.tile(SCORES, 20), rng)
    assert small.low <= small.value <= small.high
    assert large.high - large.low < small.high - small.low


def test_one_class_is_refused() -> None:
    with pytest.raises(ValueError, match="both classes"):
        metrics.bootstrap(metrics.auc, LABELS[:4], SCORES[:4], np.random.default_rng(0))
    with pytest.raises(ValueError, match="both classes"):
        calibrate.fit([np.zeros(3, np.float32)], [True])


def test_platt_scaling_finds_the_scaling_that_made_the_labels() -> None:
    rng = np.random.default_rng(1)
    truth = Calibration(slope=0.4, intercept=0.0)
    logits = rng.normal(0, 4, 4000).astype(np.float32)
    labels = rng.random(4000) < expit(truth.slope * logits)
    fitted = calibrate.fit([np.array([value]) for value in logits], labels.tolist())
    assert fitted.slope == pytest.approx(truth.slope, abs=0.05)
    assert fitted.intercept == pytest.approx(truth.intercept, abs=0.12)
    raw = metrics.ece(labels, expit(logits.astype(float)))
    assert metrics.ece(labels, calibrate.face_probabilities(logits, fitted)) < raw / 2
