"""Celeb-DF v1 and v2 (Li et al., CVPR 2020) and Celeb-DF++ (Li et al., 2025).

::

    Celeb-real/id0_0000.mp4            YouTube-real/00170.mp4
    Celeb-synthesis/id0_id1_0002.mp4                                  v1, v2: target video id0_0002, face of id1
    Celeb-synthesis/<scenario>/<method>/id0_id1_0002.mp4              ++: FaceSwap, FaceReenact, TalkingFace
    List_of_testing_videos.txt                                        lines "<flag> <path>"

**The flag of the list is inverted: 1 is real, 0 is fake.**
"""

import re
from pathlib import Path, PurePosixPath

from dfd_train.datasets.clip import Clip, DatasetError, make_key, problem
from dfd_train.datasets.families import family_of
from dfd_train.datasets.reading import folders_in, media_in, read_text

V1, V2, PLUS_PLUS = "celeb_df_v1", "celeb_df_v2", "celeb_df_pp"
LIST = "List_of_testing_videos.txt"
SCENARIOS = ("FaceSwap", "FaceReenact", "TalkingFace")

_CLASSES = {"Celeb-real": False, "YouTube-real": False, "Celeb-synthesis": True}
_FIX = "fetch the set again and keep its folders and its list together"


def identify(folder: str, stem: str) -> tuple[str, tuple[str, ...]]:
    """Source and persons of a video.

    The source is the video that was filmed: of ``id0_id1_0002`` that is ``id0_0002``. The persons of ``YouTube-real``
    are not known.

    Args:
        folder: ``Celeb-real``, ``YouTube-real`` or ``Celeb-synthesis``.
        stem: file name without suffix.

    Raises:
        DatasetError: it is not named as the set names its videos.
    """
    if folder == "YouTube-real":
        return f"celeb-df/youtube/{stem}", ()
    persons = tuple(dict.fromkeys(re.findall(r"id\d+", stem)))
    if not persons:
        raise DatasetError(f"{folder}/{stem} names no identity (id0_0001, id0_id1_0001): restore the file names")
    filmed = re.match(r"(id\d+)(?:_id\d+)?_(\d+)", stem)
    source = f"{filmed[1]}_{filmed[2]}" if filmed else stem
    return f"celeb-df/{source}", tuple(f"celeb-df/{person}" for person in persons)


def read_celeb_df_v1(root: Path) -> list[Clip]:
    """Read Celeb-DF v1: see `read_celeb_df_v2`."""
    return _read(root, V1)


def read_celeb_df_v2(root: Path) -> list[Clip]:
    """Read Celeb-DF v2. What the list names is ``test``, all else is ``train``; the two share persons.

    Args:
        root: folder with ``Celeb-real``.

    Raises:
        DatasetError: wrong layout, listed videos are missing, or the list contradicts the folders.
    """
    return _read(root, V2)


def read_celeb_df_pp(root: Path) -> list[Clip]:
    """Read Celeb-DF++, whose fakes lie in a folder for each scenario and method: see `read_celeb_df_v2`."""
    return _read(root, PLUS_PLUS)


def is_plus_plus(root: Path) -> bool:
    """Whether the fakes lie in folders of scenarios."""
    return any((root / "Celeb-synthesis" / name).is_dir() for name in SCENARIOS)


def listed_for_test(root: Path) -> set[PurePosixPath]:
    """Paths in the list of test videos, relative to the set.

    Raises:
        DatasetError: a line cannot be read, is there twice, or says otherwise than the folder it points to.
    """
    path = root / LIST
    listed: set[PurePosixPath] = set()
    wrong: list[PurePosixPath] = []
    for number, line in enumerate(read_text(path, _FIX).splitlines(), 1):
        if not line.strip():
            continue
        match = re.fullmatch(r"([01])\s+(\S.*)", line.strip())
        video = PurePosixPath(match[2].replace("\\", "/")) if match else PurePosixPath()
        folder = video.parts[0] if video.parts else ""
        if not match or folder not in _CLASSES:
            raise DatasetError(f"{path}, line {number}: expected '<0 or 1> <folder>/<video>', got {line!r}: {_FIX}")
        if video in listed:
            raise DatasetError(f"{path}, line {number}: {video} is listed twice: {_FIX}")
        listed.add(video)
        if _CLASSES[folder] == (match[1] == "1"):
            wrong.append(video)
    if wrong:
        raise problem(
            f"lines of {path} contradict the folder they name (in this list 1 is real and 0 is fake)", wrong, _FIX
        )
    return listed


def _read(root: Path, dataset: str) -> list[Clip]:
    layout = {name: root / name for name in _CLASSES}
    if absent := [str(folder) for folder in layout.values() if not folder.is_dir()]:
        raise problem("folders of Celeb-DF are missing", absent, _FIX)
    nested = dataset == PLUS_PLUS
    if is_plus_plus(root) != nested:
        right = "celeb_df_v1 or celeb_df_v2" if nested else PLUS_PLUS
        raise DatasetError(f"{root} is laid out otherwise than {dataset}: read it as {right}")
    listed = listed_for_test(root)
    found = [path for name in ("Celeb-real", "YouTube-real") for path in media_in(layout[name])]
    found += _nested_fakes(layout["Celeb-synthesis"]) if nested else media_in(layout["Celeb-synthesis"])
    missing = sorted(listed - {PurePosixPath(path.relative_to(root).as_posix()) for path in found})
    if missing:
        raise problem(f"videos of {root / LIST} are missing", missing, _FIX)
    return [_clip(path, root, dataset, listed) for path in found]


def _nested_fakes(folder: Path) -> list[Path]:
    scenarios = folders_in(folder)
    if unknown := [path for path in scenarios if path.name not in SCENARIOS]:
        raise problem("folders name no scenario", unknown, f"the scenarios are {', '.join(SCENARIOS)}")
    return [path for scenario in scenarios for method in folders_in(scenario) for path in media_in(method)]


def _clip(path: Path, root: Path, dataset: str, listed: set[PurePosixPath]) -> Clip:
    relative = PurePosixPath(path.relative_to(root).as_posix())
    folder, *between = relative.parts[:-1]
    is_fake = _CLASSES[folder]
    source, persons = identify(folder, path.stem)
    return Clip(
        key=make_key(dataset, is_fake=is_fake, compression="", video=str(relative.with_suffix(""))),
        path=path,
        is_fake=is_fake,
        family=family_of(between[0] if between else "celeb-df") if is_fake else "real",
        method=(between[-1] if between else "Celeb-DF") if is_fake else folder,
        source=source,
        persons=persons,
        split="test" if relative in listed else "train",
        dataset=dataset,
    )
