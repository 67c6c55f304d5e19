"""Several data sets taken together: what is trained on, and what is tested on."""

from collections.abc import Sequence
from pathlib import Path

from dfd_train.datasets.catalogue import read
from dfd_train.datasets.clip import Clip, DatasetError, check_unique, problem, repeated

NamedSet = tuple[str, Path]
"""Name of a data set, or ``auto``, and its folder or list."""

_TEST = "test"


def read_sets(sets: Sequence[NamedSet]) -> tuple[list[Clip], list[Clip]]:
    """Read data sets, and part them by their own splits: what is ``test`` is tested on, all else is trained on.

    Args:
        sets: at least one.

    Returns:
        training clips, which may share sources and people with the others; and test clips, at least one.

    Raises:
        DatasetError: as `read`; a clip or a file is in the sets more than once; or no set has a test part.
    """
    clips = [clip for name, root in sets for clip in read(name, root)]
    check_unique(clips, "name every set once, and make one list of all clips of your own")
    files = (clip.frames[0] if clip.frames else clip.path for clip in clips)
    if twice := repeated(str(path.resolve()) for path in files):
        raise problem("files are in the sets more than once", twice, "name every set once")
    test = [clip for clip in clips if clip.split == _TEST]
    if not test:
        raise DatasetError(
            f"no set has a test part ({', '.join(name for name, _ in sets)}): add one that has, or a list (csv) whose "
            "column split says test"
        )
    return [clip for clip in clips if clip.split != _TEST], test
