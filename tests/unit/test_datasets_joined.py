"""Several sets taken together, and sets written down as lists."""

from pathlib import Path

import pytest
from tests import dataset_layouts as layouts

from dfd.evaluation.samples import read_samples
from dfd_train.datasets import Clip, DatasetError, read, read_sets
from dfd_train.datasets.listing import COLUMNS, write_list
from dfd_train.splits import groups


def test_test_parts_of_all_sets_are_tested_on(tmp_path: Path) -> None:
    ff = layouts.make_faceforensics(tmp_path / "ff", methods=["Deepfakes"])
    own = layouts.make_folders(tmp_path / "own")
    train, test = read_sets([("auto", ff), ("folders", own)])
    assert {clip.path.stem for clip in test} == {"953", "974", "953_974", "974_953"}
    assert {clip.split for clip in train if clip.dataset == "faceforensics"} == {"train", "val"}
    assert [clip for clip in train if clip.dataset == "folders"] == read("folders", own)


def test_sets_without_a_test_part_are_refused(tmp_path: Path) -> None:
    own = layouts.make_folders(tmp_path)
    with pytest.raises(DatasetError, match=r"no set has a test part \(folders\): add one that has, or a list \(csv\)"):
        read_sets([("folders", own)])


def test_nothing_is_taken_twice(tmp_path: Path) -> None:
    ff = layouts.make_faceforensics(tmp_path / "ff", methods=["Deepfakes"])
    with pytest.raises(DatasetError, match=r"12 clips are listed more than once.*: name every set once"):
        read_sets([("faceforensics", ff), ("auto", ff)])
    write_list(tmp_path / "list.csv", read("faceforensics", ff))
    with pytest.raises(DatasetError, match=r"12 files are in the sets more than once.*: name every set once"):
        read_sets([("faceforensics", ff), ("csv", tmp_path / "list.csv")])


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("faceforensics", layouts.make_faceforensics),
        ("celeb_df_v2", layouts.make_celeb_df),
        ("celeb_df_pp", layouts.make_celeb_df_pp),
        ("dfdc", layouts.make_dfdc_train),
        ("dfdc_preview", layouts.make_dfdc_preview),
        ("folders", layouts.make_folders),
    ],
)
@pytest.mark.parametrize("place", ["set/list.csv", "elsewhere/list.csv"])
def test_a_list_says_what_the_set_says(name: str, make: object, place: str, tmp_path: Path) -> None:
    assert callable(make)
    clips = read(name, make(tmp_path / "set"))
    path = tmp_path / place
    write_list(path, clips)
    again = read("csv", path)
    assert [facts(clip) for clip in again] == [facts(clip) for clip in clips]
    assert groups(again) == groups(clips)
    listed = read_samples(path)
    assert listed.group_column == "group"
    for sample, clip in zip(listed.samples, clips, strict=True):
        assert (sample.path.resolve(), sample.is_fake) == (clip.path.resolve(), clip.is_fake)
        assert (sample.method, sample.family, sample.dataset) == (clip.method, clip.family, clip.dataset)
        assert sample.group == clip.source
        assert Path(sample.name).is_absolute() == place.startswith("elsewhere")


def facts(clip: Clip) -> tuple[object, ...]:
    """What a list keeps; sources and persons are named anew."""
    named = [name.removeprefix("csv/") for name in (clip.source, *clip.persons)]
    return clip.path.resolve(), clip.is_fake, clip.family, clip.method, clip.split, named


def test_parts_have_the_names_that_lists_know(tmp_path: Path) -> None:
    (clip,) = read("csv", layouts.make_csv(tmp_path, "path,label\na.mp4,real\n"))
    values = {name: getattr(clip, name) for name in Clip.__slots__} | {"split": "dev"}
    write_list(tmp_path / "list.csv", [Clip(**values)])
    header, row = (tmp_path / "list.csv").read_text(encoding="utf-8").splitlines()
    assert header == ",".join(COLUMNS)
    assert row.split(",")[:3] == ["a.mp4", "real", "val"]


def test_lists_of_pictures_cannot_be_listed(tmp_path: Path) -> None:
    clips = read("deepfakebench", layouts.make_deepfakebench(tmp_path))
    with pytest.raises(DatasetError, match=rf"{len(clips)} clips are lists of pictures.*: a list names videos"):
        write_list(tmp_path / "list.csv", clips)
    assert not (tmp_path / "list.csv").exists()


def test_no_list_is_overwritten(tmp_path: Path) -> None:
    mine = layouts.make_csv(tmp_path, "path,label\na.mp4,real\n")
    with pytest.raises(DatasetError, match="is there already: remove it"):
        write_list(mine, read("csv", mine))
    assert mine.read_text(encoding="utf-8") == "path,label\na.mp4,real\n"
