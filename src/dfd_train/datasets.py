"""Readers that turn a data set's own lists into `Clip` records."""

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from dfd.errors import InputError


class DatasetError(InputError):
    """A data set is missing, incomplete or not laid out as its reader expects."""

    code = "dataset"


@dataclass(frozen=True, slots=True)
class Clip:
    """One labelled video.

    Attributes:
        key: unique name, also the file name in the crop store.
        path: the file.
        is_fake: label; 1 = fake.
        family: ``real`` or the family of the forgery (``swap``, ``reenactment``, ``lipsync``, ``synthesis``).
        method: name of the forgery method, or a description of the real clip.
        source: where it was published; clips of one source share scenes and codec history.
        person: who is to be seen.
        split: the data set's own split.
        sha256: hash of the file.
    """

    key: str
    path: Path
    is_fake: bool
    family: str
    method: str
    source: str
    person: str
    split: str
    sha256: str


_METHOD_FAMILIES = {"wav2lip": "lipsync", "ghost": "swap"}


def read_face_clips(root: Path) -> list[Clip]:
    """Read ``clips/faces.csv``: clips cut around one face.

    Args:
        root: the data folder, the one that holds ``clips``.

    Raises:
        DatasetError: the list or a clip it names is missing, or a label is neither real nor fake.
    """
    return [
        Clip(
            key=Path(row["path"]).stem,
            path=root / "clips" / row["path"],
            is_fake=_label(row["label"]),
            family=row["family"],
            method=row["method"],
            source=row["repo"],
            person=row["person"],
            split=row["split"],
            sha256=row["sha256"],
        )
        for row in _rows(root / "clips" / "faces.csv", ("path", "label", "family", "method", "repo", "person", "split"))
    ]


def read_whole_clips(root: Path) -> list[Clip]:
    """Read ``clips/manifest.csv``: whole short videos as published.

    The list names no person: the source's first part stands for the repository, and the clip itself for the person.

    Raises:
        DatasetError: as `read_face_clips`.
    """
    clips = []
    for row in _rows(root / "clips" / "manifest.csv", ("path", "label", "method", "source", "split")):
        is_fake = _label(row["label"])
        words = row["method"].lower().split()
        family = next((_METHOD_FAMILIES[word] for word in words if word in _METHOD_FAMILIES), "reenactment")
        clips.append(
            Clip(
                key="whole_" + row["path"].replace("/", "_").removesuffix(".mp4"),
                path=root / "clips" / row["path"],
                is_fake=is_fake,
                family=family if is_fake else "real",
                method=row["method"],
                source=row["source"].split("/")[0].replace("__", "/"),
                person=row["source"],
                split=row["split"],
                sha256=row["sha256"],
            )
        )
    return clips


def check_present(clips: Iterable[Clip]) -> None:
    """Make sure that every clip's file is there.

    Raises:
        DatasetError: naming the first missing files and how many there are.
    """
    missing = [clip.path for clip in clips if not clip.path.is_file()]
    if missing:
        shown = ", ".join(str(path) for path in missing[:3])
        raise DatasetError(f"{len(missing)} listed clips are missing, for example {shown}: fetch the data set again")


def _rows(path: Path, columns: tuple[str, ...]) -> list[dict[str, str]]:
    if not path.is_file():
        raise DatasetError(f"{path} is not there: point DFD_DATA_DIR at the folder that holds 'clips'")
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        absent = [name for name in columns if name not in (reader.fieldnames or ())]
        if absent:
            raise DatasetError(f"{path} lacks the columns {', '.join(absent)}")
        return list(reader)


def _label(text: str) -> bool:
    if text not in ("real", "fake"):
        raise DatasetError(f"a label must be 'real' or 'fake', got {text!r}")
    return text == "fake"
