"""The list of labelled videos: a CSV file with the columns ``path`` and ``label``, and what else is known of them."""

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from dfd.errors import InputError, MediaNotFound

GROUP_COLUMNS = ("group", "person", "source", "repo")
"""What may say that videos are not independent of each other; the first that a list has is taken."""

SLICE_COLUMNS = ("gender", "race", "age", "skin_tone")
"""Columns by whose values figures are given without being asked for."""

_LABELS = {"real": False, "0": False, "fake": True, "1": True}
_AGES = ((18, "0 to 17"), (30, "18 to 29"), (45, "30 to 44"), (60, "45 to 59"))
_OLDEST = "60 and over"
_SHOWN = 3


class SampleListError(InputError):
    """The list of labelled videos is missing, or not what it must be."""

    code = "sample_list"


Key = tuple[str, str, str]
"""Data set, ``real`` or ``fake``, and path as listed: what tells videos apart. Names alone are not enough."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One labelled video.

    Attributes:
        name: its path as listed.
        path: the file.
        is_fake: label; 1 = fake.
        dataset: data set it belongs to; may be empty.
        method: how it was forged, or a description of a real one; may be empty.
        family: family of the method; may be empty.
        group: videos of one group are drawn together; None for a video that stands alone.
        slices: value by column, for figures by column.
    """

    name: str
    path: Path
    is_fake: bool
    dataset: str = ""
    method: str = ""
    family: str = ""
    group: str | None = None
    slices: Mapping[str, str] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """``real`` or ``fake``."""
        return "fake" if self.is_fake else "real"

    @property
    def key(self) -> Key:
        """What tells it from every other video."""
        return self.dataset, self.label, self.name

    @property
    def cluster(self) -> tuple[str, ...]:
        """What it is drawn by: its group, which may reach over data sets, or itself."""
        return self.key if self.group is None else (self.group,)

    @property
    def shown_name(self) -> str:
        """The name for a report, which must not tell where on a machine the file lies."""
        path = PurePath(self.name)
        return "/".join(path.parts[-2:]) if path.is_absolute() else self.name


@dataclass(frozen=True, slots=True)
class SampleList:
    """What a list holds.

    Attributes:
        samples: in the list's order.
        group_column: column of `Sample.group`; None where the list has none.
        slice_columns: columns of `Sample.slices`.
    """

    samples: tuple[Sample, ...]
    group_column: str | None
    slice_columns: tuple[str, ...]


def file_stamp(path: Path) -> str:
    """Changes when the file does: its size and when it was written; empty where that cannot be told."""
    try:
        facts = path.stat()
    except (OSError, ValueError):
        return ""
    return f"{facts.st_size}-{facts.st_mtime_ns}"


def read_samples(
    path: Path, split: str | None = None, slices: Sequence[str] = (), group: str | None = None
) -> SampleList:
    """Read a list. Relative paths in it start from its own folder.

    Args:
        path: the CSV file, UTF-8, with a header.
        split: only the rows whose ``split`` is this; all where None.
        slices: columns to give figures by, besides those of `SLICE_COLUMNS` that the list has.
        group: column of videos that are drawn together; the first of `GROUP_COLUMNS` that the list has where None.

    Raises:
        SampleListError: the list cannot be read, lacks a column, holds a row that is not whole, a label that is none or
            a video twice, has no row of the split, or only one class.
        MediaNotFound: listed files are not there.
    """
    columns, rows = _read(
        path, ["path", "label", *(["split"] if split is not None else []), *slices, *filter(None, [group])]
    )
    group_column = group or next((name for name in GROUP_COLUMNS if name in columns), None)
    slice_columns = tuple(dict.fromkeys([*(name for name in SLICE_COLUMNS if name in columns), *slices]))
    samples = tuple(_sample(path, line, row, group_column, slice_columns) for line, row in _of_split(path, rows, split))
    _check(path, samples)
    return SampleList(samples, group_column, slice_columns)


Row = tuple[int, dict[str, str]]
"""Number of the line in the file, and the cells by column."""


def _read(path: Path, wanted: Sequence[str]) -> tuple[Sequence[str], list[Row]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, strict=True)
            columns = reader.fieldnames or ()
            absent = [name for name in wanted if name not in columns]
            if absent:
                raise SampleListError(
                    f"{path} lacks the column {', '.join(absent)}; it has {', '.join(columns) or 'none'}"
                )
            rows = []
            for row in reader:
                if None in row or None in row.values():
                    raise SampleListError(f"{path}, line {reader.line_num}: it has not as many cells as the header")
                rows.append((reader.line_num, {name: cell.strip() for name, cell in row.items()}))
    except OSError as error:
        raise SampleListError(f"cannot read the list {path}: {error.strerror}") from error
    except (csv.Error, UnicodeDecodeError) as error:
        raise SampleListError(f"{path} is no CSV file in UTF-8: {error}") from error
    return columns, rows


def _of_split(path: Path, rows: Sequence[Row], split: str | None) -> Sequence[Row]:
    if split is None:
        return rows
    found = [(line, row) for line, row in rows if row["split"] == split]
    if not found:
        known = ", ".join(sorted({row["split"] for _, row in rows})) or "none"
        raise SampleListError(f"{path} has no row of the split {split!r}; it has: {known}")
    return found


def _sample(
    path: Path, line: int, row: Mapping[str, str], group_column: str | None, slice_columns: Sequence[str]
) -> Sample:
    label = row["label"].lower()
    if label not in _LABELS:
        raise SampleListError(f"{path}, line {line}: a label is real, fake, 0 or 1 (fake), got {row['label']!r}")
    if not row["path"]:
        raise SampleListError(f"{path}, line {line}: the path is empty")
    return Sample(
        name=row["path"],
        path=path.parent / row["path"],
        is_fake=_LABELS[label],
        dataset=row.get("dataset", ""),
        method=row.get("method", ""),
        family=row.get("family", ""),
        group=(row[group_column] or None) if group_column else None,
        slices={name: _slice(name, row[name]) for name in slice_columns},
    )


def _slice(column: str, cell: str) -> str:
    """The cell, but ages in years become age groups: one video a year of age says nothing."""
    if column != "age" or not (cell.isascii() and cell.isdigit()):
        return cell
    return next((name for end, name in _AGES if int(cell) < end), _OLDEST)


def _check(path: Path, samples: Sequence[Sample]) -> None:
    twice = [
        name for (_, name), count in Counter((sample.dataset, sample.name) for sample in samples).items() if count > 1
    ]
    if twice:
        raise SampleListError(f"{path} lists {twice[0]} more than once; every video may stand in it once")
    labels = {sample.is_fake for sample in samples}
    if len(labels) < 2:
        held = "no video" if not labels else "only fake videos" if labels == {True} else "only real videos"
        raise SampleListError(f"{path} holds {held} here; figures need real and fake ones")
    missing = [sample.name for sample in samples if not sample.path.is_file()]
    if missing:
        shown = ", ".join(missing[:_SHOWN])
        raise MediaNotFound(f"{len(missing)} of {len(samples)} files listed by {path} are missing, the first: {shown}")
