"""The DeepFake Detection Challenge (Dolhansky et al., 2020).

::

    [train/]dfdc_train_part_<n>/abc.mp4    and metadata.json: {"abc.mp4": {"label": "FAKE", "original": "src.mp4"}}
    test/[videos/]abc.mp4                  and labels.csv: filename,label (1 = fake), or metadata.json with is_fake

The set names no persons, and one actor is in many originals. The published parts are the only units that keep actors
together as far as is known, so a part stands for its actors, and so does the whole test set.
"""

from pathlib import Path
from typing import Any

from dfd_train.datasets.clip import Clip, DatasetError, label_name, make_key, problem, repeated
from dfd_train.datasets.families import family_of
from dfd_train.datasets.reading import check_listed, media_in, read_json_entries, read_rows

DATASET = "dfdc"

_PART = "dfdc_train_part_"
_FIX = "fetch the part again and unpack all of it"
_TRAIN_LABELS = {"REAL": False, "FAKE": True}


def train_parts(root: Path) -> list[Path]:
    """The folders of training parts; the root itself may be one."""
    if root.name.startswith(_PART):
        return [root]
    return sorted(path for folder in (root, root / "train") for path in folder.glob(f"{_PART}*") if path.is_dir())


def test_folder(root: Path) -> Path | None:
    """The folder that holds the test labels, if there is one; it may be the root itself."""
    for folder in (root / "test", root) if not root.name.startswith(_PART) else ():
        if (folder / "labels.csv").is_file() or (folder / "metadata.json").is_file():
            return folder
    return None


def read_dfdc(root: Path) -> list[Clip]:
    """Read all training parts and the test set that are there. The source is the original video.

    Args:
        root: folder with the parts, the test set, or both.

    Raises:
        DatasetError: wrong layout, broken or contradicting labels, listed videos are missing, unlisted ones are there,
            or a fake's original is missing or is no real video.
    """
    parts = train_parts(root)
    test = test_folder(root)
    if not parts and not test:
        raise DatasetError(
            f"{root} holds neither dfdc_train_part_<n> nor test/labels.csv or test/metadata.json: name the folder with "
            "the unpacked parts"
        )
    clips = _read_train(parts)
    return clips + (_read_test(test) if test else [])


def _read_train(parts: list[Path]) -> list[Clip]:
    entries = {part: read_json_entries(part / "metadata.json", _FIX) for part in parts}
    for part, videos in entries.items():
        check_listed((part / name for name in videos), media_in(part), _FIX)
    if twice := repeated(name for videos in entries.values() for name in videos):
        raise problem("videos are listed in more than one part", twice, _FIX)
    labels = {
        name: _train_label(part, name, entry) for part, videos in entries.items() for name, entry in videos.items()
    }
    fakes = [(name, entry) for videos in entries.values() for name, entry in videos.items() if labels[name]]
    originals = [(name, str(entry["original"])) for name, entry in fakes if entry.get("original")]
    if lost := [f"{name} (of {original})" for name, original in originals if original not in labels]:
        raise problem("fakes are listed without their original", lost, "fetch the parts that hold the originals too")
    if wrong := [f"{name} (of {original})" for name, original in originals if labels[original]]:
        raise problem("fakes have an original that is itself labelled FAKE", wrong, _FIX)
    return [_train_clip(part, name, entry) for part, videos in entries.items() for name, entry in videos.items()]


def _train_label(part: Path, name: str, entry: dict[str, Any]) -> bool:
    """The label of an entry; 1 = fake."""
    label = str(entry.get("label"))
    if label not in _TRAIN_LABELS:
        raise DatasetError(f"{part / 'metadata.json'}: the label of {name} must be REAL or FAKE, got {label!r}: {_FIX}")
    if label == "REAL" and entry.get("original"):
        raise DatasetError(f"{part / 'metadata.json'}: {name} is labelled REAL, but has an original: {_FIX}")
    return _TRAIN_LABELS[label]


def _train_clip(part: Path, name: str, entry: dict[str, Any]) -> Clip:
    original = Path(str(entry.get("original") or name)).stem
    return _clip(part / name, _train_label(part, name, entry), f"{part.name}/{Path(name).stem}", original, part.name)


def _read_test(folder: Path) -> list[Clip]:
    labels = _test_labels(folder)
    videos = folder / "videos" if (folder / "videos").is_dir() else folder
    check_listed((videos / name for name in labels), media_in(videos), _FIX)
    return [
        _clip(videos / name, is_fake, f"test/{Path(name).stem}", Path(name).stem, "test")
        for name, is_fake in labels.items()
    ]


def _test_labels(folder: Path) -> dict[str, bool]:
    """Labels by file name, from either list; where both are there they must agree."""
    found: list[dict[str, bool]] = []
    if (folder / "labels.csv").is_file():
        rows = read_rows(folder / "labels.csv", ("filename", "label"), _FIX)
        if twice := repeated(row["filename"] for row in rows):
            raise problem(f"videos are listed more than once in {folder / 'labels.csv'}", twice, _FIX)
        found.append({row["filename"]: _bit(folder / "labels.csv", row["filename"], row["label"]) for row in rows})
    if (folder / "metadata.json").is_file():
        path = folder / "metadata.json"
        entries = read_json_entries(path, _FIX)
        found.append({name: _bit(path, name, entry.get("is_fake")) for name, entry in entries.items()})
    if differing := [name for name in found[0] if name in found[-1] and found[0][name] != found[-1][name]]:
        raise problem(f"labels differ between labels.csv and metadata.json of {folder}", differing, _FIX)
    return found[0] | found[-1]


def _bit(path: Path, name: str, value: object) -> bool:
    if str(value) not in {"0", "1"}:
        raise DatasetError(f"{path}: the label of {name} must be 0 or 1 (1 = fake), got {value!r}: {_FIX}")
    return str(value) == "1"


def _clip(path: Path, is_fake: bool, video: str, original: str, block: str) -> Clip:
    return Clip(
        key=make_key(DATASET, is_fake=is_fake, compression="", video=video),
        path=path,
        is_fake=is_fake,
        family=family_of("dfdc") if is_fake else "real",
        method="DFDC" if is_fake else label_name(is_fake),
        source=f"{DATASET}/{original}",
        persons=(f"{DATASET}/{block}",),
        split="test" if block == "test" else "train",
        dataset=DATASET,
    )
