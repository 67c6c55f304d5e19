"""UTKFace: aligned photographs of faces, all real, to make forgeries of. No videos, and no test set."""

import tarfile
from pathlib import Path

from dfd_train.datasets.clip import Clip, DatasetError, make_key

STILLS = "utkface"
ARCHIVE = Path("faces") / "utkface-adults.tar"
"""Below the data folder. Members are named ``age_gender_race_date.jpg``."""

_FIX = "point DFD_DATA_DIR at the folder that holds it, or train a recipe without photographs (--recipe 1)"


def find_archive(root: Path | None) -> Path:
    """The archive of the photographs.

    Args:
        root: the data folder; None where none was named.

    Raises:
        DatasetError: it is not there.
    """
    archive = (root or Path()) / ARCHIVE
    if root is None or not archive.is_file():
        raise DatasetError(f"the photographs that forgeries are made of, {archive}, are not there: {_FIX}")
    return archive


def read_stills(root: Path | None, folder: Path) -> list[Clip]:
    """Unpack the photographs, unless that is done, and list them.

    The set names nobody, so every picture is taken for another person and a source of its own.

    Args:
        root: the data folder; None where none was named.
        folder: where the pictures are put.

    Returns:
        one clip a picture, in order of file names.

    Raises:
        DatasetError: the archive is missing, broken or empty.
    """
    archive = find_archive(root)
    try:
        with tarfile.open(archive) as tar:
            members = [member for member in tar if member.isfile() and member.name.endswith(".jpg")]
            names = sorted(Path(member.name).name for member in members)
            if any(not (folder / name).exists() for name in names):
                for member in members:
                    member.name = Path(member.name).name  # into the folder itself, whatever the archive says
                tar.extractall(folder, members, filter="data")
    except (tarfile.TarError, OSError) as error:
        raise DatasetError(f"{archive} cannot be read ({error}): fetch it again") from error
    if not names:
        raise DatasetError(f"{archive} holds no pictures: fetch it again")
    return [_still(folder / name) for name in names]


def _still(path: Path) -> Clip:
    return Clip(
        key=make_key(STILLS, is_fake=False, compression="", video=path.stem),
        path=path,
        is_fake=False,
        family="real",
        method="photograph",
        source=f"{STILLS}/{path.stem}",
        persons=(f"{STILLS}/{path.stem}",),
        split="train",
        dataset=STILLS,
    )
