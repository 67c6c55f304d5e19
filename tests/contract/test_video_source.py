"""Every video source gives the frames that a plain decode of the whole video would give, whatever it leaves out."""

import hashlib
import json
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Literal

import av
import pytest
from tests.synthetic_video import read_number, write_video

from dfd.media import MediaFacts
from dfd.ports import VideoOpener
from dfd.sampling import FrameKind, FrameStamp, choose_frames, following_frame, sampling_times
from dfd.types import Frame, ImageU8
from dfd.video.convert import FrameConverter
from dfd.video.pyav import PyAvOpener
from dfd.video.sandboxed import SandboxedOpener

SIZE = (128, 96)
WORKING_SIDE_PX = 112
CODEC_NAMES = {"libx264": "h264", "libx265": "hevc", "libvpx": "vp8", "libvpx-vp9": "vp9", "libsvtav1": "av1"}


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
            size=SIZE,
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
    Clip("av1", ".mkv", codec="libsvtav1", options={"preset": "12", "g": "20"}, frames=50),
    Clip("mpeg4", codec="mpeg4", options={"bf": "2", "g": "12"}),
    Clip("mpeg4_avi", ".avi", codec="mpeg4", options={"bf": "2", "g": "12"}),
    Clip("mpeg2_avi", ".avi", codec="mpeg2video", options={"bf": "2", "g": "12"}),
    Clip("mpeg2", ".ts", codec="mpeg2video", options={"bf": "2", "g": "12"}, fps=25),
    Clip("mjpeg", ".mov", codec="mjpeg", frames=40),
    Clip("gif", ".gif", codec="gif", frames=40, fps=10, kinds=False),
    Clip("h264_50", options=x264("keyint=40:bframes=5:b-adapt=0:scenecut=0"), fps=50),
    Clip("h264_60_open", ".mkv", options=x264("open-gop=1:keyint=32:bframes=7:b-adapt=0:scenecut=0"), fps=60),
    Clip("h264_120", options=x264("keyint=70:bframes=3"), frames=200, fps=120),
    Clip("hevc_60", codec="libx265", options=x265("keyint=24:open-gop=1:bframes=5:b-adapt=0"), frames=70, fps=60),
    Clip("gif_50", ".gif", codec="gif", frames=60, fps=50, kinds=False),
    Clip("sparse_closed", options=x264("keyint=15:scenecut=0"), frames=200, fps=5),
    Clip("sparse_open", ".mkv", options=x264("open-gop=1:keyint=20:scenecut=0"), frames=200, fps=5),
    Clip("sparse_long_gop", options=x264("keyint=120:scenecut=0"), frames=200, fps=5),
    Clip("sparse_one_gop", ".mkv", options=x264("keyint=infinite:scenecut=0"), frames=200, fps=5),
    Clip("sparse_ts", ".ts", options=x264("keyint=15:scenecut=0"), frames=200, fps=5),
    Clip("sparse_refresh", ".ts", options=x264("intra-refresh=1:keyint=15:bframes=0"), frames=200, fps=5),
    Clip("sparse_hevc", codec="libx265", options=x265("keyint=15"), frames=200, fps=5),
    Clip("sparse_vp9", ".webm", codec="libvpx-vp9", options={"cpu-used": "8", "g": "30"}, frames=200, fps=5),
]


NOT_SKIPPABLE = {"hevc_start_codes"}
"""Clips whose packets do not prove that nothing refers to a frame; there all frames count as references."""


@dataclass(frozen=True)
class Reference:
    """A written clip, and what a plain decode makes of it."""

    clip: Clip
    path: Path
    stamps: list[FrameStamp]
    digests: list[str]

    def sample(self, times_s: Sequence[float]) -> list[tuple[float, str]]:
        """Time and digest of the frames that stand for the targets."""
        return [(self.stamps[index].pts_s, self.digests[index]) for index in choose_frames(self.stamps, times_s)]

    def pairs(self, times_s: Sequence[float]) -> list[tuple[float, str, str | None]]:
        """The same, and the digest of the frame that follows each."""
        found = []
        for index in choose_frames(self.stamps, times_s):
            after = following_frame(self.stamps, index)
            found.append(
                (self.stamps[index].pts_s, self.digests[index], None if after is None else self.digests[after])
            )
        return found


