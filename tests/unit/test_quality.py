"""Size, light and sharpness of a crop, and when they are too little."""

import math

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dfd.judgement import ReferenceQuality
from dfd.quality import MEASURED_PX, QualityLimits, measure, squared_distances, weaknesses
from dfd.types import QUALITY_MEASURES, FaceQuality, ImageU8, Reason

REFERENCE = ReferenceQuality(
    measures=("log2_face_side_px", "brightness"),
    mean=(7.0, 0.4),
    inverse_covariance=((4.0, 0.0), (0.0, 100.0)),  # standard deviations of 0.5 and 0.1
    limit=9.0,
)


def face_like(size: int = MEASURED_PX) -> ImageU8:
    """A bright oval with dark eyes and mouth, hard edges, and a little texture."""
    image = np.full((256, 256, 3), 70, np.uint8)
    cv2.ellipse(image, (128, 128), (85, 110), 0, 0, 360, (200, 160, 140), -1)
    for centre in ((95, 105), (160, 105), (128, 185)):
        cv2.ellipse(image, centre, (18, 9), 0, 0, 360, (40, 30, 30), -1)
    noise = np.random.default_rng(0).normal(0, 12, (256, 256, 1))
    textured = np.clip(image + noise, 0, 255).astype(np.uint8)
    return np.asarray(cv2.resize(textured, (size, size), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def blurred(image: ImageU8, sigma_px: float) -> ImageU8:
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma_px), dtype=np.uint8)


def lit(image: ImageU8, light: float) -> ImageU8:
    return np.asarray(np.clip(image * light, 0, 255), dtype=np.uint8)


def quality(side: float = 120.0, brightness: float = 0.4, sharpness: float = 0.3) -> FaceQuality:
    return FaceQuality(side, brightness, sharpness)


def test_a_sharp_bright_large_face_has_no_weakness() -> None:
    assert weaknesses([measure(face_like(), 120)] * 3, QualityLimits()) == ()


@given(st.integers(0, 255), st.integers(1, 96))
def test_a_flat_crop_is_as_bright_as_its_grey_and_not_sharp(grey: int, size: int) -> None:
    measured = measure(np.full((size, size, 3), grey, np.uint8), 50)
    assert measured.brightness == pytest.approx(grey / 255, abs=1e-5)
    assert measured.sharpness == pytest.approx(0, abs=1e-6)
    assert measured.face_side_px == 50
    assert measured.flatness == 1


def test_brightness_weighs_green_over_red_over_blue() -> None:
    shades = [measure(np.full((64, 64, 3), colour, np.uint8), 50).brightness for colour in np.eye(3) * 255]
    assert shades == pytest.approx([0.299, 0.587, 0.114], abs=1e-5)


def test_sharpness_falls_with_every_step_of_blur() -> None:
    steps = [measure(blurred(face_like(), sigma), 120).sharpness for sigma in (0.3, 0.6, 1.0, 2.0, 4.0)]
    assert steps == sorted(steps, reverse=True)
    assert steps[0] > QualityLimits().min_sharpness > steps[-1]


@pytest.mark.parametrize("light", [0.4, 0.7, 1.2])
def test_sharpness_hardly_depends_on_the_light(light: float) -> None:
    full, changed = measure(face_like(), 120), measure(lit(face_like(), light), 120)
    assert changed.sharpness == pytest.approx(full.sharpness, rel=0.15)
    assert changed.brightness == pytest.approx(full.brightness * light, rel=0.05)


@pytest.mark.parametrize("size", [96, 128, 224, 256])
def test_sharpness_hardly_depends_on_the_input_size_of_the_model(size: int) -> None:
    assert measure(face_like(size), 120).sharpness == pytest.approx(measure(face_like(), 120).sharpness, rel=0.3)


def test_a_face_enlarged_from_a_few_pixels_is_blurry() -> None:
    few = cv2.resize(face_like(), (16, 16), interpolation=cv2.INTER_AREA)
    enlarged = np.asarray(cv2.resize(few, (64, 64), interpolation=cv2.INTER_LINEAR), dtype=np.uint8)
    assert weaknesses([measure(enlarged, 120)], QualityLimits()) == (Reason.TOO_BLURRY,)


def test_a_face_in_the_dark_is_dark() -> None:
    assert weaknesses([measure(lit(face_like(), 0.08), 120)], QualityLimits()) == (Reason.TOO_DARK,)


@given(st.integers(0, 2**32 - 1), st.integers(1, 100), st.integers(1, 100))
def test_measures_are_finite_and_in_range_for_any_picture(seed: int, height: int, width: int) -> None:
    crop = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    measured = measure(crop, 50)
    assert 0 <= measured.brightness <= 1
    assert 0 <= measured.flatness <= 1
    assert all(map(math.isfinite, measured.measures))
    assert 0 <= measured.sharpness <= 64
    assert math.isfinite(measured.sharpness)


