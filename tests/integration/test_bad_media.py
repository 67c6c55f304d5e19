"""Hostile and broken media: a clear error, never a crash, noise or somebody else's file."""

import struct
from pathlib import Path

import av
import pytest
from tests.heic_files import write_heic
from tests.looking import look, mean_colour
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
from dfd.video.limits import MediaLimits
from dfd.video.pyav import PyAvOpener


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


def test_a_film_that_is_decoded_wholly_may_be_cut_off(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mkv", frames=120, options={"x264-params": "interlaced=1:keyint=30"})
    assert look(path)[2]
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    info, frames, complete = look(path)

    assert info.duration_s == 4.0
    assert 2 <= len(frames) < 8
    assert not complete


def test_a_film_may_be_cut_off_behind_its_first_frame(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mkv", frames=150, options={"g": "30"})
    with av.open(str(path)) as container:
        second = [packet.pos for packet in container.demux(container.streams.video[0])][1]
    path.write_bytes(path.read_bytes()[: second or 0])

    info, frames, complete = look(path)

    assert (info.duration_s, info.frame_count, len(frames)) == (5.0, 1, 1)
    assert not complete


@pytest.mark.parametrize("thumbnail", [False, True])
def test_refuses_a_photograph_of_tiles(tmp_path: Path, thumbnail: bool) -> None:
    path = write_heic(tmp_path / "face.heic", columns=2, rows=2, thumbnail=thumbnail)

    with pytest.raises(UnsupportedCodec, match="JPEG or PNG"):
        look(path)


def test_garbled_bytes_are_noticed(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mkv", frames=100, options={"g": "25"})
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 4000] = bytes(4000)
    path.write_bytes(data)

    _, frames, complete = look(path)

    assert frames
    assert not complete
