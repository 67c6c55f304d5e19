import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes import make_video_info, numbered_image

from dfd.report import Coverage
from dfd.types import LANDMARK_NAMES, BoundingBox, FaceDetection, Frame

edges = st.floats(-1000, 1000)
sides = st.floats(0.5, 1000)
boxes = st.builds(lambda x, y, width, height: BoundingBox(x, y, x + width, y + height), edges, edges, sides, sides)


def test_a_box_knows_its_measures() -> None:
    box = BoundingBox(-10.0, 0.0, 30.0, 20.0)
    assert (box.width_px, box.height_px, box.side_px, box.area_px2) == (40.0, 20.0, 40.0, 800.0)
    assert box.centre_px == (10.0, 10.0)


@pytest.mark.parametrize("corners", [(0, 0, 0, 5), (0, 0, 5, 0), (5, 5, 0, 0), (0, 0, float("nan"), 5)])
def test_a_box_without_area_is_refused(corners: tuple[float, float, float, float]) -> None:
    with pytest.raises(ValueError, match="positive area"):
        BoundingBox(*corners)


def test_overlap_of_known_boxes() -> None:
    box = BoundingBox(0, 0, 10, 10)
    assert box.iou(BoundingBox(5, 0, 15, 10)) == pytest.approx(50 / 150)
    assert box.iou(BoundingBox(10, 0, 20, 10)) == 0.0
    assert box.iou(BoundingBox(20, 20, 30, 30)) == 0.0
    assert box.iou(BoundingBox(2, 2, 4, 4)) == pytest.approx(0.04)


@given(box=boxes, other=boxes)
def test_overlap_is_symmetric_bounded_and_full_with_itself(box: BoundingBox, other: BoundingBox) -> None:
    assert box.iou(other) == pytest.approx(other.iou(box))
    assert 0 <= box.iou(other) <= 1 + 1e-9
    assert box.iou(box) == pytest.approx(1.0)


@given(box=boxes, other=boxes, factor=st.floats(0.1, 10))
def test_scaling_goes_back_and_keeps_overlap(box: BoundingBox, other: BoundingBox, factor: float) -> None:
    back = box.scaled(factor).scaled(1 / factor)
    assert dataclasses.astuple(back) == pytest.approx(dataclasses.astuple(box), abs=1e-6)
    assert box.scaled(factor).iou(other.scaled(factor)) == pytest.approx(box.iou(other), abs=1e-6)


@pytest.mark.parametrize(
    "image",
    [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4, 3), np.float32)],
    ids=["grey", "alpha", "float"],
)
def test_a_frame_holds_rgb_bytes_only(image: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"\(H, W, 3\) uint8"):
        Frame(0, 0.0, image)


def test_the_following_picture_is_as_large_as_the_frame() -> None:
    assert Frame(0, 0.0, numbered_image(0), following=numbered_image(1)).following is not None
    others: list[Any] = [numbered_image(1, (48, 64)), numbered_image(1).astype(np.float32)]
    for other in others:
        with pytest.raises(ValueError, match=r"following picture is \(48, 64, 3\) uint8"):
            Frame(0, 0.0, numbered_image(0), following=other)


@pytest.mark.parametrize("scale", [0.0, -1.0, 1.5, float("nan")])
def test_a_frame_is_never_larger_than_its_source(scale: float) -> None:
    with pytest.raises(ValueError, match="scale"):
        Frame(0, 0.0, numbered_image(0), scale)


def test_landmarks_come_as_six_points() -> None:
    box = BoundingBox(0, 0, 1, 1)
    points = np.zeros((len(LANDMARK_NAMES), 2), np.float32)
    assert FaceDetection(box, 0.5, points).landmarks_px is points
    with pytest.raises(ValueError, match=r"\(6, 2\)"):
        FaceDetection(box, 0.5, points[:5])


@pytest.mark.parametrize("bad", [{"width_px": 0}, {"height_px": -1}, {"rotation_deg": 45}], ids=str)
def test_a_video_needs_a_size_and_a_right_angle(bad: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"size|rotation"):
        make_video_info(**bad)


def test_the_detection_rate_is_a_share_of_the_sampled_frames() -> None:
    assert Coverage(sampled_frames=8, face_frames=2, scored_faces=3, sampling_step_s=0.5).face_detect_rate == 0.25
    assert Coverage(sampled_frames=0, face_frames=0, scored_faces=0, sampling_step_s=0.5).face_detect_rate == 0.0


def test_values_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        BoundingBox(0, 0, 1, 1).x1_px = 5.0  # type: ignore[misc]  # the error is the point
