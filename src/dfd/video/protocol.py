"""What a process that decodes and the one that asks it to say to each other, in bytes (`dfd.sandbox.wire`).

The asking side sends `Kind.OPEN`, then `Kind.SAMPLE` as often as it likes; frames come one by one, in shared memory
that the asking side has made, as large as it was told that a picture is. What it reads it checks: whoever decodes may
have been taken over by what it decodes.
"""

import json
import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from fractions import Fraction
from typing import Final, Self

from dfd.media import MediaFacts
from dfd.sandbox.wire import Nonsense
from dfd.types import VideoInfo
from dfd.video.handover import Description
from dfd.video.limits import MediaLimits

_MOST_ERROR_BYTES: Final = 4096
MOST_SAMPLE_BYTES: Final = 16
"""Of one pixel of any format."""

_LARGE_BYTES: Final = 32 << 20
"""Pictures of this size do not wait beside each other."""

NO_MEMORY: Final = "no_memory"
"""Stands for the code of an error where the decoder had too little memory."""

_OPEN: Final = struct.Struct("<QdI")
_INFO: Final = struct.Struct("<IIHqqqdqq")
_FRAME: Final = struct.Struct("<dBB")
_SIZE: Final = struct.Struct("<Q")
_MOST_WORD_BYTES: Final = 255


class Kind(IntEnum):
    """Messages between the two sides, apart from those of `dfd.sandbox.nursery.Kind`."""

    OPEN = 16  # to the child: open the file
    OPENED = 17
    MEMORY = 18  # to the child: the shared memory, as a file descriptor
    NEEDS = 19
    SAMPLE = 20  # to the child: hand over the frames of these times
    FRAME = 21
    FREE = 22  # to the child: the memory of a frame may be used again
    DONE = 23
    STOP = 24  # to the child: give up the sample
    STOPPED = 25
    ERROR = 26


@dataclass(frozen=True, slots=True)
class Opening:
    """What a child is told of its file."""

    limits: MediaLimits
    threads: int
    name: str

    def packed(self) -> bytes:
        """For the wire."""
        return _OPEN.pack(self.limits.max_pixels, self.limits.max_duration_s, self.threads) + os.fsencode(self.name)

    @classmethod
    def unpacked(cls, body: bytes) -> Self:
        """What `packed` made."""
        max_pixels, max_duration_s, threads = _OPEN.unpack_from(body)
        return cls(MediaLimits(max_pixels, max_duration_s), threads, os.fsdecode(body[_OPEN.size :]))


@dataclass(frozen=True, slots=True)
class Opened:
    """What a child found."""

    info: VideoInfo
    pixel_aspect: Fraction | None
    facts: MediaFacts

    def packed(self) -> bytes:
        """For the wire."""
        info = self.info
        numbers = _INFO.pack(
            info.width_px,
            info.height_px,
            info.rotation_deg,
            *_ratio(info.frame_rate_hz),
            -1 if info.frame_count is None else info.frame_count,
            info.duration_s,
            *_ratio(self.pixel_aspect),
        )
        facts = json.dumps(self.facts.to_dict(), ensure_ascii=False).encode()
        return numbers + _word(info.codec) + _word(info.container) + facts

    @classmethod
    def unpacked(cls, body: bytes) -> Self:
        """What `packed` made.

        Raises:
            Nonsense: it is none.
        """
        try:
            width_px, height_px, rotation_deg, up, down, count, duration_s, across, along = _INFO.unpack_from(body)
            *words, facts = body[_INFO.size :].split(b"\0", 2)
            codec, container = (word.decode("ascii") for word in words)
            if not (0 <= duration_s < float("inf") and count >= -1 and up >= 0 and across >= 0):
                raise Nonsense("numbers of a video that cannot be")
            info = VideoInfo(
                width_px=width_px,
                height_px=height_px,
                rotation_deg=rotation_deg,
                frame_rate_hz=Fraction(up, down) if up else None,
                frame_count=None if count < 0 else count,
                duration_s=duration_s,
                codec=codec,
                container=container,
            )
            aspect = Fraction(across, along) if along else None
            return cls(info, aspect, MediaFacts.from_dict(json.loads(facts)))
        except (struct.error, KeyError, TypeError, ValueError, RecursionError, ZeroDivisionError) as error:
            raise Nonsense(f"what a video is: {error}") from error


