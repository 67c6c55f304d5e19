import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes import make_detection, make_manifest, numbered_image

from dfd.cropping import centre_square, crop_face, crop_to_image, landmarks_in_crop
from dfd.manifest import Alignment, InputContract, Layout
from dfd.types import FaceDetection, ImageU8

ONE = make_manifest().input
PAIR = InputContract(
    size_px=32,
    layout=Layout.NHWC,
    value_min=0.0,
    value_max=1.0,
    crop_margin=0.2,
    alignment=Alignment.EYES,
    frames=2,
)


def tilted(x1_px: float, y1_px: float, side_px: float, tilt_px: float) -> FaceDetection:
    """A face anywhere, whose left eye lies lower than the right by `tilt_px`."""
    points = np.tile([x1_px, y1_px], (6, 1))
    points[1] += [side_px / 2, tilt_px]
    return make_detection(x1_px, y1_px, side_px, landmarks_px=points.astype(np.float32))


def noise(seed: int) -> ImageU8:
    return np.random.default_rng(seed).integers(0, 256, (48, 64, 3), dtype=np.uint8)


faces = st.builds(tilted, st.floats(-20, 60), st.floats(-20, 40), st.floats(4, 60), st.floats(-20, 20))


@given(faces)
def test_both_pictures_of_a_pair_are_cut_as_each_alone(face: FaceDetection) -> None:
    crop = crop_face(noise(0), face, PAIR, noise(1))

    assert crop.shape == (32, 32, 6)
    assert crop.dtype == np.uint8
    assert np.array_equal(crop[..., :3], crop_face(noise(0), face, PAIR)[..., :3])
    assert np.array_equal(crop[..., 3:], crop_face(noise(1), face, PAIR)[..., :3])


@given(faces)
def test_the_way_back_leads_to_where_landmarks_came_from(face: FaceDetection) -> None:
    there = landmarks_in_crop(face, PAIR)
    assert there is not None
    centres = np.column_stack([there.astype(np.float64) - 0.5, np.ones(len(there))])
    assert face.landmarks_px is not None
    assert centres @ crop_to_image(face, PAIR).T + 0.5 == pytest.approx(face.landmarks_px, abs=0.01)


@given(faces)
def test_a_frame_that_none_follows_stands_twice(face: FaceDetection) -> None:
    crop = crop_face(noise(0), face, PAIR)

    assert np.array_equal(crop[..., :3], crop[..., 3:])
    assert np.array_equal(crop, crop_face(noise(0), face, PAIR, noise(0)))


@pytest.mark.parametrize("following", [None, numbered_image(8)])
def test_a_model_of_one_frame_gets_one(following: ImageU8 | None) -> None:
    crop = crop_face(numbered_image(7), make_detection(), ONE, following)

    assert crop.shape == (64, 64, 3)
    assert np.array_equal(crop, crop_face(numbered_image(7), make_detection(), ONE))
    assert set(np.unique(crop[..., 2])) == {7}


def test_a_pair_can_be_cut_again_from_a_pair() -> None:
    """Training keeps wide pairs and cuts the model's crop out of their halves."""
    wide = crop_face(noise(0), make_detection(), PAIR, noise(1))
    face = make_detection(4, 4, 20)
    again = crop_face(wide[..., :3], face, PAIR, wide[..., 3:])

    halves = [crop_face(np.ascontiguousarray(wide[..., part]), face, PAIR) for part in (slice(3), slice(3, 6))]
    assert np.array_equal(again, np.dstack([half[..., :3] for half in halves]))


def test_the_centre_square_is_cut_whole() -> None:
    image = numbered_image(5, (64, 48))
    image[:, :8] = image[:, 56:] = 0  # what lies beyond the square

    crop = crop_face(image, centre_square(image, PAIR), PAIR, image)

    assert set(np.unique(crop[..., 2])) == {5}
