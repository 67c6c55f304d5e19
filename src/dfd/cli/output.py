"""The two forms of ``dfd predict``'s results: JSON lines for programs, a table for people."""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from dfd.cli.exits import error_code_of, printable, sentence_of
from dfd.report import Report
from dfd.reporting import report_to_dict
from dfd.types import Verdict

VERDICT_STYLE = {Verdict.FAKE: "bold red", Verdict.REAL: "green", Verdict.INCONCLUSIVE: "yellow"}

PIPED_WIDTH = 160
"""Columns of a table that goes to no terminal, where there is no width to keep to."""


def clock_time(at_s: float | None) -> str:
    """A time in seconds since the epoch, for people: UTC, to the second."""
    return "-" if at_s is None else datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%d %H:%M:%S")


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
            sys.stdout.write(_render(self._reports))


def _render(reports: list[tuple[str, Report]]) -> str:
    """The table as text, in colour only for a terminal."""
    first = reports[0][1]
    model, point = first.model, f" ({first.operating_point})" if first.operating_point else ""
    caption = f"model {model.name}/{model.version} ({model.weights_sha256[:8]}), threshold {first.threshold:.2f}{point}"
    table = RichTable(caption=caption, caption_justify="left")
    table.add_column("file", overflow="fold")
    table.add_column("verdict")
    for heading in ("fake", "faces", "tracks"):
        table.add_column(heading, justify="right")
    table.add_column("reasons", overflow="fold")
    table.add_column("seconds", justify="right")
    for path, report in reports:
        table.add_row(Text(printable(path)), Text(report.verdict, VERDICT_STYLE[report.verdict]), *_cells(report))
    return rendered(table)


def rendered(table: RichTable) -> str:
    """A table as text for stdout, in colour only for a terminal."""
    console = Console() if sys.stdout.isatty() else Console(width=PIPED_WIDTH)
    with console.capture() as captured:
        console.print(table)
    encoding = sys.stdout.encoding
    return captured.get().encode(encoding, "replace").decode(encoding)  # a name may not exist in a small character set


def _cells(report: Report) -> tuple[str, str, str, str, str]:
    probability = "-" if report.fake_probability is None else f"{report.fake_probability:.3f}"
    return (
        probability,
        str(report.coverage.scored_faces),
        str(len(report.tracks)),
        ", ".join(reason.replace("_", " ") for reason in report.reasons),
        f"{report.timings_ms['total'] / 1000:.1f}",
    )
