"""The command itself, as a process: what it writes where, and with which exit code it leaves."""

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.cli_process import TIMEOUT_S, Cli, lines
from tests.onnx_models import SERVED, write_registry

from dfd.types import Verdict

# --- without a model ----------------------------------------------------------------------------------------------


def test_help_lists_commands_and_exit_codes(cli: Cli) -> None:
    for arguments in (("--help",), ("predict", "--help")):
        done = cli.run(*arguments)
        assert (done.returncode, done.stderr) == (0, "")
        assert "Exit codes:" in done.stdout
        assert "  3  a path is missing, or cannot be read as media" in done.stdout
    assert all(f"  {name} " in cli.run("-h").stdout for name in ("predict", "serve", "doctor", "version"))


@pytest.mark.parametrize(
    ("code", "allowed"),
    [
        ("import dfd.cli", set()),
        ("import dfd.cli; sys.argv = ['dfd', 'predict', '--help']; dfd.cli.main()", {"pydantic"}),  # Typer's own
    ],
    ids=["import", "help"],
)
def test_help_imports_nothing_heavy(cli: Cli, code: str, allowed: set[str]) -> None:
    tell = "sys.stderr.write(' '.join(name.partition('.')[0] for name in sys.modules))"
    program = f"import sys\ntry:\n    {code}\nfinally:\n    {tell}"
    done = subprocess.run(
        [sys.executable, "-c", program], env=cli.environment, capture_output=True, text=True, check=True
    )
    loaded = set(done.stderr.split())
    assert "typer" in loaded
    heavy = {"av", "cv2", "fastapi", "numpy", "onnxruntime", "pydantic", "rich", "starlette", "uvicorn"}
    assert loaded & heavy <= allowed


