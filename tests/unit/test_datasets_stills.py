"""UTKFace: pictures in an archive."""

import io
import tarfile
from pathlib import Path

import pytest

from dfd_train.datasets import DatasetError
from dfd_train.datasets.stills import ARCHIVE, read_stills


def archive(root: Path, members: dict[str, bytes]) -> Path:
    path = root / ARCHIVE
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return root


def test_every_picture_is_another_person(tmp_path: Path) -> None:
    root = archive(tmp_path, {"utkface/30_1_2_b.jpg": b"b", "utkface/21_0_0_a.jpg": b"a", "utkface/notes.txt": b"n"})
    clips = read_stills(root, tmp_path / "stills")
    assert [clip.path.name for clip in clips] == ["21_0_0_a.jpg", "30_1_2_b.jpg"]
    assert [clip.path.read_bytes() for clip in clips] == [b"a", b"b"]
    assert not any(clip.is_fake for clip in clips)
    assert len({clip.persons for clip in clips}) == len({clip.source for clip in clips}) == 2
    assert [clip.key for clip in read_stills(root, tmp_path / "stills")] == [clip.key for clip in clips]


def test_no_member_leaves_the_folder(tmp_path: Path) -> None:
    root = archive(tmp_path / "data", {"../../outside.jpg": b"x", "a/inside.jpg": b"y"})
    read_stills(root, tmp_path / "deep" / "stills")
    assert not (tmp_path / "outside.jpg").exists()
    assert sorted(path.name for path in (tmp_path / "deep" / "stills").iterdir()) == ["inside.jpg", "outside.jpg"]


def test_what_is_wrong_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="are not there: point DFD_DATA_DIR"):
        read_stills(tmp_path, tmp_path / "stills")
    archive(tmp_path, {"utkface/notes.txt": b""})
    with pytest.raises(DatasetError, match="holds no pictures"):
        read_stills(tmp_path, tmp_path / "stills")
    (tmp_path / ARCHIVE).write_bytes(b"half a file" * 100)
    with pytest.raises(DatasetError, match=r"(?s)cannot be read .*fetch it again"):
        read_stills(tmp_path, tmp_path / "stills")
