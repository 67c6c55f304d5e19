"""``dfd-train``: make a model version from a data folder."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from dfd.errors import DfdError
from dfd_train.recipe import Recipe

_DEFAULTS = Recipe()

_Name = Annotated[str, typer.Argument(help="Data set, as docs/datasets.md names it, or 'auto'.")]
_Root = Annotated[Path, typer.Argument(help="Its folder, or its list.")]

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
        raise _failed(error) from error
    test = manifest.metrics["test"]["video"]["auc"]
    typer.echo(f"wrote {out}: test AUC {test['value']:.3f} ({test['low']:.3f} to {test['high']:.3f})")


@app.command()
def data(
    name: _Name,
    root: _Root,
    work: Annotated[Path, typer.Option(help="Folder for the crop store.")] = Path("training"),
    split: Annotated[str, typer.Option(help="Only this part of the set's own split.")] = "",
    limit: Annotated[int, typer.Option(min=0, help="Only so many clips, spread evenly; 0 for all.")] = 0,
    progress: Annotated[bool, typer.Option(help="Show a bar.")] = True,
) -> None:
    """Cut the faces of a data set into the crop store and count them. Call again to resume."""
    from dfd.faces.blazeface import BlazeFaceDetector  # noqa: PLC0415 -- the heavy imports come after --help
    from dfd.video.limits import MediaLimits  # noqa: PLC0415
    from dfd.video.pyav import PyAvOpener  # noqa: PLC0415
    from dfd_train.data_report import evenly, faces_table  # noqa: PLC0415
    from dfd_train.datasets import DatasetError, read  # noqa: PLC0415
    from dfd_train.datasets.frames import ClipOpener  # noqa: PLC0415
    from dfd_train.store import CropStore, StoreSettings  # noqa: PLC0415

    try:
        clips = evenly([clip for clip in read(name, root) if split in {"", clip.split}], limit)
        if not clips:
            raise DatasetError(f"{root} has no clips in split {split!r}: `dfd-train splits` lists what it has")
        store = CropStore(work / "crops", StoreSettings(_DEFAULTS.contract))
        store.build(
            clips, ClipOpener(PyAvOpener(MediaLimits()), clips), BlazeFaceDetector(threads=2), progress=progress
        )
        faces = {clip.key: store.read(clip).count for clip in clips}
    except DfdError as error:
        raise _failed(error) from error
    typer.echo(faces_table(clips, faces))


@app.command()
def splits(
    name: _Name,
    root: _Root,
    folds: Annotated[int, typer.Option(min=2, help="Folds to deal the groups into.")] = 3,
) -> None:
    """Tell what a data set holds, how it falls into groups and folds, and whether its own split leaks."""
    from dfd_train.data_report import splits_report  # noqa: PLC0415 -- not needed for --help
    from dfd_train.datasets import read  # noqa: PLC0415

    try:
        report = splits_report(read(name, root), folds)
    except DfdError as error:
        raise _failed(error) from error
    typer.echo(report)


def _failed(error: DfdError) -> typer.Exit:
    """Say what went wrong; the exit code for it."""
    typer.echo(f"dfd-train: {error}", err=True)
    return typer.Exit(4)


def main() -> None:
    """Entry point of the console script."""
    app()
