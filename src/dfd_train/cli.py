"""``dfd-train``: make a model version from a data folder."""

import logging
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dfd.errors import ConfigurationError, DfdError
from dfd_train.recipe import RECIPES, Recipe

if TYPE_CHECKING:
    from dfd_train.datasets import Clip, NamedSet
    from dfd_train.made_fakes import Extras, Faces
    from dfd_train.store import CropStore

_NEWEST = "2"
_DEFAULTS = RECIPES[_NEWEST]

_Data = Annotated[
    Path | None,
    typer.Option(envvar="DFD_DATA_DIR", help="Folder that holds 'clips', and the photographs of the newer recipes."),
]
_Sets = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=ROOT", help="Data set to take in place of 'clips' (may be repeated)."),
]
_RecipeName = Annotated[str, typer.Option(help="Model version whose recipe is taken: " + ", ".join(RECIPES) + ".")]
_Folds = Annotated[int, typer.Option(min=2, help="Folds of the cross-validation.")]
_Seed = Annotated[int, typer.Option(min=0, help="Seed of everything random.")]
_Name = Annotated[str, typer.Argument(help="Data set, as docs/datasets.md names it, or 'auto'.")]
_Shown = Annotated[str, typer.Argument(help="Data set, as docs/datasets.md names it, 'auto', or 'stills'.")]
_Root = Annotated[Path, typer.Argument(help="Its folder, or its list.")]
_Work = Annotated[Path, typer.Option(help="Folder for the crop store and what is made of it.")]
_Split = Annotated[str, typer.Option(help="Only this part of the set's own split.")]
_Limit = Annotated[int, typer.Option(min=0, help="Only so many clips, spread evenly; 0 for all.")]
_Progress = Annotated[bool, typer.Option(help="Show bars.")]
_Samples = Annotated[
    Path, typer.Option(exists=True, file_okay=False, help="Folder of the sample clips that the card shows failures on.")
]


class Robustness(StrEnum):
    """How much damage a model is judged under; what `dfd.evaluation.conditions.conditions_of` takes."""

    NONE = "none"
    QUICK = "quick"
    FULL = "full"


app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)


@app.callback()
def about() -> None:
    """Train, calibrate, evaluate and export DFD's models."""


@app.command()
def run(  # noqa: PLR0913, PLR0917 -- each is an option of the command
    out: Annotated[Path, typer.Option(help="Version folder to write, <name>/<version>.")],
    data: _Data = None,
    sets: _Sets = None,
    work: _Work = Path("training"),
    recipe: _RecipeName = _NEWEST,
    folds: _Folds = 3,
    epochs: Annotated[int | None, typer.Option(min=0, help="At most so many passes of every model.")] = None,
    steps: Annotated[
        int | None, typer.Option(min=1, help="At most so many batches a pass, and for the last layer.")
    ] = None,
    forge_steps: Annotated[int, typer.Option(min=1, help="Training steps of each of the forge's networks.")] = 1500,
    seed: _Seed = _DEFAULTS.seed,
    limit: Annotated[int, typer.Option(min=0, help="Train on about so many clips; 0 for all.")] = 0,
    mixed_precision: Annotated[bool, typer.Option(help="Compute in float16; pays on a GPU.")] = False,
    robustness: Annotated[
        Robustness, typer.Option(help="Judge spoilt test clips too: 8 conditions, or some 50.")
    ] = Robustness.QUICK,
    samples: _Samples = Path("samples"),
    progress: _Progress = True,
) -> None:
    """Cut faces, cross-validate, calibrate, train, export, test and write the card. Call again to resume."""
    from dfd_train.workflow import Plan  # noqa: PLC0415 -- the heavy imports come after --help
    from dfd_train.workflow import run as run_workflow  # noqa: PLC0415

    _prepare()
    try:
        chosen = _shortened(_recipe(recipe), epochs, steps)
        chosen = _throughout(chosen, seed=seed, mixed_precision=mixed_precision)
        plan = Plan(data, work, out, folds, limit, progress, robustness, samples, forge_steps, _named(sets))
        manifest = run_workflow(plan, chosen)
    except DfdError as error:
        raise _failed(error) from error
    test = manifest.metrics["test"]["video"]["auc"]
    said = f"{test['value']:.3f} ({test['low']:.3f} to {test['high']:.3f})" if test else "unknown: a class has no face"
    typer.echo(f"wrote {out}: test AUC {said}")