def digest(image: ImageU8) -> str:
    return hashlib.sha256(image.tobytes()).hexdigest()


def decode_all(path: Path, skip: Literal["DEFAULT", "NONREF"] = "DEFAULT") -> tuple[list[av.VideoFrame], float]:
    """Every frame, and the length of a tick of their time stamps in seconds."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.codec_context.skip_frame = skip
        return list(container.decode(stream)), float(stream.time_base or 0)


def decode_plainly(described: Clip, path: Path) -> Reference:
    """Learn times, kinds and pictures from FFmpeg's own decoder, not from the code under test."""
    frames, tick_s = decode_all(path)
    references = {frame.pts for frame in decode_all(path, "NONREF")[0]}
    skips = described.codec in {"libx264", "libx265"} and described.name not in NOT_SKIPPABLE
    refreshes = "refresh" in described.name  # FFmpeg calls frames key frames from which decoding is not yet exact
    converter = FrameConverter(WORKING_SIDE_PX, Fraction(1))
    stamps, digests = [], []
    start = frames[0].pts or 0
    for index, frame in enumerate(frames):
        kind = FrameKind.OTHER if skips and frame.pts not in references else FrameKind.REFERENCE
        kind = FrameKind.KEY if frame.key_frame and not (refreshes and index) else kind
        stamps.append(FrameStamp(((frame.pts or 0) - start) * tick_s, kind if described.kinds else FrameKind.OTHER))
        digests.append(digest(converter.convert(frame)[0]))
    return Reference(described, path, stamps, digests)


