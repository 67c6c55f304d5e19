"""Who answers a file while a rollout runs, and what is noted of it.

The caller never pays for the challenger: what it raises is answered by the champion, and what is scored aside comes
after the answer, in a thread of its own.
"""

import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from dfd.challenge.observation import Arm, Observation
from dfd.challenge.rollout import Mode, Rollout
from dfd.errors import DfdError, InputError
from dfd.pipeline import AnalysisOptions, Progress
from dfd.report import Report
from dfd.rollout.live import LoadedModel

_LOG = logging.getLogger(__name__)

_FACE_STAGES: Final = ("crop", "score")
"""What an analysis spends on each face; the rest is the same for every model."""

Listener = Callable[[Progress], None]


class Observed(Protocol):
    """Takes what was noted. Must not block, nor raise."""

    def __call__(self, observation: Observation, /) -> None:
        """Take one."""


class Aside(Protocol):
    """Scores a file once more, later. Must not block, nor raise."""

    def offer(self, path: Path, options: AnalysisOptions, task: "SideTask") -> None:
        """Take a file, which may be gone as soon as this returns."""


@dataclass(frozen=True, slots=True)
class SideTask:
    """One file that is to be scored aside, for one arm."""

    rollout: Rollout
    arm: Arm
    model: LoadedModel
    input_sha256: str


@dataclass(frozen=True, slots=True)
class Trial:
    """A rollout in this process. Safe to use from several threads.

    Attributes:
        rollout: what is tried.
        challenger: its model, ready.
        observed: takes what is noted.
        aside: scores files for the other arm.
        clock: seconds since the epoch.
    """

    rollout: Rollout
    challenger: LoadedModel
    observed: Observed
    aside: Aside
    clock: Callable[[], float]

    def concerns(self, champion: LoadedModel) -> bool:
        """Whether the model that answers is the champion that this is about."""
        return champion.manifest.version == self.rollout.champion

    def answering(self, champion: LoadedModel, input_sha256: str) -> LoadedModel:
        """The model that answers for a file."""
        challenges = self.concerns(champion) and self.rollout.answers(input_sha256) is Arm.CHALLENGER
        return self.challenger if challenges else champion

    def analyze(
        self, champion: LoadedModel, path: Path, options: AnalysisOptions, progress: Listener | None = None
    ) -> Report:
        """Analyse one file; raises as `dfd.rollout.live.VideoAnalyzer.analyze` does."""
        sha256 = _sha256(path) if self.concerns(champion) else None
        if sha256 is None:
            return champion.analyzer.analyze(path, options, progress)
        if self.rollout.answers(sha256) is Arm.CHALLENGER:
            return self._canary(champion, path, options, progress, sha256)
        report = self._judged(Arm.CHAMPION, champion, path, options, progress, sha256)
        if self.rollout.mode is Mode.SHADOW and self.rollout.takes(sha256):
            self.aside.offer(path, options, SideTask(self.rollout, Arm.CHALLENGER, self.challenger, sha256))
        return report

    def _canary(
        self, champion: LoadedModel, path: Path, options: AnalysisOptions, progress: Listener | None, sha256: str
    ) -> Report:
        listener = _Listening(progress)
        try:
            report = self._judged(Arm.CHALLENGER, self.challenger, path, options, listener, sha256)
        except Exception as error:
            if isinstance(error, InputError) or error is listener.raised:
                raise  # of the file, or of the caller: the champion could not do better
            trace = None if isinstance(error, DfdError) else error
            _LOG.warning(
                "%s/%s failed, version %s answers: %s",
                self.rollout.name, self.rollout.challenger, self.rollout.champion, error, exc_info=trace,
            )  # fmt: skip
            return champion.analyzer.analyze(path, options, progress)
        if self.rollout.policy.pairs:
            self.aside.offer(path, options, SideTask(self.rollout, Arm.CHAMPION, champion, sha256))
        return report

    def _judged(
        self,
        arm: Arm,
        model: LoadedModel,
        path: Path,
        options: AnalysisOptions,
        progress: Listener | None,
        sha256: str,
    ) -> Report:
        listener = progress if isinstance(progress, _Listening) else _Listening(progress)
        task = SideTask(self.rollout, arm, model, sha256)
        try:
            report = model.analyzer.analyze(path, options, listener)
        except Exception as error:
            if not isinstance(error, InputError) and error is not listener.raised:
                self.observed(failure(task, error, answered=True, at_s=self.clock()))
            raise
        self.observed(success(task, report, answered=True, at_s=self.clock()))
        return report


def success(task: SideTask, report: Report, *, answered: bool, at_s: float) -> Observation:
    """What is noted of a report."""
    faces = report.coverage.scored_faces
    spent_ms = sum(report.timings_ms.get(stage, 0.0) for stage in _FACE_STAGES)
    return Observation(
        task.rollout.rollout_id,
        task.input_sha256,
        task.arm,
        answered,
        at_s,
        verdict=report.verdict,
        score=report.fake_probability,
        latency_ms=spent_ms / faces if faces else None,
    )


def failure(task: SideTask, error: Exception, *, answered: bool, at_s: float) -> Observation:
    """What is noted of an analysis that failed."""
    code = error.code if isinstance(error, DfdError) else DfdError.code
    return Observation(task.rollout.rollout_id, task.input_sha256, task.arm, answered, at_s, error=code)


@dataclass(slots=True)
class _Listening:
    """A listener that remembers what it raised, to tell it from what the model raises."""

    progress: Listener | None
    raised: Exception | None = field(default=None)

    def __call__(self, progress: Progress) -> None:
        if self.progress is None:
            return
        try:
            self.progress(progress)
        except Exception as error:
            self.raised = error
            raise


def _sha256(path: Path) -> str | None:
    """Hash of a file; None where it cannot be read, which the analysis will complain of."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None
