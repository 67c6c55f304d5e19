"""The crop store: when faces are cut again, and when not."""

import hashlib
import os
from dataclasses import replace
from pathlib import Path

import pytest
from tests.fakes import FakeDetector, FakeVideoOpener

from dfd_train.datasets import Clip, DatasetError
from dfd_train.recipe import CONTRACT_V1
from dfd_train.store import CropStore, StoreSettings


@pytest.fixture
def store(tmp_path: Path) -> CropStore:
    return CropStore(tmp_path / "crops", StoreSettings(CONTRACT_V1))


def clip_of(folder: Path, **changes: object) -> Clip:
    """A clip of the same name, whatever the folder."""
    folder.mkdir(exist_ok=True)
    (folder / "a.mp4").write_bytes(folder.name.encode())
    values: dict[str, object] = {
        "key": "folders-real-a",
        "path": folder / "a.mp4",
        "is_fake": False,
        "family": "real",
        "method": "real",
        "source": "folders/a",
        "persons": (),
        "split": "",
        "dataset": "folders",
    }
    return Clip(**(values | changes))  # type: ignore[arg-type]


def hashed(clip: Clip) -> Clip:
    """With the hash of its file."""
    return replace(clip, sha256=hashlib.sha256(clip.path.read_bytes()).hexdigest())


def cut(store: CropStore, clip: Clip) -> int:
    """How many videos were opened for it."""
    opener = FakeVideoOpener()
    store.build([clip], opener, FakeDetector(lambda _image: []), progress=False)
    assert store.read(clip).count == 0
    return len(opener.opened)


def test_another_set_with_the_same_names_is_cut_again(store: CropStore, tmp_path: Path) -> None:
    one, other = clip_of(tmp_path / "one"), clip_of(tmp_path / "other")
    assert [cut(store, clip) for clip in (one, one, other, other, one)] == [1, 0, 1, 0, 1]


def test_where_the_hash_is_known_it_counts_alone(store: CropStore, tmp_path: Path) -> None:
    clip = hashed(clip_of(tmp_path / "one"))
    assert cut(store, clip) == 1
    os.utime(clip.path, (1, 1))
    assert cut(store, clip) == 0
    clip.path.write_bytes(b"another")
    assert cut(store, clip) == 0
    assert cut(store, hashed(clip)) == 1


def test_another_file_than_the_listed_one_is_refused(store: CropStore, tmp_path: Path) -> None:
    clip = hashed(clip_of(tmp_path / "one"))
    clip.path.write_bytes(b"another")
    with pytest.raises(DatasetError, match=r"a\.mp4: its sha256 is .* as listed: fetch it again, or mend the list"):
        cut(store, clip)
    assert cut(store, replace(clip, frames=(clip.path,))) == 1  # no hash of a list of pictures is known


def test_a_video_that_breaks_off_is_refused(store: CropStore, tmp_path: Path) -> None:
    clip, broken = clip_of(tmp_path / "one"), FakeVideoOpener(break_after=2)
    with pytest.raises(DatasetError, match=r"a\.mp4: the video breaks off: fetch it again, or take it out"):
        store.build([clip], broken, FakeDetector(lambda _image: []), progress=False)
    assert cut(store, clip) == 1  # nothing was kept of it


@pytest.mark.parametrize("changed", [0, 2])
def test_of_many_pictures_the_first_and_the_last_count(store: CropStore, tmp_path: Path, changed: int) -> None:
    clip = clip_of(tmp_path / "one")
    frames = tuple(tmp_path / "one" / f"{number}.png" for number in range(3))
    for frame in frames:
        frame.touch()
    clip = replace(clip, path=tmp_path / "one", frames=frames, dataset="uadfv")
    assert [cut(store, clip), cut(store, clip)] == [1, 0]
    frames[changed].write_bytes(b"another")
    assert [cut(store, clip), cut(store, clip)] == [1, 0]
