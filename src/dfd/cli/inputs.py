"""From the paths a user types to the files to analyse."""

import glob
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from dfd.errors import InputError, MediaNotFound

MEDIA_SUFFIXES = tuple(
    f".{name}"
    for names in (
        "3g2 3gp asf avi flv m2ts m4v mkv mov mp4 mpeg mpg mts mxf ogv ts vob webm wmv",
        "bmp gif jpeg jpg png tif tiff webp",
    )
    for name in names.split()
)
"""What counts as media inside a folder, in lower case. A file that is named itself is always taken."""


@dataclass(frozen=True, slots=True)
class Input:
    """A file to analyse, or why there is none.

    Attributes:
        path: the file, as it was typed or found.
        error: set when `path` leads to no file at all.
    """

    path: str
    error: InputError | None = None


def expand(arguments: Sequence[str]) -> list[Input]:
    """Find what the user means, in the order typed and, within a folder or pattern, in the order of names.

    A folder stands for the media files below it, hidden ones left out; a pattern (``*``, ``?``, ``[``, ``**``) that the
    shell left alone stands for what it matches. What does not exist is passed on, to be reported as missing.
    """
    return [found for argument in arguments for found in _expand_one(argument)]


def _expand_one(argument: str) -> Iterator[Input]:
    # os.path, because Path's own tests raise where a path may not be looked at; opening it will say why
    if os.path.isdir(argument):  # noqa: PTH112 - see above
        yield from _walk(argument)
    elif os.path.exists(argument) or not glob.has_magic(argument):  # noqa: PTH110 - see above
        yield Input(argument)
    else:
        matches = sorted(glob.glob(argument, recursive=True))  # noqa: PTH207 - Path.glob takes no absolute patterns
        if not matches:
            yield Input(argument, MediaNotFound(f"nothing matches {argument}"))
        for match in matches:
            if not os.path.isdir(match):  # noqa: PTH112 - see above
                yield Input(match)
            elif "**" not in argument:  # with ** the folder's own files are matches already
                yield from _walk(match)


def _walk(folder: str) -> Iterator[Input]:
    unreadable: list[OSError] = []
    found = 0
    for parent, folders, files in os.walk(folder, onerror=unreadable.append):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if not name.startswith(".") and Path(name).suffix.lower() in MEDIA_SUFFIXES:
                found += 1
                yield Input(str(Path(parent, name)))
    for problem in unreadable:
        yield Input(str(problem.filename), InputError(f"cannot list {problem.filename}: {problem.strerror}"))
    if not found and not unreadable:
        yield Input(folder, MediaNotFound(f"the folder {folder} holds no media file"))
