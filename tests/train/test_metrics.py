"""Our figures against scikit-learn's."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score, roc_curve

from dfd.statistics import metrics
from dfd.statistics.metrics import Labels, Scores

# Few distinct values, so that ties within and across the classes are the rule.
cases = st.integers(0, 2**32 - 1).flatmap(
    lambda seed: st.tuples(st.just(seed), st.integers(2, 80), st.sampled_from([1, 2, 5, 20, 10**6]))
)


def make(case: tuple[int, int, int]) -> tuple[Labels, Scores]:
    seed, count, distinct = case
    rng = np.random.default_rng(seed)
    labels = rng.random(count) < rng.uniform(0.1, 0.9)
    labels[:2] = (False, True)
    return labels, rng.integers(0, distinct + 1, count) / distinct


@given(cases)
def test_ranking_agrees_with_scikit_learn(case: tuple[int, int, int]) -> None:
    labels, scores = make(case)
    assert metrics.auc(labels, scores) == pytest.approx(roc_auc_score(labels, scores))
    assert metrics.average_precision(labels, scores) == pytest.approx(average_precision_score(labels, scores))
    fpr, tpr, _ = roc_curve(labels, scores, drop_intermediate=False)  # its default drops thresholds that count here
    ours = metrics.roc(labels, scores)
    assert ours is not None
    assert ours.false_positive_rate == pytest.approx(fpr)
    assert ours.true_positive_rate == pytest.approx(tpr)
    assert metrics.eer(labels, scores) == pytest.approx(fpr[np.argmin(np.abs(1 - tpr - fpr))])
    for limit in (0.0, 0.001, 0.01, 0.05, 0.5):
        assert metrics.tpr_at_fpr(limit)(labels, scores) == pytest.approx(tpr[fpr <= limit].max())


@given(cases)
def test_calibration_agrees_with_scikit_learn(case: tuple[int, int, int]) -> None:
    labels, scores = make(case)
    assert metrics.brier(labels, scores) == pytest.approx(brier_score_loss(labels, scores))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # scikit-learn's own arithmetic at 0 and 1
        clipped = np.clip(scores, 1e-15, 1 - 1e-15)
        assert metrics.log_loss(labels, scores) == pytest.approx(log_loss(labels, clipped))


@given(st.integers(0, 2**32 - 1))
def test_the_calibration_error_agrees_with_scikit_learns_curve(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.random(200)
    labels = rng.random(200) < scores
    share, given_probability = calibration_curve(labels, scores, n_bins=metrics.BINS)
    counts = np.bincount(metrics.equal_width_bins(scores), minlength=metrics.BINS)
    expected = np.sum(counts[counts > 0] * np.abs(share - given_probability)) / 200
    assert metrics.ece(labels, scores) == pytest.approx(expected)
