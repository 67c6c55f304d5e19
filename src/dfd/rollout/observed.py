"""Telling of every analysis, whoever asked for it."""

from collections.abc import Callable
from pathlib import Path

from dfd.errors import DfdError, InputError, RequestError
from dfd.pipeline import AnalysisOptions, Progress
from dfd.ports.observing import Observer
from dfd.report import Report
from dfd.rollout.live import VideoAnalyzer


class ObservedAnalyzer(VideoAnalyzer):
    """Analyses with another analyzer, and tells an observer what comes of it."""

    def __init__(self, analyzer: VideoAnalyzer, observer: Observer) -> None:
        """Let `analyzer` work and tell `observer`."""
        self._analyzer = analyzer
        self._observer = observer

    def analyze(
        self, path: Path, options: AnalysisOptions, progress: Callable[[Progress], None] | None = None
    ) -> Report:
        """Analyse one file; see `VideoAnalyzer.analyze`."""
        stopped = False

        def noted(done: Progress) -> None:
            nonlocal stopped
            if progress is not None:
                stopped = True
                progress(done)
                stopped = False

        self._observer.analysis_began()
        try:
            report = self._analyzer.analyze(path, options, noted)
        except BaseException as error:
            self._observer.analysis_failed(*(("stopped", "stopped") if stopped else _named(error)))
            raise
        self._observer.analysis_ended(report)
        return report


def _named(error: BaseException) -> tuple[str, str]:
    code = error.code if isinstance(error, DfdError) else DfdError.code
    if isinstance(error, InputError):
        return "media", code
    return ("request" if isinstance(error, RequestError) else "service"), code
