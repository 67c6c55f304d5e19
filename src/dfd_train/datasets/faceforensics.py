"""FaceForensics++ (Roessler et al., ICCV 2019), with FaceShifter and, where it lies beside, Google's DFD.

::

    original_sequences/youtube/<level>/videos/071.mp4
    manipulated_sequences/<method>/<level>/videos/071_054.mp4    target 071, source 054
    train.json  val.json  test.json                              pairs [["071", "054"], ...], here or in splits/
"""

import re
from itertools import permutations
from pathlib import Path

from dfd_train.datasets import google_dfd
from dfd_train.datasets.clip import Clip, DatasetError, make_key, problem
from dfd_train.datasets.families import family_of
from dfd_train.datasets.reading import check_listed, folders_in, read_json, videos_by_compression

DATASET = "faceforensics"
METHODS = ("Deepfakes", "Face2Face", "FaceSwap", "NeuralTextures", "FaceShifter")

_NAME = re.compile(r"(\d{3})(?:_(\d{3}))?")
_DOWNLOAD = "complete the download with the set's own script (-t videos)"
_SPLITS = "put train.json, val.json and test.json of the set's repository (dataset/splits) into the set's folder"


def identify(stem: str) -> tuple[str, tuple[str, ...]]:
    """Source and persons of a video by its name.

    The source is the original (target) video. The set names nobody: an original's number stands for the one person in
    it, and a fake shows two of them.

    Raises:
        DatasetError: it is not named as the set names its videos.
    """
    match = _NAME.fullmatch(stem)
    if not match:
        raise DatasetError(f"{stem!r} is no name of FaceForensics++ (071 or 071_054): restore the original file names")
    persons = tuple(f"ff++/{number}" for number in match.groups() if number)
    return persons[0], persons


def read_faceforensics(root: Path) -> list[Clip]:
    """Read every method and compression level that is there.

    A level or a method may be left out as a whole; what is there must be complete by the split lists.

    Args:
        root: folder with ``original_sequences``.

    Raises:
        DatasetError: wrong layout, broken or overlapping split lists, missing or unlisted videos, an unknown method, or
            a level with fakes and no originals, from which a model would learn the codec.
    """
    originals = videos_by_compression(root / "original_sequences" / "youtube", _DOWNLOAD)
    fakes = {folder.name: videos_by_compression(folder, _DOWNLOAD) for folder in _method_folders(root)}
    fakes = {method: levels for method, levels in fakes.items() if levels}
    if not originals and not fakes:
        raise DatasetError(
            f"{root} holds neither original_sequences/youtube/<level>/videos nor manipulated_sequences/<method>/"
            f"<level>/videos: name the folder of FaceForensics++; for the actors alone use {google_dfd.DATASET}"
        )
    lonely = sorted({level for levels in fakes.values() for level in levels} - originals.keys())
    if lonely:
        raise problem("compression levels have fakes but no originals", lonely, "fetch the originals (-d original) too")
    split_of = _read_splits(root)
    clips = _clips("youtube", False, originals, split_of)
    for method, levels in fakes.items():
        clips += _clips(method, True, levels, split_of)
    return clips + (google_dfd.read_google_dfd(root) if google_dfd.is_there(root) else [])


def _method_folders(root: Path) -> list[Path]:
    folders = [path for path in folders_in(root / "manipulated_sequences") if path.name != google_dfd.METHOD]
    unknown = [path for path in folders if path.name not in METHODS]
    if unknown:
        raise problem("folders name no known method", unknown, f"the methods are {', '.join(METHODS)}")
    return folders


def _read_splits(root: Path) -> dict[str, str]:
    """The split of every original (``071``) and fake (``071_054``)."""
    folder = root / "splits" if (root / "splits").is_dir() else root
    split_of: dict[str, str] = {}
    for split in ("train", "val", "test"):
        path = folder / f"{split}.json"
        for pair in _pairs(path):
            names = (*pair, *("_".join(order) for order in permutations(pair)))
            known = [name for name in names if name in split_of]
            if known:
                raise DatasetError(
                    f"{path}: {known[0]} is listed twice, or in {split_of[known[0]]}.json too: {_SPLITS}"
                )
            split_of.update(dict.fromkeys(names, split))
    return split_of


def _pairs(path: Path) -> list[tuple[str, str]]:
    entries = read_json(path, _SPLITS)
    well_formed = isinstance(entries, list) and all(
        isinstance(pair, list) and len(pair) == 2 and all(re.fullmatch(r"\d{3}", str(name)) for name in pair)
        for pair in entries
    )
    if not well_formed:
        raise DatasetError(f'{path} must be a JSON list of pairs such as ["071", "054"]: {_SPLITS}')
    return [(str(a), str(b)) for a, b in entries]


def _clips(method: str, is_fake: bool, levels: dict[str, list[Path]], split_of: dict[str, str]) -> list[Clip]:
    listed = [name for name in split_of if ("_" in name) == is_fake]
    clips = []
    for level, videos in levels.items():
        check_listed((videos[0].with_name(f"{name}.mp4") for name in listed), videos, _DOWNLOAD)
        for path in videos:
            source, persons = identify(path.stem)
            clips.append(
                Clip(
                    key=make_key(DATASET, is_fake=is_fake, compression=level, video=f"{method}/{path.stem}"),
                    path=path,
                    is_fake=is_fake,
                    family=family_of(method) if is_fake else "real",
                    method=method,
                    source=source,
                    persons=persons,
                    split=split_of[path.stem],
                    dataset=DATASET,
                    compression=level,
                )
            )
    return clips
