"""Fitting calibration again: it finds what answers were made with, and nothing is registered that is no better."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes import GOOD_QUALITY, make_manifest
from tests.feedback_fakes import make_evidence, make_feedback

from dfd.errors import RecalibrationRefused
from dfd.feedback import Label
from dfd.judgement import Calibration, CalibrationMethod, Decision, OperatingPoint, QualityTerm
from dfd.manifest import ModelManifest
from dfd.monitoring.recalibration import Provenance, _at, _logit_of, carried_over, compare, recalibrated
from dfd.monitoring.refitting import Array, LabelledVideo, probabilities_of, refitted
from dfd.reliability import Reliability, ReliabilityBin

IDENTITY = Calibration()
TEMPERATURE = Calibration(method=CalibrationMethod.TEMPERATURE)
ISOTONIC = Calibration(method=CalibrationMethod.ISOTONIC, knots=((-3.0, 0.1), (0.0, 0.5), (3.0, 0.9)))
MADE = Provenance("new cameras", "2026-01-31T12:00:00.000Z", seed=1, without_logits=3)
MEASURES = np.array(GOOD_QUALITY.measures)


def videos(count: int, slope: float, intercept: float, seed: int = 1, faces: int = 1) -> list[LabelledVideo]:
    """Videos of faces alike, whose labels are drawn from a calibration."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 3, count)
    is_fake = rng.random(count) < 1 / (1 + np.exp(-(slope * logits + intercept)))
    spread = rng.normal(0, 0.2 if faces > 1 else 0.0, (count, faces))
    return [
        LabelledVideo((logit + around).astype(np.float32), np.tile(MEASURES, (faces, 1)), bool(fake))
        for logit, around, fake in zip(logits, spread, is_fake, strict=True)
    ]


def test_platt_finds_what_labels_were_drawn_from() -> None:
    # each class weighs one half, which is what a balanced sample has anyhow
    found = refitted(IDENTITY, videos(4000, 0.5, 0.0))
    assert found.slope == pytest.approx(0.5, abs=0.04)
    assert found.intercept == pytest.approx(0.0, abs=0.1)
    assert found.method is CalibrationMethod.PLATT


def test_temperature_keeps_no_intercept() -> None:
    found = refitted(TEMPERATURE, videos(2000, 0.5, 1.0))
    assert (found.method, found.intercept) == (CalibrationMethod.TEMPERATURE, 0.0)
    assert 0.3 < found.slope < 0.6


def test_quality_terms_stay() -> None:
    bent = Calibration(quality={"brightness": QualityTerm(0.4, 0.1, to_intercept=0.5, to_log_slope=0.1)})
    found = refitted(bent, videos(2000, 0.5, 0.0))
    assert found.quality == bent.quality
    # all faces are one standard deviation brighter, which the fit takes back
    assert found.slope * math.exp(0.1) == pytest.approx(0.5, abs=0.06)
    assert found.intercept + 0.5 == pytest.approx(0.0, abs=0.15)


def test_isotonic_is_the_levels_that_pooling_leaves() -> None:
    def video(logit: float, is_fake: bool) -> LabelledVideo:
        return LabelledVideo(np.array([logit], np.float32), MEASURES[None], is_fake)

    order = [(-2.0, False), (-1.0, True), (0.0, False), (1.0, True), (2.0, True)]
    found = refitted(ISOTONIC, [video(*pair) for pair in order])
    # fakes weigh 1/6 each, reals 1/4: the middle pair pools to (1/6) / (1/6 + 1/4)
    assert found.knots == ((-2.0, 0.25), (-1.0, 0.4), (0.0, 0.4), (1.0, 0.8), (2.0, 0.8))


def test_scores_that_say_nothing_end_at_the_bound_and_one_class_is_refused() -> None:
    rng = np.random.default_rng(1)
    backwards = [
        LabelledVideo(np.array([-2.0 if fake else 2.0], np.float32), MEASURES[None], bool(fake))
        for fake in rng.random(100) < 0.5
    ]
    assert refitted(TEMPERATURE, backwards).slope == pytest.approx(0.01)
    with pytest.raises(ValueError, match="both classes"):
        refitted(IDENTITY, [video for video in backwards if video.is_fake])


@given(st.floats(0.05, 5), st.floats(-3, 3), st.integers(0, 5))
def test_a_fit_is_no_worse_than_any_other_line(slope: float, intercept: float, seed: int) -> None:
    sample = videos(60, 1.0, 0.0, seed, faces=3)
    found = refitted(IDENTITY, sample)

    def loss(calibration: Calibration) -> float:
        labels = np.array([video.is_fake for video in sample])
        p = probabilities_of(sample, calibration)
        values = -np.log(np.where(labels, p, 1 - p).clip(1e-15))
        return float((values[labels].mean() + values[~labels].mean()) / 2)

    assert loss(found) <= loss(Calibration(slope, intercept)) + 1e-6


@pytest.mark.parametrize(
    "calibration",
    [Calibration(0.4, 0.3), Calibration(0.02, -1.0), TEMPERATURE, ISOTONIC],
    ids=["platt", "flat", "temperature", "isotonic"],
)
def test_the_logit_of_a_probability_leads_back_to_it(calibration: Calibration) -> None:
    for probability in (0.15, 0.5, 0.85):
        assert _at(_logit_of(probability, calibration), calibration) == pytest.approx(probability, abs=1e-5)
    assert _at(_logit_of(1 - 1e-6, ISOTONIC), ISOTONIC) == pytest.approx(0.9)


