"""No person, source or file may stand on both sides of a split."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dfd_train.datasets import Clip, DatasetError, read_face_clips, read_whole_clips
from dfd_train.splits import check_disjoint, folds, groups, without_leaks


def clip(number: int, source: str, person: str, family: str = "real") -> Clip:
    return Clip(
        str(number), Path(f"{number}.mp4"), family != "real", family, "m", source, person, "train", f"h{number}"
    )


clip_lists = st.lists(
    st.tuples(st.integers(0, 12), st.integers(0, 30), st.sampled_from(["real", "swap", "lipsync"])),
    min_size=1,
    max_size=60,
).map(lambda rows: [clip(i, f"s{source}", f"p{person}", family) for i, (source, person, family) in enumerate(rows)])


@given(clip_lists)
def test_linked_clips_share_a_group(clips: list[Clip]) -> None:
    numbers = groups(clips)
    for i, first in enumerate(clips):
        for j, second in enumerate(clips):
            if first.source == second.source or first.person == second.person:
                assert numbers[i] == numbers[j]


@given(clip_lists, st.integers(2, 4))
def test_folds_never_leak(clips: list[Clip], count: int) -> None:
    if len(set(groups(clips))) < count:
        with pytest.raises(DatasetError, match="cannot fill"):
            folds(clips, count)
        return
    fold_of = folds(clips, count)
    assert set(fold_of) == set(range(count))
    for fold in range(count):
        inside = [c for c, f in zip(clips, fold_of, strict=True) if f == fold]
        check_disjoint([c for c, f in zip(clips, fold_of, strict=True) if f != fold], inside)


def test_groups_link_through_others() -> None:
    assert groups([clip(0, "a", "x"), clip(1, "b", "x"), clip(2, "b", "y"), clip(3, "c", "z")]) == [0, 0, 0, 1]


def test_a_shared_person_is_refused() -> None:
    with pytest.raises(DatasetError, match="person 'x'"):
        check_disjoint([clip(0, "a", "x")], [clip(1, "b", "x")])


def test_without_leaks_drops_what_is_shared() -> None:
    held_out = [clip(9, "a", "x")]
    kept = without_leaks([clip(0, "a", "y"), clip(1, "b", "x"), clip(2, "b", "y")], held_out)
    assert [c.key for c in kept] == ["2"]
    check_disjoint(kept, held_out)


def test_the_lists_are_read(tmp_path: Path) -> None:
    folder = tmp_path / "clips"
    folder.mkdir()
    (folder / "faces.csv").write_text(
        "path,label,family,method,split,repo,person,sha256\nfaces/fake/f1.mp4,fake,swap,X,train,o/r,ann,00\n"
    )
    (folder / "manifest.csv").write_text(
        "path,label,split,method,source,sha256\nreal/r1.mp4,real,dev,phone clip,o__r/a/b.mp4,00\n"
        "fake/f2.mp4,fake,dev,Wav2Lip,p__q/c.mp4,01\n"
    )
    (face,) = read_face_clips(tmp_path)
    assert (face.is_fake, face.family, face.source, face.person) == (True, "swap", "o/r", "ann")
    real, fake = read_whole_clips(tmp_path)
    assert (real.is_fake, real.family, real.source) == (False, "real", "o/r")
    assert (fake.is_fake, fake.family) == (True, "lipsync")


def test_a_missing_list_names_the_fix(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="DFD_DATA_DIR"):
        read_face_clips(tmp_path)


def test_an_unknown_label_is_refused(tmp_path: Path) -> None:
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / "manifest.csv").write_text("path,label,split,method,source,sha256\na.mp4,FAKE,dev,x,y,z\n")
    with pytest.raises(DatasetError, match="'FAKE'"):
        read_whole_clips(tmp_path)
