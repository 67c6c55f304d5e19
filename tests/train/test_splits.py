"""No person, source or file may stand on both sides of a split."""

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import dataset_layouts as layouts

from dfd_train.data_report import evenly, splits_report
from dfd_train.datasets import Clip, DatasetError, read
from dfd_train.splits import check_disjoint, folds, groups, leak, official, without_leaks


def clip(
    number: int, source: str, persons: str = "", *, family: str = "real", split: str = "train", sha256: str = ""
) -> Clip:
    """A clip; each letter of `persons` is one."""
    return Clip(
        key=str(number),
        path=Path(f"{number}.mp4"),
        is_fake=family != "real",
        family=family,
        method="m",
        source=source,
        persons=tuple(persons),
        split=split,
        dataset="made",
        sha256=sha256,
    )


clip_lists = st.lists(
    st.tuples(
        st.integers(0, 12),
        st.text("abcdefghijklmnopqrstuvwxyz", max_size=2),
        st.sampled_from(["real", "swap", "lipsync"]),
        st.sampled_from(["train", "val", "dev", "test"]),
        st.sampled_from(["", "", "", "h1", "h2"]),
    ),
    min_size=1,
    max_size=60,
).map(
    lambda rows: [
        clip(number, f"s{source}", persons, family=family, split=split, sha256=sha256)
        for number, (source, persons, family, split, sha256) in enumerate(rows)
    ]
)


def share(one: Clip, other: Clip) -> bool:
    same_file = bool(one.sha256) and one.sha256 == other.sha256
    return one.source == other.source or bool({*one.persons} & {*other.persons}) or same_file


@given(clip_lists)
def test_linked_clips_share_a_group(clips: list[Clip]) -> None:
    numbers = groups(clips)
    for i, first in enumerate(clips):
        for j, second in enumerate(clips):
            if share(first, second):
                assert numbers[i] == numbers[j]
    assert list(dict.fromkeys(numbers)) == list(range(max(numbers) + 1))


@given(clip_lists)
def test_a_group_holds_nothing_that_is_not_linked(clips: list[Clip]) -> None:
    """Every clip but the first of a group shares something with another of the group."""
    numbers = groups(clips)
    for i, one in enumerate(clips):
        if numbers.count(numbers[i]) > 1:
            assert any(share(one, other) for j, other in enumerate(clips) if j != i and numbers[j] == numbers[i])


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
        outside = [c for c, f in zip(clips, fold_of, strict=True) if f != fold]
        assert not any(share(one, other) for one in inside for other in outside)
        check_disjoint(outside, inside)


@given(clip_lists)
def test_the_official_split_is_given_whole_or_refused(clips: list[Clip]) -> None:
    names = {"train": "train", "val": "val", "dev": "val", "test": "test"}
    leaks = any(names[one.split] != names[other.split] and share(one, other) for one in clips for other in clips)
    if leaks:
        with pytest.raises(DatasetError, match=r"own split leaks: (source|person|sha256) '\w+' is in (train|val) and"):
            official(clips)
        return
    split = official(clips)
    for name, part in (("train", split.train), ("val", split.val), ("test", split.test)):
        assert part == tuple(c for c in clips if names[c.split] == name)


@given(clip_lists, clip_lists)
def test_what_is_left_after_dropping_leaks_is_disjoint(train: list[Clip], held_out: list[Clip]) -> None:
    kept = without_leaks(train, held_out)
    check_disjoint(kept, held_out)
    dropped = [c for c in train if c not in kept]
    assert all(any(share(one, other) for other in held_out) for one in dropped)


def test_groups_link_through_others() -> None:
    clips = [clip(0, "a", "x"), clip(1, "b", "x"), clip(2, "b", "y"), clip(3, "c", "z"), clip(4, "d")]
    assert groups(clips) == [0, 0, 0, 1, 2]


def test_a_swap_links_both_its_persons() -> None:
    assert groups([clip(0, "a", "x"), clip(1, "b", "y"), clip(2, "c", "xy", family="swap")]) == [0, 0, 0]


def test_clips_of_unknown_people_are_not_linked_by_it() -> None:
    assert groups([clip(0, "a"), clip(1, "b")]) == [0, 1]
    assert leak([clip(0, "a")], [clip(1, "b")]) is None


@pytest.mark.parametrize(
    ("other", "what"),
    [
        (clip(1, "b", "zx"), "person 'x'"),
        (clip(1, "a", "zx"), "source 'a'"),
        (clip(1, "b", "z", sha256="h"), "sha256 'h'"),
    ],
)
def test_what_is_shared_is_named(other: Clip, what: str) -> None:
    with pytest.raises(DatasetError, match=f"the split leaks: {what} is on both sides"):
        check_disjoint([clip(0, "a", "x", sha256="h")], [other])


def test_without_leaks_drops_what_is_shared() -> None:
    held_out = [clip(9, "a", "xw", family="swap")]
    kept = without_leaks([clip(0, "a", "y"), clip(1, "b", "x"), clip(2, "b", "y"), clip(3, "c", "vw")], held_out)
    assert [c.key for c in kept] == ["2"]
    check_disjoint(kept, held_out)


def test_a_set_without_a_split_has_no_official_one() -> None:
    with pytest.raises(DatasetError, match=r"no split of its own for some clips \(split ''\): use folds"):
        official([clip(0, "a"), clip(1, "b", split="")])


@given(st.integers(0, 50), st.integers(0, 60))
def test_a_limit_takes_clips_from_everywhere(count: int, limit: int) -> None:
    clips = [clip(number, "s") for number in range(count)]
    chosen = [int(c.key) for c in evenly(clips, limit)]
    assert len(chosen) == (min(limit, count) if limit else count)
    assert chosen == sorted(set(chosen))
    gaps = [later - earlier for earlier, later in pairwise(chosen)]
    assert not gaps or max(gaps) - min(gaps) <= 1


def test_the_report_tells_groups_folds_and_a_clean_split(tmp_path: Path) -> None:
    report = splits_report(read("faceforensics", layouts.make_faceforensics(tmp_path)), 3)
    assert "36 clips: 6 real, 30 fake" in report
    assert "3 groups of 6 sources and 6 persons; the largest has 12 clips" in report
    assert "fold 3: 2 real, 10 fake" in report
    assert "official val: 2 real, 10 fake" in report
    assert "leak check: passed" in report


def test_the_report_tells_what_leaks_and_what_is_left(tmp_path: Path) -> None:
    tested = (*layouts.CELEB_TESTED, "1 Celeb-real/id1_0000.mp4")
    report = splits_report(read("celeb_df_v2", layouts.make_celeb_df(tmp_path, tested)), 4)
    assert "fold 1: 3 real, 2 fake\n" in report
    assert "fold 4: 1 real, 0 fake  (one class: of no use)" in report
    assert "leak check: the set's own split leaks: person 'celeb-df/id1' is in train and in test" in report
    assert "train without what it shares with test: 3 real, 0 fake" in report


def test_the_report_goes_on_where_there_is_nothing_to_tell(tmp_path: Path) -> None:
    report = splits_report(read("dfdc_preview", layouts.make_dfdc_preview(tmp_path)), 4)
    assert "folds: 2 independent groups cannot fill 4 folds" in report
    folders = splits_report(read("folders", layouts.make_folders(tmp_path / "plain")), 2)
    assert "official split: the set has no split of its own" in folders
