"""The picture after a sampled one: the right one, at little more cost, whatever the video is like."""

import hashlib
from fractions import Fraction
from pathlib import Path

import av
import pytest
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from tests.synthetic_video import Painter, paint_flat, paint_number, read_number, write_picture, write_video

from dfd.sampling import FrameKind, FrameStamp, following_frame, sampling_times
from dfd.types import Frame, ImageU8
from dfd.video.convert import FrameConverter
from dfd.video.pyav import PyAvOpener
from dfd.video.reader import StreamDamaged, StreamReader, VideoPacket

SIDE_PX = 160
OPENER = PyAvOpener(working_side_px=SIDE_PX)
READABLE = [
    "av1_video.mkv",
    "black.mp4",
    "bt709_full_range.mp4",
    "h264_10bits.mp4",
    "h265_video.mp4",
    "hdr10_pq_hevc10.mp4",
    "mjpeg.avi",
    "multiface_crowd.mp4",
    "nasa_13013.mp4",
    "one_frame.mp4",
    "painting_face_5fps.mp4",
    "tiny_72px.mp4",
    "vfr_dropped.mp4",
    "video_0.mov",
    "video_90.mov",
    "video_180.mov",
    "video_270.mov",
    "vp9.webm",
    "wmv2.wmv",
    "yuvj444p_1080_MEAD_real.mp4",
]


def sampled(path: Path, fps: float = 2.0, *, with_next: bool) -> tuple[list[Frame], bool]:
    """The frames of a video, and whether it was read to its end."""
    with OPENER.open(path) as video:
        frames = list(video.sample(sampling_times(video.info.duration_s, fps, 256), with_next=with_next))
        return frames, video.complete


def digest(image: ImageU8) -> bytes:
    return hashlib.sha256(image.tobytes()).digest()


def numbers(frames: list[Frame]) -> list[tuple[int, int | None]]:
    return [
        (read_number(frame.image), None if frame.following is None else read_number(frame.following))
        for frame in frames
    ]


def plain_decode(path: Path) -> tuple[list[FrameStamp], list[bytes]]:
    """Time and digest of every frame, from FFmpeg's decoder alone."""
    with av.open(str(path)) as container:
        stream = container.streams.best("video")
        assert isinstance(stream, VideoStream)
        stream.thread_type = "AUTO"
        converter = FrameConverter(SIDE_PX, stream.sample_aspect_ratio)
        shown = [(frame.time or 0.0, digest(converter.convert(frame)[0])) for frame in container.decode(stream)]
    return [FrameStamp(time_s - shown[0][0], FrameKind.OTHER) for time_s, _ in shown], [made for _, made in shown]


@pytest.mark.real_data
@pytest.mark.parametrize("name", READABLE)
def test_odd_files_give_the_pairs_of_a_plain_decode(data_dir: Path, name: str) -> None:
    path = data_dir / "robust" / name
    alone, _ = sampled(path, with_next=False)
    pairs, complete = sampled(path, with_next=True)
    stamps, digests = plain_decode(path)

    assert complete
    assert [digest(frame.image) for frame in pairs] == [digest(frame.image) for frame in alone]
    for frame in pairs:
        index = min(range(len(stamps)), key=lambda number: abs(stamps[number].pts_s - frame.pts_s))
        after = following_frame(stamps, index)
        assert digest(frame.image) == digests[index]
        assert (frame.following is None) == (after is None)
        assert after is None or frame.following is None or digest(frame.following) == digests[after]


@pytest.mark.parametrize(("rate_hz", "later"), [(5, 1), (30, 1), (50, 2), (60, 2), (120, 4)])
def test_the_following_picture_is_a_thirtieth_later_or_the_next(tmp_path: Path, rate_hz: int, later: int) -> None:
    path = write_video(tmp_path / "clip.mp4", frames=2 * rate_hz + 1, fps=rate_hz)

    pairs, _ = sampled(path, with_next=True)

    last = 2 * rate_hz
    assert len(pairs) >= 4
    for number, following in numbers(pairs):
        assert following == (min(number + later, last) if number < last else None)


@pytest.mark.parametrize("suffix", [".mp4", ".gif"])
def test_nothing_follows_the_last_frame(tmp_path: Path, suffix: str) -> None:
    codec = "gif" if suffix == ".gif" else "libx264"
    path = write_video(tmp_path / f"clip{suffix}", frames=8, fps=10, codec=codec)

    pairs, complete = sampled(path, fps=100, with_next=True)

    assert complete
    assert [frame.following is None for frame in pairs] == 7 * [False] + [True]


def test_nothing_follows_a_still_picture(tmp_path: Path) -> None:
    path = write_picture(tmp_path / "face.png", paint_number(3, (64, 48)))

    ((frame,), complete) = sampled(path, with_next=True)

    assert frame.following is None
    assert complete


@pytest.mark.parametrize("rotation_deg", [90, 180, 270])
def test_both_pictures_are_upright(tmp_path: Path, rotation_deg: int) -> None:
    path = write_video(tmp_path / "clip.mov", frames=10, size=(128, 64), rotation_deg=rotation_deg)

    ((pair,), _) = sampled(path, with_next=True)
    every, _ = sampled(path, fps=100, with_next=False)

    assert pair.following is not None
    assert pair.image.shape == pair.following.shape == ((64, 128, 3) if rotation_deg == 180 else (128, 64, 3))
    assert digest(pair.following) == digest(every[1].image)


