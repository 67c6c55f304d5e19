"""The commands and their options; the work is done elsewhere and imported when a command runs."""

# ruff: noqa: PLC0415 - so that `dfd --help` needs neither numpy nor any runtime

import gc
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from dfd import __version__
from dfd.cli.exits import guarded
from dfd.cli.options import Backend, FaceDetector, Fps, MaxFrames, Model, Point, Threshold, name_and_version
from dfd.errors import ConfigurationError

EXIT_CODES_HELP = """\b
Exit codes:
    0  done
    1  a verdict named by --fail-on; verify: not proved
    2  wrong usage
    3  a path is missing, or cannot be read as media or report
    4  model or configuration at fault
   70  internal error
  130  interrupted
  141  nobody reads the output any more
When several apply, the first of 70, 4, 3, 1 is taken."""

app = typer.Typer(
    name="dfd",
    help="Detect deepfakes: find and follow every face in a video and say fake, real or inconclusive, and why.",
    epilog=EXIT_CODES_HELP,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # importing what draws boxes would take longer than all the rest of `--help`
    context_settings={"help_option_names": ["-h", "--help"]},
)


class FailOn(StrEnum):
    """Verdicts that --fail-on takes."""

    FAKE = "fake"
    INCONCLUSIVE = "inconclusive"


class Paper(StrEnum):
    """Sizes that --paper takes; the same as `dfd.casefile.forms.Paper`."""

    A4 = "a4"
    LETTER = "letter"


class Robustness(StrEnum):
    """Sets of conditions that --robustness takes; the same as `dfd.evaluation.conditions.conditions_of` takes."""

    NONE = "none"
    QUICK = "quick"
    FULL = "full"


class Queue(StrEnum):
    """What wakes workers; the same as `Settings.job_queue` takes."""

    EMBEDDED = "embedded"
    CELERY = "celery"


def main() -> None:
    """Run the command line and leave the process with its exit code."""
    try:
        app(prog_name="dfd")
    finally:
        gc.freeze()  # the process ends with all it has: to look for garbage in it before takes a tenth of a second


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"dfd {__version__}")
        raise typer.Exit


