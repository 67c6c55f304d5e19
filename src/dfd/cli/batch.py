"""``dfd batch``: many files into one table, one after the other, going on where it was interrupted."""

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from dfd import __version__
from dfd.bootstrap import analysis_options, build_parts
from dfd.cli.batch_journal import Journal
from dfd.cli.batch_sources import BatchItem, items_of
from dfd.cli.batch_tables import table_writer
from dfd.cli.exits import ExitCode, complain, exit_code_of, sentence_of, show_trace
from dfd.cli.interrupts import remembered_interrupt
from dfd.cli.output import Outcome, outcome_to_dict
from dfd.cli.predict import SEVERITY
from dfd.cli.progress import progress_bar
from dfd.errors import DfdError, InputError
from dfd.manifest import ModelManifest
from dfd.report import Report
from dfd.settings import Settings
from dfd.types import Verdict

_ONCE_MORE: Final = "once more"
"""Stamp of an outcome that another try may change: no file has it, so a batch that goes on tries again."""


@dataclass(frozen=True, slots=True)
class Request:
    """What the user asked for.

    Attributes:
        sources: files, folders, patterns and buckets.
        out: the table.
        settings: with the user's choices over them; may raise `DfdError`.
        fail_on: verdicts that make the exit code `ExitCode.MATCHED`.
        debug: whether to show the stack trace of a bug.
    """

    sources: Sequence[str]
    out: Path
    settings: Callable[[], Settings]
    fail_on: frozenset[str]
    debug: Callable[[], bool]


def batch(request: Request) -> ExitCode:
    """Analyse what is not done yet, write the table, and tell the summary.

    Raises:
        InvalidParameter: the table has an unknown suffix.
        ConfigurationError: the settings do not hold, a batch of other settings stands there, or the table cannot be
            written.
        ModelNotFound, ModelCorrupt: the model is at fault.
        StorageUnavailable: a bucket cannot be listed.
    """
    write = table_writer(request.out)
    settings = request.settings()
    items = items_of(request.sources, settings)
    parts = build_parts(settings)
    analyzer, options = parts.analyzer(), analysis_options(settings)
    with Journal(_beside(request.out), _setting(settings, parts.manifest)) as journal:
        waiting = [item for item in items if not journal.knows(item.path, item.stamp)]
        if len(waiting) < len(items):
            complain(f"{len(items) - len(waiting)} of {len(items)} files were done before")
        try:
            codes = _worked_through(waiting, journal, partial(analyzer.analyze, options=options), request)
        except KeyboardInterrupt:
            complain(f"{len(journal)} of {len(items)} files are done; the same command goes on from here")
            raise
        wanted = [item.path for item in items]
        write(request.out, journal.outcomes(wanted))
        codes |= _told(journal.outcomes(wanted), request)
        journal.delete()
    return next((code for code in SEVERITY if code in codes), ExitCode.DONE)


def _worked_through(
    waiting: Sequence[BatchItem], journal: Journal, analyze: Callable[..., Report], request: Request
) -> set[ExitCode]:
    """Analyse and note down; the exit codes that errors ask for."""
    codes = set()
    with progress_bar(len(waiting), sys.stderr.isatty()) as bar, remembered_interrupt() as check:
        for item in waiting:
            bar.start(item.path)
            found = _analysed(item, partial(analyze, progress=bar.frames), request.debug)
            check()
            lasting = isinstance(found.result, Report | InputError)
            journal.add(item.path, item.stamp if lasting else _ONCE_MORE, outcome_to_dict(found))
            bar.finish()
            if isinstance(found.result, Exception):
                bar.say(f"{item.path}: {sentence_of(found.result)}")
                codes.add(exit_code_of(found.result))
    return codes


def _beside(out: Path) -> Path:
    return out.with_name(out.name + ".part")


def _setting(settings: Settings, manifest: ModelManifest) -> dict[str, Any]:
    """All that the outcome for a file depends on, beside the file."""
    return {
        "dfd": __version__,
        "model": [manifest.name, manifest.version, manifest.weights_sha256],
        "options": asdict(analysis_options(settings)),
        "detector": settings.face_detector,
        "working_side_px": settings.working_side_px,
        "max_pixels": settings.max_pixels,
        "max_duration_s": settings.max_duration_s,
    }


def _analysed(item: BatchItem, analyse: Callable[[Path], Report], debug: Callable[[], bool]) -> Outcome:
    if item.error is not None:
        return Outcome(item.path, item.error)
    try:
        with item.opened() as path:
            try:
                return Outcome(item.path, analyse(path))
            except InputError as error:  # what is said of a copy is said of its original
                raise type(error)(str(error).replace(str(path), item.path)) from error
    except Exception as error:  # noqa: BLE001 - a bug that one file wakes must not keep the others from their verdict
        if not isinstance(error, DfdError) and debug():
            show_trace(error)
        return Outcome(item.path, error)


def _told(outcomes: Iterable[Mapping[str, Any]], request: Request) -> set[ExitCode]:
    """Write the summary to stdout; the exit codes that the rows ask for."""
    counts: Counter[str] = Counter()
    codes = set()
    for outcome in outcomes:
        counts["files"] += 1
        counts[_kind(outcome)] += 1
        if outcome.get("verdict") in request.fail_on:
            codes.add(ExitCode.MATCHED)
    lines = [f"{name:<13}{counts[name]}" for name in ("files", *Verdict, "errors")]
    sys.stdout.write("\n".join([*lines, f"{'table':<13}{request.out}"]) + "\n")
    if counts["errors"]:
        codes.add(ExitCode.UNREADABLE_MEDIA)
    return codes


def _kind(outcome: Mapping[str, Any]) -> str:
    return "errors" if "error" in outcome else str(outcome["verdict"])
