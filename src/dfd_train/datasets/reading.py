"""Lists and folders as the readers need them: every fault is a `DatasetError` that names the file and the fix."""

import csv
import io
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from dfd_train.datasets.clip import DatasetError, problem, repeated

COMPRESSIONS = ("raw", "c0", "c23", "c40")
"""Levels of the FaceForensics++ family: lossless (``raw`` and ``c0`` are two names of it), light, strong."""

_VIDEO_SUFFIXES = {".avi", ".flv", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".ts", ".webm", ".wmv"}
_PICTURE_SUFFIXES = {".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}
_MEDIA_SUFFIXES = _VIDEO_SUFFIXES | _PICTURE_SUFFIXES
STILL_SUFFIXES = _PICTURE_SUFFIXES - {".gif"}
"""Of pictures that do not move."""


def read_text(path: Path, fix: str) -> str:
    """The text of a list.

    Args:
        path: a UTF-8 file, with or without byte order mark.
        fix: what to do if it is not there.

    Raises:
        DatasetError: it is missing or no text.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise DatasetError(f"{path} is not there: {fix}") from error
    except UnicodeDecodeError as error:
        raise DatasetError(f"{path} is not UTF-8 text: fetch it again") from error
    except OSError as error:
        raise DatasetError(f"{path} cannot be read ({error.strerror}): {fix}") from error


def read_json(path: Path, fix: str) -> Any:
    """What a JSON file holds.

    Raises:
        DatasetError: it is missing, is no JSON, or names an entry twice (of which Python would keep only the last).
    """

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            twice = repeated(name for name, _ in pairs)
            raise problem(f"entries of {path} are listed more than once", twice, "remove the duplicates")
        return found

    try:
        return json.loads(read_text(path, fix), object_pairs_hook=unique)
    except json.JSONDecodeError as error:
        raise DatasetError(f"{path} is broken JSON ({error}): fetch it again") from error


def read_json_entries(path: Path, fix: str) -> dict[str, dict[str, Any]]:
    """A JSON object whose values are objects too.

    Raises:
        DatasetError: as `read_json`, or it is laid out otherwise.
    """
    entries = read_json(path, fix)
    if not isinstance(entries, dict) or not all(isinstance(entry, dict) for entry in entries.values()):
        raise DatasetError(f"{path} must be a JSON object of objects: {fix}")
    return entries


def read_rows(path: Path, columns: Sequence[str], fix: str) -> list[dict[str, str]]:
    """The rows of a CSV file with a header.

    Args:
        path: the file.
        columns: those it must have.
        fix: what to do if it is not there.

    Raises:
        DatasetError: it is missing, lacks a column, or a row is shorter or longer than the header.
    """
    reader = csv.DictReader(io.StringIO(read_text(path, fix), newline=""), strict=True)
    try:
        absent = [name for name in columns if name not in (reader.fieldnames or ())]
        if absent:
            raise DatasetError(f"{path} lacks the columns {', '.join(absent)}: add them, or name another list")
        rows = []
        for row in reader:
            if None in row or None in row.values():
                raise DatasetError(
                    f"{path}, line {reader.line_num}: the row and the header differ in length: mend the row (what "
                    "holds a comma needs quotes)"
                )
            rows.append(row)
    except csv.Error as error:
        raise DatasetError(f"{path}, line {reader.line_num}: {error}: mend the row") from error
    return rows


def media_in(folder: Path) -> list[Path]:
    """Videos and pictures directly inside a folder, by name; hidden files are left out. Empty if there is no folder."""
    if not folder.is_dir():
        return []
    return sorted(
        path for path in folder.iterdir() if path.suffix.lower() in _MEDIA_SUFFIXES and not path.name.startswith(".")
    )


def folders_in(folder: Path) -> list[Path]:
    """Folders directly inside a folder, by name; hidden ones are left out. Empty if there is no folder."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def videos_by_compression(folder: Path, fix: str) -> dict[str, list[Path]]:
    """Videos of ``<folder>/<level>/videos``, for each level of `COMPRESSIONS` that is there.

    Raises:
        DatasetError: a level is there but holds no videos.
    """
    levels = {name: media_in(folder / name / "videos") for name in COMPRESSIONS if (folder / name).is_dir()}
    empty = [folder / name / "videos" for name, videos in levels.items() if not videos]
    if empty:
        raise problem("folders hold no videos", empty, fix)
    return levels


def check_listed(listed: Iterable[Path], found: Iterable[Path], fix: str) -> None:
    """Make sure that what a list names is there, and that what is there is named.

    Raises:
        DatasetError: listed files are missing, or files stand in no list.
    """
    listed, found = set(listed), set(found)
    if missing := sorted(path for path in listed - found if not path.is_file()):
        raise problem("listed files are missing", missing, fix)
    if unlisted := sorted(found - listed):
        raise problem(
            "files are in no list of the set", unlisted, "their label or split is unknown; remove them or mend the list"
        )
