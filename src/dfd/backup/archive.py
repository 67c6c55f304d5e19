"""A backup as a folder: what lies where, and whether it is what was written.

::

    backup.json          format, revision of the tables, rows and SHA-256 of each, number and size of the objects
    tables/NAME.jsonl    one row a line
    objects.jsonl        key, size and SHA-256 of each object
    objects/KEY          its bytes

Everything in it is named by ``backup.json`` with its hash, or by ``objects.jsonl``, which ``backup.json`` names. So a
damaged file is noticed, and one that is missing; who changes all of them is not.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from dfd.errors import UnreadableBackup
from dfd.ports.backup import Row

FORMAT: Final = 1

_MANIFEST: Final = "backup.json"
_OBJECT_LIST: Final = "objects.jsonl"
_KEY: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")
"""Keys of objects; none leads out of the folder."""

_TABLE: Final = re.compile(r"[a-z][a-z0-9_]*")
_PIECE_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Written:
    """A file of lines: how many, and the SHA-256 of all in lower-case hex."""

    lines: int
    sha256: str


@dataclass(frozen=True, slots=True)
class KeptObject:
    """An object of a backup: its key, its size and its SHA-256."""

    key: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Contents:
    """What ``backup.json`` says.

    Attributes:
        created_at_s: seconds since the epoch.
        dfd_version: that wrote it.
        revision: of the tables.
        tables: by name.
        objects: the list of them.
        object_bytes: of all together.
        missing: keys that rows name and the storage no longer had.
    """

    created_at_s: float
    dfd_version: str
    revision: str
    tables: dict[str, Written]
    objects: Written
    object_bytes: int
    missing: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {"format": FORMAT, **asdict(self)}


class Archive:
    """Reads and writes a folder."""

    def __init__(self, folder: Path) -> None:
        """Use `folder`, which need not be there."""
        self.folder = folder

    def write_contents(self, contents: Contents) -> None:
        """Write ``backup.json``: the last file of a backup."""
        (self.folder / _MANIFEST).write_text(json.dumps(contents.to_dict(), indent=1) + "\n", encoding="utf-8")

    def contents(self) -> Contents:
        """What ``backup.json`` says.

        Raises:
            UnreadableBackup: there is none, or it is not of this format.
        """
        try:
            told = json.loads((self.folder / _MANIFEST).read_bytes())
            if told.pop("format") != FORMAT:
                raise UnreadableBackup(f"{self.folder} is a backup of another format")
            tables = {name: Written(**one) for name, one in told.pop("tables").items()}
            missing = tuple(told.pop("missing"))
            contents = Contents(**told | {"objects": Written(**told["objects"])}, tables=tables, missing=missing)
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise UnreadableBackup(f"{self.folder} holds no backup, or a damaged one") from error
        if not all(map(_TABLE.fullmatch, tables)):
            raise UnreadableBackup(f"{self.folder} holds tables of impossible names")
        return contents

    def write_rows(self, table: str, rows: Iterable[Row]) -> Written:
        """Write the rows of a table."""
        return _write_lines(self._table(table), rows)

    def rows(self, table: str) -> Iterator[Row]:
        """The rows of a table.

        Raises:
            UnreadableBackup: the file cannot be read.
        """
        yield from _lines(self._table(table))

    def write_object(self, key: str, pieces: Iterable[bytes]) -> KeptObject:
        """Write one object; what `pieces` raises comes out unchanged, and no file is left."""
        path = self.object_path(key)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        digest, size = hashlib.sha256(), 0
        try:
            with path.open("xb") as file:
                for piece in pieces:
                    file.write(piece)
                    digest.update(piece)
                    size += len(piece)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return KeptObject(key, size, digest.hexdigest())

    def write_object_list(self, objects: Iterable[KeptObject]) -> Written:
        """Write the list of objects."""
        return _write_lines(self.folder / _OBJECT_LIST, map(asdict, objects))

    def objects(self) -> Iterator[KeptObject]:
        """The list of objects.

        Raises:
            UnreadableBackup: it cannot be read, or names what is no object.
        """
        for line in _lines(self.folder / _OBJECT_LIST):
            try:
                kept = KeptObject(**line)
                sound = isinstance(kept.key, str) and _KEY.fullmatch(kept.key) is not None
            except TypeError:
                sound = False
            if not sound:
                raise UnreadableBackup(f"{self.folder / _OBJECT_LIST} names what is no object")
            yield kept

    def object_path(self, key: str) -> Path:
        """Where an object lies.

        Raises:
            UnreadableBackup: no object has such a key.
        """
        if not _KEY.fullmatch(key):
            raise UnreadableBackup(f"no object has the key {key!r}")
        return self.folder / "objects" / key

    def verified(self) -> Contents:
        """What it holds, every file read and its hash compared.

        Raises:
            UnreadableBackup: a file is missing, or is not what was written.
        """
        contents = self.contents()
        files = {self._table(name): one for name, one in contents.tables.items()}
        for path, written in (files | {self.folder / _OBJECT_LIST: contents.objects}).items():
            if sha256_of(path) != written.sha256:
                raise UnreadableBackup(f"{path} is not what was written")
        for kept in self.objects():
            path = self.object_path(kept.key)
            if sha256_of(path) != kept.sha256:
                raise UnreadableBackup(f"{path} is not what was written")
        return contents

    def _table(self, name: str) -> Path:
        return self.folder / "tables" / f"{name}.jsonl"


def sha256_of(source: Path | Iterable[bytes]) -> str:
    """Of a file's bytes, or of some pieces, in lower-case hex.

    Raises:
        UnreadableBackup: the file cannot be read.
    """
    digest = hashlib.sha256()
    if not isinstance(source, Path):
        for piece in source:
            digest.update(piece)
        return digest.hexdigest()
    try:
        with source.open("rb") as file:
            while piece := file.read(_PIECE_BYTES):
                digest.update(piece)
    except OSError as error:
        raise UnreadableBackup(f"{source} cannot be read: {error.strerror}") from error
    return digest.hexdigest()


def _write_lines(path: Path, values: Iterable[Any]) -> Written:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    digest, count = hashlib.sha256(), 0
    with path.open("xb") as file:
        for value in values:
            line = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
            file.write(line)
            digest.update(line)
            count += 1
    return Written(count, digest.hexdigest())


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    try:
        with path.open("rb") as file:
            for line in file:
                found = json.loads(line)
                if not isinstance(found, dict):
                    raise UnreadableBackup(f"{path} holds a line that is no object")
                yield found
    except (OSError, ValueError) as error:
        raise UnreadableBackup(f"{path} cannot be read") from error
