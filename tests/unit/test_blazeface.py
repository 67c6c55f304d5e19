"""BlazeFace's anchors, letterbox, merging and key points."""

from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dfd.faces.blazeface import INPUT_PX, BlazeFaceDetector, _anchors, _blend, _letterbox
from dfd.types import LANDMARK_NAMES, FaceDetection, FloatArray, ImageU8

SAMPLES = Path(__file__).parents[2] / "samples"


@pytest.fixture(scope="module")
def detector() -> BlazeFaceDetector:
    return BlazeFaceDetector(threads=1)


@pytest.fixture(scope="module")
def photograph() -> ImageU8:
    with av.open(str(SAMPLES / "real_astronaut.mp4")) as container:
        picture = next(iter(container.decode(video=0)))
    return np.asarray(picture.reformat(width=640, height=360, format="rgb24").to_ndarray(), dtype=np.uint8)


def only_face(detector: BlazeFaceDetector, image: ImageU8) -> FaceDetection:
    (face,) = detector.detect(image)
    return face


def point(face: FaceDetection, name: str) -> tuple[float, float]:
    assert face.landmarks_px is not None
    x, y = face.landmarks_px[LANDMARK_NAMES.index(name)]
    return float(x), float(y)


def test_there_are_896_anchors_in_the_unit_square_row_by_row() -> None:
    anchors = _anchors()
    assert anchors.shape == (896, 2)
    assert anchors.dtype == np.float32
    assert anchors[0] == pytest.approx([0.5 / 16, 0.5 / 16])
    assert anchors[2] == pytest.approx([1.5 / 16, 0.5 / 16])
    assert anchors[512] == pytest.approx([0.5 / 8, 0.5 / 8])
    assert anchors[-1] == pytest.approx([7.5 / 8, 7.5 / 8])


@given(st.integers(1, 400), st.integers(1, 400), st.integers(0, 255))
def test_the_letterbox_keeps_the_shape_and_pads_with_black(height: int, width: int, grey: int) -> None:
    factor = INPUT_PX / max(height, width)
    letter = _letterbox(np.full((height, width, 3), grey, np.uint8), factor)
    assert letter.shape == (1, INPUT_PX, INPUT_PX, 3)
    assert letter.dtype == np.float32
    filled_height, filled_width = max(1, round(height * factor)), max(1, round(width * factor))
    filled = letter[0, :filled_height, :filled_width]
    assert np.allclose(filled, grey / 127.5 - 1, atol=1e-6)
    assert np.all(letter[0, filled_height:] == -1)
    assert np.all(letter[0, :, filled_width:] == -1)


def test_key_points_lie_where_their_names_say(detector: BlazeFaceDetector, photograph: ImageU8) -> None:
    """Right and left are the subject's own, so the right eye is on the left of the picture."""
    face = only_face(detector, photograph)
    right_eye, left_eye, nose = (point(face, name) for name in ("right_eye", "left_eye", "nose_tip"))
    mouth, right_ear, left_ear = (point(face, name) for name in ("mouth_centre", "right_ear", "left_ear"))
    assert right_ear[0] < right_eye[0] < nose[0] < left_eye[0] < left_ear[0]
    assert max(right_eye[1], left_eye[1]) < nose[1] < mouth[1] < face.box.y2_px
    assert face.box.x1_px < right_eye[0] < left_eye[0] < face.box.x2_px


@pytest.mark.parametrize(("top", "left"), [(0, 200), (280, 0), (150, 150)])
def test_a_shifted_face_is_found_where_it_went(
    detector: BlazeFaceDetector, photograph: ImageU8, top: int, left: int
) -> None:
    before = only_face(detector, photograph)
    after = only_face(detector, np.pad(photograph, ((top, 0), (left, 0), (0, 0))))
    tolerance = 0.12 * before.box.side_px
    assert after.box.x1_px - left == pytest.approx(before.box.x1_px, abs=tolerance)
    assert after.box.y1_px - top == pytest.approx(before.box.y1_px, abs=tolerance)
    assert point(after, "nose_tip")[1] - top == pytest.approx(point(before, "nose_tip")[1], abs=tolerance)