@pytest.fixture(scope="module", params=CLIPS, ids=lambda clip: clip.name)
def reference(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Reference:
    described: Clip = request.param
    return decode_plainly(described, described.write(tmp_path_factory.mktemp("clips")))


ADAPTERS: dict[str, Callable[[int], VideoOpener]] = {
    "here": lambda threads: PyAvOpener(working_side_px=WORKING_SIDE_PX, threads=threads),
    "sandboxed": lambda threads: SandboxedOpener(working_side_px=WORKING_SIDE_PX, threads=threads),
}


@pytest.fixture(scope="module", params=ADAPTERS)
def adapter(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def opener(adapter: str) -> Iterator[VideoOpener]:
    opener = ADAPTERS[adapter](2)
    yield opener
    if isinstance(opener, SandboxedOpener):
        opener.close()


def seen(frames: Iterable[Frame]) -> list[tuple[float, str]]:
    return [(frame.pts_s, digest(frame.image)) for frame in frames]


def seen_in_pairs(frames: Iterable[Frame]) -> list[tuple[float, str, str | None]]:
    return [
        (frame.pts_s, digest(frame.image), None if frame.following is None else digest(frame.following))
        for frame in frames
    ]


@pytest.mark.parametrize("fps", [0.1, 0.5, 2.0, 10.0, 100.0])
def test_gives_the_pairs_of_a_plain_decode(reference: Reference, opener: VideoOpener, fps: float) -> None:
    with opener.open(reference.path) as video:
        times_s = sampling_times(video.info.duration_s, fps, 256)

        assert seen_in_pairs(video.sample(times_s, with_next=True)) == reference.pairs(times_s)
        assert video.complete


@pytest.mark.parametrize("fps", [0.1, 0.5, 2.0, 10.0, 100.0])
def test_gives_the_frames_of_a_plain_decode(reference: Reference, opener: VideoOpener, fps: float) -> None:
    with opener.open(reference.path) as video:
        times_s = sampling_times(video.info.duration_s, fps, 256)
        frames = list(video.sample(times_s))

        assert seen(frames) == reference.sample(times_s)
        assert [frame.index for frame in frames] == list(range(len(frames)))
        assert not any(frame.following is not None for frame in frames)
        assert video.complete


def test_frames_are_the_ones_of_their_times(reference: Reference, opener: VideoOpener) -> None:
    if reference.clip.jitter or reference.clip.codec == "gif":
        pytest.skip("numbers follow from times only at a constant rate and in true colours")
    with opener.open(reference.path) as video:
        frames = list(video.sample([0.0, 1.0, 2.0]))

    assert [read_number(frame.image) for frame in frames] == [
        round(frame.pts_s * reference.clip.fps) for frame in frames
    ]


def test_reports_what_the_file_holds(reference: Reference, opener: VideoOpener) -> None:
    clip = reference.clip
    with opener.open(reference.path) as video:
        info = video.info

    assert (info.width_px, info.height_px, info.rotation_deg) == (*SIZE, 0)
    assert info.frame_count == clip.frames
    assert info.duration_s == pytest.approx(reference.stamps[-1].pts_s + float(1 / Fraction(clip.fps)), abs=0.11)
    assert info.codec == CODEC_NAMES.get(clip.codec, clip.codec)
    if not clip.jitter:
        assert float(info.frame_rate_hz or 0) == pytest.approx(float(clip.fps), rel=0.02)


def test_tells_what_the_file_says_of_itself(reference: Reference, opener: VideoOpener) -> None:
    with opener.open(reference.path) as video:
        facts = video.facts
        list(video.sample([0.0]))
        assert video.facts == facts

    assert facts.size_bytes == reference.path.stat().st_size
    assert facts.container_name
    assert facts.pixel_format
    assert (facts.video_tracks, facts.audio_tracks, facts.other_tracks) == (1, 0, 0)
    assert MediaFacts.from_dict(json.loads(json.dumps(facts.to_dict()))) == facts


@pytest.fixture(scope="module")
def plain_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Clip("plain", frames=90, options=x264("keyint=30")).write(tmp_path_factory.mktemp("plain"))


def test_samples_again_after_being_stopped_early(plain_path: Path, opener: VideoOpener) -> None:
    times_s = sampling_times(3.0, 2.0, 256)
    with opener.open(plain_path) as video:
        whole = seen(video.sample(times_s))
        stopped = video.sample(times_s)
        next(stopped)
        assert isinstance(stopped, Generator)
        stopped.close()

        assert not video.complete
        assert seen(video.sample(times_s)) == whole
        assert video.complete


def test_may_be_read_by_another_thread(plain_path: Path, opener: VideoOpener) -> None:
    times_s = sampling_times(3.0, 2.0, 256)
    with opener.open(plain_path) as video, ThreadPoolExecutor(1) as pool:
        elsewhere = pool.submit(lambda: seen(video.sample(times_s))).result()

        assert elsewhere == seen(video.sample(times_s))


def test_may_be_closed_while_a_sample_is_unfinished(plain_path: Path, opener: VideoOpener) -> None:
    with opener.open(plain_path) as video:
        frames = video.sample([0.0, 1.0, 2.0])
        next(frames)
    video.close()

    with pytest.raises(ValueError, match="closed"):
        list(video.sample([0.0]))


def test_wants_ascending_times(plain_path: Path, opener: VideoOpener) -> None:
    with opener.open(plain_path) as video, pytest.raises(ValueError, match="ascend"):
        list(video.sample([1.0, 0.5]))


def test_no_targets_no_frames(plain_path: Path, opener: VideoOpener) -> None:
    with opener.open(plain_path) as video:
        assert list(video.sample([])) == []
        assert video.complete


def test_threads_do_not_change_frames(plain_path: Path, adapter: str) -> None:
    times_s = sampling_times(3.0, 10.0, 256)
    samples = []
    for threads in (1, 2, 5):
        with ADAPTERS[adapter](threads).open(plain_path) as video:
            samples.append(seen(video.sample(times_s)))

    assert samples[0] == samples[1] == samples[2]
