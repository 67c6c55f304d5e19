"""Making a backup, and restoring one.

Rows come first and are of one moment; then the files that they name are copied. A service may go on working: what it
accepts after that moment is in the next backup. A job that was running then is one whose worker is gone, once it is
restored, and is begun again.
"""

import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Final

from dfd.backup.archive import Archive, Contents, KeptObject, sha256_of
from dfd.errors import ConfigurationError, RestoreRefused, StorageUnavailable
from dfd.ports.backup import Row, Snapshot, TableCopier
from dfd.ports.storage import ObjectStorage

PREFIXES: Final = ("uploads/",)
"""Where objects of the service lie; a bucket may hold those of others too."""

_NAMED_BY: Final = {"jobs": ("input_key", "input_sha256")}
"""Columns that name an object and its hash, by table."""


class Backups:
    """Copies a database and a storage into a folder and back."""

    def __init__(
        self, tables: TableCopier, storage: ObjectStorage, clock: Callable[[], float], dfd_version: str
    ) -> None:
        """Work with these; `clock` gives seconds since the epoch."""
        self._tables = tables
        self._storage = storage
        self._clock = clock
        self._version = dfd_version

    def create(self, folder: Path) -> Contents:
        """Write a backup, as a whole or not at all.

        Args:
            folder: must not be there; what is written bears the suffix ``.part`` until all of it is there.

        Raises:
            RestoreRefused: it is there.
            JobStoreUnavailable, StorageUnavailable: no backup was made.
            ConfigurationError: the database has no tables, or the folder cannot be written.
        """
        part = folder.with_name(folder.name + ".part")
        if folder.exists() or part.exists():
            raise RestoreRefused(f"{folder if folder.exists() else part} is there already")
        try:
            part.mkdir(mode=0o700, parents=True)
            archive = Archive(part)
            started_s = self._clock()
            named: dict[str, str] = {}
            with self._tables.snapshot(part) as snapshot:
                revision = snapshot.revision
                tables = {name: archive.write_rows(name, _noting(snapshot, name, named)) for name in snapshot.tables}
            kept, missing = self._copy_objects(archive, named)
            contents = Contents(
                created_at_s=started_s,
                dfd_version=self._version,
                revision=revision,
                tables=tables,
                objects=archive.write_object_list(kept),
                object_bytes=sum(one.size_bytes for one in kept),
                missing=tuple(missing),
            )
            archive.write_contents(contents)
            part.rename(folder)
        except BaseException as error:
            shutil.rmtree(part, ignore_errors=True)
            if isinstance(error, OSError):
                raise ConfigurationError(f"{folder} cannot be written: {error.strerror}") from error
            raise
        return contents

    def restore(self, folder: Path, *, force: bool = False) -> Contents:
        """Make database and storage what they were. Nothing else may use them meanwhile.

        Every hash is compared before anything is written, and every object is read again from the storage. Rows come
        last, in one transaction: until then the service has what it had.

        Args:
            folder: the backup.
            force: replace what is there.

        Raises:
            UnreadableBackup: the backup is damaged; nothing was written.
            RestoreRefused: there are rows or objects, and `force` was not given.
            JobStoreUnavailable, StorageUnavailable: no row was written; objects may have been.
            ConfigurationError: the backup is of a newer version of DFD.
        """
        archive = Archive(folder)
        contents = archive.verified()
        there = {entry.key for prefix in PREFIXES for entry in self._storage.listed(prefix)}
        if not force and (there or not self._tables.is_empty()):
            raise RestoreRefused("the database or the storage is not empty; --force replaces what is there")
        written: set[str] = set()
        try:
            for kept in archive.objects():
                written.add(kept.key)
                self._put(archive, kept)
            self._tables.restore(contents.revision, {name: partial(archive.rows, name) for name in contents.tables})
        except BaseException:
            for key in written - there:
                self._storage.delete(key)
            raise
        for key in there - written:
            self._storage.delete(key)
        return contents

    def _copy_objects(self, archive: Archive, named: dict[str, str]) -> tuple[list[KeptObject], list[str]]:
        """Copy what rows name; also which of it is gone, as files of jobs that have ended meanwhile may be."""
        kept, missing = [], []
        for key, sha256 in named.items():
            try:
                copied = archive.write_object(key, self._storage.read(key))
            except StorageUnavailable:
                if self._has(key):
                    raise
                missing.append(key)
                continue
            if copied.sha256 != sha256:
                raise StorageUnavailable(f"{key} is not the file that was handed in")
            kept.append(copied)
        return kept, missing

    def _has(self, key: str) -> bool:
        prefix = next((prefix for prefix in PREFIXES if key.startswith(prefix)), "")
        return any(entry.key == key for entry in self._storage.listed(prefix))

    def _put(self, archive: Archive, kept: KeptObject) -> None:
        self._storage.put(kept.key, archive.object_path(kept.key))
        if sha256_of(self._storage.read(kept.key)) != kept.sha256:
            raise StorageUnavailable(f"{kept.key} came back from the storage as something else")


def _noting(snapshot: Snapshot, table: str, named: dict[str, str]) -> Iterator[Row]:
    """The rows of a table; the objects that they name are added to `named`, with their hashes."""
    columns = _NAMED_BY.get(table)
    for row in snapshot.rows(table):
        if columns is not None and (key := row[columns[0]]) is not None:
            named[str(key)] = str(row[columns[1]])
        yield row
