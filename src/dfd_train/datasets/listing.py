"""Clips written down as a list in CSV, for `dfd evaluate` and for the reader ``csv``."""

import csv
from collections.abc import Sequence
from pathlib import Path

from dfd_train.datasets.clip import Clip, DatasetError, label_name, problem

COLUMNS = ("path", "label", "split", "method", "family", "group", "person", "dataset")

_SPLITS = {"dev": "val"}
"""Names of parts that the reader of lists knows by another."""


def write_list(path: Path, clips: Sequence[Clip]) -> None:
    """Write a list with the columns `COLUMNS`; ``group`` is the source, ``person`` everybody, parted by ``;``.

    Args:
        path: the CSV file. Clips below its folder are named relative to it, others by their whole path.
        clips: videos.

    Raises:
        DatasetError: clips are lists of pictures, or the file is there already.
    """
    if frames := [clip.path for clip in clips if clip.frames]:
        raise problem("clips are lists of pictures", frames, "a list names videos; take a set of videos")
    if path.exists():
        raise DatasetError(f"{path} is there already: remove it, or name another file")
    path.parent.mkdir(parents=True, exist_ok=True)
    folder = path.parent.resolve()
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(_row(clip, folder) for clip in clips)


def _row(clip: Clip, folder: Path) -> tuple[str, ...]:
    return (
        _listed(clip.path.resolve(), folder),
        label_name(clip.is_fake),
        _SPLITS.get(clip.split, clip.split),
        clip.method,
        clip.family,
        clip.source,
        ";".join(clip.persons),
        clip.dataset,
    )


def _listed(path: Path, folder: Path) -> str:
    return (path.relative_to(folder) if path.is_relative_to(folder) else path).as_posix()
