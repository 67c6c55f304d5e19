"""The command line's parts that need no process: inputs, exit codes, and what happens to a bug."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes import make_report

from dfd import errors
from dfd.cli import predict as command
from dfd.cli.choices import chosen_settings
from dfd.cli.exits import ExitCode, complain, error_code_of, exit_code_of, guarded, printable, sentence_of
from dfd.cli.inputs import Input, expand
from dfd.cli.output import JsonLines, Outcome, Table, outcome_to_dict
from dfd.cli.predict import Request, predict
from dfd.errors import BackendUnavailable, DfdError, MediaNotFound, Overloaded, UnreadableVideo
from dfd.pipeline import AnalysisOptions, Progress
from dfd.report import Report
from dfd.reporting import report_to_dict
from dfd.types import Verdict

BRANCHES = {
    errors.InputError: 3,
    errors.RequestError: 2,
    errors.ConfigurationError: 4,
    errors.ModelError: 4,
    errors.Unavailable: 4,
    Overloaded: 70,  # only a service is ever full
}


def never() -> bool:
    return False


def test_every_error_has_the_exit_code_of_its_branch() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, DfdError)]
    for kind in set(kinds) - {DfdError}:
        [expected] = [code for branch, code in BRANCHES.items() if issubclass(kind, branch)]
        assert exit_code_of(kind.__new__(kind)) == expected, kind


def test_the_codes_themselves_do_not_change() -> None:
    assert {code.name: code.value for code in ExitCode} == {
        "DONE": 0,
        "MATCHED": 1,
        "USAGE": 2,
        "UNREADABLE_MEDIA": 3,
        "MODEL_OR_CONFIGURATION": 4,
        "INTERNAL": 70,
        "INTERRUPTED": 130,
        "CLOSED_PIPE": 141,
    }


# --- at the edge of the process -----------------------------------------------------------------------------------


def _raise(error: BaseException) -> int:
    raise error


def test_a_bug_is_one_sentence_without_its_text(capsys: pytest.CaptureFixture[str]) -> None:
    assert guarded(lambda: _raise(KeyError("password")), never) == ExitCode.INTERNAL
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "dfd: internal error (KeyError); `dfd --debug ...` shows where, please report it\n"


def test_a_bug_shows_its_trace_only_when_asked(capsys: pytest.CaptureFixture[str]) -> None:
    guarded(lambda: _raise(KeyError("password")), lambda: True)
    assert "Traceback" in capsys.readouterr().err


def test_an_announced_error_never_shows_a_trace(capsys: pytest.CaptureFixture[str]) -> None:
    assert guarded(lambda: _raise(MediaNotFound("no such file: x")), lambda: True) == ExitCode.UNREADABLE_MEDIA
    assert capsys.readouterr().err == "dfd: no such file: x\n"


def test_an_interrupt_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    assert guarded(lambda: _raise(KeyboardInterrupt()), never) == ExitCode.INTERRUPTED
    assert capsys.readouterr() == ("", "")


def test_messages_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    complain("clip\x1b[2J\r\n\u202e\udcff.mp4")
    assert capsys.readouterr().err == "dfd: clip\ufffd[2J\ufffd\ufffd\ufffd\ufffd.mp4\n"


@given(st.text())
def test_printable_text_stays_as_it_is(text: str) -> None:
    assert printable(text).isprintable()
    assert len(printable(text)) == len(text)
    assert printable(printable(text)) == printable(text)


# --- inputs -------------------------------------------------------------------------------------------------------


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    names = (
        "b.mp4",
        "a.MOV",
        "notes.txt",
        ".hidden.mp4",
        "sub/c.webm",
        "sub/deep/d.gif",
        ".cache/e.mp4",
        "weird[1].mp4",
    )
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def paths(*arguments: str) -> list[str]:
    found = expand(arguments)
    assert all(item.error is None for item in found)
    return [item.path for item in found]


def test_a_folder_stands_for_its_media_in_order(tree: Path) -> None:
    assert paths(".") == ["a.MOV", "b.mp4", "weird[1].mp4", "sub/c.webm", "sub/deep/d.gif"]


def test_a_named_file_is_taken_whatever_its_suffix(tree: Path) -> None:
    assert paths("notes.txt", ".hidden.mp4", "b.mp4", "b.mp4") == ["notes.txt", ".hidden.mp4", "b.mp4", "b.mp4"]


def test_a_pattern_stands_for_what_it_matches(tree: Path) -> None:
    assert paths("*.mp4") == ["b.mp4", "weird[1].mp4"]
    assert paths("su*") == ["sub/c.webm", "sub/deep/d.gif"]
    assert paths("**/*.webm") == ["sub/c.webm"]


def test_a_file_whose_name_looks_like_a_pattern_is_a_file(tree: Path) -> None:
    assert paths("weird[1].mp4") == ["weird[1].mp4"]


def test_what_is_missing_is_passed_on_to_be_reported(tree: Path) -> None:
    assert expand(["missing.mp4"]) == [Input("missing.mp4")]
    too_long = "x" * 5000
    assert expand([too_long]) == [Input(too_long)]


@pytest.mark.parametrize(("argument", "message"), [("empty", "holds no media file"), ("*.avi", "nothing matches")])
def test_what_yields_nothing_is_an_error_of_its_own(tree: Path, argument: str, message: str) -> None:
    [item] = expand([argument])
    assert item.path == argument
    assert isinstance(item.error, MediaNotFound)
    assert message in str(item.error)


# --- output -------------------------------------------------------------------------------------------------------


def test_a_report_line_is_the_path_and_the_report() -> None:
    report = make_report()
    assert outcome_to_dict(Outcome("clip.mp4", report)) == {"path": "clip.mp4", **report_to_dict(report)}


def test_an_error_line_is_the_path_and_the_error() -> None:
    line = outcome_to_dict(Outcome("clip.mp4", UnreadableVideo("clip.mp4 is no video")))
    assert line == {"path": "clip.mp4", "error": {"code": "unreadable_video", "message": "clip.mp4 is no video"}}


def test_a_bugs_line_does_not_show_its_text() -> None:
    error = ValueError("secret")
    assert error_code_of(error) == "internal"
    assert "secret" not in sentence_of(error)


@given(path=st.text(st.characters(codec=None), max_size=20))
def test_every_path_survives_as_one_ascii_line(path: str) -> None:
    stream = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdout", stream)
        JsonLines().add(Outcome(path, make_report()))
    line = stream.getvalue()
    assert line.isascii()
    assert line.count("\n") == 1
    assert json.loads(line)["path"] == path


def test_the_table_shows_reports_and_says_errors_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    said: list[str] = []
    table = Table(said.append)
    table.add(Outcome("[red]a\x1b.mp4", make_report()))
    table.add(Outcome("b.mp4", UnreadableVideo("it is no video")))
    table.add(Outcome("c.mp4", make_report(fake_probability=None)))
    table.close()
    out = capsys.readouterr().out
    assert said == ["b.mp4: it is no video"]
    assert "[red]a\ufffd.mp4" in out
    assert "0.900" in out
    assert "model deepfake/1 (5e5e5e5e), threshold 0.50 " in out
    assert "b.mp4" not in out


def test_the_table_names_the_operating_point(capsys: pytest.CaptureFixture[str]) -> None:
    table = Table(complain)
    table.add(Outcome("a.mp4", make_report(threshold=0.9, operating_point="low_false_alarm")))
    table.close()
    assert "threshold 0.90 (low_false_alarm)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "threshold", "point"),
    [
        ({}, 0.3, "balanced"),
        ({"operating_point": "low_false_alarm"}, None, "low_false_alarm"),
        ({"threshold": 0.8}, 0.8, "balanced"),
        ({"threshold": 0.8, "operating_point": "low_false_alarm"}, 0.8, "low_false_alarm"),
    ],
    ids=["neither", "point", "threshold", "both"],
)
def test_an_operating_point_that_is_asked_for_wins_over_a_threshold_of_the_settings(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, options: dict[str, Any], threshold: float | None, point: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("THRESHOLD", "0.3")
    monkeypatch.setenv("OPERATING_POINT", "balanced")
    settings = chosen_settings(model_name=None, model_version=None, **options)
    assert (settings.threshold, settings.operating_point) == (threshold, point)


def test_an_empty_table_is_not_printed(capsys: pytest.CaptureFixture[str]) -> None:
    Table(complain).close()
    assert capsys.readouterr().out == ""


# --- predict ------------------------------------------------------------------------------------------------------


class ScriptedAnalyzer:
    """Answers by the file's name."""

    script: ClassVar[dict[str, Report | BaseException]] = {
        "fake": make_report(),
        "real": make_report(verdict=Verdict.REAL),
        "bad": UnreadableVideo("bad"),
        "silent": BackendUnavailable("silent"),
        "bug": KeyError("bug"),
        "interrupt": KeyboardInterrupt(),
    }

    def analyze(self, path: Path, options: AnalysisOptions, progress: Callable[[Progress], None]) -> Report:
        progress(Progress(1, 2))
        answer = self.script[path.name]
        if isinstance(answer, BaseException):
            raise answer
        return answer


