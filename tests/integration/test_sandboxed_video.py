"""Decoders in processes of their own: what comes of those that die, hang or lie, and that nothing is left behind."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.nurseries import forked, nurseries
from tests.rogue_decoder import AT_OPENING, ENTRY, WHEN_ASKED
from tests.synthetic_video import paint_number, write_picture, write_video

from dfd.errors import DecodeOutOfMemory, DecodeTimedOut, MediaNotFound, MediaTooLarge, Unavailable, UnreadableVideo
from dfd.sandbox.launcher import Launcher
from dfd.types import Frame
from dfd.video.entry import MOST_ANSWER_BYTES
from dfd.video.limits import MediaLimits
from dfd.video.pyav import PyAvOpener
from dfd.video.sandboxed import DecodingLimits, SandboxedOpener


@pytest.fixture(scope="module")
def rogue() -> Iterator[Launcher]:
    launcher = Launcher(ENTRY, MOST_ANSWER_BYTES)
    yield launcher
    launcher.close()


@pytest.fixture(scope="module")
def sandboxed() -> Iterator[SandboxedOpener]:
    opener = SandboxedOpener(threads=2)
    yield opener
    opener.close()


def behaviour(tmp_path: Path, name: str) -> Path:
    path = tmp_path / "clip.mp4"
    path.write_text(name)
    return path


def look(launcher: Launcher, path: Path, wait_s: float = 30.0) -> list[Frame]:
    opener = SandboxedOpener(decoding=DecodingLimits(wait_s), launcher=launcher)
    with opener.open(path) as video:
        return list(video.sample([0.0, 0.5, 1.0]))


@pytest.mark.parametrize("name", [*AT_OPENING, *WHEN_ASKED])
def test_one_that_lies_or_dies_is_an_unreadable_video(rogue: Launcher, tmp_path: Path, name: str) -> None:
    with pytest.raises(UnreadableVideo, match=r"^clip\.mp4: its decoder"):
        look(rogue, behaviour(tmp_path, name))


def test_one_that_hangs_is_told_apart(rogue: Launcher, tmp_path: Path) -> None:
    with pytest.raises(DecodeTimedOut, match="DECODE_TIMEOUT_S"):
        look(rogue, behaviour(tmp_path, "sleeps"), wait_s=0.5)


def test_one_that_wants_too_much_memory_is_told_apart(rogue: Launcher, tmp_path: Path) -> None:
    with pytest.raises(DecodeOutOfMemory, match="DECODE_MEMORY_MB"):
        look(rogue, behaviour(tmp_path, "needs memory"))


def test_shared_memory_is_bounded(rogue: Launcher, tmp_path: Path) -> None:
    with pytest.raises(MediaTooLarge):
        look(rogue, behaviour(tmp_path, "needs too much"))


def test_shared_memory_cannot_be_taken_away(rogue: Launcher, tmp_path: Path) -> None:
    [frame] = look(rogue, behaviour(tmp_path, "shrinks"))

    assert frame.image.shape == (48, 64, 3)


def test_what_it_says_is_made_fit_to_be_shown(rogue: Launcher, tmp_path: Path) -> None:
    with pytest.raises(UnreadableVideo) as raised:
        look(rogue, behaviour(tmp_path, "control characters"))

    assert str(raised.value).startswith("?[31mred??xxx")
    assert len(str(raised.value)) == 500


def test_memory_of_a_real_decoder_is_bounded(tmp_path: Path) -> None:
    path = write_video(tmp_path / "large.mp4", frames=3, size=(4096, 2160), options={"preset": "ultrafast"})
    opener = SandboxedOpener(decoding=DecodingLimits(memory_bytes=80 << 20))

    with pytest.raises(DecodeOutOfMemory), opener.open(path) as video:
        list(video.sample([0.0]))
    opener.close()


@pytest.mark.parametrize("threads", [1, 2])
def test_too_little_memory_is_never_taken_for_damage(tmp_path: Path, threads: int) -> None:
    path = write_video(tmp_path / "large.mp4", frames=12, size=(2048, 1152), options={"preset": "ultrafast"})
    outcomes: set[tuple[int | str, bool]] = set()
    for memory_mb in (70, 80, 90, 100, 120, 150, 200, 400):
        opener = SandboxedOpener(threads=threads, decoding=DecodingLimits(memory_bytes=memory_mb << 20))
        try:
            with opener.open(path) as video:
                frames = list(video.sample([0.0, 0.1, 0.2, 0.3]))
                outcomes.add((len(frames), video.complete))
        except DecodeOutOfMemory as error:
            outcomes.add((error.code, False))
        opener.close()

    assert outcomes == {("decode_out_of_memory", False), (4, True)}


def test_limits_of_the_media_hold_as_before(sandboxed: SandboxedOpener, tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mkv", times_s=[0.0, 1.0, 20.0])
    small = SandboxedOpener(MediaLimits(max_pixels=192 * 128 - 1))
    short = SandboxedOpener(MediaLimits(max_duration_s=10.0))

    with pytest.raises(MediaTooLarge, match="192x128"):
        small.open(path)
    with pytest.raises(MediaTooLarge, match="MAX_DURATION_S"):
        short.open(path)
    with pytest.raises(MediaNotFound):
        sandboxed.open(tmp_path / "gone.mp4")
    small.close()
    short.close()


@pytest.mark.parametrize(
    ("suffix", "codec", "pixel_format"),
    [
        (".mp4", "libx264", "yuv444p"),
        (".mp4", "libx264", "yuv420p10le"),
        (".mp4", "libx264", "nv12"),
        (".mkv", "ffv1", "yuv422p12le"),
        (".mkv", "ffv1", "gray10le"),
        (".mkv", "ffv1", "gbrp14le"),
        (".mkv", "ffv1", "bgr0"),
        (".mkv", "rawvideo", "yuv411p"),
        (".avi", "rawvideo", "bgr24"),
        (".mov", "qtrle", "argb"),
        (".gif", "gif", "rgb8"),
        (".mkv", "mjpeg", "yuvj422p"),
        (".mov", "prores_ks", "yuva444p10le"),
        (".png", "png", "rgba64be"),
        (".png", "png", "monob"),
        (".bmp", "bmp", "rgb8"),
    ],
)
@pytest.mark.parametrize("size", [(192, 128), (190, 126)])
def test_every_kind_of_samples_comes_over_as_it_is(
    sandboxed: SandboxedOpener, tmp_path: Path, suffix: str, codec: str, pixel_format: str, size: tuple[int, int]
) -> None:
    path = tmp_path / f"clip{suffix}"
    if codec in {"png", "bmp"}:
        write_picture(path, paint_number(5, size), codec, pixel_format)
    else:
        write_video(path, frames=6, codec=codec, pixel_format=pixel_format, size=size)

    def seen(opener: PyAvOpener | SandboxedOpener) -> list[tuple[float, bytes, bytes | None]]:
        with opener.open(path) as video:
            return [
                (frame.pts_s, frame.image.tobytes(), None if frame.following is None else frame.following.tobytes())
                for frame in video.sample([0.0, 0.1], with_next=True)
            ]

    assert seen(sandboxed) == seen(PyAvOpener(threads=2))


@pytest.mark.parametrize("rotation_deg", [90, 180, 270])
def test_it_is_turned_as_before(sandboxed: SandboxedOpener, tmp_path: Path, rotation_deg: int) -> None:
    path = write_video(tmp_path / "clip.mp4", frames=3, rotation_deg=rotation_deg)

    with sandboxed.open(path) as there, PyAvOpener().open(path) as here:
        assert there.info == here.info
        assert [frame.image.tobytes() for frame in there.sample([0.0])] == [
            frame.image.tobytes() for frame in here.sample([0.0])
        ]


def test_the_system_may_kill_it(sandboxed: SandboxedOpener, tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mp4", frames=60)
    with sandboxed.open(path) as video:
        for child in forked():
            os.kill(child, 9)
        with pytest.raises(DecodeOutOfMemory):
            list(video.sample([0.0, 1.0]))

    with sandboxed.open(path) as video:
        assert len(list(video.sample([0.0, 1.0]))) == 2


def test_the_nursery_may_be_killed(sandboxed: SandboxedOpener, tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mp4", frames=60)
    with sandboxed.open(path) as video:
        for child in nurseries():
            os.kill(child, 9)
        with pytest.raises(Unavailable):
            list(video.sample([0.0, 1.0]))

    with sandboxed.open(path) as video:
        assert len(list(video.sample([0.0, 1.0]))) == 2


def test_nothing_is_left_behind(sandboxed: SandboxedOpener, tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mp4", frames=60)

    def left() -> tuple[int, int, int]:
        return sum(1 for _ in Path("/proc/self/fd").iterdir()), len(nurseries()), len(forked())

    def use() -> None:
        with sandboxed.open(path) as video:
            next(iter(video.sample([0.0, 1.0])))

    use()
    before = left()
    for _ in range(10):
        use()

    assert left() == before
    assert before[2] == 0


def test_all_goes_with_the_process_that_started_it(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mp4", frames=60)
    code = (
        "import os, sys; from pathlib import Path; from dfd.video.sandboxed import SandboxedOpener\n"
        f"video = SandboxedOpener().open(Path({str(path)!r})); list(video.sample([0.0]))\n"
        "print(*(Path('/proc/self/task') / str(os.getpid()) / 'children').read_text().split(), flush=True)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    [nursery] = done.stdout.split()

    for _ in range(200):
        if not Path(f"/proc/{nursery}").exists():
            return
        time.sleep(0.05)
    pytest.fail("the nursery outlives the process that started it")
