"""Every video source gives the frames that a plain decode of the whole video would give, whatever it leaves out."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import pytest

from dfd.ports import VideoOpener
from dfd.sampling import FrameKind, FrameStamp, choose_frames, sampling_times
from dfd.types import Frame
from dfd.video.convert import FrameConverter
from dfd.video.pyav import PyAvOpener
from tests.synthetic_video import read_number, write_video

WORKING_SIDE_PX = 160


@dataclass(frozen=True)
class Clip:
    """A synthetic video, and whether its packets tell the kind of their frames."""

    name: str
    suffix: str = ".mp4"
    codec: str = "libx264"
    options: dict[str, str] = field(default_factory=dict)
    frames: int = 100
    fps: Fraction | int = 30
    jitter: bool = False
    start_s: float = 0.0
    kinds: bool = True

    def write(self, folder: Path) -> Path:
        times_s = None
        if self.jitter:
            gaps = [(1 + number * 7 % 5) / 60 for number in range(self.frames)]
            times_s = [sum(gaps[:number]) for number in range(self.frames)]
        return write_video(
            folder / f"{self.name}{self.suffix}",
            frames=self.frames,
            fps=self.fps,
            codec=self.codec,
            options=self.options,
            times_s=times_s,
            start_s=self.start_s,
        )


def x264(params: str) -> dict[str, str]:
    return {"x264-params": params}


def x265(params: str) -> dict[str, str]:
    return {"x265-params": f"log-level=none:{params}"}


CLIPS = [
    Clip("h264_default"),
    Clip("h264_keyint_30", options=x264("keyint=30:min-keyint=30:scenecut=0")),
    Clip("h264_long_gop", options=x264("keyint=infinite:scenecut=0"), frames=400),
    Clip("h264_open_gop", options=x264("open-gop=1:keyint=24:bframes=5:scenecut=0:b-adapt=0")),
    Clip("h264_open_gop_ts", ".ts", options=x264("open-gop=1:keyint=24:bframes=3:scenecut=0:b-adapt=0")),
    Clip("h264_strict_pyramid", options=x264("b-pyramid=strict:bframes=7:b-adapt=0:keyint=60")),
    Clip("h264_no_pyramid", options=x264("b-pyramid=none:bframes=3:b-adapt=0")),
    Clip("h264_deep_pyramid", ".mkv", options=x264("b-pyramid=normal:bframes=8:ref=6:b-adapt=0:keyint=48")),
    Clip("h264_no_b_frames", options=x264("bframes=0:keyint=30")),
    Clip("h264_intra_refresh", ".ts", options=x264("intra-refresh=1:keyint=30:bframes=0")),
    Clip("h264_interlaced", options=x264("interlaced=1:keyint=30"), kinds=False),
    Clip("h264_variable_rate", jitter=True, options=x264("keyint=30")),
    Clip("h264_late_start", ".ts", start_s=7.5),
    Clip("h264_all_key", options=x264("keyint=1"), frames=40),
    Clip("h264_flv", ".flv", options=x264("keyint=24")),
    Clip("h264_avi", ".avi", options=x264("keyint=24:bframes=0")),
    Clip("hevc_default", codec="libx265", frames=70),
    Clip("hevc_open_gop", codec="libx265", options=x265("keyint=24:open-gop=1:bframes=5:b-adapt=0"), frames=70),
    Clip("hevc_layers", codec="libx265", options=x265("temporal-layers=3:keyint=30:bframes=3:b-adapt=0"), frames=70),
    Clip("hevc_start_codes", ".ts", codec="libx265", options=x265("keyint=24"), frames=50),
    Clip("vp9", ".webm", codec="libvpx-vp9", options={"deadline": "realtime", "cpu-used": "8", "g": "20"}, frames=60),
    Clip("vp9_alt_refs", ".webm", codec="libvpx-vp9", options={"cpu-used": "5", "g": "40"}, frames=50),
    Clip("vp8", ".webm", codec="libvpx", options={"auto-alt-ref": "1", "cpu-used": "5", "g": "20"}, frames=50),
    Clip("mpeg4", codec="mpeg4", options={"bf": "2", "g": "12"}),
    Clip("mpeg2", ".ts", codec="mpeg2video", options={"bf": "2", "g": "12"}, fps=25),
    Clip("mjpeg", ".mov", codec="mjpeg", frames=40),
    Clip("gif", ".gif", codec="gif", frames=40, fps=10, kinds=False),
    Clip("sparse_closed", options=x264("keyint=15:scenecut=0"), frames=300, fps=5),
    Clip("sparse_open", ".mkv", options=x264("open-gop=1:keyint=20:scenecut=0"), frames=300, fps=5),
    Clip("sparse_long_gop", options=x264("keyint=120:scenecut=0"), frames=300, fps=5),
    Clip("sparse_one_gop", ".mkv", options=x264("keyint=infinite:scenecut=0"), frames=300, fps=5),
    Clip("sparse_ts", ".ts", options=x264("keyint=15:scenecut=0"), frames=300, fps=5),
    Clip("sparse_refresh", ".ts", options=x264("intra-refresh=1:keyint=15:bframes=0"), frames=300, fps=5),
    Clip("sparse_hevc", codec="libx265", options=x265("keyint=15"), frames=200, fps=5),
    Clip("sparse_vp9", ".webm", codec="libvpx-vp9", options={"cpu-used": "8", "g": "30"}, frames=200, fps=5),
]


@pytest.fixture(scope="module", params=CLIPS, ids=lambda clip: clip.name)
def clip(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Clip, Path]:
    described: Clip = request.param
    return described, described.write(tmp_path_factory.mktemp("clips"))


@pytest.fixture
def opener() -> VideoOpener:
    return PyAvOpener(working_side_px=WORKING_SIDE_PX)


def decode_all(path: Path, skip: str = "DEFAULT") -> list[tuple[int, bool, av.VideoFrame]]:
    """Time stamp, key flag and picture of every frame."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.codec_context.skip_frame = skip  # type: ignore[assignment] # a plain string of PyAV's literals
        return [(frame.pts or 0, frame.key_frame, frame) for frame in container.decode(stream)]


