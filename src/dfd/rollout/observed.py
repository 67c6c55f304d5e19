"""Telling of every analysis, whoever asked for it."""

from collections.abc import Callable
from pathlib import Path

from dfd.errors import DfdError, InputError, RequestError
from dfd.pipeline import AnalysisOptions, Progress
from dfd.ports.observing import Observer
from dfd.report import Report
from dfd.rollout.live import VideoAnalyzer


class ObservedAnalyzer(VideoAnalyzer):
    """Analyses with another analyzer, and tells observers what comes of it."""

    def __init__(self, analyzer: VideoAnalyzer, *observers: Observer) -> None:
        """Let `analyzer` work and tell `observers`."""
        self._analyzer = analyzer
        self._observers = observers

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

        for observer in self._observers:
            observer.analysis_began()
        try:
            report = self._analyzer.analyze(path, options, noted)
        except BaseException as error:
            kind, code = ("stopped", "stopped") if stopped else _named(error)
            for observer in self._observers:
                observer.analysis_failed(kind, code)
            raise
        for observer in self._observers:
            observer.analysis_ended(report)
        return report


def _named(error: BaseException) -> tuple[str, str]:
    code = error.code if isinstance(error, DfdError) else DfdError.code
    if isinstance(error, InputError):
        return "media", code
    return ("request" if isinstance(error, RequestError) else "service"), code
