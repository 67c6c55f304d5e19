"""What the commands share: their options, and how they fail."""

from pathlib import Path
from typing import Annotated

import typer

from dfd.errors import DfdError
from dfd_train.recipe import RECIPES

NEWEST = "2"
"""Version whose recipe is taken where none is named."""
DEFAULTS = RECIPES[NEWEST]

Data = Annotated[
    Path | None,
    typer.Option(envvar="DFD_DATA_DIR", help="Folder that holds 'clips', and the photographs of the newer recipes."),
]
Sets = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=ROOT", help="Data set to take in place of 'clips' (may be repeated)."),
]
RecipeName = Annotated[str, typer.Option(help="Model version whose recipe is taken: " + ", ".join(RECIPES) + ".")]
Folds = Annotated[int, typer.Option(min=2, help="Folds of the cross-validation.")]
Seed = Annotated[int, typer.Option(min=0, help="Seed of everything random.")]
Name = Annotated[str, typer.Argument(help="Data set, as docs/datasets.md names it, or 'auto'.")]
Shown = Annotated[str, typer.Argument(help="Data set, as docs/datasets.md names it, 'auto', or 'stills'.")]
Root = Annotated[Path, typer.Argument(help="Its folder, or its list.")]
Work = Annotated[Path, typer.Option(help="Folder for the crop store and what is made of it.")]
Split = Annotated[str, typer.Option(help="Only this part of the set's own split.")]
Limit = Annotated[int, typer.Option(min=0, help="Only so many clips, spread evenly; 0 for all.")]
Progress = Annotated[bool, typer.Option(help="Show bars.")]
Samples = Annotated[
    Path, typer.Option(exists=True, file_okay=False, help="Folder of the sample clips that the card shows failures on.")
]


def failed(error: DfdError) -> typer.Exit:
    """Say what went wrong; the exit code for it."""
    typer.echo(f"dfd-train: {error}", err=True)
    return typer.Exit(4)
