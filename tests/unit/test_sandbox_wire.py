"""Messages between processes that do not trust each other."""

import os
import socket
import struct
from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import pytest
from av.video.frame import VideoFrame
from hypothesis import given
from hypothesis import strategies as st

from dfd.media import MediaFacts, kept_tags
from dfd.sandbox.layers import Layer, Limits, in_words
from dfd.sandbox.wire import Channel, Gone, Nonsense, TooSlow
from dfd.types import VideoInfo
from dfd.video.convert import Orientation
from dfd.video.handover import SITINGS, Description, FrameReader
from dfd.video.limits import MediaLimits
from dfd.video.protocol import (
    Delivery,
    Opened,
    Opening,
    Room,
    pack_error,
    pack_times,
    unpack_error,
    unpack_times,
)

MOST = 1000


@pytest.fixture
def ends() -> Iterator[tuple[Channel, socket.socket]]:
    ours, theirs = socket.socketpair()
    yield Channel(ours, MOST, takes_fds=True), theirs
    ours.close()
    theirs.close()


def test_a_message_comes_as_it_was_sent(ends: tuple[Channel, socket.socket]) -> None:
    reader, theirs = ends
    sender = Channel(theirs, MOST)
    fd = os.memfd_create("x")
    sender.send(7, b"body", [fd])
    os.close(fd)
    sender.send(8)

    first, second = reader.receive(), reader.receive()

    assert (first.kind, first.body, len(first.fds)) == (7, b"body", 1)
    assert (second.kind, second.body, second.fds) == (8, b"", ())
    os.close(first.fds[0])


def test_one_in_pieces_is_put_together(ends: tuple[Channel, socket.socket]) -> None:
    reader, theirs = ends
    data = struct.pack("<BI", 3, 4) + b"body"
    for at in range(len(data)):
        theirs.sendall(data[at : at + 1])

    assert reader.receive(5).body == b"body"


def test_what_is_too_long_is_refused_unread(ends: tuple[Channel, socket.socket]) -> None:
    reader, theirs = ends
    theirs.sendall(struct.pack("<BI", 3, MOST + 1))

    with pytest.raises(Nonsense):
        reader.receive(5)


@pytest.mark.parametrize("sent", [b"", b"\x03", struct.pack("<BI", 3, 10) + b"half"])
def test_an_end_is_noticed(ends: tuple[Channel, socket.socket], sent: bytes) -> None:
    reader, theirs = ends
    theirs.sendall(sent)
    theirs.close()

    assert reader.pending()
    with pytest.raises(Gone):
        reader.receive(5)


@pytest.mark.parametrize("sent", [b"", b"\x03", struct.pack("<BI", 3, 10) + b"half"])
def test_silence_is_noticed(ends: tuple[Channel, socket.socket], sent: bytes) -> None:
    reader, theirs = ends
    theirs.sendall(sent)

    with pytest.raises(TooSlow):
        reader.receive(0.01)


def test_nobody_reads(ends: tuple[Channel, socket.socket]) -> None:
    sender, theirs = ends
    with pytest.raises(TooSlow):
        sender.send(1, bytes(10_000_000), timeout_s=0.01)
    theirs.close()
    with pytest.raises(Gone):
        sender.send(1, b"x")
    sender.close()
    with pytest.raises(Gone):
        sender.receive()


@given(st.binary(max_size=300))
def test_whatever_comes_is_understood_or_nonsense(body: bytes) -> None:
    for read in (
        Limits.unpacked,
        Opened.unpacked,
        Room.unpacked,
        unpack_error,
        lambda body: Description.unpacked(body, 10_000),
        lambda body: Delivery.unpacked(body, 10_000),
    ):
        try:
            read(body)
        except Nonsense:
            continue
        except ValueError as error:
            assert read == Limits.unpacked, error


@given(
    st.builds(
        Description,
        width_px=st.integers(1, 100),
        height_px=st.integers(1, 100),
        pixel_format=st.sampled_from(["yuv420p", "rgb24", "yuv422p10le"]),
        colour_space=st.integers(0, 20),
        colour_range=st.integers(0, 2),
        transfer=st.integers(0, 20),
        siting=st.integers(0, len(SITINGS) - 1),
        interlaced=st.booleans(),
        orientation=st.builds(Orientation, st.booleans(), st.booleans(), st.booleans()),
    )
)
def test_a_frame_is_described_as_it_is(described: Description) -> None:
    assert Description.unpacked(described.packed(), 10_000) == described
    delivery = Delivery(1.5, 1, (described, described))
    assert Delivery.unpacked(delivery.packed(), 10_000) == delivery


