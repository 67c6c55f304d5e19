"""The value that every reader gives: one labelled clip."""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from dfd.errors import InputError

FAMILIES = ("real", "swap", "reenactment", "lipsync", "synthesis", "unknown")
"""Families of clips; the last is a forgery whose method is not known."""

_READABLE_KEY_LENGTH = 120
_EXAMPLES = 3


class DatasetError(InputError):
    """A data set is missing, incomplete, contradicts itself or is not laid out as its reader expects."""

    code = "dataset"


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """One labelled video, or one list of frame pictures.

    Names of sources and persons start with the name of what they belong to (``ff++/071``), so that data sets which
    share material (DeeperForensics is made of FaceForensics++ videos) are linked by it.

    Attributes:
        key: unique name, also the file name in the crop store (see `make_key`).
        path: the video; for a list of pictures the folder they lie in.
        is_fake: label; 1 = fake.
        family: one of `FAMILIES`; ``real`` exactly where `is_fake` is false.
        method: name of the forgery method, or a description of the real clip.
        source: the finest unit whose clips share scene and codec history; each reader says what that is.
        persons: everybody whose face, or whose movements, went into the clip; empty where the set does not tell.
        split: the data set's own split (``train``, ``val``, ``test``); empty where it has none.
        dataset: name of the data set.
        compression: level of the set's own compression (``raw``, ``c23``, ...); empty where there is but one.
        frames: the pictures in order; empty for a video.
        sha256: hash of the file; empty where the set does not tell.
    """

    key: str
    path: Path
    is_fake: bool
    family: str
    method: str
    source: str
    persons: tuple[str, ...]
    split: str
    dataset: str
    compression: str = ""
    frames: tuple[Path, ...] = ()
    sha256: str = ""

    def __post_init__(self) -> None:
        if self.family not in FAMILIES:
            raise DatasetError(f"{self.path}: family {self.family!r} is none of {', '.join(FAMILIES)}")
        if self.is_fake != (self.family != "real"):
            raise DatasetError(f"{self.path}: labelled {label_name(self.is_fake)}, but its family is {self.family!r}")
        if not self.key or re.search(r"[/\\\0]", self.key):
            raise DatasetError(f"{self.path}: {self.key!r} cannot be the name of a file")


def label_name(is_fake: bool) -> str:
    """``fake`` or ``real``."""
    return "fake" if is_fake else "real"


def make_key(dataset: str, *, is_fake: bool, compression: str, video: str) -> str:
    """A file name for a clip that no other clip has.

    Args:
        dataset: name of the data set.
        is_fake: label; 1 = fake.
        compression: level, may be empty.
        video: name inside the set, unique over one data set, label and level; may be a path.

    Returns:
        letters, digits, ``.``, ``_`` and ``-`` only. Ends in 8 digits of a hash of the exact names, so that names which
        read alike (``a/b`` and ``a_b``, or in another case) stay apart.
    """
    parts = [dataset, label_name(is_fake), compression, video]
    digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:8]
    readable = "-".join(re.sub(r"[^A-Za-z0-9._]+", "_", part) for part in parts if part)
    return f"{readable[:_READABLE_KEY_LENGTH]}-{digest}"


def digest_of(clips: Iterable[Clip]) -> str:
    """The first sixteen digits of `sha256_of`."""
    return sha256_of(clips)[:16]


def sha256_of(clips: Iterable[Clip]) -> str:
    """Hexadecimal digits that tell what is learned from one set of clips from what is learned from another.

    Neither their order counts nor the folder they lie in.
    """
    facts = sorted(
        [clip.key, clip.is_fake, clip.family, clip.source, sorted(clip.persons), clip.sha256] for clip in clips
    )
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def problem(what: str, examples: Sequence[object], fix: str) -> DatasetError:
    """An error that counts what is wrong, shows the first three, and says what to do.

    Args:
        what: plural, for example ``listed files are missing``.
        examples: all of them.
        fix: what the user should do.
    """
    shown = ", ".join(str(example) for example in examples[:_EXAMPLES])
    return DatasetError(f"{len(examples)} {what}, for example {shown}: {fix}")


def repeated(names: Iterable[str]) -> list[str]:
    """The names that are there more than once."""
    return [name for name, count in Counter(names).items() if count > 1]


def check_present(clips: Iterable[Clip], fix: str = "fetch the data set again") -> None:
    """Make sure that every clip's file, or each of its pictures, is there.

    Raises:
        DatasetError: naming the first missing files and how many there are.
    """
    missing = [path for clip in clips for path in clip.frames or (clip.path,) if not path.is_file()]
    if missing:
        raise problem("listed files are missing", missing, fix)


def check_unique(clips: Iterable[Clip], fix: str = "remove the duplicates, or rename files of one name") -> None:
    """Make sure that no clip is listed twice.

    Raises:
        DatasetError: two clips share a key.
    """
    if twice := repeated(clip.key for clip in clips):
        raise problem("clips are listed more than once", twice, fix)


def require_both_classes(clips: Iterable[Clip], purpose: str) -> None:
    """Refuse clips of which nothing can be learned or measured.

    Args:
        clips: of which there must be real and fake ones.
        purpose: what they are for, used in the message.

    Raises:
        DatasetError: one class is missing, or both.
    """
    labels = {clip.is_fake for clip in clips}
    absent = [label_name(is_fake) for is_fake in (False, True) if is_fake not in labels]
    if absent:
        raise DatasetError(
            f"no {' and no '.join(absent)} clips for {purpose}: add a data set that has them, or take fewer folds"
        )
