"""Commands that make a model version, its card, and figures of what its parts are worth."""

import logging
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dfd.errors import ConfigurationError, DfdError
from dfd_train.cli.options import (
    DEFAULTS,
    NEWEST,
    Data,
    Folds,
    Limit,
    Progress,
    RecipeName,
    Samples,
    Seed,
    Sets,
    Work,
    failed,
)
from dfd_train.recipe import RECIPES, Recipe

if TYPE_CHECKING:
    from dfd_train.datasets import NamedSet
    from dfd_train.made_fakes import Extras, Faces


class Robustness(StrEnum):
    """How much damage a model is judged under; what `dfd.evaluation.conditions.conditions_of` takes."""

    NONE = "none"
    QUICK = "quick"
    FULL = "full"


def run(  # noqa: PLR0913, PLR0917 -- each is an option of the command
    out: Annotated[Path, typer.Option(help="Version folder to write, <name>/<version>.")],
    data: Data = None,
    sets: Sets = None,
    work: Work = Path("training"),
    recipe: RecipeName = NEWEST,
    folds: Folds = 3,
    epochs: Annotated[int | None, typer.Option(min=0, help="At most so many passes of every model.")] = None,
    steps: Annotated[
        int | None, typer.Option(min=1, help="At most so many batches a pass, and for the last layer.")
    ] = None,
    forge_steps: Annotated[int, typer.Option(min=1, help="Training steps of each of the forge's networks.")] = 1500,
    seed: Seed = DEFAULTS.seed,
    limit: Annotated[int, typer.Option(min=0, help="Train on about so many clips; 0 for all.")] = 0,
    mixed_precision: Annotated[bool, typer.Option(help="Compute in bfloat16; pays on newer GPUs.")] = False,
    robustness: Annotated[
        Robustness, typer.Option(help="Judge spoilt test clips too: 8 conditions, or some 50.")
    ] = Robustness.QUICK,
    samples: Samples = Path("samples"),
    progress: Progress = True,
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
        raise failed(error) from error
    test = manifest.metrics["test"]["video"]["auc"]
    said = f"{test['value']:.3f} ({test['low']:.3f} to {test['high']:.3f})" if test else "unknown: a class has no face"
    typer.echo(f"wrote {out}: test AUC {said}")


def card(
    folder: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="Version folder, <name>/<version>.")],
    metrics: Annotated[
        Path | None, typer.Option(help="metrics.json of `dfd evaluate`, in place of what `run` measured.")
    ] = None,
    work: Work = Path("training"),
    samples: Samples = Path("samples"),
) -> None:
    """Write a version's model card and its figures in the manifest again, without training."""
    from dfd_train.examination import publish_again  # noqa: PLC0415 -- the heavy imports come after --help

    try:
        written = publish_again(folder, metrics, work, samples)
    except DfdError as error:
        raise failed(error) from error
    typer.echo(f"wrote {written}")


def ablate(  # noqa: PLR0913, PLR0917 -- each is an option of the command
    names: Annotated[list[str] | None, typer.Argument(help="Variants; all where none is named.")] = None,
    data: Data = None,
    sets: Sets = None,
    work: Work = Path("training"),
    recipe: RecipeName = NEWEST,
    folds: Folds = 3,
    only: Annotated[list[int] | None, typer.Option(min=1, help="Hold out only this fold (may be repeated).")] = None,
    epochs: Annotated[int | None, typer.Option(min=0, help="At most so many passes of every model.")] = None,
    progress: Progress = True,
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
        raise failed(error) from error
    typer.echo(as_markdown(rows))


def left_out(  # noqa: PLR0913, PLR0917 -- each is an option of the command
    version: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="Version folder, <name>/<version>.")],
    data: Data = None,
    sets: Sets = None,
    work: Work = Path("training"),
    folds: Folds = 3,
    draws: Annotated[int, typer.Option(min=1, help="Random draws of each share of the sources.")] = 6,
    limit: Limit = 0,
    progress: Progress = True,
) -> None:
    """Tell how a version's last layer does without a family, without a source, and with fewer sources."""
    from dfd_train import left_out  # noqa: PLC0415 -- the heavy imports come after --help
    from dfd_train.workflow import Plan, cut_faces, read_clips  # noqa: PLC0415

    _prepare()
    try:
        manifest, recipe = left_out.read_version(version, DEFAULTS)
        plan = Plan(data, work, version, folds, limit, progress, sets=_named(sets))
        faces = cut_faces(plan, recipe.contract, read_clips(plan)[0])
        material = left_out.Material.of(version / manifest.weights_file, faces, recipe, progress=progress)
        families, sources = left_out.by_family(material, folds), left_out.by_source(material)
        shares = left_out.by_share(material, folds, draws)
    except DfdError as error:
        raise failed(error) from error
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
