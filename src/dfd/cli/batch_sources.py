"""The files of a batch, wherever they lie."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from fnmatch import fnmatchcase
from glob import has_magic
from pathlib import Path, PurePosixPath

from dfd.cli.inputs import MEDIA_SUFFIXES, expand
from dfd.errors import InputError, MediaNotFound
from dfd.evaluation.samples import file_stamp
from dfd.ports.storage import ObjectStorage, StoredObject
from dfd.settings import Settings

_BUCKET = "s3://"

Parts = Sequence[str]
"""Names with slashes between."""


@dataclass(frozen=True, slots=True)
class BatchItem:
    """One file.

    Attributes:
        path: its path or address, which names it in the table.
        stamp: changes when the file does; empty where that cannot be told.
        error: set when there is no such file.
        storage: where it lies, None for a file of this machine.
        key: in that storage.
    """

    path: str
    stamp: str = ""
    error: InputError | None = None
    storage: ObjectStorage | None = None
    key: str = ""

    def opened(self) -> AbstractContextManager[Path]:
        """A file of this machine with its bytes, for as long as the block lasts.

        Raises:
            InputError: there is no such file.
            StorageUnavailable, StorageFull: it cannot be fetched.
        """
        if self.error is not None:
            raise self.error
        return nullcontext(Path(self.path)) if self.storage is None else self.storage.local_file(self.key)


def items_of(sources: Sequence[str], settings: Settings) -> list[BatchItem]:
    """Every file once, in the order of the sources.

    Raises:
        ConfigurationError: an address is none.
        StorageUnavailable: a bucket cannot be listed.
    """
    found: dict[str, BatchItem] = {}
    for source in sources:
        for item in _in_bucket(source, settings) if source.startswith(_BUCKET) else _here(source):
            found.setdefault(item.path, item)
    return list(found.values())


def _here(source: str) -> Iterator[BatchItem]:
    for entry in expand([source]):
        yield BatchItem(entry.path, file_stamp(Path(entry.path)), entry.error)


def _in_bucket(source: str, settings: Settings) -> Iterator[BatchItem]:
    """As on disk: an object that is named, what a pattern matches, or every media file below a prefix."""
    from dfd.bootstrap.jobs import open_bucket  # noqa: PLC0415 - a batch of local files needs no database

    root, wanted = _divided(source.rstrip("/"))
    storage = open_bucket(settings, root)
    keys = sorted(storage.listed(""), key=_key)
    found = [entry for entry in keys if entry.key == "/".join(wanted)]  # a name may look like a pattern
    found = found or [entry for entry in keys if _is_wanted(PurePosixPath(entry.key).parts, wanted)]
    if not found:
        nothing = "nothing matches" if any(map(has_magic, wanted)) else "there is no media file at"
        yield BatchItem(source, error=MediaNotFound(f"{nothing} {source}"))
    for entry in found:
        stamp = f"{entry.size_bytes}-{entry.modified_s:.3f}"
        yield BatchItem(f"{root}/{entry.key}", stamp, storage=storage, key=entry.key)


def _divided(address: str) -> tuple[str, Parts]:
    """The folder to be listed, and what is wanted of it: nothing in particular, one object, or a pattern."""
    bucket, *parts = address.removeprefix(_BUCKET).split("/")
    first = next((index for index, part in enumerate(parts) if has_magic(part)), len(parts))
    if first == len(parts) and parts and _is_media(parts[-1:]):
        first -= 1
    return _BUCKET + "/".join([bucket, *parts[:first]]), parts[first:]


def _is_wanted(key: Parts, pattern: Parts) -> bool:
    """Whether a key matches, or lies in a folder that matches and is a media file."""
    if not pattern:
        return _is_media(key)
    if _matches(key, pattern):
        return True
    in_folder = "**" not in pattern and len(key) > len(pattern)  # with ** the folder's own files match already
    return in_folder and _matches(key[: len(pattern)], pattern) and _is_media(key[len(pattern) :])


def _matches(key: Parts, pattern: Parts) -> bool:
    """Whether all of a key matches all of a pattern, by the rules of `glob`."""
    if not pattern:
        return not key
    if pattern[0] == "**":
        visible = next((index for index, part in enumerate(key) if part.startswith(".")), len(key))
        return any(_matches(key[skipped:], pattern[1:]) for skipped in range(visible + 1))
    if not key or (key[0].startswith(".") and not pattern[0].startswith(".")):
        return False
    return fnmatchcase(key[0], pattern[0]) and _matches(key[1:], pattern[1:])


def _key(entry: StoredObject) -> str:
    return entry.key


def _is_media(key: Parts) -> bool:
    hidden = any(part.startswith(".") for part in key)
    return bool(key) and not hidden and PurePosixPath(key[-1]).suffix.lower() in MEDIA_SUFFIXES