def plain_stamps(described: Clip, path: Path) -> list[tuple[FrameStamp, av.VideoFrame]]:
    """Every frame with its kind, learnt from FFmpeg's own decoder and not from the code under test."""
    decoded = decode_all(path)
    references = {pts for pts, _, _ in decode_all(path, "NONREF")}
    with av.open(str(path)) as container:
        tick_s = float(container.streams.video[0].time_base or 0)
        trusts_keys = "refresh" not in described.name
        skippable = described.codec in {"libx264", "libx265"} and described.name not in NOT_SKIPPABLE
    stamps = []
    for pts, key, frame in decoded:
        kind = FrameKind.REFERENCE if pts in references or not skippable else FrameKind.OTHER
        if key and (trusts_keys or pts == decoded[0][0]):
            kind = FrameKind.KEY
        if not described.kinds:
            kind = FrameKind.OTHER
        stamps.append((FrameStamp((pts - decoded[0][0]) * tick_s, kind), frame))
    return stamps


NOT_SKIPPABLE = {"hevc_start_codes"}


def expected(described: Clip, path: Path, times_s: Sequence[float]) -> list[tuple[float, str]]:
    stamps = plain_stamps(described, path)
    converter = FrameConverter(WORKING_SIDE_PX, Fraction(1))
    chosen = choose_frames([stamp for stamp, _ in stamps], times_s)
    return [(stamps[index][0].pts_s, digest(converter.convert(stamps[index][1])[0].tobytes())) for index in chosen]


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def sample(opener: VideoOpener, path: Path, fps: float) -> tuple[tuple[float, ...], list[Frame], bool]:
    with opener.open(path) as video:
        times_s = sampling_times(video.info.duration_s, fps, 256)
        return times_s, list(video.sample(times_s)), video.complete


@pytest.mark.parametrize("fps", [0.1, 0.5, 2.0, 10.0, 100.0])
def test_gives_the_frames_of_a_plain_decode(clip: tuple[Clip, Path], opener: VideoOpener, fps: float) -> None:
    described, path = clip

    times_s, frames, complete = sample(opener, path, fps)

    assert [(frame.pts_s, digest(frame.image.tobytes())) for frame in frames] == expected(described, path, times_s)
    assert [frame.index for frame in frames] == list(range(len(frames)))
    assert complete
