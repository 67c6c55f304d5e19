"""The preview of the DeepFake Detection Challenge (Dolhansky et al., 2019).

::

    dataset.json                                                 {"<path>": {"label", "set", "target_id", "swapped_id"}}
    original_videos/643049/643049_A_001.mp4                      person 643049, recording A, piece 001
    method_A/1260311/1260311_C/1255229_1260311_C_001.mp4         face of 1255229 in recording C of 1260311
"""

import re
from pathlib import Path, PurePosixPath
from typing import Any

from dfd_train.datasets.clip import Clip, DatasetError, make_key, problem
from dfd_train.datasets.families import family_of
from dfd_train.datasets.reading import check_listed, media_in, read_json_entries

DATASET = "dfdc_preview"
LIST = "dataset.json"

_FIX = "fetch the set again and unpack all of it"
_FOLDERS = {"original_videos": False, "method_A": True, "method_B": True}
_LABELS = {"real": False, "fake": True}


def set_folder(root: Path) -> Path:
    """The folder that holds ``dataset.json``: the root or ``dfdc_preview_set`` in it."""
    inner = root / "dfdc_preview_set"
    return inner if (inner / LIST).is_file() else root


def identify(stem: str) -> tuple[str, tuple[str, ...]]:
    """Source and persons of a video by its name: the filmed recording, and everybody in the name, target first.

    Raises:
        DatasetError: it is not named as the set names its videos.
    """
    match = re.fullmatch(r"(?:(\d+)_)?(\d+)_([A-Za-z]+)(?:_\d+)?", stem)
    if not match:
        raise DatasetError(f"{stem!r} is no name of the DFDC preview (643049_A_001): restore the original file names")
    swapped, target, recording = match.groups()
    persons = (target, swapped) if swapped else (target,)
    return f"{DATASET}/{target}_{recording}", tuple(f"{DATASET}/{person}" for person in persons)


def read_dfdc_preview(root: Path) -> list[Clip]:
    """Read the preview, with its own split (``train``, ``test``).

    Args:
        root: folder with ``dataset.json``, or the one that holds ``dfdc_preview_set``.

    Raises:
        DatasetError: the list is missing, broken or contradicts the folders, or listed videos are missing.
    """
    folder = set_folder(root)
    entries = read_json_entries(folder / LIST, f"name the folder that holds {LIST}")
    for name, entry in entries.items():
        if str(entry.get("label")) not in _LABELS or str(entry.get("set")) not in {"train", "val", "test"}:
            raise DatasetError(f"{folder / LIST}: {name} needs a label (real, fake) and a set (train, test): {_FIX}")
    strange = [name for name in entries if PurePosixPath(name).parts[0] not in _FOLDERS]
    if strange:
        raise problem(f"entries of {folder / LIST} lie in no known folder", strange, f"known are {', '.join(_FOLDERS)}")
    wrong = [name for name, entry in entries.items() if _LABELS[entry["label"]] != _FOLDERS[name.split("/")[0]]]
    if wrong:
        raise problem(f"labels of {folder / LIST} contradict the folder the video lies in", wrong, _FIX)
    folders = {(folder / name).parent for name in entries}
    check_listed((folder / name for name in entries), (path for inner in folders for path in media_in(inner)), _FIX)
    return [_clip(folder, name, entry) for name, entry in entries.items()]


def _clip(folder: Path, name: str, entry: dict[str, Any]) -> Clip:
    path = PurePosixPath(name)
    is_fake = _LABELS[entry["label"]]
    source, named = identify(path.stem)
    ids = (entry.get("target_id"), entry.get("swapped_id"))
    told = tuple(f"{DATASET}/{person}" for person in ids if person is not None)
    return Clip(
        key=make_key(DATASET, is_fake=is_fake, compression="", video=str(path.with_suffix(""))),
        path=folder / name,
        is_fake=is_fake,
        family=family_of("dfdc") if is_fake else "real",
        method=path.parts[0],
        source=source,
        persons=tuple(dict.fromkeys((*named, *told))),
        split=entry["set"],
        dataset=DATASET,
    )
