"""What a batch has done so far: a file beside its table, to which lines are only ever added.

The first line says with what the batch was begun, every other one holds the outcome of one file. A line that was cut
short is dropped, so that a batch goes on after a power cut, and no file is counted twice.
"""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Final, Self

from dfd.errors import ConfigurationError

_FORMAT: Final = 1

Outcome = dict[str, Any]
"""The JSON form of an outcome (`dfd.cli.output.outcome_to_dict`)."""


class Journal:
    """An open journal. A context manager; leaving it keeps the file."""

    def __init__(self, path: Path, setting: Mapping[str, Any]) -> None:
        """Go on with what there is, or begin.

        Args:
            path: of the file.
            setting: what the outcomes depend on, JSON-ready.

        Raises:
            ConfigurationError: the file was begun with something else, or cannot be written.
        """
        self._path = path
        self._current: dict[str, tuple[str, int]] = {}  # stamp, and where the line begins, by the file's path
        head = {"format": _FORMAT, **setting}
        try:
            self._file: BinaryIO = path.open("a+b")
        except OSError as error:
            raise ConfigurationError(f"{path} cannot be written: {error.strerror}") from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._resume(head)
        except BlockingIOError as error:
            self._file.close()
            raise ConfigurationError(f"another batch is writing {path}") from error
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __len__(self) -> int:
        return len(self._current)

    def knows(self, path: str, stamp: str) -> bool:
        """Whether a file is done, and has not changed since."""
        return path in self._current and self._current[path][0] == stamp

    def add(self, path: str, stamp: str, outcome: Outcome) -> None:
        """Write one outcome; it is on the disk when this returns."""
        self._current[path] = (stamp, self._write({"path": path, "stamp": stamp, "outcome": outcome}))

    def outcomes(self, wanted: list[str]) -> Iterator[Outcome]:
        """The outcomes of files that are done, in the order asked for."""
        for path in wanted:
            if path in self._current:
                self._file.seek(self._current[path][1])
                outcome: Outcome = json.loads(self._file.readline())["outcome"]
                yield outcome

    def delete(self) -> None:
        """Remove the file: the table has it all."""
        self._path.unlink(missing_ok=True)

    def _resume(self, head: Mapping[str, Any]) -> None:
        self._file.seek(0)
        end, begun = 0, False
        for line in self._file:
            entry = _entry(line)
            if entry is None:
                break
            if begun:
                self._current[entry["path"]] = (entry["stamp"], end)
            elif entry != json.loads(json.dumps(head)):
                raise ConfigurationError(
                    f"{self._path} was begun with another model, other options or another version of DFD; "
                    "delete it to begin anew"
                )
            begun = True
            end += len(line)
        self._file.truncate(end)
        if not begun:
            self._write(head)

    def _write(self, entry: Mapping[str, Any]) -> int:
        begin = self._file.seek(0, os.SEEK_END)
        self._file.write(json.dumps(entry, ensure_ascii=True, allow_nan=False).encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        return begin


def _entry(line: bytes) -> dict[str, Any] | None:
    """What a line says; None for one that was cut short."""
    if not line.endswith(b"\n"):
        return None
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) else None
