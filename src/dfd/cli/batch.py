"""``dfd batch``: many files into one table, going on where it was interrupted."""

import sys
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from dfd import __version__
from dfd.bootstrap import Parts, analysis_options, build_parts
from dfd.bootstrap.registry import build_registry
from dfd.cli.batch_journal import Journal
from dfd.cli.batch_sources import BatchItem, items_of
from dfd.cli.batch_tables import table_writer
from dfd.cli.batch_work import Finished, analysed_by_workers, analysed_here
from dfd.cli.exits import ExitCode, complain, exit_code_of, sentence_of
from dfd.cli.interrupts import remembered_interrupt
from dfd.cli.predict import SEVERITY
from dfd.cli.progress import ProgressBar, progress_bar
from dfd.errors import InvalidParameter
from dfd.manifest import ModelManifest
from dfd.settings import Settings, load_settings
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
        own_detector: whether the user chose the face detector.
        own_model: whether the user chose the model.
    """

    sources: Sequence[str]
    out: Path
    settings: Callable[[], Settings]
    fail_on: frozenset[str]
    debug: Callable[[], bool]
    own_detector: bool = False
    own_model: bool = False


def batch(request: Request) -> ExitCode:
    """Analyse what is not done yet, write the table, and tell the summary.

    Raises:
        InvalidParameter: the table has an unknown suffix, or an option is not for workers that others share.
        ConfigurationError: the settings do not hold, a batch of other settings stands there, the table cannot be
            written, or a worker answers with another model.
        ModelNotFound, ModelCorrupt, RegistryUnavailable: the model is at fault.
        StorageUnavailable: a bucket cannot be listed.
        JobStoreUnavailable: there is a table of jobs to share, and it does not answer.
    """
    write = table_writer(request.out)
    settings = request.settings()
    if _is_shared(settings):
        _check_choices(request, settings)
    items = items_of(request.sources, settings)
    parts = build_parts(settings.shared_by(max(1, settings.job_workers)) if _is_shared(settings) else settings)
    with Journal(_beside(request.out), _setting(settings, parts.manifest)) as journal:
        waiting = [item for item in items if not journal.knows(item.path, item.stamp)]
        if len(waiting) < len(items):
            complain(f"{len(items) - len(waiting)} of {len(items)} files were done before")
        try:
            codes = _worked_through(waiting, journal, lambda bar: _work(waiting, parts, settings, bar, request))
        except KeyboardInterrupt:
            complain(f"{len(journal)} of {len(items)} files are done; the same command goes on from here")
            raise
        wanted = [item.path for item in items]
        write(request.out, journal.outcomes(wanted))
        codes |= _told(journal.outcomes(wanted), request)
        journal.delete()
    return next((code for code in SEVERITY if code in codes), ExitCode.DONE)


def _is_shared(settings: Settings) -> bool:
    """Whether the operator has named a table of jobs, which workers share."""
    return settings.database_url is not None


def _check_choices(request: Request, settings: Settings) -> None:
    """Refuse what workers would not hear of, or what those of this batch would do to the jobs of others.

    A worker takes whatever job comes next, so one with another model would answer callers of the service with it. A
    batch without workers of its own may name a model: it takes no answer of another one.

    Raises:
        InvalidParameter: there is such an option.
        ModelNotFound, ModelCorrupt, RegistryUnavailable: the alias that the settings name leads nowhere.
    """
    if request.own_detector:
        raise InvalidParameter("--detector: DATABASE_URL is set, so workers analyse; give it to them by FACE_DETECTOR")
    if not request.own_model or settings.job_workers == 0:
        return
    shared, registry = load_settings(), build_registry(settings)
    theirs, mine = ((one.model_name, registry.resolve(one.model_name, one.model_version)) for one in (shared, settings))
    if mine != theirs:
        raise InvalidParameter(
            f"--model: DATABASE_URL is set, so workers of this batch would answer jobs of others with "
            f"{'/'.join(mine)} in place of {'/'.join(theirs)}; set MODEL_NAME and MODEL_VERSION for every process, "
            "or run the batch without DATABASE_URL"
        )


def _work(
    waiting: Sequence[BatchItem], parts: Parts, settings: Settings, bar: ProgressBar, request: Request
) -> Generator[Finished, None, None]:
    if _is_shared(settings):
        return analysed_by_workers(waiting, parts, settings, bar)
    return analysed_here(waiting, parts, settings, bar, request.debug)


def _worked_through(
    waiting: Sequence[BatchItem], journal: Journal, work: Callable[[ProgressBar], Generator[Finished, None, None]]
) -> set[ExitCode]:
    """Note down what is analysed; the exit codes that errors ask for."""
    codes = set()
    with (
        progress_bar(len(waiting), sys.stderr.isatty()) as bar,
        remembered_interrupt() as check,
        closing(work(bar)) as finished,
    ):
        for one in finished:
            check()
            journal.add(one.item.path, one.item.stamp if one.lasting else _ONCE_MORE, one.outcome)
            bar.finish()
            if one.error is not None:
                bar.say(f"{one.item.path}: {sentence_of(one.error)}")
                codes.add(exit_code_of(one.error))
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
