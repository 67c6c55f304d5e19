"""Clips to measure on: a hand-held camera on a photograph of a person, with sensor noise."""

import math
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import cv2
import numpy as np
from samples.make_samples import FRAME_RATE_HZ, Take, astronaut, camera
from tests.scheduling import scheduled_as_before

from dfd.types import ImageU8

_PLATE_MARGIN_PX = 64  # the noise plate is this much larger than a frame, so that every frame cuts another piece


@dataclass(frozen=True, slots=True)
class Encoder:
    """What writes a codec.

    Attributes:
        name: as FFmpeg calls it.
        options: of it. The newer codecs get 3 Mbit/s, whatever the size, where libx264 spends 5 on 1080p at its own
            quality: at theirs they would smooth the noise away, and with it most of the work.
    """

    name: str
    options: Mapping[str, str]


ENCODERS: Final = {
    "h264": Encoder("libx264", {"preset": "medium"}),
    "hevc": Encoder("libx265", {"preset": "fast", "b": "3M", "x265-params": "log-level=none"}),
    "vp9": Encoder("libvpx-vp9", {"b": "3M", "deadline": "good", "cpu-used": "5", "row-mt": "1"}),
    "av1": Encoder("libsvtav1", {"preset": "9", "b": "3M", "svtav1-params": "rc=1:lp=2"}),
}


def can_encode(codec: str) -> bool:
    """Whether this PyAV's FFmpeg writes a codec of `ENCODERS`."""
    try:
        av.Codec(ENCODERS[codec].name, "w")
    except av.codec.codec.UnknownCodecError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class ClipSpec:
    """What to make.

    Attributes:
        size_px: width and height.
        seconds: length of what is encoded; the camera's path closes after ten.
        repeats: how often that is played in a row, without encoding it again.
        noise: standard deviation of the sensor noise, in levels of 255; it decides the bitrate.
        preset: in place of the encoder's own in `ENCODERS`; None keeps that.
        codec: a name of `ENCODERS`.
        gop: most frames from one keyframe to the next; None leaves that to the encoder.
        grid: how often the same person stands side by side, and how often one above the other.
    """

    size_px: tuple[int, int]
    seconds: float
    repeats: int = 1
    noise: float = 7.0
    preset: str | None = None
    codec: str = "h264"
    gop: int | None = None
    grid: tuple[int, int] = (1, 1)


FULL_HD = ClipSpec((1920, 1080), 10.0, repeats=3)
COLD_START = ClipSpec((1280, 720), 5.0)
FOUR_K = ClipSpec((3840, 2160), 3.0, preset="veryfast")
TEN_MINUTES = ClipSpec((640, 360), 10.0, repeats=60)


def make_clip(path: Path, spec: ClipSpec) -> None:
    """Write a clip whose faces are large enough to be found throughout; the same pictures each time.

    Encoders keep their own defaults in all else (libx264: CRF 23, 250 frames between keyframes, 3 B-frames).
    """
    if spec.repeats == 1:
        _encode(path, spec)
        return
    with tempfile.TemporaryDirectory() as folder:
        once = Path(folder) / path.name
        _encode(once, spec)
        repeat_clip(once, path, spec.repeats)


@scheduled_as_before()
def _encode(path: Path, spec: ClipSpec) -> None:
    with av.open(str(path), "w") as container:
        encoder = ENCODERS[spec.codec]
        options = {**encoder.options, "threads": "2"}
        if spec.preset is not None:
            options["preset"] = spec.preset
        if spec.gop is not None:
            options["g"] = str(spec.gop)
        stream = container.add_stream(encoder.name, rate=FRAME_RATE_HZ, options=options)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height = spec.size_px
        stream.pix_fmt = "yuv420p"
        stream.time_base = Fraction(1, FRAME_RATE_HZ)
        for image in _scene(spec):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())


def _scene(spec: ClipSpec) -> Iterator[ImageU8]:
    rng = np.random.default_rng(0)
    width, height = spec.size_px
    photo = astronaut()
    columns, rows = spec.grid
    take = Take((width // columns, height // rows), look_at=(0.46, 0.255), view=0.84, seed=0)
    phases = rng.uniform(0, 2 * math.pi, size=8).tolist()
    plate_shape = (height + _PLATE_MARGIN_PX, width + _PLATE_MARGIN_PX, 3)
    plate = np.rint(rng.standard_normal(plate_shape, dtype=np.float32) * spec.noise).astype(np.int16)
    for index in range(round(spec.seconds * FRAME_RATE_HZ)):
        time_s = index / FRAME_RATE_HZ
        # The camera's path is made for five seconds: walk it to and fro.
        view = camera(photo, take, 5.0 - abs(5.0 - time_s % 10.0), phases)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        person = cv2.warpAffine(photo, view, take.size_px, flags=flags, borderMode=cv2.BORDER_REFLECT)
        picture = np.tile(person, (rows, columns, 1))
        top, left = rng.integers(0, _PLATE_MARGIN_PX, size=2)
        noisy = cv2.add(picture, plate[top : top + height, left : left + width], dtype=cv2.CV_8U)
        yield np.asarray(noisy, dtype=np.uint8)


def repeat_clip(source: Path, path: Path, times: int) -> None:
    """Write the clip `times` times in a row without encoding it again."""
    with av.open(str(path), "w") as output:
        target = None
        offset = 0
        for _ in range(times):
            with av.open(str(source)) as container:
                stream = container.streams.video[0]
                target = target or output.add_stream_from_template(stream)
                for packet in container.demux(stream):
                    if packet.dts is None or packet.pts is None:
                        continue
                    packet.pts, packet.dts = packet.pts + offset, packet.dts + offset
                    packet.stream = target
                    output.mux(packet)
                offset += stream.duration or 0


def bitrate_mbps(path: Path) -> float:
    """Mean bitrate of a clip in megabits a second."""
    with av.open(str(path)) as container:
        duration_s = (container.duration or 0) / av.time_base
    return path.stat().st_size * 8 / duration_s / 1e6 if duration_s else 0.0
