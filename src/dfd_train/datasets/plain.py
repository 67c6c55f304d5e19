"""Data without a published layout: folders ``real/`` and ``fake/``, or a list in CSV."""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

from dfd_train.datasets.clip import Clip, DatasetError, check_present, label_name, make_key, problem, repeated
from dfd_train.datasets.families import family_of
from dfd_train.datasets.reading import STILL_SUFFIXES, folders_in, media_in, read_rows

FOLDERS, CSV = "folders", "csv"

_LABELS = {"real": False, "fake": True, "0": False, "1": True}
_FOLDER_LABELS = {"real": False, "fake": True}
_SPLITS = ("", "train", "val", "test")


def class_folders(root: Path) -> dict[bool, Path]:
    """The folders ``real`` and ``fake``, in any case, by label (1 = fake)."""
    return {_FOLDER_LABELS[path.name.lower()]: path for path in folders_in(root) if path.name.lower() in _FOLDER_LABELS}


def read_folders(root: Path) -> list[Clip]:
    """Read ``real/`` and ``fake/``; a folder directly inside one of them names a method.

    The source is the file's name without suffix: files of one name in different folders, as ``real/007.mp4`` and
    ``fake/deepfakes/007.mp4``, are taken for one scene, which at worst makes a group too large. Nothing is known of
    persons, and there is no split.

    A folder of nothing but numbered pictures below that of a method is one video's frames, a clip that is called as the
    folder is. So is such a folder directly inside ``real`` or ``fake``, if the numbers are consecutive and it is not
    called as a known method is. Any other picture is a clip of its own.

    Args:
        root: folder that holds both.

    Raises:
        DatasetError: one of the two folders is missing, or pictures could be either frames or photographs.
    """
    classes = class_folders(root)
    if len(classes) < 2:
        raise DatasetError(f"{root} must hold a folder 'real' and a folder 'fake'")
    return [
        _folder_clip(path, frames, root, is_fake)
        for is_fake, folder in sorted(classes.items())
        for path, frames in _media_below(folder, 0)
    ]


def _media_below(folder: Path, depth: int) -> Iterator[tuple[Path, tuple[Path, ...]]]:
    """Files without frames, and folders with the frames in them; `depth` is 0 for ``real`` and ``fake``."""
    media, inside = media_in(folder), folders_in(folder)
    if depth and not inside and (frames := _frames(folder, media, depth)):
        yield folder, frames
        return
    for path in media:
        yield path, ()
    for inner in inside:
        yield from _media_below(inner, depth + 1)


def _frames(folder: Path, media: Sequence[Path], depth: int) -> tuple[Path, ...]:
    """The pictures of a folder in order, if they are one video's; else none."""
    named = [
        (path, re.fullmatch(r"(.*?)([0-9]+)", path.stem)) for path in media if path.suffix.lower() in STILL_SUFFIXES
    ]
    numbers = {path: int(found[2]) for path, found in named if found}
    if len(media) < 2 or len(numbers) < len(media) or len({found[1] for _, found in named if found}) > 1:
        return ()
    if depth == 1 and family_of(folder.name) != "unknown":
        return ()
    frames = tuple(sorted(media, key=lambda path: (numbers[path], path.name)))
    if depth == 1 and any(numbers[after] - numbers[before] != 1 for before, after in pairwise(frames)):
        raise DatasetError(
            f"{folder} may hold frames of one video or photographs, as the numbers are not consecutive: put frames "
            "below a folder called as the method, or list the pictures, with a 'group' for each video, in a CSV file "
            f"({CSV!r})"
        )
    return frames


def _folder_clip(path: Path, frames: tuple[Path, ...], root: Path, is_fake: bool) -> Clip:
    relative = path.relative_to(root)
    method = relative.parts[1] if len(relative.parts) > 2 else ""
    return Clip(
        key=make_key(FOLDERS, is_fake=is_fake, compression="", video="/".join(relative.parts[1:])),
        path=path,
        is_fake=is_fake,
        family=family_of(method) if is_fake else "real",
        method=method or label_name(is_fake),
        source=f"{FOLDERS}/{path.name if frames else path.stem}",
        persons=(),
        split="",
        dataset=FOLDERS,
        frames=frames,
    )


def read_csv(root: Path) -> list[Clip]:
    """Read a list with the columns ``path`` and ``label``, and any of ``group,split,method,person,family``.

    ``label`` is real or fake, or 0 or 1 (1 = fake). ``group`` says which clips share a scene; without it files of one
    name do. ``person`` may name several, parted by ``;``. Paths are relative to the list.

    Args:
        root: the CSV file.

    Raises:
        DatasetError: the list is missing or broken, names a file twice or one that is not there, or gives a label other
            than the folder ``real`` or ``fake`` the file lies in.
    """
    rows = read_rows(root, ("path", "label"), "name the CSV file itself")
    if twice := repeated(row["path"] for row in rows):
        raise problem(f"files are listed more than once in {root}", twice, "remove the duplicates")
    clips = [_row_clip(root, row) for row in rows]
    if wrong := [row["path"] for row, clip in zip(rows, clips, strict=True) if _contradicts(row["path"], clip)]:
        raise problem(
            f"labels of {root} contradict the folder the file lies in", wrong, "mend the label or move the file"
        )
    check_present(clips, f"mend the paths, which are relative to {root.parent}")
    return clips


def _contradicts(listed: str, clip: Clip) -> bool:
    """Whether the innermost folder called ``real`` or ``fake`` in the listed path says otherwise than the label."""
    folders = reversed(_slashed(listed).parts[:-1])
    named = [_FOLDER_LABELS[name.lower()] for name in folders if name.lower() in _FOLDER_LABELS]
    return bool(named) and named[0] != clip.is_fake


def _slashed(listed: str) -> Path:
    return Path(listed.replace("\\", "/"))


def _row_clip(root: Path, row: dict[str, str]) -> Clip:
    label = row["label"].strip().lower()
    split = row.get("split", "").strip()
    if label not in _LABELS or split not in _SPLITS:
        raise DatasetError(
            f"{root}: {row['path']} has label {row['label']!r} and split {split!r}; a label is real or fake (or 0, 1), "
            "a split train, val, test or empty"
        )
    is_fake = _LABELS[label]
    relative = _slashed(row["path"])
    method = row.get("method", "").strip()
    group = row.get("group", "").strip() or relative.stem
    return Clip(
        key=make_key(CSV, is_fake=is_fake, compression="", video=relative.as_posix()),
        path=root.parent / relative,
        is_fake=is_fake,
        family=row.get("family", "").strip() or (family_of(method) if is_fake else "real"),
        method=method or label_name(is_fake),
        source=f"{CSV}/{group}",
        persons=tuple(f"{CSV}/{name.strip()}" for name in row.get("person", "").split(";") if name.strip()),
        split=split,
        dataset=CSV,
    )
