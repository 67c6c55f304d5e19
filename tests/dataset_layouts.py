"""Tiny data sets of the published layouts: the folders, names and lists are true, the files are empty."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

FF_PAIRS = {"train": [("071", "054")], "val": [("720", "672")], "test": [("953", "974")]}
FF_METHODS = ("Deepfakes", "Face2Face", "FaceSwap", "NeuralTextures", "FaceShifter")

CELEB_REALS = ("id0_0000", "id0_0001", "id1_0000", "id2_0000")
CELEB_FAKES = ("id0_id1_0000", "id0_id1_0001", "id2_id3_0000")
CELEB_TESTED = (
    "1 Celeb-real/id2_0000.mp4",
    "1 YouTube-real/00170.mp4",
    "0 Celeb-synthesis/id2_id3_0000.mp4",
)

DFDC_TRAIN: Mapping[str, Mapping[str, Mapping[str, str]]] = {
    "dfdc_train_part_0": {
        "aa.mp4": {"label": "REAL", "split": "train"},
        "ab.mp4": {"label": "FAKE", "split": "train", "original": "aa.mp4"},
        "ac.mp4": {"label": "FAKE", "split": "train", "original": "aa.mp4"},
    },
    "dfdc_train_part_1": {
        "ba.mp4": {"label": "REAL", "split": "train"},
        "bb.mp4": {"label": "FAKE", "split": "train", "original": "ba.mp4"},
    },
}
DFDC_TEST = {"ta.mp4": 0, "tb.mp4": 1}

PREVIEW: Mapping[str, Mapping[str, Any]] = {
    "original_videos/643049/643049_A_001.mp4": {
        "label": "real",
        "set": "train",
        "target_id": 643049,
        "swapped_id": None,
    },
    "method_A/643049/643049_A/1224068_643049_A_001.mp4": {
        "label": "fake",
        "set": "train",
        "target_id": 643049,
        "swapped_id": 1224068,
    },
    "original_videos/1260311/1260311_C_001.mp4": {"label": "real", "set": "test", "target_id": 1260311},
    "method_B/1260311/1260311_C/1255229_1260311_C_001.mp4": {
        "label": "fake",
        "set": "test",
        "target_id": 1260311,
        "swapped_id": 1255229,
    },
}


def touch(*paths: Path) -> None:
    """Make empty files, and the folders they lie in."""
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def write_json(path: Path, value: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


def make_faceforensics(
    root: Path,
    *,
    levels: Iterable[str] = ("c23",),
    methods: Iterable[str] = FF_METHODS,
    pairs: Mapping[str, list[tuple[str, str]]] = FF_PAIRS,
) -> Path:
    """FaceForensics++: for each pair two originals and, by each method, two fakes, at each level."""
    for split, named in pairs.items():
        write_json(root / f"{split}.json", named)
    for level in levels:
        for pair in (pair for named in pairs.values() for pair in named):
            for target, source in (pair, pair[::-1]):
                touch(root / "original_sequences" / "youtube" / level / "videos" / f"{target}.mp4")
                for method in methods:
                    touch(root / "manipulated_sequences" / method / level / "videos" / f"{target}_{source}.mp4")
    return root


def make_google_dfd(root: Path, level: str = "c23") -> Path:
    """DeepFakeDetection: two actors, one scene, one fake."""
    originals = root / "original_sequences" / "actors" / level / "videos"
    touch(originals / "01__exit_phone_room.mp4", originals / "02__exit_phone_room.mp4")
    fakes = root / "manipulated_sequences" / "DeepFakeDetection" / level / "videos"
    touch(fakes / "01_02__exit_phone_room__YVGY8LOK.mp4")
    return root


def make_celeb_df(root: Path, tested: Iterable[str] = CELEB_TESTED) -> Path:
    """Celeb-DF v1 or v2, which are laid out alike."""
    touch(*(root / "Celeb-real" / f"{name}.mp4" for name in CELEB_REALS))
    touch(root / "YouTube-real" / "00000.mp4", root / "YouTube-real" / "00170.mp4")
    touch(*(root / "Celeb-synthesis" / f"{name}.mp4" for name in CELEB_FAKES))
    (root / "List_of_testing_videos.txt").write_text("\n".join(tested) + "\n", encoding="utf-8")
    return root


def make_celeb_df_pp(root: Path) -> Path:
    """Celeb-DF++: one method of each scenario."""
    touch(*(root / "Celeb-real" / f"{name}.mp4" for name in CELEB_REALS))
    touch(root / "YouTube-real" / "00170.mp4")
    methods = ("FaceSwap/BlendFace", "FaceReenact/LIA", "TalkingFace/FLOAT")
    touch(*(root / "Celeb-synthesis" / method / f"{name}.mp4" for method in methods for name in CELEB_FAKES))
    tested = ["1 YouTube-real/00170.mp4"] + [f"0 Celeb-synthesis/{method}/id2_id3_0000.mp4" for method in methods]
    (root / "List_of_testing_videos.txt").write_text("\n".join(tested) + "\n", encoding="utf-8")
    return root


def make_dfdc_train(root: Path) -> Path:
    """Two training parts of DFDC."""
    for part, entries in DFDC_TRAIN.items():
        write_json(root / part / "metadata.json", entries)
        touch(*(root / part / name for name in entries))
    return root


def make_dfdc_test(root: Path) -> Path:
    """DFDC's test set with labels in CSV."""
    folder = root / "test"
    touch(*(folder / name for name in DFDC_TEST))
    rows = "".join(f"{name},{label}\n" for name, label in DFDC_TEST.items())
    (folder / "labels.csv").write_text("filename,label\n" + rows, encoding="utf-8")
    return root