def join(path: Path, sizes: list[tuple[int, int]], paint: Painter) -> Path:
    """Write videos of several sizes one after the other, as one H.264 stream whose packets carry no times."""
    parts = []
    for number, size in enumerate(sizes):
        part = path.with_name(f"part{number}.h264")
        write_video(part, frames=10, fps=25, size=size, paint=paint, options={"x264-params": "bframes=0"})
        parts.append(part.read_bytes())
    path.write_bytes(b"".join(parts))
    return path


def test_a_picture_of_another_size_does_not_follow(tmp_path: Path) -> None:
    path = join(tmp_path / "clip.h264", [(128, 96), (96, 128)], paint_flat(200, 100, 50))

    pairs, _ = sampled(path, fps=100, with_next=True)

    shapes = [(frame.image.shape, None if frame.following is None else frame.following.shape) for frame in pairs]
    first, second = (96, 128, 3), (128, 96, 3)
    assert shapes == [*9 * [(first, first)], (first, None), *9 * [(second, second)], (second, None)]


def fed_packets(path: Path, times_s: tuple[float, ...], monkeypatch: pytest.MonkeyPatch, *, with_next: bool) -> int:
    """How many packets a sample feeds to the decoder."""
    fed = 0
    plainly = StreamReader.decode

    def counting(self: StreamReader, packet: VideoPacket | None) -> list[VideoFrame]:
        nonlocal fed
        fed += packet is not None
        return plainly(self, packet)

    with OPENER.open(path) as video, monkeypatch.context() as patch:
        patch.setattr(StreamReader, "decode", counting)
        assert len(list(video.sample(times_s, with_next=with_next))) == len(times_s)
    return fed


def test_a_pair_costs_one_more_packet_where_frames_can_be_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"x264-params": "bframes=3:b-pyramid=none:b-adapt=0:keyint=200:scenecut=0"}
    path = write_video(tmp_path / "clip.mp4", frames=120, options=options)
    times_s = sampling_times(4.0, 2.0, 256)

    alone = fed_packets(path, times_s, monkeypatch, with_next=False)

    assert alone <= 30
    # and one more reference for the last sample: the frame after it is predicted from both
    assert fed_packets(path, times_s, monkeypatch, with_next=True) == alone + len(times_s) + 1


def test_pairs_far_apart_are_sought_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options = {"x264-params": "bframes=3:b-pyramid=none:b-adapt=0:keyint=25:scenecut=0"}
    path = write_video(tmp_path / "clip.mp4", frames=600, fps=5, size=(64, 48), options=options)  # two minutes
    times_s = sampling_times(120.0, 2.0, 6)

    assert fed_packets(path, times_s, monkeypatch, with_next=False) == 6
    assert fed_packets(path, times_s, monkeypatch, with_next=True) == 6 + 6 + 6  # key frame, next reference, frame


def spoil(monkeypatch: pytest.MonkeyPatch, pts_s: float) -> None:
    """Let the decoder stumble over the packet of a time."""
    plainly = StreamReader.decode

    def stumbling(self: StreamReader, packet: VideoPacket | None) -> list[VideoFrame]:
        if packet is not None and packet.pts is not None and abs(float(packet.pts * packet.time_base) - pts_s) < 1e-3:
            raise StreamDamaged
        return plainly(self, packet)

    monkeypatch.setattr(StreamReader, "decode", stumbling)


@pytest.mark.parametrize("threads", [1, 4])
def test_damage_to_a_following_frame_loses_no_sample(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, threads: int
) -> None:
    options = {"x264-params": "bframes=3:b-adapt=0:b-pyramid=none:keyint=30:scenecut=0"}
    path = write_video(tmp_path / "clip.mp4", frames=90, options=options)
    times_s = (0.0, 1.0, 2.0)  # key frames, before frames that nothing refers to

    with PyAvOpener(threads=threads).open(path) as video:
        spoil(monkeypatch, 31 / 30)
        alone = numbers(list(video.sample(times_s)))
        alone_complete = video.complete
        pairs = numbers(list(video.sample(times_s, with_next=True)))

    assert (alone, alone_complete) == ([(0, None), (30, None), (60, None)], True)
    assert pairs[0] == (0, 1)
    assert pairs[1:] == alone[1:]
    assert not video.complete


def test_damage_in_between_leaves_the_sample_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_video(tmp_path / "clip.gif", frames=30, fps=10, codec="gif")

    with OPENER.open(path) as video:
        spoil(monkeypatch, 1.1)
        frames = list(video.sample((0.0, 1.0, 2.0), with_next=True))

    assert [round(frame.pts_s, 3) for frame in frames] == [0.0, 1.0]
    assert [frame.following is None for frame in frames] == [False, True]
    assert not video.complete


def test_pairs_do_not_depend_on_the_rate_at_which_frames_are_taken(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mp4", frames=90, fps=Fraction(60))

    dense, _ = sampled(path, fps=100, with_next=True)
    sparse, _ = sampled(path, with_next=True)

    assert set(numbers(sparse)) <= set(numbers(dense))
    assert numbers(dense) == [(number, min(number + 2, 89) if number < 89 else None) for number in range(90)]
