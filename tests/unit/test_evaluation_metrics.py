"""Figures against values worked out by hand and against laws they must keep; intervals by whole clusters."""

import math
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dfd.statistics import metrics
from dfd.statistics.metrics import Labels, Metric, Scores
from dfd.statistics.resampling import Estimate, Scored, bootstrap, difference, estimates

LABELS = np.array([False, False, False, False, True, True, True, True])
SCORES = np.array([0.1, 0.2, 0.3, 0.8, 0.4, 0.7, 0.9, 0.95])

RANKING: dict[str, Metric] = {
    "auc": metrics.auc,
    "eer": metrics.eer,
    "ap": metrics.average_precision,
    "tpr": metrics.tpr_at_fpr(0.1),
}
ALL: dict[str, Metric] = {
    **RANKING,
    "brier": metrics.brier,
    "log_loss": metrics.log_loss,
    "ece": metrics.ece,
    "ece_equal_mass": metrics.ece_equal_mass,
    "alarms": metrics.false_alarm_rate(0.5),
    "detections": metrics.detection_rate(0.5),
    "risk": metrics.risk_coverage_area(0.5),
}

pairs = st.lists(
    st.tuples(st.booleans(), st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.50001, 0.75, 1.0])), min_size=2, max_size=40
)
two_classes = pairs.filter(lambda rows: len({label for label, _ in rows}) == 2)


def split(rows: list[tuple[bool, float]]) -> tuple[Labels, Scores]:
    return np.array([label for label, _ in rows]), np.array([score for _, score in rows])


def test_known_values() -> None:
    assert metrics.auc(LABELS, SCORES) == pytest.approx(14 / 16)
    assert metrics.eer(LABELS, SCORES) == pytest.approx(0.25)
    assert metrics.average_precision(LABELS, SCORES) == pytest.approx((1 + 1 + 3 / 4 + 4 / 5) / 4)
    assert metrics.tpr_at_fpr(0.0)(LABELS, SCORES) == pytest.approx(0.5)
    assert metrics.tpr_at_fpr(0.25)(LABELS, SCORES) == pytest.approx(1.0)
    assert metrics.false_alarm_rate(0.5)(LABELS, SCORES) == pytest.approx(0.25)
    assert metrics.detection_rate(0.5)(LABELS, SCORES) == pytest.approx(0.75)
    assert metrics.brier(LABELS[:2], SCORES[:2]) == pytest.approx(0.025)
    assert metrics.log_loss(LABELS[3:5], SCORES[3:5]) == pytest.approx(-(math.log(0.2) + math.log(0.4)) / 2)


def test_a_score_at_the_threshold_counts_as_fake() -> None:
    assert metrics.false_alarm_rate(0.5)(np.array([False, True]), np.array([0.5, 0.5])) == 1.0
    assert metrics.detection_rate(0.5)(np.array([False, True]), np.array([0.5, 0.5])) == 1.0


def test_the_log_loss_of_a_sure_mistake_is_finite() -> None:
    assert metrics.log_loss(np.array([True]), np.array([0.0])) == pytest.approx(-math.log(1e-15))


def test_equal_scores_say_nothing() -> None:
    flat = np.full(8, 0.3)
    assert metrics.auc(LABELS, flat) == 0.5
    assert metrics.average_precision(LABELS, flat) == 0.5
    assert metrics.tpr_at_fpr(0.01)(LABELS, flat) == 0.0


@pytest.mark.parametrize("name", sorted(RANKING))
def test_ranking_needs_both_classes(name: str) -> None:
    assert math.isnan(RANKING[name](LABELS[:4], SCORES[:4]))


@pytest.mark.parametrize("name", sorted(ALL))
def test_of_nothing_every_figure_is_undefined(name: str) -> None:
    assert math.isnan(ALL[name](LABELS[:0], SCORES[:0]))


@given(two_classes, st.randoms(use_true_random=False))
def test_the_order_of_the_videos_does_not_matter(rows: list[tuple[bool, float]], random: Random) -> None:
    shuffled = rows.copy()
    random.shuffle(shuffled)
    for metric in ALL.values():
        assert metric(*split(rows)) == pytest.approx(metric(*split(shuffled)), abs=1e-12)


@given(two_classes)
def test_ranking_sees_nothing_but_the_order_of_scores(rows: list[tuple[bool, float]]) -> None:
    labels, scores = split(rows)
    for metric in RANKING.values():
        assert metric(labels, scores) == metric(labels, scores**3 + scores)
    assert metrics.auc(labels, scores) == pytest.approx(1 - metrics.auc(labels, -scores))


@given(pairs)
def test_every_figure_but_the_log_loss_is_a_share(rows: list[tuple[bool, float]]) -> None:
    labels, scores = split(rows)
    for name in ALL.keys() - {"log_loss"}:
        value = ALL[name](labels, scores)
        assert math.isnan(value) or -1e-12 <= value <= 1 + 1e-12


@given(pairs)
def test_equal_probabilities_share_a_bin_and_bins_fill_evenly(rows: list[tuple[bool, float]]) -> None:
    _, scores = split(rows)
    bins = metrics.equal_mass_bins(scores)
    assert all(len(set(bins[scores == value])) == 1 for value in scores)
    assert np.all(np.diff(bins[np.argsort(scores, kind="stable")]) >= 0)
    distinct = np.random.default_rng(0).permutation(45) / 45
    assert np.bincount(metrics.equal_mass_bins(distinct)).tolist() == [3] * 15