def make_dfdc_preview(root: Path) -> Path:
    """The preview of DFDC."""
    folder = root / "dfdc_preview_set"
    write_json(folder / "dataset.json", PREVIEW)
    touch(*(folder / name for name in PREVIEW))
    return root


def make_deeperforensics(root: Path, variants: Iterable[str] = ("end_to_end", "end_to_end_level_3")) -> Path:
    """DeeperForensics-1.0: a fake in each split."""
    names = {"train": "071_M101.mp4", "val": "720_W004.mp4", "test": "953_M018.mp4"}
    for split, name in names.items():
        path = root / "lists" / "splits" / f"{split}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{name}\n", encoding="utf-8")
        touch(*(root / "manipulated_videos" / variant / name for variant in variants))
    return root


def bench_video(label: str, folder: str, *, count: int = 2) -> dict[str, Any]:
    """A video of a DeepfakeBench list, with Windows paths as published."""
    windows = folder.replace("/", "\\")
    return {"label": label, "frames": [f"{windows}\\{number:03d}.png" for number in reversed(range(count))]}


def make_deepfakebench(root: Path) -> Path:
    """Lists of FaceForensics++ (twice, the originals in both) and Celeb-DF v2, and their pictures."""
    rgb = root / "datasets" / "rgb"
    ff = "FaceForensics++"
    real = f"{ff}/original_sequences/youtube/c23/frames"
    reals = {
        split: {"c23": {name: bench_video("FF-real", f"{real}/{name}") for pair in pairs for name in pair}}
        for split, pairs in FF_PAIRS.items()
    }
    for label, method in (("FF-DF", "Deepfakes"), ("FF-F2F", "Face2Face")):
        folder = f"{ff}/manipulated_sequences/{method}/c23/frames"
        fakes = {
            split: {"c23": {"_".join(pair): bench_video(label, f"{folder}/{'_'.join(pair)}") for pair in pairs}}
            for split, pairs in FF_PAIRS.items()
        }
        write_json(root / "preprocessing" / "dataset_json" / f"{label}.json", {label: {"FF-real": reals, label: fakes}})
    tested = {"id2_0000": bench_video("CelebDFv2_real", "Celeb-DF-v2/Celeb-real/frames/id2_0000")}
    faked = {"id2_id3_0000": bench_video("CelebDFv2_fake", "Celeb-DF-v2/Celeb-synthesis/frames/id2_id3_0000")}
    extra = {"00001": bench_video("CelebDFv2_real", "Celeb-DF-v2/YouTube-real/frames/00001")}
    celeb = {
        "CelebDFv2_real": {"train": tested | extra, "val": tested, "test": tested},
        "CelebDFv2_fake": {"train": faked, "val": faked, "test": faked},
    }
    write_json(root / "preprocessing" / "dataset_json" / "Celeb-DF-v2.json", {"Celeb-DF-v2": celeb})
    touch_frames(root, rgb)
    return root


def touch_frames(root: Path, rgb: Path) -> None:
    """Make every picture that a list below `root` names."""

    def walk(tree: Any) -> None:
        if isinstance(tree, dict):
            touch(*(rgb / frame.replace("\\", "/") for frame in tree.get("frames", [])))
            for inner in tree.values():
                walk(inner)

    for path in root.rglob("*.json"):
        walk(json.loads(path.read_text(encoding="utf-8")))


def make_folders(root: Path) -> Path:
    """``real`` and ``fake``, with a folder for one method."""
    touch(root / "real" / "000.mp4", root / "real" / "001.mp4")
    touch(root / "fake" / "000.mp4", root / "fake" / "SimSwap" / "000.mp4", root / "fake" / "SimSwap" / "002.mp4")
    return root


def make_csv(root: Path, text: str) -> Path:
    """A list and the files it names in its first column."""
    root.mkdir(parents=True, exist_ok=True)
    for line in text.splitlines()[1:]:
        touch(root / line.split(",", maxsplit=1)[0])
    path = root / "clips.csv"
    path.write_text(text, encoding="utf-8")
    return path
