"""What is in a data set and how it can be split, in words for the command line."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from dfd_train.datasets import Clip, DatasetError
from dfd_train.splits import by_official_name, folds, groups, leak, official, without_leaks


def evenly(clips: Sequence[Clip], limit: int) -> list[Clip]:
    """About evenly spread clips, `limit` of them; all for 0 or where there are no more."""
    if not 0 < limit < len(clips):
        return list(clips)
    return [clips[number * len(clips) // limit] for number in range(limit)]


def class_counts(clips: Iterable[Clip]) -> str:
    """For example ``3 real, 5 fake``."""
    labels = Counter(clip.is_fake for clip in clips)
    return f"{labels[False]} real, {labels[True]} fake"


def faces_table(clips: Sequence[Clip], faces: Mapping[str, int]) -> str:
    """Clips, faces and clips without any face, by family.

    Args:
        clips: of one or several data sets.
        faces: number of faces cut, by key of the clip.
    """
    lines = [f"{'family':<12} {'clips':>7} {'faces':>8} {'no face':>8}"]
    by_family: dict[str, list[int]] = {"all": [faces[clip.key] for clip in clips]}
    for clip in clips:
        by_family.setdefault(clip.family, []).append(faces[clip.key])
    lines += [
        f"{family:<12} {len(counts):>7} {sum(counts):>8} {counts.count(0):>8}"
        for family, counts in sorted(by_family.items(), key=lambda item: (item[0] == "all", item[0]))
    ]
    return "\n".join(lines)


def splits_report(clips: Sequence[Clip], fold_count: int) -> str:
    """Methods, groups, folds and the set's own split, with what leaks."""
    return "\n\n".join((_methods(clips), _groups(clips), _folds(clips, fold_count), _official(clips)))


def _methods(clips: Sequence[Clip]) -> str:
    counts = Counter((clip.family, clip.method, clip.compression) for clip in clips)
    lines = [f"{len(clips)} clips: {class_counts(clips)}"]
    lines += [f"  {' '.join(filter(None, names)):<44} {count:>7}" for names, count in sorted(counts.items())]
    return "\n".join(lines)


def _groups(clips: Sequence[Clip]) -> str:
    sizes = Counter(groups(clips)).values()
    persons = len({person for clip in clips for person in clip.persons})
    sources = len({clip.source for clip in clips})
    return f"{len(sizes)} groups of {sources} sources and {persons} persons; the largest has {max(sizes)} clips"


def _folds(clips: Sequence[Clip], count: int) -> str:
    try:
        fold_of = folds(clips, count)
    except DatasetError as error:
        return f"folds: {error}"
    lines = []
    for fold in range(count):
        inside = [clip for clip, number in zip(clips, fold_of, strict=True) if number == fold]
        one_class = "" if len({clip.is_fake for clip in inside}) == 2 else "  (one class: of no use)"
        lines.append(f"fold {fold + 1}: {class_counts(inside)}{one_class}")
    return "\n".join(lines)


def _official(clips: Sequence[Clip]) -> str:
    try:
        split = by_official_name(clips)
    except DatasetError as error:
        return f"official split: {error}"
    parts = {"train": split.train, "val": split.val, "test": split.test}
    lines = [f"official {name}: {class_counts(part)}" for name, part in parts.items() if part]
    try:
        official(clips)
    except DatasetError as error:
        lines.append(f"leak check: {error}")
    else:
        lines.append("leak check: passed, no source, person or file is in two parts")
    if split.test and leak(split.train, split.test):
        kept = without_leaks(split.train, split.test)
        lines.append(f"train without what it shares with test: {class_counts(kept)}")
    return "\n".join(lines)
