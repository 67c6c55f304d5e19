"""``clips/faces.csv`` and ``clips/manifest.csv``: short clips collected from research pages."""

from collections.abc import Mapping
from pathlib import Path

from dfd_train.datasets.clip import Clip, DatasetError
from dfd_train.datasets.reading import read_rows

FACE_CLIPS = "face_clips"
WHOLE_CLIPS = "whole_clips"

_FIX = "point DFD_DATA_DIR at the folder that holds 'clips'"
_LABELS = ("real", "fake")
_METHOD_FAMILIES = {"wav2lip": "lipsync", "ghost": "swap"}


def read_face_clips(root: Path) -> list[Clip]:
    """Read ``clips/faces.csv``: clips cut around one face. The source is the published page.

    Args:
        root: the data folder, the one that holds ``clips``.

    Raises:
        DatasetError: the list is missing or broken, or a label is neither real nor fake, or not that of the folder the
            file lies in.
    """
    listed = root / "clips" / "faces.csv"
    return [
        Clip(
            key=Path(row["path"]).stem,
            path=root / "clips" / row["path"],
            is_fake=_is_fake(listed, row),
            family=row["family"],
            method=row["method"],
            source=row["repo"],
            persons=(row["person"],),
            split=row["split"],
            dataset=FACE_CLIPS,
            sha256=row["sha256"],
        )
        for row in read_rows(listed, ("path", "label", "family", "method", "repo", "person", "split", "sha256"), _FIX)
    ]


def read_whole_clips(root: Path) -> list[Clip]:
    """Read ``clips/manifest.csv``: whole short videos as published.

    The list names no person: the source's first part stands for the repository, and the clip itself for the person.

    Raises:
        DatasetError: as `read_face_clips`.
    """
    columns = ("path", "label", "method", "source", "split", "sha256")
    listed = root / "clips" / "manifest.csv"
    clips = []
    for row in read_rows(listed, columns, _FIX):
        is_fake = _is_fake(listed, row)
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
                persons=(row["source"],),
                split=row["split"],
                dataset=WHOLE_CLIPS,
                sha256=row["sha256"],
            )
        )
    return clips


def _is_fake(listed: Path, row: Mapping[str, str]) -> bool:
    """The label of a row, which must be that of the folder (``fake``, ``train_real``, ``faces/real``)."""
    path, label = row["path"], row["label"]
    if label not in _LABELS:
        raise DatasetError(f"{listed}: {path} has label {label!r}: write real or fake")
    folders = {name.rpartition("_")[2] for name in path.split("/")[:-1]} & {*_LABELS}
    if folders - {label}:
        raise DatasetError(f"{listed}: {path} has label {label!r}, unlike its folder: mend the label or move the file")
    return label == "fake"
