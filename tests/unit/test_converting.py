"""Pictures of decoded frames: what is converted of them in part is what the whole would hold."""

from collections.abc import Callable
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest
from av.filter import Graph
from av.video.frame import VideoFrame
from hypothesis import given, settings
from hypothesis import strategies as st

from dfd.types import ImageU8
from dfd.video.convert import DecodedPicture, FrameConverter, Orientation
from dfd.video.scaling import Scaler, has_parts

FORMATS = [f"{name}{depth}" for name in ("yuv420p", "yuv422p", "yuv444p") for depth in ("", "10le", "12le")] + [
    "yuvj420p",
    "yuvj422p",
    "yuvj444p",
]

SIZES = {
    (1920, 1080): (1280, 720),
    (1080, 1920): (720, 1280),
    (2560, 1440): (1280, 720),
    (3840, 2160): (1280, 720),
    (1600, 900): (1280, 720),
    (1440, 1080): (1280, 960),
    (1280, 720): (1280, 720),
    (638, 358): (638, 358),
}
"""What the scaler begins anywhere with the same bits: frames, and the pictures made of them."""

NO_PARTS = {(1366, 768): (1280, 720), (1920, 800): (1280, 533), (1921, 1081): (1280, 720), (959, 540): (959, 540)}

ORIENTATIONS = [
    Orientation(transpose, mirror_x, mirror_y)
    for transpose in (False, True)
    for mirror_x in (False, True)
    for mirror_y in (False, True)
]


