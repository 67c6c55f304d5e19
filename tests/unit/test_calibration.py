import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dfd.calibration import to_probability
from dfd.manifest import Calibration

logits = st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=20)
calibrations = st.builds(Calibration, slope=st.floats(1e-3, 1e3), intercept=st.floats(-100, 100))


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


@given(values=logits, calibration=calibrations)
def test_is_bounded_and_keeps_the_order(values: list[float], calibration: Calibration) -> None:
    probabilities = to_probability(np.sort(np.array(values, np.float32)), calibration)
    assert probabilities.dtype == np.float32
    assert ((probabilities >= 0) & (probabilities <= 1)).all()
    assert (np.diff(probabilities) >= 0).all()


@given(value=st.floats(-50, 50, width=32))
def test_fake_and_real_are_symmetric(value: float) -> None:
    pair = to_probability(np.array([value, -value], np.float32), Calibration())
    assert pair.sum() == pytest.approx(1.0, abs=1e-6)
