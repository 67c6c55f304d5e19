"""Tables for people."""

import sys
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from dfd.cli.exits import printable
from dfd.report import Report
from dfd.types import Verdict

VERDICT_STYLE = {Verdict.FAKE: "bold red", Verdict.REAL: "green", Verdict.INCONCLUSIVE: "yellow"}

PIPED_WIDTH = 160
"""Columns of a table that goes to no terminal, where there is no width to keep to."""


def table_of(reports: Sequence[tuple[str, Report]]) -> str:
    """The table of analysed files as text, in colour only for a terminal."""
    first = reports[0][1]
    model, point = first.model, f" ({first.operating_point})" if first.operating_point else ""
    caption = f"model {model.name}/{model.version} ({model.weights_sha256[:8]}), threshold {first.threshold:.2f}{point}"
    table = Table(caption=caption, caption_justify="left")
    table.add_column("file", overflow="fold")
    table.add_column("verdict")
    for heading in ("fake", "faces", "tracks"):
        table.add_column(heading, justify="right")
    table.add_column("reasons", overflow="fold")
    table.add_column("seconds", justify="right")
    for path, report in reports:
        table.add_row(Text(printable(path)), Text(report.verdict, VERDICT_STYLE[report.verdict]), *_cells(report))
    return rendered(table)


def rendered(table: Table) -> str:
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
