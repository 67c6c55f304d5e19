"""The files of a batch, wherever they lie."""

import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from dfd.cli.inputs import MEDIA_SUFFIXES, expand
from dfd.errors import InputError, MediaNotFound
from dfd.ports import ObjectStorage, StoredObject
from dfd.settings import Settings

_BUCKET = "s3://"


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
            StorageUnavailable, StorageFull: it cannot be fetched.
        """
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
        yield BatchItem(entry.path, _stamp(entry.path), entry.error)


def _stamp(path: str) -> str:
    try:
        facts = os.stat(path)  # noqa: PTH116 - a path that cannot be one is told later, like a missing file
    except (OSError, ValueError):
        return ""
    return f"{facts.st_size}-{facts.st_mtime_ns}"


def _in_bucket(source: str, settings: Settings) -> Iterator[BatchItem]:
    from dfd.bootstrap.jobs import open_bucket  # noqa: PLC0415 - a batch of local files needs no database

    address = source.rstrip("/")
    folder, _, name = address.rpartition("/")
    single = _is_media(name) and len(folder) > len(_BUCKET)
    root = folder if single else address
    storage = open_bucket(settings, root)
    wanted = [entry for entry in storage.listed("") if (entry.key == name if single else _is_media(entry.key))]
    if not wanted:
        yield BatchItem(source, error=MediaNotFound(f"there is no media file at {source}"))
    for entry in sorted(wanted, key=_key):
        stamp = f"{entry.size_bytes}-{entry.modified_s:.3f}"
        yield BatchItem(f"{root}/{entry.key}", stamp, storage=storage, key=entry.key)


def _key(entry: StoredObject) -> str:
    return entry.key


def _is_media(key: str) -> bool:
    parts = PurePosixPath(key).parts
    return not any(part.startswith(".") for part in parts) and PurePosixPath(key).suffix.lower() in MEDIA_SUFFIXES
