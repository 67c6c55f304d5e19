"""``dfd-train run``: from a data folder to a version that serves, with the newest recipe made short."""

import tarfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import cv2
import pytest
from tests.train.test_notebooks import SAMPLES, write_data
from typer.testing import CliRunner

from dfd.manifest import ModelManifest
from dfd.registry.directory import DirectoryRegistry
from dfd_train.cli import app
from dfd_train.datasets.stills import ARCHIVE
from dfd_train.export import ParityError


def write_stills(folder: Path) -> None:
    """An archive of photographs: frames of the sample clips of real people."""
    pictures = folder / "pictures"
    pictures.mkdir()
    (folder / ARCHIVE).parent.mkdir()
    with tarfile.open(folder / ARCHIVE, "w") as tar:
        for name in ("real_astronaut", "real_hopper"):
            with av.open(str(SAMPLES / f"{name}.mp4")) as container:
                for index, frame in enumerate(container.decode(video=0)):
                    if index % 60 == 0:
                        path = pictures / f"30_1_0_{name}{index}.jpg"
                        cv2.imwrite(str(path), frame.to_ndarray(format="bgr24"))
                        tar.add(path, path.name)


@pytest.mark.slow
def test_the_newest_recipe_ends_in_a_version_that_serves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_data(tmp_path / "data")
    write_stills(tmp_path / "data")
    out = tmp_path / "models" / "deepfake" / "7"
    options = ["--data", tmp_path / "data", "--out", out, "--work", tmp_path / "work", "--samples", SAMPLES]
    short = ["--folds", 2, "--epochs", 1, "--steps", 2, "--forge-steps", 2, "--robustness", "none", "--no-progress"]
    done = CliRunner().invoke(app, ["run", *map(str, options), *map(str, short)])
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[-1].startswith(f"wrote {out}: test AUC ")
    manifest = DirectoryRegistry(tmp_path / "models").load("deepfake", "7").manifest
    assert manifest.input.frames == 2
    assert manifest.metrics["unseen_family"]["family"] == "deepfake"
    assert manifest.metrics["rules"][0]["rule"] == "mean of logits"
    card = (out / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert "## A family never shown" in card
    assert "## From faces to a video" in card
    runs = {path.name for path in (tmp_path / "work" / "runs").iterdir()}
    assert runs >= {"final", "fold-1-of-2"}
    assert any(name.startswith("foundation-") for name in runs)
    assert list((tmp_path / "work" / "features").glob("*/*.npy"))

    def differ(folder: Path, manifest: ModelManifest) -> ModelManifest:
        raise ParityError("logits differ")

    monkeypatch.setattr("dfd_train.workflow.with_parity", differ)
    again = CliRunner().invoke(app, ["run", *map(str, options), *map(str, short)])
    assert again.exit_code == 4
    assert again.stderr.endswith("dfd-train: logits differ\n")
    assert DirectoryRegistry(tmp_path / "models").load("deepfake", "7").manifest == manifest  # every file is as it says
    assert list(out.parent.iterdir()) == [out]


@pytest.mark.parametrize(
    ("auc", "said"),
    [({"value": 0.75, "low": 0.5, "high": 1.0}, "0.750 (0.500 to 1.000)"), (None, "unknown: a class has no face")],
)
def test_the_auc_of_the_test_clips_is_told_if_there_is_one(
    auc: dict[str, float] | None, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = SimpleNamespace(metrics={"test": {"video": {"auc": auc}}})
    monkeypatch.setattr("dfd_train.workflow.run", lambda *_: made)
    done = CliRunner().invoke(app, ["run", "--data", str(tmp_path), "--out", "m/7", "--samples", str(SAMPLES)])
    assert done.exit_code == 0, done.output
    assert done.stdout == f"wrote m/7: test AUC {said}\n"


def test_forms_that_differ_are_an_error_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def differ(*_: Any) -> None:
        raise ParityError("logits differ")

    monkeypatch.setattr("dfd_train.workflow.run", differ)
    done = CliRunner().invoke(app, ["run", "--data", str(tmp_path), "--out", "m/7", "--samples", str(SAMPLES)])
    assert (done.exit_code, done.stderr) == (4, "dfd-train: logits differ\n")
