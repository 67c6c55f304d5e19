"""The notebooks run from the first cell to the last, one after the other, as a reader runs them."""

import csv
import hashlib
import json
import struct
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from dfd.registry.directory import DirectoryRegistry

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = ROOT / "notebooks"
SAMPLES = ROOT / "samples"
GROUPS = 6  # of people and places; the calibration is compared over five parts
KERNEL = "same-interpreter"
LIMIT_S = 1200  # for one cell


def write_data(folder: Path) -> None:
    """Sample clips as if they were a data set: enough to go through every step."""
    clips = folder / "clips"
    clips.mkdir(parents=True)
    train = []
    for number in range(GROUPS):
        for label, file in (
            ("real", "real_hopper.mp4" if number % 2 else "real_astronaut.mp4"),
            ("fake", "fake_swap.mp4"),
        ):
            path = clips / f"{label}_{number}.mp4"
            sha256 = write_variant(path, SAMPLES / file, number)
            family = "swap" if label == "fake" else "real"
            train.append([path.name, label, family, "m", f"repo{number}", f"person{number}", "train", sha256])
    write_csv(clips / "faces.csv", "path label family method repo person split sha256", train)
    test = []
    for label, file in (("real", "real_astronaut.mp4"), ("fake", "fake_swap.mp4")):
        path = clips / f"test_{label}.mp4"
        test.append([path.name, label, "m", f"test_{label}", "dev", write_variant(path, SAMPLES / file, GROUPS)])
    write_csv(clips / "manifest.csv", "path label method source split sha256", test)


def write_variant(path: Path, sample: Path, number: int) -> str:
    """A copy with a box of MP4 at its end that players skip, lest all count as one file by their hash; its hash."""
    data = sample.read_bytes() + struct.pack(">I4sI", 12, b"free", number)
    path.write_bytes(data)
    return hashlib.sha256(data).hexdigest()


def write_csv(path: Path, columns: str, rows: list[list[str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns.split())
        writer.writerows(rows)


def write_kernel(folder: Path) -> None:
    """A Jupyter folder with one kernel: this interpreter, whatever kernels the user has."""
    kernel = folder / "kernels" / KERNEL
    kernel.mkdir(parents=True)
    spec = {"argv": [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"], "display_name": KERNEL}
    (kernel / "kernel.json").write_text(json.dumps(spec), encoding="utf-8")


def execute(name: str) -> None:
    """Run a notebook; a cell that raises ends it with the cell's error."""
    notebook = nbformat.read(NOTEBOOKS / name, as_version=4)
    resources = {"metadata": {"path": str(NOTEBOOKS)}}
    NotebookClient(notebook, kernel_name=KERNEL, timeout=LIMIT_S, resources=resources).execute()


@pytest.mark.slow
def test_the_notebooks_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_data(tmp_path / "data")
    write_kernel(tmp_path / "jupyter")
    work = tmp_path / "work"
    for variable, value in {
        "DFD_DATA_DIR": tmp_path / "data",
        "DFD_NOTEBOOK_WORK": work,
        "DFD_NOTEBOOK_CLIPS": 0,
        "DFD_NOTEBOOK_EPOCHS": 1,
        "DFD_NOTEBOOK_STEPS": 2,
        "DFD_NOTEBOOK_VIDEOS": SAMPLES,
        "JUPYTER_PATH": tmp_path / "jupyter",
        "MPLBACKEND": "agg",
    }.items():
        monkeypatch.setenv(variable, str(value))

    execute("train.ipynb")
    execute("export_and_predict.ipynb")

    models = DirectoryRegistry(work / "models")
    assert models.versions("deepfake") == ("1", "2")
    assert {"saved_model.pb", "model.onnx"} <= models.load("deepfake", "2").manifest.files.keys()
    with (work / "predictions.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["file"] for row in rows] == ["fake_swap.mp4", "real_astronaut.mp4", "real_hopper.mp4"]
    assert all(0 < float(row["fake_probability"]) < 1 and int(row["face_frames"]) > 0 for row in rows)
