"""DeepFakeDetection by Google and Jigsaw (2019), as FaceForensics++ ships it; no relation to the product's name.

::

    original_sequences/actors/<level>/videos/01__exit_phone_room.mp4
    manipulated_sequences/DeepFakeDetection/<level>/videos/01_02__exit_phone_room__YVGY8LOK.mp4
"""

import re
from pathlib import Path

from dfd_train.datasets.clip import Clip, DatasetError, make_key, problem
from dfd_train.datasets.families import family_of
from dfd_train.datasets.reading import videos_by_compression

DATASET = "google_dfd"
METHOD = "DeepFakeDetection"

_REAL = re.compile(r"(\d\d)__(.+)")
_FAKE = re.compile(r"(\d\d)_(\d\d)__(.+)__[A-Z0-9]+")
_DOWNLOAD = "complete the download with the set's script (-d DeepFakeDetection, -d DeepFakeDetection_original)"


def is_there(root: Path) -> bool:
    """Whether the folder holds any part of this set."""
    return (root / "original_sequences" / "actors").is_dir() or (root / "manipulated_sequences" / METHOD).is_dir()


def identify(stem: str) -> tuple[str, tuple[str, ...]]:
    """Source and persons of a video by its name: the target actor's recording of the scene, and the actors.

    Raises:
        DatasetError: it is not named as the set names its videos.
    """
    if match := _FAKE.fullmatch(stem):
        target, other, scene = match.groups()
        return f"{DATASET}/{target}__{scene}", (f"{DATASET}/{target}", f"{DATASET}/{other}")
    if match := _REAL.fullmatch(stem):
        return f"{DATASET}/{stem}", (f"{DATASET}/{match[1]}",)
    raise DatasetError(
        f"{stem!r} is no name of DeepFakeDetection (01__scene or 01_02__scene__HASH): restore the original file names"
    )


def read_google_dfd(root: Path) -> list[Clip]:
    """Read every compression level that is there. The set has no split of its own: all of it is ``test``.

    Args:
        root: folder with ``original_sequences/actors``.

    Raises:
        DatasetError: wrong layout, an unreadable name, or a level with one class only.
    """
    levels = {
        False: videos_by_compression(root / "original_sequences" / "actors", _DOWNLOAD),
        True: videos_by_compression(root / "manipulated_sequences" / METHOD, _DOWNLOAD),
    }
    if not levels[False] and not levels[True]:
        raise DatasetError(
            f"{root} holds no original_sequences/actors/<level>/videos and no manipulated_sequences/{METHOD}/<level>/"
            "videos: name the folder that holds both"
        )
    if lonely := sorted(levels[False].keys() ^ levels[True].keys()):
        raise problem("compression levels have only originals or only fakes", lonely, _DOWNLOAD)
    return [
        _clip(path, level, is_fake)
        for is_fake, by_level in levels.items()
        for level, paths in by_level.items()
        for path in paths
    ]


def _clip(path: Path, level: str, is_fake: bool) -> Clip:
    source, persons = identify(path.stem)
    if (len(persons) == 2) != is_fake:
        raise DatasetError(f"{path} is named like a video of the other class: restore the original folders")
    return Clip(
        key=make_key(DATASET, is_fake=is_fake, compression=level, video=path.stem),
        path=path,
        is_fake=is_fake,
        family=family_of(METHOD) if is_fake else "real",
        method=METHOD if is_fake else "actors",
        source=source,
        persons=persons,
        split="test",
        dataset=DATASET,
        compression=level,
    )
