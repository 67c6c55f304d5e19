"""Odd media: the right frames at the right times, without decoding more than they need."""

from fractions import Fraction
from pathlib import Path

import av
import pytest
from av.video.frame import VideoFrame
from tests.looking import look
from tests.synthetic_video import read_number, write_video

from dfd.errors import (
    NoVideoStream,
    UnreadableVideo,
)
from dfd.sampling import sampling_times
from dfd.video.pyav import PyAvOpener
from dfd.video.reader import StreamReader, VideoPacket

ROBUST_ERRORS = {
    "audio_only.m4a": NoVideoStream,
    "audio_only_in_mov.mov": NoVideoStream,
    "random_bytes.mp4": UnreadableVideo,
    "text.mp4": UnreadableVideo,
    "truncated_no_moov.mp4": UnreadableVideo,
    "zero_bytes.mp4": UnreadableVideo,
}
ROBUST_SIZES = {  # width, height, rotation, frames sampled at 2 a second
    "av1_video.mkv": (640, 360, 0, 10),
    "black.mp4": (640, 360, 0, 6),
    "bt709_full_range.mp4": (1280, 720, 0, 2),
    "deepfake_with_detection_overlay.mp4": (854, 480, 0, 96),
    "h264_10bits.mp4": (200, 200, 0, 2),
    "h265_video.mp4": (128, 128, 0, 2),
    "hdr10_pq_hevc10.mp4": (360, 640, 0, 4),
    "mjpeg.avi": (360, 640, 0, 4),
    "multiface_crowd.mp4": (1920, 1080, 0, 9),
    "nasa_13013.mp4": (480, 270, 0, 27),
    "noface_testsrc.mp4": (640, 360, 0, 6),
    "one_frame.mp4": (360, 640, 0, 1),
    "painting_face_5fps.mp4": (426, 240, 0, 37),
    "tiny_72px.mp4": (72, 128, 0, 4),
    "tinyface_fullbody_256.mp4": (256, 256, 0, 92),
    "vfr_dropped.mp4": (360, 640, 0, 8),
    "video_0.mov": (568, 320, 0, 1),
    "video_90.mov": (320, 568, 90, 1),
    "video_180.mov": (568, 320, 180, 1),
    "video_270.mov": (320, 568, 270, 1),
    "vp9.webm": (360, 640, 0, 4),
    "wmv2.wmv": (360, 640, 0, 4),
    "yuvj444p_1080_MEAD_real.mp4": (1920, 1080, 0, 8),
}


@pytest.mark.real_data
def test_every_robust_file_is_expected(data_dir: Path) -> None:
    assert {path.name for path in (data_dir / "robust").iterdir()} == set(ROBUST_ERRORS) | set(ROBUST_SIZES)


@pytest.mark.real_data
@pytest.mark.parametrize("name", ROBUST_ERRORS)
def test_robust_file_is_refused(data_dir: Path, name: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ROBUST_ERRORS[name], match=name):
        look(data_dir / "robust" / name)
    assert capfd.readouterr() == ("", "")


@pytest.mark.real_data
@pytest.mark.parametrize("name", ROBUST_SIZES)
def test_robust_file_is_read(data_dir: Path, name: str, capfd: pytest.CaptureFixture[str]) -> None:
    width_px, height_px, rotation_deg, count = ROBUST_SIZES[name]

    info, frames, complete = look(data_dir / "robust" / name, working_side_px=640)

    assert (info.width_px, info.height_px, info.rotation_deg) == (width_px, height_px, rotation_deg)
    assert len(frames) == count
    assert complete
    for frame in frames:
        assert frame.image.shape == (round(height_px * frame.scale), round(width_px * frame.scale), 3)
        assert max(frame.image.shape) == min(640, max(width_px, height_px))
    assert name == "black.mp4" or all(frame.image.std() > 5 for frame in frames)
    assert capfd.readouterr() == ("", "")


