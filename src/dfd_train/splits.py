"""Splits that keep every person and every source on one side."""

from collections import Counter
from collections.abc import Iterable, Sequence

from dfd_train.datasets import Clip, DatasetError


def groups(clips: Sequence[Clip]) -> list[int]:
    """Number the groups of clips that are linked by a shared source or person, directly or through others.

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
        for key in (("source", clip.source), ("person", clip.person)):
            other = first.setdefault(key, index)
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


def check_disjoint(train: Iterable[Clip], held_out: Iterable[Clip]) -> None:
    """Refuse a split that leaks.

    Raises:
        DatasetError: a source, a person or a file (by hash) is on both sides.
    """
    train, held_out = list(train), list(held_out)
    for what in ("source", "person", "sha256"):
        shared = {getattr(clip, what) for clip in train} & {getattr(clip, what) for clip in held_out}
        if shared:
            raise DatasetError(f"the split leaks: {what} {sorted(shared)[0]!r} is on both sides")


def without_leaks(train: Sequence[Clip], held_out: Sequence[Clip]) -> list[Clip]:
    """The training clips that share no source, person or file with the held-out ones."""
    sources = {clip.source for clip in held_out}
    persons = {clip.person for clip in held_out}
    hashes = {clip.sha256 for clip in held_out}
    return [c for c in train if c.source not in sources and c.person not in persons and c.sha256 not in hashes]
