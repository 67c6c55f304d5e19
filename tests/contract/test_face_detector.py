"""What every face detector must do, whichever it is."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from dfd.bootstrap import build_detector
from dfd.ports import FaceDetector
from dfd.types import BoundingBox, FaceDetection, ImageU8

SAMPLES = Path(__file__).parents[2] / "samples"
ASTRONAUT_BOX = BoundingBox(234, 80, 388, 235)  # by hand, in the frame `astronaut` returns
HOPPER_BOX = BoundingBox(57, 109, 324, 384)


def first_frame(name: str) -> ImageU8:
    """The first frame of a sample at half its size."""
    with av.open(str(SAMPLES / name)) as container:
        picture = next(iter(container.decode(video=0)))
    half = picture.reformat(width=picture.width // 2, height=picture.height // 2, format="rgb24")
    return np.asarray(half.to_ndarray(), dtype=np.uint8)


@pytest.fixture(scope="module")
def astronaut() -> ImageU8:
    return first_frame("real_astronaut.mp4")


@pytest.fixture(scope="module")
def hopper() -> ImageU8:
    return first_frame("real_hopper.mp4")


@pytest.fixture(scope="module", params=["blazeface", "centerface", "haar"])
def detector(request: pytest.FixtureRequest) -> FaceDetector:
    return build_detector(request.param, threads=1)


def as_numbers(faces: list[FaceDetection]) -> list[tuple[float, ...]]:
    """All a detection says, comparable."""
    return [
        (face.box.x1_px, face.box.y1_px, face.box.x2_px, face.box.y2_px, face.score)
        + (() if face.landmarks_px is None else tuple(face.landmarks_px.ravel().tolist()))
        for face in faces
    ]


def side_by_side(left: ImageU8, right: ImageU8) -> ImageU8:
    height = max(left.shape[0], right.shape[0])
    padded = [np.pad(image, ((0, height - image.shape[0]), (0, 0), (0, 0))) for image in (left, right)]
    return np.concatenate(padded, axis=1)


def test_it_finds_the_face_of_a_photograph(detector: FaceDetector, astronaut: ImageU8, hopper: ImageU8) -> None:
    for image, expected in ((astronaut, ASTRONAUT_BOX), (hopper, HOPPER_BOX)):
        (face,) = detector.detect(image)
        assert face.box.iou(expected) > 0.6


def test_it_finds_two_faces_best_first(detector: FaceDetector, astronaut: ImageU8, hopper: ImageU8) -> None:
    faces = detector.detect(side_by_side(astronaut, hopper))
    scores = [face.score for face in faces]
    assert scores == sorted(scores, reverse=True)
    offset = astronaut.shape[1]
    right = BoundingBox(HOPPER_BOX.x1_px + offset, HOPPER_BOX.y1_px, HOPPER_BOX.x2_px + offset, HOPPER_BOX.y2_px)
    best_two = [
        max((face.box.iou(place), index) for index, face in enumerate(faces)) for place in (ASTRONAUT_BOX, right)
    ]
    assert min(overlap for overlap, _ in best_two) > 0.6
    assert {index for _, index in best_two} == {0, 1}, "a false alarm ranks before a face"


def test_values_are_of_the_promised_types_and_ranges(detector: FaceDetector, astronaut: ImageU8) -> None:
    faces = detector.detect(astronaut)
    assert isinstance(faces, list)
    height, width = astronaut.shape[:2]
    for face in faces:
        assert isinstance(face, FaceDetection)
        assert isinstance(face.score, float)
        assert 0 < face.score <= 1
        corners = (face.box.x1_px, face.box.y1_px, face.box.x2_px, face.box.y2_px)
        assert all(isinstance(corner, float) for corner in corners)
        assert 0 < face.box.centre_px[0] < width
        assert 0 < face.box.centre_px[1] < height
        assert face.box.side_px < max(width, height)
        assert 0.5 < face.box.width_px / face.box.height_px < 2
        if face.landmarks_px is not None:
            assert face.landmarks_px.shape == (6, 2)
            assert face.landmarks_px.dtype == np.float32


def gradient() -> ImageU8:
    return np.asarray(np.broadcast_to(np.arange(256, dtype=np.uint8)[None, :, None], (180, 256, 3)), dtype=np.uint8)


def stripes() -> ImageU8:
    return np.asarray(np.tile(np.array([20, 20, 20, 230, 230, 230], np.uint8)[None, :, None], (180, 60, 3)), np.uint8)


@pytest.mark.parametrize(
    "image",
    [np.full((180, 320, 3), grey, np.uint8) for grey in (0, 127, 255)] + [gradient(), stripes()],
    ids=["black", "grey", "white", "gradient", "stripes"],
)
def test_an_image_without_a_face_gives_an_empty_list(detector: FaceDetector, image: ImageU8) -> None:
    assert detector.detect(image) == []


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (7, 7), (1, 900), (900, 1), (3, 2000)])
def test_an_image_too_small_for_a_face_gives_an_empty_list(detector: FaceDetector, size: tuple[int, int]) -> None:
    assert detector.detect(np.full((*size, 3), 90, np.uint8)) == []


def test_a_huge_image_is_taken(detector: FaceDetector, hopper: ImageU8) -> None:
    huge = np.asarray(cv2.resize(hopper, None, fx=4, fy=4, interpolation=cv2.INTER_LINEAR), dtype=np.uint8)
    boxes = [face.box for face in detector.detect(huge)]
    assert any(box.iou(HOPPER_BOX.scaled(4)) > 0.6 for box in boxes)


def test_a_grey_image_in_three_channels_is_taken(detector: FaceDetector, astronaut: ImageU8) -> None:
    grey = np.repeat(cv2.cvtColor(astronaut, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
    (face,) = detector.detect(np.asarray(grey, dtype=np.uint8))
    assert face.box.iou(ASTRONAUT_BOX) > 0.6


def test_memory_layout_does_not_matter(detector: FaceDetector, astronaut: ImageU8) -> None:
    expected = as_numbers(detector.detect(astronaut))
    double = np.repeat(np.repeat(astronaut, 2, axis=0), 2, axis=1)
    for view in (double[::2, ::2], np.asfortranarray(astronaut), astronaut[:, :, ::-1].copy()[:, :, ::-1]):
        assert not view.flags.c_contiguous
        assert as_numbers(detector.detect(view)) == expected


def test_a_read_only_image_is_taken_and_left_alone(detector: FaceDetector, astronaut: ImageU8) -> None:
    image = astronaut.copy()
    image.flags.writeable = False
    detector.detect(image)
    assert np.array_equal(image, astronaut)


def test_the_same_image_gives_the_same_answer(detector: FaceDetector, astronaut: ImageU8) -> None:
    assert as_numbers(detector.detect(astronaut)) == as_numbers(detector.detect(astronaut.copy()))


def test_threads_get_the_answers_one_thread_gets(detector: FaceDetector, astronaut: ImageU8, hopper: ImageU8) -> None:
    images = [astronaut, hopper, np.zeros_like(astronaut), side_by_side(hopper, astronaut)] * 3
    alone = [as_numbers(detector.detect(image)) for image in images]
    with ThreadPoolExecutor(max_workers=4) as pool:
        together = [as_numbers(faces) for faces in pool.map(detector.detect, images)]
    assert together == alone
    assert len(alone[3]) >= 2
