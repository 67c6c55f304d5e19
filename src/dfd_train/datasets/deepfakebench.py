r"""DeepfakeBench's lists of frame pictures (Yan et al., NeurIPS 2023; ``preprocessing/rearrange.py``).

::

    {"FF-DF": {"FF-real": {"train": {"c23": {"071": {"label": "FF-real", "frames": ["...\\000.png", ...]}}}}}}

The level of compression is there for the FaceForensics++ family, a level of methods for Celeb-DF++, none for others.
Three habits of these lists are undone: paths with back-slashes; videos that are in several splits, because a list
repeats its test videos as ``val`` or the whole set as ``train``; originals that several lists repeat.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from dfd_train.datasets import celeb_df, deeperforensics, dfdc, dfdc_preview, faceforensics, google_dfd
from dfd_train.datasets.clip import Clip, DatasetError, check_present, make_key, problem
from dfd_train.datasets.families import family_of
from dfd_train.datasets.reading import COMPRESSIONS, read_json_entries

NAME = "deepfakebench"

_SPLITS = ("test", "train", "val")
"""The first of these that names a video is its split: what is tested on is not held out under another name."""

_PICTURES = "put the pictures into datasets/rgb beside the lists, or name the folder that holds both"
_LISTS = "name a list of DeepfakeBench, or the folder that holds dataset_json/"


@dataclass(frozen=True, slots=True)
class _Record:
    """One video of a list; the frames as listed, with slashes."""

    label: str
    split: str
    compression: str
    method: str
    video: str
    frames: tuple[PurePosixPath, ...]

    @property
    def identity(self) -> tuple[str, ...]:
        """What tells videos apart; originals have the same label in all lists."""
        return self.label, self.compression, self.method, self.video


_Identify = Callable[[_Record], tuple[str, tuple[str, ...]]]


@dataclass(frozen=True, slots=True)
class _Label:
    """What a label of the lists means; `identify` gives source and persons."""

    dataset: str
    is_fake: bool
    method: str
    family: str
    identify: _Identify


def _by_name(identify: Callable[[str], tuple[str, tuple[str, ...]]]) -> _Identify:
    return lambda record: identify(record.video)


def _celeb(record: _Record) -> tuple[str, tuple[str, ...]]:
    """Only videos of ``YouTube-real`` are called by a bare number."""
    return celeb_df.identify("YouTube-real" if record.video.isdigit() else record.label, record.video)


def _dfdc(record: _Record) -> tuple[str, tuple[str, ...]]:
    """The lists name neither parts nor originals: all that is trained on counts as one block, as does the test set."""
    block = "test" if record.split == "test" else "train"
    return f"{dfdc.DATASET}/{record.video}", (f"{dfdc.DATASET}/{block}",)


def _nobody(dataset: str) -> _Identify:
    """For sets that name nobody and call a fake after its original."""
    return lambda record: (f"{dataset}/{record.video.removesuffix('_fake')}", ())


_ff = _by_name(faceforensics.identify)
_dfd = _by_name(google_dfd.identify)
_preview = _by_name(dfdc_preview.identify)
_deeper = _by_name(deeperforensics.identify)

_LABELS = {
    "FF-real": _Label(faceforensics.DATASET, False, "youtube", "real", _ff),
    "FF-DF": _Label(faceforensics.DATASET, True, "Deepfakes", "swap", _ff),
    "FF-F2F": _Label(faceforensics.DATASET, True, "Face2Face", "reenactment", _ff),
    "FF-FS": _Label(faceforensics.DATASET, True, "FaceSwap", "swap", _ff),
    "FF-NT": _Label(faceforensics.DATASET, True, "NeuralTextures", "reenactment", _ff),
    "FF-FH": _Label(faceforensics.DATASET, True, "FaceShifter", "swap", _ff),
    "FF-SH": _Label(faceforensics.DATASET, True, "FaceShifter", "swap", _ff),
    "DFD_real": _Label(google_dfd.DATASET, False, "actors", "real", _dfd),
    "DFD_fake": _Label(google_dfd.DATASET, True, google_dfd.METHOD, "swap", _dfd),
    "CelebDFv1_real": _Label(celeb_df.V1, False, "real", "real", _celeb),
    "CelebDFv1_fake": _Label(celeb_df.V1, True, "Celeb-DF", "swap", _celeb),
    "CelebDFv2_real": _Label(celeb_df.V2, False, "real", "real", _celeb),
    "CelebDFv2_fake": _Label(celeb_df.V2, True, "Celeb-DF", "swap", _celeb),
    "CelebDFv3_real": _Label(celeb_df.PLUS_PLUS, False, "real", "real", _celeb),
    "CelebDFv3_fake": _Label(celeb_df.PLUS_PLUS, True, "", "unknown", _celeb),
    "DFDCP_Real": _Label(dfdc_preview.DATASET, False, "original_videos", "real", _preview),
    "DFDCP_FakeA": _Label(dfdc_preview.DATASET, True, "method_A", "swap", _preview),
    "DFDCP_FakeB": _Label(dfdc_preview.DATASET, True, "method_B", "swap", _preview),
    "DFDC_Real": _Label(dfdc.DATASET, False, "real", "real", _dfdc),
    "DFDC_Fake": _Label(dfdc.DATASET, True, "DFDC", "swap", _dfdc),
    "DF_real": _Label(deeperforensics.DATASET, False, "source_videos", "real", _deeper),
    "DF_fake": _Label(deeperforensics.DATASET, True, "DF-VAE", "swap", _deeper),
    "UADFV_Real": _Label("uadfv", False, "real", "real", _nobody("uadfv")),
    "UADFV_Fake": _Label("uadfv", True, "FakeApp", "swap", _nobody("uadfv")),
    "roop_Real": _Label("roop", False, "real", "real", _nobody("roop")),
    "roop_Fake": _Label("roop", True, "roop", "swap", _nobody("roop")),
}
"""Labels of ``training/config/test_config.yaml``, and what is behind them."""


def list_files(root: Path) -> list[Path]:
    """The lists: the root itself, or those in it, in ``dataset_json`` or in ``preprocessing/dataset_json``."""
    if root.is_file():
        return [root]
    for folder in (root / "preprocessing" / "dataset_json", root / "dataset_json", root):
        if files := sorted(folder.glob("*.json")):
            return files
    return []


def read_deepfakebench(root: Path) -> list[Clip]:
    """Read one list or a folder of lists. A clip's data set, source and persons are those of the set behind the label.

    Args:
        root: a list, or a folder with lists; see `list_files`.

    Raises:
        DatasetError: no list, broken JSON, unknown labels or splits, labels that contradict each other, videos without
            frames, or missing pictures.
    """
    files = list_files(root)
    if not files:
        raise DatasetError(f"{root} holds no lists in JSON: {_LISTS}")
    records: dict[tuple[str, ...], _Record] = {}
    for file in files:
        for record in _records(file):
            known = records.setdefault(record.identity, record)
            if _SPLITS.index(record.split) < _SPLITS.index(known.split):
                records[record.identity] = record
    if empty := ["/".join(filter(None, record.identity)) for record in records.values() if not record.frames]:
        raise problem(f"videos of {root} have no frames", empty, "extract them again, or remove them from the list")
    locate = _Locator(root, files[0].parent)
    clips = [_clip(record, locate) for record in records.values()]
    check_present(clips, _PICTURES)
    return clips


def _records(file: Path) -> Iterator[_Record]:
    for labels in read_json_entries(file, _LISTS).values():
        for label, splits in labels.items():
            if label not in _LABELS:
                raise DatasetError(f"{file}: unknown label {label!r}; known are {', '.join(_LABELS)}")
            for split, tree in _entries(file, splits):
                if split not in _SPLITS:
                    raise DatasetError(f"{file}: unknown split {split!r} of {label}; known are train, val, test")
                yield from _walk(file, label, split, tree, ())


def _walk(file: Path, label: str, split: str, tree: object, names: tuple[str, ...]) -> Iterator[_Record]:
    """The videos below one split; `names` are the levels between, the video's own name last."""
    if not isinstance(tree, dict) or "frames" not in tree:
        for name, inner in _entries(file, tree):
            yield from _walk(file, label, split, inner, (*names, name))
        return
    if tree.get("label") != label:
        raise DatasetError(
            f"{file}: {'/'.join(names)} is listed under {label}, but labelled {tree.get('label')!r}: mend the list"
        )
    listed = (PurePosixPath(str(frame).replace("\\", "/")) for frame in tree["frames"])
    frames = tuple(sorted(listed, key=_place))
    if not names and frames:  # DFDC's list writes a lone video where its val split should be
        names = (frames[0].parent.name,)
    levels = names[:-1]
    compression = next((name for name in levels if name in COMPRESSIONS), "")
    method = next((name for name in levels if name not in COMPRESSIONS), "")
    yield _Record(label, split, compression, method, names[-1] if names else "", frames)


