"""The options of ``dfd batch``."""

# ruff: noqa: PLC0415 - as in `dfd.cli.app`

from pathlib import Path
from typing import Annotated

import typer

from dfd.cli.app import EXIT_CODES_HELP, FailOn, _debugging, app
from dfd.cli.exits import guarded
from dfd.cli.options import FaceDetector, Fps, MaxFrames, Model, Point, Threshold, name_and_version


@app.command(epilog=EXIT_CODES_HELP)
def batch(  # noqa: PLR0913, PLR0917 - one parameter an option, as Typer reads them
    context: typer.Context,
    sources: Annotated[
        list[str],
        typer.Argument(metavar="SOURCE", show_default=False, help="Files, folders, patterns, or s3://BUCKET/PREFIX."),
    ],
    out: Annotated[Path, typer.Option(show_default=False, help="Table: a .csv, .jsonl or .parquet file.")],
    fps: Fps = None,
    max_frames: MaxFrames = None,
    threshold: Threshold = None,
    operating_point: Point = None,
    model: Model = None,
    detector: FaceDetector = None,
    fail_on: Annotated[
        list[FailOn] | None, typer.Option(help="Leave with exit code 1 on this verdict; may be repeated.")
    ] = None,
) -> None:
    """Analyse many files into a table; an interrupted batch goes on."""

    def run() -> int:
        from dfd.cli import batch as command
        from dfd.cli.choices import chosen_settings

        name, version = name_and_version(model)
        return command.batch(
            command.Request(
                sources=sources,
                out=out,
                settings=lambda: chosen_settings(
                    model_name=name,
                    model_version=version,
                    fps=fps,
                    max_frames=max_frames,
                    threshold=threshold,
                    operating_point=operating_point,
                    detector=detector,
                ),
                fail_on=frozenset(fail_on or ()),
                debug=lambda: _debugging(context),
                own_detector=detector is not None,
                own_model=model is not None,
            )
        )

    raise typer.Exit(guarded(run, lambda: _debugging(context)))
