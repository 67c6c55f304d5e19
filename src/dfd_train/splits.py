"""Splits that keep every person, every source and every file on one side."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from dfd_train.datasets import Clip, DatasetError

_OFFICIAL_NAMES = {"train": "train", "val": "val", "dev": "val", "test": "test"}


@dataclass(frozen=True, slots=True)
class OfficialSplit:
    """A data set's own split; a part may be empty."""

    train: tuple[Clip, ...]
    val: tuple[Clip, ...]
    test: tuple[Clip, ...]


def _links(clip: Clip) -> Iterator[tuple[str, str]]:
    """What binds a clip to others: its source, everybody in it, and the file itself where its hash is known."""
    yield "source", clip.source
    for person in clip.persons:
        yield "person", person
    if clip.sha256:
        yield "sha256", clip.sha256


def groups(clips: Sequence[Clip]) -> list[int]:
    """Number the groups of clips that are linked by a source, a person or a file, directly or through others.

    A swap has two persons, so it links the clips of both.

    Returns:
        the group of each clip; groups are numbered by their first clip.
    """
    parent = list(range(len(clips)))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    first: dict[tuple[str, str], int] = {}
    for index, clip in enumerate(clips):
        for link in _links(clip):
            other = first.setdefault(link, index)
            low, high = sorted((root(index), root(other)))
            parent[high] = low
    numbers: dict[int, int] = {}
    return [numbers.setdefault(root(index), len(numbers)) for index in range(len(clips))]


def folds(clips: Sequence[Clip], count: int) -> list[int]:
    """Deal whole groups into folds of similar size and family mix.

    Largest group first, each to the fold where it leaves the families most evenly spread (ties: the smaller fold,
    then the lower number), so the result depends on the clips alone and no fold stays empty.

    Returns:
        the fold of each clip, 0 to ``count - 1``.

    Raises:
        DatasetError: there are fewer groups than folds.
    """
    numbers = groups(clips)
    members: dict[int, list[int]] = {}
    for index, number in enumerate(numbers):
        members.setdefault(number, []).append(index)
    if len(members) < count:
        raise DatasetError(f"{len(members)} independent groups cannot fill {count} folds")
    totals = Counter(clip.family for clip in clips)
    held: list[Counter[str]] = [Counter() for _ in range(count)]
    fold_of = [0] * len(clips)
    for group in sorted(members.values(), key=lambda indices: (-len(indices), indices[0])):
        mix = Counter(clips[index].family for index in group)

        def cost(fold: int, mix: Counter[str] = mix) -> tuple[float, int, int]:
            """Growth of the squared family shares; then size, so that an empty fold is filled first."""
            shares = ((held[fold][name] / totals[name], n / totals[name]) for name, n in mix.items())
            return sum((old + new) ** 2 - old**2 for old, new in shares), held[fold].total(), fold

        best = min(range(count), key=cost)
        held[best].update(mix)
        for index in group:
            fold_of[index] = best
    return fold_of


def leak(train: Iterable[Clip], held_out: Iterable[Clip]) -> str | None:
    """The first thing that is on both sides, in words (``person 'celeb-df/id3'``); None where there is none.

    Sources are named before persons, persons before files (by hash).
    """
    shared = {link for clip in train for link in _links(clip)} & {link for clip in held_out for link in _links(clip)}
    if not shared:
        return None
    kinds = ("source", "person", "sha256")
    what, value = min(shared, key=lambda link: (kinds.index(link[0]), link[1]))
    return f"{what} {value!r}"


def check_disjoint(train: Iterable[Clip], held_out: Iterable[Clip]) -> None:
    """Refuse a split that leaks.

    Raises:
        DatasetError: a source, a person or a file (by hash) is on both sides.
    """
    if found := leak(train, held_out):
        raise DatasetError(f"the split leaks: {found} is on both sides")


def without_leaks(train: Sequence[Clip], held_out: Sequence[Clip]) -> list[Clip]:
    """The training clips that share no source, person or file with the held-out ones."""
    kept_out = {link for clip in held_out for link in _links(clip)}
    return [clip for clip in train if kept_out.isdisjoint(_links(clip))]


def by_official_name(clips: Sequence[Clip]) -> OfficialSplit:
    """Sort clips into the data set's own split (``dev`` is ``val``), leaks and all.

    Raises:
        DatasetError: a clip has no split, or one of another name.
    """
    other = sorted({clip.split for clip in clips} - _OFFICIAL_NAMES.keys())
    if other:
        raise DatasetError(f"the set has no split of its own for some clips (split {other[0]!r}): use folds instead")
    train, val, test = (
        tuple(clip for clip in clips if _OFFICIAL_NAMES[clip.split] == name) for name in ("train", "val", "test")
    )
    return OfficialSplit(train, val, test)


def official(clips: Sequence[Clip]) -> OfficialSplit:
    """The data set's own split, checked.

    Raises:
        DatasetError: a clip has no split; or two parts share a source, a person or a file, which is named. Celeb-DF
            shares persons: keep its test part and take `without_leaks` of the rest.
    """
    split = by_official_name(clips)
    parts = (("train", split.train), ("val", split.val), ("test", split.test))
    for number, (name, part) in enumerate(parts):
        for other_name, other in parts[number + 1 :]:
            if found := leak(part, other):
                raise DatasetError(
                    f"the set's own split leaks: {found} is in {name} and in {other_name}; keep one part and drop from "
                    "the other what it shares, or use folds"
                )
    return split