def _place(frame: PurePosixPath) -> tuple[PurePosixPath, int, str]:
    """Where a frame stands in its video: names have three digits, so that as text 1000 would come before 101."""
    return frame.parent, int(frame.stem) if re.fullmatch("[0-9]+", frame.stem) else -1, frame.name


def _entries(file: Path, tree: object) -> Iterable[tuple[str, Any]]:
    if not isinstance(tree, dict):
        raise DatasetError(f"{file}: found {tree!r:.40} where videos should be: {_LISTS}")
    return tree.items()


class _Locator:
    """Finds pictures whatever folder the list was written in, by dropping the first parts of their paths."""

    def __init__(self, root: Path, lists: Path) -> None:
        above = (lists, *list(lists.parents)[:2], root)
        self._bases = [base / inner for base in dict.fromkeys(above) for inner in ("", "datasets/rgb", "rgb")]
        self._last = (self._bases[0], 0)

    def __call__(self, frames: tuple[PurePosixPath, ...]) -> tuple[Path, ...]:
        """Where the pictures of one video are, or, if the first is nowhere, where they should be."""
        depth = max(1, len(frames[0].parts) - 2)
        for base, skipped in (self._last, *((base, n) for n in range(depth) for base in self._bases)):
            if base.joinpath(*frames[0].parts[skipped:]).is_file():
                self._last = (base, skipped)
                break
        base, skipped = self._last
        return tuple(base.joinpath(*frame.parts[skipped:]) for frame in frames)


def _clip(record: _Record, locate: _Locator) -> Clip:
    label = _LABELS[record.label]
    method = record.method or label.method
    source, persons = label.identify(record)
    frames = locate(record.frames)
    return Clip(
        key=make_key(
            label.dataset,
            is_fake=label.is_fake,
            compression=record.compression,
            video=f"frames/{method}/{record.video}",
        ),
        path=frames[0].parent,
        is_fake=label.is_fake,
        family=family_of(method) if label.family == "unknown" else label.family,
        method=method,
        source=source,
        persons=persons,
        split=record.split,
        dataset=label.dataset,
        compression=record.compression,
        frames=frames,
    )