@given(
    st.builds(
        VideoInfo,
        width_px=st.integers(1, 1 << 16),
        height_px=st.integers(1, 1 << 16),
        rotation_deg=st.sampled_from([0, 90, 180, 270]),
        frame_rate_hz=st.none() | st.fractions(min_value="1/1000", max_value=1000, max_denominator=100_000),
        frame_count=st.none() | st.integers(0, 1 << 40),
        duration_s=st.floats(0, 1e9),
        codec=st.sampled_from(["h264", "av1", ""]),
        container=st.sampled_from(["mov,mp4,m4a,3gp,3g2,mj2", "gif"]),
    ),
    st.none() | st.fractions(min_value="1/8", max_value=8, max_denominator=1000),
    st.integers(0, 1 << 40),
)
def test_a_video_is_told_as_it_is(info: VideoInfo, aspect: Fraction | None, size_bytes: int) -> None:
    tags, left_out = kept_tags([("container", "title", "häß\u2028lich" * 40)] * 2 + [("exif", "Make", "\0")])
    facts = MediaFacts(size_bytes, "QuickTime / MOV", profile="High", tags=tags, tags_left_out=left_out)
    assert Opened.unpacked(Opened(info, aspect, facts).packed()) == Opened(info, aspect, facts)


def test_requests_are_told_as_they_are() -> None:
    opening = Opening(MediaLimits(1000, 10.5), 3, "a\udcff b.mp4")

    assert Opening.unpacked(opening.packed()) == opening
    assert unpack_times(pack_times([0.0, 1.5], with_next=True)) == ([0.0, 1.5], True)
    assert unpack_error(pack_error("unreadable_video", "häßlich")) == ("unreadable_video", "häßlich")
    assert Limits.unpacked(Limits(1, 2, 3, 4).packed()) == Limits(1, 2, 3, 4)


@pytest.mark.parametrize("pixel_format", ["yuv420p10le", "gray12le", "gbrp9be", "yuv444p14le"])
def test_bits_that_the_format_has_no_use_for_are_cut_off(pixel_format: str) -> None:
    described = Description(32, 16, pixel_format, 1, 1, 1, 0, False, Orientation())
    depth = {component.bits for component in VideoFrame(32, 16, pixel_format).format.components}.pop()

    frame = FrameReader().read(described, memoryview(b"\xff" * described.size_bytes))

    order = ">u2" if pixel_format.endswith("be") else "<u2"
    for plane in frame.planes:
        assert set(np.frombuffer(memoryview(plane), np.dtype(order)).tolist()) == {(1 << depth) - 1}


@pytest.mark.parametrize("pixel_format", ["yuv420p", "p010le", "yuv420p16le", "grayf32le", "rgb48le", "pal8", "nv12"])
def test_other_samples_come_over_whole(pixel_format: str) -> None:
    described = Description(32, 16, pixel_format, 1, 1, 1, 0, False, Orientation())
    data = np.random.default_rng(0).integers(0, 256, described.size_bytes, dtype=np.uint8).tobytes()

    frame = FrameReader().read(described, memoryview(data))

    assert b"".join(bytes(plane) for plane in frame.planes) == data


def test_marks_that_cannot_be_seen_come_over() -> None:
    data = np.random.default_rng(0).integers(0, 256, 1 << 16, dtype=np.uint8).tobytes()
    reader = FrameReader()
    for siting in range(len(SITINGS)):
        for interlaced in (False, True):
            described = Description(64, 48, "yuv420p", 1, 1, 1, siting, interlaced, Orientation())
            frame = reader.read(described, memoryview(data))

            again = Description.of(frame, Orientation())

            assert frame.interlaced_frame == interlaced
            assert SITINGS[again.siting] == ("unspecified" if SITINGS[siting] == "center" else SITINGS[siting])


def test_rooms_are_smaller_for_large_pictures() -> None:
    assert (Room(1000).slots, Room(1000).size_bytes) == (2, 4000)
    assert (Room(1 << 26).slots, Room(1 << 26).size_bytes) == (1, 1 << 27)
    memory = memoryview(bytes(range(8)))
    assert bytes(Room(2).part(memory, 1, 1)) == b"\x06\x07"
    with pytest.raises(Nonsense):
        Room(2).part(memory, 2, 0)


def test_layers_have_words() -> None:
    assert in_words(Layer.LIMITS | Layer.SECCOMP) == "limits, seccomp"
    assert in_words(Layer(0)) == "none"
    with pytest.raises(ValueError, match="positive"):
        Limits(0, 1, 1, 1)
