"""Celeb-DF in three versions, DFDC and its preview."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from tests import dataset_layouts as layouts

from dfd_train.datasets import Clip, DatasetError, read
from dfd_train.splits import groups, official, without_leaks


def by_path(clips: list[Clip], root: Path) -> dict[str, Clip]:
    return {clip.path.relative_to(root).as_posix(): clip for clip in clips}


@pytest.mark.parametrize("name", ["celeb_df_v1", "celeb_df_v2"])
def test_celeb_df_is_read(name: str, tmp_path: Path) -> None:
    clips = read(name, layouts.make_celeb_df(tmp_path))
    assert Counter((clip.is_fake, clip.split) for clip in clips) == {
        (False, "train"): 4,
        (False, "test"): 2,
        (True, "train"): 2,
        (True, "test"): 1,
    }
    found = by_path(clips, tmp_path)
    fake = found["Celeb-synthesis/id0_id1_0001.mp4"]
    assert (fake.family, fake.source, fake.persons) == (
        "swap",
        "celeb-df/id0_0001",
        ("celeb-df/id0", "celeb-df/id1"),
    )
    assert found["Celeb-real/id0_0001.mp4"].source == fake.source
    youtube = found["YouTube-real/00170.mp4"]
    assert (youtube.is_fake, youtube.split, youtube.persons) == (False, "test", ())
    assert {clip.dataset for clip in clips} == {name}


def test_the_flag_of_the_list_is_inverted(tmp_path: Path) -> None:
    """1 is real there: a list of the usual polarity is refused, not read the wrong way round."""
    usual = [f"{1 - int(line[0])}{line[1:]}" for line in layouts.CELEB_TESTED]
    with pytest.raises(
        DatasetError, match=r"3 lines of .*videos\.txt contradict the folder .*\(in this list 1 is real"
    ):
        read("celeb_df_v2", layouts.make_celeb_df(tmp_path, usual))


def test_celeb_df_shares_persons_between_its_parts(tmp_path: Path) -> None:
    tested = (*layouts.CELEB_TESTED, "1 Celeb-real/id0_0001.mp4")
    clips = read("celeb_df_v2", layouts.make_celeb_df(tmp_path, tested))
    with pytest.raises(DatasetError, match="leaks: source 'celeb-df/id0_0001' is in train and in test"):
        official(clips)
    test = [clip for clip in clips if clip.split == "test"]
    kept = without_leaks([clip for clip in clips if clip.split == "train"], test)
    assert {clip.path.name for clip in kept} == {"id1_0000.mp4", "00000.mp4"}


def test_celeb_df_pp_is_read(tmp_path: Path) -> None:
    clips = read("celeb_df_pp", layouts.make_celeb_df_pp(tmp_path))
    assert Counter((clip.method, clip.family, clip.split) for clip in clips if clip.is_fake) == {
        ("BlendFace", "swap", "train"): 2,
        ("BlendFace", "swap", "test"): 1,
        ("LIA", "reenactment", "train"): 2,
        ("LIA", "reenactment", "test"): 1,
        ("FLOAT", "lipsync", "train"): 2,
        ("FLOAT", "lipsync", "test"): 1,
    }
    assert Counter(clip.split for clip in clips if not clip.is_fake) == {"train": 4, "test": 1}
    assert len({clip.key for clip in clips}) == 14


def test_versions_are_not_confused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="laid out otherwise than celeb_df_v2: read it as celeb_df_pp"):
        read("celeb_df_v2", layouts.make_celeb_df_pp(tmp_path / "pp"))
    with pytest.raises(DatasetError, match="laid out otherwise than celeb_df_pp: read it as celeb_df_v1 or"):
        read("celeb_df_pp", layouts.make_celeb_df(tmp_path / "v2"))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "1 YouTube-real/00999.mp4",
            r"1 videos of .*videos\.txt are missing, for example YouTube-real/00999\.mp4: fetch",
        ),
        ("2 YouTube-real/00000.mp4", r"videos\.txt, line 4: expected '<0 or 1> <folder>/<video>'"),
        ("YouTube-real/00000.mp4", "line 4: expected"),
        ("1 .", "line 4: expected"),
        ("1 Elsewhere/00000.mp4", "line 4: expected"),
        ("1 YouTube-real/00170.mp4", r"line 4: YouTube-real/00170\.mp4 is listed twice"),
    ],
)
def test_bad_lines_are_refused(line: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=message):
        read("celeb_df_v2", layouts.make_celeb_df(tmp_path, (*layouts.CELEB_TESTED, line)))


def test_missing_folders_and_strange_names_are_refused(tmp_path: Path) -> None:
    layouts.make_celeb_df(tmp_path / "a")
    layouts.touch(tmp_path / "a" / "Celeb-synthesis" / "copy.mp4")
    with pytest.raises(DatasetError, match="Celeb-synthesis/copy names no identity"):
        read("celeb_df_v2", tmp_path / "a")
    layouts.touch(tmp_path / "b" / "Celeb-real" / "id0_0000.mp4")
    with pytest.raises(DatasetError, match=r"2 folders of Celeb-DF are missing, for example .*YouTube-real"):
        read("celeb_df_v1", tmp_path / "b")
    layouts.make_celeb_df_pp(tmp_path / "c")
    layouts.touch(tmp_path / "c" / "Celeb-synthesis" / "Magic" / "X" / "id0_id1_0000.mp4")
    with pytest.raises(DatasetError, match=r"name no scenario, .*Magic: the scenarios are FaceSwap"):
        read("celeb_df_pp", tmp_path / "c")


def test_dfdc_is_read(tmp_path: Path) -> None:
    clips = read("dfdc", layouts.make_dfdc_test(layouts.make_dfdc_train(tmp_path)))
    assert {name: (c.is_fake, c.split, c.source) for name, c in by_path(clips, tmp_path).items()} == {
        "dfdc_train_part_0/aa.mp4": (False, "train", "dfdc/aa"),
        "dfdc_train_part_0/ab.mp4": (True, "train", "dfdc/aa"),
        "dfdc_train_part_0/ac.mp4": (True, "train", "dfdc/aa"),
        "dfdc_train_part_1/ba.mp4": (False, "train", "dfdc/ba"),
        "dfdc_train_part_1/bb.mp4": (True, "train", "dfdc/ba"),
        "test/ta.mp4": (False, "test", "dfdc/ta"),
        "test/tb.mp4": (True, "test", "dfdc/tb"),
    }
    assert groups(clips) == [0, 0, 0, 1, 1, 2, 2]
    assert len(official(clips).test) == 2


def test_a_part_may_be_named_itself_and_parts_may_lie_in_train(tmp_path: Path) -> None:
    layouts.make_dfdc_train(tmp_path / "train")
    assert len(read("dfdc", tmp_path)) == 5
    assert len(read("dfdc", tmp_path / "train" / "dfdc_train_part_1")) == 2


def test_the_test_set_may_be_labelled_in_json(tmp_path: Path) -> None:
    layouts.make_dfdc_test(tmp_path)
    folder = tmp_path / "test"
    (folder / "videos").mkdir()
    for name in layouts.DFDC_TEST:
        (folder / name).rename(folder / "videos" / name)
    labels = {name: {"is_fake": label, "augmentations": {}} for name, label in layouts.DFDC_TEST.items()}
    layouts.write_json(folder / "metadata.json", labels)
    both = read("dfdc", tmp_path)
    (folder / "labels.csv").unlink()
    assert read("dfdc", tmp_path) == both
    assert [clip.is_fake for clip in both] == [False, True]


def test_lists_of_the_test_set_must_agree(tmp_path: Path) -> None:
    layouts.make_dfdc_test(tmp_path)
    layouts.write_json(tmp_path / "test" / "metadata.json", {"ta.mp4": {"is_fake": 1}})
    with pytest.raises(DatasetError, match=r"1 labels differ between labels\.csv and metadata\.json .*ta\.mp4"):
        read("dfdc", tmp_path)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("ta.mp4,0\nta.mp4,1\ntb.mp4,1\n", r"listed more than once in .*labels\.csv, for example ta\.mp4"),
        ("ta.mp4,0\ntb.mp4,FAKE\n", r"labels\.csv: the label of tb\.mp4 must be 0 or 1"),
        ("ta.mp4,0\n", r"1 files are in no list of the set, for example .*tb\.mp4"),
        ("ta.mp4,0\ntb.mp4,1\ntc.mp4,1\n", r"1 listed files are missing, for example .*tc\.mp4"),
    ],
)
def test_bad_test_labels_are_refused(rows: str, message: str, tmp_path: Path) -> None:
    layouts.make_dfdc_test(tmp_path)
    (tmp_path / "test" / "labels.csv").write_text("filename,label\n" + rows)
    with pytest.raises(DatasetError, match=message):
        read("dfdc", tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ab.mp4": {"label": "FAKE", "original": "zz.mp4"}}, r"without their original, for example ab\.mp4 \(of zz"),
        ({"ab.mp4": {"label": "FAKE", "original": "ac.mp4"}}, r"itself labelled FAKE, for example ab\.mp4 \(of ac"),
        ({"ab.mp4": {"label": "REAL", "original": "aa.mp4"}}, r"ab\.mp4 is labelled REAL, but has an original"),
        ({"ab.mp4": {"label": "MAYBE"}}, r"metadata\.json: the label of ab\.mp4 must be REAL or FAKE, got 'MAYBE'"),
        ({"ab.mp4": {"label": ["FAKE"]}}, "must be REAL or FAKE"),
        ({"ab.mp4": "FAKE"}, r"metadata\.json must be a JSON object of objects"),
        ({"ad.mp4": {"label": "REAL"}}, r"1 listed files are missing, for example .*ad\.mp4: fetch the part again"),
        ({"ba.mp4": {"label": "REAL"}}, "1 listed files are missing"),
    ],
)
def test_bad_train_labels_are_refused(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    layouts.make_dfdc_train(tmp_path)
    entries = dict(layouts.DFDC_TRAIN["dfdc_train_part_0"]) | changes
    layouts.write_json(tmp_path / "dfdc_train_part_0" / "metadata.json", entries)
    with pytest.raises(DatasetError, match=message):
        read("dfdc", tmp_path)


def test_broken_and_doubled_metadata_is_refused(tmp_path: Path) -> None:
    layouts.make_dfdc_train(tmp_path)
    path = tmp_path / "dfdc_train_part_1" / "metadata.json"
    whole = path.read_text()
    path.write_text(whole[:-5])
    with pytest.raises(DatasetError, match=r"metadata\.json is broken JSON .*: fetch it again"):
        read("dfdc", tmp_path)
    path.write_text(whole[:-1] + ', "bb.mp4": {"label": "REAL"}}')
    with pytest.raises(DatasetError, match=r"metadata\.json are listed more than once, for example bb\.mp4"):
        read("dfdc", tmp_path)
    path.unlink()
    with pytest.raises(DatasetError, match=r"metadata\.json is not there: fetch the part again"):
        read("dfdc", tmp_path)


def test_a_video_in_two_parts_is_refused(tmp_path: Path) -> None:
    layouts.make_dfdc_train(tmp_path)
    layouts.write_json(tmp_path / "dfdc_train_part_2" / "metadata.json", {"aa.mp4": {"label": "REAL"}})
    layouts.touch(tmp_path / "dfdc_train_part_2" / "aa.mp4")
    with pytest.raises(DatasetError, match=r"in more than one part, for example aa\.mp4"):
        read("dfdc", tmp_path)


def test_the_preview_is_read(tmp_path: Path) -> None:
    clips = read("dfdc_preview", layouts.make_dfdc_preview(tmp_path))
    assert [(c.is_fake, c.family, c.method, c.split) for c in clips] == [
        (False, "real", "original_videos", "train"),
        (True, "swap", "method_A", "train"),
        (False, "real", "original_videos", "test"),
        (True, "swap", "method_B", "test"),
    ]
    assert clips[1].source == clips[0].source == "dfdc_preview/643049_A"
    assert clips[1].persons == ("dfdc_preview/643049", "dfdc_preview/1224068")
    assert groups(clips) == [0, 0, 1, 1]
    assert len(official(clips).test) == 2


@pytest.mark.parametrize(
    ("name", "entry", "message"),
    [
        ("original_videos/1/1_A_001.mp4", {"label": "fake", "set": "train"}, "1 labels of .* contradict the folder"),
        ("method_A/1/1_A/2_1_A_001.mp4", {"label": "real", "set": "train"}, "1 labels of .* contradict the folder"),
        ("method_C/1/1_A/2_1_A_001.mp4", {"label": "fake", "set": "train"}, "lie in no known folder"),
        ("method_A/1/1_A/2_1_A_001.mp4", {"label": "fake", "set": "all"}, "needs a label .* and a set"),
        ("method_A/1/1_A/2_1_A_001.mp4", {"set": "train"}, "needs a label"),
        ("method_A/1/1_A/clip.mp4", {"label": "fake", "set": "train"}, "'clip' is no name of the DFDC preview"),
    ],
)
def test_a_bad_preview_is_refused(name: str, entry: dict[str, str], message: str, tmp_path: Path) -> None:
    folder = layouts.make_dfdc_preview(tmp_path) / "dfdc_preview_set"
    entries = json.loads((folder / "dataset.json").read_text())
    layouts.write_json(folder / "dataset.json", entries | {name: entry})
    layouts.touch(folder / name)
    with pytest.raises(DatasetError, match=message):
        read("dfdc_preview", tmp_path)


def test_the_preview_must_be_complete(tmp_path: Path) -> None:
    folder = layouts.make_dfdc_preview(tmp_path) / "dfdc_preview_set"
    (folder / "original_videos" / "643049" / "643049_A_001.mp4").unlink()
    with pytest.raises(DatasetError, match=r"1 listed files are missing, for example .*643049_A_001\.mp4"):
        read("dfdc_preview", folder)
