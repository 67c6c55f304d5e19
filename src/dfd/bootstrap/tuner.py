"""Measuring on this machine which way of dividing the work is the fastest."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from dfd.bootstrap import analysis_options, build_model, build_parts
from dfd.bootstrap.tuning import with_tuning
from dfd.pipeline import Analyzer
from dfd.reporting import report_to_dict
from dfd.settings import Settings
from dfd.tuning import Tuning
from dfd.video.entry import decoding_launcher

TURNS: Final = 7

_NEVER_THE_SAME: Final = frozenset({"timings_ms", "created_at"})

Build = Callable[[Settings], Analyzer]


class Rig:
    """Analyses one file in many ways, which take turns so that whatever else the machine does meets all of them."""

    def __init__(
        self,
        settings: Settings,
        clip: Path,
        build: Build | None = None,
        clock: Callable[[], float] = time.perf_counter,
        turns: int = TURNS,
    ) -> None:
        """Measure on a clip.

        Args:
            settings: for all but what is measured.
            clip: the file.
            build: makes an analyzer; None as always.
            clock: seconds since some fixed moment.
            turns: analyses in each way, after one that is not counted.
        """
        self._settings = settings
        self._clip = clip
        self._build = build or _builder()
        self._clock = clock
        self._turns = turns
        # A clip without a face is to keep the model busy too.
        self._options = replace(analysis_options(settings), no_face_fallback=True)

    def measure(self, ways: Sequence[Tuning]) -> list[list[float] | None]:
        """Seconds of each turn's analysis in each way; None where its report is not that of the first way.

        Raises:
            InputError: the clip cannot be analysed.
            ModelError, ConfigurationError: as `dfd.bootstrap.build_parts`.
        """
        analyzers = [self._build(with_tuning(self._settings, way)) for way in ways]
        reports = [self._report(analyzer) for analyzer in analyzers]
        seconds: list[list[float]] = [[] for _ in ways]
        for _ in range(self._turns):
            for analyzer, found in zip(analyzers, seconds, strict=True):
                started = self._clock()
                analyzer.analyze(self._clip, self._options)
                found.append(self._clock() - started)
        return [found if report == reports[0] else None for report, found in zip(reports, seconds, strict=True)]

    def _report(self, analyzer: Analyzer) -> dict[str, Any]:
        report = report_to_dict(analyzer.analyze(self._clip, self._options))
        return {name: value for name, value in report.items() if name not in _NEVER_THE_SAME}


def _builder() -> Build:
    launcher = decoding_launcher()

    def build(settings: Settings) -> Analyzer:
        return build_parts(settings, model=build_model(settings), launcher=launcher).analyzer()

    return build
