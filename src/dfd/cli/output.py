"""The two forms of ``dfd predict``'s results: JSON lines for programs, a table for people."""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dfd.cli.exits import error_code_of, sentence_of
from dfd.report import Report
from dfd.reporting import report_to_dict


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one file: a report, or the error that stands in its place."""

    path: str
    result: Report | Exception


def outcome_to_dict(outcome: Outcome, write: Callable[[Report], dict[str, Any]] = report_to_dict) -> dict[str, Any]:
    """The JSON form: ``path`` and the report's fields as `write` makes them, or ``path`` and ``error``."""
    if isinstance(outcome.result, Report):
        return {"path": outcome.path, **write(outcome.result)}
    return {"path": outcome.path, "error": _error(outcome.result)}


def _error(error: Exception) -> dict[str, str]:
    return {"code": error_code_of(error), "message": sentence_of(error)}


class JsonLines:
    """One JSON object a line on stdout, as soon as it is known, and nothing else."""

    def __init__(self) -> None:
        """Write reports as they are, until `sign_with`."""
        self._form: Callable[[Report], dict[str, Any]] = report_to_dict

    def sign_with(self, form: Callable[[Report], dict[str, Any]]) -> None:
        """Write the JSON-ready form of reports that `form` makes."""
        self._form = form

    def add(self, outcome: Outcome) -> None:
        """Write one file's line."""
        self._write(outcome_to_dict(outcome, self._form))

    def fail(self, error: Exception) -> None:
        """Write the one line of a run that could not begin; it belongs to no path."""
        self._write({"path": None, "error": _error(error)})

    def close(self) -> None:
        """Nothing is held back."""

    @staticmethod
    def _write(line: dict[str, Any]) -> None:
        # ASCII only: a file name need not be valid in any encoding, and the reader's is not known.
        sys.stdout.write(json.dumps(line, ensure_ascii=True, allow_nan=False) + "\n")
        sys.stdout.flush()


class Table:
    """A table on stdout at the end, errors on stderr as they come."""

    def __init__(self, say: Callable[[str], None]) -> None:
        """Write errors with `say`."""
        self._say = say
        self._reports: list[tuple[str, Report]] = []

    def add(self, outcome: Outcome) -> None:
        """Keep a report for the table; tell an error now."""
        if isinstance(outcome.result, Report):
            self._reports.append((outcome.path, outcome.result))
        else:
            self._say(f"{outcome.path}: {sentence_of(outcome.result)}")

    def fail(self, error: Exception) -> None:
        """Tell why the run could not begin."""
        self._say(sentence_of(error))

    def close(self) -> None:
        """Print the table, unless it would be empty."""
        if self._reports:
            from dfd.cli.tables import table_of  # noqa: PLC0415 - see `dfd.cli.progress.progress_bar`

            sys.stdout.write(table_of(self._reports))
