"""``dfd evaluate`` as a process: what it writes where, and with which exit code it leaves."""

import json
import shutil
import signal
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from tests.cli_process import ROOT, TIMEOUT_S, Cli

from dfd import __version__

LIST = "path,label,method\nfake.avi,fake,GHOST\nreal.avi,real,phone\nclips/b.avi,0,phone\nclips/inner/a.avi,1,Wav2Lip\n"


def show_face(path: Path, light: float) -> None:
    """Write two seconds of a face in so much light; the mean model calls bright ones fake."""
    read, frame = cv2.VideoCapture(str(ROOT / "samples" / "real_hopper.mp4")).read()
    assert read
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, frame.shape[1::-1])
    for _ in range(20):
        writer.write(np.clip(frame * light, 0, 255).astype(np.uint8))
    writer.release()


@pytest.fixture
def listed(cli: Cli, tmp_path: Path) -> Path:
    """A list of clips that show a face, and a file that is no video."""
    folder = tmp_path / "set"
    (folder / "clips" / "inner").mkdir(parents=True)
    show_face(folder / "fake.avi", 1.6)
    show_face(folder / "real.avi", 0.6)
    shutil.copy(folder / "real.avi", folder / "clips" / "b.avi")
    shutil.copy(folder / "fake.avi", folder / "clips" / "inner" / "a.avi")
    shutil.copy(cli.folder / "text.mp4", folder)
    path = folder / "list.csv"
    path.write_text(LIST, encoding="utf-8")
    return path


def test_a_report_is_written_and_told_in_short(cli: Cli, listed: Path, tmp_path: Path) -> None:
    out = tmp_path / "report"
    done = cli.run(
        "evaluate",
        "--manifest",
        str(listed),
        "--out",
        str(out),
        "--bootstrap",
        "50",
        "--robustness",
        "quick",
        "--jobs",
        "2",
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "videos   2 real, 2 fake\nscored   2 real, 2 fake\nAUC      1.000" in done.stdout
    assert f"report   {out / 'index.html'}" in done.stdout
    assert sorted(path.name for path in out.iterdir()) == ["clips.jsonl", "index.html", "metrics.json"]
    measured = json.loads((out / "metrics.json").read_text(encoding="utf-8"))
    assert measured["per_method"]["GHOST"]["auc"]["value"] == 1.0
    assert len(measured["robustness"]["conditions"]) == 8
    settings = measured["settings"]
    assert (settings["list"], settings["backend"], settings["dfd"]) == ("list.csv", "onnx", __version__)
    for name in ("metrics.json", "index.html", "clips.jsonl"):
        assert str(tmp_path) not in (out / name).read_text(encoding="utf-8")


def test_an_unreadable_video_is_told_and_counted(cli: Cli, listed: Path, tmp_path: Path) -> None:
    with listed.open("a", encoding="utf-8") as file:
        file.write("text.mp4,fake,none\n")
    arguments = ("evaluate", "--manifest", str(listed), "--bootstrap", "5", "--out")
    done = cli.run(*arguments, str(tmp_path / "lenient"))
    assert done.returncode == 0
    rows = tmp_path / "lenient" / "clips.jsonl"
    assert done.stderr == f"dfd: 1 of the videos could not be read: text.mp4; {rows} names each with its error\n"
    assert '"path": "text.mp4"' in rows.read_text(encoding="utf-8")
    strict = cli.run(*arguments, str(tmp_path / "strict"), "--strict")
    assert (strict.returncode, strict.stdout) == (3, "")
    assert "text.mp4" in strict.stderr


def test_results_are_gone_on_with_only_when_asked_and_alike(cli: Cli, listed: Path, tmp_path: Path) -> None:
    arguments = ("evaluate", "--manifest", str(listed), "--out", str(tmp_path / "out"), "--bootstrap", "5")
    assert cli.run(*arguments).returncode == 0
    refused = cli.run(*arguments)
    assert (refused.returncode, refused.stdout) == (4, "")
    assert "add --resume" in refused.stderr
    assert cli.run(*arguments, "--resume").returncode == 0
    other = cli.run(*arguments, "--resume", "--fps", "1")
    assert other.returncode == 4
    assert "fps was 2.0, now it is 1.0" in other.stderr
    server = cli.run(*arguments, "--resume", "--backend", "tfserving", BACKEND_FALLBACK="true")
    assert server.returncode == 4
    assert "backend was 'onnx', now it is 'tfserving'" in server.stderr


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,label\nfake.avi,fake\n", "only fake videos"),
        ("path,label\nfake.avi,fake\nnone.avi,real\n", "1 of 2 files"),
        ("name,label\n", "lacks the column path"),
    ],
)
def test_a_list_that_does_not_hold_is_3(cli: Cli, listed: Path, tmp_path: Path, text: str, message: str) -> None:
    listed.write_text(text, encoding="utf-8")
    done = cli.run("evaluate", "--manifest", str(listed), "--out", str(tmp_path / "out"))
    assert (done.returncode, done.stdout) == (3, "")
    assert message in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--manifest", "list.csv"),
        ("--manifest", "list.csv", "--out", "x", "--robustness", "some"),
        ("--manifest", "list.csv", "--out", "x", "--bootstrap", "0"),
        ("--manifest", "list.csv", "--out", "x", "--threshold", "2"),
        ("--manifest", "list.csv", "--out", "x", "--jobs", "0"),
    ],
)
def test_wrong_usage_is_2(cli: Cli, arguments: tuple[str, ...]) -> None:
    done = cli.run("evaluate", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Usage: dfd evaluate" in done.stderr


def test_an_interrupted_run_is_130_and_can_be_gone_on_with(cli: Cli, listed: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    arguments = (
        "evaluate",
        "--manifest",
        str(listed),
        "--out",
        str(out),
        "--bootstrap",
        "5",
        "--robustness",
        "full",
        "--fps",
        "10",
    )
    with cli.start(*arguments) as process:
        deadline = time.monotonic() + TIMEOUT_S
        while time.monotonic() < deadline and not (out / "clips.jsonl").is_file():
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 130
    assert err == ""
    assert (out / "clips.jsonl").read_text(encoding="utf-8").endswith("}\n")
    assert not (out / "metrics.json").exists()
    done = cli.run(
        "evaluate", "--manifest", str(listed), "--out", str(out), "--bootstrap", "5", "--resume", "--fps", "10"
    )
    assert done.returncode == 0