def test_an_analysis_loads_what_it_needs_alone(cli: Cli) -> None:
    tell = "sys.stderr.write(' '.join(sys.modules))"
    program = f"import sys, dfd.cli\ntry:\n    dfd.cli.main()\nfinally:\n    {tell}"
    done = subprocess.run(
        [sys.executable, "-c", program, "predict", "fake.avi", "--json"],
        cwd=cli.folder,
        env=cli.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert lines(done.stdout)[0]["verdict"] == Verdict.FAKE
    loaded = set(done.stderr.split())
    packages = {name.partition(".")[0] for name in loaded if "." not in name} - set(sys.stdlib_module_names)
    needed = {"av", "cv2", "dfd", "dotenv", "numpy", "onnxruntime", "pydantic_settings", "threadpoolctl", "typer"}
    assert needed <= packages
    needless = {"alembic", "celery", "fastapi", "grpc", "httpx", "obstore", "opentelemetry", "prometheus_client"}
    needless |= {"pydyf", "rich", "scipy", "sqlalchemy", "starlette", "urllib3", "uvicorn"}
    assert not packages & needless
    parts = {
        "api",
        "casefile",
        "client",
        "evaluation",
        "job_store",
        "jobs",
        "monitoring",
        "queues",
        "rollout",
        "storage",
    }
    assert not {f"dfd.{part}" for part in parts} & loaded


def test_version(cli: Cli) -> None:
    done = cli.run("version")
    assert done.stdout.startswith("dfd ")
    assert cli.run("--version").stdout == done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ("predict",),
        ("guess",),
        ("predict", "x", "--unknown"),
        ("predict", "x", "--fps", "0"),
        ("predict", "x", "--fps", "nan"),
        ("predict", "x", "--fps", "many"),
        ("predict", "x", "--max-frames", "0"),
        ("predict", "x", "--threshold", "1"),
        ("predict", "x", "--operating-point", "Low FPR"),
        ("predict", "x", "--model", "../x"),
        ("predict", "x", "--detector", "eyes"),
        ("predict", "x", "--fail-on", "real"),
        ("serve", "--port", "70000"),
    ],
)
def test_wrong_usage_is_2_and_leaves_stdout_alone(cli: Cli, arguments: tuple[str, ...]) -> None:
    done = cli.run(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Usage: dfd" in done.stderr
    assert "Error: " in done.stderr


@pytest.mark.parametrize("command", [("predict", "fake.avi"), ("doctor",), ("serve",)])
def test_settings_that_do_not_hold_are_4(cli: Cli, command: tuple[str, ...]) -> None:
    done = cli.run(*command, MAX_FRAMES="many", REQUIRE_AUTH="true")
    assert (done.returncode, done.stdout) == (4, "")
    assert "MAX_FRAMES='many' is not valid" in done.stderr


def test_a_sample_secret_stops_the_service(cli: Cli) -> None:
    done = cli.run("serve", REQUIRE_AUTH="true", JWT_SECRET="change-me")
    assert done.returncode == 4
    assert "JWT_SECRET is a sample value" in done.stderr


def test_a_missing_model_is_4_and_one_line(cli: Cli) -> None:
    done = cli.run("predict", "fake.avi", "--json", "--model", "deepfake:9")
    assert (done.returncode, done.stderr) == (4, "")
    [line] = lines(done.stdout)
    assert line["path"] is None
    assert line["error"]["code"] == "model_not_found"
    assert f"it holds deepfake/{SERVED}" in line["error"]["message"]
    done = cli.run("predict", "fake.avi", "--model", "unknown")
    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr.startswith("dfd: there is no model unknown in ")


@pytest.mark.parametrize(
    ("arguments", "environment"),
    [(("--operating-point", "strict"), {}), ((), {"OPERATING_POINT": "strict"})],
    ids=["option", "setting"],
)
def test_an_operating_point_that_the_model_does_not_have_is_4(
    cli: Cli, arguments: tuple[str, ...], environment: dict[str, str]
) -> None:
    done = cli.run("predict", "fake.avi", "--json", *arguments, **environment)
    assert done.returncode == 4
    assert lines(done.stdout)[0]["error"]["code"] == "configuration"
    assert "no operating point 'strict'; it has: none" in lines(done.stdout)[0]["error"]["message"]


def test_a_damaged_model_is_4(cli: Cli, tmp_path: Path) -> None:
    write_registry(tmp_path, version=SERVED)
    (tmp_path / "deepfake" / SERVED / "model.onnx").write_bytes(b"damaged")
    done = cli.run("predict", "fake.avi", "--json", MODELS_DIR=str(tmp_path))
    assert done.returncode == 4
    assert lines(done.stdout)[0]["error"]["code"] == "model_corrupt"


# --- doctor -------------------------------------------------------------------------------------------------------


def test_tuning_measures_remembers_and_changes_no_report(cli: Cli, tmp_path: Path) -> None:
    place, threads = tmp_path / "tuning.json", {"THREADS": "2", "TUNING_FILE": str(tmp_path / "tuning.json")}
    before = lines(cli.run("predict", "fake.avi", "--json", **threads).stdout)[0]
    done = cli.run("doctor", "--tune", "--clip", "fake.avi", "--json", **threads)
    assert (done.returncode, done.stderr) == (0, "")
    [found] = lines(done.stdout)
    assert found["file"] == str(place)
    assert "CPU" in found["execution_providers"]
    assert all(one["seconds"] > 0 for one in found["tried"])  # a mean is the same however it is divided
    assert found["tuning"] in [{name: one[name] for name in found["tuning"]} for one in found["tried"]]
    [choice] = json.loads(place.read_text())["choices"]
    assert (choice["tuning"], choice["machine"]) == (found["tuning"], found["machine"])
    place.write_text(place.read_text().replace('"piece_crops": ', '"piece_crops": 1'))  # as if another were faster
    [shown] = lines(cli.run("doctor", "--json", **threads).stdout)
    assert shown["tuning"]["measured"]
    assert shown["tuning"]["piece_crops"] == int(f"1{found['tuning']['piece_crops']}")
    after = lines(cli.run("predict", "fake.avi", "--json", **threads).stdout)[0]
    changing = ("timings_ms", "created_at")
    assert {**after, **dict.fromkeys(changing)} == {**before, **dict.fromkeys(changing)}


@pytest.mark.parametrize(
    ("arguments", "environment", "code", "told"),
    [
        (("--clip", "fake.avi"), {}, 2, "--clip goes with --tune"),
        (("--tune",), {"DECODER_THREADS": "2"}, 2, "DECODER_THREADS would win"),
        (("--tune",), {"FINDS_AHEAD": "false"}, 2, "FINDS_AHEAD would win"),
        (("--tune",), {"MODEL_BACKEND": "oip", "OIP_URL": "http://localhost:1"}, 2, "names a model server"),
        (("--tune", "--clip", "text.mp4"), {"THREADS": "1"}, 3, "text.mp4"),
    ],
)
def test_tuning_that_makes_no_sense_is_refused(
    cli: Cli, arguments: tuple[str, ...], environment: dict[str, str], code: int, told: str
) -> None:
    done = cli.run("doctor", *arguments, **environment)
    assert (done.returncode, done.stdout) == (code, "")
    assert told in done.stderr


# --- predict ------------------------------------------------------------------------------------------------------


def test_json_lines_hold_reports_and_errors_and_nothing_else(cli: Cli) -> None:
    done = cli.run("predict", "text.mp4", "fake.avi", "missing.mp4", "zero.mp4", "real.avi", "--json")
    assert (done.returncode, done.stderr) == (3, "")
    found = lines(done.stdout)
    assert [line["path"] for line in found] == ["text.mp4", "fake.avi", "missing.mp4", "zero.mp4", "real.avi"]
    outcomes = [line["error"]["code"] if "error" in line else line["verdict"] for line in found]
    assert outcomes == ["unreadable_video", "fake", "media_not_found", "unreadable_video", "real"]
    assert list(found[1])[:3] == ["path", "schema_version", "verdict"]


def test_the_same_file_gives_the_same_bytes_apart_from_times(cli: Cli) -> None:
    def without_times(out: str) -> list[str]:
        return [json.dumps({**line, "timings_ms": None, "created_at": None}) for line in lines(out)]

    first, second = (cli.run("predict", "clips", "fake.avi", "--json").stdout for _ in range(2))
    assert without_times(first) == without_times(second)


def test_a_folder_stands_for_the_media_below_it(cli: Cli) -> None:
    done = cli.run("predict", "clips", "--json")
    assert done.returncode == 0
    assert [line["path"] for line in lines(done.stdout)] == ["clips/b.avi", "clips/inner/a.avi"]


def test_an_empty_folder_and_an_unmatched_pattern_are_3(cli: Cli) -> None:
    done = cli.run("predict", "empty", "*.nothing", "--json")
    assert done.returncode == 3
    assert [line["error"]["code"] for line in lines(done.stdout)] == ["media_not_found", "media_not_found"]


def test_the_table_goes_to_stdout_and_errors_to_stderr(cli: Cli) -> None:
    done = cli.run("predict", "*.avi", "text.mp4", "missing.mp4")
    assert done.returncode == 3
    assert len(done.stderr.splitlines()) == 2
    assert "dfd: text.mp4: " in done.stderr
    assert "dfd: missing.mp4: " in done.stderr
    rows = {row.split()[1]: row for row in done.stdout.splitlines() if ".avi" in row}
    assert " fake " in rows["fake.avi"]
    assert " real " in rows["real.avi"]
    assert "no face fallback" in rows["real.avi"]
    assert f"model deepfake/{SERVED}" in done.stdout
    assert "\x1b" not in done.stdout


def test_options_reach_the_analysis(cli: Cli) -> None:
    done = cli.run("predict", "fake.avi", "--json", "--fps", "5", "--max-frames", "4", "--threshold", "0.25")
    [line] = lines(done.stdout)
    assert line["coverage"]["sampled_frames"] == 4
    assert line["threshold"] == 0.25


def test_the_newest_version_answers_for_a_name_alone(cli: Cli, tmp_path: Path) -> None:
    for version in ("2", "10"):
        write_registry(tmp_path, name="other", version=version)
    versions = [
        lines(cli.run("predict", "fake.avi", "--json", "--model", model, MODELS_DIR=str(tmp_path)).stdout)[0]["model"]
        for model in ("other", "other/2")
    ]
    assert [(model["name"], model["version"]) for model in versions] == [("other", "10"), ("other", "2")]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("fake.avi", "--fail-on", "fake"), 1),
        (("real.avi", "--fail-on", "fake"), 0),
        (("real.avi", "--max-frames", "1", "--fail-on", "fake", "--fail-on", "inconclusive"), 1),
        (("fake.avi", "text.mp4", "--fail-on", "fake"), 3),
    ],
)
def test_fail_on_sets_the_exit_code(cli: Cli, arguments: tuple[str, ...], code: int) -> None:
    assert cli.run("predict", *arguments).returncode == code


