"""DeeperForensics-1.0 (Jiang et al., CVPR 2020): fakes only; their reals are the originals of FaceForensics++ (c23).

::

    manipulated_videos/<variant>/000_M101.mp4    FaceForensics++ video 000 with the face of actor M101
    lists/splits/train.txt  val.txt  test.txt    a file name a line, the same for each variant
"""

import re
from pathlib import Path, PurePosixPath

from dfd_train.datasets.clip import Clip, DatasetError, make_key, problem
from dfd_train.datasets.families import family_of
from dfd_train.datasets.reading import check_listed, folders_in, media_in, read_text

DATASET = "deeperforensics"

_VARIANT = re.compile(r"end_to_end(_level_[1-5]|_random_level|_mix_[2-4]_distortions)?|reenact_postprocess")
_FIX = "fetch the set again and unpack all of it (unzip.sh)"


def identify(stem: str) -> tuple[str, tuple[str, ...]]:
    """Source and persons of a video by its name.

    The source of a fake is the FaceForensics++ video it was made of, under that set's name for it. A video of an actor
    is its own source.

    Raises:
        DatasetError: it is not named as the set names its videos.
    """
    if match := re.fullmatch(r"(\d{3})_([MW]\d{3})", stem):
        return f"ff++/{match[1]}", (f"ff++/{match[1]}", f"{DATASET}/{match[2]}")
    if match := re.fullmatch(r"([MW]\d{3})_.+", stem):
        return f"{DATASET}/{stem}", (f"{DATASET}/{match[1]}",)
    raise DatasetError(f"{stem!r} is no name of DeeperForensics (000_M101): restore the original file names")


def read_deeperforensics(root: Path) -> list[Clip]:
    """Read every variant that is there, each of which must be complete by the split lists.

    ``source_videos`` are left out: by the set's own word they are not the reals to train on.

    Args:
        root: folder with ``manipulated_videos`` and ``lists``.

    Raises:
        DatasetError: wrong layout, unknown variants, missing or overlapping lists, missing or unlisted videos.
    """
    variants = folders_in(root / "manipulated_videos")
    if not variants:
        raise DatasetError(f"{root} holds no manipulated_videos/<variant>: name the folder of the unpacked set")
    if unknown := [folder for folder in variants if not _VARIANT.fullmatch(folder.name)]:
        raise problem("folders name no known variant", unknown, "restore the set's own folders, end_to_end and so on")
    split_of = _read_splits(root / "lists" / "splits")
    for variant in variants:
        check_listed((variant / name for name in split_of), media_in(variant), _FIX)
    return [_clip(variant, name, split) for variant in variants for name, split in split_of.items()]


def _read_splits(folder: Path) -> dict[str, str]:
    """The split of every file name."""
    split_of: dict[str, str] = {}
    for split in ("train", "val", "test"):
        path = folder / f"{split}.txt"
        for line in read_text(path, _FIX).split():
            name = PurePosixPath(line).name
            if name in split_of:
                raise DatasetError(f"{path}: {name} is listed twice, or in {split_of[name]}.txt too: {_FIX}")
            split_of[name] = split
    return split_of


def _clip(variant: Path, name: str, split: str) -> Clip:
    path = variant / name
    source, persons = identify(path.stem)
    return Clip(
        key=make_key(DATASET, is_fake=True, compression="", video=f"{variant.name}/{path.stem}"),
        path=path,
        is_fake=True,
        family=family_of("df-vae"),
        method=f"DF-VAE {variant.name}",
        source=source,
        persons=persons,
        split=split,
        dataset=DATASET,
    )