def test_thresholds_go_with_their_logits() -> None:
    points = {"strict": OperatingPoint(0.8, 0.01, 0.3, 100, 100), "loose": OperatingPoint(0.45, 0.2, 0.8, 100, 100)}
    before = Decision(0.6, 0.15, 0.1, points)
    after = Calibration(0.5, 0.4)
    moved = carried_over(before, IDENTITY, after, videos(50, 1.0, 0.0, faces=4))
    samples = [LabelledVideo(np.array([x], np.float32), MEASURES[None], False) for x in np.linspace(-6, 6, 400)]
    old, new = probabilities_of(samples, IDENTITY), probabilities_of(samples, after)

    def called(decision: Decision, p: Array) -> tuple[int, int]:
        fake = p >= decision.threshold + decision.inconclusive_margin
        return int(fake.sum()), int((p < decision.threshold - decision.inconclusive_margin).sum())

    assert called(moved, new) == called(before, old)
    assert all(100 < count < 300 for count in called(before, old))
    for name, point in points.items():
        fake = old >= point.threshold + before.inconclusive_margin
        assert (new >= moved.operating_points[name].threshold + moved.inconclusive_margin).sum() == fake.sum()
        assert moved.operating_points[name].false_alarm_rate == point.false_alarm_rate
    assert 0 < moved.frame_spread < before.frame_spread  # half the slope brings faces together


def overconfident(**changes: object) -> ModelManifest:
    return make_manifest(calibration=Calibration(3.0, 0.0), metrics={"auc": 0.7}, reference={"seed": 1}, **changes)


def test_a_better_fit_makes_a_version_with_the_same_weights() -> None:
    manifest = overconfident()
    made, figures = recalibrated(manifest, "2", videos(200, 0.5, 0.0), 50, MADE)
    assert figures.log_loss_after + figures.log_loss_se < figures.log_loss_before
    assert (made.version, made.files, made.parity, made.input) == ("2", manifest.files, manifest.parity, manifest.input)
    assert made.calibration.slope == pytest.approx(0.5, abs=0.15)
    assert made.metrics == {"auc": 0.7, "recalibration": figures.to_dict()}
    told = made.reference["recalibration"]
    assert (told["from_version"], told["reason"], told["method"], told["seed"]) == ("1", "new cameras", "platt", 1)
    assert told["labels"] == {"fake": figures.fake_count, "real": figures.real_count, "without_logits": 3}
    assert made.reference["seed"] == 1
    assert ModelManifest.from_dict(made.to_dict()) == made


def test_what_was_counted_by_the_old_probabilities_is_not_said_of_the_new_ones() -> None:
    """Two videos of one probability before have two after: the mean over faces does not go where its logit goes."""
    pair = [
        LabelledVideo(np.array(logits, np.float32), np.tile(MEASURES, (2, 1)), True)
        for logits in ([math.log(4), math.log(4)], [math.log(99), math.log(61 / 39)])
    ]
    assert probabilities_of(pair, IDENTITY) == pytest.approx([0.8, 0.8])
    assert abs(np.diff(probabilities_of(pair, Calibration(2.0)))[0]) > 0.05
    counted = Reliability((ReliabilityBin(0.0, 1.0, 10, 10, 0.5, 0.4, 0.6),), "some clips")
    made, _ = recalibrated(overconfident(reliability=counted), "2", videos(200, 0.5, 0.0), 50, MADE)
    assert made.reliability is None


def test_the_same_labels_and_seed_give_the_same_version() -> None:
    sample = videos(120, 0.5, 0.0)
    assert recalibrated(overconfident(), "2", sample, 50, MADE) == recalibrated(overconfident(), "2", sample, 50, MADE)


@pytest.mark.parametrize(
    ("sample", "said"),
    [
        (videos(49, 0.5, 0.0), "49 labelled videos .* too few: it takes 50.*3 more have no logits"),
        ([replace(video, is_fake=True) for video in videos(200, 0.5, 0.0)], "200 fake, 0 real"),
        ([replace(video, is_fake=index > 3) for index, video in enumerate(videos(200, 0.5, 0.0))], "5 of each"),
        (videos(200, 3.0, 0.0), "not better"),
    ],
    ids=["few", "one class", "nearly one class", "no better"],
)
def test_what_does_not_help_is_refused(sample: list[LabelledVideo], said: str) -> None:
    with pytest.raises(RecalibrationRefused, match=said):
        recalibrated(overconfident(), "2", sample, 50, MADE)


def test_a_rising_calibration_error_is_refused() -> None:
    figures = compare(Calibration(3.0), videos(100, 0.5, 0.0), np.random.default_rng(1))
    figures.check()
    with pytest.raises(RecalibrationRefused, match="calibration error"):
        replace(figures, ece_after=figures.ece_before + 0.01).check()


def test_labels_of_reports_without_logits_cannot_be_used() -> None:
    assert LabelledVideo.of(make_feedback(evidence=make_evidence(faces=()))) is None
    video = LabelledVideo.of(make_feedback(Label.REAL, evidence=make_evidence(-1.5)))
    assert video is not None
    assert (video.logits.tolist(), video.is_fake, video.measures.shape) == ([-1.5, -1.5], False, (2, 4))
