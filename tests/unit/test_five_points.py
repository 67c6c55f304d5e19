"""Candidates of detectors with five points: suppression, scale, and where ears would be."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dfd.faces.five_points import Candidates, detections, fitted
from dfd.types import LANDMARK_NAMES, BoundingBox, FloatArray

FRONTAL = np.array([[40, 50], [80, 50], [60, 72], [45, 92], [75, 92]], np.float32)


def candidates(boxes: FloatArray, scores: FloatArray, points: FloatArray = FRONTAL) -> Candidates:
    return Candidates(boxes, np.broadcast_to(points, (len(boxes), 5, 2)), scores)


@st.composite
def proposals(draw: st.DrawFn) -> Candidates:
    count = draw(st.integers(0, 25))
    numbers = st.floats(0, 200, width=32)
    corners = np.array(draw(st.lists(st.tuples(numbers, numbers), min_size=count, max_size=count)), np.float32)
    sides = np.array(draw(st.lists(st.floats(1, 90, width=32), min_size=count, max_size=count)), np.float32)
    scores = np.array(draw(st.lists(st.floats(0.5, 1, width=32), min_size=count, max_size=count)), np.float32)
    corners = corners.reshape(count, 2)
    return candidates(np.concatenate([corners, corners + sides[:, None]], axis=1), scores)


@given(proposals())
def test_what_is_kept_is_apart_and_the_rest_is_near_a_better_one(found: Candidates) -> None:
    faces = detections(found, 1.0)
    assert [face.score for face in faces] == sorted((face.score for face in faces), reverse=True)
    if len(found.scores):
        assert faces[0].score == pytest.approx(found.scores.max())
    for index, face in enumerate(faces):
        for other in faces[:index]:
            assert face.box.iou(other.box) <= 0.3 + 1e-3
    for box, score in zip(found.boxes, found.scores, strict=True):
        square = BoundingBox(*(float(edge) for edge in box))
        near = [face for face in faces if _original(face.box).iou(square) > 0.3 - 1e-3 or face.score == score]
        assert any(face.score >= score for face in near)


def _original(box: BoundingBox) -> BoundingBox:
    """The square that a box was made of (`dfd.faces.five_points` shrinks and lowers it)."""
    x, y = box.centre_px
    side = box.side_px / 0.84
    y -= 0.08 * side
    return BoundingBox(x - side / 2, y - side / 2, x + side / 2, y + side / 2)


def test_faces_are_told_in_pixels_of_the_whole_image() -> None:
    box = np.array([[30, 20, 90, 110]], np.float32)
    [small], [large] = (detections(candidates(box, np.ones(1, np.float32)), factor) for factor in (1.0, 0.5))
    assert large.box.side_px == pytest.approx(2 * small.box.side_px)
    assert small.landmarks_px is not None
    assert large.landmarks_px is not None
    np.testing.assert_allclose(large.landmarks_px, 2 * small.landmarks_px, rtol=1e-5)


def test_ears_lie_beside_the_face_and_follow_its_turn() -> None:
    box = np.array([[30, 20, 90, 110]], np.float32)
    [face] = detections(candidates(box, np.ones(1, np.float32)), 1.0)
    assert face.landmarks_px is not None
    point = dict(zip(LANDMARK_NAMES, face.landmarks_px.tolist(), strict=True))
    assert point["right_ear"][0] < 40
    assert point["left_ear"][0] > 80
    assert point["right_ear"][0] + point["left_ear"][0] == pytest.approx(120, abs=1e-3)  # a frontal face is symmetric
    turned = FRONTAL.copy()
    turned[2, 0] += 12  # the nose moves towards the left eye: the left ear is hidden behind it
    [face] = detections(candidates(box, np.ones(1, np.float32), turned), 1.0)
    assert face.landmarks_px is not None
    there = dict(zip(LANDMARK_NAMES, face.landmarks_px.tolist(), strict=True))
    assert there["left_ear"][0] < point["left_ear"][0]
    assert there["right_ear"][0] < point["right_ear"][0]


@given(st.integers(1, 900), st.integers(1, 900), st.sampled_from([1, 32]))
def test_a_fitted_image_keeps_its_shape(width: int, height: int, multiple: int) -> None:
    shown, factor = fitted(np.full((height, width, 3), 7, np.uint8), 320, multiple)
    assert shown.shape[0] % multiple == shown.shape[1] % multiple == 0
    assert max(shown.shape) <= 320
    assert 0 < factor <= 1
    inside = shown[: max(1, round(height * factor)), : max(1, round(width * factor))]
    assert (inside == 7).all()
    assert shown.sum() == inside.sum()