def test_nothing_is_left_in_the_temporary_folder_or_at_home(cli: Cli, tmp_path: Path) -> None:
    """ONNX Runtime leaves files in both while it reports its use; it must not report at all."""
    places = {name: tmp_path / name for name in ("TMPDIR", "HOME", "XDG_CACHE_HOME")}
    for place in places.values():
        place.mkdir()
    done = cli.run("predict", "fake.avi", "text.mp4", "zero.mp4", **{name: str(path) for name, path in places.items()})
    assert done.returncode == 3
    assert [path for path in tmp_path.rglob("*") if path not in places.values()] == []


def test_a_reader_that_leaves_is_no_error(cli: Cli) -> None:
    with cli.start("predict", "--json", *["fake.avi"] * 200) as process:
        assert process.stdout and process.stderr
        assert json.loads(process.stdout.readline())["verdict"] == "fake"
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(TIMEOUT_S) == 141


def test_an_interrupt_ends_the_run_quietly_between_two_lines(cli: Cli) -> None:
    with cli.start("predict", "--json", *["fake.avi"] * 1000) as process:
        assert process.stdout and process.stderr
        assert json.loads(process.stdout.readline())["verdict"] == "fake"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=TIMEOUT_S)
    assert (process.returncode, err) == (130, "")
    assert all(json.loads(line)["verdict"] == "fake" for line in out.splitlines())


def test_a_name_outside_the_terminals_character_set_is_no_error(cli: Cli) -> None:
    name = "gef\N{LATIN SMALL LETTER A WITH DIAERESIS}lscht.avi"
    shutil.copy(cli.folder / "fake.avi", cli.folder / name)
    done = cli.run("predict", name, PYTHONIOENCODING="ascii")
    (cli.folder / name).unlink()
    assert (done.returncode, done.stderr) == (0, "")
    assert "gef?lscht.avi" in done.stdout


def test_every_odd_file_gives_a_report_or_a_coded_error(cli: Cli, data_dir: Path) -> None:
    robust = data_dir / "robust"
    if not robust.is_dir():
        pytest.skip(f"there is no folder of odd files: {robust}")
    files = sorted(str(path) for path in robust.iterdir())
    done = cli.run("predict", "--json", *files)
    found = lines(done.stdout)
    assert [line["path"] for line in found] == files
    codes = {Path(line["path"]).name: line["error"]["code"] for line in found if "error" in line}
    assert "internal" not in codes.values()
    assert {"text.mp4", "zero_bytes.mp4", "random_bytes.mp4", "truncated_no_moov.mp4", "audio_only.m4a"} <= set(codes)
    assert done.returncode == 3
