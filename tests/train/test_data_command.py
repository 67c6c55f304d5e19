"""``dfd-train data`` and ``dfd-train splits``, from the command line to the crop store."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from tests import dataset_layouts as layouts
from tests.synthetic_video import write_picture
from typer.testing import CliRunner

from dfd.evaluation.samples import read_samples
from dfd.video.pyav import PyAvOpener
from dfd_train.cli import app

SAMPLES = Path(__file__).parents[2] / "samples"


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two clips with a face and one picture without."""
    root = tmp_path_factory.mktemp("set")
    for name, target in (("real_astronaut.mp4", "real/a.mp4"), ("fake_swap.mp4", "fake/SimSwap/a.mp4")):
        (root / target).parent.mkdir(parents=True)
        shutil.copy(SAMPLES / name, root / target)
    write_picture(root / "fake" / "grey.png", np.full((64, 64, 3), 128, np.uint8))
    return root


def test_faces_are_cut_counted_and_not_cut_again(folders: Path, tmp_path: Path) -> None:
    arguments = ["data", "folders", str(folders), "--work", str(tmp_path), "--no-progress"]
    first = CliRunner().invoke(app, arguments)
    assert first.exit_code == 0, first.output
    rows = {words[0]: [int(word) for word in words[1:]] for words in map(str.split, first.stdout.splitlines()[1:])}
    assert rows.keys() == {"real", "swap", "unknown", "all"}
    assert rows["unknown"] == [1, 0, 1]
    assert rows["real"][1] > 0
    assert rows["all"] == [sum(row[column] for name, row in rows.items() if name != "all") for column in range(3)]
    made = {path: path.stat().st_mtime_ns for path in (tmp_path / "crops").rglob("*") if path.is_file()}
    second = CliRunner().invoke(app, arguments)
    assert second.stdout == first.stdout
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "crops").rglob("*") if path.is_file()} == made


def test_part_of_a_set_may_be_cut(folders: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(
        app, ["data", "auto", str(folders), "--work", str(tmp_path), "--limit", "1", "--no-progress"]
    )
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[-1].split()[:2] == ["all", "1"]


def test_lists_of_pictures_are_cut_like_videos(tmp_path: Path) -> None:
    pictures = tmp_path / "datasets" / "rgb" / "UADFV" / "real" / "frames" / "0007"
    pictures.mkdir(parents=True)
    with PyAvOpener().open(SAMPLES / "real_astronaut.mp4") as video:
        for frame in video.sample((0.0, 0.5, 1.0)):
            write_picture(pictures / f"{frame.index:03d}.png", frame.image)
    listed = layouts.bench_video("UADFV_Real", "UADFV/real/frames/0007", count=3)
    layouts.write_json(tmp_path / "dataset_json" / "UADFV.json", {"UADFV": {"UADFV_Real": {"test": {"0007": listed}}}})
    done = CliRunner().invoke(
        app, ["data", "deepfakebench", str(tmp_path), "--work", str(tmp_path / "work"), "--no-progress"]
    )
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[-1].split() == ["all", "1", "3", "0"]


def test_a_split_that_is_not_there_is_refused(folders: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["data", "folders", str(folders), "--work", str(tmp_path), "--split", "train"])
    assert done.exit_code == 4
    assert "has no clips in split 'train'" in done.stderr
    assert not (tmp_path / "crops").exists()


def test_splits_are_told(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["splits", "faceforensics", str(layouts.make_faceforensics(tmp_path))])
    assert done.exit_code == 0, done.output
    assert "leak check: passed" in done.stdout


def test_a_part_is_listed(tmp_path: Path) -> None:
    root = layouts.make_faceforensics(tmp_path / "ff")
    arguments = ["list", "auto", str(root), "--out", str(tmp_path / "test.csv"), "--split", "test"]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    assert done.stdout == f"wrote {tmp_path / 'test.csv'}: 2 real, 10 fake\n"
    listed = read_samples(tmp_path / "test.csv", "test")
    assert {sample.group for sample in listed.samples} == {"ff++/953", "ff++/974"}
    again = CliRunner().invoke(app, arguments)
    assert again.exit_code == 4
    assert "test.csv is there already" in again.stderr
    done = CliRunner().invoke(app, [*arguments[:-1], "dev"])
    assert done.exit_code == 4
    assert "has no clips in split 'dev'" in done.stderr


@pytest.mark.parametrize("command", ["data", "splits"])
def test_a_bad_set_is_an_error_in_one_line(command: str, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, [command, "imagenet", str(tmp_path)])
    assert done.exit_code == 4
    assert done.stderr.startswith("dfd-train: there is no reader for 'imagenet'")
    assert len(done.stderr.splitlines()) == 1
