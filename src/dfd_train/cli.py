"""``dfd-train``: make a model version from a data folder."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from dfd.errors import DfdError
from dfd_train.recipe import Recipe

_DEFAULTS = Recipe()

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)


@app.callback()
def about() -> None:
    """Train, calibrate, evaluate and export DFD's models."""


@app.command()
def run(  # noqa: PLR0913, PLR0917 -- each is an option of the command
    data: Annotated[Path, typer.Option(envvar="DFD_DATA_DIR", help="Folder that holds 'clips'.")],
    out: Annotated[Path, typer.Option(help="Version folder to write, <name>/<version>.")],
    work: Annotated[Path, typer.Option(help="Folder for the crop store and checkpoints.")] = Path("training"),
    folds: Annotated[int, typer.Option(min=2, help="Folds of the cross-validation.")] = 3,
    epochs: Annotated[int, typer.Option(min=1, help="Passes.")] = _DEFAULTS.epochs,
    steps: Annotated[int, typer.Option(min=1, help="Batches an epoch.")] = _DEFAULTS.steps_per_epoch,
    seed: Annotated[int, typer.Option(min=0, help="Seed of everything random.")] = _DEFAULTS.seed,
    limit: Annotated[int, typer.Option(min=0, help="Train on about so many clips; 0 for all.")] = 0,
    mixed_precision: Annotated[bool, typer.Option(help="Compute in float16; pays on a GPU.")] = False,
    progress: Annotated[bool, typer.Option(help="Show bars.")] = True,
) -> None:
    """Cut faces, cross-validate, calibrate, train, export, test and write the card. Call again to resume."""
    import cv2  # noqa: PLC0415 -- the heavy imports come after --help

    from dfd_train.workflow import Plan  # noqa: PLC0415
    from dfd_train.workflow import run as run_workflow  # noqa: PLC0415

    cv2.setNumThreads(1)  # the batches are made in threads already
    logging.basicConfig(level=logging.WARNING)
    recipe = Recipe(seed=seed, epochs=epochs, steps_per_epoch=steps, mixed_precision=mixed_precision)
    try:
        manifest = run_workflow(Plan(data, work, out, folds, limit, progress), recipe)
    except DfdError as error:
        typer.echo(f"dfd-train: {error}", err=True)
        raise typer.Exit(4) from error
    test = manifest.metrics["test"]["video"]["auc"]
    typer.echo(f"wrote {out}: test AUC {test['value']:.3f} ({test['low']:.3f} to {test['high']:.3f})")


def main() -> None:
    """Entry point of the console script."""
    app()
