"""Wear keeps the size, is repeatable, and treats a real and its fake alike."""

import numpy as np
import pytest
from tests.train.sample_faces import clip_of, face_of

from dfd.types import ImageU8
from dfd_train.camera import degrade, low_light, reencode, social, worn


@pytest.mark.parametrize("side_px", [96, 160, 224])
def test_wear_keeps_the_size_and_is_repeatable(side_px: int) -> None:
    image = face_of("astronaut", side_px).image
    before = image.copy()
    for seed in range(60):
        picture = degrade(image, np.random.default_rng(seed))
        assert picture.shape == image.shape
        assert picture.dtype == np.uint8
        assert np.array_equal(picture, degrade(image, np.random.default_rng(seed)))
    assert np.array_equal(image, before)


def test_a_real_and_its_fake_go_through_the_same_camera() -> None:
    """What is drawn does not depend on the picture."""
    for seed in range(60):
        drawn = set()
        for image in (face_of("astronaut").image, np.zeros((160, 160, 3), np.uint8)):
            rng = np.random.default_rng(seed)
            degrade(image, rng)
            drawn.add(int(rng.integers(2**63)))
        assert len(drawn) == 1


def test_low_light_is_dark_and_noisy() -> None:
    grey = np.full((160, 160, 3), 90, np.uint8)
    for seed in range(10):
        rng = np.random.default_rng(seed)
        dark = low_light(grey, rng, rng)
        assert dark.mean() < 95
        assert dark.std() > 0.5


def test_a_site_loses_detail() -> None:
    image = face_of("astronaut").image
    for seed in range(10):
        through = social(image, np.random.default_rng(seed))
        assert through.shape == image.shape
        assert np.corrcoef(through.ravel(), image.ravel())[0, 1] > 0.9
        assert np.abs(through.astype(int) - image).mean() > 0.5


def frames() -> list[ImageU8]:
    return [sample.image for sample in clip_of("astronaut")]


def test_a_lower_rate_loses_more() -> None:
    def loss(crf: int) -> float:
        return float(np.mean(np.abs(np.stack(reencode(frames(), crf, 0.75)).astype(int) - np.stack(frames()))))

    assert loss(40) > loss(18)
    assert len(reencode(frames(), 30, 0.5)) == len(frames())


def test_a_clip_is_worn_by_one_camera() -> None:
    for seed in range(12):
        first = worn(frames(), np.random.default_rng(seed))
        again = worn(frames(), np.random.default_rng(seed))
        assert len(first) == len(frames())
        assert all(np.array_equal(one, other) for one, other in zip(first, again, strict=True))
        brightness = [float(image.mean()) for image in first]
        assert np.ptp(brightness) < 25
