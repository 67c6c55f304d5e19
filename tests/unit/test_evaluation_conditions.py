"""Damage done to frames: levels as published, the same on every machine, and never to what is around the video."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes import FakeVideoOpener, make_video_info

from dfd.evaluation import perturbations
from dfd.evaluation.conditions import (
    CLEAN,
    DEEPER_FORENSICS,
    KINDS,
    Condition,
    FrameKind,
    VideoKind,
    conditions_of,
    levels,
)
from dfd.evaluation.openers import spoilt
from dfd.evaluation.reencoding import at_rate
from dfd.types import Frame, ImageU8

FRAME_KINDS = [name for name, kind in KINDS.items() if isinstance(kind, FrameKind)]


def picture(width: int = 320, height: int = 288) -> ImageU8:
    """Coloured texture of all sizes from a few pixels up."""
    coarse = np.random.default_rng(1).integers(0, 256, (height // 3 + 1, width // 3 + 1, 3), dtype=np.uint8)
    texture = np.kron(coarse, np.ones((3, 3, 1), np.uint8))[:height, :width]
    return np.asarray(cv2.GaussianBlur(texture, (7, 7), 1.5), np.uint8)


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def nothing() -> None:
    """No reason to stop."""


# --- the published levels -----------------------------------------------------------------------------------------


def strengths(name: str) -> list[float]:
    kind = KINDS[name]
    if isinstance(kind, VideoKind):
        return [encoding.crf for encoding in kind.encoding.values()]
    return list(kind.strengths.values())


def test_levels_are_those_of_deeper_forensics() -> None:
    assert {name: strengths(name) for name in DEEPER_FORENSICS} == {
        "CS": [0.4, 0.3, 0.2, 0.1, 0.0],
        "CC": [0.85, 0.725, 0.6, 0.475, 0.35],
        "BW": [16, 32, 48, 64, 80],
        "GNC": [0.001, 0.002, 0.005, 0.01, 0.05],
        "GB": [7, 9, 13, 17, 21],
        "JPEG": [2, 3, 4, 5, 6],
        "VC": [30, 32, 35, 38, 40],
    }
    assert all(levels(name) == (1, 2, 3, 4, 5) for name in DEEPER_FORENSICS)


def test_sets_of_conditions() -> None:
    assert conditions_of("none").wanted == ()
    quick = conditions_of("quick").wanted
    assert [condition.kind for condition in quick] == [*DEEPER_FORENSICS, "480p"]
    assert {condition.level for condition in quick[:7]} == {3}
    full = conditions_of("full", lambda codec: True)
    assert len(full.wanted) == sum(len(levels(name)) for name in KINDS)
    assert full.skipped == ()
    with pytest.raises(ValueError, match="'all'"):
        conditions_of("all")


def test_kinds_without_an_encoder_are_left_out_and_named() -> None:
    found = conditions_of("full", lambda codec: codec != "libx265")
    assert found.skipped == ("H265",)
    assert "H265" not in {condition.kind for condition in found.wanted}


# --- single frames ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FRAME_KINDS)
def test_damage_keeps_the_form_and_grows_with_the_level(name: str) -> None:
    kind = KINDS[name]
    assert isinstance(kind, FrameKind)
    image = picture()
    before = image.copy()
    losses = []
    for level in levels(name):
        changed = kind.change(image, kind.strengths[level], rng())
        assert changed.shape == image.shape
        assert changed.dtype == np.uint8
        losses.append(float(np.abs(changed.astype(int) - image).mean()))
    assert np.array_equal(image, before)
    assert losses == sorted(losses)
    assert (losses[0] > 0) == (name != "resize")


def test_no_saturation_leaves_grey_of_the_same_luma() -> None:
    grey = perturbations.saturation(np.array([[[200, 30, 90]]], np.uint8), 0.0, rng())
    assert grey.tolist() == [[[88, 88, 88]]]  # 0.299 * 200 + 0.587 * 30 + 0.114 * 90


def test_contrast_goes_towards_black() -> None:
    assert perturbations.contrast(np.array([[[200, 100, 10]]], np.uint8), 0.35, rng()).tolist() == [[[70, 35, 4]]]


def test_blocks_are_grey_whole_and_counted_by_the_shorter_side() -> None:
    black = np.zeros((300, 600, 3), np.uint8)
    changed = perturbations.blocks(black, 16, rng())
    assert set(np.unique(changed)) == {0, 128}
    assert 8 * 8 * 8 < (changed[..., 0] > 0).sum() <= 16 * 8 * 8
    double = perturbations.blocks(np.zeros((520, 600, 3), np.uint8), 16, rng())
    assert (double[..., 0] > 0).sum() > 16 * 8 * 8
    small = np.zeros((255, 600, 3), np.uint8)
    assert np.array_equal(perturbations.blocks(small, 80, rng()), small)


def test_noise_has_the_variance_it_says() -> None:
    grey = np.full((400, 400, 3), 128, np.uint8)
    noisy = perturbations.noise(grey, 0.001, rng()).astype(float) / 255
    luma = noisy @ np.array([0.299, 0.587, 0.114])
    assert luma.mean() == pytest.approx(128 / 255, abs=0.002)
    assert luma.std() * 219 / 255 == pytest.approx(0.001**0.5, rel=0.02)


def test_blur_and_pixelation_leave_a_flat_picture_alone() -> None:
    flat = np.full((64, 80, 3), 77, np.uint8)
    assert np.array_equal(perturbations.blur(flat, 21, rng()), flat)
    assert np.array_equal(perturbations.pixelation(flat, 6, rng()), flat)


def test_gamma_darkens_but_keeps_black_and_white() -> None:
    steps = np.array([[[0, 128, 255]]], np.uint8)
    assert perturbations.gamma(steps, 2, rng()).tolist() == [[[0, 64, 255]]]


@given(st.integers(1, 40), st.integers(1, 40), st.sampled_from(FRAME_KINDS))
def test_tiny_pictures_survive(width: int, height: int, name: str) -> None:
    kind = KINDS[name]
    assert isinstance(kind, FrameKind)
    image = np.zeros((height, width, 3), np.uint8)
    for strength in kind.strengths.values():
        assert kind.change(image, strength, rng()).shape == image.shape


# --- openers ------------------------------------------------------------------------------------------------------


def opened(condition: Condition, name: str = "a.mp4", *, scale: float = 1.0) -> tuple[list[Frame], FakeVideoOpener]:
    base = FakeVideoOpener(video=make_video_info(width_px=640, height_px=512), scale=scale)
    base.paint = lambda index, time_s: picture(round(640 * scale), round(512 * scale))
    with spoilt(base, condition, name, nothing).open(Path("some/where/a.mp4")) as source:
        return list(source.sample((0.0, 0.5, 1.0))), base


def images(condition: Condition, name: str = "a.mp4") -> ImageU8:
    return np.stack([frame.image for frame in opened(condition, name)[0]])


def test_clean_videos_are_opened_as_they_are() -> None:
    base = FakeVideoOpener()
    assert spoilt(base, CLEAN, "a.mp4", nothing) is base


def test_frames_change_but_times_do_not() -> None:
    frames, base = opened(Condition("GB", 5))
    assert [(frame.index, frame.pts_s, frame.scale) for frame in frames] == [
        (0, 0.0, 1.0),
        (1, 0.5, 1.0),
        (2, 1.0, 1.0),
    ]
    assert not np.array_equal(frames[0].image, picture(640, 512))
    assert base.opened[0].closed


@pytest.mark.parametrize("kind", ["GNC", "BW"])
def test_noise_depends_on_name_kind_level_and_frame_alone(kind: str) -> None:
    same = images(Condition(kind, 3))
    assert np.array_equal(same, images(Condition(kind, 3)))
    assert not np.array_equal(same[0], same[1])
    assert not np.array_equal(same, images(Condition(kind, 3), "b.mp4"))
    assert not np.array_equal(same, images(Condition(kind, 4)))


def test_noise_is_the_same_on_every_machine() -> None:
    """The seed comes from a hash of the name, not from Python's own, which differs from process to process."""
    grey = (images(Condition("BW", 1))[0] == 128).all(axis=2)
    assert np.argwhere(grey)[0].tolist() == [5, 76]