@app.command()
def card(
    folder: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="Version folder, <name>/<version>.")],
    metrics: Annotated[
        Path | None, typer.Option(help="metrics.json of `dfd evaluate`, in place of what `run` measured.")
    ] = None,
    work: _Work = Path("training"),
    samples: _Samples = Path("samples"),
) -> None:
    """Write a version's model card and its figures in the manifest again, without training."""
    from dfd_train.examination import publish_again  # noqa: PLC0415 -- the heavy imports come after --help

    try:
        written = publish_again(folder, metrics, work, samples)
    except DfdError as error:
        raise _failed(error) from error
    typer.echo(f"wrote {written}")


@app.command()
def ablate(  # noqa: PLR0913, PLR0917 -- each is an option of the command
    names: Annotated[list[str] | None, typer.Argument(help="Variants; all where none is named.")] = None,
    data: _Data = None,
    sets: _Sets = None,
    work: _Work = Path("training"),
    recipe: _RecipeName = _NEWEST,
    folds: _Folds = 3,
    only: Annotated[list[int] | None, typer.Option(min=1, help="Hold out only this fold (may be repeated).")] = None,
    epochs: Annotated[int | None, typer.Option(min=0, help="At most so many passes of every model.")] = None,
    progress: _Progress = True,
) -> None:
    """Train with one part of the recipe changed at a time and tell what each is worth. Call again to resume."""
    from dfd_train.ablation import VARIANTS, ablate, as_markdown  # noqa: PLC0415 -- the heavy imports come after --help
    from dfd_train.workflow import Plan, check_photographs, cut_faces, gather_extras, read_clips  # noqa: PLC0415

    _prepare()
    try:
        if unknown := sorted(set(names or []) - set(VARIANTS)):
            raise ConfigurationError(f"no variant {unknown[0]!r}; there are: {', '.join(VARIANTS)}")
        plan = Plan(data, work, work, folds, progress=progress, sets=_named(sets))
        chosen = _shortened(_recipe(recipe), epochs, None)
        check_photographs(plan, chosen)
        clips, _ = read_clips(plan)

        def material_for(recipe: Recipe) -> "tuple[list[Faces], Extras]":
            faces = cut_faces(plan, recipe.contract, clips)
            return faces, gather_extras(plan, recipe, faces)

        rows = ablate(
            names or list(VARIANTS),
            chosen,
            material_for,
            [fold - 1 for fold in only or range(1, folds + 1)],
            fold_count=folds,
            runs=work / "ablation",
            progress=progress,
        )
    except DfdError as error:
        raise _failed(error) from error
    typer.echo(as_markdown(rows))


@app.command()
def left_out(  # noqa: PLR0913, PLR0917 -- each is an option of the command
    version: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="Version folder, <name>/<version>.")],
    data: _Data = None,
    sets: _Sets = None,
    work: _Work = Path("training"),
    folds: _Folds = 3,
    draws: Annotated[int, typer.Option(min=1, help="Random draws of each share of the sources.")] = 6,
    limit: _Limit = 0,
    progress: _Progress = True,
) -> None:
    """Tell how a version's last layer does without a family, without a source, and with fewer sources."""
    from dfd_train import left_out  # noqa: PLC0415 -- the heavy imports come after --help
    from dfd_train.workflow import Plan, cut_faces, read_clips  # noqa: PLC0415

    _prepare()
    try:
        manifest, recipe = left_out.read_version(version, _DEFAULTS)
        plan = Plan(data, work, version, folds, limit, progress, sets=_named(sets))
        faces = cut_faces(plan, recipe.contract, read_clips(plan)[0])
        material = left_out.Material.of(version / manifest.weights_file, faces, recipe, progress=progress)
        families, sources = left_out.by_family(material, folds), left_out.by_source(material)
        shares = left_out.by_share(material, folds, draws)
    except DfdError as error:
        raise _failed(error) from error
    typer.echo(left_out.as_markdown(families, sources, shares))


