"""Commands that read data sets, and show what is made of them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dfd.errors import DfdError
from dfd_train.cli.options import DEFAULTS, Limit, Name, Progress, Root, Seed, Shown, Split, Work, failed

if TYPE_CHECKING:
    from dfd_train.datasets import Clip
    from dfd_train.store import CropStore


def data(
    name: Shown,
    root: Root,
    work: Work = Path("training"),
    split: Split = "",
    limit: Limit = 0,
    progress: Progress = True,
) -> None:
    """Cut the faces of a data set into the crop store and count them. Call again to resume."""
    from dfd_train.data_report import faces_table  # noqa: PLC0415 -- the heavy imports come after --help

    try:
        clips, store = _cut(name, root, split, limit, work, progress=progress)
        faces = {clip.key: store.read(clip).count for clip in clips}
    except DfdError as error:
        raise failed(error) from error
    typer.echo(faces_table(clips, faces))


def splits(
    name: Name,
    root: Root,
    folds: Annotated[int, typer.Option(min=2, help="Folds to deal the groups into.")] = 3,
) -> None:
    """Tell what a data set holds, how it falls into groups and folds, and whether its own split leaks."""
    from dfd_train.data_report import splits_report  # noqa: PLC0415 -- not needed for --help
    from dfd_train.datasets import read  # noqa: PLC0415

    try:
        report = splits_report(read(name, root), folds)
    except DfdError as error:
        raise failed(error) from error
    typer.echo(report)


def list_clips(
    name: Name,
    root: Root,
    out: Annotated[Path, typer.Option(help="CSV file to write.")],
    split: Split = "",
) -> None:
    """Write the clips of a data set down as a list, for `dfd evaluate` and for --set csv=LIST."""
    from dfd_train.data_report import class_counts  # noqa: PLC0415 -- not needed for --help
    from dfd_train.datasets import read  # noqa: PLC0415
    from dfd_train.datasets.listing import write_list  # noqa: PLC0415

    try:
        clips = _of_split(read(name, root), split, root)
        write_list(out, clips)
    except DfdError as error:
        raise failed(error) from error
    typer.echo(f"wrote {out}: {class_counts(clips)}")


def forge(  # noqa: PLR0913, PLR0917 -- each is an option of the command
    name: Shown,
    root: Root,
    work: Work = Path("training"),
    split: Split = "",
    limit: Limit = 0,
    steps: Annotated[int, typer.Option(min=1, help="Training steps of each network.")] = 1500,
    people: Annotated[int, typer.Option(min=0, help="How many people get a decoder of their own.")] = 12,
    size: Annotated[int, typer.Option(min=16, max=128, help="Side of the deepfakes' faces in px; 64 or 96.")] = 64,
    seed: Seed = DEFAULTS.seed,
    progress: Progress = True,
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
        raise failed(error) from error
    typer.echo(f"{len(keys)} forged clips in {work / 'forge'}")


def preview(  # noqa: PLR0913, PLR0917 -- each is an option of the command
    name: Shown,
    root: Root,
    work: Work = Path("training"),
    out: Annotated[Path, typer.Option(help="PNG file to write.")] = Path("sheet.png"),
    split: Split = "",
    limit: Limit = 0,
    columns: Annotated[int, typer.Option(min=1, help="Pictures a row.")] = 8,
    side: Annotated[int, typer.Option(min=32, max=288, help="Side of each picture in px.")] = 144,
    seed: Seed = DEFAULTS.seed,
    progress: Progress = True,
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
        raise failed(error) from error
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
    store = CropStore(work / "crops", StoreSettings(DEFAULTS.contract))
    store.build(clips, ClipOpener(PyAvOpener(MediaLimits()), clips), BlazeFaceDetector(threads=2), progress=progress)
    return clips, store


def _of_split(clips: "list[Clip]", split: str, root: Path) -> "list[Clip]":
    from dfd_train.datasets import DatasetError  # noqa: PLC0415 -- not needed for --help

    chosen = [clip for clip in clips if split in {"", clip.split}]
    if not chosen:
        raise DatasetError(f"{root} has no clips in split {split!r}: `dfd-train splits` lists what it has")
    return chosen