@dataclass(frozen=True, slots=True)
class Delivery:
    """A sample whose frames lie in shared memory."""

    pts_s: float
    slot: int
    pictures: tuple[Description, ...]

    def packed(self) -> bytes:
        """For the wire."""
        head = _FRAME.pack(self.pts_s, self.slot, len(self.pictures))
        return head + b"".join(picture.packed() for picture in self.pictures)

    @classmethod
    def unpacked(cls, body: bytes, max_pixels: int) -> Self:
        """What `packed` made.

        Raises:
            Nonsense: it is none.
        """
        if len(body) < _FRAME.size:
            raise Nonsense(f"{len(body)} bytes to describe a sample")
        pts_s, slot, count = _FRAME.unpack_from(body)
        rest = body[_FRAME.size :]
        if slot >= Room.MOST_SLOTS or count not in (1, 2) or len(rest) != count * Description.SIZE:
            raise Nonsense(f"{count} pictures in slot {slot}")
        parts = [rest[at : at + Description.SIZE] for at in range(0, len(rest), Description.SIZE)]
        return cls(pts_s, slot, tuple(Description.unpacked(part, max_pixels) for part in parts))


def pack_times(times_s: Sequence[float], *, with_next: bool) -> bytes:
    """The body of a request for a sample."""
    return struct.pack(f"<B{len(times_s)}d", with_next, *times_s)


@dataclass(frozen=True, slots=True)
class Room:
    """How shared memory is divided: slots, one for each sample that may wait, with room for two pictures each.

    Attributes:
        picture_bytes: of one picture.
    """

    picture_bytes: int

    MOST_SLOTS = 2

    @property
    def slots(self) -> int:
        """How many samples may wait: one is copied out while the next is decoded, unless they are large."""
        return 1 if self.picture_bytes >= _LARGE_BYTES else self.MOST_SLOTS

    @property
    def size_bytes(self) -> int:
        """Of all of it."""
        return 2 * self.slots * self.picture_bytes

    def part(self, memory: memoryview, slot: int, picture: int) -> memoryview:
        """The part for one picture of a sample; raises `Nonsense` where there is no such slot."""
        if slot >= self.slots:
            raise Nonsense(f"slot {slot} of {self.slots}")
        at = (2 * slot + picture) * self.picture_bytes
        return memory[at : at + self.picture_bytes]

    def packed(self) -> bytes:
        """For the wire."""
        return _SIZE.pack(self.picture_bytes)

    @classmethod
    def unpacked(cls, body: bytes) -> Self:
        """What `packed` made; raises `Nonsense` where it is none."""
        if len(body) != _SIZE.size:
            raise Nonsense(f"{len(body)} bytes for a size")
        return cls(*_SIZE.unpack(body))


def unpack_error(body: bytes) -> tuple[str, str]:
    """Code and message of an error; raises `Nonsense` where the body is none."""
    code, parted, message = body.partition(b"\0")
    if not parted:
        raise Nonsense("an error without a message")
    return code.decode("ascii", errors="replace"), message.decode(errors="replace")


def pack_error(code: str, message: str) -> bytes:
    """The body that tells of an error."""
    return code.encode() + b"\0" + message.encode(errors="replace")[:_MOST_ERROR_BYTES]


def unpack_times(body: bytes) -> tuple[list[float], bool]:
    """What `pack_times` made: the times, and whether following frames are wanted."""
    with_next, *times_s = struct.unpack(f"<B{(len(body) - 1) // 8}d", body)
    return times_s, bool(with_next)


def _ratio(ratio: Fraction | None) -> tuple[int, int]:
    return (0, 0) if ratio is None else (ratio.numerator, ratio.denominator)


def _word(word: str) -> bytes:
    return word.encode("ascii", errors="replace")[:_MOST_WORD_BYTES] + b"\0"
