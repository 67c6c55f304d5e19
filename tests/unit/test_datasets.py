"""What all readers share: the clip, its key, the catalogue, telling layouts apart."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import dataset_layouts as layouts

from dfd_train.datasets import (
    READERS,
    Clip,
    DatasetError,
    check_present,
    check_unique,
    detect,
    make_key,
    read,
    require_both_classes,
)
from dfd_train.datasets.families import family_of

names = st.tuples(st.text(max_size=8), st.booleans(), st.sampled_from(["", "c23", "c40"]), st.text(max_size=30))


def key_of(name: tuple[str, bool, str, str]) -> str:
    dataset, is_fake, compression, video = name
    return make_key(dataset, is_fake=is_fake, compression=compression, video=video)


@given(names, names)
def test_keys_are_file_names_that_never_meet(
    one: tuple[str, bool, str, str], other: tuple[str, bool, str, str]
) -> None:
    assert (key_of(one) == key_of(other)) == (one == other)
    assert key_of(one).replace("_", "").replace("-", "").replace(".", "").isalnum()
    assert len(key_of(one).encode()) < 200


def clip(**changes: object) -> Clip:
    values: dict[str, object] = {
        "key": "k",
        "path": Path("k.mp4"),
        "is_fake": True,
        "family": "swap",
        "method": "m",
        "source": "s",
        "persons": (),
        "split": "",
        "dataset": "d",
    }
    return Clip(**(values | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"family": "magic"}, "'magic' is none of real, swap"),
        ({"family": "real"}, "labelled fake, but its family is 'real'"),
        ({"is_fake": False}, "labelled real, but its family is 'swap'"),
        ({"key": "a/b"}, "cannot be the name of a file"),
        ({"key": ""}, "cannot be the name of a file"),
    ],
)
def test_clips_that_contradict_themselves_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        clip(**changes)


def test_missing_files_are_counted_and_three_are_shown(tmp_path: Path) -> None:
    clips = [clip(path=tmp_path / f"{number}.mp4") for number in range(5)]
    with pytest.raises(
        DatasetError, match=r"5 listed files are missing, for example .*0\.mp4, .*1\.mp4, .*2\.mp4: fetch"
    ):
        check_present(clips)
    layouts.touch(*(one.path for one in clips))
    check_present(clips)


def test_every_picture_of_a_clip_must_be_there(tmp_path: Path) -> None:
    layouts.touch(tmp_path / "000.png")
    with pytest.raises(DatasetError, match=r"1 listed .*001\.png"):
        check_present([clip(path=tmp_path, frames=(tmp_path / "000.png", tmp_path / "001.png"))])


def test_duplicates_are_refused() -> None:
    check_unique([clip(key="a"), clip(key="b")])
    with pytest.raises(DatasetError, match="1 clips are listed more than once, for example a: remove"):
        check_unique([clip(key="a"), clip(key="b"), clip(key="a")])


def test_one_class_teaches_nothing() -> None:
    real = clip(key="r", is_fake=False, family="real")
    require_both_classes([clip(), real], "training")
    with pytest.raises(DatasetError, match="no real clips for training"):
        require_both_classes([clip()], "training")
    with pytest.raises(DatasetError, match="no fake clips for testing"):
        require_both_classes([real], "testing")
    with pytest.raises(DatasetError, match="no real and no fake clips"):
        require_both_classes([], "testing")


@pytest.mark.parametrize(
    ("method", "family"),
    [
        ("Deepfakes", "swap"),
        ("FaceSwap", "swap"),
        ("FaceShifter", "swap"),
        ("DeepFakeDetection", "swap"),
        ("Celeb-DF", "swap"),
        ("DFDC", "swap"),
        ("Face2Face", "reenactment"),
        ("NeuralTextures", "reenactment"),
        ("FaceReenact", "reenactment"),
        ("TalkingFace", "lipsync"),
        ("Wav2Lip", "lipsync"),
        ("StyleGAN2", "synthesis"),
        ("lipsync", "lipsync"),
        ("brand-new", "unknown"),
        ("", "unknown"),
    ],
)
def test_methods_have_families(method: str, family: str) -> None:
    assert family_of(method) == family


def test_an_unknown_name_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no reader for 'imagenet': choose auto or one of faceforensics, google_dfd"):
        read("imagenet", tmp_path)


@pytest.mark.parametrize("name", [*READERS, "auto"])
def test_a_folder_that_is_not_there_is_named(name: str, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="nowhere is not there: name the folder"):
        read(name, tmp_path / "nowhere")


@pytest.mark.parametrize("name", READERS)
def test_an_empty_folder_is_refused_by_every_reader(name: str, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=str(tmp_path)):
        read(name, tmp_path)


def test_a_set_without_clips_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "fake").mkdir()
    with pytest.raises(DatasetError, match="holds no clips of folders: fetch the set"):
        read("folders", tmp_path)


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("faceforensics", layouts.make_faceforensics),
        ("google_dfd", layouts.make_google_dfd),
        ("celeb_df_pp", layouts.make_celeb_df_pp),
        ("dfdc", layouts.make_dfdc_train),
        ("dfdc", layouts.make_dfdc_test),
        ("dfdc_preview", layouts.make_dfdc_preview),
        ("deeperforensics", layouts.make_deeperforensics),
        ("deepfakebench", layouts.make_deepfakebench),
        ("folders", layouts.make_folders),
    ],
)
def test_layouts_are_told_apart(name: str, make: Callable[[Path], Path], tmp_path: Path) -> None:
    root = make(tmp_path)
    assert detect(root) == name
    assert read("auto", root) == read(name, root)


def test_a_list_in_csv_is_told_by_its_suffix(tmp_path: Path) -> None:
    assert detect(layouts.make_csv(tmp_path, "path,label\na.mp4,real\n")) == "csv"


@pytest.mark.parametrize(("count", "name"), [(100, "celeb_df_v1"), (518, "celeb_df_v2")])
def test_versions_of_celeb_df_are_told_by_their_lists(count: int, name: str, tmp_path: Path) -> None:
    tested = [f"1 YouTube-real/{number:05d}.mp4" for number in range(count)]
    assert detect(layouts.make_celeb_df(tmp_path, tested)) == name


def test_what_could_be_two_sets_must_be_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="could be celeb_df_v1 or celeb_df_v2: give the name"):
        detect(layouts.make_celeb_df(tmp_path))
    with pytest.raises(DatasetError, match="fits no known layout: give the name"):
        detect(tmp_path / "Celeb-real")