@pytest.mark.parametrize("factor", [0.3, 0.5, 2.0, 3.0])
def test_a_scaled_face_is_found_in_pixels_of_its_own_image(
    detector: BlazeFaceDetector, photograph: ImageU8, factor: float
) -> None:
    before = only_face(detector, photograph)
    scaled = cv2.resize(photograph, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    after = only_face(detector, np.asarray(scaled, dtype=np.uint8))
    assert after.box.iou(before.box.scaled(factor)) > 0.85


@pytest.mark.parametrize("degrees", [-30, -15, 15, 30])
def test_a_tilted_head_is_found_and_its_eyes_show_the_tilt(
    detector: BlazeFaceDetector, photograph: ImageU8, degrees: int
) -> None:
    def tilt(face: FaceDetection) -> float:
        (x1, y1), (x2, y2) = point(face, "right_eye"), point(face, "left_eye")
        return float(np.degrees(np.arctan2(y2 - y1, x2 - x1)))

    before = only_face(detector, photograph)
    turn = cv2.getRotationMatrix2D(before.box.centre_px, -degrees, 1.0)
    turned = cv2.warpAffine(photograph, turn, (640, 360), borderMode=cv2.BORDER_REPLICATE)
    after = only_face(detector, np.asarray(turned, dtype=np.uint8))
    assert tilt(after) - tilt(before) == pytest.approx(degrees, abs=7)


@pytest.mark.parametrize("share", [0.03, 0.05, 0.08])
def test_the_box_of_a_small_face_is_as_large_as_that_of_a_large_one(
    detector: BlazeFaceDetector, photograph: ImageU8, share: float
) -> None:
    """Without the second look it is up to 40 % smaller, and the crop would be cut inside the face."""
    factor = share * 1280 / only_face(detector, photograph).box.side_px
    small = cv2.resize(photograph, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    frame = np.full((720, 1280, 3), 110, np.uint8)
    frame[300 : 300 + small.shape[0], 500 : 500 + small.shape[1]] = small
    face = only_face(detector, frame)
    assert face.box.side_px == pytest.approx(share * 1280, rel=0.12)
    assert face.box.x1_px < point(face, "right_eye")[0] < point(face, "left_eye")[0] < face.box.x2_px


def test_a_crowd_is_found_although_second_looks_are_bounded(detector: BlazeFaceDetector, photograph: ImageU8) -> None:
    small = np.asarray(cv2.resize(photograph, (320, 180), interpolation=cv2.INTER_AREA), dtype=np.uint8)
    faces = detector.detect(np.tile(small, (4, 4, 1)))
    cells = {(int(x // 320), int(y // 180)) for x, y in (face.box.centre_px for face in faces)}
    assert len(faces) == 16
    assert len(cells) == 16


def test_a_higher_bar_lets_fewer_faces_through(photograph: ImageU8) -> None:
    score = only_face(BlazeFaceDetector(threads=1), photograph).score
    assert BlazeFaceDetector(min_score=(1 + score) / 2, threads=1).detect(photograph) == []


@pytest.mark.parametrize("min_score", [0.0, 1.0, -1.0])
def test_a_senseless_bar_is_refused(min_score: float) -> None:
    with pytest.raises(ValueError, match="min_score"):
        BlazeFaceDetector(min_score=min_score)


def shapes(*boxes: tuple[float, float, float, float]) -> FloatArray:
    """Boxes with their six points at their top left corner."""
    return np.array([[[x1, y1], [x2, y2], *[[x1, y1]] * 6] for x1, y1, x2, y2 in boxes], np.float32)


def test_candidates_of_one_face_become_their_weighted_mean() -> None:
    merged = _blend(shapes((0, 0, 10, 10), (2, 0, 12, 10)), np.array([0.9, 0.3], np.float32))
    assert len(merged) == 1
    assert merged[0][0][:2].ravel() == pytest.approx([0.5, 0, 10.5, 10])
    assert merged[0][1] == pytest.approx(0.9)


def test_candidates_of_two_faces_stay_apart_best_first() -> None:
    merged = _blend(shapes((0, 0, 10, 10), (8, 0, 18, 10)), np.array([0.7, 0.8], np.float32))
    assert [score for _, score in merged] == pytest.approx([0.8, 0.7])
    assert merged[0][0][0].tolist() == [8, 0]


@given(st.lists(st.tuples(*[st.floats(-50, 50, width=32)] * 4, st.floats(0.125, 1, width=32)), min_size=1, max_size=12))
def test_merging_ends_and_never_invents_a_better_score(candidates: list[tuple[float, ...]]) -> None:
    """Also for boxes turned inside out, as a net may emit them."""
    scores = np.array([candidate[4] for candidate in candidates], np.float32)
    merged = _blend(shapes(*[(x1, y1, x2, y2) for x1, y1, x2, y2, _ in candidates]), scores)
    assert 1 <= len(merged) <= len(candidates)
    found = [score for _, score in merged]
    assert found == sorted(found, reverse=True)
    assert found[0] == pytest.approx(float(scores.max()))
