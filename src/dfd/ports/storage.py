"""The protocol of what keeps files."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class StoredObject:
    """What a storage says of an object: its key, its size, and when it was written, in seconds since the epoch."""

    key: str
    size_bytes: int
    modified_s: float


class ObjectStorage(ABC):
    """Keeps files by key: names with slashes, of letters, digits, ``-``, ``_`` and ``.``. Safe to call from threads.

    Every method raises `StorageUnavailable` when the storage does not answer.
    """

    @abstractmethod
    def put(self, key: str, source: Path | Iterable[bytes]) -> None:
        """Write an object as a whole or not at all; one that is there is replaced.

        Args:
            key: its name.
            source: a file, or its bytes in pieces, of which only a few are held in memory. What the iterable raises
                comes out unchanged.

        Raises:
            StorageFull: there is no room for it.
        """

    @abstractmethod
    def read(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """An object's bytes in pieces, of which few are held in memory. The reader may take any time between them.

        Args:
            key: its name.
            start: first byte, from 0; from the end of the object on there are none.
            end: the byte behind the last; None, or more than there are, is the end of the object.

        Raises:
            StorageUnavailable: also when there is no such object; before the first piece.
        """

    @abstractmethod
    def local_file(self, key: str) -> AbstractContextManager[Path]:
        """A file of this machine with the object's bytes, to be read only, for as long as the block lasts.

        Raises:
            StorageUnavailable: also when there is no such object.
            StorageFull: there is no room for a copy.
        """

    @abstractmethod
    def delete(self, key: str) -> None:
        """Remove an object; one that is not there is no error."""

    @abstractmethod
    def listed(self, prefix: str) -> Iterator[StoredObject]:
        """Every object whose key begins with a prefix that ends in a slash."""

    @abstractmethod
    def download_url(self, key: str, valid_s: float) -> str | None:
        """An address from which anyone may load the object for a while; None where this storage has no addresses."""
