"""Containers that hold when frames are decoded give the frames that the same stream gives in one that knows better."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.contract.test_video_source import ADAPTERS, Clip, Reference, decode_plainly, seen, seen_in_pairs, x264
from tests.synthetic_video import copy_video

from dfd.ports import VideoOpener
from dfd.sampling import sampling_times
from dfd.video.sandboxed import SandboxedOpener

REORDERED = "keyint=30:bframes=3:b-adapt=0:scenecut=0"
CLIPS = {
    "b_frames": Clip("b_frames", options=x264(REORDERED), kinds=False),
    "interlaced": Clip("interlaced", options=x264(f"{REORDERED}:interlaced=1"), kinds=False),
}


@pytest.fixture(scope="module", params=ADAPTERS)
def opener(request: pytest.FixtureRequest) -> Iterator[VideoOpener]:
    opener = ADAPTERS[request.param](2)
    yield opener
    if isinstance(opener, SandboxedOpener):
        opener.close()


@pytest.fixture(scope="module", params=CLIPS)
def reference(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Reference:
    clip = CLIPS[request.param]
    return decode_plainly(clip, clip.write(tmp_path_factory.mktemp("clips")))


@pytest.fixture(scope="module", params=[".avi", ".asf", ".mxf"])
def copied(request: pytest.FixtureRequest, reference: Reference) -> Path:
    if request.param == ".mxf":
        clip = reference.clip
        return Clip(clip.name, ".mxf", options=clip.options).write(reference.path.parent)
    return copy_video(reference.path, reference.path.with_suffix(request.param), "h264_mp4toannexb")


@pytest.mark.parametrize("fps", [0.5, 2.0, 10.0, 100.0])
def test_gives_what_the_same_stream_gives_in_mp4(
    copied: Path, reference: Reference, opener: VideoOpener, fps: float
) -> None:
    times_s = sampling_times(reference.clip.frames / 30, fps, 256)
    with opener.open(copied) as video:
        alone = seen(video.sample(times_s))
        assert video.complete
        pairs = seen_in_pairs(video.sample(times_s, with_next=True))
        assert video.complete

    expected = reference.pairs(times_s)
    assert [pts_s for pts_s, *_ in pairs] == pytest.approx([pts_s for pts_s, *_ in expected], abs=0.001)
    assert [pictures for _, *pictures in pairs] == [pictures for _, *pictures in expected]
    assert alone == [(pts_s, first) for pts_s, first, _ in pairs]
