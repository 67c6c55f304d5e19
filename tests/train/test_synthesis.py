"""Every family of made fakes forges the face and nothing else, repeatably, on any size of crop."""

import itertools
from collections import Counter
from dataclasses import replace

import cv2
import numpy as np
import pytest
from tests.train.sample_faces import clip_of, face_of

from dfd.types import FloatArray, ImageU8
from dfd_train.synthesis import (
    FORGERS,
    MASK_FAMILIES,
    PARTNERS,
    FaceSample,
    Forged,
    Forger,
    PartnerKind,
    forge_clip,
    self_blend,
)
from dfd_train.synthesis.decoded import decoded, deepfake, dubbed, reenacted


def smear(image: ImageU8) -> ImageU8:
    """A decoder that draws soft."""
    return np.asarray(cv2.GaussianBlur(image, (0, 0), 2.0), dtype=np.uint8)


DECODED: dict[str, Forger] = {
    "decoded": decoded({"smear": smear}),
    "reenacted": reenacted({"smear": smear}),
    "dubbed": dubbed({"smear": smear}),
    "deepfake": deepfake(smear, 64),
}
ALL = {**FORGERS, **DECODED}
EVERY_FAMILY = pytest.mark.parametrize("family", sorted(ALL))


def partner_for(family: str, side_px: int) -> FaceSample | None:
    kind = PARTNERS[family]
    if kind is PartnerKind.OTHER_PERSON:
        return face_of("hopper", side_px)
    return clip_of("astronaut", side_px)[2] if kind is PartnerKind.SAME_PERSON else None


def forge(family: str, seed: int, side_px: int = 160) -> Forged:
    return ALL[family](face_of("astronaut", side_px), partner_for(family, side_px), np.random.default_rng(seed))


def difference(pair: Forged) -> "np.ndarray[tuple[int, int], np.dtype[np.int_]]":
    return np.asarray(np.abs(pair.fake.astype(int) - pair.real.astype(int)).max(axis=2))


def test_every_family_says_whom_it_wants_as_partner() -> None:
    assert PARTNERS.keys() == ALL.keys()


@EVERY_FAMILY
@pytest.mark.parametrize("side_px", [96, 160, 288])
def test_a_forgery_differs_inside_its_mask_only(family: str, side_px: int) -> None:
    changed = 0
    for seed in range(12):
        pair = forge(family, seed, side_px)
        assert pair.family == family
        assert pair.real.shape == pair.fake.shape == (side_px, side_px, 3)
        assert pair.real.dtype == pair.fake.dtype == np.uint8
        assert pair.mask.shape == (side_px, side_px)
        assert pair.mask.dtype == np.float32
        assert 0 <= pair.mask.min() <= pair.mask.max() <= 1
        apart = difference(pair)
        outside = pair.mask < 1e-3
        assert not outside.any() or apart[outside].max() <= 1
        assert outside.mean() > 0.15 or pair.region == "whole"
        changed += apart.max() > 8
    assert changed >= 9


@EVERY_FAMILY
def test_the_same_seed_gives_the_same_pair(family: str) -> None:
    first, second = forge(family, 5), forge(family, 5)
    assert np.array_equal(first.fake, second.fake)
    assert np.array_equal(first.real, second.real)
    assert not np.array_equal(first.fake, forge(family, 6).fake)


@EVERY_FAMILY
def test_the_real_of_a_pair_is_sometimes_changed_and_sometimes_not(family: str) -> None:
    """The change alone must give nothing away."""
    image = face_of("astronaut").image
    untouched = sum(np.array_equal(forge(family, seed).real, image) for seed in range(60))
    assert 0 < untouched < 50


@EVERY_FAMILY
def test_choices_do_not_depend_on_the_picture(family: str) -> None:
    """So the same state of the generator forges all frames of a clip alike."""
    for seed in range(12):
        drawn = []
        for sample in (face_of("astronaut"), face_of("hopper"), replace(clip_of("hopper")[3], image=SPECKLE)):
            rng = np.random.default_rng(seed)
            region = ALL[family](sample, partner_for(family, 160), rng).region
            drawn.append((region, rng.integers(2**63)))
        assert len(set(drawn)) == 1


SPECKLE = np.random.default_rng(3).integers(0, 256, (160, 160, 3), dtype=np.uint8)


@EVERY_FAMILY
def test_a_picture_without_detail_is_forged_too(family: str) -> None:
    sample = replace(face_of("astronaut"), image=np.full((160, 160, 3), 7, np.uint8))
    for seed in range(6):
        pair = ALL[family](sample, partner_for(family, 160), np.random.default_rng(seed))
        assert pair.fake.shape == (160, 160, 3)