def test_flatness_counts_the_pixels_without_texture() -> None:
    half = np.full((64, 64, 3), 90, np.uint8)
    half[:, 33:] = face_like()[:, 33:]
    textured = measure(face_like(), 120).flatness
    assert textured < 0.2
    assert measure(half, 120).flatness == pytest.approx(0.5 + textured / 2, abs=0.1)


@pytest.mark.parametrize("light", [0.5, 1.2])
def test_flatness_hardly_depends_on_the_light(light: float) -> None:
    assert measure(lit(face_like(), light), 120).flatness == pytest.approx(measure(face_like(), 120).flatness, abs=0.05)


def test_compression_raises_flatness() -> None:
    steps = []
    for jpeg_quality in (95, 60, 30, 10):
        _, data = cv2.imencode(".jpg", face_like(160), [cv2.IMWRITE_JPEG_QUALITY, jpeg_quality])
        image = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), dtype=np.uint8)
        steps.append(measure(image, 120).flatness)
    assert steps == sorted(steps)
    assert steps[-1] > steps[0] + 0.2


def test_measures_are_named_in_their_order() -> None:
    face = FaceQuality(face_side_px=128.0, brightness=0.4, sharpness=0.24, flatness=0.3)
    assert dict(zip(QUALITY_MEASURES, face.measures, strict=True)) == {
        "log2_face_side_px": 7.0,
        "brightness": 0.4,
        "log2_sharpness": -2.0,
        "flatness": 0.3,
    }
    assert all(map(math.isfinite, FaceQuality(0.0, 0.0, 0.0).measures))


def test_distance_is_measured_in_standard_deviations() -> None:
    faces = [quality(128, 0.4), quality(128, 0.6), quality(64, 0.4), quality(256, 0.2)]
    measures = np.array([face.measures for face in faces])
    assert squared_distances(measures, REFERENCE) == pytest.approx([0, 4, 4, 8])


def test_distance_knows_which_measures_go_together() -> None:
    together = ReferenceQuality(("brightness", "flatness"), (0.4, 0.4), ((200.0, -150.0), (-150.0, 200.0)), limit=9.0)
    measures = np.array([FaceQuality(100, 0.5, 0.3, 0.5).measures, FaceQuality(100, 0.5, 0.3, 0.3).measures])
    along, against = squared_distances(measures, together)
    assert (along, against) == (pytest.approx(1.0), pytest.approx(7.0))


def test_a_track_unlike_training_is_told_only_where_there_is_a_reference() -> None:
    bright = quality(brightness=0.75)
    assert weaknesses([bright], QualityLimits()) == ()
    assert weaknesses([bright], QualityLimits(), REFERENCE) == (Reason.UNLIKE_TRAINING,)
    assert weaknesses([bright, quality(), bright], QualityLimits(), REFERENCE) == (Reason.UNLIKE_TRAINING,)
    assert weaknesses([bright, quality()], QualityLimits(), REFERENCE) == ()
    assert weaknesses([], QualityLimits(), REFERENCE) == ()


def test_the_limit_of_the_reference_itself_passes() -> None:
    assert weaknesses([quality(32 * 2**0.5, 0.4)], QualityLimits(), REFERENCE) == ()


def test_measuring_leaves_the_crop_alone() -> None:
    crop = face_like()
    measure(crop, 100)
    assert np.array_equal(crop, face_like())


@pytest.mark.parametrize(
    ("weak", "reason"),
    [
        (quality(side=31.9), Reason.FACE_TOO_SMALL),
        (quality(brightness=0.059), Reason.TOO_DARK),
        (quality(sharpness=0.059), Reason.TOO_BLURRY),
    ],
)
def test_a_reason_needs_more_than_half_of_the_faces(weak: FaceQuality, reason: Reason) -> None:
    limits = QualityLimits()
    assert weaknesses([weak], limits) == (reason,)
    assert weaknesses([weak, quality(), weak], limits) == (reason,)
    assert weaknesses([weak, quality()], limits) == ()
    assert weaknesses([weak, quality(), quality()], limits) == ()


def test_limits_themselves_pass() -> None:
    limits = QualityLimits()
    at_limit = quality(limits.min_face_side_px, limits.min_brightness, limits.min_sharpness)
    assert weaknesses([at_limit], limits) == ()


def test_no_faces_have_no_weakness() -> None:
    assert weaknesses([], QualityLimits()) == ()


def test_all_reasons_come_in_one_order() -> None:
    assert weaknesses([quality(1, 0, 0)], QualityLimits()) == (
        Reason.FACE_TOO_SMALL,
        Reason.TOO_DARK,
        Reason.TOO_BLURRY,
    )


def test_negative_limits_are_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        QualityLimits(min_brightness=-0.1)
