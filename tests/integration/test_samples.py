"""The sample clips are what their README says, and the script makes such clips."""

import hashlib
import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from samples.make_samples import astronaut, hopper, main

from dfd.faces.blazeface import BlazeFaceDetector
from dfd.types import ImageU8

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
CLIPS = sorted(SAMPLES.glob("*.mp4"))
MAX_BYTES = 1_500_000


def decoded(path: Path) -> list[ImageU8]:
    with av.open(str(path)) as container:
        return [np.asarray(frame.to_ndarray(format="rgb24"), dtype=np.uint8) for frame in container.decode(video=0)]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Clips of six frames at a quarter of the size."""
    folder = tmp_path_factory.mktemp("samples")
    main(["--out", str(folder), "--seconds", "0.2", "--shrink", "4"])
    return folder


def test_readme_lists_every_clip_with_its_hash() -> None:
    readme = (SAMPLES / "README.md").read_text(encoding="utf-8")
    listed = dict(re.findall(r"^\| `(\w+\.mp4)` \|.*\| `([0-9a-f]{64})` \|$", readme, flags=re.MULTILINE))

    assert listed == {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in CLIPS}
    assert len(listed) == 3


@pytest.mark.parametrize("path", CLIPS, ids=lambda path: path.stem)
def test_clips_are_small_and_look_like_a_phones(path: Path) -> None:
    assert path.stat().st_size < MAX_BYTES
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        times_s = [frame.time for frame in container.decode(stream) if frame.key_frame]
        context = stream.codec_context
        found = f"{context.name} {context.pix_fmt} {stream.average_rate} {stream.frames}"

    assert found == "h264 yuv420p 30 150"
    assert {context.width, context.height} == {720, 1280}
    assert max(later - earlier for earlier, later in pairwise(times_s)) <= 1.0


def test_script_makes_the_same_set_of_clips(tiny: Path) -> None:
    assert sorted(path.name for path in tiny.iterdir()) == [path.name for path in CLIPS]
    assert decoded(tiny / "real_astronaut.mp4")[0].shape == (180, 320, 3)
    assert len(decoded(tiny / "real_hopper.mp4")) == 6


def test_camera_and_sensor_never_stand_still(tiny: Path) -> None:
    first, second = decoded(tiny / "real_astronaut.mp4")[:2]

    assert np.abs(first.astype(np.int16) - second).mean() > 0.1


def test_swap_changes_the_face_and_nothing_else(tiny: Path) -> None:
    real = decoded(tiny / "real_hopper.mp4")[0]
    fake = decoded(tiny / "fake_swap.mp4")[0]
    (face,) = BlazeFaceDetector().detect(real)
    box = face.box
    change = np.abs(real.astype(np.int16) - fake).mean(axis=2)
    inside = np.zeros(change.shape, dtype=bool)
    inside[int(box.y1_px) : int(box.y2_px), int(box.x1_px) : int(box.x2_px)] = True

    assert change[inside].mean() > 10
    assert change[: int(box.y1_px) // 2].mean() < 3


@pytest.mark.parametrize("photo", [astronaut, hopper])
def test_photographs_show_one_face(photo: Callable[[], ImageU8]) -> None:
    assert len(BlazeFaceDetector().detect(photo())) == 1
