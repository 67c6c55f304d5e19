"""``dfd predict``: analyse files one after the other; one bad file does not stop the rest."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from dfd.bootstrap import Parts, analysis_options, build_parts
from dfd.bootstrap.signing import Write, build_writer
from dfd.cli.choices import chosen_settings
from dfd.cli.exits import ExitCode, exit_code_of, sentence_of, show_trace
from dfd.cli.inputs import Input, expand
from dfd.cli.interrupts import remembered_interrupt
from dfd.cli.output import JsonLines, Outcome, Table
from dfd.cli.progress import progress_bar
from dfd.errors import DfdError
from dfd.report import Report
from dfd.sandbox.launcher import Launcher

SEVERITY = (ExitCode.INTERNAL, ExitCode.MODEL_OR_CONFIGURATION, ExitCode.UNREADABLE_MEDIA, ExitCode.MATCHED)
"""When several apply, the first is the exit code: what could not be judged outranks what was."""

AddCaseFiles = Callable[[Path, Report, Callable[[], None]], None]
"""As `dfd.cli.case_files.CaseFiles.add`."""


@dataclass(frozen=True, slots=True)
class Request:
    """What the user asked for; None leaves a choice to the settings.

    Attributes:
        paths: files, folders and patterns.
        fps: see `Settings.default_fps`.
        max_frames: see `Settings.max_frames`.
        threshold: see `Settings.threshold`.
        operating_point: see `chosen_settings`.
        backend: see `Settings.model_backend`.
        detector: see `Settings.face_detector`.
        model_name: see `Settings.model_name`.
        model_version: see `Settings.model_version`; with a name and no version, the newest.
        json_lines: one JSON object a line instead of a table.
        reports: where reports of cases go (`dfd.cli.case_files`).
        paper: size of their pages, as `dfd.casefile.forms.Paper` names it.
        fail_on: verdicts that make the exit code `ExitCode.MATCHED`.
        launcher: see `dfd.bootstrap.decoding.build_opener`.
        debug: whether to show the stack trace of a bug.
    """

    paths: Sequence[str]
    debug: Callable[[], bool]
    fps: float | None = None
    max_frames: int | None = None
    threshold: float | None = None
    operating_point: str | None = None
    backend: str | None = None
    detector: str | None = None
    model_name: str | None = None
    model_version: str | None = None
    json_lines: bool = False
    reports: Sequence[str] = ()
    paper: str = "a4"
    fail_on: frozenset[str] = frozenset()
    launcher: Launcher | None = None


def predict(request: Request) -> ExitCode:
    """Analyse what was asked for, write the results, and tell the exit code."""
    inputs = expand(request.paths)
    open_case_files = _case_files(request, len(inputs))
    # On a terminal that also shows the JSON lines, a bar would run through them.
    shown = sys.stderr.isatty() and not (request.json_lines and sys.stdout.isatty())
    with progress_bar(len(inputs), shown) as bar:
        writer: JsonLines | Table = JsonLines() if request.json_lines else Table(bar.say)
        try:
            settings = chosen_settings(
                model_name=request.model_name,
                model_version=request.model_version,
                fps=request.fps,
                max_frames=request.max_frames,
                threshold=request.threshold,
                operating_point=request.operating_point,
                backend=request.backend,
                detector=request.detector,
            )
            write = build_writer(settings)[0]
            if isinstance(writer, JsonLines):
                writer.sign_with(write)
            parts, options = build_parts(settings, launcher=request.launcher), analysis_options(settings)
            analyzer, add_case_files = parts.analyzer(), open_case_files(parts, write)
        except DfdError as error:
            writer.fail(error)
            return exit_code_of(error)
        codes = set()
        try:
            with remembered_interrupt() as check:
                for item in inputs:
                    bar.start(item.path)
                    outcome = _analyse(item, lambda path: analyzer.analyze(path, options, bar.frames), request.debug)
                    check()
                    bar.finish()
                    writer.add(outcome)
                    codes.add(_exit_code(outcome, request.fail_on))
                    codes.add(_written(outcome, add_case_files, check, bar.say))
        finally:  # an interrupted run still shows what it has
            bar.stop()
            writer.close()
    return next((code for code in SEVERITY if code in codes), ExitCode.DONE)


def _analyse(item: Input, analyse: Callable[[Path], Report], debug: Callable[[], bool]) -> Outcome:
    if item.error is not None:
        return Outcome(item.path, item.error)
    try:
        return Outcome(item.path, analyse(Path(item.path)))
    except Exception as error:  # noqa: BLE001 - a bug that one file wakes must not keep the others from their verdict
        if not isinstance(error, DfdError) and debug():
            show_trace(error)
        return Outcome(item.path, error)


def _case_files(request: Request, files: int) -> Callable[[Parts, Write], AddCaseFiles]:
    """What writes the reports of cases that were asked for, once there is what it needs; refuses before the work.

    Raises:
        InvalidParameter: where reports are to go does not hold.
    """
    if not request.reports:
        return lambda _parts, _write: _add_nothing
    from dfd.casefile.forms import Paper  # noqa: PLC0415 - what sets pages is loaded only for those who want some
    from dfd.cli.case_files import CaseFiles, check_targets, targets_of  # noqa: PLC0415 - likewise

    targets = targets_of(request.reports)
    check_targets(targets, files)
    return lambda parts, write: CaseFiles(targets, parts, write, Paper(request.paper)).add


def _add_nothing(_path: Path, _report: Report, _tick: Callable[[], None]) -> None:
    """No report of a case was asked for."""


def _written(
    outcome: Outcome, add_case_files: AddCaseFiles, check: Callable[[], None], say: Callable[[str], None]
) -> ExitCode:
    """Write the reports of a file that was analysed; one that cannot be written does not stop the rest."""
    if not isinstance(outcome.result, Report):
        return ExitCode.DONE
    try:
        add_case_files(Path(outcome.path), outcome.result, check)
    except DfdError as error:
        say(sentence_of(error))
        return exit_code_of(error)
    return ExitCode.DONE


def _exit_code(outcome: Outcome, fail_on: frozenset[str]) -> ExitCode:
    if not isinstance(outcome.result, Report):
        return exit_code_of(outcome.result)
    return ExitCode.MATCHED if outcome.result.verdict in fail_on else ExitCode.DONE
