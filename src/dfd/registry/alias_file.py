"""Aliases of one model in a file: ``aliases.json`` beside its versions, and ``audit.jsonl`` with every change.

A change takes a lock (``flock``, so that a killed process leaves none behind), looks whether the file still holds the
revision it was made from, and replaces the file by renaming another onto it. Readers need no lock. The audit file is
written after the aliases; a line that is missing there, because a process was killed in between, is written with the
next change, out of the history that the aliases carry.
"""

import fcntl
import json
import logging
import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from dfd.aliases import Aliases
from dfd.errors import ModelConflict, ModelCorrupt, RegistryUnavailable

ALIASES_NAME: Final = "aliases.json"
AUDIT_NAME: Final = "audit.jsonl"
LOCK_NAME: Final = ".aliases.lock"

_LOCK_LIMIT_S: Final = 10.0
"""Longest wait for the lock; who holds it longer than milliseconds hangs on a dead disk."""

_LOG = logging.getLogger(__name__)


class AliasFile:
    """The aliases of one model. Holds no state."""

    def __init__(self, folder: Path) -> None:
        """Keep them in `folder`, which holds the model's versions."""
        self._folder = folder
        self._path = folder / ALIASES_NAME

    def read(self) -> Aliases:
        """What is kept; nothing set where there is no file.

        Raises:
            ModelCorrupt: the file holds something else.
            RegistryUnavailable: it cannot be read.
        """
        try:
            data = json.loads(self._path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return Aliases()
        except OSError as error:
            raise RegistryUnavailable(f"{self._path} cannot be read: {error.strerror}") from error
        except ValueError as error:
            raise ModelCorrupt(f"{self._path} is damaged: {error}") from error
        if not isinstance(data, dict):
            raise ModelCorrupt(f"{self._path} is damaged: it is not a JSON object")
        try:
            return Aliases.from_dict(data)
        except ModelCorrupt as error:
            raise ModelCorrupt(f"{self._path}: {error}") from error

    def store(self, changed: Aliases) -> None:
        """Replace what is kept, if it is what `changed` was made from.

        Raises:
            ModelConflict: somebody else has changed it meanwhile.
            ModelCorrupt: see `read`.
            RegistryUnavailable: it cannot be written, or somebody keeps the lock.
        """
        try:
            with _locked(self._folder / LOCK_NAME):
                kept = self.read()
                if kept.revision != changed.revision - 1:
                    raise ModelConflict(
                        f"the aliases in {self._folder} were changed meanwhile (revision {kept.revision}, not "
                        f"{changed.revision - 1}): look at them again with `dfd models show`"
                    )
                _replace(self._path, json.dumps(changed.to_dict(), indent=2) + "\n")
                self._write_audit(changed)
        except OSError as error:
            raise RegistryUnavailable(
                f"aliases in {self._folder} cannot be written: {error.strerror}; promoting needs a MODELS_DIR that "
                "this user may write to"
            ) from error

    def _write_audit(self, changed: Aliases) -> None:
        """Append the changes that the audit file lacks, this one among them. The aliases have been moved by now."""
        path = self._folder / AUDIT_NAME
        try:
            whole, last = _last_audited(path)
            missing = [change for change in changed.history if change.revision > last]
            lines = "".join(json.dumps(change.to_dict(), sort_keys=True) + "\n" for change in missing)
            with path.open("a", encoding="utf-8") as file:
                file.write(lines if whole else "\n" + lines)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            _LOG.warning("a line of %s is left for the next change: %s", path, error.strerror)


def _last_audited(path: Path) -> tuple[bool, int]:
    """Whether the audit file ends with a whole line, and the last revision that it holds; 0 for none."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return True, 0
    last = 0
    for line in text.splitlines():
        try:
            last = max(last, int(json.loads(line)["revision"]))
        except (KeyError, TypeError, ValueError):  # a line that was broken off; its change is in the history
            continue
    return not text or text.endswith("\n"), last


@contextmanager
def _locked(path: Path, clock: Callable[[], float] = time.monotonic) -> Iterator[None]:
    """Hold the lock.

    Raises:
        RegistryUnavailable: somebody else holds it for too long.
        OSError: its file cannot be opened.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        last_s = clock() + _LOCK_LIMIT_S
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if clock() >= last_s:
                    raise RegistryUnavailable(f"another process holds {path}") from None
                time.sleep(0.01)
        yield
    finally:
        os.close(handle)  # which gives the lock back


def _replace(path: Path, text: str) -> None:
    """Write a file as a whole: after a power cut it is the old one or the new one.

    Raises:
        OSError: it cannot be written.
    """
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with beside.open("x", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Have names in a folder reach the disk.

    Raises:
        OSError: it cannot be opened.
    """
    handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