def _prepare() -> None:
    """Set up a process that trains."""
    import cv2  # noqa: PLC0415 -- not needed for --help

    cv2.setNumThreads(1)  # the batches are made in threads already
    logging.basicConfig(level=logging.WARNING)


def _named(sets: list[str] | None) -> "tuple[NamedSet, ...]":
    parts = [text.partition("=") for text in sets or ()]
    for name, _, root in parts:
        if not name or not root:
            raise ConfigurationError(f"--set takes NAME=ROOT, such as celeb_df_v2=Celeb-DF-v2; got {name!r}, {root!r}")
    return tuple((name, Path(root)) for name, _, root in parts)


def _recipe(name: str) -> Recipe:
    if name not in RECIPES:
        raise ConfigurationError(f"no recipe {name!r}; there are: {', '.join(RECIPES)}")
    return RECIPES[name]


def _shortened(recipe: Recipe, epochs: int | None, steps: int | None) -> Recipe:
    """The recipe and its foundation with no more passes and batches a pass than these, where they are given."""
    foundation = None if recipe.foundation is None else _shortened(recipe.foundation, epochs, steps)
    return replace(
        recipe,
        epochs=recipe.epochs if epochs is None else min(epochs, recipe.epochs),
        steps_per_epoch=recipe.steps_per_epoch if steps is None else min(steps, recipe.steps_per_epoch),
        head_batches=recipe.head_batches if steps is None else min(steps, recipe.head_batches),
        foundation=foundation,
    )


def _throughout(recipe: Recipe, **fields: Any) -> Recipe:
    """The recipe and its foundation with the same fields changed."""
    foundation = None if recipe.foundation is None else _throughout(recipe.foundation, **fields)
    return replace(recipe, **fields, foundation=foundation)


@app.command()
def data(
    name: _Shown,
    root: _Root,
    work: _Work = Path("training"),
    split: _Split = "",
    limit: _Limit = 0,
    progress: _Progress = True,
) -> None:
    """Cut the faces of a data set into the crop store and count them. Call again to resume."""
    from dfd_train.data_report import faces_table  # noqa: PLC0415 -- the heavy imports come after --help

    try:
        clips, store = _cut(name, root, split, limit, work, progress=progress)
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


@app.command("list")
def list_clips(
    name: _Name,
    root: _Root,
    out: Annotated[Path, typer.Option(help="CSV file to write.")],
    split: _Split = "",
) -> None:
    """Write the clips of a data set down as a list, for `dfd evaluate` and for --set csv=LIST."""
    from dfd_train.data_report import class_counts  # noqa: PLC0415 -- not needed for --help
    from dfd_train.datasets import read  # noqa: PLC0415
    from dfd_train.datasets.listing import write_list  # noqa: PLC0415

    try:
        clips = _of_split(read(name, root), split, root)
        write_list(out, clips)
    except DfdError as error:
        raise _failed(error) from error
    typer.echo(f"wrote {out}: {class_counts(clips)}")


@app.command()
def forge(  # noqa: PLR0913, PLR0917 -- each is an option of the command
    name: _Shown,
    root: _Root,
    work: _Work = Path("training"),
    split: _Split = "",
    limit: _Limit = 0,
    steps: Annotated[int, typer.Option(min=1, help="Training steps of each network.")] = 1500,
    people: Annotated[int, typer.Option(min=0, help="How many people get a decoder of their own.")] = 12,
    size: Annotated[int, typer.Option(min=16, max=128, help="Side of the deepfakes' faces in px; 64 or 96.")] = 64,
    seed: _Seed = _DEFAULTS.seed,
    progress: _Progress = True,
) -> None:
    """Train small decoders on the real clips of a data set and forge those with them. Call again to resume."""
    from dfd_train.forge import Forge, ForgeSettings, forge_clips  # noqa: PLC0415 -- heavy

    try:
        clips, store = _cut(name, root, split, limit, work, progress=progress)
        smithy = Forge(work / "forge", ForgeSettings(size_px=size, steps=steps, people=people, seed=seed))
        reals = forge_clips([(clip, store.read(clip)) for clip in clips if not clip.is_fake])
        smithy.train(reals, progress=progress)
        keys = smithy.render(reals, progress=progress)
    except DfdError as error:
        raise _failed(error) from error
    typer.echo(f"{len(keys)} forged clips in {work / 'forge'}")


