"""Every data set that can be read, by name."""

from collections.abc import Callable, Mapping
from pathlib import Path

from dfd_train.datasets import (
    celeb_df,
    deeperforensics,
    deepfakebench,
    dfdc,
    dfdc_preview,
    faceforensics,
    google_dfd,
    plain,
    research_clips,
)
from dfd_train.datasets.clip import Clip, DatasetError, check_present, check_unique

Reader = Callable[[Path], list[Clip]]

AUTO = "auto"
"""Stands for whatever the folder's layout says."""

READERS: Mapping[str, Reader] = {
    faceforensics.DATASET: faceforensics.read_faceforensics,
    google_dfd.DATASET: google_dfd.read_google_dfd,
    celeb_df.V1: celeb_df.read_celeb_df_v1,
    celeb_df.V2: celeb_df.read_celeb_df_v2,
    celeb_df.PLUS_PLUS: celeb_df.read_celeb_df_pp,
    dfdc.DATASET: dfdc.read_dfdc,
    dfdc_preview.DATASET: dfdc_preview.read_dfdc_preview,
    deeperforensics.DATASET: deeperforensics.read_deeperforensics,
    deepfakebench.NAME: deepfakebench.read_deepfakebench,
    plain.FOLDERS: plain.read_folders,
    plain.CSV: plain.read_csv,
    research_clips.FACE_CLIPS: research_clips.read_face_clips,
    research_clips.WHOLE_CLIPS: research_clips.read_whole_clips,
}
"""From the name of a data set to its reader."""

_CELEB_DF_TESTED = {100: celeb_df.V1, 518: celeb_df.V2}
"""Videos in the test lists of the two versions, which are laid out alike."""


def read(name: str, root: Path) -> list[Clip]:
    """Read a data set.

    Args:
        name: a key of `READERS`, or ``auto``.
        root: its folder, or its list.

    Returns:
        its clips, every file of which is there, no two of the same key.

    Raises:
        DatasetError: unknown name, or whatever the reader finds wrong; the message names the file and the fix.
    """
    if not root.exists():
        raise DatasetError(f"{root} is not there: name the folder or the list of the data set")
    if name == AUTO:
        name = detect(root)
    if name not in READERS:
        raise DatasetError(f"there is no reader for {name!r}: choose {AUTO} or one of {', '.join(READERS)}")
    clips = READERS[name](root)
    if not clips:
        raise DatasetError(f"{root} holds no clips of {name}: fetch the set, or name another folder")
    check_unique(clips)
    check_present(clips)
    return clips


def detect(root: Path) -> str:
    """Tell a data set by its layout; no label is read.

    Raises:
        DatasetError: no layout fits, or several do.
    """
    found = _fitting(root)
    if len(found) != 1:
        said = f"could be {' or '.join(found)}" if found else "fits no known layout"
        raise DatasetError(f"{root} {said}: give the name, one of {', '.join(READERS)}")
    return found[0]


def _fitting(root: Path) -> list[str]:
    manipulated = root / "manipulated_sequences"
    methods = [method for method in faceforensics.METHODS if (manipulated / method).is_dir()]
    is_ff = bool(methods) or (root / "original_sequences" / "youtube").is_dir()
    fits = {
        faceforensics.DATASET: is_ff,
        google_dfd.DATASET: not is_ff and google_dfd.is_there(root),
        dfdc.DATASET: bool(dfdc.train_parts(root)) or dfdc.test_folder(root) is not None,
        dfdc_preview.DATASET: (dfdc_preview.set_folder(root) / dfdc_preview.LIST).is_file(),
        deeperforensics.DATASET: (root / "manipulated_videos").is_dir() and (root / "lists").is_dir(),
        deepfakebench.NAME: root.suffix == ".json"
        or (root / "preprocessing" / "dataset_json").is_dir()
        or (root / "dataset_json").is_dir(),
        plain.FOLDERS: len(plain.class_folders(root)) == 2,
        plain.CSV: root.suffix.lower() == ".csv",
        research_clips.FACE_CLIPS: (root / "clips" / "faces.csv").is_file(),
        research_clips.WHOLE_CLIPS: (root / "clips" / "manifest.csv").is_file(),
    }
    return [name for name, does in fits.items() if does] + _celeb_df_versions(root)


def _celeb_df_versions(root: Path) -> list[str]:
    if not (root / celeb_df.LIST).is_file():
        return []
    if celeb_df.is_plus_plus(root):
        return [celeb_df.PLUS_PLUS]
    version = _CELEB_DF_TESTED.get(len(celeb_df.listed_for_test(root)))
    return [version] if version else [celeb_df.V1, celeb_df.V2]
