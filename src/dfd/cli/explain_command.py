"""The options of ``dfd explain``."""

# ruff: noqa: PLC0415 - as in `dfd.cli.app`

import math
from pathlib import Path
from typing import Annotated

import typer

from dfd.cli.app import EXIT_CODES_HELP, _debugging, app
from dfd.cli.exits import guarded
from dfd.cli.options import Backend, FaceDetector, Fps, Model, name_and_version


def _time(value: float | None) -> float | None:
    if value is not None and not (math.isfinite(value) and value >= 0):
        raise typer.BadParameter("it must be 0 or more")
    return value


@app.command(epilog=EXIT_CODES_HELP)
def explain(  # noqa: PLR0913, PLR0917 - one parameter an option, as Typer reads them
    context: typer.Context,
    path: Annotated[Path, typer.Argument(metavar="VIDEO", show_default=False, help="A video or an image.")],
    out: Annotated[Path, typer.Option(show_default=False, help="Folder for the pictures and explanation.json.")],
    time: Annotated[
        float | None, typer.Option(callback=_time, help="Explain the face nearest to this time, in seconds.")
    ] = None,
    top: Annotated[
        int | None, typer.Option(min=1, max=100, help="Explain so many of the most suspicious faces; 3 without it.")
    ] = None,
    fps: Fps = None,
    model: Model = None,
    backend: Backend = None,
    detector: FaceDetector = None,
) -> None:
    """Show where on the faces of a video the evidence for fake and for real lies."""

    def run() -> int:
        from dfd.cli import explain as command

        name, version = name_and_version(model)
        return command.explain(
            command.Request(
                path=path,
                out=out,
                time_s=time,
                top=3 if top is None else top,
                fps=fps,
                backend=backend,
                detector=detector,
                model_name=name,
                model_version=version,
            )
        )

    if time is not None and top is not None:
        raise typer.BadParameter("--time and --top exclude each other")
    raise typer.Exit(guarded(run, lambda: _debugging(context)))
