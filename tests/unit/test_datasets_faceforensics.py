"""The FaceForensics++ family: itself, Google's DFD, DeeperForensics."""

from collections import Counter
from pathlib import Path

import pytest
from tests import dataset_layouts as layouts

from dfd_train.datasets import DatasetError, read
from dfd_train.splits import check_disjoint, groups, official


def by_name(name: str, root: Path) -> dict[str, tuple[object, ...]]:
    return {
        clip.path.relative_to(root).as_posix(): (clip.is_fake, clip.family, clip.split, clip.source, clip.persons)
        for clip in read(name, root)
    }


def test_faceforensics_is_read(tmp_path: Path) -> None:
    clips = read("faceforensics", layouts.make_faceforensics(tmp_path, levels=("raw", "c23", "c40")))
    assert Counter(clip.compression for clip in clips) == {"raw": 36, "c23": 36, "c40": 36}
    assert Counter((clip.method, clip.family) for clip in clips) == {
        ("youtube", "real"): 18,
        ("Deepfakes", "swap"): 18,
        ("Face2Face", "reenactment"): 18,
        ("FaceSwap", "swap"): 18,
        ("NeuralTextures", "reenactment"): 18,
        ("FaceShifter", "swap"): 18,
    }
    assert Counter(clip.split for clip in clips) == {"train": 36, "val": 36, "test": 36}
    assert len({clip.key for clip in clips}) == len(clips)
    found = by_name("faceforensics", tmp_path)
    assert found["original_sequences/youtube/c23/videos/054.mp4"] == (False, "real", "train", "ff++/054", ("ff++/054",))
    assert found["manipulated_sequences/Deepfakes/c40/videos/974_953.mp4"] == (
        True,
        "swap",
        "test",
        "ff++/974",
        ("ff++/974", "ff++/953"),
    )


def test_a_fake_links_both_its_originals(tmp_path: Path) -> None:
    clips = read("faceforensics", layouts.make_faceforensics(tmp_path))
    assert max(groups(clips)) + 1 == 3
    split = official(clips)
    assert [len(part) for part in (split.train, split.val, split.test)] == [12, 12, 12]


def test_parts_may_be_left_out_and_the_lists_may_lie_in_splits(tmp_path: Path) -> None:
    layouts.make_faceforensics(tmp_path, levels=("c0",), methods=("FaceSwap",))
    (tmp_path / "splits").mkdir()
    for name in ("train", "val", "test"):
        (tmp_path / f"{name}.json").rename(tmp_path / "splits" / f"{name}.json")
    assert Counter(clip.method for clip in read("faceforensics", tmp_path)) == {"youtube": 6, "FaceSwap": 6}


def test_google_dfd_rides_along(tmp_path: Path) -> None:
    layouts.make_google_dfd(layouts.make_faceforensics(tmp_path))
    clips = read("faceforensics", tmp_path)
    assert Counter(clip.dataset for clip in clips) == {"faceforensics": 36, "google_dfd": 3}
    assert [clip for clip in clips if clip.dataset == "google_dfd"] == read("google_dfd", tmp_path)


def test_missing_videos_are_counted(tmp_path: Path) -> None:
    layouts.make_faceforensics(tmp_path)
    folder = tmp_path / "manipulated_sequences" / "Deepfakes" / "c23" / "videos"
    (folder / "071_054.mp4").unlink()
    (folder / "974_953.mp4").unlink()
    with pytest.raises(DatasetError, match=r"2 listed files are missing, .*071_054\.mp4, .*974_953\.mp4: complete"):
        read("faceforensics", tmp_path)


@pytest.mark.parametrize(
    ("stray", "message"),
    [
        ("original_sequences/youtube/c23/videos/999.mp4", r"1 files are in no list of the set, for example .*999\.mp4"),
        ("manipulated_sequences/FaceSwap/c23/videos/071_720.mp4", r"in no list of the set, .*071_720\.mp4"),
        ("manipulated_sequences/Magic/c23/videos/071_054.mp4", "Magic: the methods are Deepfakes, Face2Face"),
        ("manipulated_sequences/FaceSwap/c40/videos/071_054.mp4", "levels have fakes but no originals, .*c40: fetch"),
        ("manipulated_sequences/FaceSwap/c40/masks/071_054.png", "1 folders hold no videos, .*c40/videos: complete"),
    ],
)
def test_a_contradictory_folder_is_refused(stray: str, message: str, tmp_path: Path) -> None:
    layouts.make_faceforensics(tmp_path)
    layouts.touch(tmp_path / stray)
    with pytest.raises(DatasetError, match=message):
        read("faceforensics", tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[", r"val\.json is broken JSON"),
        ("{}", r"val\.json must be a JSON list of pairs"),
        ('[["071"]]', "must be a JSON list of pairs"),
        ('[["720", "x"]]', "must be a JSON list of pairs"),
        ('[["054", "672"]]', r"val\.json: 054 is listed twice, or in train\.json too"),
    ],
)
def test_bad_split_lists_are_refused(text: str, message: str, tmp_path: Path) -> None:
    layouts.make_faceforensics(tmp_path)
    (tmp_path / "val.json").write_text(text)
    with pytest.raises(DatasetError, match=message):
        read("faceforensics", tmp_path)


