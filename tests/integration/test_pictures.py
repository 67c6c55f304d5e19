"""How stored pixels become pictures: colours, dynamic range, orientation, size, transparency."""

import struct
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from tests.looking import look, mean_colour
from tests.synthetic_video import paint_flat, paint_number, read_number, write_picture, write_video

from dfd.types import ImageU8


def with_exif(jpeg: bytes, orientation: int) -> bytes:
    """A JPEG picture with an EXIF block that holds one entry."""
    tiff = b"MM\0*" + struct.pack(">IHHHIHHI", 8, 1, 0x0112, 3, 1, orientation, 0, 0)
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(tiff) + 8) + b"Exif\0\0" + tiff + jpeg[2:]


@pytest.mark.parametrize("rotation_deg", [0, 90, 180, 270])
def test_turns_frames_upright(tmp_path: Path, rotation_deg: int) -> None:
    stored = np.zeros((96, 160, 3), dtype=np.uint8)
    stored[:48, :80] = 255  # bright at the top left, as stored
    path = write_video(
        tmp_path / "clip.mp4", frames=3, size=(160, 96), paint=lambda *_: stored, rotation_deg=rotation_deg
    )

    info, frames, _ = look(path)

    upright = np.rot90(stored, -rotation_deg // 90)
    assert info.rotation_deg == rotation_deg
    assert (info.height_px, info.width_px) == upright.shape[:2] == frames[0].image.shape[:2]
    assert np.abs(frames[0].image.astype(int) - upright).mean() < 6


def test_squares_pixels(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mp4", frames=3, size=(160, 96), pixel_aspect=Fraction(4, 3))

    info, frames, _ = look(path)

    assert (info.width_px, info.height_px) == (213, 96)
    assert frames[0].image.shape == (96, 213, 3)


def test_scales_down_but_never_up(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mp4", frames=20, size=(320, 180))

    _, small, _ = look(path, working_side_px=160)
    _, large, _ = look(path, working_side_px=1000)

    assert small[0].image.shape == (90, 160, 3)
    assert small[0].scale == 0.5
    assert large[0].image.shape == (180, 320, 3)
    assert large[0].scale == 1.0
    assert read_number(small[0].image) == read_number(large[0].image) == 0


BT601, BT709, BT2020 = 6, 1, 9
LIMITED, FULL = 1, 2


@pytest.mark.parametrize(
    ("codec", "pixel_format", "space", "colour_range"),
    [
        ("libx264", "yuv420p", BT601, LIMITED),
        ("libx264", "yuv420p", BT709, LIMITED),
        ("libx264", "yuv420p", BT709, FULL),
        ("libx264", "yuv444p", BT709, LIMITED),
        ("libx264", "yuv420p10le", BT709, LIMITED),
        ("libx265", "yuv420p10le", BT2020, LIMITED),
        ("libx264rgb", "rgb24", None, None),
    ],
)
def test_colours_come_out_as_they_went_in(
    tmp_path: Path, codec: str, pixel_format: str, space: int | None, colour_range: int | None
) -> None:
    colour = None if space is None or colour_range is None else (space, colour_range, 1, 1)
    path = write_video(
        tmp_path / "clip.mp4",
        frames=3,
        codec=codec,
        pixel_format=pixel_format,
        colour=colour,
        paint=paint_flat(200, 90, 60),
        options={"crf": "1"},
    )

    _, frames, _ = look(path)

    assert np.abs(np.subtract(mean_colour(frames[0].image), (200, 90, 60))).max() <= 3


@pytest.mark.parametrize(("size", "space"), [((1280, 720), BT709), ((640, 480), BT601)])
def test_untagged_colours_are_guessed_by_size(tmp_path: Path, size: tuple[int, int], space: int) -> None:
    tagged = write_video(
        tmp_path / "tagged.mp4", frames=1, size=size, colour=(space, LIMITED, 1, 1), paint=paint_flat(30, 160, 80)
    )
    untagged = tmp_path / "untagged.mp4"
    write_video(
        untagged, frames=1, size=size, colour=(space, LIMITED, 1, 1), untagged=True, paint=paint_flat(30, 160, 80)
    )

    assert mean_colour(look(untagged)[1][0].image) == mean_colour(look(tagged)[1][0].image)


@pytest.mark.parametrize("transfer", [16, 18])
def test_hdr_is_brought_into_range(tmp_path: Path, transfer: int) -> None:
    """Mid-grey of an HDR grade stays grey and near mid; a highlight is brighter, and neither clips."""
    levels = {}
    for name, code in (("dark", 40), ("mid", 105), ("bright", 145)):
        path = write_video(
            tmp_path / f"{name}.mp4",
            frames=3,
            codec="libx265",
            pixel_format="yuv420p10le",
            colour=(BT2020, LIMITED, transfer, 9),
            paint=paint_flat(code, code, code),
        )
        red, green, blue = mean_colour(look(path)[1][0].image)
        assert max(red, green, blue) - min(red, green, blue) <= 2
        levels[name] = green

    assert levels["dark"] < levels["mid"] < levels["bright"] < 250
    assert 100 <= levels["mid"] <= 150


def test_video_wrongly_tagged_as_hdr_is_left_alone(tmp_path: Path) -> None:
    path = write_video(
        tmp_path / "clip.mp4",
        frames=3,
        codec="libx265",
        pixel_format="yuv420p10le",
        colour=(BT2020, LIMITED, 16, 9),
        paint=paint_flat(200, 190, 180),
    )

    assert np.abs(np.subtract(mean_colour(look(path)[1][0].image), (200, 190, 180))).max() <= 3


@pytest.mark.parametrize(
    ("codec", "pixel_format", "suffix"),
    [("png", "rgb24", ".png"), ("png", "gray", ".png"), ("mjpeg", "yuvj444p", ".jpg"), ("bmp", "bgr24", ".bmp")],
)
def test_a_picture_is_a_video_of_one_frame(tmp_path: Path, codec: str, pixel_format: str, suffix: str) -> None:
    picture = paint_number(5, (120, 80))
    path = write_picture(tmp_path / f"face{suffix}", picture, codec, pixel_format)

    info, frames, complete = look(path)

    assert (info.frame_count, info.duration_s, info.frame_rate_hz) == (1, 0.0, None)
    assert (info.width_px, info.height_px) == (120, 80)
    assert [frame.pts_s for frame in frames] == [0.0]
    assert read_number(frames[0].image) == 5
    grey = picture @ np.array([0.299, 0.587, 0.114])
    assert abs(frames[0].image.mean() - (grey.mean() if pixel_format == "gray" else picture.mean())) < 2
    assert complete


def test_a_second_picture_in_a_photograph_is_no_further_frame(tmp_path: Path) -> None:
    """As phones add: a map of the brightness, or what a second camera saw."""
    first = write_picture(tmp_path / "face.jpg", paint_number(5, (120, 80)), "mjpeg", "yuvj444p")
    second = write_picture(tmp_path / "map.jpg", paint_number(6, (60, 40)), "mjpeg", "yuvj444p").read_bytes()
    first.write_bytes(with_exif(first.read_bytes(), orientation=1) + second)

    info, frames, complete = look(first)

    assert (info.container, info.frame_count, info.duration_s, info.frame_rate_hz) == ("jpeg_pipe", 1, 0.0, None)
    assert [read_number(frame.image) for frame in frames] == [5]
    assert complete


def test_transparency_is_laid_on_white(tmp_path: Path) -> None:
    picture = np.zeros((40, 40, 4), dtype=np.uint8)
    picture[:, 20:] = (255, 0, 0, 255)

    _, frames, _ = look(write_picture(tmp_path / "face.png", picture, "png", "rgba"))

    assert frames[0].image[5, 5].tolist() == [255, 255, 255]
    assert frames[0].image[5, 35].tolist() == [255, 0, 0]


@pytest.mark.parametrize(
    ("orientation", "turned"),
    [
        (2, lambda stored: stored[:, ::-1]),
        (3, lambda stored: stored[::-1, ::-1]),
        (5, lambda stored: stored.transpose(1, 0, 2)),
        (6, lambda stored: np.rot90(stored, -1)),
        (8, lambda stored: np.rot90(stored, 1)),
    ],
    ids=["mirrored", "upside down", "transposed", "turned right", "turned left"],
)
def test_photographs_are_turned_as_their_exif_says(
    tmp_path: Path, orientation: int, turned: Callable[[ImageU8], ImageU8]
) -> None:
    stored = np.full((80, 120, 3), 40, dtype=np.uint8)
    stored[:40, :60] = 220
    path = write_picture(tmp_path / "face.jpg", stored, "mjpeg", "yuvj444p")
    path.write_bytes(with_exif(path.read_bytes(), orientation))

    _, frames, _ = look(path)

    assert np.abs(frames[0].image.astype(int) - turned(stored)).mean() < 3