@app.callback()
def root(
    context: typer.Context,
    debug: Annotated[bool, typer.Option("--debug", help="Show the stack trace of an internal error.")] = False,
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Options that go before the command."""
    context.obj = debug


def _debugging(context: typer.Context) -> bool:
    from dfd.settings import load_settings

    try:
        return bool(context.obj) or load_settings().debug
    except ConfigurationError:
        return False


@app.command(epilog=EXIT_CODES_HELP)
def predict(  # noqa: PLR0913, PLR0917 - one parameter an option, as Typer reads them
    context: typer.Context,
    paths: Annotated[
        list[str],
        typer.Argument(metavar="PATH", show_default=False, help="Videos, images, folders or patterns."),
    ],
    fps: Fps = None,
    max_frames: MaxFrames = None,
    threshold: Threshold = None,
    operating_point: Point = None,
    model: Model = None,
    backend: Backend = None,
    detector: FaceDetector = None,
    json_lines: Annotated[bool, typer.Option("--json", help="Write one JSON object a line and nothing else.")] = False,
    report: Annotated[
        list[str] | None,
        typer.Option(metavar="FILE", show_default=False, help="Report for a case: .html, .pdf, .json, or a folder."),
    ] = None,
    paper: Annotated[Paper, typer.Option(help="Pages of a PDF report.")] = Paper.A4,
    fail_on: Annotated[
        list[FailOn] | None, typer.Option(help="Leave with exit code 1 on this verdict; may be repeated.")
    ] = None,
) -> None:
    """Analyse videos, images and folders of them."""

    def run() -> int:
        from dfd.cli.loading import early_launcher, quick_loading

        with quick_loading():
            launcher = early_launcher()
            from dfd.cli import predict as command

        name, version = name_and_version(model)
        request = command.Request(
            paths=paths,
            debug=lambda: _debugging(context),
            fps=fps,
            max_frames=max_frames,
            threshold=threshold,
            operating_point=operating_point,
            backend=backend,
            detector=detector,
            model_name=name,
            model_version=version,
            json_lines=json_lines,
            reports=tuple(report or ()),
            paper=paper,
            fail_on=frozenset(fail_on or ()),
            launcher=launcher,
        )
        return command.predict(request)

    raise typer.Exit(guarded(run, lambda: _debugging(context)))


@app.command(epilog=EXIT_CODES_HELP)
def evaluate(  # noqa: PLR0913, PLR0917 - one parameter an option, as Typer reads them
    context: typer.Context,
    manifest: Annotated[
        Path, typer.Option(show_default=False, help="CSV list with the columns path and label (real or fake).")
    ],
    out: Annotated[Path, typer.Option(show_default=False, help="Folder for results and report.")],
    split: Annotated[str | None, typer.Option(help="Only rows with this in the column split.")] = None,
    columns: Annotated[
        list[str] | None, typer.Option("--slice", metavar="COLUMN", help="Figures by this column; may be repeated.")
    ] = None,
    group: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Videos with the same value here are drawn together.")
    ] = None,
    fps: Fps = None,
    max_frames: MaxFrames = None,
    threshold: Threshold = None,
    operating_point: Point = None,
    model: Model = None,
    backend: Backend = None,
    detector: FaceDetector = None,
    robustness: Annotated[
        Robustness, typer.Option(help="Judge spoilt videos too: 8 conditions, or some 50.")
    ] = Robustness.NONE,
    draws: Annotated[
        int, typer.Option("--bootstrap", min=1, max=1_000_000, help="Bootstrap draws for the intervals.")
    ] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the draws.")] = 0,
    jobs: Annotated[int, typer.Option(min=1, max=1024, help="Videos judged at the same time.")] = 1,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the results in the folder.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Stop at a video that cannot be read.")] = False,
) -> None:
    """Measure how good the model is on labelled videos, and write a report."""

    def run() -> int:
        from dfd.cli import evaluate as command

        name, version = name_and_version(model)
        request = command.Request(
            manifest=manifest,
            out=out,
            split=split,
            columns=tuple(columns or ()),
            group=group,
            fps=fps,
            max_frames=max_frames,
            threshold=threshold,
            operating_point=operating_point,
            model_name=name,
            model_version=version,
            backend=backend,
            detector=detector,
            robustness=robustness,
            draws=draws,
            seed=seed,
            jobs=jobs,
            resume=resume,
            strict=strict,
        )
        return command.evaluate(request)

    raise typer.Exit(guarded(run, lambda: _debugging(context)))


@app.command()
def serve(
    context: typer.Context,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65_535, help="Port to listen on.")] = None,
    rolling: Annotated[
        bool, typer.Option("--rolling", help="Replace the service at SIGUSR2 without losing a request.")
    ] = False,
    fd: Annotated[
        list[int] | None, typer.Option(min=0, help="Socket to listen on, bound by the parent; may be repeated.")
    ] = None,
    ready_fd: Annotated[int | None, typer.Option(min=0, hidden=True)] = None,
) -> None:
    """Serve the HTTP interface."""
    if rolling and fd:
        raise typer.BadParameter("--rolling binds its sockets itself")

    def run() -> int:
        if rolling:
            from dfd.cli.rolling import serve_rolling

            return serve_rolling(host, port)
        from dfd.cli.serve import serve as command

        return command(host, port, fd or (), ready_fd)

    raise typer.Exit(guarded(run, lambda: _debugging(context)))


@app.command()
def worker(
    context: typer.Context,
    count: Annotated[
        int | None, typer.Option("--workers", min=1, max=1024, help="Jobs worked on at the same time.")
    ] = None,
    queue: Annotated[Queue | None, typer.Option(help="What wakes the workers.")] = None,
) -> None:
    """Work on jobs that the service has accepted, until interrupted."""

    def run() -> int:
        from dfd.cli.worker import worker as command

        return command(count, queue)

    raise typer.Exit(guarded(run, lambda: _debugging(context)))


@app.command()
def verify(
    context: typer.Context,
    report: Annotated[Path, typer.Argument(show_default=False, help="JSON file with one report.")],
    public_key: Annotated[
        Path | None, typer.Option(show_default=False, help="The key you trust: PEM, or JSON of /v1/signing-keys.")
    ] = None,
    video: Annotated[Path | None, typer.Option(show_default=False, help="The file it should be of.")] = None,
) -> None:
    """Check the signature of a report, and say what it proves."""

    def run() -> int:
        from dfd.cli.verify import verify as command

        return command(report, public_key, video)

    raise typer.Exit(guarded(run, lambda: _debugging(context)))


@app.command()
def doctor(
    context: typer.Context,
    json_output: Annotated[bool, typer.Option("--json", help="Write one JSON object.")] = False,
    tune: Annotated[bool, typer.Option("--tune", help="Measure what is fastest here, and remember it.")] = False,
    clip: Annotated[
        Path | None, typer.Option(show_default=False, help="Video to measure on; one is made without it.")
    ] = None,
) -> None:
    """Tell what is installed, which model there is and what answers."""
    if clip is not None and not tune:
        raise typer.BadParameter("--clip goes with --tune")

    def run() -> int:
        if tune:
            from dfd.cli.tune import tune as tune_command

            return tune_command(clip, json_output)
        from dfd.cli.doctor import doctor as command

        return command(json_output)

    raise typer.Exit(guarded(run, lambda: _debugging(context)))


@app.command()
def version() -> None:
    """Show the version."""
    _show_version(wanted=True)
