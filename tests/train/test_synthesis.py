"""Self-blending changes the face and nothing else, in every mask family; wear keeps size and is repeatable."""

import numpy as np
import pytest

from dfd.types import FloatArray, ImageU8
from dfd_train.camera import degrade, reencode
from dfd_train.landmarks import BROWS, EYES, MOUTH, NOSE, OVAL
from dfd_train.synthesis import MASK_FAMILIES, blend_with_itself, face_mask

SIDE = 144


@pytest.fixture(scope="module")
def points() -> FloatArray:
    """468 points that form a plausible frontal face around the middle."""
    rng = np.random.default_rng(0)
    points = rng.uniform(0.4, 0.6, (468, 2)).astype(np.float32)
    turn = np.linspace(-np.pi / 2, 1.5 * np.pi, len(OVAL), endpoint=False)
    points[list(OVAL)] = 0.5 + np.stack([0.28 * np.cos(turn), 0.36 * np.sin(turn)], axis=1)
    for indices, height in ((BROWS, 0.34), (EYES, 0.42), (NOSE, 0.52), (MOUTH, 0.68)):
        spread = 0.14 if indices is NOSE else 0.32
        points[list(indices), 0] = 0.5 + np.linspace(-spread / 2, spread / 2, len(indices))
        points[list(indices), 1] = height + 0.03 * np.sin(np.linspace(0, 6, len(indices)))
    return points * SIDE


@pytest.fixture(scope="module")
def image() -> ImageU8:
    rng = np.random.default_rng(1)
    coarse = rng.integers(40, 220, (12, 12, 3))
    return np.kron(coarse, np.ones((12, 12, 1))).astype(np.uint8)


@pytest.mark.parametrize("family", MASK_FAMILIES)
def test_masks_lie_on_the_face(points: FloatArray, family: str) -> None:
    for seed in range(20):
        mask = face_mask(points, SIDE, family, np.random.default_rng(seed))
        assert 0.005 < mask.mean() < 0.5
        rows, columns = np.nonzero(mask)
        assert abs(columns.mean() - SIDE / 2) < 0.12 * SIDE
        if family in ("lower_face", "mouth"):
            assert rows.mean() > 0.52 * SIDE
        if family == "eyes":
            assert rows.mean() < 0.5 * SIDE


def test_an_unknown_family_is_refused(points: FloatArray) -> None:
    with pytest.raises(ValueError, match="unknown mask family"):
        face_mask(points, SIDE, "ears", np.random.default_rng(0))


def test_a_blend_differs_inside_its_mask_only(image: ImageU8, points: FloatArray) -> None:
    changed = 0
    for seed in range(60):
        pair = blend_with_itself(image, points, np.random.default_rng(seed))
        outside = pair.mask < 1e-3
        assert outside.mean() > 0.2
        difference = np.abs(pair.fake.astype(int) - pair.real.astype(int)).max(axis=2)
        assert difference[outside].max() <= 1
        changed += difference.max() > 10
    assert changed > 50


def test_both_copies_are_restyled_in_turn(image: ImageU8, points: FloatArray) -> None:
    """The transform alone must give nothing away: the real of a pair is as often the changed copy."""
    untouched = [
        np.array_equal(blend_with_itself(image, points, np.random.default_rng(seed)).real, image) for seed in range(80)
    ]
    assert 20 < sum(untouched) < 60


def test_the_same_seed_gives_the_same_pair(image: ImageU8, points: FloatArray) -> None:
    first, second = (blend_with_itself(image, points, np.random.default_rng(5)) for _ in range(2))
    assert np.array_equal(first.fake, second.fake)


def test_wear_keeps_the_size_and_is_repeatable(image: ImageU8) -> None:
    for seed in range(40):
        worn = degrade(image, np.random.default_rng(seed))
        assert worn.shape == image.shape
        assert worn.dtype == np.uint8
        assert np.array_equal(worn, degrade(image, np.random.default_rng(seed)))


def test_a_lower_rate_loses_more(image: ImageU8) -> None:
    frames = [np.roll(image, shift, axis=1) for shift in range(4)]

    def loss(crf: int) -> float:
        return float(np.mean(np.abs(np.stack(reencode(frames, crf, 0.75)).astype(int) - np.stack(frames))))

    assert len(reencode(frames, 30, 0.5)) == len(frames)
    assert loss(40) > loss(18)