class ScriptedParts:
    """Parts of a scripted analyzer."""

    def analyzer(self) -> ScriptedAnalyzer:
        return ScriptedAnalyzer()


@pytest.fixture
def _scripted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(command, "build_parts", lambda settings, **_: ScriptedParts())


@pytest.mark.usefixtures("_scripted")
@pytest.mark.parametrize(
    ("paths", "code"),
    [
        (["real"], ExitCode.DONE),
        (["real", "fake"], ExitCode.MATCHED),
        (["fake", "bad", "real"], ExitCode.UNREADABLE_MEDIA),
        (["bad", "silent", "fake"], ExitCode.MODEL_OR_CONFIGURATION),
        (["bad", "bug", "silent", "real"], ExitCode.INTERNAL),
    ],
)
def test_every_file_gets_its_line_and_the_worst_decides(
    capsys: pytest.CaptureFixture[str], paths: list[str], code: ExitCode
) -> None:
    request = Request(paths=paths, debug=never, json_lines=True, fail_on=frozenset({"fake"}))
    assert predict(request) == code
    out, err = capsys.readouterr()
    assert [json.loads(line)["path"] for line in out.splitlines()] == paths
    assert err == ""


@pytest.mark.usefixtures("_scripted")
def test_a_bug_in_one_file_shows_its_trace_only_when_asked(capsys: pytest.CaptureFixture[str]) -> None:
    predict(Request(paths=["bug"], debug=never))
    assert "Traceback" not in capsys.readouterr().err
    predict(Request(paths=["bug"], debug=lambda: True))
    assert "KeyError: 'bug'" in capsys.readouterr().err


@pytest.mark.usefixtures("_scripted")
def test_an_interrupted_run_shows_the_table_so_far(capsys: pytest.CaptureFixture[str]) -> None:
    request = Request(paths=["fake", "interrupt", "real"], debug=never)
    assert guarded(lambda: predict(request), never) == ExitCode.INTERRUPTED
    out, err = capsys.readouterr()
    assert " fake " in out
    assert " real " not in out
    assert err == ""