def test_the_lists_are_needed(tmp_path: Path) -> None:
    layouts.make_faceforensics(tmp_path)
    (tmp_path / "test.json").unlink()
    with pytest.raises(DatasetError, match=r"test\.json is not there: put train\.json"):
        read("faceforensics", tmp_path)


def test_google_dfd_is_read(tmp_path: Path) -> None:
    found = by_name("google_dfd", layouts.make_google_dfd(tmp_path, "raw"))
    room = "google_dfd/01__exit_phone_room"
    assert found == {
        "original_sequences/actors/raw/videos/01__exit_phone_room.mp4": (
            False,
            "real",
            "test",
            room,
            ("google_dfd/01",),
        ),
        "original_sequences/actors/raw/videos/02__exit_phone_room.mp4": (
            False,
            "real",
            "test",
            "google_dfd/02__exit_phone_room",
            ("google_dfd/02",),
        ),
        "manipulated_sequences/DeepFakeDetection/raw/videos/01_02__exit_phone_room__YVGY8LOK.mp4": (
            True,
            "swap",
            "test",
            room,
            ("google_dfd/01", "google_dfd/02"),
        ),
    }


@pytest.mark.parametrize(
    ("stray", "message"),
    [
        ("original_sequences/actors/c23/videos/clip.mp4", "'clip' is no name of DeepFakeDetection"),
        ("original_sequences/actors/c23/videos/01_02__room__YVGY8LOK.mp4", "named like a video of the other class"),
        ("original_sequences/actors/c40/videos/01__room.mp4", "only originals or only fakes, for example c40"),
    ],
)
def test_a_bad_google_dfd_is_refused(stray: str, message: str, tmp_path: Path) -> None:
    layouts.make_google_dfd(tmp_path)
    layouts.touch(tmp_path / stray)
    with pytest.raises(DatasetError, match=message):
        read("google_dfd", tmp_path)


def test_deeperforensics_is_read(tmp_path: Path) -> None:
    clips = read("deeperforensics", layouts.make_deeperforensics(tmp_path))
    assert Counter(clip.method for clip in clips) == {"DF-VAE end_to_end": 3, "DF-VAE end_to_end_level_3": 3}
    assert {(clip.is_fake, clip.family) for clip in clips} == {(True, "swap")}
    assert len({clip.key for clip in clips}) == 6
    found = by_name("deeperforensics", tmp_path)["manipulated_videos/end_to_end/720_W004.mp4"]
    assert found == (True, "swap", "val", "ff++/720", ("ff++/720", "deeperforensics/W004"))


def test_deeperforensics_is_linked_to_the_originals_it_is_made_of(tmp_path: Path) -> None:
    originals = read("faceforensics", layouts.make_faceforensics(tmp_path / "ff", methods=()))
    fakes = read("deeperforensics", layouts.make_deeperforensics(tmp_path / "df"))
    with pytest.raises(DatasetError, match=r"source 'ff\+\+/071' is on both sides"):
        check_disjoint(originals, fakes)


@pytest.mark.parametrize(
    ("stray", "message"),
    [
        ("manipulated_videos/end_to_end/999_M101.mp4", r"1 files are in no list of the set, .*999_M101\.mp4"),
        ("manipulated_videos/end_to_end_level_9/071_M101.mp4", "name no known variant, .*end_to_end_level_9"),
        ("manipulated_videos/reenact_postprocess/071_M101.mp4", "2 listed files are missing"),
    ],
)
def test_a_bad_deeperforensics_is_refused(stray: str, message: str, tmp_path: Path) -> None:
    layouts.make_deeperforensics(tmp_path)
    layouts.touch(tmp_path / stray)
    with pytest.raises(DatasetError, match=message):
        read("deeperforensics", tmp_path)


def test_lists_of_deeperforensics_may_not_overlap(tmp_path: Path) -> None:
    layouts.make_deeperforensics(tmp_path)
    with (tmp_path / "lists" / "splits" / "test.txt").open("a") as file:
        file.write("071_M101.mp4\n")
    with pytest.raises(DatasetError, match=r"test\.txt: 071_M101\.mp4 is listed twice, or in train\.txt too"):
        read("deeperforensics", tmp_path)
