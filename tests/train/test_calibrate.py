"""Calibration on answers made to be miscalibrated in a known way: it must find the way, and no more than that."""

import json
import math
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import approx_fprime
from scipy.special import expit
from scipy.stats import chi2

from dfd.aggregation import VerdictRule
from dfd.histograms import SCORE
from dfd.judgement import Calibration, CalibrationMethod
from dfd.monitoring.refitting import LabelledVideo, refitted
from dfd.quality import squared_distances
from dfd.statistics import metrics
from dfd.types import QUALITY_MEASURES
from dfd_train.calibrate import (
    Form,
    ScoredClip,
    clip_probability,
    compare,
    dealt,
    fit,
    frame_spread,
    operating_points,
    reference_histograms,
    reference_quality,
    verdict_bounds,
)
from dfd_train.calibrate.comparing import _standard_error
from dfd_train.calibrate.fitting import _row_of
from dfd_train.calibrate.scored import Array, labels_of
from dfd_train.datasets import DatasetError

SHARPNESS = QUALITY_MEASURES.index("log2_sharpness")
MEASURES = len(QUALITY_MEASURES)


@dataclass(frozen=True)
class Truth:
    """The calibration that labels are drawn with; standardised sharpness bends it, every other measure is noise."""

    slope: float = 1.0
    intercept: float = 0.0
    to_intercept: float = 0.0
    to_log_slope: float = 0.0


