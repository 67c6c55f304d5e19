"""``--set``: other data sets in place of the research clips, up to where training begins."""

import logging
from dataclasses import replace
from pathlib import Path

import pytest
from tests import dataset_layouts as layouts
from tests.train.test_notebooks import write_data
from typer.testing import CliRunner

from dfd_train.card import data_facts
from dfd_train.cli import app
from dfd_train.datasets import DatasetError, NamedSet
from dfd_train.recipe import RECIPES
from dfd_train.splits import leak
from dfd_train.workflow import Plan, _training_data, read_clips

ROOT = Path(__file__).parents[2]


def plan(tmp_path: Path, *sets: NamedSet) -> Plan:
    return Plan(None, tmp_path / "work", tmp_path / "out", sets=sets)


def test_what_shares_a_person_with_a_test_clip_is_not_trained_on(tmp_path: Path) -> None:
    root = layouts.make_celeb_df(tmp_path, ["1 Celeb-real/id1_0000.mp4", "0 Celeb-synthesis/id0_id1_0000.mp4"])
    train, test = read_clips(plan(tmp_path, ("celeb_df_v2", root)))
    assert {clip.path.stem for clip in test} == {"id1_0000", "id0_id1_0000"}
    assert {clip.path.stem for clip in train} == {"id2_0000", "id2_id3_0000", "00000", "00170"}
    assert leak(train, test) is None


def test_a_class_must_be_left_on_both_sides(tmp_path: Path) -> None:
    root = layouts.make_celeb_df(tmp_path / "a", ["1 Celeb-real/id0_0000.mp4", "0 Celeb-synthesis/id2_id3_0000.mp4"])
    with pytest.raises(DatasetError, match="no fake clips for training"):
        read_clips(plan(tmp_path, ("celeb_df_v2", root)))
    root = layouts.make_celeb_df(tmp_path / "b", ["1 Celeb-real/id1_0000.mp4"])
    with pytest.raises(DatasetError, match="no fake clips for testing"):
        read_clips(plan(tmp_path, ("celeb_df_v2", root)))


def test_lists_of_pictures_are_trained_on_and_not_examined(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    bench = ("deepfakebench", layouts.make_deepfakebench(tmp_path / "bench"))
    with pytest.raises(DatasetError, match="no real and no fake clips for testing"):
        read_clips(plan(tmp_path, bench))
    caplog.clear()
    dfdc = ("dfdc", layouts.make_dfdc_test(tmp_path / "dfdc"))
    with caplog.at_level(logging.WARNING):
        train, test = read_clips(plan(tmp_path, bench, dfdc))
    assert {clip.dataset for clip in test} == {"dfdc"}
    assert all(clip.frames for clip in train)
    assert "ff++/953" not in {clip.source for clip in train}
    (said,) = caplog.messages
    assert "test clips are lists of pictures" in said


def test_without_sets_the_research_clips_are_taken(tmp_path: Path) -> None:
    write_data(tmp_path)
    train, test = read_clips(replace(plan(tmp_path), data=tmp_path))
    assert {clip.dataset for clip in train} == {"face_clips"}
    assert {clip.split for clip in test} == {"dev"}
    with pytest.raises(DatasetError, match=r"nothing to train on: point DFD_DATA_DIR .* --set NAME=ROOT"):
        read_clips(plan(tmp_path))


def test_the_manifest_names_the_sets_and_no_others(tmp_path: Path) -> None:
    chosen = plan(tmp_path, ("auto", layouts.make_faceforensics(tmp_path / "ff")))
    clips, _ = read_clips(chosen)
    said = _training_data(chosen, RECIPES["1"], clips)
    assert said.startswith(
        "genuine fakes and reals of data sets under terms of their own (faceforensics), and forgeries"
    )
    assert "research clips" not in said
    assert "UTKFace" not in said
    assert "research clips" in _training_data(plan(tmp_path), RECIPES["1"], clips)
    assert data_facts(clips)["people"] == 4


def refused(*arguments: object) -> str:
    done = CliRunner().invoke(app, [*map(str, arguments)], env={"DFD_DATA_DIR": ""})
    assert done.exit_code == 4, done.output
    assert len(done.stderr.splitlines()) == 1
    return done.stderr


@pytest.mark.parametrize("command", ["run", "ablate", "left-out"])
def test_faults_of_sets_are_told_before_any_work(command: str, tmp_path: Path) -> None:
    own = layouts.make_folders(tmp_path / "own")
    of_command: dict[str, list[object]] = {
        "run": ["--out", tmp_path / "out", "--recipe", "1", "--samples", ROOT / "samples"],
        "ablate": ["--recipe", "1"],
        "left-out": [ROOT / "models" / "deepfake" / "2"],
    }
    options = [command, *of_command[command], "--work", tmp_path / "work"]
    assert "--set takes NAME=ROOT" in refused(*options, "--set", "folders")
    assert "no set has a test part (folders)" in refused(*options, "--set", f"folders={own}")
    assert "there is no reader for 'imagenet'" in refused(*options, "--set", f"imagenet={own}")
    assert "nothing to train on: point DFD_DATA_DIR" in refused(*options)
    assert not (tmp_path / "work").exists()


@pytest.mark.parametrize("command", ["run", "ablate"])
def test_missing_photographs_are_told_before_any_work(command: str, tmp_path: Path) -> None:
    ff = layouts.make_faceforensics(tmp_path / "ff")
    of_run = ["--out", tmp_path / "out", "--samples", ROOT / "samples"] if command == "run" else []
    options = [command, *of_run, "--work", tmp_path / "work", "--set", f"faceforensics={ff}"]
    assert "the photographs that forgeries are made of, faces/utkface-adults.tar, are not there" in refused(*options)
    assert f"{tmp_path / 'faces'}" in refused(*options, "--data", tmp_path)
    assert not (tmp_path / "work").exists()
