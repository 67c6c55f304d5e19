"""The model that answers now, which may be another one in a moment."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from dfd.explanation.videos import ExplainedVideos
from dfd.manifest import ModelManifest
from dfd.pipeline import AnalysisOptions, Progress
from dfd.ports import ModelBackend
from dfd.report import ModelIdentity, Report


class VideoAnalyzer(Protocol):
    """The part of `dfd.pipeline.Analyzer` that services need. Safe to call from several threads."""

    def analyze(
        self, path: Path, options: AnalysisOptions, progress: Callable[[Progress], None] | None = None
    ) -> Report:
        """Analyse one file; an exception raised by `progress` ends the analysis and is passed on.

        Raises:
            InputError: the file cannot be analysed.
            BackendUnavailable: the model does not answer.
        """
        ...


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model that is ready to answer.

    Attributes:
        analyzer: analyses files with it.
        backend: scores its crops.
        manifest: what it says of itself.
        videos: finds faces in videos again, and explains its answers for them; None where that cannot be asked for.
        aside: analyses files that nobody waits for, so that they do not count as analyses that somebody asked for;
            None: `analyzer` does.
    """

    analyzer: VideoAnalyzer
    backend: ModelBackend
    manifest: ModelManifest
    videos: ExplainedVideos | None = None
    aside: VideoAnalyzer | None = None

    @property
    def identity(self) -> ModelIdentity:
        """What reports call it."""
        return self.manifest.identity()

    def score_blank(self) -> None:
        """Score one black crop, so that no caller pays for the model's first run.

        Raises:
            BackendUnavailable: the model does not answer.
        """
        contract = self.manifest.input
        self.backend.predict(np.full((1, *contract.tensor_shape), contract.value_min, np.float32))


class Routing(Protocol):
    """Another model beside the one in force, and which of them answers; see `dfd.rollout.trial.Trial`."""

    @property
    def challenger(self) -> LoadedModel:
        """The other model."""
        ...

    def answering(self, champion: LoadedModel, input_sha256: str) -> LoadedModel:
        """The model that answers for a file."""
        ...

    def analyze(
        self,
        champion: LoadedModel,
        path: Path,
        options: AnalysisOptions,
        progress: Callable[[Progress], None] | None = None,
    ) -> Report:
        """Analyse one file with one of them; see `VideoAnalyzer.analyze`."""
        ...


class LiveModel:
    """Analyses with the model that is in force when an analysis begins, and ends it with the same.

    Safe to use from several threads. A model that was replaced is freed when its last analysis has ended.
    """

    def __init__(self, model: LoadedModel) -> None:
        """Begin with `model`."""
        self._current = model
        self._routing: Routing | None = None

    @property
    def current(self) -> LoadedModel:
        """The model that the next analysis begins with."""
        return self._current

    @property
    def answering(self) -> tuple[LoadedModel, ...]:
        """All models that files may go to now: the one in force, and the one that is tried beside it."""
        current, routing = self._current, self._routing
        return (current,) if routing is None else (current, routing.challenger)

    def analyze(
        self, path: Path, options: AnalysisOptions, progress: Callable[[Progress], None] | None = None
    ) -> Report:
        """Analyse one file; see `VideoAnalyzer.analyze`."""
        current, routing = self._current, self._routing
        if routing is None:
            return current.analyzer.analyze(path, options, progress)
        return routing.analyze(current, path, options, progress)

    def identity_for(self, input_sha256: str) -> ModelIdentity:
        """What would answer for a file now."""
        current, routing = self._current, self._routing
        return (current if routing is None else routing.answering(current, input_sha256)).identity

    def route(self, routing: Routing | None) -> None:
        """Let something choose the model of each file from now on; None: the one in force answers all."""
        self._routing = routing

    def switch(self, model: LoadedModel) -> None:
        """Let `model` answer from now on."""
        self._current = model
