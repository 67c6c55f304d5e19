"""DeepfakeBench's lists, and opening the pictures they name like videos."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from tests import dataset_layouts as layouts
from tests.fakes import FakeVideoOpener, image_number, make_media_facts, make_video_info, numbered_image

from dfd.errors import UnreadableVideo
from dfd.media import MediaFacts
from dfd.ports import VideoOpener, VideoSource
from dfd.sampling import sampling_times
from dfd.types import Frame, VideoInfo
from dfd_train.datasets import Clip, DatasetError, read
from dfd_train.datasets.frames import ClipOpener
from dfd_train.splits import official


def write_list(root: Path, name: str, tree: dict[str, Any]) -> Path:
    path = layouts.write_json(root / f"{name}.json", {name: tree})
    layouts.touch_frames(root, root / "datasets" / "rgb")
    return path


def test_the_lists_are_read(tmp_path: Path) -> None:
    clips = read("deepfakebench", layouts.make_deepfakebench(tmp_path))
    assert Counter((clip.dataset, clip.method, clip.family, clip.compression) for clip in clips) == {
        ("faceforensics", "youtube", "real", "c23"): 6,
        ("faceforensics", "Deepfakes", "swap", "c23"): 3,
        ("faceforensics", "Face2Face", "reenactment", "c23"): 3,
        ("celeb_df_v2", "real", "real", ""): 2,
        ("celeb_df_v2", "Celeb-DF", "swap", ""): 1,
    }
    fake = next(clip for clip in clips if clip.method == "Deepfakes" and clip.split == "test")
    assert (fake.source, fake.persons) == ("ff++/953", ("ff++/953", "ff++/974"))
    assert [path.name for path in fake.frames] == ["000.png", "001.png"]
    assert {path.parent for path in fake.frames} == {fake.path}


def test_frames_are_in_order_beyond_three_digits(tmp_path: Path) -> None:
    """Names have at least three digits; one without a number keeps the order of names."""
    names = ["1010", "101", "000", "1000", "b", "999", "a"]
    frames = [f"UADFV\\real\\frames\\0007\\{name}.png" for name in names]
    tree = {"UADFV_Real": {"test": {"0007": {"label": "UADFV_Real", "frames": frames}}}}
    [clip] = read("deepfakebench", write_list(tmp_path, "UADFV", tree))
    assert [path.stem for path in clip.frames] == ["a", "b", "000", "101", "999", "1000", "1010"]


def test_what_is_tested_on_is_not_held_out_under_another_name(tmp_path: Path) -> None:
    """The list has its test videos in train and val too."""
    clips = [c for c in read("deepfakebench", layouts.make_deepfakebench(tmp_path)) if c.dataset == "celeb_df_v2"]
    assert {(clip.path.name, clip.split) for clip in clips} == {
        ("id2_0000", "test"),
        ("id2_id3_0000", "test"),
        ("00001", "train"),
    }
    assert not official(clips).val


def test_pictures_and_videos_of_one_clip_have_keys_of_their_own(tmp_path: Path) -> None:
    pictures = read("deepfakebench", layouts.make_deepfakebench(tmp_path / "bench"))
    videos = read("faceforensics", layouts.make_faceforensics(tmp_path / "ff"))
    assert not {clip.key for clip in pictures} & {clip.key for clip in videos}
    assert {clip.persons for clip in pictures if clip.dataset == "faceforensics"} <= {clip.persons for clip in videos}


def test_one_list_may_be_named(tmp_path: Path) -> None:
    layouts.make_deepfakebench(tmp_path)
    clips = read("auto", tmp_path / "preprocessing" / "dataset_json" / "FF-DF.json")
    assert {clip.method for clip in clips} == {"youtube", "Deepfakes"}


@pytest.mark.parametrize("prefix", ["/somewhere/else/rgb/", "I:\\data\\rgb\\"])
def test_lists_written_elsewhere_are_found_again(prefix: str, tmp_path: Path) -> None:
    layouts.make_deepfakebench(tmp_path)
    path = tmp_path / "preprocessing" / "dataset_json" / "FF-F2F.json"
    here = read("deepfakebench", path)
    path.write_text(path.read_text().replace('"FaceForensics++', json.dumps(prefix)[:-1] + "FaceForensics++"))
    assert read("deepfakebench", path) == here


def test_methods_may_be_a_level_and_names_may_repeat(tmp_path: Path) -> None:
    folder = "Celeb-DF-v3/Celeb-synthesis"
    fakes = {
        "test": {
            "FLOAT": {"id0_id1_0000": layouts.bench_video("CelebDFv3_fake", f"{folder}/TalkingFace/FLOAT/0")},
            "LIA": {"id0_id1_0000": layouts.bench_video("CelebDFv3_fake", f"{folder}/FaceReenact/LIA/0")},
        }
    }
    clips = read("deepfakebench", write_list(tmp_path, "Celeb-DF-v3", {"CelebDFv3_fake": fakes}))
    assert {(clip.method, clip.family) for clip in clips} == {("FLOAT", "lipsync"), ("LIA", "reenactment")}
    assert {clip.dataset for clip in clips} == {"celeb_df_pp"}


def test_every_kind_of_set_is_understood(tmp_path: Path) -> None:
    def lone(label: str, video: str) -> dict[str, Any]:
        return {label: {"test": {video: layouts.bench_video(label, f"{label}/frames/{video}")}}}

    tree = (
        lone("DFDCP_FakeB", "1255229_1260311_C_001")
        | lone("DF_fake", "000_M101")
        | lone("DF_real", "M101_light_up_happy_camera_front")
        | lone("UADFV_Real", "0007")
        | lone("UADFV_Fake", "0007_fake")
        | lone("DFDC_Fake", "abc")
    )
    clips = read("deepfakebench", write_list(tmp_path, "mixed", tree))
    assert {clip.path.name: (clip.is_fake, clip.source) for clip in clips} == {
        "1255229_1260311_C_001": (True, "dfdc_preview/1260311_C"),
        "000_M101": (True, "ff++/000"),
        "M101_light_up_happy_camera_front": (False, "deeperforensics/M101_light_up_happy_camera_front"),
        "0007": (False, "uadfv/0007"),
        "0007_fake": (True, "uadfv/0007"),
        "abc": (True, "dfdc/abc"),
    }


def test_a_lone_video_in_place_of_a_split_is_read(tmp_path: Path) -> None:
    """As `rearrange.py` writes the val split of DFDC."""
    video = layouts.bench_video("DFDC_Real", "DFDC/test/frames/abc")
    clips = read(
        "deepfakebench",
        write_list(tmp_path, "DFDC", {"DFDC_Real": {"train": {}, "test": {"abc": video}, "val": video}}),
    )
    assert [(clip.path.name, clip.split) for clip in clips] == [("abc", "test")]


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ({"FF-XX": {}}, r"mixed\.json: unknown label 'FF-XX'; known are FF-real"),
        ({"FF-real": {"holdout": {}}}, "unknown split 'holdout' of FF-real"),
        ({"FF-real": {"train": {"071": "x"}}}, "found 'x' where videos should be"),
        (
            {"FF-real": {"train": {"071": {"label": "FF-DF", "frames": ["a/071/0.png"]}}}},
            "071 is listed under FF-real, but labelled 'FF-DF'",
        ),
        (
            {"FF-real": {"train": {"071": {"label": "FF-real", "frames": []}}}},
            "1 videos of .* have no frames, for example FF-real/071",
        ),
        (
            {"FF-real": {"train": {"x": {"label": "FF-real", "frames": ["a/x/0.png"]}}}},
            r"'x' is no name of FaceForensics\+\+",
        ),
    ],
)
def test_bad_lists_are_refused(tree: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=message):
        read("deepfakebench", write_list(tmp_path, "mixed", tree))


def test_missing_pictures_are_counted(tmp_path: Path) -> None:
    layouts.make_deepfakebench(tmp_path)
    frames = tmp_path / "datasets" / "rgb" / "FaceForensics++" / "original_sequences" / "youtube" / "c23" / "frames"
    for path in (frames / "071").iterdir():
        path.unlink()
    with pytest.raises(
        DatasetError, match=r"2 listed files are missing, .*rgb/Face.*/071/000\.png.*: put the pictures"
    ):
        read("deepfakebench", tmp_path)


class Pictures(VideoOpener):
    """Opens the picture ``<number>.png`` as one frame that carries the number."""

    def open(self, path: Path) -> VideoSource:
        return OnePicture(int(path.stem))


class OnePicture(VideoSource):
    def __init__(self, number: int) -> None:
        self._number = number

    @property
    def info(self) -> VideoInfo:
        return make_video_info(frame_rate_hz=None, frame_count=1, duration_s=0.0, codec="png")

    @property
    def facts(self) -> MediaFacts:
        return make_media_facts()

    def sample(self, times_s: Sequence[float], *, with_next: bool = False) -> Iterator[Frame]:
        if self._number < 90:
            yield Frame(0, 0.0, numbered_image(self._number), 0.5)

    @property
    def complete(self) -> bool:
        return True

    def close(self) -> None:
        pass


def clip_of_pictures(numbers: Sequence[int]) -> Clip:
    return Clip(
        key="k",
        path=Path("clip"),
        is_fake=False,
        family="real",
        method="m",
        source="s",
        persons=(),
        split="",
        dataset="d",
        frames=tuple(Path("clip") / f"{number}.png" for number in numbers),
    )


def test_pictures_are_opened_like_a_video() -> None:
    clip = clip_of_pictures(range(10, 42))
    with ClipOpener(Pictures(), [clip]).open(clip.path) as video:
        assert (video.info.frame_count, video.info.duration_s, video.info.frame_rate_hz) == (32, 8.0, Fraction(4))
        frames = list(video.sample(sampling_times(video.info.duration_s, 4.0, 16)))
        assert video.complete
    assert [image_number(frame.image) for frame in frames] == list(range(10, 42, 2))
    assert [frame.pts_s for frame in frames] == [number / 2 for number in range(16)]
    assert {frame.scale for frame in frames} == {0.5}
    assert [frame.index for frame in frames] == list(range(16))


def test_each_picture_is_given_once() -> None:
    clip = clip_of_pictures([1, 2])
    with ClipOpener(Pictures(), [clip]).open(clip.path) as video:
        assert [image_number(frame.image) for frame in video.sample((0.0, 0.01, 0.3, 9.0))] == [1, 2]


def test_a_picture_that_cannot_be_decoded_is_named() -> None:
    clip = clip_of_pictures([1, 99])
    with ClipOpener(Pictures(), [clip]).open(clip.path) as video:
        with pytest.raises(UnreadableVideo, match=r"99\.png"):
            list(video.sample((0.0, 0.25)))
        assert not video.complete


def test_videos_are_opened_by_the_inner_opener() -> None:
    inner = FakeVideoOpener()
    video = ClipOpener(inner, [clip_of_pictures([1])]).open(Path("film.mp4"))
    assert inner.opened == [video]