@pytest.mark.parametrize(
    ("scale", "divisor", "size", "new_scale"),
    [
        (1.0, 2, (320, 256), 1.0),
        (1.0, 4, (160, 128), 1.0),
        (0.5, 2, (320, 256), 1.0),  # the working size is already what is left of the source
        (0.25, 2, (160, 128), 0.5),  # and here even less of it
        (0.5, 4, (160, 128), 1.0),
    ],
)
def test_a_smaller_video_is_smaller_in_every_way(
    scale: float, divisor: int, size: tuple[int, int], new_scale: float
) -> None:
    frames, base = opened(Condition("resize", divisor), scale=scale)
    assert frames[0].image.shape[1::-1] == size
    assert frames[0].scale == pytest.approx(new_scale)
    with spoilt(base, Condition("resize", divisor), "a.mp4", nothing).open(Path("a.mp4")) as source:
        assert (source.info.width_px, source.info.height_px) == (640 // divisor, 512 // divisor)


@pytest.mark.parametrize("condition", [Condition("GNC", 3), Condition("BW", 3), Condition("resize", 2)])
def test_the_picture_after_a_frame_is_spoilt_like_it_but_with_noise_of_its_own(condition: Condition) -> None:
    base = FakeVideoOpener(video=make_video_info(width_px=640, height_px=512))
    base.paint = base.paint_next = lambda index, time_s: picture(640, 512)
    with spoilt(base, condition, "a.mp4", nothing).open(Path("a.mp4")) as source:
        [frame] = source.sample((0.0,), with_next=True)
    assert frame.following is not None
    assert frame.following.shape == frame.image.shape
    assert np.array_equal(frame.following, frame.image) == (condition.kind == "resize")
    assert not np.array_equal(frame.following, picture(640, 512))


def test_damage_to_the_file_is_still_told() -> None:
    base = FakeVideoOpener(break_after=1)
    with spoilt(base, Condition("GB", 1), "a.mp4", nothing).open(Path("a.mp4")) as source:
        assert len(list(source.sample((0.0, 0.5)))) == 1
        assert not source.complete


# --- frames a second ----------------------------------------------------------------------------------------------


def shown(times_s: list[float], rate_hz: int) -> list[tuple[float, int]]:
    frames = [Frame(number, time_s, np.full((2, 2, 3), number, np.uint8)) for number, time_s in enumerate(times_s)]
    return [(time_s, int(image[0, 0, 0])) for time_s, image in at_rate(frames, rate_hz)]


def test_frames_are_repeated_and_left_out() -> None:
    assert shown([0.0, 1.0], 4) == [(0.0, 0), (0.25, 0), (0.5, 0), (0.75, 0), (1.0, 1)]
    assert shown([0.0, 0.1, 0.2, 0.5, 0.6], 2) == [(0.0, 2), (0.5, 4)]
    assert shown([], 24) == []
    assert shown([0.0], 24) == [(0.0, 0)]


@given(st.lists(st.floats(0, 5), min_size=1, max_size=30).map(sorted), st.integers(1, 60))
def test_every_tick_is_shown_once_in_order(times_s: list[float], rate_hz: int) -> None:
    ticks = [round(time_s * rate_hz) for time_s, _ in shown(times_s, rate_hz)]
    assert ticks == list(range(ticks[0], ticks[0] + len(ticks)))
    assert ticks[-1] == round(times_s[-1] * rate_hz)
