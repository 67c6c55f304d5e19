"""Decoders that have been taken over: what the media begins with is how one of them behaves."""

import os
import struct
import time
from collections.abc import Callable, Sequence
from fractions import Fraction

from dfd.media import MediaFacts
from dfd.sandbox.wire import Channel
from dfd.types import VideoInfo
from dfd.video.convert import Orientation
from dfd.video.handover import Description
from dfd.video.protocol import Delivery, Kind, Opened, Room, pack_error

ENTRY = "tests.rogue_decoder:serve"

PICTURE = Description(64, 48, "yuv420p", 1, 1, 1, 0, False, Orientation())
INFO = VideoInfo(64, 48, 0, Fraction(30), 60, 2.0, "h264", "mov")
OPENED = Opened(INFO, Fraction(1), MediaFacts(1000, "QuickTime / MOV")).packed()


def deliver(channel: Channel, pts_s: float, *pictures: Description, slot: int = 0) -> None:
    channel.send(Kind.FRAME, Delivery(pts_s, slot, pictures or (PICTURE,)).packed())


def with_memory(channel: Channel, picture_bytes: int = 1 << 16) -> None:
    channel.send(Kind.NEEDS, Room(picture_bytes).packed())
    channel.receive()


def deliver_at(channel: Channel, *times_s: float) -> None:
    with_memory(channel)
    for pts_s in times_s:
        deliver(channel, pts_s)


def after_memory(channel: Channel, body: bytes) -> None:
    with_memory(channel)
    channel.send(Kind.FRAME, body)


def raw_picture(width_px: int = 64, height_px: int = 48, name: bytes = b"yuv420p", siting: int = 0) -> bytes:
    return struct.pack("<dBB", 0.0, 0, 1) + struct.pack(
        "<IIBBBBBB24s", width_px, height_px, 1, 1, 1, siting, 0, 0, name
    )


def shrink(channel: Channel) -> None:
    """Try to take the shared memory away from under the reader."""
    channel.send(Kind.NEEDS, Room(1 << 16).packed())
    (fd,) = channel.receive().fds
    try:
        os.ftruncate(fd, 0)
    except OSError:
        deliver(channel, 0.0)
        channel.send(Kind.DONE, b"\0")


AT_OPENING: dict[str, Callable[[Channel], None]] = {
    "unknown kind": lambda channel: channel.send(200, b"x"),
    "frame too early": lambda channel: deliver(channel, 0.0),
    "too long": lambda channel: channel.send(Kind.OPENED, bytes(100_000)),
    "short info": lambda channel: channel.send(Kind.OPENED, b"x"),
    "no size": lambda channel: channel.send(Kind.OPENED, bytes(80)),
    "infinite": lambda channel: channel.send(
        Kind.OPENED, struct.pack("<IIHqqqdqq", 64, 48, 0, 30, 1, 60, float("inf"), 1, 1) + b"h264\0mov\0"
    ),
    "not a number": lambda channel: channel.send(
        Kind.OPENED, struct.pack("<IIHqqqdqq", 64, 48, 0, 30, 1, 60, float("nan"), 1, 1) + b"h264\0mov\0"
    ),
    "odd rotation": lambda channel: channel.send(
        Kind.OPENED, struct.pack("<IIHqqqdqq", 64, 48, 45, 30, 1, 60, 2.0, 1, 1) + b"h264\0mov\0"
    ),
    "unknown error": lambda channel: channel.send(Kind.ERROR, pack_error("configuration", "the operator is at fault")),
    "half an error": lambda channel: channel.send(Kind.ERROR, b"unreadable_video"),
    "leaves": lambda _: os._exit(9),
    "crashes": lambda _: os.abort(),
}
WHEN_ASKED: dict[str, Callable[[Channel], None]] = {
    "no memory yet": lambda channel: deliver(channel, 0.0),
    "goes back": lambda channel: deliver_at(channel, 1.0, 0.5),
    "no time": lambda channel: deliver_at(channel, float("nan")),
    "too many": lambda channel: deliver_at(channel, *(number / 10 for number in range(20))),
    "slot": lambda channel: after_memory(channel, struct.pack("<dBB", 0.0, 7, 1)),
    "huge picture": lambda channel: after_memory(channel, raw_picture(1 << 16, 1 << 16)),
    "larger than its room": lambda channel: after_memory(channel, raw_picture(640, 480)),
    "no such format": lambda channel: after_memory(channel, raw_picture(name=b"nonsense")),
    "of a graphics card": lambda channel: after_memory(channel, raw_picture(name=b"cuda")),
    "siting": lambda channel: after_memory(channel, raw_picture(siting=99)),
    "short frame": lambda channel: channel.send(Kind.FRAME, b"x"),
    "short need": lambda channel: channel.send(Kind.NEEDS, b"x"),
    "opened again": lambda channel: channel.send(Kind.OPENED, OPENED),
}
OTHERWISE: dict[str, Callable[[Channel], None]] = {
    "needs too much": lambda channel: channel.send(Kind.NEEDS, Room(1 << 62).packed()),
    "sleeps": lambda _: time.sleep(1000),
    "needs memory": lambda _: bytearray(1 << 45).clear(),
    "shrinks": shrink,
    "control characters": lambda channel: channel.send(
        Kind.ERROR, pack_error("unreadable_video", "\x1b[31mred\x07\n" + "x" * 5000)
    ),
}


def serve(channel: Channel, fds: Sequence[int]) -> None:
    """Behave as the media says, at once or when asked for a sample."""
    channel.receive()
    name = os.pread(fds[0], 100, 0).decode()
    if name in AT_OPENING:
        AT_OPENING[name](channel)
    else:
        channel.send(Kind.OPENED, OPENED)
        channel.receive()
        {**WHEN_ASKED, **OTHERWISE}[name](channel)
    while True:
        channel.receive()