@app.command()
def preview(  # noqa: PLR0913, PLR0917 -- each is an option of the command
    name: _Shown,
    root: _Root,
    work: _Work = Path("training"),
    out: Annotated[Path, typer.Option(help="PNG file to write.")] = Path("sheet.png"),
    split: _Split = "",
    limit: _Limit = 0,
    columns: Annotated[int, typer.Option(min=1, help="Pictures a row.")] = 8,
    side: Annotated[int, typer.Option(min=32, max=288, help="Side of each picture in px.")] = 144,
    seed: _Seed = _DEFAULTS.seed,
    progress: _Progress = True,
) -> None:
    """Draw what the model is shown: reals, made fakes of every family, genuine fakes, and some of them worn."""
    import numpy as np  # noqa: PLC0415 -- the heavy imports come after --help

    from dfd_train.forged_store import ForgedStore  # noqa: PLC0415
    from dfd_train.preview import contact_sheet, preview_rows, write_sheet  # noqa: PLC0415

    try:
        clips, store = _cut(name, root, split, limit, work, progress=progress)
        faces = [(clip, store.read(clip)) for clip in clips]
        forged = ForgedStore(work / "forge" / "clips")
        rows = preview_rows(faces, forged, columns, np.random.default_rng(seed))
        write_sheet(out, contact_sheet(rows, side))
    except DfdError as error:
        raise _failed(error) from error
    typer.echo(f"wrote {out}: {', '.join(label for label, _ in rows)}")


def _cut(
    name: str, root: Path, split: str, limit: int, work: Path, *, progress: bool
) -> "tuple[list[Clip], CropStore]":
    """The chosen clips of a data set, or photographs of the data folder, and the store with all their faces."""
    from dfd.faces.blazeface import BlazeFaceDetector  # noqa: PLC0415 -- the heavy imports come after --help
    from dfd.video.limits import MediaLimits  # noqa: PLC0415
    from dfd.video.pyav import PyAvOpener  # noqa: PLC0415
    from dfd_train.data_report import evenly  # noqa: PLC0415
    from dfd_train.datasets import read  # noqa: PLC0415
    from dfd_train.datasets.frames import ClipOpener  # noqa: PLC0415
    from dfd_train.datasets.stills import read_stills  # noqa: PLC0415
    from dfd_train.store import CropStore, StoreSettings  # noqa: PLC0415

    found = read_stills(root, work / "stills") if name == "stills" else read(name, root)
    clips = evenly(_of_split(found, split, root), limit)
    store = CropStore(work / "crops", StoreSettings(_DEFAULTS.contract))
    store.build(clips, ClipOpener(PyAvOpener(MediaLimits()), clips), BlazeFaceDetector(threads=2), progress=progress)
    return clips, store


def _of_split(clips: "list[Clip]", split: str, root: Path) -> "list[Clip]":
    from dfd_train.datasets import DatasetError  # noqa: PLC0415 -- not needed for --help

    chosen = [clip for clip in clips if split in {"", clip.split}]
    if not chosen:
        raise DatasetError(f"{root} has no clips in split {split!r}: `dfd-train splits` lists what it has")
    return chosen


def _failed(error: DfdError) -> typer.Exit:
    """Say what went wrong; the exit code for it."""
    typer.echo(f"dfd-train: {error}", err=True)
    return typer.Exit(4)


def main() -> None:
    """Entry point of the console script."""
    app()
