"""``dfd predict --report``: where reports of cases go, and writing them."""

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from dfd.bootstrap import Parts
from dfd.casefile.content import KeyFrames
from dfd.casefile.forms import CaseForm, Paper, case_file
from dfd.casefile.moments import NO_FACES, key_frames_of
from dfd.errors import ConfigurationError, InvalidParameter
from dfd.report import Report

_NAMES: Final = ("{name}", "{number}", "{sha256}")
_LONGEST_NAME_BYTES: Final = 200  # leaves room for an ending and a number in the 255 that file systems take
_ENDINGS: Final = {".html": CaseForm.HTML, ".htm": CaseForm.HTML, ".pdf": CaseForm.PDF, ".json": CaseForm.JSON}


@dataclass(frozen=True, slots=True)
class Target:
    """Where reports of one form go; `pattern` may hold names between braces."""

    pattern: str
    form: CaseForm

    @property
    def is_of_many(self) -> bool:
        """Whether every file has a report of its own name."""
        return any(name in self.pattern for name in _NAMES)


def targets_of(values: Sequence[str]) -> list[Target]:
    """What the user's words mean: a file by its ending, or a folder, which gets every form.

    Raises:
        InvalidParameter: the ending names no form.
    """
    found: list[Target] = []
    for value in values:
        if value.endswith(os.sep) or os.path.isdir(value):  # noqa: PTH112 - Path's own test raises at a name too long
            found += [Target(str(Path(value, f"{{name}}.{form.value}")), form) for form in CaseForm]
            continue
        form = _ENDINGS.get(Path(value).suffix.lower())
        if form is None:
            raise InvalidParameter(
                f"--report {value}: the ending must be .html, .pdf or .json; a folder, with {os.sep} at its end where "
                "it is not there yet, gets all three"
            )
        found.append(Target(value, form))
    return found


def check_targets(targets: Sequence[Target], files: int) -> None:
    """Refuse before the work.

    Raises:
        InvalidParameter: reports of several files would go into one.
    """
    for target in targets:
        if files > 1 and not target.is_of_many:
            raise InvalidParameter(
                f"--report {target.pattern}: there are {files} files; name a folder, or put {{name}}, {{number}} or "
                "{sha256} into the name"
            )


class CaseFiles:
    """Writes the reports of a run. No two go into one file."""

    def __init__(
        self, targets: Sequence[Target], parts: Parts, write: Callable[[Report], dict[str, Any]], paper: Paper
    ) -> None:
        """Write to `targets` what `parts` has analysed.

        Args:
            targets: where to, and in which form.
            parts: of the analyzer.
            write: makes the JSON-ready form of a report, signed or not.
            paper: of PDF files.
        """
        self._targets = targets
        self._parts = parts
        self._write = write
        self._paper = paper
        self._number = 0
        self._used: set[Path] = set()

    def add(self, path: Path, report: Report, tick: Callable[[], None]) -> None:
        """Write the reports of one file.

        Args:
            path: the file.
            report: of it.
            tick: called now and then; what it raises ends the work.

        Raises:
            ConfigurationError: a report cannot be written.
            BackendUnavailable: the model does not answer any more.
            InputError: the file can no longer be read.
        """
        self._number += 1
        if not self._targets:
            return
        document = self._write(report)
        key_frames = NO_FACES
        if any(target.form.has_pictures for target in self._targets):
            key_frames = self._key_frames(path, document, tick)
        for target in self._targets:
            content = case_file(target.form, document, [("file", path.name)], key_frames, self._paper)
            _put(self._place(target, path, report), content)

    def _key_frames(self, path: Path, document: dict[str, Any], tick: Callable[[], None]) -> KeyFrames:
        return key_frames_of(self._parts.explained_videos().moments(path, document, tick), document)

    def _place(self, target: Target, path: Path, report: Report) -> Path:
        """Where a report goes; another name where this run has used it already."""
        stem = os.fsencode(path.stem)[:_LONGEST_NAME_BYTES].decode("utf-8", errors="ignore") or "report"
        named = target.pattern
        for name, value in zip(_NAMES, (stem, str(self._number), report.input_sha256), strict=True):
            named = named.replace(name, value)
        place, again = Path(named), 1
        while place in self._used:
            again += 1
            place = Path(named).with_stem(f"{Path(named).stem}-{again}")
        self._used.add(place)
        return place


def _put(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    part = path.with_name(f".{path.name[:200]}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(content)
        part.replace(path)
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        raise ConfigurationError(f"cannot write the report {path}: {error.strerror}") from error
