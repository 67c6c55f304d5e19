"""``dfd batch`` as a process: tables, errors, a batch that is killed and goes on, and a bucket."""

import csv
import shutil
import signal
from pathlib import Path

import pytest
from tests.cli_process import TIMEOUT_S, Cli, lines
from tests.live_service import until
from tests.s3_server import s3_server


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_folder_becomes_a_table(cli: Cli, tmp_path: Path) -> None:
    done = cli.run("batch", "clips", "fake.avi", "--out", str(tmp_path / "r.csv"), "--fail-on", "fake")
    assert (done.returncode, done.stderr) == (1, "")
    assert [(row["path"], row["verdict"]) for row in rows(tmp_path / "r.csv")] == [
        ("clips/b.avi", "real"),
        ("clips/inner/a.avi", "fake"),
        ("fake.avi", "fake"),
    ]
    assert "fake         2\n" in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["r.csv"]


def test_json_lines_are_those_of_predict(cli: Cli, tmp_path: Path) -> None:
    assert cli.run("batch", "fake.avi", "--out", str(tmp_path / "r.jsonl")).returncode == 0
    [mine], [other] = lines((tmp_path / "r.jsonl").read_text()), lines(cli.run("predict", "--json", "fake.avi").stdout)
    assert mine | {"timings_ms": None, "created_at": None} == other | {"timings_ms": None, "created_at": None}


def test_errors_are_rows(cli: Cli, tmp_path: Path) -> None:
    done = cli.run("batch", "text.mp4", "missing.mp4", "real.avi", "--out", str(tmp_path / "r.parquet"))
    assert done.returncode == 3
    assert "dfd: missing.mp4: " in done.stderr
    assert "errors       2\n" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("batch", "--out", "r.csv"), 2),
        (("batch", "clips"), 2),
        (("batch", "clips", "--out", "r.xlsx"), 2),
        (("batch", "clips", "--out", "nowhere/r.csv"), 4),
        (("batch", "s3://", "--out", "r.csv"), 4),
    ],
)
def test_wrong_usage(cli: Cli, arguments: tuple[str, ...], code: int) -> None:
    assert cli.run(*arguments).returncode == code


def test_options_that_workers_would_not_hear_of_are_refused(cli: Cli, tmp_path: Path) -> None:
    shared = {"DATABASE_URL": f"sqlite:///{tmp_path / 'jobs.sqlite3'}"}
    for option, value in (("--model", "deepfake:7"), ("--detector", "haar")):
        done = cli.run("batch", "clips", "--out", str(tmp_path / "r.csv"), option, value, **shared)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith(f"dfd: {option}: DATABASE_URL is set")


@pytest.mark.slow
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
def test_an_interrupted_batch_goes_on_and_doubles_no_row(cli: Cli, tmp_path: Path, end: signal.Signals) -> None:
    many = tmp_path / "many"
    many.mkdir()
    for number in range(40):
        shutil.copy(cli.folder / "real.avi", many / f"{number:02}.avi")
    out, part = tmp_path / "r.csv", tmp_path / "r.csv.part"
    command = ("batch", str(many), "--out", str(out))
    with cli.start(*command) as doomed:
        until(lambda: part.exists() and part.read_bytes().count(b"\n") > 3, TIMEOUT_S)
        doomed.send_signal(end)
        doomed.communicate(timeout=TIMEOUT_S)
    assert doomed.returncode == (130 if end is signal.SIGINT else -signal.SIGKILL)
    assert not out.exists()
    assert cli.run(*command, "--fps", "1").returncode == 4
    again = cli.run(*command)
    assert again.returncode == 0, again.stderr
    assert "of 40 files were done before" in again.stderr
    assert [Path(row["path"]).name for row in rows(out)] == [f"{number:02}.avi" for number in range(40)]
    assert not part.exists()


@pytest.mark.slow
def test_a_bucket_becomes_a_table(cli: Cli, tmp_path: Path) -> None:
    folder = tmp_path / "buckets" / "videos" / "today"
    (folder / "inner").mkdir(parents=True)
    shutil.copy(cli.folder / "real.avi", folder / "b.avi")
    shutil.copy(cli.folder / "text.mp4", folder / "inner" / "text.mp4")
    (folder / "readme.txt").write_text("no media")
    with s3_server(tmp_path / "buckets") as s3:
        settings = {
            "STORAGE_ENDPOINT": str(s3.access.endpoint),
            "STORAGE_ACCESS_KEY_ID": str(s3.access.access_key_id),
            "STORAGE_SECRET_ACCESS_KEY": str(s3.access.secret_access_key),
        }
        out = tmp_path / "r.csv"
        done = cli.run("batch", "s3://videos/today", "s3://videos/today/b.avi", "--out", str(out), **settings)
        assert done.returncode == 3, done.stderr
        assert [(row["path"], row["verdict"], row["error_code"]) for row in rows(out)] == [
            ("s3://videos/today/b.avi", "real", ""),
            ("s3://videos/today/inner/text.mp4", "", "unreadable_video"),
        ]
        assert cli.run("batch", "s3://videos/nothing", "--out", str(out), **settings).returncode == 3
