import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dfd.calibration import standardised, to_probability
from dfd.judgement import Calibration, CalibrationMethod, QualityTerm
from dfd.types import QUALITY_MEASURES, FaceQuality

logits = st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=20)
terms = st.builds(
    QualityTerm,
    mean=st.floats(-10, 10),
    spread=st.floats(0.01, 10),
    to_intercept=st.floats(-5, 5),
    to_log_slope=st.floats(-1, 1),
)
scalings = st.builds(
    Calibration,
    slope=st.floats(1e-3, 1e3),
    intercept=st.floats(-100, 100),
    quality=st.dictionaries(st.sampled_from(QUALITY_MEASURES), terms),
)
steps = st.lists(st.tuples(st.floats(1e-3, 10), st.floats(0, 1)), min_size=1, max_size=8)


def isotonic(steps: list[tuple[float, float]]) -> Calibration:
    """Knots whose logits lie the first of each pair apart, and whose probabilities are the second ones in order."""
    positions = np.cumsum([step for step, _ in steps]) - 20
    probabilities = sorted(probability for _, probability in steps)
    knots = tuple(zip(positions.tolist(), probabilities, strict=True))
    return Calibration(method=CalibrationMethod.ISOTONIC, knots=knots)


calibrations = st.one_of(scalings, steps.map(isotonic))
qualities = st.builds(
    FaceQuality,
    face_side_px=st.floats(0, 1e5),
    brightness=st.floats(0, 1),
    sharpness=st.floats(0, 64),
    flatness=st.floats(0, 1),
)


def test_identity_calibration_is_the_logistic_function() -> None:
    values = np.array([-3.0, -0.5, 0.0, 0.5, 3.0], np.float32)
    expected = [1 / (1 + math.exp(-value)) for value in values.tolist()]
    assert to_probability(values, Calibration()) == pytest.approx(expected, abs=1e-7)


def test_slope_and_intercept_are_applied_to_the_logit() -> None:
    probability = to_probability(np.array([2.0], np.float32), Calibration(slope=0.5, intercept=-1.0))
    assert probability == pytest.approx([0.5], abs=1e-7)


def test_extreme_logits_neither_overflow_nor_lose_the_small_tail() -> None:
    extreme = np.array([-3e38, 3e38], np.float32)
    assert to_probability(extreme, Calibration(slope=10.0)).tolist() == [0.0, 1.0]
    assert to_probability(np.array([-30.0], np.float32), Calibration()) == pytest.approx([math.exp(-30)], rel=1e-5)


def test_no_logits_give_no_probabilities() -> None:
    result = to_probability(np.empty(0, np.float32), Calibration())
    assert result.shape == (0,)
    assert result.dtype == np.float32


@given(values=logits, calibration=calibrations, quality=qualities)
def test_is_bounded_and_keeps_the_order_at_every_quality(
    values: list[float], calibration: Calibration, quality: FaceQuality
) -> None:
    measures = np.array([quality.measures] * len(values))
    probabilities = to_probability(np.sort(np.array(values, np.float32)), calibration, measures)
    assert probabilities.dtype == np.float32
    assert ((probabilities >= 0) & (probabilities <= 1)).all()
    assert (np.diff(probabilities) >= 0).all()


@given(value=st.floats(-50, 50, width=32))
def test_fake_and_real_are_symmetric(value: float) -> None:
    pair = to_probability(np.array([value, -value], np.float32), Calibration())
    assert pair.sum() == pytest.approx(1.0, abs=1e-6)


@given(
    value=st.floats(-50, 50, width=32), calibration=calibrations, several=st.lists(qualities, min_size=1, max_size=6)
)
def test_a_face_does_not_depend_on_the_others(
    value: float, calibration: Calibration, several: list[FaceQuality]
) -> None:
    measures = np.array([quality.measures for quality in several])
    together = to_probability(np.full(len(several), value, np.float32), calibration, measures)
    alone = [to_probability(np.array([value], np.float32), calibration, row[None]).item() for row in measures]
    assert together.tolist() == alone


def test_quality_adds_to_the_intercept_and_bends_the_slope() -> None:
    calibration = Calibration(
        slope=0.5,
        intercept=0.25,
        quality={
            "brightness": QualityTerm(mean=0.4, spread=0.1, to_intercept=0.3, to_log_slope=-0.2),
            "log2_face_side_px": QualityTerm(mean=6, spread=2, to_log_slope=0.1),
        },
    )
    face = FaceQuality(face_side_px=256, brightness=0.6, sharpness=0.3)  # 1 and 2 standard deviations above the mean
    expected = 0.5 * math.exp(2 * -0.2 + 1 * 0.1) * 3.0 + 0.25 + 2 * 0.3
    found = to_probability(np.array([3.0], np.float32), calibration, np.array([face.measures]))
    assert found == pytest.approx([1 / (1 + math.exp(-expected))], abs=1e-6)


@pytest.mark.parametrize(("measure", "z"), [(-1e9, -2.5), (0.0, -2.5), (2.0, -1.5), (5.0, 0.0), (1e9, 2.5)])
def test_standardised_measures_are_clipped(measure: float, z: float) -> None:
    assert standardised(np.array([[measure]]), np.array([5.0]), np.array([2.0])) == pytest.approx(z)


def test_beyond_the_clip_quality_changes_nothing_more() -> None:
    calibration = Calibration(quality={"brightness": QualityTerm(0.5, 0.1, 0.4, 0.3)})
    far, further = (FaceQuality(100, brightness, 0.3).measures for brightness in (0.8, 0.95))
    answers = to_probability(np.array([1.0, 1.0], np.float32), calibration, np.array([far, further]))
    assert answers[0] == answers[1]


def test_quality_terms_need_the_quality() -> None:
    calibration = Calibration(quality={"brightness": QualityTerm(0.5, 0.1)})
    with pytest.raises(ValueError, match="quality of each"):
        to_probability(np.zeros(2, np.float32), calibration)
    with pytest.raises(ValueError, match="quality of each"):
        to_probability(np.zeros(2, np.float32), calibration, np.zeros((1, len(QUALITY_MEASURES))))


def test_no_faces_have_no_probabilities_under_any_method() -> None:
    nothing = np.empty((0, len(QUALITY_MEASURES)))
    for calibration in (isotonic([(1, 0.2), (1, 0.4)]), Calibration(quality={"brightness": QualityTerm(0.5, 0.1)})):
        assert to_probability(np.empty(0, np.float32), calibration, nothing).shape == (0,)


def test_isotonic_is_straight_between_knots_and_level_beyond() -> None:
    calibration = Calibration(method=CalibrationMethod.ISOTONIC, knots=((-1.0, 0.25), (0.0, 0.25), (2.0, 0.75)))
    values = np.array([-3e38, -1.0, -0.5, 0.0, 1.0, 1.5, 2.0, 3e38], np.float32)
    expected = [0.25, 0.25, 0.25, 0.25, 0.5, 0.625, 0.75, 0.75]
    assert to_probability(values, calibration) == pytest.approx(expected)


def test_a_single_knot_answers_the_same_to_all() -> None:
    calibration = Calibration(method=CalibrationMethod.ISOTONIC, knots=((0.0, 0.5),))
    assert to_probability(np.array([-9.0, 0.0, 9.0], np.float32), calibration).tolist() == [0.5, 0.5, 0.5]
