"""`ObjectStorage` on obstore, which has the same functions for a folder and for S3.

Writes are atomic in both: a file is copied beside its place and renamed, an object on S3 appears when its last part is
there, and the parts of a write that failed are taken back. Only a few parts are ever held in memory.

Every call on S3 ends in bounded time: it consists of requests of at most `_PART_BYTES` or `_PIECE_BYTES`, and each of
them is given up, repetitions included, after about `Patience.request_s` + `Patience.repeat_s`. A reader may take any
time between two pieces. A folder takes as long as the system's calls do.
"""

import errno
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, S3Store

from dfd.errors import ConfigurationError, StorageFull, StorageUnavailable
from dfd.ports.storage import ObjectStorage, StoredObject

if TYPE_CHECKING:
    from obstore import Attributes  # exist for type checkers only
    from obstore.store import ClientConfig, RetryConfig, S3Config

_PART_BYTES: Final = 5 * 1024 * 1024  # the least that S3 takes
_PARTS_AT_ONCE: Final = 4
_PIECE_BYTES: Final = 4 * 1024 * 1024

_NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""The disk is full, a quota is used up, or the process may not write so much."""

_FULL: Final = (
    *(f"(os error {number})" for number in _NO_ROOM),
    *("StorageFull", "QuotaExceeded", "EntityTooLarge", "InsufficientStorage", "Insufficient Storage"),
)
"""What obstore's messages hold where there is no room, of a folder and of S3: it has no error of its own for that."""

_WHOLE_ANSWER: Final = "Received non-partial response"
"""What obstore says of a server that answers a request for some bytes without status 206."""

_SAVED_NOT_SHOWN: "Final[Attributes]" = {
    "Content-Type": "application/octet-stream",
    "Content-Disposition": "attachment",
}
"""Headers of objects on S3: a browser that is led there saves what a stranger has uploaded, and runs none of it."""

_LONGEST_PAUSE_S: Final = 2.0

_LINE_END: Final = "\n"  # behind the first line of its messages obstore shows its insides


@dataclass(frozen=True, slots=True)
class S3Access:
    """How to get at a bucket.

    Attributes:
        endpoint: address of the server; None is Amazon's.
        region: of the bucket; servers of other makers take any.
        access_key_id: public half of the key; None leaves both to the machine's own role.
        secret_access_key: secret half. Kept out of ``repr``.
    """

    endpoint: str | None = None
    region: str = "us-east-1"
    access_key_id: str | None = None
    secret_access_key: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a server is waited for, in seconds.

    Attributes:
        connect_s: until a connection is made.
        request_s: until one request is answered to its end.
        repeat_s: since its beginning a request that failed is repeated for so long, with growing pauses.
        repeats: and at most so often.
    """

    connect_s: float = 10.0
    request_s: float = 60.0
    repeat_s: float = 30.0
    repeats: int = 5


_PATIENCE: Final = Patience()


class ObstoreStorage(ObjectStorage):
    """Keeps files in a folder or in a bucket; `folder_storage` and `s3_storage` make one."""

    def __init__(self, store: LocalStore | S3Store, root: Path | None = None) -> None:
        """Use an obstore store.

        Args:
            store: where to keep files.
            root: the folder behind it, where there is one.
        """
        self._store = store
        self._root = root

    def put(self, key: str, source: Path | Iterable[bytes]) -> None:
        with _told_apart(f"{key} cannot be written"):
            obstore.put(
                self._store,
                key,
                source if isinstance(source, Path) else iter(source),
                attributes=None if self._root is not None else _SAVED_NOT_SHOWN,
                chunk_size=_PART_BYTES,
                max_concurrency=_PARTS_AT_ONCE,
            )

    def read(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        with _told_apart(f"{key} cannot be read"):
            found = obstore.head(self._store, key)
        last = found["size"] if end is None else min(end, found["size"])
        if start >= last:
            return iter(())
        if self._root is not None:
            return self._stream(key, start, last)
        return self._requested(key, start, last, found["e_tag"])

    def _stream(self, key: str, start: int, end: int) -> Iterator[bytes]:
        """Some bytes in one go: what is opened can be read to its end, even if it is deleted meanwhile."""
        with _told_apart(f"{key} cannot be read"):
            yield from map(bytes, obstore.get(self._store, key, options={"range": (start, end)}).stream(_PIECE_BYTES))

    def _requested(self, key: str, start: int, end: int, e_tag: str | None) -> Iterator[bytes]:
        """Some bytes with a request for each piece: none lasts longer because the reader is slow."""
        with _told_apart(f"{key} cannot be read"):
            while start < end:
                try:
                    piece = obstore.get(self._store, key, options={"range": (start, min(start + _PIECE_BYTES, end))})
                except BaseError as error:
                    if _WHOLE_ANSWER not in str(error):
                        raise
                    yield from self._skipped(key, start, end)
                    return
                content = bytes(piece.bytes())
                if piece.meta["e_tag"] != e_tag or not content:
                    raise StorageUnavailable(f"{key} was replaced while it was read")
                start += len(content)
                yield content

    def _skipped(self, key: str, start: int, end: int) -> Iterator[bytes]:
        """Some bytes from a server that answers with whole objects only."""
        at = 0
        for piece in obstore.get(self._store, key).stream(_PIECE_BYTES):
            wanted = bytes(piece)[max(0, start - at) : max(0, end - at)]
            at += len(piece)
            if wanted:
                yield wanted
            if at >= end:
                return

    @contextmanager
    def local_file(self, key: str) -> Iterator[Path]:
        if self._root is not None:
            path = self._root / key
            if not path.is_file():
                raise StorageUnavailable(f"there is no object {key}")
            yield path
            return
        folder = Path(tempfile.mkdtemp(prefix="dfd-"))
        try:
            yield self._copy(key, folder / "object")
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _copy(self, key: str, path: Path) -> Path:
        with _told_apart(f"{key} cannot be copied"), path.open("wb") as file:
            file.writelines(self.read(key))
        return path

    def delete(self, key: str) -> None:
        with _told_apart(f"{key} cannot be deleted", missing_is_fine=True):
            obstore.delete(self._store, key)

    def listed(self, prefix: str) -> Iterator[StoredObject]:
        with _told_apart(f"{prefix} cannot be listed"):
            for page in obstore.list(self._store, prefix.rstrip("/")):
                for entry in page:
                    yield StoredObject(entry["path"], entry["size"], entry["last_modified"].timestamp())

    def download_url(self, key: str, valid_s: float) -> str | None:
        if isinstance(self._store, LocalStore):
            return None
        with _told_apart(f"{key} cannot be signed"):
            return obstore.sign(self._store, "GET", key, timedelta(seconds=valid_s))


def folder_storage(folder: Path) -> ObstoreStorage:
    """A storage in a folder, which is made if need be, and readable for this user only.

    Raises:
        ConfigurationError: the folder cannot be made.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return ObstoreStorage(LocalStore(folder.resolve()), folder.resolve())
    except (OSError, BaseError) as error:
        raise ConfigurationError(f"files cannot be kept in {folder}: {error}") from error