def test_the_film_is_taken_and_not_its_cover(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mp4", frames=30, audio=True, cover=True)

    info, frames, _ = look(path)

    assert (info.width_px, info.height_px, info.codec) == (192, 128, "h264")
    assert [read_number(frame.image) for frame in frames] == [round(frame.pts_s * 30) for frame in frames]


def test_the_facts_tell_of_every_track_and_tag(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mp4", frames=30, audio=True)
    with av.open(str(path)) as whole, av.open(str(tmp_path / "tagged.mp4"), "w") as tagged:
        tagged.metadata.update({"creation_time": "2026-01-30T18:02:11.000000Z", "comment": "<b>\n" + "x" * 900})
        kept = {stream: tagged.add_stream_from_template(stream) for stream in whole.streams}
        for packet in whole.demux():
            if packet.dts is not None:
                packet.stream = kept[packet.stream]
                tagged.mux(packet)
    with PyAvOpener().open(tmp_path / "tagged.mp4") as video:
        facts = video.facts
    assert (facts.video_tracks, facts.audio_tracks) == (1, 1)
    assert (facts.audio[0].codec, facts.audio[0].channels) == ("aac", 2)
    assert (facts.profile, facts.codec_tag, facts.pixel_format) == ("High", "avc1", "yuv420p")
    told = {(tag.where, tag.name): tag.value for tag in facts.tags}
    assert told["container", "creation_time"] == "2026-01-30T18:02:11.000000Z"
    assert told["container", "comment"].startswith("<b>\N{REPLACEMENT CHARACTER}xxx")
    assert len(told["container", "comment"]) == 200


@pytest.mark.parametrize("start_s", [0.0, 5.0])
def test_times_count_from_the_first_frame(tmp_path: Path, start_s: float) -> None:
    path = write_video(tmp_path / "clip.ts", frames=40, start_s=start_s, audio=True)

    info, frames, _ = look(path, fps=5)

    assert frames[0].pts_s == 0.0
    assert info.duration_s == pytest.approx(40 / 30, abs=0.1)
    assert [read_number(frame.image) for frame in frames] == [round(frame.pts_s * 30) for frame in frames]


def test_variable_frame_rate_keeps_true_times(tmp_path: Path) -> None:
    times_s = [0.0, 0.1, 0.2, 1.7, 1.8, 3.0, 3.1]
    path = write_video(tmp_path / "clip.mp4", times_s=times_s)

    _, frames, _ = look(path, fps=100)

    assert [frame.pts_s for frame in frames] == pytest.approx(times_s)
    assert [read_number(frame.image) for frame in frames] == list(range(7))


def packets_decoded(path: Path, times_s: tuple[float, ...], monkeypatch: pytest.MonkeyPatch) -> int:
    """How many packets a sample feeds to the decoder."""
    fed: list[VideoPacket | None] = []
    plainly = StreamReader.decode

    def counting(self: StreamReader, packet: VideoPacket | None) -> list[VideoFrame]:
        fed.append(packet)
        return plainly(self, packet)

    with PyAvOpener().open(path) as video:
        monkeypatch.setattr(StreamReader, "decode", counting)
        assert len(list(video.sample(times_s))) == len(times_s)
        monkeypatch.undo()
    return sum(packet is not None for packet in fed)


def test_frames_that_nothing_needs_are_not_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_video(tmp_path / "clip.mp4", frames=120, options={"x264-params": "bframes=3:b-adapt=0:keyint=40"})

    assert packets_decoded(path, sampling_times(4.0, 2.0, 256), monkeypatch) <= 60


def test_long_videos_are_not_decoded_wholly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_video(tmp_path / "clip.mp4", frames=600, fps=5, size=(64, 48), options={"g": "25"})  # two minutes

    assert packets_decoded(path, sampling_times(120.0, 2.0, 6), monkeypatch) <= 12


@pytest.mark.parametrize("suffix", [".webm", ".mp4"])
def test_what_the_container_leaves_out_is_counted(tmp_path: Path, suffix: str) -> None:
    """A recording that was streamed out: its header knows neither duration nor count."""
    live = {"live": "1"} if suffix == ".webm" else {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
    codec = "libvpx" if suffix == ".webm" else "libx264"
    path = write_video(tmp_path / f"clip{suffix}", frames=45, codec=codec, container_options=live)

    info, frames, complete = look(path)

    assert info.frame_count == 45
    assert info.duration_s == pytest.approx(1.5, abs=0.05)
    assert [read_number(frame.image) for frame in frames] == [round(frame.pts_s * 30) for frame in frames]
    assert len(frames) == 3
    assert complete


@pytest.mark.parametrize(("count", "fps"), [(30, 30), (1, 1)])
@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_a_long_sound_track_is_no_damage(tmp_path: Path, suffix: str, count: int, fps: int) -> None:
    path = write_video(tmp_path / f"clip{suffix}", frames=count, fps=fps, audio=True, audio_s=8.0)

    info, frames, complete = look(path)

    assert info.duration_s == pytest.approx(1.0, abs=0.05)
    assert len(frames) == min(count, 2)
    assert complete


@pytest.mark.parametrize(("codec", "delay"), [("gif", "500"), ("apng", "5")])
def test_a_last_frame_that_stays_is_no_damage(tmp_path: Path, codec: str, delay: str) -> None:
    path = write_video(
        tmp_path / f"clip.{codec}", frames=5, fps=10, codec=codec, container_options={"final_delay": delay}
    )

    info, frames, complete = look(path)

    assert info.duration_s == pytest.approx(5.4)
    assert [frame.pts_s for frame in frames] == pytest.approx([0.0, 0.4])
    assert complete


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_an_only_frame_that_stays_is_no_damage(tmp_path: Path, suffix: str) -> None:
    path = write_video(tmp_path / f"clip{suffix}", frames=1, fps=Fraction(1, 5))

    info, frames, complete = look(path)

    assert (info.duration_s, len(frames)) == (5.0, 1)
    assert complete