def test_calibration_error_is_zero_for_a_calibrated_and_large_for_a_boastful_score() -> None:
    labels = np.tile([True, False, False, False], 50)
    for metric in (metrics.ece, metrics.ece_equal_mass):
        assert metric(labels, np.full(200, 0.25)) == pytest.approx(0.0)
        assert metric(labels, np.full(200, 0.95)) == pytest.approx(0.70)
    assert metrics.ece(np.array([True]), np.array([1.0])) == 0.0


def test_risk_falls_where_the_surest_are_right() -> None:
    labels = np.array([False, True, True, False])
    share, risk = metrics.risk_coverage(labels, np.array([0.0, 0.9, 0.4, 0.45]), 0.5)
    assert share.tolist() == [0.25, 0.5, 0.75, 1.0]
    assert risk.tolist() == [0.0, 0.0, pytest.approx(1 / 3), 0.25]
    assert metrics.risk_coverage_area(0.5)(labels, labels.astype(float)) == 0.0


def test_accuracy_is_that_of_the_verdicts_given() -> None:
    calls = np.array([0.0, 1.0, np.nan, 1.0])
    assert metrics.decided_accuracy(np.array([False, True, True, False]), calls) == pytest.approx(2 / 3)
    assert math.isnan(metrics.decided_accuracy(np.array([True]), np.array([np.nan])))


# --- intervals ----------------------------------------------------------------------------------------------------


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_the_interval_holds_the_value_and_narrows_with_data() -> None:
    small = bootstrap(metrics.auc, LABELS, SCORES, rng())
    large = bootstrap(metrics.auc, np.tile(LABELS, 20), np.tile(SCORES, 20), rng())
    assert small.low <= small.value <= small.high
    assert large.high - large.low < small.high - small.low


def test_the_same_seed_gives_the_same_interval() -> None:
    assert bootstrap(metrics.auc, LABELS, SCORES, rng(), 50) == bootstrap(metrics.auc, LABELS, SCORES, rng(), 50)


def test_frames_of_one_video_widen_nothing() -> None:
    """Twenty identical frames of each video are no more than the video: the interval must not shrink."""
    videos = Scored(LABELS, SCORES, np.arange(8))
    frames = Scored(np.repeat(LABELS, 20), np.repeat(SCORES, 20), np.repeat(np.arange(8), 20))
    assert estimates({"auc": metrics.auc}, frames, rng()) == estimates({"auc": metrics.auc}, videos, rng())
    loose = estimates({"auc": metrics.auc}, Scored(frames.labels, frames.scores, np.arange(160)), rng())["auc"]
    tied = estimates({"auc": metrics.auc}, frames, rng())["auc"]
    assert loose is not None
    assert tied is not None
    assert loose.high - loose.low < (tied.high - tied.low) / 2


@given(two_classes, st.integers(1, 4))
def test_every_draw_has_both_classes(rows: list[tuple[bool, float]], clusters: int) -> None:
    labels, scores = split(rows)
    numbers = np.unique(np.arange(len(rows)) % clusters, return_inverse=True)[1]

    def both(drawn: Labels, _scores: Scores) -> float:
        return float(drawn.any() and not drawn.all())

    found = estimates({"both": both}, Scored(labels, scores, numbers), rng(), 20)["both"]
    assert found == Estimate(1.0, 1.0, 1.0)


def test_what_is_undefined_has_no_estimate() -> None:
    items = Scored(LABELS[:4], SCORES[:4], np.arange(4))
    found = estimates({"auc": metrics.auc, "alarms": metrics.false_alarm_rate(0.5)}, items, rng(), 10)
    assert found["auc"] is None
    assert found["alarms"] is not None
    assert estimates({"auc": metrics.auc}, Scored.of([], [], []), rng(), 10) == {"auc": None}
    with pytest.raises(ValueError, match="both classes"):
        bootstrap(metrics.auc, LABELS[:4], SCORES[:4], rng())


def test_a_paired_difference_is_narrower_than_the_figures_themselves() -> None:
    """All scores lowered alike change no rank, so the difference is zero in every draw."""
    items = Scored(LABELS, SCORES, np.arange(8))
    assert difference(metrics.auc, items, SCORES / 2, rng(), 100) == Estimate(0.0, 0.0, 0.0)
    worse = difference(metrics.auc, items, 1 - SCORES, rng(), 100)
    assert worse is not None
    assert worse.value == pytest.approx(-0.75)
    assert worse.low <= worse.value <= worse.high
    assert difference(metrics.auc, Scored(LABELS[:4], SCORES[:4], np.arange(4)), SCORES[:4], rng()) is None


def test_clusters_are_numbered_by_their_first_item() -> None:
    assert Scored.of([True, False, True], [1, 2, 3], ["b", "a", "b"]).clusters.tolist() == [0, 1, 0]
    with pytest.raises(ValueError, match="equally many"):
        Scored.of([True], [1.0, 2.0], ["a", "b"])


def test_estimates_are_published_with_four_places() -> None:
    assert Estimate(0.123456, -0.00001, 1.0).to_dict() == {"value": 0.1235, "low": 0.0, "high": 1.0}