def s3_storage(url: str, access: S3Access, patience: Patience = _PATIENCE) -> ObstoreStorage:
    """A storage in a bucket.

    Args:
        url: ``s3://BUCKET`` or ``s3://BUCKET/PREFIX``.
        access: how to get at it.
        patience: with the server.

    Raises:
        ConfigurationError: the address is none.
    """
    parts = urlsplit(url)
    if parts.scheme != "s3" or not parts.hostname:
        raise ConfigurationError("STORAGE_URL must be s3://BUCKET/PREFIX, or the path of a folder")
    config: S3Config = {"region": access.region}
    if access.endpoint is not None:
        config["endpoint"] = access.endpoint
    if access.access_key_id is not None and access.secret_access_key is not None:
        config["access_key_id"] = access.access_key_id
        config["secret_access_key"] = access.secret_access_key
    is_plain = access.endpoint is not None and access.endpoint.startswith("http://")
    client: ClientConfig = {
        "allow_http": is_plain,
        "connect_timeout": timedelta(seconds=patience.connect_s),
        "timeout": timedelta(seconds=patience.request_s),
    }
    repeating: RetryConfig = {
        "max_retries": patience.repeats,
        "retry_timeout": timedelta(seconds=patience.repeat_s),
        "backoff": {"max_backoff": timedelta(seconds=_LONGEST_PAUSE_S)},
    }
    try:
        store = S3Store(
            parts.netloc,
            prefix=parts.path.strip("/") or None,
            config=config,
            client_options=client,
            retry_config=repeating,
        )
    except (BaseError, ValueError) as error:
        raise ConfigurationError("the settings of the S3 storage do not hold") from error
    return ObstoreStorage(store)


@contextmanager
def _told_apart(what: str, *, missing_is_fine: bool = False) -> Iterator[None]:
    """A storage that is away, or full, is no bug of ours."""
    try:
        yield
    except FileNotFoundError as error:
        if not missing_is_fine:
            raise StorageUnavailable(f"{what}: {str(error).partition(_LINE_END)[0]}") from error
    except (BaseError, OSError) as error:
        reason = str(error).partition(_LINE_END)[0]
        if any(sign in str(error) for sign in _FULL) or getattr(error, "errno", None) in _NO_ROOM:
            raise StorageFull(f"{what}: {reason}") from error
        raise StorageUnavailable(f"{what}: {reason}") from error