@EVERY_FAMILY
def test_a_face_half_out_of_the_picture_is_forged_too(family: str) -> None:
    sample = face_of("astronaut")
    moved = FaceSample(np.roll(sample.image, 90, axis=1), sample.points + np.array([90, 20], np.float32))
    for seed in range(12):
        pair = ALL[family](moved, partner_for(family, 160), np.random.default_rng(seed))
        outside = pair.mask < 1e-3
        assert not outside.any() or difference(pair)[outside].max() <= 1


@pytest.mark.parametrize("left_out", MASK_FAMILIES)
def test_mask_families_can_be_left_out(left_out: str) -> None:
    kept = [name for name in MASK_FAMILIES if name != left_out]
    sample = face_of("astronaut")
    used = Counter(self_blend(sample, None, np.random.default_rng(seed), kept).region for seed in range(150))
    assert set(used) == set(kept)


@pytest.mark.parametrize("families", [["ears"], ["oval", "ears"], []])
def test_unknown_mask_families_are_refused(families: list[str]) -> None:
    with pytest.raises(ValueError, match="unknown mask family"):
        self_blend(face_of("astronaut"), None, np.random.default_rng(0), families)


def test_a_swap_needs_another_person() -> None:
    with pytest.raises(ValueError, match="another person"):
        FORGERS["swap"](face_of("astronaut"), None, np.random.default_rng(0))


@pytest.mark.parametrize("family", ["swap", "lipsync", "reenacted"])
def test_a_partner_may_have_another_size(family: str) -> None:
    for seed in range(6):
        pair = ALL[family](face_of("astronaut"), face_of("hopper", 224), np.random.default_rng(seed))
        assert pair.fake.shape == (160, 160, 3)


@pytest.mark.parametrize("family", ["lipsync", "dubbed", "reenacted"])
def test_a_still_is_its_own_partner(family: str) -> None:
    for seed in range(6):
        pair = ALL[family](face_of("astronaut"), None, np.random.default_rng(seed))
        assert difference(pair).max() > 3


def test_a_swap_brings_the_other_face() -> None:
    """Inside the mask the fake is more like the partner's face, brought there, than like its own real."""
    sample, partner = face_of("astronaut"), face_of("hopper")
    black = FaceSample(np.zeros_like(partner.image), partner.points)
    for seed in range(20):
        pair = FORGERS["swap"](sample, black, np.random.default_rng(seed))
        solid = pair.mask > 0.95
        if solid.sum() > 200:
            assert pair.fake[solid].astype(float).std() < pair.real[solid].astype(float).std()


def test_lipsync_leaves_the_eyes_alone() -> None:
    eyes_px = int(face_of("astronaut").points[[33, 263], 1].max())
    regions = Counter[str]()
    for seed in range(40):
        pair = forge("lipsync", seed)
        regions[pair.region] += 1
        if pair.region in {"mouth", "lower_face"}:
            assert pair.mask[: eyes_px - 12].max() < 0.1
    assert set(regions) == {"mouth", "lower_face", "lower_box", "face_box"}


@pytest.mark.parametrize(
    ("image", "points", "message"),
    [
        (np.zeros((8, 9, 3), np.uint8), np.zeros((468, 2), np.float32), "square"),
        (np.zeros((8, 8, 3), np.float32), np.zeros((468, 2), np.float32), "uint8"),
        (np.zeros((8, 8, 3), np.uint8), np.zeros((5, 2), np.float32), "468"),
    ],
)
def test_what_is_no_face_sample_is_refused(image: ImageU8, points: FloatArray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        FaceSample(image, points)


@EVERY_FAMILY
def test_the_frames_of_a_forged_clip_are_forged_alike(family: str) -> None:
    frames = clip_of("astronaut")
    partner = partner_for(family, 160)
    forged = forge_clip(ALL[family], frames, [partner] if partner else None, np.random.default_rng(2))
    assert len(forged) == len(frames)
    assert len({pair.region for pair in forged}) == 1
    for earlier, later in itertools.pairwise(forged):
        one, other = earlier.mask > 0.5 * earlier.mask.max(), later.mask > 0.5 * later.mask.max()
        assert (one & other).sum() > 0.6 * (one | other).sum()


def test_flicker_is_what_tells_equal_frames_apart() -> None:
    frames = [face_of("astronaut")] * 3

    def fakes(flicker: float) -> list[ImageU8]:
        pairs = forge_clip(FORGERS["self_blend"], frames, None, np.random.default_rng(4), flicker)
        assert all(np.array_equal(pair.real, pairs[0].real) for pair in pairs)
        return [pair.fake for pair in pairs]

    steady, flickering = fakes(0.0), fakes(1.0)
    assert np.array_equal(steady[0], steady[1])
    assert not np.array_equal(flickering[0], flickering[1])
    assert np.abs(flickering[0].astype(int) - flickering[1]).mean() < 8
