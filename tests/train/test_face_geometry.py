"""Masks, warps, colours and partners: the parts that forgers are made of."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.train.sample_faces import clip_of, face_of

from dfd.types import FloatArray
from dfd_train.landmarks import OVAL
from dfd_train.synthesis import MASK_FAMILIES, Partners, choose_donor, choose_partner
from dfd_train.synthesis.looks import limit_resolution, match_colour, relit, restyle
from dfd_train.synthesis.pasting import feathered, poisson
from dfd_train.synthesis.regions import region_mask, soften, wobble
from dfd_train.synthesis.upsampling import UPSAMPLERS
from dfd_train.synthesis.warping import alignment, similarity, warp_face, warp_rigid

SIDE = 160
DISC = (np.hypot(*np.mgrid[-80:80, -80:80]) < 40).astype(np.float32)
EDGE = np.zeros((SIDE, SIDE), np.float32)
EDGE[:, :60] = 1


@pytest.mark.parametrize("region", MASK_FAMILIES)
def test_regions_lie_where_their_names_say(region: str) -> None:
    points = face_of("astronaut").points
    eyes, mouth = points[[33, 263], 1].mean(), points[[61, 291], 1].mean()
    for seed in range(20):
        mask = region_mask(points, SIDE, region, np.random.default_rng(seed))
        assert set(np.unique(mask)) <= {0.0, 1.0}
        assert 0.001 < mask.mean() < 0.5
        rows, columns = np.nonzero(mask)
        assert points[:, 0].min() < columns.mean() < points[:, 0].max()
        if region in {"mouth", "lower_face"}:
            assert rows.mean() > (eyes + mouth) / 2
        if region == "eyes":
            assert rows.mean() < (eyes + mouth) / 2


def test_an_unknown_region_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown mask family"):
        region_mask(face_of("astronaut").points, SIDE, "ears", np.random.default_rng(0))


@pytest.mark.parametrize("side_px", [96, 160, 288])
def test_softening_erodes_inwards_and_reaches_one(side_px: int) -> None:
    points = face_of("astronaut", side_px).points
    for seed in range(20):
        rng = np.random.default_rng(seed)
        mask = region_mask(points, side_px, "oval", rng)
        soft = soften(mask, rng)
        assert soft.max() == pytest.approx(1.0, abs=1e-6)
        assert soft.min() >= 0
        assert (soft > 0.5).sum() <= 1.02 * mask.sum()


def test_wobbling_moves_the_border_and_keeps_the_size() -> None:
    sizes = [wobble(DISC, np.random.default_rng(seed)).sum() / DISC.sum() for seed in range(10)]
    assert all(0.8 < size < 1.25 for size in sizes)
    assert np.ptp(sizes) > 0.01
    assert np.array_equal(wobble(DISC, np.random.default_rng(0), strength=0.0), DISC)


finite = st.floats(-50, 50)


@given(st.floats(0.2, 5), st.floats(-3, 3), finite, finite, st.integers(0, 99))
def test_similarity_finds_the_transform(scale: float, turn: float, x: float, y: float, seed: int) -> None:
    source = np.random.default_rng(seed).uniform(0, 100, (12, 2)).astype(np.float32)
    factor = scale * np.exp(1j * turn)
    matrix = np.array([[factor.real, -factor.imag, x], [factor.imag, factor.real, y]])
    found = similarity(source, (source @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32))
    assert found == pytest.approx(matrix, abs=0.01)


@pytest.mark.parametrize("warp", [warp_face, warp_rigid])
def test_a_face_laid_on_itself_is_itself(warp: "type(warp_face)") -> None:  # type: ignore[valid-type]
    sample = face_of("astronaut")
    warped = warp(sample.image, sample.points, sample.points, SIDE)
    assert np.abs(warped.astype(int) - sample.image).mean() < 0.5


@given(st.integers(-12, 12), st.integers(-12, 12))
@settings(max_examples=15)
def test_a_shifted_face_is_shifted(x: int, y: int) -> None:
    sample = face_of("astronaut")
    warped = warp_face(sample.image, sample.points, sample.points + np.array([x, y], np.float32), SIDE)
    inside = slice(16, -16)
    apart = np.abs(np.roll(sample.image, (y, x), axis=(0, 1)).astype(int) - warped)[inside, inside]
    assert apart.mean() < 1.0


def test_warping_brings_landmarks_onto_landmarks() -> None:
    """A dot on the partner's nose comes to lie on the target's."""
    source, target = face_of("hopper"), face_of("astronaut")
    dotted = np.zeros_like(source.image)
    x, y = np.rint(source.points[4]).astype(int)
    dotted[y - 2 : y + 3, x - 2 : x + 3] = 255
    rows, columns = np.nonzero(warp_face(dotted, source.points, target.points, SIDE)[..., 0] > 60)
    assert np.hypot(columns.mean() - target.points[4, 0], rows.mean() - target.points[4, 1]) < 2.5


def test_points_that_coincide_do_not_break_a_warp() -> None:
    sample = face_of("astronaut")
    squeezed: FloatArray = sample.points.copy()
    squeezed[list(OVAL[:18])] = squeezed[OVAL[0]]
    assert warp_face(sample.image, sample.points, squeezed, SIDE).shape == sample.image.shape
    assert warp_face(sample.image, squeezed, sample.points, SIDE).shape == sample.image.shape


@pytest.mark.parametrize("size_px", [64, 96])
def test_aligned_faces_have_their_eyes_level_and_apart(size_px: int) -> None:
    for person in ("astronaut", "hopper"):
        sample = face_of(person)
        matrix = alignment(sample.points, size_px)
        eyes = sample.points[[33, 263]] @ matrix[:, :2].T + matrix[:, 2]
        assert eyes[:, 1] == pytest.approx([0.4 * size_px] * 2, abs=0.08 * size_px)
        assert 0.3 * size_px < eyes[1, 0] - eyes[0, 0] < 0.65 * size_px


def test_colours_are_matched_under_the_mask() -> None:
    source, target = face_of("hopper").image, face_of("astronaut").image

    def apart(strength: float) -> float:
        matched = match_colour(source, target, DISC, strength)
        inside = DISC > 0
        return float(np.abs(matched[inside].mean(axis=0) - target[inside].mean(axis=0)).max())

    assert np.array_equal(match_colour(source, target, DISC, 0.0), source)
    assert np.array_equal(match_colour(source, target, np.zeros_like(DISC), 1.0), source)
    assert apart(1.0) < 6
    assert apart(1.0) < apart(0.5) < apart(0.0)


def test_relighting_takes_the_light_and_leaves_the_detail() -> None:
    source, target = face_of("hopper").image, face_of("astronaut").image
    lit = relit(source, target, 10.0)
    assert np.abs(relit(source, source, 10.0).astype(int) - source).max() == 0
    assert np.abs(lit.mean(axis=(0, 1)) - target.mean(axis=(0, 1))).max() < 4
    rows = [np.diff(image[40:120, 40:120].astype(int), axis=0).ravel() for image in (lit, source, target)]
    assert np.corrcoef(rows[0], rows[1])[0, 1] > 0.7 > np.corrcoef(rows[0], rows[2])[0, 1]


def test_restyling_keeps_the_picture_recognisable() -> None:
    image = face_of("astronaut").image
    for seed in range(20):
        changed = restyle(image, np.random.default_rng(seed))
        assert not np.array_equal(changed, image)
        assert np.corrcoef(changed.ravel(), image.ravel())[0, 1] > 0.8


def test_resolution_is_limited_and_never_raised() -> None:
    image = face_of("astronaut").image
    assert np.array_equal(limit_resolution(image, SIDE + 5), image)
    detail = [float(np.abs(np.diff(limit_resolution(image, inner).astype(int), axis=0)).mean()) for inner in (40, 80)]
    assert detail[0] < detail[1] < np.abs(np.diff(image.astype(int), axis=0)).mean()


def test_feathering_is_a_weighted_mean() -> None:
    black, white = np.zeros((4, 4, 3), np.uint8), np.full((4, 4, 3), 200, np.uint8)
    assert np.array_equal(feathered(white, black, np.full((4, 4), 0.25, np.float32)), np.full((4, 4, 3), 50))


def test_a_picture_cloned_into_itself_is_itself() -> None:
    image = face_of("astronaut").image
    assert np.abs(poisson(image, image, DISC).astype(int) - image).max() <= 2


def test_cloning_takes_the_border_of_the_target() -> None:
    """A source that is brighter all over leaves no trace but its gradients."""
    image = np.clip(face_of("astronaut").image, 0, 200)
    assert np.abs(poisson(image + np.uint8(50), image, DISC).astype(int) - image).mean() < 2


@pytest.mark.parametrize("mask", [EDGE, EDGE.T, np.ones_like(EDGE)], ids=["left", "top", "whole"])
def test_cloning_survives_masks_at_the_border(mask: FloatArray) -> None:
    source, target = face_of("hopper").image, face_of("astronaut").image
    cloned = poisson(source, target, mask)
    assert cloned.shape == target.shape
    assert not np.array_equal(cloned, target)


def test_cloning_nothing_gives_the_target() -> None:
    source, target = face_of("hopper").image, face_of("astronaut").image
    assert np.array_equal(poisson(source, target, np.zeros_like(DISC)), target)


@pytest.mark.parametrize("method", sorted(UPSAMPLERS))
def test_upsampling_doubles_and_keeps_flat_areas_nearly_flat(method: str) -> None:
    flat = np.full((20, 30, 3), 100, np.float32)
    grown = UPSAMPLERS[method](flat, 0.0, np.random.default_rng(0))
    assert grown.shape == (40, 60, 3)
    assert grown[4:-4, 4:-4] == pytest.approx(100, abs=0.01)
    disturbed = UPSAMPLERS[method](flat, 0.05, np.random.default_rng(0))[4:-4, 4:-4]
    assert disturbed.mean() == pytest.approx(100, abs=2)


def test_a_disturbed_transposed_convolution_leaves_a_chequerboard() -> None:
    flat = np.full((20, 20, 3), 100, np.float32)
    grown = UPSAMPLERS["transposed"](flat, 0.05, np.random.default_rng(0))[4:-4, 4:-4, 0]
    assert np.ptp([grown[row::2, column::2].mean() for row in (0, 1) for column in (0, 1)]) > 1
    assert np.ptp(grown[::2, ::2]) < 0.01


def moved(points: FloatArray, scale: float, turn: float, shift: float) -> FloatArray:
    numbers = (points[:, 0] + 1j * points[:, 1]) * scale * np.exp(1j * turn) + shift
    return np.stack([numbers.real, numbers.imag], axis=1).astype(np.float32)


@given(st.floats(0.3, 3), st.floats(-0.5, 0.5), st.floats(-80, 80))
def test_the_partner_is_the_closest_in_shape(scale: float, turn: float, shift: float) -> None:
    wanted, other = face_of("astronaut").points, face_of("hopper").points
    candidates = np.stack([other, moved(wanted, scale, turn, shift), other * np.array([1.3, 1], np.float32)])
    assert choose_partner(wanted, candidates, np.random.default_rng(0), closest=1) == 1


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=12), st.sampled_from("abc"), st.integers(0, 99))
def test_a_partner_is_another_person_or_nobody(persons: list[str], person: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    points = rng.uniform(0, 100, (len(persons), 468, 2)).astype(np.float32)
    chosen = Partners(points, persons).choose(points[0], person, rng, closest=3)
    if set(persons) == {person}:
        assert chosen is None
    else:
        assert chosen is not None
        assert persons[chosen] != person


def test_partners_are_drawn_from_the_closest() -> None:
    points = np.stack([sample.points for sample in clip_of("hopper")])
    chosen = {choose_partner(points[0], points, np.random.default_rng(seed), closest=2) for seed in range(40)}
    assert len(chosen) == 2
    assert 0 in chosen


def test_partners_need_names_and_candidates() -> None:
    points = face_of("hopper").points
    with pytest.raises(ValueError, match="1 faces, but 2 names"):
        Partners(points[None], ["a", "b"])
    with pytest.raises(ValueError, match="no face"):
        choose_partner(points, np.empty((0, 468, 2), np.float32), np.random.default_rng(0))


def test_a_donor_frame_is_another_one_if_there_is_another() -> None:
    points = np.stack([sample.points for sample in clip_of("hopper")])
    assert all(choose_donor(points[1], points, np.random.default_rng(seed)) != 1 for seed in range(20))
    assert choose_donor(points[0], points[:1], np.random.default_rng(0)) is None
