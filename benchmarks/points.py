"""What the matrix measures: a base clip, and from there each property in turn."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from benchmarks.clip import ENCODERS, ClipSpec, can_encode

BASE: Final = ClipSpec((1920, 1080), 10.0)
"""1080p H.264, one face, keyframes as libx264 sets them: each 250 frames."""

AXES: Final = ("base", "size", "codec", "GOP", "faces")

SHORT_GOP: Final = 30
"""Frames from keyframe to keyframe: one second, as streaming wants it."""

SIZES: Final = {"360p": (640, 360), "720p": (1280, 720), "4K": (3840, 2160)}


@dataclass(frozen=True, slots=True)
class Point:
    """One clip.

    Attributes:
        axis: the property in which it differs from the base.
        name: of its value there.
        spec: what to make.
        naive: whether the naive pipeline is shown it too; OpenCV's FFmpeg reads neither every codec nor quickly.
    """

    axis: str
    name: str
    spec: ClipSpec
    naive: bool = False

    @property
    def key(self) -> str:
        """Name of its file."""
        return f"{self.axis}-{self.name}".replace(" ", "-").lower()


def points(seconds: float = BASE.seconds) -> Iterator[Point]:
    """Every clip of the matrix, the base first; codecs that cannot be written here are left out.

    Args:
        seconds: length of each.
    """
    base = replace(BASE, seconds=seconds)
    yield Point("base", "1080p H.264", base, naive=True)
    for name, size_px in SIZES.items():
        preset = "veryfast" if name == "4K" else None
        yield Point("size", name, replace(base, size_px=size_px, preset=preset), naive=name != "4K")
    for codec in ENCODERS:
        if codec != base.codec and can_encode(codec):
            yield Point("codec", codec, replace(base, codec=codec))
    for codec in ("h264", "hevc"):  # the two of which frames that nothing refers to are passed over
        if can_encode(codec):
            yield Point("GOP", f"{codec} 1 s", replace(base, codec=codec, gop=SHORT_GOP))
    yield Point("faces", "6", replace(base, grid=(3, 2)), naive=True)


def missing_codecs() -> list[str]:
    """Codecs that this PyAV's FFmpeg cannot write."""
    return [codec for codec in ENCODERS if not can_encode(codec)]
