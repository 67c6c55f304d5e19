"""Odd, hostile and broken media: a clear error or the right frames, never a crash, noise or somebody else's file."""

import struct
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from av.video.frame import VideoFrame
from tests.synthetic_video import paint_flat, paint_number, read_number, write_picture, write_sound, write_video

from dfd.errors import (
    InputError,
    MediaNotFound,
    MediaTooLarge,
    NotAFile,
    NoVideoStream,
    UnreadableVideo,
    UnsupportedCodec,
)
from dfd.sampling import sampling_times
from dfd.types import Frame, ImageU8, VideoInfo
from dfd.video.limits import MediaLimits
from dfd.video.pyav import PyAvOpener
from dfd.video.reader import StreamReader, VideoPacket


def look(path: Path, fps: float = 2.0, working_side_px: int = 1280) -> tuple[VideoInfo, list[Frame], bool]:
    with PyAvOpener(working_side_px=working_side_px).open(path) as video:
        frames = list(video.sample(sampling_times(video.info.duration_s, fps, 256)))
        return video.info, frames, video.complete


def mean_colour(image: ImageU8) -> tuple[int, int, int]:
    red, green, blue = image.reshape(-1, 3).mean(axis=0).round().astype(int)
    return int(red), int(green), int(blue)


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


@pytest.mark.parametrize(
    ("content", "error"),
    [(b"", UnreadableVideo), (b"hello, world", UnreadableVideo), (bytes(range(256)) * 200, UnreadableVideo)],
    ids=["empty", "text", "bytes"],
)
def test_refuses_what_is_no_video(
    tmp_path: Path, content: bytes, error: type[InputError], capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(content)

    with pytest.raises(error, match=r"^clip\.mp4") as raised:
        look(path)

    assert str(tmp_path) not in str(raised.value)
    assert capfd.readouterr() == ("", "")


def test_refuses_a_missing_path_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(MediaNotFound, match=r"gone\.mp4"):
        look(tmp_path / "gone.mp4")
    with pytest.raises(NotAFile, match=tmp_path.name):
        look(tmp_path)


@pytest.mark.parametrize("suffix", [".m4a", ".mov", ".mkv"])
def test_refuses_sound_alone(tmp_path: Path, suffix: str) -> None:
    with pytest.raises(NoVideoStream, match="only sound"):
        look(write_sound(tmp_path / f"sound{suffix}"))


def test_refuses_a_codec_without_decoder(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mp4", frames=5)
    path.write_bytes(path.read_bytes().replace(b"avc1", b"zzz9"))

    with pytest.raises(UnsupportedCodec, match="no decoder"):
        look(path)


def test_refuses_too_many_pixels_before_decoding(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mp4", frames=2, size=(640, 480))

    with pytest.raises(MediaTooLarge, match="640x480"):
        PyAvOpener(MediaLimits(max_pixels=640 * 480 - 1)).open(path)


def test_refuses_an_absurd_size_in_a_small_file(tmp_path: Path) -> None:
    path = write_picture(tmp_path / "bomb.png", paint_number(0, (64, 64)))
    data = bytearray(path.read_bytes())
    data[16:24] = struct.pack(">II", 60_000, 60_000)  # the header's width and height
    path.write_bytes(data)

    with pytest.raises((MediaTooLarge, UnreadableVideo)):
        look(path)


def test_refuses_an_absurd_duration(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mkv", times_s=[0.0, 1.0, 20_000.0])

    with pytest.raises(MediaTooLarge, match="MAX_DURATION_S"):
        PyAvOpener(MediaLimits(max_duration_s=3600)).open(path)


@pytest.mark.parametrize(
    "script",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n{path}\n#EXT-X-ENDLIST\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nhttp://127.0.0.1:9/x.ts\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile '{path}'\n",
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n",
        '<MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><Period><BaseURL>{path}</BaseURL></Period></MPD>',
    ],
    ids=["playlist", "remote playlist", "concat", "session", "manifest"],
)
@pytest.mark.parametrize("name", ["evil.mp4", "evil.m3u8"])
def test_never_follows_a_file_into_others(tmp_path: Path, script: str, name: str) -> None:
    other = write_video(tmp_path / "other.ts", frames=10, codec="mpeg2video", fps=25)
    evil = tmp_path / name
    evil.write_text(script.format(path=other))

    with pytest.raises(UnreadableVideo):
        look(evil)


@pytest.mark.parametrize("name", ["file:clip.mp4", "concat:a|b.mp4", "frame%03d.mp4", "-i.mp4", "http:clip.mp4"])
def test_a_name_is_only_a_name(tmp_path: Path, name: str) -> None:
    info, frames, _ = look(write_video(tmp_path / "plain.mp4", frames=15).rename(tmp_path / name))

    assert info.frame_count == 15
    assert len(frames) == 1


def test_a_picture_name_is_no_pattern(tmp_path: Path) -> None:
    write_picture(tmp_path / "a1.png", paint_flat(255, 0, 0)(0, (32, 32)))
    path = write_picture(tmp_path / "a%d.png", paint_flat(0, 255, 0)(0, (32, 32)))

    _, frames, _ = look(path)

    assert mean_colour(frames[0].image) == (0, 255, 0)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_damage_in_the_middle_ends_the_sample_early(
    tmp_path: Path, suffix: str, capfd: pytest.CaptureFixture[str]
) -> None:
    options = {"movflags": "faststart"} if suffix == ".mp4" else None
    path = write_video(tmp_path / f"clip{suffix}", frames=200, container_options=options, options={"g": "25"})
    whole_info, whole, complete = look(path)
    assert complete
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])

    info, frames, complete = look(path)

    assert info.duration_s == whole_info.duration_s
    assert not complete
    assert 2 <= len(frames) < len(whole)
    settled = frames[:-2]  # near the damage other frames may have to stand in
    assert [read_number(frame.image) for frame in settled] == [
        read_number(frame.image) for frame in whole[: len(settled)]
    ]
    assert capfd.readouterr() == ("", "")


def test_garbled_bytes_are_noticed(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mkv", frames=100, options={"g": "25"})
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 4000] = bytes(4000)
    path.write_bytes(data)

    _, frames, complete = look(path)

    assert frames
    assert not complete


@pytest.mark.parametrize("rotation_deg", [0, 90, 180, 270])
def test_turns_frames_upright(tmp_path: Path, rotation_deg: int) -> None:
    stored = np.zeros((96, 160, 3), dtype=np.uint8)
    stored[:48, :80] = 255  # bright at the top left, as stored
    path = write_video(
        tmp_path / "clip.mp4", frames=3, size=(160, 96), paint=lambda *_: stored, rotation_deg=rotation_deg
    )

    info, frames, _ = look(path)

    upright = np.rot90(stored, -rotation_deg // 90)
    assert info.rotation_deg == rotation_deg
    assert (info.height_px, info.width_px) == upright.shape[:2] == frames[0].image.shape[:2]
    assert np.abs(frames[0].image.astype(int) - upright).mean() < 6


def test_squares_pixels(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mp4", frames=3, size=(160, 96), pixel_aspect=Fraction(4, 3))

    info, frames, _ = look(path)

    assert (info.width_px, info.height_px) == (213, 96)
    assert frames[0].image.shape == (96, 213, 3)


def test_scales_down_but_never_up(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mp4", frames=20, size=(320, 180))

    _, small, _ = look(path, working_side_px=160)
    _, large, _ = look(path, working_side_px=1000)

    assert small[0].image.shape == (90, 160, 3)
    assert small[0].scale == 0.5
    assert large[0].image.shape == (180, 320, 3)
    assert large[0].scale == 1.0
    assert read_number(small[0].image) == read_number(large[0].image) == 0


BT601, BT709, BT2020 = 6, 1, 9
LIMITED, FULL = 1, 2


@pytest.mark.parametrize(
    ("codec", "pixel_format", "space", "colour_range"),
    [
        ("libx264", "yuv420p", BT601, LIMITED),
        ("libx264", "yuv420p", BT709, LIMITED),
        ("libx264", "yuv420p", BT709, FULL),
        ("libx264", "yuv444p", BT709, LIMITED),
        ("libx264", "yuv420p10le", BT709, LIMITED),
        ("libx265", "yuv420p10le", BT2020, LIMITED),
        ("libx264rgb", "rgb24", None, None),
    ],
)
def test_colours_come_out_as_they_went_in(
    tmp_path: Path, codec: str, pixel_format: str, space: int | None, colour_range: int | None
) -> None:
    colour = None if space is None or colour_range is None else (space, colour_range, 1, 1)
    path = write_video(
        tmp_path / "clip.mp4",
        frames=3,
        codec=codec,
        pixel_format=pixel_format,
        colour=colour,
        paint=paint_flat(200, 90, 60),
        options={"crf": "1"},
    )

    _, frames, _ = look(path)

    assert np.abs(np.subtract(mean_colour(frames[0].image), (200, 90, 60))).max() <= 3


@pytest.mark.parametrize(("size", "space"), [((1280, 720), BT709), ((640, 480), BT601)])
def test_untagged_colours_are_guessed_by_size(tmp_path: Path, size: tuple[int, int], space: int) -> None:
    tagged = write_video(
        tmp_path / "tagged.mp4", frames=1, size=size, colour=(space, LIMITED, 1, 1), paint=paint_flat(30, 160, 80)
    )
    untagged = tmp_path / "untagged.mp4"
    write_video(
        untagged, frames=1, size=size, colour=(space, LIMITED, 1, 1), untagged=True, paint=paint_flat(30, 160, 80)
    )

    assert mean_colour(look(untagged)[1][0].image) == mean_colour(look(tagged)[1][0].image)


@pytest.mark.parametrize("transfer", [16, 18])
def test_hdr_is_brought_into_range(tmp_path: Path, transfer: int) -> None:
    """Mid-grey of an HDR grade stays grey and near mid; a highlight is brighter, and neither clips."""
    levels = {}
    for name, code in (("dark", 40), ("mid", 105), ("bright", 145)):
        path = write_video(
            tmp_path / f"{name}.mp4",
            frames=3,
            codec="libx265",
            pixel_format="yuv420p10le",
            colour=(BT2020, LIMITED, transfer, 9),
            paint=paint_flat(code, code, code),
        )
        red, green, blue = mean_colour(look(path)[1][0].image)
        assert max(red, green, blue) - min(red, green, blue) <= 2
        levels[name] = green

    assert levels["dark"] < levels["mid"] < levels["bright"] < 250
    assert 100 <= levels["mid"] <= 150


def test_video_wrongly_tagged_as_hdr_is_left_alone(tmp_path: Path) -> None:
    path = write_video(
        tmp_path / "clip.mp4",
        frames=3,
        codec="libx265",
        pixel_format="yuv420p10le",
        colour=(BT2020, LIMITED, 16, 9),
        paint=paint_flat(200, 190, 180),
    )

    assert np.abs(np.subtract(mean_colour(look(path)[1][0].image), (200, 190, 180))).max() <= 3


@pytest.mark.parametrize(
    ("codec", "pixel_format", "suffix"),
    [("png", "rgb24", ".png"), ("png", "gray", ".png"), ("mjpeg", "yuvj444p", ".jpg"), ("bmp", "bgr24", ".bmp")],
)
def test_a_picture_is_a_video_of_one_frame(tmp_path: Path, codec: str, pixel_format: str, suffix: str) -> None:
    picture = paint_number(5, (120, 80))
    path = write_picture(tmp_path / f"face{suffix}", picture, codec, pixel_format)

    info, frames, complete = look(path)

    assert (info.frame_count, info.duration_s, info.frame_rate_hz) == (1, 0.0, None)
    assert (info.width_px, info.height_px) == (120, 80)
    assert [frame.pts_s for frame in frames] == [0.0]
    assert read_number(frames[0].image) == 5
    grey = picture @ np.array([0.299, 0.587, 0.114])
    assert abs(frames[0].image.mean() - (grey.mean() if pixel_format == "gray" else picture.mean())) < 2
    assert complete


def test_transparency_is_laid_on_white(tmp_path: Path) -> None:
    picture = np.zeros((40, 40, 4), dtype=np.uint8)
    picture[:, 20:] = (255, 0, 0, 255)

    _, frames, _ = look(write_picture(tmp_path / "face.png", picture, "png", "rgba"))

    assert frames[0].image[5, 5].tolist() == [255, 255, 255]
    assert frames[0].image[5, 35].tolist() == [255, 0, 0]


def test_the_film_is_taken_and_not_its_cover(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mp4", frames=30, audio=True, cover=True)

    info, frames, _ = look(path)

    assert (info.width_px, info.height_px, info.codec) == (192, 128, "h264")
    assert [read_number(frame.image) for frame in frames] == [round(frame.pts_s * 30) for frame in frames]


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


def test_a_long_sound_track_is_no_damage(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mkv", frames=30, audio=True, audio_s=8.0)

    info, frames, complete = look(path)

    assert info.duration_s == pytest.approx(1.0, abs=0.05)
    assert len(frames) == 2
    assert complete
