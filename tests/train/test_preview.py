"""``dfd-train forge`` and ``dfd-train preview``, from the command line to the picture."""

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from tests.train.sample_faces import SAMPLES
from tests.train.test_train_command import write_stills
from typer.testing import CliRunner

from dfd_train.cli import app
from dfd_train.datasets import DatasetError
from dfd_train.forged_store import ForgedStore
from dfd_train.preview import contact_sheet, preview_rows, write_sheet


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two real clips and a fake."""
    root = tmp_path_factory.mktemp("set")
    for name, target in (
        ("real_astronaut.mp4", "real/a.mp4"),
        ("real_hopper.mp4", "real/h.mp4"),
        ("fake_swap.mp4", "fake/SimSwap/s.mp4"),
    ):
        (root / target).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(SAMPLES / name, root / target)
    return root


def run(*arguments: str) -> str:
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_the_sheet_shows_every_family(folders: Path, tmp_path: Path) -> None:
    where = ("folders", str(folders), "--work", str(tmp_path), "--no-progress")
    said = run("forge", *where, "--steps", "1", "--people", "2", "--size", "32")
    assert said.startswith("8 forged clips")
    assert run("forge", *where, "--steps", "1", "--people", "2", "--size", "32") == said
    sheet = tmp_path / "sheet.png"
    said = run("preview", *where, "--out", str(sheet), "--columns", "3", "--side", "64")
    labels = said.strip().partition(": ")[2].split(", ")
    made = ["self_blend", "swap", "lipsync", "rerender", "decoded", "deepfake", "dubbed", "reenacted"]
    assert labels == ["real", *made, "genuine swap", "worn real", "worn fake", "worn clip"]
    picture = cv2.imread(str(sheet))
    assert picture is not None
    assert picture.shape == (13 * 66, 150 + 3 * 66, 3)
    assert all(picture[row * 66 : row * 66 + 64, 150:214].std() > 5 for row in range(13))


def test_photographs_are_shown_moving(tmp_path: Path) -> None:
    write_stills(tmp_path)
    sheet, work = tmp_path / "sheet.png", ("--work", str(tmp_path / "work"), "--no-progress")
    said = run("preview", "stills", str(tmp_path), *work, "--out", str(sheet), "--columns", "3", "--side", "192")
    labels = said.strip().partition(": ")[2].split(", ")
    made = ["self_blend", "swap", "lipsync", "rerender", "decoded"]
    assert labels[0] == "real"
    assert labels[-5:-3] == ["moved", "change"]
    assert set(labels[1:-5]) <= set(made)
    picture = cv2.imread(str(sheet))
    assert picture is not None
    rows = [picture[row * 194 : row * 194 + 192, 150:342].astype(int) for row in range(len(labels))]
    real, after, change = (rows[labels.index(label)] for label in ("real", "moved", "change"))
    assert 0 < np.abs(after - real).mean() < 25
    assert np.abs(change - np.clip(128 + 25 * (after - real), 0, 255)).max() == 0


def test_a_sheet_needs_real_faces(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no real clip with a face"):
        preview_rows([], ForgedStore(tmp_path), 4, np.random.default_rng(0))


def test_pictures_stand_in_rows_and_colours_are_kept(tmp_path: Path) -> None:
    red, blue = (np.full((32, 32, 3), colour, np.uint8) for colour in ((250, 0, 0), (0, 0, 250)))
    sheet = contact_sheet([("one", [red]), ("two", [blue, red])], 40)
    assert sheet.shape == (84, 150 + 84, 3)
    assert sheet[20, 170].tolist() == [250, 0, 0]
    assert sheet[62, 170].tolist() == [0, 0, 250]
    assert sheet[62, 212].tolist() == [250, 0, 0]
    assert sheet[20, 212].tolist() == [255, 255, 255]
    write_sheet(tmp_path / "deep" / "sheet.png", sheet)
    written = cv2.imread(str(tmp_path / "deep" / "sheet.png"))
    assert written is not None
    assert np.array_equal(written[..., ::-1], sheet)