def noise(width: int, height: int) -> ImageU8:
    """Colours that change at every scale."""
    rng = np.random.default_rng(width)
    coarse = cv2.resize(rng.integers(0, 256, (height // 8, width // 8, 3), dtype=np.uint8), (width, height))
    grain = rng.integers(0, 64, (height, width, 3), dtype=np.uint8)
    return np.asarray(cv2.add(np.asarray(coarse, np.uint8) // 4 * 3, grain), dtype=np.uint8)


def frame_of(width: int, height: int, pixel_format: str, siting: str = "left") -> VideoFrame:
    """A frame whose chroma samples lie where those of most video do, which a new frame's do not."""
    plain = VideoFrame.from_ndarray(noise(width, height), format="rgb24").reformat(format=pixel_format)
    graph = Graph()
    source = graph.add_buffer(width=width, height=height, format=plain.format, time_base=Fraction(1))
    mark = graph.add("setparams", f"chroma_location={siting}")
    graph.link_nodes(source, mark, graph.add("buffersink")).configure()
    graph.vpush(plain)
    return graph.vpull()


@st.composite
def rectangles(draw: st.DrawFn, width: int, height: int) -> tuple[int, int, int, int]:
    left, top = draw(st.integers(0, width - 1)), draw(st.integers(0, height - 1))
    return left, top, draw(st.integers(left + 1, width)), draw(st.integers(top + 1, height))


def check_parts(frame: VideoFrame, size_px: tuple[int, int], orientation: Orientation, data: st.DataObject) -> None:
    scaler = Scaler()
    whole = DecodedPicture(frame, scaler, size_px, orientation).image
    for _ in range(12):
        picture = DecodedPicture(frame, scaler, size_px, orientation)
        left, top, right, bottom = data.draw(rectangles(*picture.size_px))
        part = picture.part(left, top, right, bottom)
        assert np.array_equal(part, whole[top:bottom, left:right])


@pytest.mark.parametrize("source_px", SIZES, ids=str)
@settings(max_examples=4, deadline=None)
@given(st.data())
def test_a_part_is_what_the_whole_holds_at_every_size(source_px: tuple[int, int], data: st.DataObject) -> None:
    frame = frame_of(*source_px, "yuv420p")
    assert has_parts(frame, SIZES[source_px])
    check_parts(frame, SIZES[source_px], Orientation(), data)


@pytest.mark.parametrize("pixel_format", FORMATS)
@settings(max_examples=3, deadline=None)
@given(st.data(), st.sampled_from(["left", "center", "topleft"]))
def test_a_part_is_what_the_whole_holds_in_every_format(pixel_format: str, data: st.DataObject, siting: str) -> None:
    check_parts(frame_of(960, 540, pixel_format, siting), (640, 360), Orientation(), data)


@pytest.mark.parametrize("orientation", ORIENTATIONS, ids=str)
@settings(max_examples=3, deadline=None)
@given(st.data())
def test_a_part_is_what_the_whole_holds_whichever_way_is_up(orientation: Orientation, data: st.DataObject) -> None:
    check_parts(frame_of(960, 540, "yuv420p"), (640, 360), orientation, data)


@pytest.mark.parametrize("source_px", NO_PARTS, ids=str)
@settings(max_examples=2, deadline=None)
@given(st.data())
def test_where_the_scaler_would_round_otherwise_the_whole_is_made(
    source_px: tuple[int, int], data: st.DataObject
) -> None:
    frame = frame_of(*source_px, "yuv420p")
    assert not has_parts(frame, NO_PARTS[source_px])
    check_parts(frame, NO_PARTS[source_px], Orientation(), data)


class CountingScaler(Scaler):
    """Counts what it converts."""

    def __init__(self) -> None:
        super().__init__()
        self.wholes: list[tuple[int, int]] = []
        self.parts = 0

    def whole(self, frame: VideoFrame, size_px: tuple[int, int], pixel_format: str = "rgb24") -> np.ndarray:
        self.wholes.append(size_px)
        return super().whole(frame, size_px, pixel_format)

    def part(self, frame: VideoFrame, size_px: tuple[int, int], wanted: tuple[int, int, int, int]) -> ImageU8:
        self.parts += 1
        return super().part(frame, size_px, wanted)


def test_no_more_is_converted_than_is_looked_at() -> None:
    scaler = CountingScaler()
    picture = DecodedPicture(frame_of(1920, 1080, "yuv420p"), scaler, (1280, 720), Orientation())

    picture.part(100, 100, 400, 400)

    assert (scaler.wholes, scaler.parts) == ([], 1)


def test_the_whole_is_made_once_and_parts_are_cut_from_it() -> None:
    scaler = CountingScaler()
    picture = DecodedPicture(frame_of(1920, 1080, "yuv420p"), scaler, (1280, 720), Orientation())

    assert picture.image is picture.image
    picture.part(100, 100, 400, 400)

    assert (scaler.wholes, scaler.parts) == ([(1280, 720)], 0)


def test_many_parts_are_cut_from_one_whole() -> None:
    scaler = CountingScaler()
    picture = DecodedPicture(frame_of(1280, 720, "yuv420p"), scaler, (1280, 720), Orientation())

    for _ in range(20):
        picture.part(0, 0, 400, 400)

    assert scaler.wholes == [(1280, 720)]
    assert scaler.parts <= 3


@pytest.mark.parametrize(
    ("size_px", "pixel_format", "is_lazy"),
    [
        ((1920, 1080), "yuv420p", True),
        ((1280, 720), "yuv422p10le", True),
        ((512, 288), "yuv420p", False),
        ((3840, 2160), "yuv420p", False),
        ((1280, 720), "rgb24", False),
        ((1280, 720), "nv12", False),
    ],
)
def test_large_frames_and_rare_formats_are_converted_at_once(
    size_px: tuple[int, int], pixel_format: str, is_lazy: bool
) -> None:
    frame = frame_of(*size_px, pixel_format)
    picture, scale = FrameConverter(1280, Fraction(1)).picture(frame)

    assert isinstance(picture, DecodedPicture) == is_lazy
    assert scale == min(1.0, 1280 / max(size_px))
    assert picture.image.shape == (*picture.size_px[::-1], 3)


@pytest.mark.parametrize("convert", [lambda frame: frame.reformat(format="yuv420p"), lambda frame: frame])
def test_a_frame_stays_as_it_is(convert: Callable[[VideoFrame], VideoFrame]) -> None:
    frame = convert(frame_of(1280, 720, "yuv420p"))
    before = [bytes(plane) for plane in frame.planes]
    picture, _ = FrameConverter(1280, Fraction(1)).picture(frame)

    picture.part(0, 0, 64, 64)
    assert picture.image.any()

    assert [bytes(plane) for plane in frame.planes] == before
    assert frame.colorspace == av.VideoFrame(16, 16, "yuv420p").colorspace