def made(count: int, truth: Truth | None = None, seed: int = 1) -> list[ScoredClip]:
    """Clips of one face; two share a group. Measures have a mean of 5 and a standard deviation of 2."""
    truth, rng = truth or Truth(), np.random.default_rng(seed)
    logits = rng.normal(0, 3, count).astype(np.float32)
    z = rng.normal(0, 1, (count, MEASURES))
    bend = z[:, SHARPNESS]
    scaled = truth.slope * np.exp(truth.to_log_slope * bend) * logits + truth.intercept + truth.to_intercept * bend
    labels = rng.random(count) < expit(scaled)
    return [ScoredClip(logits[i : i + 1], bool(labels[i]), i // 2, z[i : i + 1] * 2 + 5) for i in range(count)]


def probabilities(clips: list[ScoredClip], calibration: Calibration) -> Array:
    return np.array([clip_probability(clip, calibration) for clip in clips])


def figures(clips: list[ScoredClip], calibration: Calibration) -> tuple[float, float]:
    """Log loss and calibration error."""
    found, labels = probabilities(clips, calibration), labels_of(clips)
    return metrics.log_loss(labels, found), metrics.ece(labels, found)


# --- fitting ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", sorted(set(Form) - {Form.NONE}))
def test_both_classes_are_needed(form: Form) -> None:
    clips = [ScoredClip(np.zeros(3, np.float32), True, 0, np.zeros((3, MEASURES)))]
    with pytest.raises(ValueError, match="both classes"):
        fit(clips, form)


def test_platt_scaling_finds_the_scaling_that_made_the_labels() -> None:
    clips = made(4000, Truth(slope=0.4))
    fitted = fit(clips, Form.PLATT)
    assert fitted.method is CalibrationMethod.PLATT
    assert fitted.slope == pytest.approx(0.4, abs=0.04)
    assert fitted.intercept == pytest.approx(0.0, abs=0.1)
    assert not fitted.quality
    assert figures(clips, fitted)[1] < figures(clips, Calibration())[1] / 2


def test_temperature_scaling_has_no_intercept() -> None:
    fitted = fit(made(2000, Truth(slope=0.4)), Form.TEMPERATURE)
    assert (fitted.method, fitted.intercept) == (CalibrationMethod.TEMPERATURE, 0.0)
    assert fitted.slope == pytest.approx(0.4, abs=0.05)


def test_no_calibration_changes_nothing() -> None:
    assert fit(made(10), Form.NONE) == Calibration()


@pytest.mark.parametrize(
    ("form", "truth"),
    [
        (Form.QUALITY_INTERCEPT, Truth(0.5, 0.3, to_intercept=0.8)),
        (Form.QUALITY_SLOPE, Truth(0.5, 0.3, to_log_slope=0.6)),
        (Form.QUALITY_BOTH, Truth(0.5, 0.3, to_intercept=-0.7, to_log_slope=0.5)),
    ],
)
def test_what_quality_does_is_found_and_what_is_noise_stays_small(form: Form, truth: Truth) -> None:
    fitted = fit(made(4000, truth), form)
    assert fitted.slope == pytest.approx(0.5, abs=0.1)
    for name, term in fitted.quality.items():
        bends = name == QUALITY_MEASURES[SHARPNESS]
        assert term.mean == pytest.approx(5, abs=0.15)
        assert term.spread == pytest.approx(2, abs=0.15)
        assert term.to_intercept == pytest.approx(truth.to_intercept if bends else 0, abs=0.15)
        assert term.to_log_slope == pytest.approx(truth.to_log_slope if bends else 0, abs=0.15)


def test_a_few_clips_move_quality_weights_little() -> None:
    few, many = (fit(made(count, Truth(to_intercept=0.9)), Form.QUALITY_INTERCEPT) for count in (12, 4000))
    name = QUALITY_MEASURES[SHARPNESS]
    assert abs(few.quality[name].to_intercept) < abs(many.quality[name].to_intercept)


def test_scores_that_say_nothing_end_near_one_half() -> None:
    rng = np.random.default_rng(0)
    clips = [ScoredClip(rng.normal(0, 5, 1).astype(np.float32), bool(i % 2), i) for i in range(2000)]
    assert probabilities(clips, fit(clips, Form.PLATT)) == pytest.approx(0.5, abs=0.1)


def test_the_classes_weigh_the_same_however_many_clips_they_have() -> None:
    clips = made(600, Truth(slope=0.6, intercept=-0.5))
    more = [*clips, *(clip for clip in clips if clip.is_fake for _ in range(4))]
    one, other = fit(clips, Form.PLATT), fit(more, Form.PLATT)
    assert (one.slope, one.intercept) == pytest.approx((other.slope, other.intercept), abs=2e-3)


def test_the_mean_over_a_clips_faces_is_what_is_calibrated() -> None:
    rng = np.random.default_rng(3)
    clips = []
    for group in range(1500):
        is_fake = bool(rng.random() < 0.5)
        skill = rng.normal(1.0 if is_fake else -1.0, 2)  # of the whole clip; its faces stray around it
        clips.append(ScoredClip((4 * skill + rng.normal(0, 12, 8)).astype(np.float32), is_fake, group))
    by_clip = fit(clips, Form.PLATT)
    faces = [ScoredClip(logit[None], clip.is_fake, clip.group) for clip in clips for logit in clip.logits]
    by_face = fit(faces, Form.PLATT)  # a single face says less than eight, so this one is too timid
    assert figures(clips, by_clip)[1] < 0.05 < figures(clips, by_face)[1]
    assert figures(clips, by_clip)[0] < figures(clips, by_face)[0] - 0.01


@pytest.mark.parametrize("form", [form for form in Form if form not in (Form.NONE, Form.ISOTONIC)])
def test_the_gradient_is_that_of_the_loss(form: Form) -> None:
    rng = np.random.default_rng(5)
    clips = [
        ScoredClip(rng.normal(0, 3, n).astype(np.float32), bool(n % 2), n, rng.normal(0, 1, (n, MEASURES)))
        for n in (1, 2, 3, 4, 7)
    ]
    faces = _row_of(clips, labels_of(clips), form)
    assert len(faces.names) == (MEASURES if form.needs_measures else 0)
    point = rng.normal(0, 0.3, 2 + 2 * len(faces.names))
    _, gradient = faces.loss(point)
    assert gradient == pytest.approx(approx_fprime(point, lambda at: faces.loss(at)[0], 1e-7), abs=1e-5)


def test_hopeless_answers_are_survived() -> None:
    clips = [ScoredClip(np.full(2, sign * 800, np.float32), sign < 0, 0) for sign in (-1, 1, -1, 1)]
    fitted = fit(clips, Form.PLATT)
    assert all(map(math.isfinite, (fitted.slope, fitted.intercept)))


def test_isotonic_regression_finds_a_step_and_stays_off_the_ends() -> None:
    rng = np.random.default_rng(2)
    logits = rng.uniform(-4, 4, 3000).astype(np.float32)
    truth = np.where(logits < 1, 0.2, 0.7)
    clips = [ScoredClip(logits[i : i + 1], bool(is_fake), i) for i, is_fake in enumerate(rng.random(3000) < truth)]
    fitted = fit(clips, Form.ISOTONIC)
    fakes = float(labels_of(clips).mean())
    even = truth / fakes / (truth / fakes + (1 - truth) / (1 - fakes))  # were both classes as likely
    inside = np.abs(logits - 1) > 0.3
    found = probabilities(clips, fitted)
    assert float(np.abs(found - even)[inside].mean()) < 0.05
    assert 0 < found.min() <= found.max() < 1


def test_a_measure_that_never_changes_is_left_out() -> None:
    flat = made(200)
    for clip in flat:
        assert clip.measures is not None
        clip.measures[:, 0] = 7.0
    assert set(fit(flat, Form.QUALITY_BOTH).quality) == set(QUALITY_MEASURES[1:])


def test_quality_must_be_known_where_it_is_asked_for() -> None:
    clips = [ScoredClip(np.zeros(1, np.float32), is_fake, 0) for is_fake in (True, False)]
    with pytest.raises(ValueError, match="quality of every face"):
        fit(clips, Form.QUALITY_SLOPE)


def test_clips_of_a_wrong_shape_are_refused() -> None:
    with pytest.raises(ValueError, match="logits"):
        ScoredClip(np.empty(0, np.float32), True, 0)
    with pytest.raises(ValueError, match="measures"):
        ScoredClip(np.zeros(2, np.float32), True, 0, np.zeros((1, MEASURES)))


# --- comparing ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("truth", "chosen"),
    [
        (Truth(), Form.TEMPERATURE),  # of about 1: raw logits are never taken as they are
        (Truth(0.3), Form.TEMPERATURE),
        (Truth(0.3, 1.0), Form.PLATT),
        (Truth(0.4, to_intercept=1.0), Form.QUALITY_INTERCEPT),
        (Truth(0.4, to_log_slope=0.9), Form.QUALITY_SLOPE),
        (Truth(0.4, to_intercept=-0.8, to_log_slope=0.8), Form.QUALITY_BOTH),
    ],
)
def test_the_simplest_form_that_tells_the_truth_is_chosen(truth: Truth, chosen: Form) -> None:
    found = compare(made(1200, truth, seed=4))
    assert found.chosen is chosen, found.to_dict()
    assert [row.form for row in found.figures] == list(Form)


def test_the_figures_are_those_of_the_held_out_clips() -> None:
    clips = made(600, Truth(slope=0.4))
    rows = {row.form: row for row in compare(clips, folds=4).figures}
    best = min(rows.values(), key=lambda row: row.log_loss)
    assert (best.excess, best.excess_se) == (0.0, 0.0)
    labels = labels_of(clips)
    raw = probabilities(clips, Calibration())
    weighed = [np.mean((raw[labels == side] - side) ** 2) for side in (False, True)]
    assert rows[Form.NONE].brier == pytest.approx(np.mean(weighed))
    assert rows[Form.NONE].ece > rows[Form.PLATT].ece
    for row in rows.values():
        assert row.excess == pytest.approx(row.log_loss - best.log_loss, abs=1e-9)
        assert 0 <= row.ece <= 1
        assert 0 <= row.ece_equal_mass <= 1


def test_clips_of_one_group_count_as_one_in_the_error() -> None:
    values = np.random.default_rng(0).normal(0, 1, 200)
    labels, groups = np.arange(200) % 2 == 0, np.arange(200)
    alone = _standard_error(values, labels, groups)
    assert alone == pytest.approx(np.sqrt(sum(values[labels == side].var() / 400 for side in (False, True))), rel=0.02)
    repeated, same = np.tile(values, 4), np.tile(labels, 4)
    assert _standard_error(repeated, same, np.tile(groups, 4)) == pytest.approx(alone)
    assert _standard_error(repeated, same, np.arange(800)) == pytest.approx(alone / 2, rel=0.01)


def test_forms_with_quality_need_every_clips_quality() -> None:
    clips = made(60)
    clips[7] = ScoredClip(clips[7].logits, clips[7].is_fake, clips[7].group)
    assert [row.form for row in compare(clips).figures] == [
        Form.NONE,
        Form.TEMPERATURE,
        Form.PLATT,
        Form.ISOTONIC,
    ]


def test_more_folds_than_groups_are_refused() -> None:
    clips = [ScoredClip(clip.logits, clip.is_fake, clip.group % 3) for clip in made(30)]
    with pytest.raises(DatasetError, match="4 independent groups of clips, there are 3"):
        compare(clips, folds=4)


def test_a_class_that_is_all_of_one_group_is_refused() -> None:
    labels = np.arange(60) < 6
    with pytest.raises(DatasetError, match="too few independent groups"):
        dealt(labels, np.where(labels, 0, np.arange(60)))


@pytest.mark.parametrize("seed", range(12))
def test_logits_that_need_no_calibration_get_one_all_the_same(seed: int) -> None:
    found = compare(made(160, seed=seed))
    assert found.chosen is not Form.NONE
    assert min(row.excess for row in found.figures if row.form is not Form.NONE) == 0


def test_a_comparison_can_be_kept_as_json() -> None:
    found = compare(made(80), folds=3)
    kept = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert kept["chosen"] == found.chosen
    assert list(kept["forms"]) == [str(form) for form in Form]


# --- deciding -----------------------------------------------------------------------------------------------------


cases = st.tuples(
    st.integers(0, 2**32 - 1), st.integers(1, 300), st.integers(1, 40), st.sampled_from([0, 1, 2, 6]), st.floats(0, 0.3)
)


@settings(deadline=None)
@given(cases)
def test_no_more_than_a_hundredth_of_the_reals_are_called_fake(case: tuple[int, int, int, int, float]) -> None:
    seed, reals, fakes, places, margin = case
    rng = np.random.default_rng(seed)
    scores = np.round(rng.random(reals + fakes) * 0.99, places)
    labels = np.arange(reals + fakes) >= reals
    if np.sum(scores[~labels] == 1) > reals // 100:
        with pytest.raises(ValueError, match="probability of 1"):
            operating_points(scores, labels, margin)
        return
    point = operating_points(scores, labels, margin)["low_false_alarm"]
    rule = VerdictRule(point.threshold, margin, 1)
    called = np.array([rule.looks_fake(score) for score in scores.tolist()])
    assert called[~labels].mean() == pytest.approx(point.false_alarm_rate, abs=1e-6)
    assert called[labels].mean() == pytest.approx(point.detection_rate, abs=1e-6)
    assert called[~labels].mean() <= 0.01
    assert (point.real_count, point.fake_count) == (reals, fakes)


@settings(deadline=None)
@given(cases)
def test_verdicts_keep_to_the_shares_of_mistakes_they_are_allowed(case: tuple[int, int, int, int, float]) -> None:
    seed, reals, fakes, places, _ = case
    rng = np.random.default_rng(seed)
    scores = np.round(rng.random(reals + fakes) * 0.99, places)
    labels = np.arange(reals + fakes) >= reals
    if np.sum(scores[~labels] == 1) > reals // 20:
        with pytest.raises(ValueError, match="probability of 1"):
            verdict_bounds(scores, labels)
        return
    threshold, margin = verdict_bounds(scores, labels)
    rule = VerdictRule(threshold, margin, 1)
    called_fake = np.array([rule.looks_fake(score) for score in scores.tolist()])
    called_real = scores <= threshold - margin
    assert called_fake[~labels].mean() <= 0.05 + 1e-9
    assert called_real[labels].mean() <= 0.2 + 1e-9 or margin == 0.05


def test_a_model_of_little_skill_leaves_much_undecided() -> None:
    reals, fakes = np.linspace(0.005, 0.5, 100), np.linspace(0.255, 0.75, 100)
    threshold, margin = verdict_bounds(np.append(reals, fakes), np.arange(200) >= 100)
    assert threshold + margin == pytest.approx(0.48, abs=1e-5)  # five reals lie there or above
    assert threshold - margin == pytest.approx(0.355, abs=1e-5)  # twenty fakes lie below


def test_a_model_of_great_skill_leaves_little_undecided() -> None:
    scores = np.append(np.linspace(0.001, 0.1, 100), np.linspace(0.9, 0.999, 100))
    threshold, margin = verdict_bounds(scores, np.arange(200) >= 100)
    assert threshold == pytest.approx(0.51, abs=0.01)
    assert margin == 0.05


def test_low_false_alarm_is_the_least_threshold_that_keeps_the_promise() -> None:
    reals = np.linspace(0.001, 0.4, 200)  # two of them may be called fake: 0.398 and 0.4
    fakes = np.array([0.2, 0.3985, 0.45, 0.9])
    scores, labels = np.append(reals, fakes), np.arange(204) >= 200
    point = operating_points(scores, labels, 0.1)["low_false_alarm"]
    assert point.threshold + 0.1 == pytest.approx(reals[198], abs=2e-6)
    assert (point.false_alarm_rate, point.detection_rate) == (0.01, 0.75)
    assert (point.real_count, point.fake_count) == (200, 4)
    looser = VerdictRule(point.threshold - 0.003, 0.1, 1)
    assert np.mean([looser.looks_fake(score) for score in reals.tolist()]) > 0.01


def test_a_few_reals_allow_no_false_alarm_at_all() -> None:
    scores, labels = np.array([0.1, 0.2, 0.8, 0.9]), np.array([False, False, False, True])
    point = operating_points(scores, labels, 0.05)["low_false_alarm"]
    assert point.threshold + 0.05 == pytest.approx(0.9, abs=2e-6)
    assert (point.false_alarm_rate, point.detection_rate, point.real_count) == (0.0, 1.0, 3)


def test_above_every_score_nothing_is_detected() -> None:
    point = operating_points(np.array([0.8, 0.4]), np.array([False, True]), 0.0)["low_false_alarm"]
    assert 0.8 < point.threshold < 1
    assert (point.false_alarm_rate, point.detection_rate) == (0.0, 0.0)


def test_the_balanced_threshold_errs_as_often_on_both_sides() -> None:
    rng = np.random.default_rng(8)
    scores = expit(np.append(rng.normal(-1, 1, 3000), rng.normal(0.4, 1, 1000)))
    labels = np.arange(4000) >= 3000
    point = operating_points(scores, labels, 0.0)["balanced"]
    assert point.threshold == pytest.approx(expit(-0.3), abs=0.02)
    assert point.false_alarm_rate == pytest.approx(1 - point.detection_rate, abs=2e-3)
    assert point.false_alarm_rate == pytest.approx(metrics.eer(labels, scores), abs=2e-3)


def test_operating_points_need_both_classes() -> None:
    with pytest.raises(ValueError, match="both classes"):
        operating_points(np.array([0.5]), np.array([True]), 0.1)


def test_scores_that_are_all_the_same_still_have_points() -> None:
    points = operating_points(np.full(4, 0.5), np.array([True, False, True, False]), 0.1)
    assert points["balanced"].threshold == 0.5
    assert points["low_false_alarm"].false_alarm_rate == 0.0


def test_the_spread_of_frames_is_pooled_over_clips() -> None:
    assert frame_spread([np.array([0.2, 0.4]), np.array([0.9]), np.array([0.5, 0.5])]) == pytest.approx(0.1)
    with pytest.raises(ValueError, match="two faces"):
        frame_spread([np.array([0.5])])


def test_the_reference_is_the_shape_of_the_training_faces() -> None:
    rng = np.random.default_rng(6)
    mix = np.array([[1, 0, 0, 0], [0.5, 1, 0, 0], [0, 0.3, 1, 0], [0.2, 0, 0.4, 1]])
    clips = [rng.normal(0, 1, (4, MEASURES)) @ mix.T + 3 for _ in range(5000)]
    reference = reference_quality(clips)
    assert reference.measures == QUALITY_MEASURES[1:]  # size is left out
    assert reference.mean == pytest.approx((3, 3, 3), abs=0.05)
    expected = np.linalg.inv((mix @ mix.T)[1:, 1:])
    assert np.array(reference.inverse_covariance) == pytest.approx(expected, abs=0.1)
    distances = squared_distances(np.concatenate(clips), reference)
    assert np.mean(distances > reference.limit) == pytest.approx(0.005, abs=2e-4)
    assert reference.limit == pytest.approx(chi2.ppf(0.995, 3), rel=0.05)


def test_every_clip_of_the_reference_weighs_the_same() -> None:
    rng = np.random.default_rng(6)
    short, long = rng.normal(0, 1, (10, MEASURES)), rng.normal(4, 1, (1000, MEASURES))
    assert reference_quality([short, long]).mean == pytest.approx((2, 2, 2), abs=0.7)


def test_a_measure_that_never_changes_is_no_part_of_the_reference() -> None:
    rng = np.random.default_rng(6)
    faces = rng.normal(0, 1, (50, MEASURES))
    faces[:, 1] = 0.5
    assert reference_quality([faces]).measures == QUALITY_MEASURES[2:]


def test_measures_that_depend_on_each_other_are_refused() -> None:
    faces = np.random.default_rng(6).normal(0, 1, (50, MEASURES))
    faces[:, 2] = faces[:, 1]
    with pytest.raises(ValueError, match=r"ingular|positive definite|symmetric"):
        reference_quality([faces])


@pytest.mark.parametrize("form", [Form.TEMPERATURE, Form.PLATT, Form.QUALITY_BOTH, Form.ISOTONIC])
def test_serving_fits_again_what_training_fits(form: Form) -> None:
    clips = made(600, Truth(0.5, 0.4, to_intercept=0.3))
    fitted = fit(clips, form)
    videos = [LabelledVideo(clip.logits, clip.measures, clip.is_fake) for clip in clips if clip.measures is not None]
    again = refitted(fitted, videos)
    assert again.quality == fitted.quality
    assert (again.slope, again.intercept) == pytest.approx((fitted.slope, fitted.intercept), abs=2e-3)
    assert np.array(again.knots).shape == np.array(fitted.knots).shape
    assert np.array(again.knots) == pytest.approx(np.array(fitted.knots), abs=2e-6)


def test_reference_histograms_are_of_what_serving_counts() -> None:
    clips = made(200)
    found = reference_histograms(clips)
    assert set(found) == {SCORE, *QUALITY_MEASURES}
    for histogram in found.values():
        assert histogram.all_counts == (20,) * 10
        assert sum(histogram.real_counts) == sum(not clip.is_fake for clip in clips)
    assert set(reference_histograms([replace(clip, measures=None) for clip in clips])) == {SCORE}
